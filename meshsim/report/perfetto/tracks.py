"""Where things are drawn: hosts and clients as processes, their procs as threads, with small ids of our own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from meshsim.report.perfetto.events import TraceEvent
from meshsim.trace.directory import Directory
from meshsim.trace.records import WORLD, ProcessStarted, Record

#: Processes from top to bottom.
_ORDER = {"world": 0, "client": 1, "host": 2}


class Track(msgspec.Struct, frozen=True):
    """A thread of the file. The first of a process has its number."""

    pid: int
    tid: int
    name: str
    #: `world`, `client`, `host`, `proc` or `allocated`.
    kind: str

    @property
    def is_first(self) -> bool:
        return self.pid == self.tid


class Tracks:
    """The track of each node, numbered from 1 in the order in which processes started; 1 is the world."""

    def __init__(self, records: Iterable[Record], directory: Directory) -> None:
        self.world = Track(1, 1, "world", "world")
        self._by_node: dict[str, Track] = {WORLD: self.world}
        for record in records:
            if isinstance(record.what, ProcessStarted) and record.node not in self._by_node:
                number = len(self._by_node) + 1
                kind = record.what.kind
                parent = self._by_node.get(record.what.parent) if kind in ("proc", "allocated") else None
                pid = number if parent is None else parent.pid
                self._by_node[record.node] = Track(pid, number, directory.name_of_node(record.node), kind)

    def of(self, node: str) -> Track:
        """Where what happens on a node is drawn; in the world if its process never started."""
        return self._by_node.get(node, self.world)

    def names(self) -> Iterator[TraceEvent]:
        """Names and order of processes and threads."""
        for track in self._by_node.values():
            if track.is_first:
                yield _named(track, "process_name", {"name": track.name})
                order = _ORDER.get(track.kind, max(_ORDER.values()))
                yield _named(track, "process_sort_index", {"sort_index": order * len(self._by_node) + track.pid})
            yield _named(track, "thread_name", {"name": track.name})
            yield _named(track, "thread_sort_index", {"sort_index": track.tid})


def _named(track: Track, name: str, args: dict[str, object]) -> TraceEvent:
    return TraceEvent(name=name, ph="M", pid=track.pid, tid=track.tid, args=args)
