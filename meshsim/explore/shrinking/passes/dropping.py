"""Leaving things out: halves first, then quarters, and at last each thing alone (Zeller and Hildebrandt's ddmin)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec

from meshsim.explore.shrinking.renaming import is_mentioned
from meshsim.scenario.schema import Scenario, Topology

_T = TypeVar("_T")

#: The client that does everything by default; without it there is no scenario.
_FIRST_CLIENT = "client"


def shorter(items: Sequence[_T]) -> Iterator[list[_T]]:
    """The items without a half of them, without a quarter, and so on down to a single one; longest cuts first."""
    size = len(items)
    while size:
        for start in range(0, len(items), size):
            yield [*items[:start], *items[start + size :]]
        size //= 2


def faults(scenario: Scenario) -> Iterator[Scenario]:
    """Fewer faults."""
    for left in shorter(scenario.faults):
        yield msgspec.structs.replace(scenario, faults=left)


def decisions(scenario: Scenario) -> Iterator[Scenario]:
    """Fewer decisions."""
    for left in shorter(scenario.decisions):
        yield msgspec.structs.replace(scenario, decisions=left)


def operations(scenario: Scenario) -> Iterator[Scenario]:
    """Fewer operations."""
    for left in shorter(scenario.operations):
        yield msgspec.structs.replace(scenario, operations=left)


def subscribers(scenario: Scenario) -> Iterator[Scenario]:
    """Fewer subscribers."""
    for left in shorter(scenario.topology.subscribers):
        yield _with(scenario, subscribers=left)


def meshes(scenario: Scenario) -> Iterator[Scenario]:
    """One mesh less, and without everything that names it: what comes last first, as others are made of the first."""
    topology = scenario.topology
    parts = (*topology.procs, *topology.slices, *topology.actors)
    for part in reversed(parts):
        yield _without(scenario, part.name)


def clients(scenario: Scenario) -> Iterator[Scenario]:
    """One client less, and without everything that names it."""
    for client in scenario.topology.clients:
        if client != _FIRST_CLIENT:
            yield _without(scenario, client)


def settings(scenario: Scenario) -> Iterator[Scenario]:
    """Fewer things that are not as by default: all of a kind, then one by one."""
    for left in shorter(list(scenario.config)):
        yield msgspec.structs.replace(scenario, config={key: scenario.config[key] for key in left})
    for left in shorter(list(scenario.quirks)):
        yield msgspec.structs.replace(scenario, quirks={key: scenario.quirks[key] for key in left})
    plain = Scenario(name=scenario.name, horizon=scenario.horizon)
    for key in ("network", "clocks", "clock_drifts", "choices", "seeds"):
        if getattr(scenario, key) != getattr(plain, key):
            yield msgspec.structs.replace(scenario, **{key: getattr(plain, key)})


def _without(scenario: Scenario, name: str) -> Scenario:
    """Without a mesh or a client, and all that names it."""

    def unnamed(parts: Sequence[_T]) -> list[_T]:
        return [part for part in parts if not is_mentioned(name, part)]

    topology = scenario.topology
    return msgspec.structs.replace(
        _with(
            scenario,
            clients=unnamed(topology.clients),
            client_kinds={key: kind for key, kind in topology.client_kinds.items() if key != name},
            procs=unnamed(topology.procs),
            slices=unnamed(topology.slices),
            actors=unnamed(topology.actors),
            subscribers=unnamed(topology.subscribers),
        ),
        clocks={key: shift for key, shift in scenario.clocks.items() if key != name},
        clock_drifts={key: drift for key, drift in scenario.clock_drifts.items() if key != name},
        network=msgspec.structs.replace(scenario.network, links=unnamed(scenario.network.links)),
        operations=unnamed(scenario.operations),
        faults=unnamed(scenario.faults),
        decisions=unnamed(scenario.decisions),
    )


def _with(scenario: Scenario, **parts: object) -> Scenario:
    topology: Topology = msgspec.structs.replace(scenario.topology, **parts)
    return msgspec.structs.replace(scenario, topology=topology)
