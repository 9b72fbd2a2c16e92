"""Asking the actors of a mesh about themselves, and drilling one of them: what a client does with test actors.

Source: supervision.md 15.1.
"""

from __future__ import annotations

from itertools import chain, pairwise

import msgspec
from msgspec import UNSET

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
    SetConfig,
)
from meshsim.model.messaging.casting import CastError, actors_of, cast
from meshsim.model.operations import ActorMeshRef, AskEach, DrillActor

Question = GetActorId | GetCastInfo | GetConfig | SetConfig | NextSupervisionFailure


def _members(mesh: ActorMeshRef) -> list[ActorId]:
    return [actor_id(proc.proc_id, mesh.name) for proc in mesh.procs.procs]


class AskRun(msgspec.Struct):
    """Ask every rank; over when as many have answered. The wait has no limit."""

    me: ActorId
    operation: AskEach
    config: Config
    port: int
    answers: dict[ActorId, str] = {}
    #: `forward_pairs`: messages that are on their way, 0 before the first is back; and pairs that have talked.
    ways_open: int = 0
    pairs: int = 0
    outcome: Outcome | None = None

    def accepts(self, port: int) -> bool:
        return port == self.port

    def start(self, now_ns: int) -> list[Command]:
        mesh, reply = self.operation.mesh, PortRef(self.me, self.port)
        match self.operation.what:
            case "id":
                question: Question = GetActorId(reply)
            case "cast_info":
                question = GetCastInfo(reply)
            case "config":
                return [*self._change(mesh), *self._ask(mesh, GetConfig(self.operation.key, reply))]
            case "next_failure":
                question = NextSupervisionFailure(reply)
            case "forward_pairs":
                return [self._send_along(way, reply) for way in self._ways()]
            case _:
                return [self._send_along(_members(mesh), reply)]
        return self._ask(mesh, question)

    def _ask(self, mesh: ActorMeshRef, question: Question) -> list[Command]:
        try:
            return [*cast(self.me, actors_of(mesh), question, self.config)]
        except CastError as error:
            self.outcome = Outcome(error=str(error))
            return []

    def _change(self, mesh: ActorMeshRef) -> list[Command]:
        """What is told before it is asked, if anything is."""
        value = self.operation.value
        return [] if value is UNSET else self._ask(mesh, SetConfig(self.operation.key, value))

    def _send_along(self, actors: list[ActorId], reply: PortRef) -> Envelope:
        """One message from each to the next, and back here."""
        first, *rest = actors
        ports = (*(PortRef(actor, 0) for actor in rest), reply)
        return Envelope(self.me, first, Forward(ports))

    def _ways(self) -> list[list[ActorId]]:
        """Ways that together take each step from one actor to another once: 0 1 0 2 0 … n 0, 1 2 1 3 1 … n 1, …

        The reference's own test sends one message along all of it, whose list of ports is then as long.
        """
        meshes = [self.operation.mesh, *(self.operation.more or ())]
        actors = [actor for mesh in meshes for actor in _members(mesh)]
        return [
            [actor, *chain.from_iterable((other, actor) for other in actors[index + 1 :])]
            for index, actor in enumerate(actors[:-1])
        ]

    def _count_pairs(self, visited: tuple[ActorId, ...]) -> None:
        """One message is back; over with the last of them."""
        self.ways_open = (self.ways_open or len(self._ways())) - 1
        self.pairs += len(set(pairwise(visited)))
        if not self.ways_open:
            self.outcome = Outcome(result=f"{self.pairs} pairs")

    def handle(self, event: Envelope | TimerFired | ActorSpawned, now_ns: int) -> list[Command]:
        assert isinstance(event, Envelope)
        members = _members(self.operation.mesh)
        match event.message:
            case Forward(visited=visited) if self.operation.what == "forward_pairs":
                self._count_pairs(visited)
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
