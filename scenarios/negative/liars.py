"""Actors that are wrong on purpose: what they do must be caught.

Run their scenarios from the root of the repository, where `scenarios.negative.liars` can be imported.
"""

from __future__ import annotations

import os
import signal

from msgspec import UNSET

from meshsim.model.actors.plain import TestActor
from meshsim.model.commands import Command
from meshsim.model.events import Event, Started
from meshsim.model.messages import Envelope, MeshFailed, Work
from meshsim.model.notes import ActorStatusChanged
from meshsim.model.supervision import (
    ActorPhase,
    ActorStatus,
    ActorSupervisionEvent,
    Generic,
    MeshFailure,
    actor_failed,
    actor_stopped,
)


class SaysItHasStopped(TestActor):
    """Told to work it says that it has stopped, and lives on: its end comes when it is stopped."""

    def handle(self, event: Event, now_ns: int) -> list[Command]:
        """Take one event and return what the runtime must do."""
        if isinstance(event, Envelope) and isinstance(event.message, Work):
            return [ActorStatusChanged(self.me, ActorPhase.STOPPED, "stopped: so it says")]
        return super().handle(event, now_ns)


class TellsTheOwner(TestActor):
    """Told to work it tells the owner of its mesh something about itself, past the controller."""

    def handle(self, event: Event, now_ns: int) -> list[Command]:
        """Take one event and return what the runtime must do."""
        if isinstance(event, Envelope) and isinstance(event.message, Work):
            return [self._news_for_the_owner(event, now_ns)]
        return super().handle(event, now_ns)

    def _news_for_the_owner(self, cast: Envelope, now_ns: int) -> Envelope:
        assert cast.cast_sender is not UNSET
        assert cast.cast_mesh is not UNSET
        event = ActorSupervisionEvent(self.me, None, now_ns, self._status())
        return Envelope(self.me, cast.cast_sender, MeshFailed(MeshFailure(str(cast.cast_mesh), self.rank, event)))

    def _status(self) -> ActorStatus:
        return actor_stopped("nothing more to do")


class FeignsFailure(TellsTheOwner):
    """Tells the owner that it failed, and works on."""

    def _status(self) -> ActorStatus:
        return actor_failed(Generic("so it says"))


class ExitsOnSigterm(TestActor):
    """Keeps its process from dying of SIGTERM: it exits with a code of its own. Only a real process can."""

    def handle(self, event: Event, now_ns: int) -> list[Command]:
        """Take one event and return what the runtime must do."""
        if isinstance(event, Started):
            signal.signal(signal.SIGTERM, lambda _, __: os._exit(7))
        return super().handle(event, now_ns)
