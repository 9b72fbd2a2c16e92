"""What led from the injected events to a violation: some records of a run, and which of them came of which.

A cause in the trace is what made a machine do something. A poll finds a failure without being caused by it: what is
told of somebody's end is tied to that end as well, as what it is found out from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from meshsim.explore.why import Event
from meshsim.model.ids import ActorId
from meshsim.model.notes import ActorStatusChanged, Heard, PollEnded, ProcStatusChanged, QueueTaken
from meshsim.model.supervision import ActorPhase
from meshsim.oracle.verdict import Violation
from meshsim.trace.directory import Directory
from meshsim.trace.records import (
    DecisionTaken,
    FaultStruck,
    MessageLost,
    ProcessDied,
    ProcessReaped,
    ProcessStopped,
    Record,
)
from meshsim.trace.story import story

#: Records of an evidence whose stories are told: its first ones and its last. Source: chosen here.
_FIRST, _LAST = 2, 1
#: What an event does at once, as far as it is told. Source: chosen here.
_EFFECTS_MAX = 5
_EFFECTS = (ProcessDied, ProcessReaped, ProcessStopped, ActorStatusChanged, ProcStatusChanged, MessageLost)
_ENDS = (ActorPhase.STOPPED, ActorPhase.FAILED)
#: How a poll ends that found nothing.
_QUIET = frozenset({"healthy", "terminal"})
#: Records before the first event that are told, beside those that the violation names. Source: chosen here.
_EARLIER_MAX = 4
#: Longest list that is made; of a longer one the middle is left out. Source: chosen here.
LINES_MAX = 40


class Link(msgspec.Struct, frozen=True):
    """One record of a chain, and from where in it it came."""

    record: Record
    #: Places in the chain of what it came of, earlier ones.
    causes: tuple[int, ...]
    #: Places of what it tells of, or is found out from.
    found: tuple[int, ...]
    #: Whether the violation names it.
    is_evidence: bool
    #: How many records are left out right before it.
    hidden: int


#: Records in the order of the trace.
Chain = tuple[Link, ...]


def chain_of(records: Sequence[Record], violation: Violation, events: Sequence[Event]) -> Chain:
    """What led from `events` to a violation; the faults before it, when no event is given."""
    told: dict[int, Record] = {}
    evidence = (*violation.records[:_FIRST], *violation.records[_FIRST:][-_LAST:])
    for seq in evidence:
        told |= {record.seq: record for record in story(records, seq)}
    until = [record for record in records if record.at <= violation.at]
    roots = [record for record in until if _is_of(record, events)]
    for root in roots:
        told[root.seq] = root
        told |= {record.seq: record for record in _effects(until, root)}
    told |= {record.seq: record for record in _polls(until, roots)}
    found = {seq: end for seq in told for end in _end_told_of(records, told[seq])}
    told |= {end.seq: end for end in found.values()}
    shown = _shortened([told[seq] for seq in sorted(told)], roots, violation)
    places = {record.seq: place for place, record in enumerate(shown)}
    numbers = {seq: number for number, seq in enumerate(sorted(told))}
    return tuple(
        Link(
            record,
            tuple(_nearest(records, record, places)),
            (places[found[record.seq].seq],) if record.seq in found and found[record.seq].seq in places else (),
            record.seq in violation.records,
            numbers[record.seq] - (numbers[shown[place - 1].seq] + 1 if place else 0),
        )
        for place, record in enumerate(shown)
    )


def _is_of(record: Record, events: Sequence[Event]) -> bool:
    what = record.what
    if isinstance(what, FaultStruck):
        return not events or any(event.is_fault and event.index == what.index for event in events)
    if isinstance(what, DecisionTaken | QueueTaken):
        return any(not event.is_fault and event.index == what.decision for event in events)
    return False


def _effects(records: Sequence[Record], root: Record) -> Iterator[Record]:
    """What came of an event: ends and changes of status."""
    from_it = {root.seq}
    count = 0
    for record in records:
        if record.cause not in from_it:
            continue
        from_it.add(record.seq)
        if isinstance(record.what, _EFFECTS) and count < _EFFECTS_MAX:
            count += 1
            yield record


def _end_told_of(records: Sequence[Record], record: Record) -> Iterable[Record]:
    """What somebody who hears of a failure is told of: how the process of the actor had ended, or the actor itself."""
    what = record.what
    if not isinstance(what, Heard):
        return []
    node = Directory.of(records).node_of_actor(what.actor)
    ends = [
        each
        for each in records[: record.seq]
        if (isinstance(each.what, ProcessReaped | ProcessDied) and each.node == node)
        or (isinstance(each.what, ActorStatusChanged) and each.what.actor == what.actor and each.what.phase in _ENDS)
    ]
    return ends[-1:]


def _polls(records: Sequence[Record], roots: Sequence[Record]) -> Iterator[Record]:
    """The first poll with each unusual end that a controller makes behind the first event."""
    if not roots:
        return
    seen: set[tuple[ActorId, str]] = set()
    for record in records[roots[0].seq :]:
        what = record.what
        if isinstance(what, PollEnded) and what.outcome not in _QUIET and (what.controller, what.outcome) not in seen:
            seen.add((what.controller, what.outcome))
            yield record


def _shortened(records: list[Record], roots: Sequence[Record], violation: Violation) -> list[Record]:
    """Little of what was before the first event, and not more than fits: what the violation names stays."""
    early = [record for record in records if roots and record.seq < roots[0].seq]
    left_out = {record.seq for record in early[:-_EARLIER_MAX]}
    kept = [record for record in records if record.seq not in left_out]
    middle = kept[LINES_MAX // 2 : -LINES_MAX // 2] if len(kept) > LINES_MAX else []
    left_out |= {record.seq for record in middle}
    return [record for record in records if record.seq not in left_out or record.seq in violation.records]


def _nearest(records: Sequence[Record], record: Record, places: dict[int, int]) -> Iterator[int]:
    """The nearest record of the chain that this one came of."""
    cause = record.cause
    while cause >= 0 and cause not in places:
        cause = records[cause].cause
    if cause >= 0:
        yield places[cause]
