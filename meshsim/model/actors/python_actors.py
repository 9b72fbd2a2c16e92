"""Actors of the Python layer as owners: what `__supervise__` answers decides, and chains begin with the owner's own id.

Source: supervision.md 12.7; mesh_model.md 6.5, 9.4.
"""

from __future__ import annotations

from meshsim.model.actors.plain import TestActor
from meshsim.model.commands import Command, Fail
from meshsim.model.events import ChildFailed, Event
from meshsim.model.messages import Envelope, MeshFailed, Undeliverable
from meshsim.model.messaging.undeliverable import default_undeliverable, restore_sender
from meshsim.model.supervision import (
    ActorErrorKind,
    ActorSupervisionEvent,
    ErrorDuringHandlingSupervision,
    MeshFailure,
    UnhandledSupervisionEvent,
    actor_failed,
    unhandled,
)

#: Text of the exception that a `__supervise__` of the third kind raises.
BAD_HANDLER = "bad handler"


class PythonActor(TestActor):
    """Its `__supervise__` answers nothing, which is falsy: every failure of what it owns is its own end."""

    def handle(self, event: Event, now_ns: int) -> list[Command]:
        """As a TestActor, but for failures of meshes and children, and messages that come back."""
        match event:
            case Envelope(port=0, message=MeshFailed(failure=MeshFailure() as failure)):
                return self._supervise("owner", failure, now_ns)
            case ChildFailed(event=child_event):
                return self._supervise("parent", MeshFailure(None, None, child_event), now_ns)
            case Envelope(port=0, message=Undeliverable() as undeliverable):
                return self._on_returned(restore_sender(undeliverable))
            case _:
                return super().handle(event, now_ns)

    def _on_returned(self, undeliverable: Undeliverable) -> list[Command]:
        """`_handle_undeliverable_message` answers False: the message that came back is the actor's end."""
        return default_undeliverable(self.me, undeliverable)

    def _supervise(self, role: str, failure: MeshFailure, now_ns: int) -> list[Command]:
        """What stopped is ignored; a failure is offered to `__supervise__`."""
        if not failure.event.is_error:
            return []
        error = self._answer(failure.event, now_ns)
        return [self.context.hears(role, failure), *([] if error is None else [Fail(error)])]

    def _answer(self, event: ActorSupervisionEvent, now_ns: int) -> ActorErrorKind | None:
        """`__supervise__`: none when it is handled, else the error of this actor."""
        return unhandled(self.me, event, self.context.clock.at(now_ns))


class PythonActorThatHandles(PythonActor):
    """Its `__supervise__` answers True."""

    def _answer(self, event: ActorSupervisionEvent, now_ns: int) -> ActorErrorKind | None:
        return None


class PythonActorThatRaises(PythonActor):
    """Its `__supervise__` raises an exception: a new failure, during the handling of the one that it was offered."""

    def _answer(self, event: ActorSupervisionEvent, now_ns: int) -> ActorErrorKind | None:
        status = actor_failed(ErrorDuringHandlingSupervision(BAD_HANDLER, event))
        occurred_at = self.context.clock.at(now_ns)
        return UnhandledSupervisionEvent(ActorSupervisionEvent(self.me, None, occurred_at, status))


class PythonActorThatTakesBack(PythonActor):
    """Its `_handle_undeliverable_message` answers True: a message that comes back costs it nothing."""

    def _on_returned(self, undeliverable: Undeliverable) -> list[Command]:
        return []
