"""Procs whose process ends instead of starting: which of a plan's faults are of that kind, and where they strike.

Such a fault strikes at the first step of its process, long before a mesh has a rank that a target could be looked up
by; so its target is turned into a node from the plan alone.
"""

from __future__ import annotations

from math import prod

from meshsim.faults.kinds import StartFails
from meshsim.faults.targets import parse_target
from meshsim.model.ids import Node
from meshsim.scenario.plan import Plan
from meshsim.scenario.schema import SpawnProcsOp

#: By node: the number of the fault, and the fault.
FalseStarts = dict[Node, tuple[int, StartFails]]


def false_starts(plan: Plan) -> FalseStarts:
    """The processes of this plan that do not start."""
    meshes = {step.operation.name: step.operation for step in plan.steps if isinstance(step.operation, SpawnProcsOp)}
    found: FalseStarts = {}
    for index, fault in enumerate(plan.faults):
        if isinstance(fault, StartFails):
            target = parse_target(fault.target)
            mesh = meshes[target.name]
            host, rank = divmod(target.rank or 0, prod(mesh.per_host.values()))
            found[Node(f"{(mesh.hosts or plan.hosts)[host]}/{mesh.name}_{rank}")] = (index, fault)
    return found
