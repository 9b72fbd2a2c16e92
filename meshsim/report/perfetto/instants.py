"""Faults and what else a reader looks for, as instants: faults as wide as their target, the rest on its track."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshsim.model.ids import ActorId
from meshsim.model.notes import (
    ActorStatusChanged,
    Bounced,
    ControllerStalled,
    Heard,
    MarkRejected,
    MonitoringEnded,
    OrphanStopped,
    SubscriberRemoved,
    Warned,
)
from meshsim.model.supervision import ActorPhase
from meshsim.model.tags import tag_of
from meshsim.report.perfetto.events import Scope, TraceEvent, microseconds
from meshsim.report.perfetto.tracks import Track, Tracks
from meshsim.trace.directory import Directory
from meshsim.trace.records import (
    FaultEnded,
    FaultMissed,
    FaultStruck,
    KernelDisagreed,
    MessageLost,
    ProcessDied,
    ProcessNotStarted,
    ProcessReaped,
    ProcessSignalled,
    Record,
    RunEnded,
)
from meshsim.trace.story import describe

_FAULTS = (FaultStruck, FaultMissed, FaultEnded)
_TOLD = (
    Bounced,
    ControllerStalled,
    Heard,
    KernelDisagreed,
    MarkRejected,
    MessageLost,
    MonitoringEnded,
    OrphanStopped,
    ProcessDied,
    ProcessNotStarted,
    ProcessReaped,
    ProcessSignalled,
    RunEnded,
    SubscriberRemoved,
    Warned,
)


def instants(
    records: Sequence[Record], drawn: Sequence[int], tracks: Tracks, directory: Directory
) -> Iterator[TraceEvent]:
    """One for each record that is worth it, named in words."""
    for record, at in zip(records, drawn, strict=True):
        seen = _seen(record, tracks, directory)
        if seen is not None:
            category, track, scope = seen
            yield TraceEvent(
                name=describe(record, directory),
                cat=category,
                ph="i",
                s=scope,
                pid=track.pid,
                tid=track.tid,
                ts=microseconds(at),
                args={"record": record.seq, "at_ns": record.at},
            )


def _seen(record: Record, tracks: Tracks, directory: Directory) -> tuple[str, Track, Scope] | None:
    """Category, place and scope; None for what is not worth an instant."""
    what = record.what
    if isinstance(what, _FAULTS):
        return "fault", *_place(what.target, tracks, directory)
    if isinstance(what, _TOLD) or (isinstance(what, ActorStatusChanged) and what.phase is ActorPhase.FAILED):
        return tag_of(what), tracks.of(record.node), "g" if isinstance(what, RunEnded) else "t"
    return None


def _place(target: str, tracks: Tracks, directory: Directory) -> tuple[Track, Scope]:
    """A fault of a host or client is drawn over its process, of a proc or an actor on its thread, others over all."""
    node = directory.node_of_actor(ActorId(target)) if "," in target and " " not in target else target
    track = tracks.of(node or "")
    if track is tracks.world:
        return track, "g"
    return track, "p" if track.is_first and node == target else "t"
