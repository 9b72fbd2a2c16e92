"""Ranks that may change places, because nothing in a plan tells them apart."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from meshsim.faults.kinds import Fault, targets_of
from meshsim.model.ids import Node
from meshsim.scenario.plan import Plan, encode_plan

_RANKED = re.compile(r"\w\[\d+\]")


class Alike(msgspec.Struct, frozen=True):
    """Ranks of meshes that may change places: those of one mesh of procs, with the actors on them."""

    #: Of each group, the nodes in the order of their ranks.
    groups: tuple[tuple[Node, ...], ...] = ()
    #: Node of a target such as `workers[1]` or `trainer[1]`, for those that are in a group.
    node_of: dict[str, Node] = {}

    def is_first(self, fault: Fault, touched: Sequence[str]) -> bool:
        """Whether nobody stands for the target of this fault: it is the first of its group that nothing touched yet,
        or it is touched. `touched` are texts that name nodes or targets.
        """
        return all(self._is_first(target, touched) for target in targets_of(fault))

    def _is_first(self, target: str, touched: Sequence[str]) -> bool:
        node = self.node_of.get(target)
        if node is None or self._is_touched(node, touched):
            return True
        group = next(group for group in self.groups if node in group)
        return node == next(each for each in group if not self._is_touched(each, touched))

    def _is_touched(self, node: Node, touched: Sequence[str]) -> bool:
        names = [node, *(target for target, each in self.node_of.items() if each == node)]
        return any(re.search(rf"(?<![\w/]){re.escape(name)}(?!\w)", text) for name in names for text in touched)


def alike_of(plan: Plan) -> Alike:
    """The ranks of a plan that may change places: on each host all but the first of a mesh, which passes casts on.

    Only where nothing makes a difference between them: no slice, no rank by name, one dimension on each host, and one
    mesh of procs in the plan.
    """
    topology = plan.topology
    if len(topology.procs) != 1 or topology.slices or _RANKED.search(encode_plan(plan).decode()):
        return Alike()
    procs = topology.procs[0]
    if procs.allocator is not None or len(procs.per_host) != 1 or plan.network.links:
        return Alike()
    (count,) = procs.per_host.values()
    hosts = procs.hosts or plan.hosts
    labels = [procs.name, *(actors.name for actors in topology.actors)]
    nodes = [[Node(f"{host}/{procs.name}_{index}") for index in range(count)] for host in hosts]
    node_of = {
        f"{label}[{place * count + index}]": nodes[place][index]
        for place in range(len(hosts))
        for index in range(1, count)
        for label in labels
    }
    return Alike(tuple(tuple(each[1:]) for each in nodes if count > 2), node_of if count > 2 else {})
