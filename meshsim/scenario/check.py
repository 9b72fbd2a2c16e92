"""What the types of a scenario cannot say: that names exist, ranks are in range, times fit, and all makes sense.

Checks run in the order of the file's keys (links after operations, which may declare procs); the first error is raised.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from meshsim.model.config import ConfigError, Layer, attribute_by_key, not_modelled, parse_value, resolve
from meshsim.model.quirks import QUIRKS, REVISION_OF, turned_off
from meshsim.model.revision import R2026_03, REVISIONS, Revision
from meshsim.oracle.expectations import applies
from meshsim.oracle.invariants import INVARIANTS
from meshsim.oracle.verdict import CODE_RETURNS
from meshsim.scenario.check_decisions import check_decisions
from meshsim.scenario.check_expectations import check_expectations
from meshsim.scenario.check_faults import check_faults
from meshsim.scenario.check_operations import check_operation
from meshsim.scenario.check_own import check_actor_type, check_controller
from meshsim.scenario.children import WRAPPER, declare_children
from meshsim.scenario.errors import ScenarioError, joined
from meshsim.scenario.schema import (
    Scenario,
    Slice,
    Topology,
)
from meshsim.scenario.world import Kind, World
from meshsim.units import DURATION_NS_MAX, format_duration


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
        check_operation(f"operations[{index}]", operation, world, scenario)
    _check_network(scenario, world)
    for node in scenario.clocks:
        world.member(node, (Kind.HOST, Kind.CLIENT), joined("clocks", node))
    for node in scenario.clock_drifts:
        world.member(node, (Kind.HOST, Kind.CLIENT), joined("clock_drifts", node))
    check_faults(scenario, world)
    check_decisions(scenario)
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
        refusal = not_modelled(attribute, values[attribute.name])
        if refusal is not None:
            raise ScenarioError(place, refusal, value=value)
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
        if quirk not in QUIRKS:
            raise ScenarioError(joined("quirks", quirk), "no such quirk", allowed=QUIRKS, word=quirk)


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
        check_actor_type(key, actors)
        check_controller(key, actors)
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
    _check_canary(scenario, relaxed)
    for index, known in enumerate(scenario.known):
        _check_invariant(f"known[{index}]", known.invariant, known.reason)
        if known.quirk not in QUIRKS:
            raise ScenarioError(f"known[{index}].quirk", "no such quirk", value=known.quirk, allowed=QUIRKS)
        if known.invariant in relaxed:
            message = "expected an invariant that is judged, this one is relaxed"
            raise ScenarioError(f"known[{index}].invariant", message, value=known.invariant)
        if known.invariant in scenario.caught_by:
            message = "expected an invariant that is not in caught_by, which takes whatever it finds"
            raise ScenarioError(f"known[{index}].invariant", message, value=known.invariant)


def _check_canary(scenario: Scenario, relaxed: Collection[str]) -> None:
    """What must speak is there, is judged, and is named once."""
    expected = {f"expect[{index}]": expectation for index, expectation in enumerate(scenario.expect)}
    allowed = (*expected, *INVARIANTS, CODE_RETURNS)
    off = turned_off(scenario.profile, scenario.quirks)
    for index, name in enumerate(scenario.caught_by):
        key = f"caught_by[{index}]"
        if name not in allowed:
            raise ScenarioError(key, "expected an invariant or one of the expectations", value=name, allowed=allowed)
        if name in scenario.caught_by[:index]:
            raise ScenarioError(key, "given twice", value=name)
        if name in relaxed:
            raise ScenarioError(key, "expected an invariant that is judged, this one is relaxed", value=name)
        if name in expected and not applies(expected[name], off):
            raise ScenarioError(key, "expected an expectation that counts, this one is for another side", value=name)


def _check_invariant(key: str, invariant: str, reason: str) -> None:
    if invariant not in INVARIANTS:
        raise ScenarioError(f"{key}.invariant", "no such invariant", value=invariant, allowed=INVARIANTS)
    if not reason.strip():
        raise ScenarioError(f"{key}.reason", "expected a reason", value=reason)
