"""Procs whose process does not start as it should: which of a plan's faults are of that kind, and where they strike.

Such a fault strikes at the first step of its process, or at its fork, long before a mesh has a rank that a target could
be looked up by; so its target is turned into a node from the plan alone. Any other fault finds a process that is
starting so, too.
"""

from __future__ import annotations

from math import prod

import msgspec
from msgspec import UNSET

from meshsim.faults.kinds import NeverReady, SlowStart, SpawnRefused, StartFails, targets_of
from meshsim.faults.targets import parse_target
from meshsim.model.ids import Node
from meshsim.scenario.plan import Plan
from meshsim.scenario.schema import SpawnProcsOp

FalseStart = StartFails | SlowStart | NeverReady | SpawnRefused

#: By node: the number of the fault, and the fault.
FalseStarts = dict[Node, tuple[int, FalseStart]]


def false_starts(plan: Plan) -> FalseStarts:
    """The processes of this plan that do not start, or not as they should."""
    found: FalseStarts = {}
    for index, fault in enumerate(plan.faults):
        if isinstance(fault, FalseStart):
            for target in targets_of(fault):
                node = process_to_be(plan, target)
                assert node is not None, f"{target} is no proc of a mesh"
                found[node] = (index, msgspec.structs.replace(fault, target=target, targets=UNSET))
    return found


def process_to_be(plan: Plan, name: str) -> Node | None:
    """The process that a rank of a proc mesh will have, known before the mesh is; none for any other name."""
    target = parse_target(name)
    for step in plan.steps:
        mesh = step.operation
        if isinstance(mesh, SpawnProcsOp) and mesh.name == target.name and target.rank is not None:
            host, rank = divmod(target.rank, prod(mesh.per_host.values()))
            hosts = mesh.hosts or plan.hosts
            return Node(f"{hosts[host]}/{mesh.name}_{rank}") if host < len(hosts) else None
    return None
