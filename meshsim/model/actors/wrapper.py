"""An actor that owns a mesh of its own making: it spawns it in its init and passes its failures on.

Every other test actor owns what the scenario tells it to own. This one is told at its construction, as in the
reference's own tests: on which procs, under which name, and who wants to know of failures.

Source: supervision.md 15.1 (WrapperActor), 15.2 (send_to_children), 15.4.
"""

from __future__ import annotations

import msgspec

from meshsim.model.actors.plain import TestActor
from meshsim.model.boot import Setting
from meshsim.model.commands import Command, Fail
from meshsim.model.events import Event, Started
from meshsim.model.ids import Name, PortRef
from meshsim.model.messages import (
    Answer,
    CauseFault,
    Envelope,
    MeshFailed,
    Message,
    NextSupervisionFailure,
    Operate,
    PassedOn,
    reply_to,
)
from meshsim.model.messaging.casting import actors_of, cast
from meshsim.model.notes import MeshSpawned, OperationEnded
from meshsim.model.operations import ActorMeshRef, AwaitEvent, ProcMeshRef, SpawnActors
from meshsim.model.supervision import Generic
from meshsim.units import S

#: Parameter that makes one spawn a mesh in its init: the fields of `Children`.
CHILDREN = "children"

#: Number of the spawn among its operations. The scenario's count up from 0, those of faults down from -1.
SPAWN = -1_000_000
#: Number of a wait for a failure; there is one at a time.
WAIT = -1_000_001

#: How long a request for the next failure waits. Source: supervision.md 15.1 (the reference's own comment says 10 s).
NEXT_FAILURE_WAIT_NS = 20 * S
#: What is answered when there was none.
NO_FAILURE = "none"


class Children(msgspec.Struct, frozen=True):
    """The mesh to spawn: TestActors with this very name, on these procs."""

    name: Name
    procs: ProcMeshRef
    #: Gets every failure of the mesh.
    supervisor: PortRef


class WrapperActor(TestActor):
    """Owns meshes and considers every failure of them handled; may have children, a mesh that it spawns in its init."""

    children: Children | None = None
    #: The spawn of the children is under way: the init is not over.
    spawning: bool = False
    mesh: ActorMeshRef | None = None
    #: Who wants to know of the next failure of the mesh.
    asked: PortRef | None = None

    handles_failures = True

    @classmethod
    def construct(cls, setting: Setting, params: dict[str, object]) -> WrapperActor:
        made = super().construct(setting, params)
        assert isinstance(made, WrapperActor)
        if CHILDREN in params:
            made.children = msgspec.convert(params[CHILDREN], Children)
        return made

    @property
    def busy(self) -> bool:
        return self.working or self.spawning or self.asked is not None

    def binds(self, message: Message) -> bool:
        return type(message) is NextSupervisionFailure or super().binds(message)

    def handle(self, event: Event, now_ns: int) -> list[Command]:
        """Take one event and return what the runtime must do."""
        match event:
            case Started() if self.children is not None:
                return self._spawn(self.children, now_ns)
            case Envelope(message=CauseFault(send_to_children=True) as fault):
                return self._pass_down(fault)
            case Envelope(message=NextSupervisionFailure(reply=reply)):
                return self._wait(reply, now_ns)
            case _:
                commands = super().handle(event, now_ns)
                if self.spawning:
                    return [*commands, *self._look_at_spawn(commands)]
                if self.asked is not None:
                    return [*commands, *self._look_at_wait(commands)]
                if isinstance(event, Envelope) and isinstance(event.message, MeshFailed) and event.port == 0:
                    return [*commands, *self._pass_on(event.message)]
                return commands

    def _spawn(self, children: Children, now_ns: int) -> list[Command]:
        self.spawning = True
        spawn = SpawnActors(
            label=children.name, procs=children.procs, actor_type=TestActor.__name__, service=children.name
        )
        commands = self.context.operate(Operate(SPAWN, spawn), now_ns)
        return [*commands, *self._look_at_spawn(commands)]

    def _look_at_spawn(self, commands: list[Command]) -> list[Command]:
        """The init ends with the spawn, and fails with it."""
        for command in commands:
            if isinstance(command, MeshSpawned) and self.children is not None:
                procs = self.children.procs
                self.mesh = ActorMeshRef(command.label, command.name, procs, command.controller)
            elif isinstance(command, OperationEnded) and command.index == SPAWN:
                self.spawning = False
                return [] if command.error is None else [Fail(Generic(command.error))]
        return []

    def _wait(self, reply: PortRef, now_ns: int) -> list[Command]:
        """Nothing else is handled until there is a failure, or time is up."""
        assert self.mesh is not None, f"{self.me} has no children"
        self.asked = reply
        commands = self.context.operate(Operate(WAIT, AwaitEvent(self.mesh, NEXT_FAILURE_WAIT_NS)), now_ns)
        return [*commands, *self._look_at_wait(commands)]

    def _look_at_wait(self, commands: list[Command]) -> list[Command]:
        for command in commands:
            if isinstance(command, OperationEnded) and command.index == WAIT and self.asked is not None:
                reply, self.asked = self.asked, None
                return [reply_to(reply, self.me, Answer(self.me, command.result or NO_FAILURE))]
        return []

    def _pass_down(self, fault: CauseFault) -> list[Command]:
        """The same fault for every child, to be applied to itself."""
        assert self.mesh is not None, f"{self.me} has no children"
        fault = CauseFault(fault.kind, fault.text, fault.busy_ns, fault.number)
        return [*cast(self.me, actors_of(self.mesh), fault, self.context.config)]

    def _pass_on(self, failed: MeshFailed) -> list[Command]:
        """To the supervisor, whatever the failure."""
        if self.children is None or failed.failure is None:
            return []
        port = self.children.supervisor
        return [Envelope(self.me, port.actor, PassedOn(failed.failure), port.index, port.returnable)]
