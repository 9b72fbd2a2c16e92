"""What led from the injected events to a violation: some records of a run, and which of them came of which.

A cause in the trace is what made a machine do something. A poll finds a failure without being caused by it: what is
told of somebody's end is tied to that end as well, as what it is found out from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from meshsim.explore.why import Event
from meshsim.model.notes import ActorStatusChanged, Heard, ProcStatusChanged, QueueTaken
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


class Chain(msgspec.Struct, frozen=True):
    """Records in the order of the trace."""

    links: tuple[Link, ...]
    #: Records that are left out in the middle, and behind which place.
    hidden: int = 0
    hidden_behind: int = 0


def chain_of(records: Sequence[Record], violation: Violation, events: Sequence[Event]) -> Chain:
    """What led from `events` to a violation; the faults before it, when no event is given."""
    told: dict[int, Record] = {}
    evidence = (*violation.records[:_FIRST], *violation.records[_FIRST:][-_LAST:])
    for seq in evidence:
        told |= {record.seq: record for record in story(records, seq)}
    last = max(evidence, default=records[-1].seq)
    roots = [record for record in records if _is_of(record, events) and record.seq <= last]
    for root in roots:
        told[root.seq] = root
        told |= {record.seq: record for record in _effects(records, root, last)}
    found = {seq: end for seq in told for end in _end_told_of(records, told[seq])}
    told |= {end.seq: end for end in found.values()}
    shown, hidden, behind = _shortened([told[seq] for seq in sorted(told)])
    places = {record.seq: place for place, record in enumerate(shown)}
    links = (
        Link(
            record,
            tuple(_nearest(records, record, places)),
            (places[found[record.seq].seq],) if record.seq in found and found[record.seq].seq in places else (),
            record.seq in violation.records,
        )
        for record in shown
    )
    return Chain(tuple(links), hidden, behind)


def _is_of(record: Record, events: Sequence[Event]) -> bool:
    what = record.what
    if isinstance(what, FaultStruck):
        return not events or any(event.is_fault and event.index == what.index for event in events)
    if isinstance(what, DecisionTaken | QueueTaken):
        return any(not event.is_fault and event.index == what.decision for event in events)
    return False


def _effects(records: Sequence[Record], root: Record, last: int) -> Iterator[Record]:
    """What came of an event: ends and changes of status, up to a record."""
    from_it = {root.seq}
    count = 0
    for record in records:
        if record.cause not in from_it or record.seq > last:
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
        or (isinstance(each.what, ActorStatusChanged) and each.what.actor == what.actor)
    ]
    return ends[-1:]


def _shortened(records: list[Record]) -> tuple[list[Record], int, int]:
    hidden = len(records) - LINES_MAX
    if hidden <= 0:
        return records, 0, 0
    half = LINES_MAX // 2
    return records[:half] + records[-half:], hidden, half


def _nearest(records: Sequence[Record], record: Record, places: dict[int, int]) -> Iterator[int]:
    """The nearest record of the chain that this one came of."""
    cause = record.cause
    while cause >= 0 and cause not in places:
        cause = records[cause].cause
    if cause >= 0:
        yield places[cause]
