"""The controller of an actor mesh before there was supervision: it stops the mesh when its owner ends, and that is all.

It does not poll, has neither owner nor subscribers, and takes no message: what is sent to it comes back. It is an
anonymous child of the actor that spawned the mesh.

Source: supervision.md 10.9 (row ActorMeshController).
"""

from __future__ import annotations

from meshsim.model.commands import Command, Fail
from meshsim.model.controllers.keeper import CLEANUP_REASON, ControllerPhase, MeshKeeper
from meshsim.model.events import ChildFailed, CleanupStarted, ClockSet, Event, Started, TimerFired
from meshsim.model.messages import Envelope, Message, RankStatus, Undeliverable
from meshsim.model.messaging.undeliverable import default_undeliverable
from meshsim.model.supervision import UnhandledSupervisionEvent


class CleanupController(MeshKeeper):
    """Stops its mesh in cleanup; an error of that is the cleanup error."""

    @property
    def busy(self) -> bool:
        return self.phase is not ControllerPhase.IDLE

    def accepts(self, port: int) -> bool:
        return self.stop is not None and self.stop.accepts(port)

    def takes(self, port: int, message: Message) -> bool:
        return type(message) is RankStatus

    def binds(self, message: Message) -> bool:
        return type(message) is Undeliverable

    def handle(self, event: Event, now_ns: int) -> list[Command]:
        """Take one event and return what the runtime must do."""
        match event:
            case CleanupStarted():
                self._move_to(ControllerPhase.CLEANING_UP)
                return self._stop_actors(CLEANUP_REASON, now_ns)
            case Envelope(message=Undeliverable() as undeliverable):
                return default_undeliverable(self.me, undeliverable)
            case Envelope(message=RankStatus() as overlay):
                return self._on_rank_status(event, overlay, now_ns)
            case TimerFired():
                return self._on_stop_idle(now_ns)
            case ChildFailed(event=child_event):
                return [Fail(UnhandledSupervisionEvent(child_event))]
            case Started() | ClockSet():
                return []
            case _:
                raise AssertionError(f"unexpected event {event!r}")
