"""Smaller worlds: fewer hosts, fewer procs on each. Who is named keeps his place as far as there is one for him."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import prod

import msgspec

from meshsim.explore.shrinking.renaming import Member, Mentions, Process, Renaming, mentions_of, renamed
from meshsim.scenario.errors import ScenarioError
from meshsim.scenario.schema import Procs, Scenario
from meshsim.scenario.world import host_names

#: The dimension that all meshes on hosts have first.
_HOSTS = "hosts"

#: By dimension: for each old coordinate the new one.
_Coordinates = Mapping[str, Sequence[int]]


def hosts(scenario: Scenario) -> Iterator[Scenario]:
    """Fewer hosts: one, half of them, one less."""
    for count in _smaller(scenario.topology.hosts):
        yield from _made(scenario, _with_hosts, count)


def ranks(scenario: Scenario) -> Iterator[Scenario]:
    """Fewer procs: each dimension of each mesh one long, half as long, one shorter."""
    for index, procs in enumerate(scenario.topology.procs):
        for dimension, size in _own_extent(procs).items():
            for count in _smaller(size):
                yield from _made(scenario, _with_size, index, dimension, count)


def dimensions(scenario: Scenario) -> Iterator[Scenario]:
    """Without dimensions that are one long: a mesh that has none has one proc on each host."""
    for index, procs in enumerate(scenario.topology.procs):
        extent = _own_extent(procs)
        for dimension in (each for each, size in extent.items() if size == 1):
            left = {each: size for each, size in extent.items() if each != dimension}
            yield _with_procs(scenario, index, _with_extent(procs, left))


def _smaller(size: int) -> list[int]:
    return sorted({1, size // 2, size - 1} - {0, size})


def _made(scenario: Scenario, make: object, *arguments: object) -> Iterator[Scenario]:
    """What can be made; names that end up where there is nobody make no scenario."""
    assert callable(make)
    try:
        made = make(scenario, *arguments)
    except ScenarioError:
        return
    yield made


def _with_hosts(scenario: Scenario, count: int) -> Scenario:
    mentions = mentions_of(scenario)
    used = set(mentions.hosts) | {host for host, _, _ in mentions.processes}
    for procs in _on_hosts(scenario):
        for rank in _ranks_of(procs.name, scenario, mentions):
            used.add(_host_number(_hosts_of(procs, scenario)[rank // prod(procs.per_host.values())]))
    new = _places(scenario.topology.hosts, count, used)
    members: dict[Member, Member] = {}
    processes: dict[Process, Process] = {}
    for procs in _on_hosts(scenario):
        before = [_host_number(host) for host in _hosts_of(procs, scenario)]
        after = list(dict.fromkeys(new[host] for host in before)) if procs.hosts else list(range(count))
        coordinates = {_HOSTS: [after.index(new[host]) for host in before]}
        members |= _members(procs, scenario, coordinates, len(after))
        per_host = prod(procs.per_host.values())
        processes |= {
            (host, procs.name, local): (new[host], procs.name, local) for host in before for local in range(per_host)
        }
    smaller = renamed(scenario, Renaming(processes, members, dict(enumerate(new))))
    procs = [_without_repeats(each) for each in smaller.topology.procs]
    topology = msgspec.structs.replace(smaller.topology, hosts=count, procs=procs)
    return msgspec.structs.replace(smaller, topology=topology)


def _without_repeats(procs: Procs) -> Procs:
    return msgspec.structs.replace(procs, hosts=list(dict.fromkeys(procs.hosts)))


def _with_size(scenario: Scenario, index: int, dimension: str, count: int) -> Scenario:
    procs = scenario.topology.procs[index]
    extent = _own_extent(procs)
    mentions = mentions_of(scenario)
    stride = prod(list(extent.values())[list(extent).index(dimension) + 1 :])
    locals_ = {local for _, name, local in mentions.processes if name == procs.name}
    used = {number // stride % extent[dimension] for number in locals_ | _ranks_of(procs.name, scenario, mentions)}
    new = _places(extent[dimension], count, used)
    members = _members(procs, scenario, {dimension: new}, len(_hosts_of(procs, scenario)), {dimension: count})
    per_host = prod(extent.values())
    places = {
        local: _flat(_moved(extent, local, {dimension: new}), {**extent, dimension: count}) for local in range(per_host)
    }
    processes = {
        (_host_number(host), procs.name, local): (_host_number(host), procs.name, place)
        for host in _hosts_of(procs, scenario)
        for local, place in places.items()
    }
    smaller = renamed(scenario, Renaming(processes, members, {}))
    return _with_procs(smaller, index, _with_extent(smaller.topology.procs[index], {**extent, dimension: count}))


def _members(
    procs: Procs,
    scenario: Scenario,
    coordinates: _Coordinates,
    host_count: int,
    sizes: Mapping[str, int] | None = None,
) -> dict[Member, Member]:
    """The new rank of every rank of a proc mesh, and of the actor meshes right on it."""
    own = _own_extent(procs)
    before = own if procs.allocator else {_HOSTS: len(_hosts_of(procs, scenario)), **own}
    after = {**before, **(sizes or {})}
    if not procs.allocator:
        after[_HOSTS] = host_count
    names = [procs.name, *(actors.name for actors in scenario.topology.actors if actors.procs == procs.name)]
    return {
        (name, rank): (name, _flat(_moved(before, rank, coordinates), after))
        for rank in range(prod(before.values()))
        for name in names
    }


def _places(size: int, count: int, used: Iterable[int]) -> list[int]:
    """The new coordinate of each old one: its own where that is left, or side by side in their order."""
    ordered = sorted(used)
    new = [min(old, count - 1) for old in range(size)]
    if any(old >= count for old in ordered):
        for place, old in enumerate(ordered):
            new[old] = min(place, count - 1)
    return new


def _moved(extent: Mapping[str, int], rank: int, coordinates: _Coordinates) -> dict[str, int]:
    """The new coordinates of a rank, the last dimension varying fastest."""
    point: dict[str, int] = {}
    for name, size in reversed(extent.items()):
        rank, at = divmod(rank, size)
        point[name] = coordinates[name][at] if name in coordinates else at
    return point


def _flat(point: Mapping[str, int], extent: Mapping[str, int]) -> int:
    rank = 0
    for name, size in extent.items():
        rank = rank * size + point[name]
    return rank


def _ranks_of(procs: str, scenario: Scenario, mentions: Mentions) -> set[int]:
    """Ranks of a proc mesh that are mentioned, by themselves or by actors."""
    names = {procs, *(actors.name for actors in scenario.topology.actors if actors.procs == procs)}
    return {rank for name, rank in mentions.members if name in names}


def _on_hosts(scenario: Scenario) -> list[Procs]:
    return [procs for procs in scenario.topology.procs if procs.allocator is None]


def _hosts_of(procs: Procs, scenario: Scenario) -> list[str]:
    if procs.allocator is not None:
        return []
    return procs.hosts or list(host_names(scenario.topology))


def _host_number(host: str) -> int:
    return int(host.removeprefix("host"))


def _own_extent(procs: Procs) -> dict[str, int]:
    return procs.per_host if procs.allocator is None else procs.extent


def _with_extent(procs: Procs, extent: dict[str, int]) -> Procs:
    key = "per_host" if procs.allocator is None else "extent"
    return msgspec.structs.replace(procs, **{key: extent})


def _with_procs(scenario: Scenario, index: int, procs: Procs) -> Scenario:
    meshes = list(scenario.topology.procs)
    meshes[index] = procs
    return msgspec.structs.replace(scenario, topology=msgspec.structs.replace(scenario.topology, procs=meshes))
