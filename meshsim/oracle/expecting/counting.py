"""How many records and messages there were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import UNSET

from meshsim.faults.conditions import Wanted, wanted_words
from meshsim.faults.matching import Matcher, value_at
from meshsim.model.ids import ActorId, proc_of
from meshsim.model.messages import Envelope
from meshsim.model.notes import Bounced, LocalDelivery
from meshsim.model.tags import tag_of
from meshsim.oracle.describing import messages_words, window_words
from meshsim.oracle.evidence import Evidence
from meshsim.oracle.expectations import MessageCount, RecordCount
from meshsim.oracle.expecting.problems import Judged, Limits, Problem, count_problem, is_too_few, void
from meshsim.oracle.expecting.windows import Span, VoidError, span_of, time_words
from meshsim.trace.records import InFlight, MessageLost, MessageReturned, Record
from meshsim.units import format_duration


def judge_record_count(expectation: RecordCount, evidence: Evidence, records: Sequence[Record]) -> Judged:
    """The number of matching records is `times`, or within the limits; without any of them at least one.

    With `after_fault` only records behind the first strike of that fault count, and only those in the window.
    """
    subject = expectation.record
    after = -1
    if expectation.after_fault is not None:
        struck = evidence.struck.get(expectation.after_fault)
        if struck is None:
            return void(subject, f"fault {expectation.after_fault}, from which records count, never struck")
        after = struck.seq
    try:
        span = span_of(expectation.window, evidence, records)
    except VoidError as never:
        return void(subject, str(never))
    matcher = Matcher(expectation.record, expectation.where, evidence.world.directory)
    there = [record for record in records if record.seq > after and span.has(record)]
    seqs = tuple(record.seq for record in there if matcher.matches(record))
    limits: Limits = (expectation.times, expectation.at_least, expectation.at_most)
    problem = count_problem(len(seqs), limits)
    if not problem:
        return Judged(subject, shown=seqs)
    missing = is_too_few(len(seqs), limits)
    closest, words = _closest(expectation.where, matcher, there, evidence) if missing else ((), "")
    message = f"{_described(expectation)} was recorded {problem}{words}"
    return Judged(subject, [Problem(subject, message, seqs or closest, missing)])


def _described(expectation: RecordCount) -> str:
    where = ", ".join(f"{key} {wanted_words(value)}" for key, value in expectation.where.items())
    window = window_words(expectation.window).removeprefix(", ")
    parts = "; ".join(part for part in (where, window) if part)
    return f"{expectation.record} ({parts})" if parts else expectation.record


def _closest(
    where: Mapping[str, Wanted], matcher: Matcher, records: Sequence[Record], evidence: Evidence
) -> tuple[tuple[int, ...], str]:
    """Of the records of this kind that do not match, the first that has most of what is wanted; and what it lacks."""
    candidates = [(matcher.unmet(record), record) for record in records if matcher.is_of_kind(record)]
    wrong = [(unmet, record) for unmet, record in candidates if unmet]
    if not wrong:
        return (), ""
    unmet, record = min(wrong, key=lambda candidate: len(candidate[0]))
    lacks = ", ".join(f"{path} {_shown(record, path, evidence)}" for path in where if path in unmet)
    return (record.seq,), f"; the closest, at {time_words(record.at)}, has {lacks}"


def _shown(record: Record, path: str, evidence: Evidence) -> str:
    value = value_at(record, path.split("."))
    if isinstance(value, type):
        return "not at all"
    return f"= {evidence.world.directory.shortened(value) if isinstance(value, str) else value}"


# --- messages -------------------------------------------------------------------------------------------------

#: Records that say what became of a message.
_CARRIERS = {
    "delivered": (Envelope, LocalDelivery),
    "lost": (MessageLost,),
    "returned": (MessageReturned,),
    "bounced": (Bounced,),
    "in_flight": (InFlight,),
}


def judge_messages(expectation: MessageCount, evidence: Evidence, records: Sequence[Record]) -> Judged:
    """The number of messages is right: in the window, or in every whole period of it.

    Periods count from the beginning of the window, up to its end or that of the run.
    """
    subject = messages_words(expectation)
    try:
        span = span_of(expectation.window, evidence, records)
    except VoidError as never:
        return void(subject, str(never))
    found = [record for record in records if span.has(record) and _is_counted(record, expectation, evidence)]
    limits: Limits = (expectation.times, expectation.at_least, expectation.at_most)
    problems = []
    for part, where in _parts(expectation, span, records[-1].at if records else 0):
        seqs = tuple(record.seq for record in found if part.has(record))
        if problem := count_problem(len(seqs), limits):
            window = window_words(expectation.window)
            message = f"{subject}{window} came {problem}{where}"
            problems.append(Problem(subject, message, seqs, is_too_few(len(seqs), limits)))
    return Judged(subject, problems[:1], tuple(record.seq for record in found))


def _parts(expectation: MessageCount, span: Span, ended_ns: int) -> Iterator[tuple[Span, str]]:
    """The spans in which the numbers hold, with words for where they are."""
    if expectation.per is UNSET:
        yield span, ""
        return
    period = int(expectation.per)
    until = ended_ns if span.until_ns is None else min(span.until_ns, ended_ns)
    for begin in range(span.from_ns, until - period + 1, period):
        words = f" from {format_duration(begin)} to {format_duration(begin + period)}"
        yield Span(span.after_seq, span.before_seq, begin, begin + period - 1), words


def _is_counted(record: Record, expectation: MessageCount, evidence: Evidence) -> bool:
    what = record.what
    if not isinstance(what, _CARRIERS[expectation.fate]):
        return False
    envelope = what if isinstance(what, Envelope) else what.envelope
    return (
        (expectation.type is UNSET or tag_of(envelope.message) == expectation.type)
        and (expectation.src is UNSET or _is_of(envelope.sender, expectation.src, evidence))
        and (expectation.dst is UNSET or _is_of(envelope.dest, expectation.dst, evidence))
    )


def _is_of(actor: ActorId, name: str, evidence: Evidence) -> bool:
    """Whether a name stands for an actor: by itself, by its mesh, or by the process it lives in."""
    directory = evidence.world.directory
    mesh = directory.mesh(name)
    if mesh is not None:
        return (actor if mesh.kind == "actors" else proc_of(actor)) in mesh.members
    label = name.partition("[")[0].partition(".")[0]
    of = directory.mesh(label)
    if "." in name or (of is not None and of.kind == "actors"):
        return directory.actor(name) == actor
    node = directory.node(name)
    return node is not None and directory.node_of_actor(actor) == node
