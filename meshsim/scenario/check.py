"""What the types of a scenario cannot say: that names exist, ranks are in range, times fit, and all makes sense.

Checks run in the order of the file's keys (links after operations, which may declare procs); the first error is raised.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import prod
from typing import assert_never

from meshsim.model.actors.registry import ACTOR_TYPES, CONTEXT_TYPES
from meshsim.model.config import ConfigError, Layer, attribute_by_key, parse_value, resolve
from meshsim.model.quirks import QUIRKS, REVISION_OF, SWITCHES
from meshsim.model.revision import R2026_03, REVISIONS, Revision
from meshsim.oracle.invariants import INVARIANTS
from meshsim.scenario.check_expectations import check_expectations
from meshsim.scenario.check_faults import check_faults
from meshsim.scenario.children import WRAPPER, declare_children
from meshsim.scenario.errors import ScenarioError, joined
from meshsim.scenario.schema import (
    Actors,
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
    Slice,
    SliceOp,
    SpawnActorsOp,
    SpawnHostsOp,
    SpawnProcsOp,
    StopActorOp,
    StopActorsOp,
    StopAllOp,
    StopProcsOp,
    SubscribeOp,
    Topology,
    UnsubscribeOp,
)
from meshsim.scenario.world import Kind, World
from meshsim.units import DURATION_NS_MAX, format_duration

#: An actor type that the scenario brings: `package.module:Class`.
_OWN_TYPE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*\Z", re.ASCII)


def check(scenario: Scenario) -> World:
    """Everything about a decoded scenario that can be known without running it; its names, when all is well.

    Raises:
        ScenarioError: the first thing that is wrong; `file` is empty.
    """
    _check_lists(scenario)
    if not 0 < scenario.horizon <= DURATION_NS_MAX:
        value = format_duration(scenario.horizon)
        raise ScenarioError("horizon", "expected more than 0s and at most 100 years", value=value)
    _check_quirks(scenario)
    resolved_config(scenario.config, REVISIONS[REVISION_OF[scenario.profile]])
    world = World(scenario)
    _check_topology(scenario.topology, world)
    for index, operation in enumerate(scenario.operations):
        _check_operation(f"operations[{index}]", operation, world, scenario)
    _check_network(scenario, world)
    for node in scenario.clocks:
        world.member(node, (Kind.HOST, Kind.CLIENT), joined("clocks", node))
    check_faults(scenario, world)
    check_expectations(scenario, world)
    _check_invariants(scenario)
    return world


def resolved_config(
    config: Mapping[str, str | int | bool], revision: Revision = R2026_03
) -> dict[str, int | bool | str]:
    """Every configuration attribute by name: as the scenario sets it, else its default in this revision of the
    modelled system. Durations in nanoseconds.

    Raises:
        ScenarioError: no attribute has this key, one is set twice, or a value is not one it can have.
    """
    values: dict[str, int | bool | str] = {}
    for key, value in config.items():
        place = joined("config", key)
        try:
            attribute = attribute_by_key(key, python_names=revision.python_names)
        except KeyError:
            allowed = sorted(name.lower() for name in resolve({}))
            raise ScenarioError(place, "no such configuration attribute", allowed=allowed, word=key.lower()) from None
        if attribute.name in values:
            raise ScenarioError(place, f"sets {attribute.name} a second time", value=value)
        try:
            values[attribute.name] = parse_value(attribute, value)
        except ConfigError as error:
            raise ScenarioError(place, str(error).partition(", got ")[0], value=value) from None
    return resolve({Layer.TEST_OVERRIDE: {**dict(revision.defaults), **values}})


def _check_lists(scenario: Scenario) -> None:
    for name, values in (("seeds", scenario.seeds), ("backends", scenario.backends)):
        for index, value in enumerate(values):
            if value in values[:index]:
                raise ScenarioError(f"{name}[{index}]", "given twice", value=value)
    if not scenario.topology.clients:
        raise ScenarioError("topology.clients", "expected at least 1 client")


def _check_quirks(scenario: Scenario) -> None:
    for quirk in scenario.quirks:
        place = joined("quirks", quirk)
        if quirk not in QUIRKS:
            raise ScenarioError(place, "no such quirk", allowed=QUIRKS, word=quirk)
        if quirk not in SWITCHES:
            raise ScenarioError(place, "expected a quirk that can be turned off", allowed=SWITCHES, word="")


def _check_topology(topology: Topology, world: World) -> None:
    for client in topology.client_kinds:
        world.named(client, Kind.CLIENT, joined("topology.client_kinds", client))
    for index, host in enumerate(topology.in_process):
        world.named(host, Kind.HOST, f"topology.in_process[{index}]")
        if host in topology.in_process[:index]:
            raise ScenarioError(f"topology.in_process[{index}]", "given twice", value=host)
    for host in topology.host_labels:
        world.named(host, Kind.HOST, joined("topology.host_labels", host))
    for index, procs in enumerate(topology.procs):
        key = f"topology.procs[{index}]"
        if procs.allocator is None:
            world.add_procs(key, procs.name, procs.hosts, procs.per_host)
            if procs.extent:
                raise ScenarioError(f"{key}.extent", "belongs to an allocator; hosts have per_host")
        else:
            if procs.per_host or (procs.hosts and procs.allocator != "remote"):
                raise ScenarioError(f"{key}.allocator", "expected no hosts and no per_host beside it, but extent")
            world.add_allocated(key, procs, procs.allocator)
        world.member(procs.by, (Kind.CLIENT,), f"{key}.by")
    of_procs = [index for index, chosen in enumerate(topology.slices) if slices_procs(topology, chosen)]
    for index in of_procs:
        _check_slice(topology, index, world)
    _check_ownership(topology)
    for index, actors in enumerate(topology.actors):
        key = f"topology.actors[{index}]"
        world.context(actors.owner, f"{key}.owner")
        _check_actor_type(key, actors)
        _check_controller(key, actors)
        world.add_actors(key, actors.name, actors.procs, actors.actor, system=actors.system)
        if actors.actor == WRAPPER and actors.params:
            declare_children(key, actors, world)
    for index in range(len(topology.slices)):
        if index not in of_procs:
            _check_slice(topology, index, world)
    for index, subscriber in enumerate(topology.subscribers):
        key = f"topology.subscribers[{index}]"
        world.controlled(subscriber.mesh, f"{key}.mesh")
        world.context(subscriber.by, f"{key}.by")


def _check_controller(key: str, actors: Actors | SpawnActorsOp) -> None:
    if actors.system and actors.controller != "polling":
        message = "a system mesh has no controller"
        raise ScenarioError(f"{key}.controller", message, value=actors.controller)


def slices_procs(topology: Topology, chosen: Slice) -> bool:
    """Whether a slice of the topology is one of procs, directly or of another slice."""
    known = {procs.name for procs in topology.procs}
    for each in topology.slices:
        if each.mesh in known:
            known.add(each.name)
    return chosen.mesh in known


def _check_slice(topology: Topology, index: int, world: World) -> None:
    key = f"topology.slices[{index}]"
    world.add_slice(key, topology.slices[index])
    world.context(topology.slices[index].by, f"{key}.by")


def _check_ownership(topology: Topology) -> None:
    """Nothing owns itself, not through others either."""
    owners = {actors.name: actors.owner.partition("[")[0] for actors in topology.actors}
    for index, actors in enumerate(topology.actors):
        chain = [actors.name]
        while chain[-1] in owners and len(chain) <= len(owners):
            chain.append(owners[chain[-1]])
            if chain[-1] == actors.name:
                circle = " is owned by ".join(chain)
                raise ScenarioError(f"topology.actors[{index}].owner", f"owns itself: {circle}")


def _check_actor_type(key: str, actors: Actors | SpawnActorsOp) -> None:
    if isinstance(actors, SpawnActorsOp) and actors.unregistered:
        if actors.actor in ACTOR_TYPES:
            raise ScenarioError(f"{key}.actor", "expected a type that is not registered", value=actors.actor)
    elif actors.actor not in ACTOR_TYPES and not _OWN_TYPE.match(actors.actor):
        message = "expected an actor type or module:Class"
        raise ScenarioError(f"{key}.actor", message, value=actors.actor, allowed=ACTOR_TYPES)
    if actors.params and actors.actor in ACTOR_TYPES and actors.actor != WRAPPER:
        message = f"{actors.actor} takes no parameters; they are for types of your own (module:Class)"
        raise ScenarioError(joined(f"{key}.params", next(iter(actors.params))), message)
    for name, value in actors.params.items():
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise ScenarioError(joined(f"{key}.params", name), "expected a number of at most 64 bits", value=value)


def _check_operation(key: str, operation: OperationSpec, world: World, scenario: Scenario) -> None:
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
        case StopActorOp():
            world.member(operation.proc, (Kind.PROCS,), f"{key}.proc")
        case SpawnActorsOp():
            _check_spawn_actors(key, operation, world)
        case StopProcsOp() | ProcStatesOp() | ProcStatusOp():
            world.named(operation.procs, Kind.PROCS, f"{key}.procs")
        case StopAllOp():
            _check_procs(operation.target, world, f"{key}.target")
        case ListProcsOp():
            world.named(operation.host, Kind.HOST, f"{key}.host")
        case SpawnHostsOp():
            world.add_hosts(key, operation.name, operation.count)
        case LocalHostOp():
            world.add_local_host(key, operation.by, in_process=operation.in_process)
        case ShutdownHostsOp() | AttachHostsOp() | DropHostsOp():
            for index, host in enumerate(operation.hosts):
                world.named(host, Kind.HOST, f"{key}.hosts[{index}]")
        case SliceOp():
            world.add_slice(key, operation)
        case CloneOp():
            world.add_clone(key, operation.name, operation.mesh)
        case SendRefOp():
            world.named(operation.mesh, Kind.ACTORS, f"{key}.mesh")
            world.context(operation.to, f"{key}.to")
        case SubscribeOp() | UnsubscribeOp() | QueryOp() | CountSubscribersOp():
            world.controlled(operation.mesh, f"{key}.mesh")
        case DropOp():
            world.mesh(operation.mesh, f"{key}.mesh")
        case NextEventOp() | ActorStatesOp() | StopActorsOp() | CastOp() | CallOp() | BroadcastOp() | CountOp():
            world.named(operation.mesh, Kind.ACTORS, f"{key}.mesh")
        case ActorStateOp():
            world.actor(operation.actor, f"{key}.actor")
        case AskOp():
            _check_question(key, operation, world)
        case DrillOp():
            _check_drill(key, operation, world)
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
    _check_actor_type(key, operation)
    _check_controller(key, operation)
    world.add_actors(key, operation.name, operation.procs, operation.actor, system=operation.system)
    if operation.actor == WRAPPER and operation.params:
        declare_children(key, operation, world)


def _check_drill(key: str, operation: DrillOp, world: World) -> None:
    actor_type = world.actor(operation.actor, f"{key}.actor").actor_type
    if actor_type != "RuntimeTestActor":
        message = f"expected a RuntimeTestActor, this is a {actor_type}"
        raise ScenarioError(f"{key}.actor", message, value=operation.actor)


def _check_question(key: str, operation: AskOp, world: World) -> None:
    asked = world.named(operation.mesh, Kind.ACTORS, f"{key}.mesh").actor_type
    if asked not in CONTEXT_TYPES:
        raise ScenarioError(f"{key}.mesh", f"expected test actors, a {asked} answers nothing", value=operation.mesh)
    if operation.what == "next_failure" and operation.mesh not in world.wrappers:
        message = "expected WrapperActors with parameters, other actors have no children"
        raise ScenarioError(f"{key}.mesh", message, value=operation.mesh)
    if operation.what == "config":
        try:
            attribute_by_key(operation.key)
        except KeyError:
            message = "no such configuration attribute"
            raise ScenarioError(f"{key}.key", message, value=operation.key) from None


def _check_procs(target: str, world: World, key: str) -> None:
    """A whole proc mesh, or one rank of it."""
    if "[" in target:
        world.member(target, (Kind.PROCS,), key)
    else:
        world.named(target, Kind.PROCS, key)


def _check_network(scenario: Scenario, world: World) -> None:
    for index, link in enumerate(scenario.network.links):
        key = f"network.links[{index}]"
        for end, target in (("src", link.src), ("dst", link.dst)):
            if target != "*":
                world.process(target, f"{key}.{end}")
        if link.latency is None and link.jitter is None and link.loss is None:
            raise ScenarioError(key, "expected latency, jitter or loss")


def _check_invariants(scenario: Scenario) -> None:
    relaxed: set[str] = set()
    for index, entry in enumerate(scenario.relax):
        _check_invariant(f"relax[{index}]", entry.invariant, entry.reason)
        if entry.invariant in relaxed:
            raise ScenarioError(f"relax[{index}].invariant", "relaxed already", value=entry.invariant)
        relaxed.add(entry.invariant)
    for index, known in enumerate(scenario.known):
        _check_invariant(f"known[{index}]", known.invariant, known.reason)
        if known.quirk not in QUIRKS:
            raise ScenarioError(f"known[{index}].quirk", "no such quirk", value=known.quirk, allowed=QUIRKS)
        if known.invariant in relaxed:
            message = "expected an invariant that is judged, this one is relaxed"
            raise ScenarioError(f"known[{index}].invariant", message, value=known.invariant)


def _check_invariant(key: str, invariant: str, reason: str) -> None:
    if invariant not in INVARIANTS:
        raise ScenarioError(f"{key}.invariant", "no such invariant", value=invariant, allowed=INVARIANTS)
    if not reason.strip():
        raise ScenarioError(f"{key}.reason", "expected a reason", value=reason)
