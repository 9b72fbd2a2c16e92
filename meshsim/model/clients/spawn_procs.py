"""Spawning a proc mesh on hosts: create every proc on its host, wait until each is there, add the comm actors.

Source: supervision.md 9.5, 10.1, 10.4. Quirks: Q43, Q48.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from meshsim.model.clients.mesh_creation import CommRun
from meshsim.model.clients.stopping import Outcome
from meshsim.model.clients.waits import IdleLimit, Progress, StatusWait
from meshsim.model.commands import Command, SpawnChild
from meshsim.model.config import Config, overrides
from meshsim.model.controllers.mesh_controllers import ProcMeshController
from meshsim.model.events import ActorSpawned, TimerFired
from meshsim.model.ids import (
    ActorId,
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
    CreateOrUpdate,
    Envelope,
    GetRankStatus,
    GetState,
    ProcSpec,
    RankStatus,
    StateReply,
    Stop,
)
from meshsim.model.notes import MeshSpawned
from meshsim.model.operations import ProcMeshRef, ProcRef, SpawnProcs
from meshsim.model.shapes.extent import Extent, ExtentError
from meshsim.model.shapes.region import Region
from meshsim.model.status import State, Status, StatusKind, inverted
from meshsim.units import S

PER_HOST_OVERLAP = "configuration error: per_host dims overlap with existing dims when spawning proc mesh"

#: Why procs and actors of a spawn that failed are stopped (Q43 and Q47 off).
SPAWN_FAILED = "spawn failed"


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
        idle = IdleLimit.of(self.config, self.me, self.key, self.config.proc_spawn_max_idle)
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
        idle = IdleLimit.of(self.config, self.me, self.key, self.config.proc_spawn_max_idle)
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
            return self._take_back()
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
