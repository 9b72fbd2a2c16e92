"""The allocator of a host: a service that starts processes there for clients elsewhere.

It has one alloc of processes at a time and passes on what that says. Its clients reach the procs by way of the host:
the address of each is replaced by that of the host, which forwards.

    IDLE ──RemoteAllocate──▶ ACTIVE ──RemoteStop, the client is gone──▶ STOPPING ──the events ended: Done──▶ IDLE
    ACTIVE, STOPPING ──RemoteAllocate──▶ STOPPING, then ACTIVE with the new one

Source: mesh_model.md 5.5.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from meshsim.model.alloc.events import AllocEvent, Running
from meshsim.model.alloc.messages import (
    AllocHeartbeat,
    AllocHello,
    RemoteAllocate,
    RemoteDone,
    RemoteHeartbeat,
    RemoteStop,
    RemoteUpdate,
    StartedProc,
)
from meshsim.model.alloc.process_alloc import ProcessAlloc
from meshsim.model.commands import CancelTimer, Command, Fail, SetTimer
from meshsim.model.config import Config
from meshsim.model.events import (
    ChildExited,
    ChildFailed,
    CleanupStarted,
    ClockSet,
    Event,
    ProcDestroyed,
    Started,
    TimerFired,
)
from meshsim.model.ids import ActorId, NameSource, address_of, node_of_address, proc_of
from meshsim.model.messages import (
    Envelope,
    Message,
    Undeliverable,
    reply_to,
)
from meshsim.model.shapes.extent import Extent
from meshsim.model.supervision import UnhandledSupervisionEvent

HEARTBEAT_TIMER = "heartbeat"


class ServicePhase(Enum):
    IDLE = "idle"
    ACTIVE = "active"
    STOPPING = "stopping"


TRANSITIONS: dict[ServicePhase, frozenset[ServicePhase]] = {
    ServicePhase.IDLE: frozenset({ServicePhase.ACTIVE}),
    ServicePhase.ACTIVE: frozenset({ServicePhase.STOPPING}),
    ServicePhase.STOPPING: frozenset({ServicePhase.IDLE}),
}


#: Types of messages that it takes at its handler ports; processes say hello to it.
_BOUND = frozenset(
    {RemoteAllocate, RemoteStop, RemoteHeartbeat, AllocHello, StartedProc, AllocHeartbeat, Undeliverable}
)


class RemoteAllocator(msgspec.Struct):
    """Machine of the service of one host."""

    me: ActorId
    config: Config
    names: NameSource
    phase: ServicePhase = ServicePhase.IDLE
    request: RemoteAllocate | None = None
    alloc: ProcessAlloc | None = None
    #: Comes when the present one has ended.
    following: RemoteAllocate | None = None

    @property
    def busy(self) -> bool:
        return False

    def accepts(self, port: int) -> bool:
        return False

    def takes(self, port: int, message: Message) -> bool:
        return False

    def binds(self, message: Message) -> bool:
        """What clients ask, and what the processes of an alloc say."""
        return type(message) in _BOUND

    def handle(self, event: Event, now_ns: int) -> list[Command]:
        """Take one event and return what the runtime must do."""
        match event:
            case Envelope(message=RemoteAllocate() as request):
                return self._on_allocate(request)
            case Envelope(message=RemoteStop(name=name)):
                return self._stop(name)
            case Envelope(message=RemoteHeartbeat()) | Started() | CleanupStarted() | ClockSet() | ProcDestroyed():
                return []
            case TimerFired(key=key) if key == HEARTBEAT_TIMER:
                return self._beat()
            case Envelope(message=Undeliverable(envelope=returned)):
                return self._on_returned(returned)
            case ChildFailed(event=child_event):
                return [Fail(UnhandledSupervisionEvent(child_event))]
            case Envelope() | ChildExited() | TimerFired():
                return [*self._tell(event), *self._relay()]
            case _:
                raise AssertionError(f"unexpected event {event!r}")

    @property
    def _host(self) -> str:
        return node_of_address(address_of(proc_of(self.me)))

    def _on_allocate(self, request: RemoteAllocate) -> list[Command]:
        """One at a time: what is there is stopped first."""
        if self.request is None:
            return self._begin(request)
        self.following = request
        return self._stop(self.request.name)

    def _begin(self, request: RemoteAllocate) -> list[Command]:
        self._move_to(ServicePhase.ACTIVE)
        self.request = request
        self.alloc = ProcessAlloc(
            me=self.me,
            name=self.names.draw_uuid(),
            extent=Extent.of(request.extent),
            label=request.label,
            config=Config.of(request.config, self.config.quirks_off, self.config.revision.name),
            names=self.names.branch(),
            first_node=request.first_rank,
            proc_name=request.proc_name,
        )
        return [self._next_heartbeat(), *self._relay()]

    def _stop(self, name: str) -> list[Command]:
        if self.alloc is None or self.request is None or self.request.name != name:
            return []
        if self.phase is not ServicePhase.ACTIVE:
            return []
        self._move_to(ServicePhase.STOPPING)
        return [*self.alloc.stop(), *self._relay()]

    def _on_returned(self, returned: Envelope) -> list[Command]:
        """The client is gone, and its alloc with it; or a process is."""
        if isinstance(returned.message, RemoteUpdate | RemoteHeartbeat | RemoteDone):
            return self._stop(returned.message.name)
        return [] if self.alloc is None else [*self.alloc.on_returned(returned), *self._relay()]

    def _tell(self, event: Envelope | ChildExited | TimerFired) -> list[Command]:
        if self.alloc is None:
            return []  # From a process of an alloc that has ended.
        match event:
            case Envelope():
                return self.alloc.on_message(event)
            case ChildExited():
                return self.alloc.on_exit(event)
            case TimerFired(key=key):
                return self.alloc.on_timer(key)

    def _relay(self) -> list[Command]:
        """Pass on the events that are there, one by one."""
        commands: list[Command] = []
        while self.alloc is not None and self.request is not None:
            more, event = self.alloc.next()
            commands += more
            if event is not None:
                update = RemoteUpdate(self.request.name, self._host, self._forwarded(event))
                commands.append(reply_to(self.request.reply, self.me, update))
            elif self.alloc.is_over:
                commands += self._end(self.request)
            else:
                break
        return commands

    def _forwarded(self, event: AllocEvent) -> AllocEvent:
        """A proc is reached by way of this host."""
        if isinstance(event, Running):
            return msgspec.structs.replace(event, addr=address_of(proc_of(self.me)))
        return event

    def _end(self, request: RemoteAllocate) -> list[Command]:
        self._move_to(ServicePhase.IDLE)
        self.alloc = self.request = None
        done = reply_to(request.reply, self.me, RemoteDone(request.name, self._host))
        commands: list[Command] = [CancelTimer(self.me, HEARTBEAT_TIMER), done]
        following, self.following = self.following, None
        return commands if following is None else commands + self._begin(following)

    def _beat(self) -> list[Command]:
        assert self.request is not None
        return [reply_to(self.request.reply, self.me, RemoteHeartbeat(self.request.name)), self._next_heartbeat()]

    def _next_heartbeat(self) -> Command:
        return SetTimer(self.me, HEARTBEAT_TIMER, self.config.remote_allocator_heartbeat_interval)

    def _move_to(self, phase: ServicePhase) -> None:
        assert phase in TRANSITIONS[self.phase], f"{self.me}: {self.phase.value} -> {phase.value}"
        self.phase = phase
