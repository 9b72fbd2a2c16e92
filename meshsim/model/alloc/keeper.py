"""Holds an alloc for the mesh that is made of it: initializes it, drains its events, stops it.

An actor beside the one that allocates, and its child; it never fails. Its events are of interest only until the alloc
is initialized. Between that and the end of the handshake nobody asks the alloc for anything.

    INITIALIZING ──every rank runs──▶ READY ──DrainAlloc──▶ DRAINING ──StopAlloc──▶ STOPPING ──▶ OVER
    INITIALIZING ──it failed──▶ OVER    READY ──StopAlloc──▶ STOPPING    DRAINING ──the events ended──▶ OVER

Source: mesh_model.md 5.7 steps 1 and 4; supervision.md 10.3, 10.8.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from meshsim.model.alloc.events import AllocEvent
from meshsim.model.alloc.initialize import Initialization, InitPhase
from meshsim.model.alloc.local_alloc import LocalAlloc
from meshsim.model.alloc.messages import (
    AllocHeartbeat,
    AllocHello,
    AllocInitialized,
    ChaosMonkey,
    DrainAlloc,
    FailAlloc,
    RemoteDone,
    RemoteHeartbeat,
    RemoteUpdate,
    StartedProc,
    StopAlloc,
)
from meshsim.model.alloc.process_alloc import ProcessAlloc
from meshsim.model.alloc.remote_alloc import RemoteAlloc
from meshsim.model.commands import Command, StopSelf
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
from meshsim.model.ids import ActorId, PortRef
from meshsim.model.messages import Ack, Envelope, Message, Undeliverable, reply_to
from meshsim.model.notes import AllocEventSeen, AllocStarted, Warned


class KeeperPhase(Enum):
    INITIALIZING = "initializing"
    READY = "ready"
    DRAINING = "draining"
    STOPPING = "stopping"
    OVER = "over"


TRANSITIONS: dict[KeeperPhase, frozenset[KeeperPhase]] = {
    KeeperPhase.INITIALIZING: frozenset({KeeperPhase.READY, KeeperPhase.OVER}),
    KeeperPhase.READY: frozenset({KeeperPhase.DRAINING, KeeperPhase.STOPPING}),
    KeeperPhase.DRAINING: frozenset({KeeperPhase.STOPPING, KeeperPhase.OVER}),
    KeeperPhase.STOPPING: frozenset({KeeperPhase.OVER}),
    KeeperPhase.OVER: frozenset(),
}

#: Phases in which somebody asks the alloc for its next event.
_ASKING = frozenset({KeeperPhase.INITIALIZING, KeeperPhase.DRAINING, KeeperPhase.STOPPING})


class AllocKeeper(msgspec.Struct):
    """Machine of the actor that holds an alloc."""

    me: ActorId
    #: What the scenario calls the procs.
    label: str
    alloc: ProcessAlloc | LocalAlloc | RemoteAlloc
    #: Where the result of the initialization goes.
    reply: PortRef
    initialization: Initialization
    phase: KeeperPhase = KeeperPhase.INITIALIZING
    #: Who waits for the end.
    waiting: list[PortRef] = []

    @property
    def busy(self) -> bool:
        return False

    def accepts(self, port: int) -> bool:
        return False

    def takes(self, port: int, message: Message) -> bool:
        return False

    def binds(self, message: Message) -> bool:
        """What an alloc is told, of either kind; what processes say, and what comes back from them, of its own."""
        if type(message) in (DrainAlloc, StopAlloc, FailAlloc):
            return True
        if isinstance(self.alloc, LocalAlloc):
            return type(message) is ChaosMonkey
        if isinstance(self.alloc, RemoteAlloc):
            return type(message) in (RemoteUpdate, RemoteDone, RemoteHeartbeat, Undeliverable)
        return type(message) in (AllocHello, StartedProc, AllocHeartbeat, Undeliverable)

    def handle(self, event: Event, now_ns: int) -> list[Command]:
        """Take one event and return what the runtime must do."""
        match event:
            case Started():
                self.alloc.me = self.me
                return [AllocStarted(self.me, self.label, self.alloc.name), *self._ask()]
            case Envelope(message=DrainAlloc()):
                self._move_to(KeeperPhase.DRAINING)
                return self._ask()
            case Envelope(message=StopAlloc(reply=reply)):
                return self._on_stop(reply)
            case Envelope() | ChildExited() | ProcDestroyed() | TimerFired():
                return [*self._tell(event), *self._ask()]
            case CleanupStarted() | ClockSet() | ChildFailed():
                return []
            case _:
                raise AssertionError(f"unexpected event {event!r}")

    def _on_stop(self, reply: PortRef) -> list[Command]:
        """The answer comes when the events have ended: at once, if they have already."""
        if self.phase is KeeperPhase.OVER:
            return [reply_to(reply, self.me, Ack())]
        self.waiting.append(reply)
        if self.phase is KeeperPhase.STOPPING:
            return []
        self._move_to(KeeperPhase.STOPPING)
        return [*self.alloc.stop(), *self._ask()]

    def _tell(self, event: Envelope | ChildExited | ProcDestroyed | TimerFired) -> list[Command]:
        """What the alloc has to know; when it looks at it is its own affair."""
        alloc = self.alloc
        match event:
            case Envelope(message=FailAlloc(description=description)):
                return alloc.fail(description)
            case Envelope(message=ChaosMonkey(rank=rank, reason=reason)) if isinstance(alloc, LocalAlloc):
                return alloc.chaos_monkey(rank, reason)
            case ProcDestroyed() if isinstance(alloc, LocalAlloc):
                return alloc.on_destroyed()
            case Envelope(message=Undeliverable(envelope=returned)) if not isinstance(alloc, LocalAlloc):
                return alloc.on_returned(returned)
            case Envelope() if not isinstance(alloc, LocalAlloc):
                return alloc.on_message(event)
            case ChildExited() if isinstance(alloc, ProcessAlloc):
                return alloc.on_exit(event)
            case TimerFired(key=key) if not isinstance(alloc, LocalAlloc):
                return alloc.on_timer(key)
            case _:
                raise AssertionError(f"{self.me} cannot take {event!r}")

    def _ask(self) -> list[Command]:
        """Take the events that are there, one by one."""
        commands: list[Command] = []
        while self.phase in _ASKING:
            more, event = self.alloc.next()
            commands += more
            if event is not None:
                commands += self._on_event(event)
            elif self.alloc.is_over:
                commands += self._on_end()
            else:
                break
        return commands

    def _on_event(self, event: AllocEvent) -> list[Command]:
        note = AllocEventSeen(self.me, self.label, event, str(event))
        if self.phase is not KeeperPhase.INITIALIZING:
            return [note]  # Nobody makes use of it.
        warnings = [Warned(self.me, text) for text in self.initialization.take(event)]
        return [note, *warnings, *self._end_initialization()]

    def _end_initialization(self) -> list[Command]:
        match self.initialization.phase:
            case InitPhase.COLLECTING:
                return []
            case InitPhase.COMPLETE:
                self._move_to(KeeperPhase.READY)
                return [reply_to(self.reply, self.me, AllocInitialized(self.initialization.procs))]
            case InitPhase.FAILED:
                # The alloc is dropped as it is: processes that run find out by their heartbeats.
                self._move_to(KeeperPhase.OVER)
                result = AllocInitialized(error=self.initialization.error)
                return [reply_to(self.reply, self.me, result), StopSelf("alloc dropped")]

    def _on_end(self) -> list[Command]:
        if self.phase is KeeperPhase.INITIALIZING:
            self.initialization.end()
            return self._end_initialization()
        self._move_to(KeeperPhase.OVER)
        waiting, self.waiting = self.waiting, []
        return [reply_to(reply, self.me, Ack()) for reply in waiting]

    def _move_to(self, phase: KeeperPhase) -> None:
        assert phase in TRANSITIONS[self.phase], f"{self.me}: {self.phase.value} -> {phase.value}"
        self.phase = phase
