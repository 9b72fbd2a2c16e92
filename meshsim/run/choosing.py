"""Which backends a plan runs on, given what was asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

from meshsim.scenario.plan import Plan
from meshsim.scenario.schema import BackendName

#: One backend, `both`: those that the scenario names (`sim` and `lockstep` unless it says otherwise), or `all`: `live`
#: beside them.
Wanted = Literal["sim", "lockstep", "live", "both", "all"]

#: The backends that there are, in the order in which a plan runs on them: what others are compared with is first.
BACKENDS: tuple[str, ...] = get_args(BackendName)

#: Worlds whose time is the conductor's, and whose traces of one plan are equal; in every other it is the machine's.
VIRTUAL = frozenset({"sim", "lockstep"})


def backends_for(plan: Plan, wanted: str) -> tuple[str, ...]:
    """The backends to run a plan on, in order; none when it is not for what is wanted.

    What is for `lockstep` is for `live` too: both do it to real processes. A scenario that names `live` has it in
    `both`. One with decisions has not: nobody decides there.
    """
    named = set(plan.backends)
    if wanted in ("live", "all") and "lockstep" in named and not plan.decisions:
        named.add("live")
    return in_order(named if wanted in ("both", "all") else named & {wanted})


def in_order(backends: Iterable[str]) -> tuple[str, ...]:
    """Simulation first, and each once."""
    return tuple(sorted(set(backends), key=BACKENDS.index))
