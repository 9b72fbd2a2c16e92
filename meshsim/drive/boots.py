"""What each process of a run begins with, worked out from the plan and from what its parent asked for.

Nothing else goes into it but the wall clock of its machine, so a replay can make the same nodes again.
"""

from __future__ import annotations

from msgspec import UNSET

from meshsim.drive.deciding import turns_of
from meshsim.model.boot import NodeBoot, Turn
from meshsim.model.commands import SpawnAllocated, SpawnProcess
from meshsim.model.ids import Node, name_of_host
from meshsim.model.quirks import REVISION_OF
from meshsim.model.wall_clock import WallClock
from meshsim.scenario.plan import Plan, allocating_hosts
from meshsim.scenario.streams import stream_key


def root_boot(plan: Plan, node: Node, kind: str, clock: WallClock) -> NodeBoot:
    """Of a host or a client."""
    return NodeBoot(
        node=node,
        kind=kind,
        client_kind=plan.topology.client_kinds.get(node, "rust"),
        config=plan.config,
        quirks_off=plan.quirks_off,
        revision=REVISION_OF[plan.profile],
        name_key=stream_key(plan.seed, "names", node),
        choice_key=_choice_key(plan, node),
        turns=_turns(plan, node),
        clock=clock,
        in_process=name_of_host(node) in plan.topology.in_process,
        allocates=name_of_host(node) in allocating_hosts(plan),
    )


def proc_boot(plan: Plan, host: Node, node: Node, command: SpawnProcess, clock: WallClock) -> NodeBoot:
    """Of a child of a host."""
    return NodeBoot(
        node=node,
        kind="proc",
        config={**plan.config, **command.config},
        quirks_off=plan.quirks_off,
        revision=REVISION_OF[plan.profile],
        name_key=stream_key(plan.seed, "names", node),
        choice_key=_choice_key(plan, node),
        turns=_turns(plan, node),
        clock=clock,
        proc_name=command.name,
        host=host,
        callback=command.callback,
        rank=command.rank,
    )


def allocated_boot(plan: Plan, node: Node, command: SpawnAllocated, clock: WallClock) -> NodeBoot:
    """Of what an allocator starts."""
    return NodeBoot(
        node=node,
        kind="allocated",
        config={**plan.config, **command.config},
        quirks_off=plan.quirks_off,
        revision=REVISION_OF[plan.profile],
        name_key=stream_key(plan.seed, "names", node),
        clock=clock,
        choice_key=_choice_key(plan, node),
        turns=_turns(plan, node),
        alloc=command.alloc,
        index=command.index,
    )


def _choice_key(plan: Plan, node: Node) -> int:
    """Key of what the actors of a process choose; 0 when they do not."""
    return stream_key(plan.seed, "choices", node) if plan.seeded_choices is True else 0


def _turns(plan: Plan, node: Node) -> tuple[Turn, ...]:
    """What the actors of a process are told to take."""
    return () if plan.decisions is UNSET else turns_of(plan.decisions, node)
