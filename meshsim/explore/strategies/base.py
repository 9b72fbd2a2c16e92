"""What strategies have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from random import Random as Luck
from typing import ClassVar

import msgspec
from msgspec import UNSET

from meshsim.explore.orders import Lots, Order
from meshsim.explore.running import Case, Explored
from meshsim.explore.space import Space
from meshsim.faults.kinds import Fault
from meshsim.scenario.plan import Plan
from meshsim.scenario.streams import stream

#: Faults of one case at most, unless a strategy says otherwise. Source: chosen here; few are easier to understand.
FAULTS_MAX = 4


class Strategy(ABC):
    """Proposes cases of one plan. All its luck comes from its seed and the number of the case."""

    name: ClassVar[str]

    def __init__(self, plan: Plan, space: Space, seed: int, kinds: Sequence[str]) -> None:
        """`kinds` are the tags of the faults that may be used."""
        self.plan = plan
        self.space = space
        self.seed = seed
        self.kinds = tuple(kinds)

    @abstractmethod
    def propose(self, number: int) -> Case:
        """The case of this number, counted from 0; it may depend on what was learnt, and on nothing else."""

    def learn(self, cases: Sequence[Case], results: Sequence[Explored | None]) -> None:  # noqa: B027  most learn nothing
        """What became of a generation, in the order of the numbers; none for a run that was lost with its worker."""

    def about(self) -> str:
        """What can be said of its chances, in one line; empty when there is nothing to say."""
        return ""

    def luck(self, number: int, *names: str | int) -> Luck:
        return stream(self.seed, "explore", self.name, self.plan.scenario, number, *names)

    def case(self, faults: Sequence[Fault], *, order: Order | None = None, seeded_choices: bool = False) -> Case:
        """A case with these faults over those that the plan has."""
        plan = msgspec.structs.replace(
            self.plan, faults=(*self.plan.faults, *faults), seeded_choices=seeded_choices or UNSET
        )
        return Case(plan=plan, order=order)


def drawn_order(luck: Luck) -> tuple[Order | None, bool]:
    """Half of the time the default; else an order that is drawn, of ties and of queues."""
    if luck.randrange(2):
        return None, False
    return Lots(luck.randrange(1 << 62)), True
