"""Operations of a scenario: what they name exists, what they make has a name of its own.

Operations are checked in their order: one may use what an earlier one makes.
"""

from __future__ import annotations

from math import prod
from typing import assert_never

from meshsim.model.actors.registry import ACTOR_TYPES, CONTEXT_TYPES
from meshsim.model.config import ConfigError, attribute_by_key, parse_value
from meshsim.scenario.check_own import check_actor_type, check_controller
from meshsim.scenario.check_targets import check_positive
from meshsim.scenario.children import WRAPPER, declare_children
from meshsim.scenario.errors import ScenarioError
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
    Scenario,
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
from meshsim.scenario.world import Kind, World
from meshsim.units import format_duration

_Use = (
    SubscribeOp
    | UnsubscribeOp
    | QueryOp
    | CountSubscribersOp
    | NextEventOp
    | DropOp
    | ActorStatesOp
    | StopActorsOp
    | CastOp
    | CallOp
    | BroadcastOp
    | CountOp
    | ActorStateOp
    | AskOp
    | DrillOp
    | StopActorOp
    | StopProcsOp
    | ProcStatesOp
    | ProcStatusOp
    | StopAllOp
    | ListProcsOp
    | ShutdownHostsOp
    | AttachHostsOp
    | DropHostsOp
    | SendRefOp
    | EndOp
)


def check_operation(key: str, operation: OperationSpec, world: World, scenario: Scenario) -> None:
    if operation.at is not None and operation.at > scenario.horizon:
        message = f"expected at most the horizon, {format_duration(scenario.horizon)}"
        raise ScenarioError(f"{key}.at", message, value=format_duration(operation.at))
    world.context(operation.by, f"{key}.by")
    match operation:
        case SpawnProcsOp():
            world.add_procs(key, operation.name, operation.hosts, operation.per_host)
        case AllocateOp() | AllocateHostsOp():
            _check_allocation(key, operation, world)
        case GspawnOp():
            _check_gspawn(key, operation, world)
        case SpawnActorsOp():
            _check_spawn_actors(key, operation, world)
        case SpawnHostsOp():
            world.add_hosts(key, operation.name, operation.count)
        case LocalHostOp():
            world.add_local_host(key, operation.by, in_process=operation.in_process)
        case SliceOp():
            world.add_slice(key, operation)
        case CloneOp():
            world.add_clone(key, operation.name, operation.mesh)
        case _:
            _check_use(key, operation, world)


def _check_use(key: str, operation: _Use, world: World) -> None:
    """Operations that make nothing with a name of its own."""
    match operation:
        case SubscribeOp() | UnsubscribeOp() | QueryOp() | CountSubscribersOp():
            world.controlled(operation.mesh, f"{key}.mesh")
        case NextEventOp(limit=limit):
            world.named(operation.mesh, Kind.ACTORS, f"{key}.mesh")
            check_positive(f"{key}.limit", limit)
        case DropOp():
            world.mesh(operation.mesh, f"{key}.mesh")
        case ActorStatesOp() | StopActorsOp() | CastOp() | CallOp() | BroadcastOp() | CountOp():
            world.named(operation.mesh, Kind.ACTORS, f"{key}.mesh")
        case ActorStateOp():
            world.actor(operation.actor, f"{key}.actor")
        case AskOp():
            _check_question(key, operation, world)
        case DrillOp():
            _check_drill(key, operation, world)
        case StopActorOp():
            world.member(operation.proc, (Kind.PROCS,), f"{key}.proc")
        case StopProcsOp() | ProcStatesOp() | ProcStatusOp():
            world.named(operation.procs, Kind.PROCS, f"{key}.procs")
        case StopAllOp():
            _check_procs(operation.target, world, f"{key}.target")
        case ListProcsOp():
            world.named(operation.host, Kind.HOST, f"{key}.host")
        case ShutdownHostsOp() | AttachHostsOp() | DropHostsOp():
            for index, host in enumerate(operation.hosts):
                world.named(host, Kind.HOST, f"{key}.hosts[{index}]")
        case SendRefOp():
            world.named(operation.mesh, Kind.ACTORS, f"{key}.mesh")
            world.context(operation.to, f"{key}.to")
        case EndOp():
            pass
        case _:
            assert_never(operation)


def _check_allocation(key: str, operation: AllocateOp | AllocateHostsOp, world: World) -> None:
    """Clients allocate; hosts are made in processes."""
    world.member(operation.by, (Kind.CLIENT,), f"{key}.by")
    world.add_allocated(key, operation, operation.allocator)
    if isinstance(operation, AllocateHostsOp):
        if operation.allocator == "local":
            if prod(operation.extent.values()) != 1:
                raise ScenarioError(f"{key}.extent", "expected one rank: a process has one host")
            world.add_local_host(key, operation.by, in_process=False)
        world.add_hosts(key, operation.name, prod(operation.extent.values()))


def _check_gspawn(key: str, operation: GspawnOp, world: World) -> None:
    world.member(operation.proc, (Kind.PROCS,), f"{key}.proc")
    if operation.actor not in ACTOR_TYPES:
        raise ScenarioError(f"{key}.actor", "expected an actor type", value=operation.actor, allowed=ACTOR_TYPES)


def _check_spawn_actors(key: str, operation: SpawnActorsOp, world: World) -> None:
    check_actor_type(key, operation)
    check_controller(key, operation)
    world.add_actors(key, operation.name, operation.procs, operation.actor, system=operation.system)
    if operation.actor == WRAPPER and operation.params:
        declare_children(key, operation, world)


def _check_drill(key: str, operation: DrillOp, world: World) -> None:
    actor_type = world.actor(operation.actor, f"{key}.actor").actor_type
    if actor_type != "RuntimeTestActor":
        message = f"expected a RuntimeTestActor, this is a {actor_type}"
        raise ScenarioError(f"{key}.actor", message, value=operation.actor)


def _check_question(key: str, operation: AskOp, world: World) -> None:
    _check_asked(f"{key}.mesh", operation.mesh, world)
    if operation.what == "next_failure" and operation.mesh not in world.wrappers:
        message = "expected WrapperActors with parameters, other actors have no children"
        raise ScenarioError(f"{key}.mesh", message, value=operation.mesh)
    if operation.what == "config":
        try:
            attribute_by_key(operation.key)
        except KeyError:
            message = "no such configuration attribute"
            raise ScenarioError(f"{key}.key", message, value=operation.key) from None
    _check_value(key, operation)
    if operation.more and operation.what != "forward_pairs":
        raise ScenarioError(f"{key}.more", 'only with what = "forward_pairs"')
    for index, more in enumerate(operation.more):
        _check_asked(f"{key}.more[{index}]", more, world)


def _check_asked(key: str, mesh: str, world: World) -> None:
    asked = world.named(mesh, Kind.ACTORS, key).actor_type
    if asked not in CONTEXT_TYPES:
        raise ScenarioError(key, f"expected test actors, a {asked} answers nothing", value=mesh)


def _check_value(key: str, operation: AskOp) -> None:
    """Only a configuration attribute can be given a value, one that it can have."""
    if operation.value is None:
        return
    if operation.what != "config":
        raise ScenarioError(f"{key}.value", 'only with what = "config"', value=operation.value)
    try:
        parse_value(attribute_by_key(operation.key), operation.value)
    except ConfigError as error:
        raise ScenarioError(f"{key}.value", str(error)) from None


def _check_procs(target: str, world: World, key: str) -> None:
    """A whole proc mesh, or one rank of it."""
    if "[" in target:
        world.member(target, (Kind.PROCS,), key)
    else:
        world.named(target, Kind.PROCS, key)
