"""What waits for a supervision event: the event itself, or the replies of a call that it would cut short.

Runs of this kind name the reference that they look at (`ref`); the context that holds them tells them of its failures.

Source: supervision.md 12.4; mesh_model.md 9.2, 9.3.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from meshsim.model.clients.stopping import Outcome
from meshsim.model.commands import CancelTimer, Command, SetTimer
from meshsim.model.config import Config
from meshsim.model.events import ActorSpawned, TimerFired
from meshsim.model.ids import ActorId, PortRef
from meshsim.model.messages import Call, Envelope, Returned
from meshsim.model.messaging.casting import CastError, actors_of, cast
from meshsim.model.operations import ActorMeshRef, CallMesh
from meshsim.model.supervision import MeshFailure, event_text, failure_text

#: What a wait with a limit ends with, when nothing came.
GIVEN_UP = "deadline has elapsed"


class AwaitRun(msgspec.Struct):
    """One call of next_supervision_event (12.4). Giving up leaves the subscription as it is."""

    me: ActorId
    ref: str
    key: str
    limit_ns: int
    quirks_off: tuple[str, ...] = ()
    outcome: Outcome | None = None

    def accepts(self, port: int) -> bool:
        return False

    def start(self, now_ns: int) -> list[Command]:
        return [SetTimer(self.me, self.key, self.limit_ns)] if self.limit_ns else []

    def on_failure(self, failure: MeshFailure) -> list[Command]:
        self.outcome = Outcome(result=failure_text(failure, self.quirks_off))
        return [CancelTimer(self.me, self.key)] if self.limit_ns else []

    def handle(self, event: Envelope | TimerFired | ActorSpawned, now_ns: int) -> list[Command]:
        assert isinstance(event, TimerFired)
        self.outcome = Outcome(error=GIVEN_UP)
        return []


class CallRun(msgspec.Struct):
    """One call of an endpoint of every rank; over with the last answer, the first exception, or the first failure.

    Source: mesh_model.md 9.2, 9.3.
    """

    me: ActorId
    mesh: ActorMeshRef
    operation: CallMesh
    config: Config
    port: int
    answered: list[ActorId] = []
    outcome: Outcome | None = None

    @property
    def ref(self) -> str:
        return self.mesh.label

    def accepts(self, port: int) -> bool:
        return port == self.port

    def refuse(self, failure: MeshFailure | None) -> None:
        """What ends the call before it begins: a mesh that is known to be unhealthy, or too large for `call_one`."""
        count = len(self.mesh.procs.procs)
        if self.operation.one and count != 1:
            self.outcome = Outcome(error=f"call_one requires exactly 1 actor, but mesh has {count}")
        elif failure is not None:
            self.on_failure(failure)

    def start(self, now_ns: int) -> list[Command]:
        if self.outcome is not None:
            return []
        operation = self.operation
        call = Call(operation.method, PortRef(self.me, self.port), operation.busy_ns, operation.raises)
        try:
            return [*cast(self.me, actors_of(self.mesh), call, self.config)]
        except CastError as error:
            self.outcome = Outcome(error=str(error))
            return []

    def handle(self, event: Envelope | TimerFired | ActorSpawned, now_ns: int) -> list[Command]:
        assert isinstance(event, Envelope)
        returned = event.message
        assert isinstance(returned, Returned)
        self.answered.append(returned.actor)
        if returned.raised:
            error = actor_error(self.mesh.mesh, self.operation.method, returned.raised)
            self.outcome = Outcome(error=error)
        elif len(self.answered) == len(self.mesh.procs.procs):
            self.outcome = Outcome(result=f"{len(self.answered)} answered")
        return []

    def on_failure(self, failure: MeshFailure) -> list[Command]:
        text = endpoint_failed(self.mesh.mesh, self.operation.method, failure, self.config.quirks_off)
        self.outcome = Outcome(error=text)
        return []


def endpoint_failed(mesh: str, method: str, failure: MeshFailure, quirks_off: Collection[str] = ()) -> str:
    """The text of a SupervisionError. Source: mesh_model.md 9.3."""
    reason = event_text(failure.event, quirks_off)
    actor = failure.event.actor_id
    return f"Endpoint call {mesh}.{method}() failed, Actor {actor} exited because of the following reason: {reason}"


def actor_error(actor: str, method: str, raised: str) -> str:
    """The text of an ActorError. Source: mesh_model.md 9.3."""
    return (
        f"Actor call {actor}.{method} failed.\n"
        f" Traceback of where the remote call failed (most recent call last):\n{raised}"
    )
