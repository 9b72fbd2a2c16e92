"""Strategies: which cases to run next, from a plan, a space of faults and one seed.

A strategy proposes a generation of cases and learns what became of all of them, in order; then the next. So it finds
the same whatever the number of processes that run them. A new one is a class here, and a line in `STRATEGIES`.
"""

from __future__ import annotations

from meshsim.explore.strategies.base import Strategy
from meshsim.explore.strategies.guided import Guided
from meshsim.explore.strategies.pct import Pct
from meshsim.explore.strategies.random import Random
from meshsim.explore.strategies.swarm import Swarm

__all__ = ["STRATEGIES", "Guided", "Pct", "Random", "Strategy", "Swarm"]

#: By name. `exhaustive` is not among them: it ends by itself, see `meshsim.explore.exhaustive`.
STRATEGIES: dict[str, type[Strategy]] = {strategy.name: strategy for strategy in (Random, Swarm, Pct, Guided)}
