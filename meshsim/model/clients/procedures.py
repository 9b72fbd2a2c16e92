"""Mesh operations of the client side, each a small machine that waits for replies.

A procedure belongs to a context (`meshsim.model.clients.context`) or to a mesh controller's cleanup. It is started
once, takes the replies that arrive on its ports and its own timers, and is over when `outcome` is set.

Source: supervision.md 9.4 to 9.6 (hosts and procs), 10.6, 10.7, 12.5 (actors).
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from meshsim.model.clients.allocating import AllocateRun, GspawnRun, QueryProcsRun, StopActorRun, StopAllocatedRun
from meshsim.model.clients.asking import AskRun, DrillRun
from meshsim.model.clients.counting import TallyRun
from meshsim.model.clients.host_operations import AttachRun, ListProcsRun, ShutdownRun, SpawnHostsRun
from meshsim.model.clients.mesh_creation import CommRun
from meshsim.model.clients.single_actor import AskActorRun
from meshsim.model.clients.stop_by_name import StopByNameRun
from meshsim.model.clients.stopping import Outcome, StopProcsRun
from meshsim.model.clients.waits import IdleLimit, Progress, StatusWait
from meshsim.model.commands import Command, SpawnChild
from meshsim.model.config import Config, overrides
from meshsim.model.controllers.cleanup_controller import CleanupController
from meshsim.model.controllers.controller import ActorMeshController
from meshsim.model.controllers.mesh_controllers import ProcMeshController
from meshsim.model.controllers.streaming import StreamingController, streaming_config
from meshsim.model.events import ActorSpawned, TimerFired
from meshsim.model.ids import (
    ActorId,
    InvalidNameError,
    Name,
    NameSource,
    PortRef,
    address_of_node,
    host_agent_id,
    proc_agent_id,
    proc_id,
    proc_name_of,
)
from meshsim.model.messages import (
    ActorSpec,
    CreateOrUpdate,
    Envelope,
    GetRankStatus,
    GetState,
    GetSubscriberCount,
    ProcSpec,
    RankStatus,
    StateReply,
    Stop,
    SubscriberCount,
)
from meshsim.model.messaging.casting import CastError, agents_of, cast
from meshsim.model.names import reserved_name
from meshsim.model.notes import MeshSpawned
from meshsim.model.operations import ActorMeshRef, ProcMeshRef, ProcRef, SpawnActors, SpawnProcs
from meshsim.model.shapes.extent import Extent, ExtentError
from meshsim.model.shapes.region import Region
from meshsim.model.status import MeshState, State, Status, StatusKind, inverted
from meshsim.units import S

PER_HOST_OVERLAP = "configuration error: per_host dims overlap with existing dims when spawning proc mesh"

#: Why procs and actors of a spawn that failed are stopped (Q43 and Q47 off).
SPAWN_FAILED = "spawn failed"

#: How many ports and which timer key one procedure may use.
PORTS_EACH = 2


class SpawnProcsRun(msgspec.Struct):
    """HostMesh.spawn (9.5): create every proc on its host, wait until each is there."""

    me: ActorId
    operation: SpawnProcs
    config: Config
    names: NameSource
    port: int
    key: str
    name: Name = Name("")
    procs: list[ProcRef] = []
    wait: StatusWait | None = None
    #: The failed rank whose state is asked for, to say more.
    failed_rank: int | None = None
    mesh: ProcMeshRef | None = None
    #: Comm actors are spawned, once all procs are there.
    comm: CommRun | None = None
    outcome: Outcome | None = None

    def accepts(self, port: int) -> bool:
        if self.comm is not None:
            return self.comm.accepts(port)
        return self.wait is not None and self.wait.accepts(port)

    def start(self, now_ns: int) -> list[Command]:
        try:
            extent = Extent.of(self.operation.host_extent).concat(Extent.of(self.operation.per_host))
        except ExtentError:
            self.outcome = Outcome(error=PER_HOST_OVERLAP)
            return []
        self.name = self.names.draw(self.operation.label)
        idle = IdleLimit(self.me, self.key, self.config.proc_spawn_max_idle)
        self.wait = StatusWait.over(extent.num_ranks, self.port, idle, self.config)
        reply = self.wait.port.ref(self.me, returnable=False)
        commands: list[Command] = []
        spec = ProcSpec(overrides(self.config))
        per_host = Extent.of(self.operation.per_host).num_ranks
        for host_rank, host in enumerate(self.operation.hosts):
            agent = host_agent_id(host)
            for per_host_rank in range(per_host):
                rank = per_host * host_rank + per_host_rank
                name = self.names.draw(f"{self.operation.label}_{per_host_rank}")
                proc = proc_id(address_of_node(host), name)
                self.procs.append(ProcRef(proc, rank, proc_agent_id(proc), agent))
                commands.append(Envelope(self.me, agent, CreateOrUpdate(name, rank, spec)))
                commands.append(Envelope(self.me, agent, GetRankStatus(name, reply)))
        return commands + idle.start(now_ns)

    def handle(self, event: Envelope | TimerFired | ActorSpawned, now_ns: int) -> list[Command]:
        match event:
            case Envelope() | TimerFired() if self.comm is not None:
                return self._on_comm(self.comm, event, now_ns)
            case Envelope(message=RankStatus() as overlay):
                return self._on_overlay(event, overlay, now_ns)
            case Envelope(message=StateReply(state=state)):
                return self._fail_creation(state)
            case TimerFired():
                return self._on_timer(now_ns)
            case ActorSpawned(error=error):
                return self._on_controller(error)
            case _:
                raise AssertionError(f"unexpected event {event!r}")

    def _on_overlay(self, envelope: Envelope, overlay: RankStatus, now_ns: int) -> list[Command]:
        assert self.wait is not None
        refused = self.wait.refuse(envelope)
        if refused or self.wait.take(overlay, now_ns) is Progress.WAITING:
            return refused
        wait, self.wait = self.wait, None
        for rank, status in enumerate(wait.statuses):
            if status.is_terminating:
                return [wait.idle.cancel(), *self._take_back(), *self._ask_why(rank, status, now_ns)]
        return [wait.idle.cancel(), *self._create_mesh(now_ns)]

    def _ask_why(self, rank: int, status: Status, now_ns: int) -> list[Command]:
        """The lowest failed rank tells its state, if it can (limit PROC_SPAWN_MAX_IDLE)."""
        self.failed_rank = rank
        proc = self.procs[rank]
        idle = IdleLimit(self.me, self.key, self.config.proc_spawn_max_idle)
        # Kept for the case that no state comes: the status alone.
        self.wait = StatusWait.over(1, self.port + 1, idle, self.config)
        self.wait.statuses[0] = status
        reply = PortRef(self.me, self.port + 1, returnable=False)
        name = proc_name_of(proc.proc_id)
        return [Envelope(self.me, proc.on_host, GetState(name, reply)), *idle.start(now_ns)]

    def _fail_creation(self, state: State) -> list[Command]:
        assert self.failed_rank is not None
        proc = self.procs[self.failed_rank]
        per_host = max(1, len(self.procs) // len(self.operation.hosts))
        self.outcome = Outcome(
            error=f"error creating proc (host rank {self.failed_rank // per_host}) on host mesh agent "
            f"{proc.on_host}, state: {_state_json(state)}"
        )
        cancels: list[Command] = [] if self.wait is None else [self.wait.idle.cancel()]
        self.wait = None
        return cancels

    def _on_timer(self, now_ns: int) -> list[Command]:
        assert self.wait is not None
        rest = self.wait.idle.fired(now_ns)
        if rest:
            return rest
        wait, self.wait = self.wait, None
        if self.failed_rank is not None:
            proc = self.procs[self.failed_rank]
            return self._fail_creation(State(proc_name_of(proc.proc_id), wait.statuses[0]))
        self.outcome = Outcome(error=f"error spawning proc mesh: statuses: {inverted(wait.timed_out(now_ns))}")
        return self._take_back()

    def _take_back(self) -> list[Command]:
        """Q43: procs that were created stay. Off: each host is told to stop its own, and nobody waits for that."""
        if self.config.has("Q43"):
            return []
        return [
            Envelope(self.me, proc.on_host, Stop(proc_name_of(proc.proc_id), SPAWN_FAILED), returnable=False)
            for proc in self.procs
        ]

    def _create_mesh(self, now_ns: int) -> list[Command]:
        """Common creation (10.1), then the controller (10.4)."""
        extent = Extent.of(self.operation.host_extent).concat(Extent.of(self.operation.per_host))
        mesh = ProcMeshRef(self.operation.label, self.name, Region.of(extent), tuple(self.procs))
        self.comm = CommRun(self.me, mesh, self.config, self.names, self.port + 1, self.key)
        return self.comm.start(now_ns)

    def _on_comm(self, comm: CommRun, event: Envelope | TimerFired, now_ns: int) -> list[Command]:
        commands = comm.handle(event, now_ns)
        if comm.outcome is None:
            return commands
        self.comm = None
        if comm.outcome.error is not None:
            self.outcome = comm.outcome
            return [*commands, *self._take_back()]
        self.mesh = comm.mesh
        name = Name(f"proc_mesh_controller_{self.name}")
        controller = ProcMeshController(me=ActorId(""), config=self.config, mesh=self.mesh)
        return [*commands, SpawnChild(name, controller)]

    def _on_controller(self, error: str | None) -> list[Command]:
        assert self.mesh is not None
        if error is not None:
            self.outcome = Outcome(error=f"error spawning controller actor for mesh {self.name}: {error}")
            return []
        self.outcome = Outcome()
        members = tuple(proc.proc_id for proc in self.procs)
        return [
            MeshSpawned(
                kind="procs",
                label=self.operation.label,
                name=self.name,
                by=self.me,
                extent=str(self.mesh.region.extent),
                members=members,
                procs=members,
                root_comm=UNSET if self.mesh.root_comm is None else self.mesh.root_comm,
            )
        ]


class SpawnActorsRun(msgspec.Struct):
    """ProcMesh.spawn (10.7): create an actor on each rank, wait for their statuses, spawn the controller."""

    me: ActorId
    operation: SpawnActors
    config: Config
    names: NameSource
    port: int
    key: str
    name: Name = Name("")
    wait: StatusWait | None = None
    statuses: list[Status] = []
    outcome: Outcome | None = None

    def accepts(self, port: int) -> bool:
        return self.wait is not None and self.wait.accepts(port)

    def start(self, now_ns: int) -> list[Command]:
        procs = self.operation.procs
        refusal = self._name_it()
        if refusal is not None:
            self.outcome = Outcome(error=refusal)
            return []
        idle = IdleLimit(self.me, self.key, self.config.actor_spawn_max_idle)
        self.wait = StatusWait.over(procs.region.num_ranks, self.port, idle, self.config)
        extent = procs.region.extent
        spec = ActorSpec(
            actor_type=self.operation.actor_type,
            params=self.operation.params,
            display_base=self.operation.display_base,
            extent=tuple(zip(extent.labels, extent.sizes, strict=True)),
            kept_alive=UNSET if self._never_reaped else not self.operation.system,
        )
        agents = agents_of(procs)
        reply = self.wait.port.ref(self.me, returnable=False)
        try:
            creates = cast(self.me, agents, CreateOrUpdate(self.name, None, spec), self.config)
            asks = cast(self.me, agents, GetRankStatus(self.name, reply), self.config)
        except CastError as error:
            self.outcome = Outcome(error=str(error))
            return []
        return [*creates, *asks, *idle.start(now_ns)]

    @property
    def _never_reaped(self) -> bool:
        """Whether agents leave alone what was never kept alive (Q36), or all that they have."""
        return self.config.has("Q36") or not self.config.revision.keepalives

    def _name_it(self) -> str | None:
        """`spawn` draws a fresh name, `spawn_service` takes its own as it is. What it returns is why it cannot."""
        operation = self.operation
        if operation.registered is False:
            return f"actor not registered for type {operation.actor_type}"
        if operation.service is UNSET:
            self.name = self.names.draw(operation.label)
            return None
        if not self.config.revision.names_checked:
            self.name = Name(operation.service)
            return None
        try:
            self.name = reserved_name(operation.service)
        except InvalidNameError as error:
            return str(error)
        return None

    def handle(self, event: Envelope | TimerFired | ActorSpawned, now_ns: int) -> list[Command]:
        match event:
            case Envelope(message=RankStatus() as overlay):
                return self._on_overlay(event, overlay, now_ns)
            case TimerFired():
                return self._on_timer(now_ns)
            case ActorSpawned():
                return self._on_controller(event)
            case _:
                raise AssertionError(f"unexpected event {event!r}")

    def _on_overlay(self, envelope: Envelope, overlay: RankStatus, now_ns: int) -> list[Command]:
        assert self.wait is not None
        refused = self.wait.refuse(envelope)
        if refused or self.wait.take(overlay, now_ns) is Progress.WAITING:
            return refused
        wait, self.wait = self.wait, None
        self.statuses = wait.statuses
        if any(status.is_terminating for status in wait.statuses):
            self.outcome = Outcome(error=f"error spawning actor mesh: statuses: {inverted(wait.statuses)}")
            return [wait.idle.cancel(), *self._take_back()]
        return [wait.idle.cancel(), *self._complete()]

    def _on_timer(self, now_ns: int) -> list[Command]:
        assert self.wait is not None
        rest = self.wait.idle.fired(now_ns)
        if rest:
            return rest
        statuses = self.wait.timed_out(now_ns)
        self.wait = None
        self.outcome = Outcome(error=f"error spawning actor mesh: statuses: {inverted(statuses)}")
        return self._take_back()

    def _take_back(self) -> list[Command]:
        """Q47: ranks that did start keep running, and nobody owns them. Off: every agent is told to stop its own."""
        if self.config.has("Q47"):
            return []
        stop = Stop(self.name, SPAWN_FAILED)
        return [*cast(self.me, agents_of(self.operation.procs), stop, self.config, returnable=False)]

    def _complete(self) -> list[Command]:
        revision = self.config.revision
        if self.operation.system and revision.system_actors:
            self.outcome = Outcome()
            return [self._spawned(None)]
        kind: type[ActorMeshController | CleanupController] = ActorMeshController
        config = self.config
        if not revision.monitors:
            kind = CleanupController
        elif self.operation.controller == "streaming":
            kind, config = StreamingController, streaming_config(config)
        controller = kind(
            me=ActorId(""),
            mesh=ActorMeshRef(self.operation.label, self.name, self.operation.procs),
            config=config,
            display_name=self.operation.display_base or self.name,
            owner=self.me if revision.owners_take_failures else None,
            statuses=dict(enumerate(self.statuses)),
        )
        return [SpawnChild(Name(f"actor_mesh_controller_{self.name}"), controller, anonymous=not revision.monitors)]

    def _on_controller(self, spawned: ActorSpawned) -> list[Command]:
        if spawned.error is not None:
            self.outcome = Outcome(error=f"error spawning controller actor for mesh {self.name}: {spawned.error}")
            return []
        self.outcome = Outcome()
        return [self._spawned(spawned.actor_id)]

    def _spawned(self, controller: ActorId | None) -> MeshSpawned:
        procs = self.operation.procs.procs
        return MeshSpawned(
            kind="actors",
            label=self.operation.label,
            name=self.name,
            by=self.me,
            extent=str(self.operation.procs.region.extent),
            members=tuple(f"{proc.proc_id},{self.name}[0]" for proc in procs),
            procs=tuple(proc.proc_id for proc in procs),
            controller=controller,
            system=self.operation.system,
        )


class StopActorsRun(msgspec.Struct):
    """ActorMesh.stop (12.5): tell the controller, then ask it. The wait has no limit."""

    me: ActorId
    mesh: ActorMeshRef
    reason: str
    config: Config
    port: int
    outcome: Outcome | None = None

    def accepts(self, port: int) -> bool:
        return port == self.port

    def start(self, now_ns: int) -> list[Command]:
        assert self.mesh.controller is not None
        controller, name = self.mesh.controller, self.mesh.name
        return [
            Envelope(self.me, controller, Stop(name, self.reason)),
            Envelope(self.me, controller, GetState(name, PortRef(self.me, self.port))),
        ]

    def handle(self, event: Envelope | TimerFired | ActorSpawned, now_ns: int) -> list[Command]:
        assert isinstance(event, Envelope)
        assert isinstance(event.message, StateReply)
        match event.message.state.state:
            case MeshState(statuses=statuses):
                stopped = all(self._counts_as_stopped(status) for status in statuses)
                text = inverted(statuses)
                error = None if stopped else f"error stopping actor mesh: statuses: {text}"
                self.outcome = Outcome(error=error, result=text)
            case _:
                error = f"non-existent state in GetState reply from controller: {self.mesh.controller}"
                self.outcome = Outcome(error=error)
        return []

    def _counts_as_stopped(self, status: Status) -> bool:
        """Q53: silence does, too. Off: nobody knows what a silent actor does."""
        return status.is_terminating and (status.kind is not StatusKind.TIMEOUT or self.config.has("Q53"))


class QueryRun(msgspec.Struct):
    """Ask a controller for the state of its mesh (5.7)."""

    me: ActorId
    mesh: ActorMeshRef
    port: int
    outcome: Outcome | None = None

    def accepts(self, port: int) -> bool:
        return port == self.port

    def start(self, now_ns: int) -> list[Command]:
        assert self.mesh.controller is not None
        port = PortRef(self.me, self.port)
        return [Envelope(self.me, self.mesh.controller, GetState(self.mesh.name, port))]

    def handle(self, event: Envelope | TimerFired | ActorSpawned, now_ns: int) -> list[Command]:
        assert isinstance(event, Envelope)
        assert isinstance(event.message, StateReply)
        state = event.message.state
        ranks = inverted(state.state.statuses) if isinstance(state.state, MeshState) else ""
        self.outcome = Outcome(result=f"{state.status}; {ranks}")
        return []


class CountRun(msgspec.Struct):
    """Ask a controller how many subscribe to its mesh (5.5)."""

    me: ActorId
    mesh: ActorMeshRef
    port: int
    outcome: Outcome | None = None

    def accepts(self, port: int) -> bool:
        return port == self.port

    def start(self, now_ns: int) -> list[Command]:
        assert self.mesh.controller is not None
        return [Envelope(self.me, self.mesh.controller, GetSubscriberCount(PortRef(self.me, self.port)))]

    def handle(self, event: Envelope | TimerFired | ActorSpawned, now_ns: int) -> list[Command]:
        assert isinstance(event, Envelope)
        assert isinstance(event.message, SubscriberCount)
        self.outcome = Outcome(result=str(event.message.count))
        return []


Procedure = (
    SpawnProcsRun
    | AllocateRun
    | SpawnActorsRun
    | StopActorsRun
    | StopByNameRun
    | StopProcsRun
    | StopAllocatedRun
    | QueryRun
    | CountRun
    | QueryProcsRun
    | AskActorRun
    | GspawnRun
    | StopActorRun
    | ShutdownRun
    | ListProcsRun
    | SpawnHostsRun
    | AttachRun
    | AskRun
    | DrillRun
    | TallyRun
)


def _state_json(state: State) -> str:
    """Compact JSON of a state, its status in the reference's form: `"Stopped"`, `{"Failed":"text"}`.

    Source: supervision.md 2.2.
    """
    status: object = state.status.kind.value
    if state.status.kind is StatusKind.FAILED:
        status = {"Failed": state.status.text}
    elif state.status.kind is StatusKind.TIMEOUT:
        seconds, nanoseconds = divmod(state.status.elapsed_ns, S)
        status = {"Timeout": {"secs": seconds, "nanos": nanoseconds}}
    return msgspec.json.encode({"name": state.name, "status": status, "state": state.state}).decode()
