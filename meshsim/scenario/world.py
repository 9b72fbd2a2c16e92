"""The names of a scenario: hosts, clients, proc meshes and actor meshes share one name space.

`World` grows as the scenario is read, in the order of the run, so a reference to what comes later is found out.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from math import prod

import msgspec

from meshsim.faults.targets import Target, TargetError, parse_target
from meshsim.model.actors.registry import CONTEXT_TYPES
from meshsim.model.alloc.places import COORDINATES
from meshsim.model.alloc.remote_alloc import parts_of
from meshsim.model.shapes.extent import Extent, ViewRank
from meshsim.model.shapes.region import Region
from meshsim.scenario.cutting import checked_cut
from meshsim.scenario.errors import ScenarioError, shown
from meshsim.scenario.schema import (
    AllocateHostsOp,
    AllocateOp,
    CloneOp,
    DrillOp,
    GspawnOp,
    Procs,
    Scenario,
    Slice,
    SliceOp,
    SpawnActorsOp,
    SpawnHostsOp,
    SpawnProcsOp,
    Topology,
)

#: Procs that all meshes of a scenario may have together.
PROCS_MAX = 1_000_000


class Kind(Enum):
    """What a name can stand for, in words."""

    HOST = "host"
    CLIENT = "client"
    PROCS = "proc mesh"
    ACTORS = "actor mesh"


class Declared(msgspec.Struct, frozen=True):
    """One name. `ranks` is 0 for hosts and clients, which have none."""

    kind: Kind
    key: str
    ranks: int = 0
    #: Name of the proc mesh, and its hosts in rank order.
    procs: str = ""
    hosts: tuple[str, ...] = ()
    #: Allocated procs: by which allocator, and by which client.
    allocator: str = ""
    by: str = ""
    actor_type: str = ""
    system: bool = False
    #: The ranks of a mesh, among those of its first proc mesh.
    region: Region | None = None
    #: The mesh that this is a reference to: a slice, a clone.
    of: str = ""

    @property
    def may_own(self) -> bool:
        """Whether it has a context: clients, and actors of types that can spawn, subscribe and stop.

        A type that the scenario brings itself (`module:Class`) is taken at its word.
        """
        return self.kind is Kind.CLIENT or self.actor_type in CONTEXT_TYPES or ":" in self.actor_type


def host_names(topology: Topology) -> tuple[str, ...]:
    return tuple(f"host{index}" for index in range(topology.hosts))


def hosts_with(topology: Topology, hosts: Sequence[str], labels: dict[str, str]) -> tuple[str, ...]:
    """Those of these hosts that have all of these labels."""
    return tuple(host for host in hosts if labels.items() <= topology.host_labels.get(host, {}).items())


def started_hosts(name: str, count: int) -> tuple[str, ...]:
    """What the hosts of one `spawn_hosts` are called."""
    return tuple(f"{name}{index}" for index in range(count))


class World:
    """Names declared so far, and targets resolved against them. Every error carries the key that was being read."""

    def __init__(self, scenario: Scenario) -> None:
        self.names: dict[str, Declared] = {}
        #: Meshes whose actors spawn children by themselves.
        self.wrappers: set[str] = set()
        #: Names of actors outside meshes, which are no targets but may be in records.
        self.others = _outside_meshes(scenario)
        self._procs = 0
        self._topology = scenario.topology
        self._in_process = tuple(scenario.topology.in_process)
        self._local_hosts: list[str] = []
        self._later = _declared_anywhere(scenario)
        self._hosts = list(host_names(scenario.topology))
        for host in self._hosts:
            self.names[host] = Declared(Kind.HOST, "topology.hosts")
        for index, client in enumerate(scenario.topology.clients):
            key = f"topology.clients[{index}]"
            self._add(client, Declared(Kind.CLIENT, key), key)

    # --- declarations ----------------------------------------------------------------------------------------

    def add_procs(self, key: str, name: str, hosts: list[str], per_host: dict[str, int]) -> None:
        """A proc mesh on these hosts, or on all when none are given."""
        for index, host in enumerate(hosts):
            self.named(host, Kind.HOST, f"{key}.hosts[{index}]")
            if host in hosts[:index]:
                raise ScenarioError(f"{key}.hosts[{index}]", "given twice", value=host)
        for label in per_host:
            if label in ("hosts", ""):
                raise ScenarioError(f"{key}.per_host", 'expected a dimension other than "hosts"', value=label)
        on = hosts or self._hosts
        ranks = len(on) * prod(per_host.values())
        self._procs += ranks
        if self._procs > PROCS_MAX:
            raise ScenarioError(key, f"expected at most {PROCS_MAX} procs in all meshes together", value=self._procs)
        extent = Extent.of((("hosts", len(on)),)).concat(Extent.of(tuple(per_host.items())))
        self._add(name, Declared(Kind.PROCS, key, ranks, name, tuple(on), region=Region.of(extent)), f"{key}.name")

    def add_hosts(self, key: str, name: str, count: int) -> None:
        """Hosts that a client starts: `name0`, `name1`, …"""
        for host in started_hosts(name, count):
            self._add(host, Declared(Kind.HOST, key), f"{key}.name")

    def add_allocated(self, key: str, made: Procs | AllocateOp | AllocateHostsOp, allocator: str) -> None:
        """Procs of an alloc; they are on no host, unless its allocator is one for hosts."""
        name, extent, by = made.name, made.extent, made.by
        hosts: tuple[str, ...] = ()
        if not isinstance(made, AllocateHostsOp) and allocator != "remote":
            for part, given in (("hosts", made.hosts), ("host_level", made.host_level)):
                if given:
                    raise ScenarioError(f"{key}.{part}", "belongs to the remote allocator")
        elif not isinstance(made, AllocateHostsOp):
            for index, host in enumerate(made.hosts):
                self.named(host, Kind.HOST, f"{key}.hosts[{index}]")
            whole = Extent.of(tuple(extent.items()))
            _, count = parts_of(whole, host_level=made.host_level)
            labels = made.match_labels if isinstance(made, AllocateOp) else {}
            hosts = hosts_with(self._topology, made.hosts or self._hosts, labels)[:count]
        for label in extent:
            if label == "" or (allocator == "simulated" and label not in COORDINATES):
                allowed = COORDINATES if allocator == "simulated" else ()
                raise ScenarioError(f"{key}.extent", "expected a dimension with a name", value=label, allowed=allowed)
        ranks = prod(extent.values())
        self._procs += ranks
        if self._procs > PROCS_MAX:
            raise ScenarioError(key, f"expected at most {PROCS_MAX} procs in all meshes together", value=self._procs)
        region = Region.of(Extent.of(tuple(extent.items())))
        declared = Declared(Kind.PROCS, key, ranks, name, hosts, region=region, allocator=allocator, by=by)
        self._add(name, declared, f"{key}.name")

    def add_local_host(self, key: str, client: str, *, in_process: bool) -> None:
        """A host in the process of a client."""
        self.member(client, (Kind.CLIENT,), f"{key}.by")
        if client in self._local_hosts:
            raise ScenarioError(f"{key}.by", "expected a client that is no host yet", value=client)
        self._local_hosts.append(client)
        if in_process:
            self._in_process = (*self._in_process, client)

    def add_actors(self, key: str, name: str, procs: str, actor_type: str, *, system: bool) -> None:
        """An actor mesh, one actor on each proc of a proc mesh."""
        on = self.named(procs, Kind.PROCS, f"{key}.procs")
        declared = msgspec.structs.replace(on, kind=Kind.ACTORS, key=key, actor_type=actor_type, system=system, of="")
        self._add(name, declared, f"{key}.name")

    def add_slice(self, key: str, chosen: Slice | SliceOp) -> None:
        """A part of a proc mesh or of an actor mesh."""
        whole = self.mesh(chosen.mesh, f"{key}.mesh")
        assert whole.region is not None, "a mesh has ranks"
        region = checked_cut(whole.region, chosen, key)
        self._refer(chosen.name, whole, region, key, chosen.mesh)

    def add_clone(self, key: str, name: str, mesh: str) -> None:
        """Another reference to the same ranks."""
        whole = self.named(mesh, Kind.ACTORS, f"{key}.mesh")
        assert whole.region is not None, "a mesh has ranks"
        self._refer(name, whole, whole.region, key, mesh)

    def _refer(self, name: str, whole: Declared, region: Region, key: str, mesh: str) -> None:
        declared = msgspec.structs.replace(whole, key=key, ranks=region.num_ranks, region=region, of=whole.of or mesh)
        self._add(name, declared, f"{key}.name")

    def _add(self, name: str, declared: Declared, key: str) -> None:
        if name in self.names:
            first = self.names[name]
            raise ScenarioError(key, f"the name of {_article(first.kind.value)} already ({first.key})", value=name)
        self.names[name] = declared

    # --- references ------------------------------------------------------------------------------------------

    def named(self, name: str, kind: Kind, key: str) -> Declared:
        """What a bare name stands for; it has to be of this kind."""
        declared = self.names.get(name)
        if kind is Kind.HOST and name in self._local_hosts:
            kind = Kind.CLIENT
        if declared is None or declared.kind is not kind:
            raise self._no_such(name, name, (kind,), key)
        return declared

    def mesh(self, name: str, key: str) -> Declared:
        """A proc mesh or an actor mesh."""
        declared = self.names.get(name)
        if declared is None or declared.kind not in (Kind.PROCS, Kind.ACTORS):
            raise self._no_such(name, name, (Kind.PROCS, Kind.ACTORS), key)
        return declared

    def controlled(self, name: str, key: str) -> Declared:
        """An actor mesh that has a controller."""
        declared = self.named(name, Kind.ACTORS, key)
        if declared.system:
            raise ScenarioError(key, "expected a mesh with a controller, system meshes have none", value=name)
        return declared

    def member(self, text: str, kinds: tuple[Kind, ...], key: str) -> Declared:
        """What a target stands for: a host or a client, or one rank of a mesh; of one of these kinds."""
        target = self._parsed(text, key)
        declared = self.names.get(target.name)
        if declared is None or declared.kind not in kinds:
            raise self._no_such(text, target.name, kinds, key)
        if declared.of:
            message = f"expected a rank of {declared.of}, {target.name} is a reference to it"
            raise ScenarioError(key, message, value=text, word="")
        if target.rank is None and declared.ranks:
            message = f"expected one rank, {target.name} has ranks 0..{declared.ranks - 1}"
            raise ScenarioError(key, message, value=text, word="")
        if target.rank is not None and target.rank >= declared.ranks:
            ranks = f"ranks 0..{declared.ranks - 1}" if declared.ranks else "no ranks"
            raise ScenarioError(key, f"rank out of range, {target.name} has {ranks}", value=text, word="")
        return declared

    def process(self, text: str, key: str) -> Declared:
        """Something that is an OS process, or lives in one."""
        return self.member(text, tuple(Kind), key)

    def proc_of_its_own(self, text: str, key: str) -> None:
        """One rank of a proc mesh, on a host that starts a process for it."""
        self.member(text, (Kind.PROCS,), key)
        node = self.node(text, key)
        if node in self._in_process:
            raise ScenarioError(
                key, f"expected a proc with a process of its own, it lives in that of {node}", value=text
            )

    def topology_host(self, text: str, key: str) -> None:
        """A host that is there from the start, in a process of its own."""
        self.member(text, (Kind.HOST,), key)
        if text not in self._hosts:
            raise ScenarioError(key, "expected a host of the topology", value=text, allowed=self._hosts)

    def starts_processes(self, text: str, key: str) -> None:
        """A host that starts its procs as processes, and no allocator's."""
        self.member(text, (Kind.HOST,), key)
        if text in self._in_process:
            raise ScenarioError(key, "expected a host that starts processes, its procs live in its own", value=text)
        for declared in self.names.values():
            if declared.allocator == "remote" and text in declared.hosts:
                raise ScenarioError(key, f"expected a host without an allocator, {declared.procs} uses it", value=text)

    def node(self, text: str, key: str) -> str:
        """The process that a target is, or lives in, as traces and links call it: `host1/workers_0`."""
        declared, rank = self.process(text, key), self._parsed(text, key).rank
        if rank is None:
            return text
        if declared.allocator in ("local", "simulated"):
            return declared.by
        assert declared.region is not None, "a mesh has ranks"
        base_rank = declared.region.base_rank_of(ViewRank(rank))
        if declared.allocator == "remote":
            if not declared.hosts:
                raise ScenarioError(key, "expected a proc on a host, there is none for it", value=text)
            host = base_rank * len(declared.hosts) // self.names[declared.procs].ranks
            return f"{declared.hosts[host]}/{declared.procs}_{base_rank}"
        if declared.allocator:
            return f"{declared.by}/{declared.procs}_{base_rank}"
        host, rank_on_host = divmod(base_rank, self.names[declared.procs].ranks // len(declared.hosts))
        if declared.hosts[host] in self._in_process:
            return declared.hosts[host]
        return f"{declared.hosts[host]}/{declared.procs}_{rank_on_host}"

    def actor(self, text: str, key: str) -> Declared:
        return self.member(text, (Kind.ACTORS,), key)

    def context(self, text: str, key: str) -> Declared:
        """A client, or an actor that can do what a client can."""
        declared = self.member(text, (Kind.CLIENT, Kind.ACTORS), key)
        if not declared.may_own:
            message = f"expected a client or an actor that can own meshes, which {declared.actor_type} cannot"
            raise ScenarioError(key, message, value=text)
        return declared

    def _parsed(self, text: str, key: str) -> Target:
        try:
            return parse_target(text)
        except TargetError:
            message = 'expected a target such as "host0" or "trainer[1]"'
            raise ScenarioError(key, message, value=text) from None

    def _no_such(self, text: str, name: str, kinds: tuple[Kind, ...], key: str) -> ScenarioError:
        *others, last = (kind.value for kind in kinds)
        expected = f"{', '.join(others)} or {last}" if others else last
        allowed = [known for known, declared in self.names.items() if declared.kind in kinds]
        if name in self.names:
            message = f"expected {_article(expected)}, {shown(name)} is {_article(self.names[name].kind.value)}"
            return ScenarioError(key, message, value=text, allowed=allowed, word="")
        if name in self._later:
            return ScenarioError(key, f"used before it is there, {self._later[name]} comes later", value=text)
        return ScenarioError(key, f"no such {expected}", value=text, allowed=allowed, word=name)


def _article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _outside_meshes(scenario: Scenario) -> frozenset[str]:
    """What `gspawn` and `drill` call what they make; and the scenario itself, which sends what operations are."""
    made = (operation.name for operation in scenario.operations if isinstance(operation, GspawnOp | DrillOp))
    return frozenset({"scenario", *(name for name in made if name is not None)})


def _declared_anywhere(scenario: Scenario) -> dict[str, str]:
    """Where each mesh, and each host that is started at run time, is declared, by name."""
    places = {procs.name: f"topology.procs[{index}]" for index, procs in enumerate(scenario.topology.procs)}
    for index, actors in enumerate(scenario.topology.actors):
        places[actors.name] = f"topology.actors[{index}]"
    places |= {slice_.name: f"topology.slices[{index}]" for index, slice_ in enumerate(scenario.topology.slices)}
    for index, operation in enumerate(scenario.operations):
        if isinstance(operation, SpawnProcsOp | AllocateOp | SpawnActorsOp | SliceOp | CloneOp):
            places.setdefault(operation.name, f"operations[{index}]")
        elif isinstance(operation, SpawnHostsOp):
            for host in started_hosts(operation.name, operation.count):
                places.setdefault(host, f"operations[{index}]")
        elif isinstance(operation, AllocateHostsOp):
            for host in started_hosts(operation.name, prod(operation.extent.values())):
                places.setdefault(host, f"operations[{index}]")
    return places
