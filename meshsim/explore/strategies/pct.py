"""Probabilistic concurrency testing: few faults, and an order of bounded depth with a stated probability."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from meshsim.drive.conductor import Conductor
from meshsim.explore.orders import Counted, Priorities
from meshsim.explore.running import Case
from meshsim.explore.space import Space
from meshsim.explore.strategies.base import Strategy
from meshsim.run.program import program_of
from meshsim.scenario.plan import Plan
from meshsim.sim import SimBackend

#: Orderings of things at one instant that a defect may need. Source: the usual choice of the method.
DEPTH = 3


class Pct(Strategy):
    """One or two faults and priorities of processes that change at `DEPTH - 1` choices (Burckhardt and others, 2010).

    With n processes and k choices, a defect that needs its faults and an order of depth d comes up with a probability
    of at least 1 / (n * k ** (d - 1)) in a run with those faults. n and k are those of the run without faults.
    """

    name = "pct"

    def __init__(self, plan: Plan, space: Space, seed: int, kinds: Sequence[str]) -> None:
        super().__init__(plan, space, seed, kinds)
        counted = Counted()
        with closing(SimBackend(program_of(plan))) as backend:
            Conductor(plan, backend, counted).run()
        self.choices, self.processes = max(1, counted.choices), max(1, len(counted.places))

    def propose(self, number: int) -> Case:
        luck = self.luck(number)
        faults = self.space.draw(luck, count=luck.randint(1, 2), kinds=self.kinds)
        changes = tuple(sorted(luck.randrange(self.choices) for _ in range(DEPTH - 1)))
        return self.case(faults, order=Priorities(luck.randrange(1 << 62), changes), seeded_choices=True)

    @property
    def probability(self) -> float:
        """That an order of this depth is met, at least, by a run with the faults that it needs."""
        return 1.0 / (self.processes * float(self.choices) ** (DEPTH - 1))

    def about(self) -> str:
        return (
            f"an order of depth {DEPTH} comes up with at least {self.probability:.1e} "
            f"({self.processes} processes, {self.choices} choices)"
        )
