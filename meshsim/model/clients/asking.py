"""Asking the actors of a mesh about themselves, and drilling one of them: what a client does with test actors.

Source: supervision.md 15.1.
"""

from __future__ import annotations

import msgspec

from meshsim.model.clients.stopping import Outcome
from meshsim.model.commands import Command
from meshsim.model.config import Config
from meshsim.model.events import ActorSpawned, TimerFired
from meshsim.model.ids import ActorId, PortRef, actor_id
from meshsim.model.messages import (
    Answer,
    Drill,
    Envelope,
    Forward,
    GetActorId,
    GetCastInfo,
    GetConfig,
    NextSupervisionFailure,
)
from meshsim.model.messaging.casting import CastError, actors_of, cast
from meshsim.model.operations import ActorMeshRef, AskEach, DrillActor


def _members(mesh: ActorMeshRef) -> list[ActorId]:
    return [actor_id(proc.proc_id, mesh.name) for proc in mesh.procs.procs]


class AskRun(msgspec.Struct):
    """Ask every rank; over when as many have answered. The wait has no limit."""

    me: ActorId
    operation: AskEach
    config: Config
    port: int
    answers: dict[ActorId, str] = {}
    outcome: Outcome | None = None

    def accepts(self, port: int) -> bool:
        return port == self.port

    def start(self, now_ns: int) -> list[Command]:
        mesh, reply = self.operation.mesh, PortRef(self.me, self.port)
        match self.operation.what:
            case "id":
                question: GetActorId | GetCastInfo | GetConfig | NextSupervisionFailure = GetActorId(reply)
            case "cast_info":
                question = GetCastInfo(reply)
            case "config":
                question = GetConfig(self.operation.key, reply)
            case "next_failure":
                question = NextSupervisionFailure(reply)
            case _:
                return self._send_around(mesh, reply)
        try:
            return [*cast(self.me, actors_of(mesh), question, self.config)]
        except CastError as error:
            self.outcome = Outcome(error=str(error))
            return []

    def _send_around(self, mesh: ActorMeshRef, reply: PortRef) -> list[Command]:
        """One message from rank to rank, and back here."""
        first, *rest = _members(mesh)
        ports = (*(PortRef(actor, 0) for actor in rest), reply)
        return [Envelope(self.me, first, Forward(ports))]

    def handle(self, event: Envelope | TimerFired | ActorSpawned, now_ns: int) -> list[Command]:
        assert isinstance(event, Envelope)
        members = _members(self.operation.mesh)
        match event.message:
            case Forward(visited=visited):
                ranks = ", ".join(str(members.index(actor)) for actor in visited)
                self.outcome = Outcome(result=f"went by {ranks}")
            case Answer(actor=actor, text=text):
                self.answers[actor] = text
                if len(self.answers) == len(members):
                    self.outcome = Outcome(result="; ".join(self.answers[member] for member in members))
            case message:
                raise AssertionError(f"unexpected answer {message!r}")
        return []


class DrillRun(msgspec.Struct):
    """Tell one runtime test actor what to do; over at once, or with its answer if there is to be one."""

    me: ActorId
    operation: DrillActor
    port: int
    outcome: Outcome | None = None

    def accepts(self, port: int) -> bool:
        return port == self.port

    def start(self, now_ns: int) -> list[Command]:
        operation = self.operation
        answered = operation.order in ("spawn", "open", "reply")
        drill = Drill(
            operation.order,
            operation.text,
            operation.name,
            handles=operation.handles,
            reply=PortRef(self.me, self.port) if answered else None,
        )
        if not answered:
            self.outcome = Outcome()
        return [Envelope(self.me, operation.actor, drill)]

    def handle(self, event: Envelope | TimerFired | ActorSpawned, now_ns: int) -> list[Command]:
        assert isinstance(event, Envelope)
        assert isinstance(event.message, Answer)
        self.outcome = Outcome(result=event.message.text)
        return []
