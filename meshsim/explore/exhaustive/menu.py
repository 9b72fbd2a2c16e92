"""The menu of an exhaustive search: kinds of faults, each with everybody whom it can strike."""

from __future__ import annotations

from collections.abc import Sequence

from meshsim.explore.space import Space
from meshsim.faults.kinds import AT_SPAWN, Fault
from meshsim.scenario.plan import Plan


class MenuError(ValueError):
    """A menu cannot be made. `str()` says what was expected and what came."""


def menu_of(plan: Plan, kinds: Sequence[str], targets: Sequence[str] = ()) -> tuple[Fault, ...]:
    """Faults without a time, each with the plain value of every parameter.

    Args:
        plan: the world in which they strike.
        kinds: which, by tag.
        targets: whom: `host0`, `workers[1]`, or a mesh for each of its ranks; all whom a kind can strike when empty.

    Raises:
        MenuError: a kind can do nothing here, or has no time; or a target can be struck by none.
    """
    reach = Space.of(plan).reach
    menu: list[Fault] = []
    for kind in kinds:
        if kind not in reach:
            raise MenuError(f"{kind} can strike nobody in {plan.scenario}")
        aims = reach[kind].aims
        if isinstance(aims[0], AT_SPAWN):
            raise MenuError(f"{kind} strikes when a process is spawned: it cannot be placed")
        chosen = [aim for aim in aims if not targets or _is_chosen(aim.target, targets)]
        if not chosen:
            raise MenuError(f"{kind} can strike none of {', '.join(targets)}")
        menu += chosen
    return tuple(menu)


def _is_chosen(target: str, chosen: Sequence[str]) -> bool:
    """A name stands for itself if it is no mesh, and for each rank of it if it is one."""
    name, bracket, _ = target.partition("[")
    return target in chosen if not bracket else target in chosen or name in chosen
