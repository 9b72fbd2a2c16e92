"""ProcMesh.allocate: a proc mesh from an alloc, and what can be asked of allocated procs alone.

    ALLOCATING ──the alloc is initialized──▶ CONFIGURING ──every agent answered──▶ CREATING ──▶ OVER
    any ──an error──▶ OVER

Source: supervision.md 10.3, 10.5 (status), 10.8 (stop); mesh_model.md 5.7. Quirks: Q35, Q46.
"""

from __future__ import annotations

from enum import Enum

import msgspec
from msgspec import UNSET

from meshsim.model.alloc.initialize import AllocatedProc, Initialization
from meshsim.model.alloc.keeper import AllocKeeper
from meshsim.model.alloc.local_alloc import LocalAlloc
from meshsim.model.alloc.messages import (
    AgentStatus,
    AllocInitialized,
    Configure,
    Configured,
    DrainAlloc,
    GspawnResult,
    QueryStatus,
    StopActor,
    StopActorResult,
    StopAlloc,
)
from meshsim.model.alloc.process_alloc import ProcessAlloc
from meshsim.model.alloc.remote_alloc import RemoteAlloc
from meshsim.model.clients.mesh_creation import CommRun
from meshsim.model.clients.stopping import Outcome
from meshsim.model.clients.waits import IdleLimit
from meshsim.model.commands import Command, SpawnChild
from meshsim.model.config import Config
from meshsim.model.events import ActorSpawned, TimerFired
from meshsim.model.ids import ActorId, Name, NameSource, PortRef, ProcId, actor_id, actor_name_of, address_of, proc_of
from meshsim.model.messages import Ack, ActorSpec, Envelope, Gspawn, RankStatus
from meshsim.model.notes import MeshSpawned, Warned
from meshsim.model.operations import Allocate, GspawnOn, ProcMeshRef, ProcRef, QueryProcs, StopActorOn
from meshsim.model.shapes.extent import Extent
from meshsim.model.shapes.region import Region
from meshsim.units import format_duration

UNROUTABLE = "configuration error: mesh is unroutable"


class AllocatePhase(Enum):
    ALLOCATING = "allocating"
    CONFIGURING = "configuring"
    #: Common creation: comm actors (`meshsim.model.clients.mesh_creation`).
    CREATING = "creating"
    OVER = "over"


TRANSITIONS: dict[AllocatePhase, frozenset[AllocatePhase]] = {
    AllocatePhase.ALLOCATING: frozenset({AllocatePhase.CONFIGURING, AllocatePhase.OVER}),
    AllocatePhase.CONFIGURING: frozenset({AllocatePhase.CREATING, AllocatePhase.OVER}),
    AllocatePhase.CREATING: frozenset({AllocatePhase.OVER}),
    AllocatePhase.OVER: frozenset(),
}


class AllocateRun(msgspec.Struct):
    """Make an alloc, wait until it runs, configure every agent, create the mesh."""

    me: ActorId
    operation: Allocate
    config: Config
    names: NameSource
    port: int
    key: str
    #: Whether the caller's proc has a router that routes can be bound in.
    is_routable: bool = True
    name: Name = Name("")
    phase: AllocatePhase = AllocatePhase.ALLOCATING
    keeper: ActorId | None = None
    procs: tuple[AllocatedProc, ...] = ()
    #: Routes that are bound in the caller's router: procs that are served at another address than that in their id.
    routes: tuple[tuple[ProcId, str], ...] = ()
    #: Ranks that have answered the configuration.
    configured: list[int] = []
    idle: IdleLimit | None = None
    comm: CommRun | None = None
    mesh: ProcMeshRef | None = None
    outcome: Outcome | None = None

    def accepts(self, port: int) -> bool:
        return port == self.port or (self.comm is not None and self.comm.accepts(port))

    def start(self, now_ns: int) -> list[Command]:
        self.name = self.names.draw(self.operation.label)
        extent = Extent.of(self.operation.extent)
        keeper = AllocKeeper(
            me=ActorId(""),
            label=self.operation.label,
            alloc=self._alloc(extent),
            reply=PortRef(self.me, self.port, returnable=False),
            initialization=Initialization(str(extent), extent.num_ranks),
        )
        return [SpawnChild(Name(f"alloc_{self.name}"), keeper)]

    def _alloc(self, extent: Extent) -> ProcessAlloc | LocalAlloc | RemoteAlloc:
        operation = self.operation
        name, names = self.names.draw_uuid(), self.names.branch()
        if operation.allocator == "remote":
            return RemoteAlloc(
                ActorId(""),
                name,
                extent,
                operation.label,
                operation.hosts,
                self.config,
                operation.host_level,
                operation.proc_name,
            )
        if operation.allocator == "process":
            return ProcessAlloc(
                ActorId(""), name, extent, operation.label, self.config, names, proc_name=operation.proc_name
            )
        return LocalAlloc(
            ActorId(""), name, extent, self.config, names, is_simulated=operation.allocator == "simulated"
        )

    def handle(self, event: Envelope | TimerFired | ActorSpawned, now_ns: int) -> list[Command]:
        match event:
            case ActorSpawned(actor_id=keeper):
                self.keeper = keeper
                return []
            case Envelope(message=AllocInitialized() as initialized):
                return self._on_initialized(initialized, now_ns)
            case Envelope(message=Configured(rank=rank)):
                return self._on_configured(rank, now_ns)
            case Envelope(message=RankStatus()) | TimerFired() if self.comm is not None:
                return self._on_comm(self.comm, event, now_ns)
            case TimerFired():
                return self._on_timer(now_ns)
            case _:
                raise AssertionError(f"unexpected event {event!r}")

    def _on_initialized(self, initialized: AllocInitialized, now_ns: int) -> list[Command]:
        if initialized.error is not None:
            return self._end(initialized.error)
        if not self.is_routable:
            return self._end(UNROUTABLE)
        self._move_to(AllocatePhase.CONFIGURING)
        self.procs = initialized.procs
        if self.config.revision.binds_served_addresses:
            self.routes = tuple(
                (proc.proc_id, proc.addr) for proc in self.procs if address_of(proc.proc_id) != proc.addr
            )
        book = tuple((proc.proc_id, proc.addr) for proc in self.procs)
        reply = PortRef(self.me, self.port)
        forwarder = address_of(proc_of(self.me))
        commands: list[Command] = [
            Envelope(self.me, proc.agent, Configure(rank, forwarder, None, book, reply, record=True))
            for rank, proc in enumerate(self.procs)
        ]
        return commands + self._begin_limit(now_ns)

    def _begin_limit(self, now_ns: int) -> list[Command]:
        """Q46: the answers are waited for without limit. Off: as those of a spawn on hosts; the alloc is stopped."""
        if self.config.has("Q46"):
            return []
        self.idle = IdleLimit.of(self.config, self.me, self.key, self.config.proc_spawn_max_idle)
        return self.idle.start(now_ns)

    def _on_configured(self, rank: int, now_ns: int) -> list[Command]:
        if rank in self.configured:
            return [Warned(self.me, f"multiple completions received for rank {rank}")]
        self.configured.append(rank)
        if self.idle is not None:
            self.idle.touch(now_ns)
        return [] if len(self.configured) < len(self.procs) else self._create(now_ns)

    def _on_timer(self, now_ns: int) -> list[Command]:
        assert self.idle is not None
        rest = self.idle.fired(now_ns)
        if rest:
            return rest
        self.idle = None
        silent = ", ".join(str(rank) for rank in range(len(self.procs)) if rank not in self.configured)
        limit = format_duration(self.config.proc_spawn_max_idle)
        assert self.keeper is not None
        stop = Envelope(self.me, self.keeper, StopAlloc(PortRef(self.me, self.port, returnable=False)))
        return [stop, *self._end(f"error during mesh configuration: no answer within {limit} from ranks {silent}")]

    def _create(self, now_ns: int) -> list[Command]:
        """From here on nobody listens to the alloc; then what every mesh gets (10.1). There is no controller."""
        assert self.keeper is not None
        self._move_to(AllocatePhase.CREATING)
        cancel: list[Command] = [] if self.idle is None else [self.idle.cancel()]
        drain = Envelope(self.me, self.keeper, DrainAlloc(), returnable=False)
        refs = tuple(ProcRef(proc.proc_id, rank, proc.agent, None) for rank, proc in enumerate(self.procs))
        region = Region.of(Extent.of(self.operation.extent))
        mesh = ProcMeshRef(self.operation.label, self.name, region, refs, alloc=self.keeper)
        self.comm = CommRun(self.me, mesh, self.config, self.names, self.port + 1, self.key)
        return [*cancel, drain, *self.comm.start(now_ns)]

    def _on_comm(self, comm: CommRun, event: Envelope | TimerFired, now_ns: int) -> list[Command]:
        commands = comm.handle(event, now_ns)
        if comm.outcome is None:
            return commands
        self.comm = None
        if comm.outcome.error is not None:
            return [*commands, *self._end(comm.outcome.error)]
        self.mesh = comm.mesh
        return [*commands, *self._end(None), self._spawned(comm.mesh)]

    def _spawned(self, mesh: ProcMeshRef) -> MeshSpawned:
        members = tuple(proc.proc_id for proc in mesh.procs)
        return MeshSpawned(
            kind="procs",
            label=mesh.label,
            name=mesh.name,
            by=self.me,
            extent=str(mesh.region.extent),
            members=members,
            procs=members,
            root_comm=UNSET if mesh.root_comm is None else mesh.root_comm,
            alloc=mesh.alloc,
        )

    def _end(self, error: str | None) -> list[Command]:
        self._move_to(AllocatePhase.OVER)
        self.outcome = Outcome(error=error)
        return []

    def _move_to(self, phase: AllocatePhase) -> None:
        assert phase in TRANSITIONS[self.phase], f"{self.phase.value} -> {phase.value}"
        self.phase = phase


class StopAllocatedRun(msgspec.Struct):
    """ProcMesh.stop on the allocated path (10.8): wait for the task that drains the alloc. No limit, no error.

    The revision of 2025-11 does not wait (10.9).
    """

    me: ActorId
    keeper: ActorId
    config: Config
    port: int
    outcome: Outcome | None = None

    def accepts(self, port: int) -> bool:
        return port == self.port

    def start(self, now_ns: int) -> list[Command]:
        waits = self.config.revision.alloc_stop_waits
        stop = Envelope(self.me, self.keeper, StopAlloc(PortRef(self.me, self.port, returnable=waits)))
        if waits:
            return [stop]
        self.outcome = Outcome()
        return [Warned(self.me, f"sending stop to alloc {actor_name_of(self.keeper)}"), stop]

    def handle(self, event: Envelope | TimerFired | ActorSpawned, now_ns: int) -> list[Command]:
        assert isinstance(event, Envelope)
        assert isinstance(event.message, Ack)
        self.outcome = Outcome()
        return []


class QueryProcsRun(msgspec.Struct):
    """ProcMesh.status (10.5): one agent after the other says its own rank; other ranks are not listened to. No limit.

    Q35: meant for allocated procs. The agent of any other fails when it is asked, and nobody ever answers.
    """

    me: ActorId
    operation: QueryProcs
    port: int
    alive: list[bool] = []
    outcome: Outcome | None = None

    def accepts(self, port: int) -> bool:
        return port == self.port

    def start(self, now_ns: int) -> list[Command]:
        procs = self.operation.procs.procs
        if len(self.alive) == len(procs):
            self.outcome = Outcome(result=",".join(str(alive).lower() for alive in self.alive))
            return []
        return [Envelope(self.me, procs[len(self.alive)].agent, QueryStatus(PortRef(self.me, self.port)))]

    def handle(self, event: Envelope | TimerFired | ActorSpawned, now_ns: int) -> list[Command]:
        assert isinstance(event, Envelope)
        assert isinstance(event.message, AgentStatus)
        if event.message.rank != self.operation.procs.procs[len(self.alive)].create_rank:
            return []
        self.alive.append(event.message.alive)
        return self.start(now_ns)


class GspawnRun(msgspec.Struct):
    """Spawn one actor through an agent (8.7). No limit."""

    me: ActorId
    operation: GspawnOn
    port: int
    outcome: Outcome | None = None

    def accepts(self, port: int) -> bool:
        return port == self.port

    def start(self, now_ns: int) -> list[Command]:
        operation = self.operation
        agent = operation.procs.procs[operation.rank].agent
        gspawn = Gspawn(operation.name, ActorSpec(operation.actor_type), PortRef(self.me, self.port))
        return [Envelope(self.me, agent, gspawn)]

    def handle(self, event: Envelope | TimerFired | ActorSpawned, now_ns: int) -> list[Command]:
        assert isinstance(event, Envelope)
        assert isinstance(event.message, GspawnResult)
        if event.message.error is not None:
            self.outcome = Outcome(error=f"error while spawning actor {self.operation.name}: {event.message.error}")
        else:
            self.outcome = Outcome(result=f"{event.message.rank}: {event.message.actor_id}")
        return []


class StopActorRun(msgspec.Struct):
    """Stop one actor through its agent (8.7); what the agent says is the result."""

    me: ActorId
    operation: StopActorOn
    port: int
    outcome: Outcome | None = None

    def accepts(self, port: int) -> bool:
        return port == self.port

    def start(self, now_ns: int) -> list[Command]:
        operation = self.operation
        proc = operation.procs.procs[operation.rank]
        actor = actor_id(proc.proc_id, operation.name)
        stop = StopActor(actor, operation.timeout_ns, operation.reason, PortRef(self.me, self.port))
        return [Envelope(self.me, proc.agent, stop)]

    def handle(self, event: Envelope | TimerFired | ActorSpawned, now_ns: int) -> list[Command]:
        assert isinstance(event, Envelope)
        assert isinstance(event.message, StopActorResult)
        self.outcome = Outcome(result=event.message.result)
        return []
