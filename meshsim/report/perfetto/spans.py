"""What lasts, as asynchronous spans: operations, polls, stalls, ladders, faults of links.

Each span has an id of its own, so any number of them may overlap. One that nothing ends in the trace ends with its
process, or with the run, and says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, get_args

from msgspec import UNSET

from meshsim.faults.kinds import Fault, LinkFault
from meshsim.model.ids import address_of_node, proc_id
from meshsim.model.notes import OperationEnded, OperationStarted, PollEnded, PollStarted, ProcStatusChanged
from meshsim.model.tags import tag_of
from meshsim.report.perfetto.events import TraceEvent, microseconds
from meshsim.report.perfetto.failures import Failure
from meshsim.report.perfetto.tracks import Track, Tracks
from meshsim.trace.directory import Directory
from meshsim.trace.records import (
    FaultEnded,
    FaultStruck,
    ProcessContinued,
    ProcessDied,
    ProcessSignalled,
    ProcessStopped,
    Record,
)

#: Faults that last: of links. One without an end in the trace lasts to the end of the run.
_LASTING = frozenset(tag_of(kind) for kind in get_args(Fault) if issubclass(kind, LinkFault))

_STALL, _LADDER = "stall", "ladder"


class _Open:
    """A span that has begun."""

    def __init__(self, number: int, name: str, category: str, track: Track, node: str) -> None:
        self.number = number
        self.name = name
        self.category = category
        self.track = track
        self.node = node

    def event(
        self, ph: Literal["b", "n", "e"], at: int, args: Mapping[str, object] | None = None, name: str | None = None
    ) -> TraceEvent:
        return TraceEvent(
            name=name or self.name,
            cat=self.category,
            ph=ph,
            id=self.number,
            pid=self.track.pid,
            tid=self.track.tid,
            ts=microseconds(at),
            args=args or UNSET,
        )


class Spans:
    """Takes records in order of time and gives the events of their spans; call `close` at the end, `told` whenever."""

    def __init__(self, tracks: Tracks, directory: Directory) -> None:
        self._tracks = tracks
        self._directory = directory
        self._open: dict[tuple[object, ...], _Open] = {}
        self._count = 0

    def take(self, record: Record, at: int) -> Iterator[TraceEvent]:
        """What a record, drawn at `at`, begins, marks or ends."""
        what, node = record.what, record.node
        match what:
            case OperationStarted(index=index, by=by, operation=operation, label=label):
                yield from self._begin(("operation", index, by), f"{operation} {label}".rstrip(), record, at)
            case OperationEnded(index=index, by=by, error=error, result=result):
                outcome = {"result": result} if error is None else {"error": self._directory.shortened(error)}
                yield from self._end(("operation", index, by), at, outcome)
            case PollStarted(controller=controller, count=count):
                name = f"poll of {self._directory.name_of_actor(controller).removesuffix('.controller')}"
                yield from self._begin(("poll", controller, count), name, record, at)
            case PollEnded(controller=controller, count=count, outcome=outcome):
                yield from self._end(("poll", controller, count), at, {"outcome": outcome})
            case ProcessStopped():
                yield from self._begin((_STALL, node), f"{self._directory.name_of_node(node)} is stopped", record, at)
            case ProcessContinued():
                yield from self._end((_STALL, node), at, {})
            case ProcStatusChanged():
                yield from self._on_proc_status(record, what, at)
            case ProcessSignalled(signal=number):
                yield from self._mark((_LADDER, self._directory.name_of_node(node)), at, f"signal {number}")
            case FaultStruck(index=index, kind=kind, target=target) if kind in _LASTING:
                yield from self._begin(("fault", index, target), f"{kind} {target}", record, at)
            case FaultEnded(index=index, target=target):
                yield from self._end(("fault", index, target), at, {})
            case ProcessDied():
                for key in [key for key, span in self._open.items() if span.node == node]:
                    yield from self._end(key, at, {"ended": "its process died"})
            case _:
                pass

    def close(self, at: int) -> Iterator[TraceEvent]:
        """End what is still open when the run ends."""
        for key in list(self._open):
            yield from self._end(key, at, {"ended": "open at the end of the run"})

    def told(self, failures: Iterable[Failure], drawn: Sequence[int]) -> Iterator[TraceEvent]:
        """For each failure a span until the last listener has heard, with one inside until it was found and sent."""
        for failure in failures:
            track = self._tracks.of(failure.node)
            span = self._new(f"failure of {failure.subject}", "failure", track, failure.node)
            start, end = drawn[failure.failed], drawn[failure.ended]
            yield span.event("b", start, {"record": failure.failed, "what": failure.what, "ended": failure.why_ended})
            if failure.heard:
                sent = drawn[failure.sent]
                yield span.event("b", start, {"record": failure.sent}, name="until it is found")
                yield span.event("e", sent, name="until it is found")
                yield span.event("b", sent, name="until all have heard")
                for index, listener in failure.heard:
                    yield span.event("n", drawn[index], {"record": index}, name=f"heard by {listener}")
                yield span.event("e", end, name="until all have heard")
            yield span.event("e", end)

    def _on_proc_status(self, record: Record, changed: ProcStatusChanged, at: int) -> Iterator[TraceEvent]:
        """A ladder is climbed from Stopping to whatever end."""
        name = self._directory.name_of_proc(proc_id(address_of_node(record.node), changed.name))
        if changed.phase == "Stopping":
            yield from self._begin((_LADDER, name), f"stop of {name}", record, at)
        elif changed.before == "Stopping":
            yield from self._end((_LADDER, name), at, {"became": changed.text})

    def _begin(self, key: tuple[object, ...], name: str, record: Record, at: int) -> Iterator[TraceEvent]:
        yield from self._end(key, at, {"ended": "another one began"})
        track = self._tracks.of(record.node)
        self._open[key] = span = self._new(name, str(key[0]), track, record.node)
        yield span.event("b", at, {"record": record.seq})

    def _mark(self, key: tuple[object, ...], at: int, name: str) -> Iterator[TraceEvent]:
        if key in self._open:
            yield self._open[key].event("n", at, name=name)

    def _end(self, key: tuple[object, ...], at: int, args: Mapping[str, object]) -> Iterator[TraceEvent]:
        """Nothing when it is not open: its process had died, say."""
        if key in self._open:
            yield self._open.pop(key).event("e", at, args)

    def _new(self, name: str, category: str, track: Track, node: str) -> _Open:
        self._count += 1
        return _Open(self._count, name, category, track, node)
