"""Handling as slices: one for each event that a node took, messages inside a node nested in it; arrows between them.

A slice is as wide as can be seen, but never reaches the next one on its track: handling takes no virtual time, so the
width says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec
from msgspec import UNSET

from meshsim.model.events import ChildExited, ClockSet, TimerFired
from meshsim.model.messages import Envelope
from meshsim.model.notes import NOTE_TYPES, LocalDelivery
from meshsim.report.perfetto.events import SLACK_NS, TraceEvent, microseconds
from meshsim.report.perfetto.tracks import Track, Tracks
from meshsim.trace.directory import Directory
from meshsim.trace.records import MessageReturned, ProcessStarted, Record
from meshsim.trace.story import describe
from meshsim.units import US

#: The most that a slice is wide. Source: chosen here; a tenth of the shortest usual latency.
WIDTH_NS = 100 * US

#: What a node takes: each is one slice.
_TAKEN = (Envelope, TimerFired, ChildExited, ClockSet, MessageReturned, ProcessStarted)


class Turn(msgspec.Struct):
    """One event being handled by a node, and what was noted meanwhile; positions in the list of records."""

    index: int
    track: Track
    inside: list[int] = []
    noted: list[int] = []


def turns_of(records: Sequence[Record], tracks: Tracks) -> list[Turn]:
    """The turns of a run, in order."""
    turns: list[Turn] = []
    #: The last turn of each node.
    latest: dict[str, Turn] = {}
    for index, record in enumerate(records):
        turn = latest.get(record.node)
        if isinstance(record.what, _TAKEN):
            latest[record.node] = turn = Turn(index, tracks.of(record.node))
            turns.append(turn)
        elif turn is not None and record.at == records[turn.index].at and type(record.what) in NOTE_TYPES:
            (turn.inside if isinstance(record.what, LocalDelivery) else turn.noted).append(index)
    return turns


def slices(
    records: Sequence[Record], drawn: Sequence[int], turns: Sequence[Turn], directory: Directory
) -> Iterator[TraceEvent]:
    """A slice for each turn, those of messages inside the node below it."""
    limits = _limits(drawn, turns)
    for turn, limit in zip(turns, limits, strict=True):
        start = drawn[turn.index]
        last = drawn[turn.inside[-1]] if turn.inside else start
        end = _end(last, limit)
        noted = [describe(records[index], directory) for index in turn.noted]
        yield _slice(records[turn.index], turn.track, (start, end), directory, noted)
        ends = [*(_end(drawn[one], drawn[following]) for one, following in pairwise(turn.inside)), end]
        for inner, until in zip(turn.inside, ends, strict=False):
            yield _slice(records[inner], turn.track, (drawn[inner], until), directory, [])


def arrows(records: Sequence[Record], drawn: Sequence[int], turns: Sequence[Turn]) -> Iterator[TraceEvent]:
    """From the turn in which a message was sent to the one that takes it; none from outside the run."""
    by_index = {turn.index: turn for turn in turns}
    for turn in turns:
        record = records[turn.index]
        sent_in = by_index.get(record.cause)
        if not isinstance(record.what, Envelope) or sent_in is None:
            continue
        name = type(record.what.message).__name__
        for ph, place, at in (("s", sent_in, drawn[sent_in.index]), ("f", turn, drawn[turn.index])):
            yield TraceEvent(
                name=name,
                cat="message",
                ph="s" if ph == "s" else "f",
                id=record.seq,
                pid=place.track.pid,
                tid=place.track.tid,
                ts=microseconds(at),
                bp="e" if ph == "f" else UNSET,
            )


def _limits(drawn: Sequence[int], turns: Sequence[Turn]) -> list[int | None]:
    """Where the next turn on the same track begins; none after the last."""
    limits: list[int | None] = [None] * len(turns)
    latest: dict[int, int] = {}
    for number, turn in enumerate(turns):
        before = latest.get(turn.track.tid)
        if before is not None:
            limits[before] = drawn[turn.index]
        latest[turn.track.tid] = number
    return limits


def _end(start: int, limit: int | None) -> int:
    """Where a slice ends that begins at `start` and must not reach `limit`: at least a nanosecond later."""
    return start + WIDTH_NS if limit is None else max(start + 1, min(start + WIDTH_NS, limit - SLACK_NS))


def _slice(
    record: Record, track: Track, span: tuple[int, int], directory: Directory, noted: Sequence[str]
) -> TraceEvent:
    name, category = _called(record, directory)
    args: dict[str, object] = {"record": record.seq, "at_ns": record.at, "what": describe(record, directory)}
    if noted:
        args["then"] = noted
    start, end = span
    return TraceEvent(
        name=name,
        cat=category,
        ph="X",
        pid=track.pid,
        tid=track.tid,
        ts=microseconds(start),
        dur=microseconds(end - start),
        args=args,
    )


def _called(record: Record, directory: Directory) -> tuple[str, str]:
    """Name and category of a slice; what is alike has one name, so that a viewer can count it."""
    what = record.what
    match what:
        case Envelope():
            return type(what.message).__name__, "message"
        case LocalDelivery():
            return type(what.envelope.message).__name__, "inside"
        case MessageReturned():
            return f"{type(what.envelope.message).__name__} returned", "message"
        case TimerFired():
            return directory.shortened(f"timer {what.key}"), "timer"
        case ProcessStarted():
            return "start", "process"
        case ChildExited():
            return "child exited", "process"
        case _:
            return "clock set", "process"
