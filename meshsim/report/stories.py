"""Stories for a first look: what followed each fault, and what led to a violation, a line for each record."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

import msgspec

from meshsim.model.notes import (
    ActorStatusChanged,
    ControllerStalled,
    Heard,
    MonitoringEnded,
    OperationEnded,
    OrphanStopped,
    PollEnded,
    ProcStatusChanged,
    SubscriberRemoved,
)
from meshsim.trace.directory import Directory
from meshsim.trace.records import (
    FaultMissed,
    FaultStruck,
    KernelDisagreed,
    ProcessContinued,
    ProcessDied,
    ProcessReaped,
    ProcessStopped,
    Record,
    RunEnded,
)
from meshsim.trace.story import describe, story, time_text

#: Lines of one fault's story. Source: chosen here; `meshsim trace` prints the rest.
LINES_MAX = 24

#: Records of an evidence that are told: of what happened too often the second time is the surprise.
_EVIDENCE_MAX = 2

_NOTABLE = (
    ActorStatusChanged,
    ControllerStalled,
    FaultMissed,
    FaultStruck,
    Heard,
    KernelDisagreed,
    MonitoringEnded,
    OperationEnded,
    OrphanStopped,
    ProcessContinued,
    ProcessDied,
    ProcessReaped,
    ProcessStopped,
    ProcStatusChanged,
    RunEnded,
    SubscriberRemoved,
)
_NUMBER = re.compile(r"\d+")
_QUIET_POLLS = frozenset({"healthy", "terminal"})


class FaultStory(msgspec.Struct, frozen=True):
    """What could be seen from one fault to the next; times are since the fault."""

    title: str
    lines: tuple[str, ...]


def fault_stories(records: Sequence[Record], lines_max: int = LINES_MAX) -> list[FaultStory]:
    """One story for each fault that struck or missed, in order of time."""
    directory = Directory.of(records)
    chapters: list[list[Record]] = []
    for record in records:
        if isinstance(record.what, FaultStruck | FaultMissed):
            chapters.append([record])
        elif chapters and _is_notable(record):
            chapters[-1].append(record)
    return [_told(chapter, directory, lines_max) for chapter in chapters]


def evidence_lines(records: Sequence[Record], seqs: Sequence[int], lines_max: int) -> list[str]:
    """The first records of an evidence with what led to them, and the faults before, in order.

    A poll finds a failure without being caused by it, so faults are told even where no chain of causes leads to one.
    The earliest records are left out if there are too many.
    """
    directory = Directory.of(records)
    told = {record.seq: record for seq in seqs[:_EVIDENCE_MAX] for record in story(records, seq)}
    told |= {record.seq: record for seq in seqs[:_EVIDENCE_MAX] for record in _end_of(records, seq, directory)}
    faults = [
        record for record in records if isinstance(record.what, FaultStruck) and record.seq < max(told, default=0)
    ]
    hidden = len(told) - lines_max
    shown = {seq: told[seq] for seq in sorted(told)[max(hidden, 0) :]} | {fault.seq: fault for fault in faults[-3:]}
    lines = [f"({hidden} earlier records)"] if hidden > 0 else []
    lines += [_line(shown[seq], directory) for seq in sorted(shown)]
    if len(seqs) > _EVIDENCE_MAX:
        lines.append(f"({len(seqs) - _EVIDENCE_MAX} more like the last)")
    return lines


def _end_of(records: Sequence[Record], seq: int, directory: Directory) -> list[Record]:
    """If the record tells of a failure: how the process of the failed actor had ended, or the actor itself."""
    what = records[seq].what
    if not isinstance(what, Heard):
        return []
    node = directory.node_of_actor(what.actor)
    ends = [
        record
        for record in records[:seq]
        if (isinstance(record.what, ProcessReaped) and record.node == node)
        or (isinstance(record.what, ActorStatusChanged) and record.what.actor == what.actor)
    ]
    return ends[-1:]


def _is_notable(record: Record) -> bool:
    what = record.what
    if isinstance(what, ProcessReaped) and not what.by:
        return False  # The subreaper waits for what a dead host leaves: of no interest to the modelled system.
    return isinstance(what, _NOTABLE) or (isinstance(what, PollEnded) and what.outcome not in _QUIET_POLLS)


def _told(chapter: list[Record], directory: Directory, lines_max: int) -> FaultStory:
    fault, *rest = chapter
    lines: list[str] = []
    for _, alike in groupby(rest, lambda record: (record.at, _NUMBER.sub("#", _place(record, directory)))):
        same = list(alike)
        lines += [f"+{time_text(record.at - fault.at):<9} {_place(record, directory)}" for record in same[:2]]
        if len(same) > 2:
            lines.append(f"{'':<10} {'':<13} ({len(same) - 2} more of the same)")
    if len(lines) > lines_max:
        lines[lines_max - 1 :] = [f"({len(lines) - lines_max + 1} more lines)"]
    return FaultStory(f"{describe(fault, directory)} at {time_text(fault.at)}", tuple(lines))


def _place(record: Record, directory: Directory) -> str:
    return f"{directory.name_of_node(record.node):<13} {describe(record, directory)}"


def _line(record: Record, directory: Directory) -> str:
    return f"{time_text(record.at):>9}  {_place(record, directory)}"
