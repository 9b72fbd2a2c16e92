"""Controllers that only act when they end: of a proc mesh, and of an allocated host mesh.

Neither polls nor has subscribers. When the actor that spawned the mesh ends, its controller's cleanup stops the procs
or shuts the hosts down; the runtime cuts it after `CLEANUP_TIMEOUT`.

Source: supervision.md 7. Q29: only allocated host meshes have a HostMeshController. Off: every one that is made here.
"""

from __future__ import annotations

import msgspec

from meshsim.model.clients.stopping import StopProcsRun, shutdown_host
from meshsim.model.commands import Command, Fail
from meshsim.model.config import Config
from meshsim.model.events import ChildFailed, CleanupStarted, ClockSet, Event, Started, TimerFired
from meshsim.model.ids import FIRST_EPHEMERAL_PORT, ActorId
from meshsim.model.messages import Ack, Envelope, Message, RankStatus, Undeliverable
from meshsim.model.messaging.undeliverable import default_undeliverable
from meshsim.model.operations import ProcMeshRef
from meshsim.model.supervision import Generic, UnhandledSupervisionEvent

CLEANUP_REASON = "proc mesh controller cleanup"


class ProcMeshController(msgspec.Struct):
    """Stops all procs of its mesh in cleanup; an error of that is the cleanup error."""

    me: ActorId
    config: Config
    mesh: ProcMeshRef
    run: StopProcsRun | None = None

    @property
    def busy(self) -> bool:
        return self.run is not None

    def accepts(self, port: int) -> bool:
        return self.run is not None and self.run.accepts(port)

    def takes(self, port: int, message: Message) -> bool:
        return type(message) is RankStatus

    def binds(self, message: Message) -> bool:
        return type(message) is Undeliverable

    def handle(self, event: Event, now_ns: int) -> list[Command]:
        match event:
            case CleanupStarted():
                self.run = StopProcsRun(
                    me=self.me,
                    mesh=self.mesh,
                    reason=CLEANUP_REASON,
                    config=self.config,
                    port=FIRST_EPHEMERAL_PORT,
                    key="stop_idle",
                )
                return self.run.start(now_ns)
            case Envelope(message=Undeliverable() as undeliverable):
                return default_undeliverable(self.me, undeliverable)
            case Envelope() | TimerFired() if self.run is not None:
                return self._on_progress(self.run, event, now_ns)
            case ChildFailed(event=child_event):
                return [Fail(UnhandledSupervisionEvent(child_event))]
            case Started() | ClockSet():
                return []
            case _:
                raise AssertionError(f"unexpected event {event!r}")

    def _on_progress(self, run: StopProcsRun, event: Envelope | TimerFired, now_ns: int) -> list[Command]:
        commands = run.handle(event, now_ns)
        if run.outcome is None:
            return commands
        self.run = None
        return commands if run.outcome.error is None else [*commands, Fail(Generic(run.outcome.error))]


class HostMeshController(msgspec.Struct):
    """Shuts its hosts down in cleanup, one after the other; failures are logged, never returned."""

    me: ActorId
    config: Config
    hosts: tuple[str, ...]
    #: Host that is waited for; none outside cleanup.
    current: int | None = None

    @property
    def busy(self) -> bool:
        return self.current is not None

    def accepts(self, port: int) -> bool:
        return self.current is not None and port == FIRST_EPHEMERAL_PORT

    def takes(self, port: int, message: Message) -> bool:
        return type(message) is Ack

    def binds(self, message: Message) -> bool:
        return type(message) is Undeliverable

    def handle(self, event: Event, now_ns: int) -> list[Command]:
        match event:
            case CleanupStarted():
                return self._shut_down(0)
            case Envelope(message=Undeliverable() as undeliverable):
                return default_undeliverable(self.me, undeliverable)
            case Envelope() if self.current is not None:
                return self._shut_down(self.current + 1)
            case ChildFailed(event=child_event):
                return [Fail(UnhandledSupervisionEvent(child_event))]
            case Started() | ClockSet():
                return []
            case _:
                raise AssertionError(f"unexpected event {event!r}")

    def _shut_down(self, index: int) -> list[Command]:
        if index == len(self.hosts):
            self.current = None
            return []
        self.current = index
        return [shutdown_host(self.me, self.hosts[index], self.config, FIRST_EPHEMERAL_PORT)]
