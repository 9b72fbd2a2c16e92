"""Anything, anywhere, at any time."""

from __future__ import annotations

from meshsim.explore.running import Case
from meshsim.explore.strategies.base import FAULTS_MAX, Strategy, drawn_order


class Random(Strategy):
    """One to four faults, each of any kind; half of the runs with orders that are drawn."""

    name = "random"

    def propose(self, number: int) -> Case:
        luck = self.luck(number)
        faults = self.space.draw(luck, count=luck.randint(1, FAULTS_MAX), kinds=self.kinds)
        order, seeded = drawn_order(luck)
        return self.case(faults, order=order, seeded_choices=seeded)
