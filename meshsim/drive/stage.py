"""Carries out a plan's operations: bring-up one after the other, the rest at their times.

A stage knows which meshes exist (from the trace, as everybody else) and gives each operation the references it needs.
It asks an actor's own code to do it; from there on it is ordinary messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import simpy
from msgspec import UNSET, UnsetType

from meshsim.drive.walking import AtItsTime, InTurn
from meshsim.faults.kinds import InitFails, targets_of
from meshsim.faults.targets import parse_target
from meshsim.model.actors.plain import INIT_FAILS
from meshsim.model.actors.wrapper import CHILDREN, Children
from meshsim.model.config import attribute_by_key, parse_value
from meshsim.model.ids import (
    ActorId,
    Name,
    PortRef,
    ProcId,
    actor_id,
    actor_name_of,
    host_agent_id,
    mesh_agent_id,
    proc_agent_id,
    proc_of,
)
from meshsim.model.messages import Envelope, Operate
from meshsim.model.notes import MeshSpawned, OperationEnded
from meshsim.model.operations import (
    ActorMeshRef,
    Allocate,
    AllocateHosts,
    AskActor,
    AskActors,
    AskEach,
    AskProcs,
    AttachHosts,
    AwaitEvent,
    BroadcastTo,
    CallMesh,
    CastTo,
    CloneRef,
    CountRanks,
    CountSubscribers,
    DrillActor,
    DropHosts,
    DropProcs,
    DropRef,
    EndSelf,
    GspawnOn,
    ListProcs,
    LocalHost,
    Operation,
    ProcMeshRef,
    ProcRef,
    QueryMesh,
    QueryProcs,
    SendRef,
    ShutdownHosts,
    SliceMesh,
    SpawnActors,
    SpawnHosts,
    SpawnProcs,
    StopActorOn,
    StopActors,
    StopAllOf,
    StopProcs,
    SubscribeTo,
    UnsubscribeFrom,
)
from meshsim.model.shapes.extent import Extent
from meshsim.model.shapes.region import Region
from meshsim.model.tags import tag_of
from meshsim.oracle.evidence import NOT_BEGUN
from meshsim.scenario.children import children_of
from meshsim.scenario.cutting import cut
from meshsim.scenario.plan import Plan, Step, chosen_hosts
from meshsim.scenario.schema import (
    ActorStateOp,
    ActorStatesOp,
    AllocateHostsOp,
    AllocateOp,
    AskOp,
    AttachHostsOp,
    BroadcastOp,
    CallOp,
    CastOp,
    CloneOp,
    CountOp,
    CountSubscribersOp,
    DrillOp,
    DropHostsOp,
    DropOp,
    EndOp,
    GspawnOp,
    ListProcsOp,
    LocalHostOp,
    NextEventOp,
    OperationSpec,
    ProcStatesOp,
    ProcStatusOp,
    QueryOp,
    SendRefOp,
    ShutdownHostsOp,
    SliceOp,
    SpawnActorsOp,
    SpawnHostsOp,
    SpawnProcsOp,
    StopActorOp,
    StopActorsOp,
    StopAllOp,
    StopProcsOp,
    SubscribeOp,
    UnsubscribeOp,
)
from meshsim.scenario.subjects import subject_of
from meshsim.scenario.world import started_hosts
from meshsim.trace.directory import Directory
from meshsim.trace.records import NO_CAUSE, WORLD

if TYPE_CHECKING:
    from meshsim.drive.world import World

#: Sender of what the scenario itself says to an actor.
SCENARIO = ActorId("scenario")

HOSTS_DIMENSION = "hosts"


class MissingError(Exception):
    """An operation needs something that was never spawned; the text says what."""


class Stage:
    """Operations of one run."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._env = world.env
        self._references = References(world.plan, world.directory)
        self._ended: dict[int, simpy.Event] = {step.index: self._env.event() for step in world.plan.steps}
        self.ready = self._env.event()

    def begin(self) -> None:
        """Start the SimPy processes that walk the plan's steps."""
        self._world.on_operation_ended = self._on_ended
        InTurn(self, self._world.plan.steps).start(self._env)
        for step in self._world.plan.steps:
            if step.operation.at is not None:
                AtItsTime(self, step).start(self._env, int(step.operation.at))

    def end_of(self, step: Step) -> simpy.Event:
        """What happens when a step is over."""
        return self._ended[step.index]

    def _on_ended(self, ended: OperationEnded) -> None:
        event = self._ended.get(ended.index)
        if event is not None and not event.triggered:
            event.succeed()

    def ask(self, step: Step) -> None:
        """Hand the operation to the actor that is to do it, or record why that cannot be."""
        by = self._world.directory.actor(step.operation.by)
        try:
            if by is None:
                raise MissingError(f"{step.operation.by} does not exist")
            operate = Operate(step.index, self._references.operation(step.operation))
            message = Envelope(SCENARIO, by, operate, returnable=False)
            if not self._world.post.tell(by, message, NO_CAUSE):
                raise MissingError(f"the process of {step.operation.by} is gone")
        except MissingError as missing:
            ended = OperationEnded(
                index=step.index,
                by=by or SCENARIO,
                operation=tag_of(step.operation),
                label=subject_of(step.operation),
                error=f"{NOT_BEGUN}{missing}",
            )
            self._world.record(WORLD, NO_CAUSE, ended)
            self._on_ended(ended)


class References:
    """Turns names of a scenario into the references that operations work with."""

    def __init__(self, plan: Plan, directory: Directory) -> None:
        self._plan = plan
        self._directory = directory
        self._procs: dict[str, ProcMeshRef] = {}
        self._extents = {
            step.operation.name: _extent(plan, step.operation)
            for step in plan.steps
            if isinstance(step.operation, SpawnProcsOp | AllocateOp | AllocateHostsOp)
        }
        self._procs_of = {
            step.operation.name: step.operation.procs
            for step in plan.steps
            if isinstance(step.operation, SpawnActorsOp)
        }
        #: References with names of their own, by name: what each is made of.
        self._made: dict[str, SliceOp | CloneOp] = {
            step.operation.name: step.operation for step in plan.steps if isinstance(step.operation, SliceOp | CloneOp)
        }

    def operation(self, spec: OperationSpec) -> Operation:
        """The model's form of an operation.

        Raises:
            MissingError: a mesh that it needs was never spawned.
        """
        match spec:
            case SpawnProcsOp(name=name, per_host=per_host):
                hosts = self._hosts(spec.hosts)
                extent = ((HOSTS_DIMENSION, len(hosts)),)
                return SpawnProcs(name, hosts, extent, tuple(per_host.items()))
            case AllocateOp(name=name, allocator=allocator, extent=extent):
                hosts = chosen_hosts(self._plan, spec) if allocator == "remote" else ()
                return Allocate(name, allocator, tuple(extent.items()), hosts, spec.host_level, spec.proc_name or "")
            case AllocateHostsOp(name=name, extent=extent, allocator=allocator):
                return AllocateHosts(name, tuple(extent.items()), allocator)
            case ProcStatusOp(procs=procs):
                return QueryProcs(self.procs(procs))
            case GspawnOp(proc=proc, name=name, actor=actor):
                target = parse_target(proc)
                return GspawnOn(self.procs(target.name), target.rank or 0, Name(name), actor)
            case StopActorOp(proc=proc, name=name, timeout=timeout, reason=reason):
                target = parse_target(proc)
                mesh = self._directory.mesh(name)
                actor_name = Name(name) if mesh is None else mesh.name
                return StopActorOn(self.procs(target.name), target.rank or 0, actor_name, int(timeout), reason)
            case SpawnActorsOp():
                return SpawnActors(
                    label=spec.name,
                    procs=self.procs(spec.procs),
                    actor_type=spec.actor,
                    params={**self._params(spec), **_init_faults(self._plan, spec.name)},
                    display_base=spec.display,
                    system=spec.system,
                    service=UNSET if spec.service is None else spec.service,
                    registered=False if spec.unregistered else UNSET,
                    controller=UNSET if spec.controller == "polling" else spec.controller,
                    controller_params=dict(spec.controller_params) or UNSET,
                )
            case StopActorsOp(mesh=mesh, reason=reason):
                return StopActors(self.actors(mesh), reason)
            case StopProcsOp(procs=procs, reason=reason):
                return StopProcs(self.procs(procs), reason)
            case StopAllOp(target=target, reason=reason):
                return StopAllOf(target, self.agents(target), reason)
            case ListProcsOp(host=host):
                return ListProcs(*self._hosts([host]))
            case SpawnHostsOp(name=name, count=count):
                return SpawnHosts(name, started_hosts(name, count))
            case LocalHostOp(by=by, in_process=in_process):
                return LocalHost(by, in_process)
            case AttachHostsOp(hosts=hosts):
                return AttachHosts(self._hosts(hosts))
            case DropHostsOp(hosts=hosts, runtime=runtime):
                return DropHosts(self._hosts(hosts), runtime)
            case ShutdownHostsOp(hosts=hosts):
                return ShutdownHosts(self._hosts(hosts), self._alloc_of(hosts))
            case SubscribeOp(mesh=mesh, returnable=returnable):
                return SubscribeTo(self.actors(mesh), returnable)
            case UnsubscribeOp(mesh=mesh):
                return UnsubscribeFrom(self.actors(mesh))
            case NextEventOp(mesh=mesh, limit=limit):
                return AwaitEvent(self.actors(mesh), int(limit or 0))
            case CountSubscribersOp(mesh=mesh):
                return CountSubscribers(self.actors(mesh))
            case SliceOp(name=name, mesh=mesh) if self._is_procs(mesh):
                return SliceMesh(name, mesh, procs=self.procs(name))
            case SliceOp(name=name, mesh=mesh):
                return SliceMesh(name, mesh, actors=self.actors(name))
            case CloneOp(name=name, mesh=mesh, shared=shared):
                return CloneRef(self.actors(name), mesh, shared)
            case SendRefOp(mesh=mesh, to=to):
                return SendRef(self.actors(mesh), self._actor(to))
            case DropOp(mesh=mesh) if self._is_procs(mesh):
                return DropProcs(self.procs(mesh))
            case DropOp(mesh=mesh):
                return DropRef(self.actors(mesh))
            case CastOp(mesh=mesh, text=text, busy=busy, times=times):
                return CastTo(self.actors(mesh), text, int(busy), UNSET if times == 1 else times)
            case CallOp(mesh=mesh, method=method, busy=busy, raises=raises, one=one):
                return CallMesh(self.actors(mesh), method, int(busy), raises, one)
            case BroadcastOp(mesh=mesh, method=method, busy=busy, raises=raises):
                return BroadcastTo(self.actors(mesh), method, int(busy), raises)
            case CountOp(mesh=mesh, once=once):
                return CountRanks(self.actors(mesh), once)
            case QueryOp(mesh=mesh):
                return QueryMesh(self.actors(mesh))
            case ActorStatesOp(mesh=mesh, keepalive=keepalive):
                return AskActors(self.actors(mesh), int(keepalive or 0))
            case ActorStateOp(actor=actor):
                target = parse_target(actor)
                return AskActor(self.actors(target.name), target.rank or 0)
            case ProcStatesOp(procs=procs):
                return AskProcs(self.procs(procs))
            case AskOp():
                return self._question(spec)
            case DrillOp():
                return self._drill(spec)
            case EndOp(reason=reason):
                return EndSelf(reason)

    def _actor(self, name: str) -> ActorId:
        actor = self._directory.actor(name)
        if actor is None:
            raise MissingError(f"{name} does not exist")
        return actor

    def _question(self, spec: AskOp) -> AskEach:
        value = UNSET if spec.value is None else parse_value(attribute_by_key(spec.key), spec.value)
        more = tuple(self.actors(mesh) for mesh in spec.more) or UNSET
        return AskEach(self.actors(spec.mesh), spec.what, spec.key, value, more)

    def _drill(self, spec: DrillOp) -> DrillActor:
        root = self._actor(spec.actor)
        actor = actor_id(proc_of(root), actor_name_of(root), spec.child)
        return DrillActor(spec.actor, actor, spec.order, spec.text, Name(spec.name or ""), spec.handles)

    def _is_procs(self, label: str) -> bool:
        made = self._made.get(label)
        return label in self._extents if made is None else self._is_procs(made.mesh)

    def _hosts(self, names: list[str]) -> tuple[str, ...]:
        """The nodes of hosts: those of allocated ones are known when they are there."""
        allocated = self._directory.allocated_hosts
        return tuple(allocated.get(name, name) for name in names) or self._plan.hosts

    def _alloc_of(self, names: list[str]) -> ActorId | UnsetType:
        """Who holds the alloc of exactly these hosts, if somebody does."""
        for label, keeper in self._directory.keepers.items():
            count = sum(host.rstrip("0123456789") == label for host in self._directory.allocated_hosts)
            if count and sorted(names) == sorted(started_hosts(label, count)):
                return keeper
        return UNSET

    def _params(self, spec: SpawnActorsOp) -> dict[str, object]:
        """Parameters of the actors; names of the scenario become references."""
        made = children_of(spec)
        if made is None:
            return dict(spec.params)
        children = Children(Name(made.child), self.procs(made.procs), PortRef(self._actor(made.supervisor), 0))
        return {CHILDREN: msgspec.to_builtins(children)}

    def actors(self, label: str) -> ActorMeshRef:
        match self._made.get(label):
            case CloneOp(mesh=mesh):
                return self.actors(mesh).copied(label)
            case SliceOp(mesh=mesh) as chosen:
                whole = self.actors(mesh)
                return whole.sliced(cut(whole.procs.region, chosen), label)
        spawned = self._spawned(label)
        return ActorMeshRef(label, spawned.name, self.procs(self._procs_of[label]), spawned.controller)

    def procs(self, label: str) -> ProcMeshRef:
        found = self._procs.get(label)
        chosen = self._made.get(label)
        if found is None and isinstance(chosen, SliceOp):
            whole = self.procs(chosen.mesh)
            found = self._procs[label] = whole.sliced(cut(whole.region, chosen), label)
        elif found is None:
            spawned = self._spawned(label)
            make = _proc_ref if spawned.alloc is UNSET else _allocated_ref
            refs = tuple(make(ProcId(proc), rank) for rank, proc in enumerate(spawned.members))
            root_comm = None if spawned.root_comm is UNSET else spawned.root_comm
            region = Region.of(self._extents[label])
            found = ProcMeshRef(label, spawned.name, region, refs, root_comm, alloc=spawned.alloc)
            self._procs[label] = found
        return found

    def agents(self, target: str) -> tuple[ActorId, ...]:
        """The agents of a whole proc mesh, or of one rank."""
        rank = parse_target(target).rank
        procs = self.procs(parse_target(target).name).procs
        return tuple(proc.agent for proc in (procs if rank is None else procs[rank : rank + 1]))

    def _spawned(self, label: str) -> MeshSpawned:
        spawned = self._directory.mesh(label)
        if spawned is None:
            raise MissingError(f"{label} was not spawned")
        return spawned


def _extent(plan: Plan, spec: SpawnProcsOp | AllocateOp | AllocateHostsOp) -> Extent:
    if not isinstance(spec, SpawnProcsOp):
        return Extent.of(tuple(spec.extent.items()))
    hosts = len(spec.hosts) or len(plan.hosts)
    return Extent.of(((HOSTS_DIMENSION, hosts),)).concat(Extent.of(tuple(spec.per_host.items())))


def _proc_ref(proc: ProcId, rank: int) -> ProcRef:
    host = proc.split(",", 1)[0].removeprefix("unix:@")
    return ProcRef(proc, rank, proc_agent_id(proc), host_agent_id(host))


def _allocated_ref(proc: ProcId, rank: int) -> ProcRef:
    return ProcRef(proc, rank, mesh_agent_id(proc), None)


def _init_faults(plan: Plan, mesh: str) -> dict[str, object]:
    """Parameters of an actor mesh whose inits are to fail at some ranks."""
    failures: dict[str, dict[str, object]] = {}
    for fault in plan.faults:
        if isinstance(fault, InitFails):
            for target in map(parse_target, targets_of(fault)):
                if target.name != mesh:
                    continue
                failures[str(target.rank)] = {"text": fault.text, "after_ns": int(fault.after)}
    return {INIT_FAILS: failures} if failures else {}
