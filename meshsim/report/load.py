"""How much went over the network while a run lasted: messages, heartbeats and polls in flight over virtual time."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from meshsim.model.messages import Envelope
from meshsim.model.notes import Heartbeat, PollEnded, PollStarted
from meshsim.trace.records import MessageLost, MessageReturned, ProcessDied, Record
from meshsim.units import MS, S

#: Widths of the bins that counts are taken over; a run has `_BINS_MAX` at most, or is very long. Source: chosen here.
_WIDTHS_NS = (100 * MS, 200 * MS, 500 * MS, 1 * S, 2 * S, 5 * S, 10 * S, 30 * S, 60 * S, 300 * S, 600 * S, 3600 * S)
_BINS_MAX = 120


class Bin(msgspec.Struct, frozen=True):
    """What happened from `start_ns` on, for the width of a bin."""

    start_ns: int
    #: Messages from one process to another that arrived.
    messages: int = 0
    #: Messages that were lost, or given back to their sender.
    lost: int = 0
    #: Heartbeats of controllers that listeners took.
    heartbeats: int = 0
    #: The most polls that were in flight at the same time.
    polls: int = 0


class Load(msgspec.Struct, frozen=True):
    """Counts by time; `bins` cover the run without holes."""

    width_ns: int = _WIDTHS_NS[0]
    bins: tuple[Bin, ...] = ()


def load_of(records: Sequence[Record]) -> Load:
    """The load of a run, or of the part of it that was recorded."""
    if not records:
        return Load()
    ended_ns = records[-1].at
    width_ns = next((width for width in _WIDTHS_NS if ended_ns // width < _BINS_MAX), _WIDTHS_NS[-1])
    count = ended_ns // width_ns + 1
    messages, lost, heartbeats = [0] * count, [0] * count, [0] * count
    for record in records:
        index = record.at // width_ns
        match record.what:
            case Envelope():
                messages[index] += 1
            case MessageLost() | MessageReturned():
                lost[index] += 1
            case Heartbeat():
                heartbeats[index] += 1
            case _:
                pass
    polls = _polls(records, width_ns, count)
    counts = zip(messages, lost, heartbeats, polls, strict=True)
    return Load(width_ns, tuple(Bin(index * width_ns, *each) for index, each in enumerate(counts)))


def polls_in_flight(records: Sequence[Record]) -> list[tuple[str, int, int]]:
    """Controller, beginning and end of each poll; one that nothing ended lasts until the run or its process does."""
    begun: dict[str, tuple[int, str]] = {}
    polls: list[tuple[str, int, int]] = []
    for record in records:
        match record.what:
            case PollStarted(controller=controller):
                begun[controller] = (record.at, record.node)
            case PollEnded(controller=controller) if controller in begun:
                polls.append((controller, begun.pop(controller)[0], record.at))
            case ProcessDied():
                cut = [each for each, (_, node) in begun.items() if node == record.node]
                polls += [(each, begun.pop(each)[0], record.at) for each in cut]
            case _:
                pass
    polls += [(controller, at, records[-1].at) for controller, (at, _) in begun.items()]
    return sorted(polls, key=lambda poll: (poll[1], poll[2], poll[0]))


def _polls(records: Sequence[Record], width_ns: int, count: int) -> list[int]:
    """The most polls in flight in each bin; an instant that ends one and begins another has one."""
    most = [0] * count
    polls = polls_in_flight(records)
    turns = sorted([(end, -1) for _, _, end in polls] + [(start, 1) for _, start, _ in polls])
    now, last = 0, 0
    for at, turn in turns:
        for index in range(last // width_ns, at // width_ns + 1) if now else ():
            most[index] = max(most[index], now)
        now, last = now + turn, at
        most[at // width_ns] = max(most[at // width_ns], now)
    return most
