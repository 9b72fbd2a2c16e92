"""An alloc on several hosts, as the client has it: a part of it on each, and one stream of events.

The last dimension of the extent is per host, and the others say which one (`ProcLevel`); or every point is a host's
(`HostLevel`). Nothing but a message that comes back says that a host is gone, and heartbeats are there to come back.

    (unasked) ──next──▶ CONNECTING ──its first Created──▶ SERVING ──Done──▶ DONE
    CONNECTING ──a message came back: Failed──▶ LOST      SERVING ──a message came back: HostWatchdog──▶ LOST

Source: mesh_model.md 5.2 (modes), 5.5.
"""

from __future__ import annotations

from enum import Enum
from math import prod

import msgspec

from meshsim.model.alloc.events import HOST_WATCHDOG, AllocEvent, Created, Failed, Running, Stopped
from meshsim.model.alloc.messages import RemoteAllocate, RemoteDone, RemoteHeartbeat, RemoteStop, RemoteUpdate
from meshsim.model.commands import CancelTimer, Command, SetTimer
from meshsim.model.config import Config, overrides
from meshsim.model.ids import ActorId, PortRef, remote_allocator_id
from meshsim.model.messages import Envelope
from meshsim.model.shapes.extent import Extent, ViewRank

HEARTBEAT_TIMER = "heartbeat"


def never_allocated(host: str) -> str:
    """What is said of a host that was lost before anything came from it."""
    return (
        f"no process has ever been allocated on {host}, connection is not established; "
        "a common issue could be allocator port mismatch, or transport not enabled on client"
    )


def not_enough(extent: Extent, available: int) -> str:
    """What is said when there are fewer hosts than parts."""
    return f"not enough resources; requested: {extent}, available: {available}"


def parts_of(extent: Extent, *, host_level: bool) -> tuple[Extent, int]:
    """The extent of the part of one host, and how many parts there are."""
    labels, sizes = extent.labels, extent.sizes
    if host_level or not labels:
        return Extent((), ()), prod(sizes)
    return Extent(labels[-1:], sizes[-1:]), prod(sizes[:-1])


class HostPhase(Enum):
    CONNECTING = "connecting"
    SERVING = "serving"
    DONE = "done"
    LOST = "lost"


TRANSITIONS: dict[HostPhase, frozenset[HostPhase]] = {
    HostPhase.CONNECTING: frozenset({HostPhase.SERVING, HostPhase.DONE, HostPhase.LOST}),
    HostPhase.SERVING: frozenset({HostPhase.DONE, HostPhase.LOST}),
    HostPhase.DONE: frozenset(),
    HostPhase.LOST: frozenset(),
}

_OVER = (HostPhase.DONE, HostPhase.LOST)


class HostPart(msgspec.Struct):
    """What is known of one host."""

    phase: HostPhase = HostPhase.CONNECTING
    #: Create keys of its processes that have not stopped.
    active: list[str] = []

    def move_to(self, phase: HostPhase) -> None:
        assert phase in TRANSITIONS[self.phase], f"{self.phase.value} -> {phase.value}"
        self.phase = phase


class RemoteAlloc(msgspec.Struct):
    """State of one alloc. `me` is the actor that holds it and asks it for events."""

    me: ActorId
    name: str
    extent: Extent
    label: str
    #: In order of their parts. More than there are parts are not used.
    hosts: tuple[str, ...]
    config: Config
    host_level: bool = False
    #: Base of the name of every proc, when the spec fixes one.
    proc_name: str = ""
    #: By host, once the alloc was asked for its first event.
    parts: dict[str, HostPart] = {}
    ready: list[AllocEvent] = []
    is_asked: bool = False
    is_stopping: bool = False

    @property
    def is_over(self) -> bool:
        """Every host is done or lost, and nothing is left to tell."""
        return self.is_asked and not self.ready and all(part.phase in _OVER for part in self.parts.values())

    def next(self) -> tuple[list[Command], AllocEvent | None]:
        """Look for one event; the first question sends every host its part."""
        commands = [] if self.is_asked else self._begin()
        return commands, self.ready.pop(0) if self.ready else None

    def stop(self) -> list[Command]:
        """Every host that is left is told."""
        self.is_stopping = True
        return [self._to(host, RemoteStop(self.name)) for host in self._live]

    def fail(self, description: str) -> list[Command]:
        self.ready.append(Failed(self.name, description))
        return []

    def on_message(self, envelope: Envelope) -> list[Command]:
        """What a host says. Of one that was given up nothing is believed any more."""
        match envelope.message:
            case RemoteUpdate(host=host, event=event) if self.parts[host].phase not in _OVER:
                self._on_event(host, event)
            case RemoteDone(host=host) if self.parts[host].phase not in _OVER:
                self.parts[host].move_to(HostPhase.DONE)
                return self._end_heartbeats()
            case _:
                pass
        return []

    def on_returned(self, envelope: Envelope) -> list[Command]:
        """The channel to a host is closed: its processes are as good as stopped."""
        host = next((host for host in self.parts if remote_allocator_id(host) == envelope.dest), None)
        if host is None or self.parts[host].phase in _OVER:
            return []
        part = self.parts[host]
        if part.phase is HostPhase.CONNECTING:
            self.ready.append(Failed(self.name, never_allocated(host)))
        self.ready += [Stopped(key, HOST_WATCHDOG) for key in part.active]
        part.active = []
        part.move_to(HostPhase.LOST)
        return self._end_heartbeats()

    def on_timer(self, key: str) -> list[Command]:
        """Heartbeats to all hosts that are left."""
        beats = [self._to(host, RemoteHeartbeat(self.name)) for host in self._live]
        return [*beats, self._next_heartbeat()]

    @property
    def _live(self) -> list[str]:
        return [host for host, part in self.parts.items() if part.phase not in _OVER]

    def _begin(self) -> list[Command]:
        self.is_asked = True
        extent, count = parts_of(self.extent, host_level=self.host_level)
        if count > len(self.hosts):
            return self.fail(not_enough(self.extent, len(self.hosts)))
        self.parts = {host: HostPart() for host in self.hosts[:count]}
        pairs = tuple(zip(extent.labels, extent.sizes, strict=True))
        requests = [
            self._to(
                host,
                RemoteAllocate(
                    name=self.name,
                    label=self.label,
                    first_rank=self._first_rank(host),
                    extent=pairs,
                    reply=PortRef(self.me, 0),
                    config=overrides(self.config),
                    proc_name=self.proc_name,
                ),
            )
            for host in self.parts
        ]
        return [*requests, self._next_heartbeat()]

    def _first_rank(self, host: str) -> int:
        extent, _ = parts_of(self.extent, host_level=self.host_level)
        return list(self.parts).index(host) * extent.num_ranks

    def _on_event(self, host: str, event: AllocEvent) -> None:
        """An event of a part, as one of the whole."""
        part = self.parts[host]
        match event:
            case Created(create_key=key, rank=rank):
                if part.phase is HostPhase.CONNECTING:
                    part.move_to(HostPhase.SERVING)
                part.active.append(key)
                whole = self._first_rank(host) + rank
                point = str(self.extent.point_of_rank(ViewRank(whole)))
                self.ready.append(msgspec.structs.replace(event, rank=whole, point=point))
            case Stopped(create_key=key):
                part.active.remove(key)
                self.ready.append(event)
            case Failed(description=description):
                self.ready.append(Failed(self.name, f"host {host} failed: {description}"))
            case Running():
                self.ready.append(event)

    def _to(self, host: str, message: RemoteAllocate | RemoteStop | RemoteHeartbeat) -> Envelope:
        return Envelope(self.me, remote_allocator_id(host), message)

    def _next_heartbeat(self) -> Command:
        return SetTimer(self.me, HEARTBEAT_TIMER, self.config.remote_allocator_heartbeat_interval)

    def _end_heartbeats(self) -> list[Command]:
        return [] if self._live else [CancelTimer(self.me, HEARTBEAT_TIMER)]
