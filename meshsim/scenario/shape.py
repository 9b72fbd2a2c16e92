"""What a plan amounts to, counted: meshes with their ranks, procs and hosts. Bounds and rules depend on it."""

from __future__ import annotations

from math import prod

import msgspec

from meshsim.model.shapes.extent import Extent
from meshsim.model.shapes.region import Region
from meshsim.scenario.children import children_of
from meshsim.scenario.cutting import cut
from meshsim.scenario.plan import Plan
from meshsim.scenario.schema import (
    AllocateHostsOp,
    AllocateOp,
    CloneOp,
    OperationSpec,
    SliceOp,
    SpawnActorsOp,
    SpawnHostsOp,
    SpawnProcsOp,
)


class MeshShape(msgspec.Struct, frozen=True):
    """An actor mesh that has a controller."""

    name: str
    ranks: int
    dimensions: int
    controller: str


class PlanShape(msgspec.Struct, frozen=True):
    """A plan, counted."""

    meshes: tuple[MeshShape, ...]
    #: Of all proc meshes together.
    procs: int
    hosts: int
    #: Procs that one host may have at the same time, of all meshes.
    children: int
    #: The most procs of one mesh that one host starts.
    starts: int
    #: Actors of meshes that one proc may have.
    actors: int

    @property
    def ranks(self) -> int:
        """Of the largest mesh with a controller; 0 when there is none."""
        return max((mesh.ranks for mesh in self.meshes), default=0)

    @property
    def dimensions(self) -> int:
        return max((mesh.dimensions for mesh in self.meshes), default=0)


class _Counter:
    """Counts one operation after the other."""

    def __init__(self, plan: Plan) -> None:
        self._hosts = plan.hosts
        self.hosts = len(plan.hosts)
        self.meshes: list[MeshShape] = []
        #: Procs of each mesh that one host starts.
        self.starts: list[int] = []
        #: Ranks of each name, and the proc mesh that it is on.
        self._regions: dict[str, tuple[Region, str]] = {}
        #: Actors on each proc, by proc mesh; a mesh on a slice counts as one on all.
        self._actors: dict[str, int] = {}

    @property
    def procs(self) -> int:
        return sum(region.num_ranks for name, (region, procs) in self._regions.items() if name == procs)

    @property
    def actors(self) -> int:
        return max(self._actors.values(), default=0)

    def take(self, operation: OperationSpec) -> None:
        match operation:
            case SpawnProcsOp(name=name):
                dimensions = (("hosts", len(operation.hosts or self._hosts)), *operation.per_host.items())
                self._regions[name] = Region.of(Extent.of(dimensions)), name
                self.starts.append(prod(operation.per_host.values()))
            case AllocateOp(name=name):
                self._regions[name] = Region.of(Extent.of(tuple(operation.extent.items()))), name
            case SpawnHostsOp(count=count):
                self.hosts += count
            case AllocateHostsOp(extent=extent):
                self.hosts += prod(extent.values())
            case SliceOp(name=name, mesh=mesh):
                region, procs = self._regions[mesh]
                self._regions[name] = cut(region, operation), procs
            case CloneOp(name=name, mesh=mesh):
                self._regions[name] = self._regions[mesh]
            case SpawnActorsOp(name=name, procs=procs):
                self._spawn(name, procs, None if operation.system else operation.controller)
                made = children_of(operation)
                if made is not None:
                    self._spawn(made.child, made.procs, "polling", self._regions[name][0].num_ranks)
            case _:
                pass

    def _spawn(self, name: str, on: str, controller: str | None, times: int = 1) -> None:
        """Actor meshes of one name; each wrapper spawns one."""
        region, procs = self._regions[on]
        self._regions[name] = region, procs
        self._actors[procs] = self._actors.get(procs, 0) + times
        if controller is not None:
            self.meshes.append(MeshShape(name, region.num_ranks, len(region.extent.sizes), controller))


def shape_of(plan: Plan) -> PlanShape:
    """Count what a plan builds, in bring-up and later."""
    counter = _Counter(plan)
    for step in plan.steps:
        counter.take(step.operation)
    return PlanShape(
        meshes=tuple(counter.meshes),
        procs=counter.procs,
        hosts=counter.hosts,
        children=sum(counter.starts),
        starts=max(counter.starts, default=0),
        actors=counter.actors,
    )
