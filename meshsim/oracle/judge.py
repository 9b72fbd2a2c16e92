"""From a trace to a verdict."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Literal, get_args

import msgspec
from msgspec import UNSET

from meshsim.faults.kinds import Fault, InitFails, targets_of
from meshsim.faults.matching import Matcher
from meshsim.model.attributes import Value
from meshsim.model.config import Config
from meshsim.model.messages import Envelope
from meshsim.model.notes import LocalDelivery
from meshsim.model.revision import R2026_03
from meshsim.model.tags import tag_of
from meshsim.oracle.bounds import FOREVER_NS
from meshsim.oracle.canaries import dead_canaries, sorted_by_canary
from meshsim.oracle.evidence import NOT_BEGUN, Evidence
from meshsim.oracle.expectations import Expectation, Known, OperationResult, RecordCount, applies
from meshsim.oracle.expecting import unmet
from meshsim.oracle.invariants import INVARIANTS, Invariant
from meshsim.oracle.unexpected import unexpected_errors
from meshsim.oracle.verdict import Margin, MarginKind, Verdict, Violation, closest
from meshsim.oracle.world import World
from meshsim.trace.directory import Directory
from meshsim.trace.records import FaultMissed, Record, RunEnded

__all__ = ["Brief", "Verdict", "Violation", "judge", "margins_of"]

_Handler = Callable[[Record], Iterable[Violation] | None]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One operation that the run was asked to carry out."""

    index: int
    #: Its kind as scenario files write it, e.g. `spawn_actors`.
    do: str
    #: What it is about; empty when there is nothing to name.
    name: str
    #: Part of bringing up the topology: without it the run is not the one that was asked for.
    bring_up: bool


class Brief(msgspec.Struct, frozen=True, kw_only=True):
    """What a judge has to know beside the trace: the parts of a plan that say what should be."""

    #: Configuration attributes by name, durations in nanoseconds.
    config: dict[str, Value]
    horizon_ns: int
    expect: tuple[Expectation, ...] = ()
    known: tuple[Known, ...] = ()
    #: Ids of invariants that are not judged.
    relax: tuple[str, ...] = ()
    #: What must find something: ids of invariants, `expect[i]`.
    caught_by: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    #: How many decisions the plan has.
    decisions: int = 0
    #: Quirks of the modelled system that are turned off: nothing is known of them, and nothing expected.
    quirks_off: tuple[str, ...] = ()
    #: Which revision of the modelled system ran.
    revision: str = R2026_03.name
    asked: tuple[Asked, ...] = ()


def judge(brief: Brief, records: Sequence[Record]) -> Verdict:
    """Judge a whole run from its trace alone.

    `violated` when an invariant that is not relaxed or an expectation does not hold, unless the scenario lists it as
    known or must be caught by, or when an operation ended with an error that no expectation has; a listed finding that
    does not occur is a violation as well. Otherwise `inconclusive` when the run has no end,
    when bring-up did not complete, when an operation did not begin or did not end, when a decision did not come up, or
    when a fault did not strike.
    Otherwise `passed`.

    Raises:
        KeyError, ConfigError: the brief's configuration is none.
    """
    directory = Directory.of(records)
    world = World(Config.of(brief.config, brief.quirks_off, brief.revision), directory, records, brief.faults)
    evidence = Evidence(world)
    found, margins = _watch(brief, records, world, evidence)
    end = records[-1] if records and isinstance(records[-1].what, RunEnded) else None
    for index, expectation in enumerate(brief.expect):
        if applies(expectation, brief.quirks_off):
            found += unmet(f"expect[{index}]", expectation, evidence, records)
    known = tuple(entry for entry in brief.known if entry.quirk not in brief.quirks_off)
    applying = [expectation for expectation in brief.expect if applies(expectation, brief.quirks_off)]
    found += unexpected_errors(evidence, applying, frozenset(asked.index for asked in brief.asked if asked.bring_up))
    listed, unlisted = _sorted_by_known(known, found)
    caught, unlisted = sorted_by_canary(brief.caught_by, unlisted)
    listed += caught
    unlisted += _unused(brief, found, records)
    unlisted += dead_canaries(brief.caught_by, caught, records[-1].at if records else 0)
    unlisted.sort(key=lambda violation: (violation.at, violation.invariant, violation.subject))
    if unlisted:
        return Verdict(
            outcome="violated",
            violations=tuple(unlisted),
            known=tuple(listed),
            margins=closest(margins),
            reason=_summary(unlisted),
        )
    reason = "the trace has no end: the run was cut off" if end is None else ""
    reason = reason or _not_done(brief, applying, world, evidence)
    reason = reason or _not_decided(brief, evidence)
    reason = reason or _not_struck(brief, evidence, _expected_to_miss(applying, directory, records))
    outcome: Literal["passed", "inconclusive"] = "inconclusive" if reason else "passed"
    return Verdict(outcome=outcome, known=tuple(listed), margins=closest(margins), reason=reason)


def margins_of(brief: Brief, records: Sequence[Record]) -> tuple[Margin, ...]:
    """Every margin of a run, not only the closest of each kind; in order of kind, then of the records.

    Raises:
        KeyError, ConfigError: as `judge`.
    """
    config = Config.of(brief.config, brief.quirks_off, brief.revision)
    world = World(config, Directory.of(records), records, brief.faults)
    _, margins = _watch(brief, records, world, Evidence(world))
    kinds = get_args(MarginKind)
    return tuple(sorted(margins, key=lambda margin: (kinds.index(margin.kind), margin.record, margin.subject)))


def _watch(
    brief: Brief, records: Sequence[Record], world: World, evidence: Evidence
) -> tuple[list[Violation], list[Margin]]:
    """Show every record to the world, then to the invariants that see its type; collect what they find, and how close
    everything came to its bound.
    """
    invariants = [kind(world) for name, kind in INVARIANTS.items() if name not in brief.relax]
    observers: dict[type, list[_Handler]] = {kind: [handler] for kind, handler in world.handlers.items()}
    for kind, handler in evidence.handlers.items():
        observers.setdefault(kind, []).append(handler)
    for invariant in invariants:
        for kind in invariant.sees:
            observers.setdefault(kind, []).append(invariant.observe)
    deliver = _deliverer(invariants)
    for carrier in (Envelope, LocalDelivery):
        observers.setdefault(carrier, []).append(deliver)
    found: list[Violation] = []
    for record in records:
        for observe in observers.get(type(record.what), ()):
            violations = observe(record)
            if violations:
                found += violations
    ended_ns = _ended_ns(records)
    for invariant in invariants:
        found += invariant.finish(ended_ns)
    return found, [margin for invariant in invariants for margin in invariant.margins]


def _deliverer(invariants: Sequence[Invariant]) -> _Handler:
    """Shows a delivery to the invariants that take messages of its type."""
    takers: dict[type, list[Callable[[Record, Envelope], Iterable[Violation]]]] = {}
    for invariant in invariants:
        for kind in invariant.takes:
            takers.setdefault(kind, []).append(invariant.deliver)

    def deliver(record: Record) -> Iterable[Violation]:
        what = record.what
        envelope = what.envelope if isinstance(what, LocalDelivery) else what
        assert isinstance(envelope, Envelope)
        found: list[Violation] = []
        for take in takers.get(type(envelope.message), ()):
            violations = take(record, envelope)
            if violations:
                found += violations
        return found

    return deliver


def _ended_ns(records: Sequence[Record]) -> int:
    """How long the run lasted: for ever when it ended because nothing could happen any more."""
    if not records:
        return 0
    end = records[-1]
    return FOREVER_NS - 1 if isinstance(end.what, RunEnded) and end.what.why == "quiet" else end.at


def _fits(known: Known, violation: Violation) -> bool:
    return violation.invariant == known.invariant and (
        known.subject is None or _has_name(violation.subject, known.subject)
    )


def _has_name(subject: str, name: str) -> bool:
    """Whether the name is there as a whole: `trainer` is in `trainer[1]`, and not in `trainers`."""
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", subject) is not None


def _sorted_by_known(known: tuple[Known, ...], found: list[Violation]) -> tuple[list[Violation], list[Violation]]:
    """Violations that the scenario lists, and those that it does not."""
    listed: list[Violation] = []
    unlisted: list[Violation] = []
    for violation in found:
        fits = any(_fits(entry, violation) for entry in known)
        (listed if fits else unlisted).append(violation)
    return listed, unlisted


def _unused(brief: Brief, found: list[Violation], records: Sequence[Record]) -> Iterable[Violation]:
    at = records[-1].at if records else 0
    for index, known in enumerate(brief.known):
        if known.quirk not in brief.quirks_off and not any(_fits(known, violation) for violation in found):
            about = "" if known.subject is None else f" about {known.subject}"
            why = f"{known.quirk}: {known.reason}"
            message = f"expected a violation of {known.invariant}{about} ({why}), none occurred"
            yield Violation(invariant=f"known[{index}]", subject=known.quirk, message=message, at=at)


def _wants_none(expectation: Expectation) -> bool:
    """Whether an expectation is met when nothing happens at all: it cannot stand for what did not happen."""
    assert isinstance(expectation, OperationResult | RecordCount)
    return expectation.not_ is True or 0 in (expectation.times, expectation.at_most)


def _not_done(brief: Brief, applying: Sequence[Expectation], world: World, evidence: Evidence) -> str:
    """Which operation was not what the scenario asks for, if any. One that an expectation is about is judged there,
    except that it began where the expectation would be met without it.

    One that still waits when the run ends is not, unless who waits has ended: it may hang for a reason that nobody
    thought of.
    """
    results = [e for e in applying if isinstance(e, OperationResult)]
    expected = {(e.do, e.name) for e in results}
    expected_to_begin = {(e.do, e.name) for e in results if not _wants_none(e)}
    begun = {started.index: started.by for _, started in evidence.operations}
    ends = {ended.index: ended for _, ended in evidence.ends.values()}
    for asked in brief.asked:
        keys = {(asked.do, asked.name), (asked.do, None)}
        if keys & expected_to_begin:
            continue
        what = f"{asked.do} {asked.name}".rstrip()
        ended = ends.get(asked.index)
        if keys & expected:
            if ended is None and asked.index not in begun:
                return f"{what} never began"
            if ended is not None and (ended.error or "").startswith(NOT_BEGUN):
                return f"{what}: {ended.error}"
            continue
        if ended is None and asked.bring_up:
            return f"bring-up did not complete: {what} never ended"
        if ended is not None and ended.error is not None and (asked.bring_up or ended.error.startswith(NOT_BEGUN)):
            return f"{'bring-up did not complete: ' if asked.bring_up else ''}{what}: {ended.error}"
        if ended is None and asked.index not in begun:
            return f"{what} never began"
        if ended is None and world.ended_at(begun[asked.index]) is None:
            return f"{what} never ended"
    return ""


def _expected_to_miss(
    applying: Sequence[Expectation], directory: Directory, records: Sequence[Record]
) -> frozenset[int]:
    """The faults that missed, and that an expectation wants to miss."""
    tag = tag_of(FaultMissed)
    missed = [(record, record.what) for record in records if isinstance(record.what, FaultMissed)]
    wanted = [e for e in applying if isinstance(e, RecordCount) and e.record == tag and not _wants_none(e)]
    matchers = [Matcher(tag, expectation.where, directory) for expectation in wanted]
    return frozenset(what.index for record, what in missed if any(matcher.matches(record) for matcher in matchers))


def _not_decided(brief: Brief, evidence: Evidence) -> str:
    """Which decision did not come up, if any: the run is not the one that was asked for."""
    for index in range(brief.decisions):
        if index not in evidence.decided:
            return f"decisions[{index}] never came up"
    return ""


def _not_struck(brief: Brief, evidence: Evidence, expected_to_miss: Collection[int]) -> str:
    """Which fault did not strike, if any: a run without it says nothing about what the scenario asks.

    A scenario that expects a missed fault says so with an expectation on its `fault_missed` record. A failing init
    strikes with its actor's construction and is not waited for; nor is the end of a stall whose process has died.
    """
    for index, fault in enumerate(brief.faults):
        if index in expected_to_miss:
            continue
        on = f"fault {index} on {' and '.join(targets_of(fault))}"
        missed = evidence.missed.get(index)
        if missed is not None and missed.kind == tag_of(fault):
            return f"{on} missed: {missed.why}"
        if isinstance(fault, InitFails):
            continue
        if index not in evidence.struck:
            return f"{on} never struck"
        due = len(targets_of(fault)) * (1 if fault.repeat is UNSET else fault.repeat.times)
        done = len(evidence.strike_records[index])
        if done < due:
            return f"{on} struck {done} of {due} times"
    return ""


def _summary(violations: list[Violation]) -> str:
    first = violations[0]
    more = f" (and {len(violations) - 1} more)" if len(violations) > 1 else ""
    return f"{first.invariant}: {first.message}{more}"
