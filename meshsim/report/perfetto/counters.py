"""Messages under way as counters: all of them, and those on their way to each host or client and its procs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from meshsim.model.messages import Envelope
from meshsim.report.perfetto.events import TraceEvent, microseconds
from meshsim.report.perfetto.tracks import Tracks
from meshsim.trace.records import NO_CAUSE, InFlight, MessageLost, MessageReturned, Record

_ALL = "messages in flight"
_OF_ONE = "messages to here"


def counters(records: Sequence[Record], tracks: Tracks) -> Iterator[TraceEvent]:
    """The counts after each instant at which one changes.

    A message is under way from the turn that sent it until it is delivered, lost or returned. What waits for a stalled
    process has not been delivered to it: it counts.
    """
    changes: dict[int, Counter[int]] = {0: Counter()}
    for record in records:
        if not isinstance(record.what, Envelope | MessageLost | MessageReturned | InFlight) or record.cause == NO_CAUSE:
            continue
        pid = tracks.of(record.node).pid
        ends = [] if isinstance(record.what, InFlight) else [(record.at, -1)]
        for at, change in ((records[record.cause].at, 1), *ends):
            counted = changes.setdefault(at, Counter())
            for each in {tracks.world.pid, pid}:
                counted[each] += change
    counts: Counter[int] = Counter()
    for at in sorted(changes):
        for pid in sorted(changes[at]):
            if changes[at][pid]:
                counts[pid] += changes[at][pid]
                yield TraceEvent(
                    name=_ALL if pid == tracks.world.pid else _OF_ONE,
                    ph="C",
                    pid=pid,
                    tid=pid,
                    ts=microseconds(at),
                    args={"messages": counts[pid]},
                )
