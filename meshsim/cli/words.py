"""Plans in words: what is built, what happens when, and what is expected."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import msgspec
from msgspec import UNSET

from meshsim.faults.kinds import Fault, LinkFault, MessageFault, When
from meshsim.model.attributes import ATTRIBUTES
from meshsim.model.config import defaults, value_text
from meshsim.model.quirks import PROFILES
from meshsim.model.shapes.extent import Extent
from meshsim.model.tags import tag_of
from meshsim.oracle.expectations import (
    Expectation,
    Final,
    Hears,
    Known,
    NeverHears,
    NothingLeft,
    OperationResult,
    RecordCount,
    applies,
)
from meshsim.scenario.children import children_of
from meshsim.scenario.plan import Plan, Step
from meshsim.scenario.schema import Actors, AllocateHostsOp, AllocateOp, SpawnActorsOp, SpawnProcsOp
from meshsim.units import Drift, Duration, Shift, format_duration


def world_lines(plan: Plan) -> list[str]:
    """Hosts, clients, meshes, network and what the configuration changes, a line each."""
    topology, network = plan.topology, plan.network
    lines = [
        f"{_counted(len(plan.hosts), 'host')} and {_counted(len(plan.clients), 'client')} ({', '.join(plan.clients)}), "
        f"for {format_duration(plan.horizon)} of virtual time, profile {plan.profile}",
        f"messages between processes take {format_duration(network.latency)}"
        + (f" and up to {format_duration(network.jitter)} more" if network.jitter else "")
        + (f"; {network.loss:.3%} are lost" if network.loss else ""),
    ]
    drifts = {} if plan.clock_drifts is UNSET else plan.clock_drifts
    lines += [_clock_words(name, plan.clocks.get(name), drifts.get(name)) for name in {**plan.clocks, **drifts}]
    for procs in topology.procs:
        if procs.allocator is not None:
            extent = Extent.of(tuple(procs.extent.items()))
            lines.append(f"procs {procs.name} {extent}, from the {procs.allocator} allocator, by {procs.by}")
            continue
        extent = Extent.of((("hosts", len(procs.hosts or plan.hosts)), *procs.per_host.items()))
        lines.append(f"procs {procs.name} {extent}, spawned by {procs.by}")
    for actors in topology.actors:
        watch = "without a controller" if actors.system else f"owned by {actors.owner}"
        streams = "" if actors.controller == "polling" else f", {actors.controller} controller"
        lines.append(f"actors {actors.name}: {actors.actor} on {actors.procs}, {watch}{streams}{_spawned_how(actors)}")
    lines += [f"subscriber: {subscriber.by} watches {subscriber.mesh}" for subscriber in topology.subscribers]
    if plan.seeded_choices is True:
        lines.append("the seed chooses among signals, supervision events and work that are there at once")
    usual = PROFILES[plan.profile]
    off = [quirk for quirk in plan.quirks_off if quirk not in usual]
    on = [quirk for quirk in usual if quirk not in plan.quirks_off]
    lines += [f"turned {way}: {', '.join(quirks)}" for way, quirks in (("off", off), ("on", on)) if quirks]
    return lines + [f"config {change}" for change in _config_changes(plan)]


def _clock_words(name: str, offset: Shift | None, drift: Drift | None) -> str:
    """What is wrong with the wall clock of a machine."""
    words = [] if offset is None else [f"is {format_duration(abs(offset))} {'behind' if offset < 0 else 'ahead'}"]
    words += [] if drift is None else [f"gains {drift}"]
    return f"the wall clock of {name} {' and '.join(words)}"


def _spawned_how(spec: Actors | SpawnActorsOp) -> str:
    """Under which name, of what type that nobody has, and with which children."""
    made = children_of(spec)
    words = [] if spec.service is None else [f"called {spec.service}"]
    if isinstance(spec, SpawnActorsOp) and spec.unregistered:
        words.append(f"of the unregistered type {spec.actor}")
    if made is not None:
        words.append(f"each with {made.child} on {made.procs} whose failures {made.supervisor} is told")
    return "".join(f", {word}" for word in words)


def timetable(plan: Plan) -> list[tuple[str, str, str]]:
    """What the plan does: (when, what, to whom and how), operations first, then faults, each in file order."""
    rows = [(_step_time(step), f"step {step.index}", _step_words(step)) for step in plan.steps]
    return rows + [
        (_fault_time(fault), f"fault {index}", f"{tag_of(fault)} {_fault_words(fault)}")
        for index, fault in enumerate(plan.faults)
    ]


def expectation_words(expectation: Expectation, quirks_off: Collection[str] = ()) -> str:
    """One expectation as a sentence without its full stop, and whether it counts while these quirks are off."""
    conditions = [
        f"{word} {quirk}"
        for word, quirk in (("if", expectation.if_quirk), ("unless", expectation.unless_quirk))
        if quirk is not None
    ]
    words = f"{_expected(expectation)}{''.join(f', {condition}' for condition in conditions)}"
    return words if applies(expectation, quirks_off) else f"{words} (not here)"


def known_words(known: Known, quirks_off: Collection[str]) -> str:
    """One known finding, and whether it counts while these quirks are off."""
    words = f"{known.invariant} breaks here ({known.quirk}): {known.reason}"
    return f"{words} (not here: {known.quirk} is off)" if known.quirk in quirks_off else words


def _expected(expectation: Expectation) -> str:
    match expectation:
        case Hears():
            return f"{expectation.listener} hears {_hearing(expectation)}{_counts(expectation)}{_within(expectation)}"
        case NeverHears():
            return f"{expectation.listener} never hears {_hearing(expectation)}"
        case Final():
            return f"at the end {expectation.target} is {_fields(expectation, 'target', 'if_quirk', 'unless_quirk')}"
        case OperationResult():
            return _operation_words(expectation)
        case NothingLeft(targets=targets):
            return f"no process is left of {', '.join(targets) or 'any host'}"
        case RecordCount():
            after = "" if expectation.after_fault is None else f" after fault {expectation.after_fault}"
            return f"the trace has {expectation.record}{_conditions(expectation.where)}{_counts(expectation)}{after}"


def _hearing(expectation: Hears | NeverHears) -> str:
    rank = "" if expectation.rank is None else f"[{expectation.rank}]"
    subject = f"{expectation.mesh}{rank}" if expectation.mesh else f"any mesh{rank}" if rank else "anything"
    parts = [subject, expectation.status or "fail"]
    if expectation.role:
        parts.append(f"as {expectation.role}")
    if expectation.text:
        parts.append(f"with {expectation.text!r}")
    return " ".join(parts)


def _counts(expectation: Hears | RecordCount) -> str:
    words = [
        f"{word} {_counted(count, 'time')}"
        for word, count in (
            ("exactly", expectation.times),
            ("at least", expectation.at_least),
            ("at most", expectation.at_most),
        )
        if count is not None
    ]
    return f", {' and '.join(words)}" if words else ""


def _within(expectation: Hears) -> str:
    if expectation.within is None:
        return ""
    return f", within {format_duration(expectation.within)} of fault {expectation.fault}"


def _operation_words(expectation: OperationResult) -> str:
    name = f"{expectation.do} {expectation.name}" if expectation.name else expectation.do
    if not expectation.ends:
        return f"{name} is still waiting at the end"
    words = (
        f"{name} ends with an error that contains {expectation.error!r}" if expectation.error else f"{name} ends well"
    )
    if expectation.result:
        words += f", returning {expectation.result!r}"
    return words if expectation.within is None else f"{words}, within {format_duration(expectation.within)}"


def _step_time(step: Step) -> str:
    if step.bring_up:
        return "bring-up"
    return "next" if step.operation.at is None else f"at {format_duration(step.operation.at)}"


def _step_words(step: Step) -> str:
    operation = step.operation
    if isinstance(operation, SpawnProcsOp | AllocateOp | AllocateHostsOp):
        return f"{tag_of(operation)} {operation.name}, by {operation.by}"
    if isinstance(operation, SpawnActorsOp):
        how = "" if step.bring_up else _spawned_how(operation)
        return f"{tag_of(operation)} {operation.name}, by {operation.by}{how}"
    fields = _fields(operation, "at", "by")
    return f"{tag_of(operation)} {fields + ', ' if fields else ''}by {operation.by}"


def _fault_time(fault: Fault) -> str:
    if fault.at is not None:
        return f"at {format_duration(fault.at)}"
    return "at its spawn" if fault.when is None else _when_words(fault.when)


def _fault_words(fault: Fault) -> str:
    """Whom it strikes, and how."""
    if not isinstance(fault, LinkFault):
        return _fields(fault, "at", "when")
    usual = ["share"] if isinstance(fault, MessageFault) and fault.share == 1 else []
    how = _fields(fault, "at", "when", "target", "with_", "to", "one_way", *usual, first_named=True)
    return f"{fault.sides}{', ' if how else ''}{how}"


def _when_words(when: When) -> str:
    after = f"{format_duration(when.after)} after " if when.after else "on "
    nth = f"match {when.count} of " if when.count > 1 else ""
    return f"{after}{nth}{when.record}{_conditions(when.where)}"


def _conditions(where: dict[str, Any]) -> str:
    return f" with {', '.join(f'{key} = {value}' for key, value in where.items())}" if where else ""


def _config_changes(plan: Plan) -> Iterable[str]:
    usual = defaults()
    for attribute in ATTRIBUTES:
        value, default = plan.config[attribute.name], usual[attribute.name]
        if value != default:
            name = attribute.python_name or attribute.name.lower()
            yield f"{name} = {value_text(attribute, value)} (default {value_text(attribute, default)})"


def _fields(struct: msgspec.Struct, *without: str, first_named: bool = False) -> str:
    """The fields that say something, the first as it is unless it is named too, the others as `name value`."""
    words: list[str] = []
    for field in msgspec.structs.fields(struct):
        value = getattr(struct, field.name)
        if field.name in without or value is None or value in ("", {}, []):
            continue
        if isinstance(value, bool) and value == field.default:
            continue
        text = format_duration(value) if isinstance(value, Duration) else str(value)
        words.append(text if not words and not first_named else f"{field.encode_name} {text}")
    return ", ".join(words)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
