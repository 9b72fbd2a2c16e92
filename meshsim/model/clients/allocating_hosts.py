"""HostMesh.allocate: hosts in allocated processes.

    ALLOCATING ──a proc mesh is there──▶ SPAWNING ──a trampoline on each──▶ COLLECTING ──every agent is known──▶ OWNING
    any ──an error──▶ OVER                                       OWNING ──the mesh has a controller──▶ OVER

Source: supervision.md 9.4. Quirk: Q42.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from meshsim.model.alloc.messages import HostReady
from meshsim.model.alloc.trampoline import TRAMPOLINE, TRAMPOLINE_BASE
from meshsim.model.clients.allocating import AllocateRun
from meshsim.model.clients.spawn_actors import SpawnActorsRun
from meshsim.model.clients.stopping import Outcome
from meshsim.model.commands import Command, SpawnChild
from meshsim.model.config import Config
from meshsim.model.controllers.mesh_controllers import HostMeshController
from meshsim.model.events import ActorSpawned, TimerFired
from meshsim.model.ids import ActorId, Name, NameSource, PortRef, address_of, proc_of
from meshsim.model.messages import Envelope
from meshsim.model.notes import HostsAllocated
from meshsim.model.operations import Allocate, AllocateHosts, SpawnActors


class HostsPhase(Enum):
    ALLOCATING = "allocating"
    SPAWNING = "spawning"
    COLLECTING = "collecting"
    OWNING = "owning"
    OVER = "over"


TRANSITIONS: dict[HostsPhase, frozenset[HostsPhase]] = {
    HostsPhase.ALLOCATING: frozenset({HostsPhase.SPAWNING, HostsPhase.OVER}),
    HostsPhase.SPAWNING: frozenset({HostsPhase.COLLECTING, HostsPhase.OVER}),
    HostsPhase.COLLECTING: frozenset({HostsPhase.OWNING}),
    HostsPhase.OWNING: frozenset({HostsPhase.OVER}),
    HostsPhase.OVER: frozenset(),
}


class AllocateHostsRun(msgspec.Struct):
    """Allocate procs, make a host in each, own them. Nothing limits the wait for the agents."""

    me: ActorId
    operation: AllocateHosts
    config: Config
    names: NameSource
    port: int
    key: str
    phase: HostsPhase = HostsPhase.ALLOCATING
    allocate: AllocateRun | None = None
    spawn: SpawnActorsRun | None = None
    #: Agents in the order in which they became known.
    agents: list[ActorId] = []
    outcome: Outcome | None = None

    @property
    def name(self) -> Name:
        """That of the mesh whose controller is awaited."""
        if self.spawn is not None:
            return self.spawn.name
        return Name("") if self.allocate is None else self.allocate.name

    def accepts(self, port: int) -> bool:
        if self.allocate is not None and self.phase is HostsPhase.ALLOCATING:
            return self.allocate.accepts(port)
        return port == self.port or (self.spawn is not None and self.spawn.accepts(port))

    def start(self, now_ns: int) -> list[Command]:
        operation = Allocate(self.operation.label, self.operation.allocator, self.operation.extent)
        self.allocate = AllocateRun(self.me, operation, self.config, self.names, self.port, self.key)
        return self.allocate.start(now_ns)

    def handle(self, event: Envelope | TimerFired | ActorSpawned, now_ns: int) -> list[Command]:
        if self.phase is HostsPhase.ALLOCATING:
            return self._on_allocate(event, now_ns)
        match event:
            case Envelope(message=HostReady(agent=agent)):
                self.agents.append(agent)
                return self._own_if_complete()
            case ActorSpawned(error=error) if self.spawn is None:
                return self._on_controller(error)
            case _:
                return self._on_spawn(event, now_ns)  # Where there are no system actors (10.9), with a controller.

    def _on_allocate(self, event: Envelope | TimerFired | ActorSpawned, now_ns: int) -> list[Command]:
        assert self.allocate is not None
        commands = self.allocate.handle(event, now_ns)
        if self.allocate.outcome is None:
            return commands
        if self.allocate.mesh is None:
            return [*commands, *self._end(self.allocate.outcome.error)]
        self._move_to(HostsPhase.SPAWNING)
        reply = PortRef(self.me, self.port)
        trampolines = SpawnActors(
            label=TRAMPOLINE_BASE,
            procs=self.allocate.mesh,
            actor_type=TRAMPOLINE,
            params={"reply": [reply.actor, reply.index, reply.returnable]},
            system=True,
        )
        self.spawn = SpawnActorsRun(self.me, trampolines, self.config, self.names, self.port + 1, self.key)
        return [*commands, *self.spawn.start(now_ns)]

    def _on_spawn(self, event: Envelope | TimerFired | ActorSpawned, now_ns: int) -> list[Command]:
        assert self.spawn is not None
        commands = self.spawn.handle(event, now_ns)
        if self.spawn.outcome is None:
            return commands
        outcome, self.spawn = self.spawn.outcome, None
        if outcome.error is not None:
            return [*commands, *self._end(outcome.error)]
        self._move_to(HostsPhase.COLLECTING)
        return [*commands, *self._own_if_complete()]

    def _own_if_complete(self) -> list[Command]:
        assert self.allocate is not None
        assert self.allocate.mesh is not None
        if self.phase is not HostsPhase.COLLECTING or len(self.agents) < len(self.allocate.mesh.procs):
            return []
        self._move_to(HostsPhase.OWNING)
        controller = HostMeshController(me=ActorId(""), config=self.config, hosts=self._hosts())
        return [SpawnChild(Name(f"host_mesh_controller_{self.name}"), controller)]

    def _hosts(self) -> tuple[str, ...]:
        """Q42: ranked as they answered. Off: as the procs they are in."""
        assert self.allocate is not None
        assert self.allocate.mesh is not None
        hosts = [address_of(proc_of(agent)).removeprefix("unix:@") for agent in self.agents]
        if self.config.has("Q42"):
            return tuple(hosts)
        by_rank = [address_of(proc.proc_id).removeprefix("unix:@") for proc in self.allocate.mesh.procs]
        return tuple(sorted(hosts, key=by_rank.index))

    def _on_controller(self, error: str | None) -> list[Command]:
        if error is not None:
            return self._end(f"error spawning controller actor for mesh {self.name}: {error}")
        return [HostsAllocated(self.operation.label, self.name, self.me, self._hosts()), *self._end(None)]

    def _end(self, error: str | None) -> list[Command]:
        self._move_to(HostsPhase.OVER)
        self.outcome = Outcome(error=error, result=", ".join(self._hosts()) if error is None else "")
        return []

    def _move_to(self, phase: HostsPhase) -> None:
        assert phase in TRANSITIONS[self.phase], f"{self.phase.value} -> {phase.value}"
        self.phase = phase
