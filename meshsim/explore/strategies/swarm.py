"""Each run has few kinds of faults, and many of them."""

from __future__ import annotations

from meshsim.explore.running import Case
from meshsim.explore.strategies.base import Strategy, drawn_order

#: Kinds of one run at most, and faults of one run at most. Source: chosen here.
_KINDS_MAX, _FAULTS_MAX = 6, 8


class Swarm(Strategy):
    """Draws which kinds a run uses, and how often each beside the others (Groce and others, 2012).

    Many kinds at once hide each other: what kills all procs leaves nothing for what delays them.
    """

    name = "swarm"

    def propose(self, number: int) -> Case:
        luck = self.luck(number)
        kinds = luck.sample(self.kinds, min(len(self.kinds), luck.randint(1, _KINDS_MAX)))
        rates = [luck.randint(1, 4) for _ in kinds]
        weighted = [kind for kind, rate in zip(kinds, rates, strict=True) for _ in range(rate)]
        faults = self.space.draw(luck, count=luck.randint(1, _FAULTS_MAX), kinds=weighted)
        order, seeded = drawn_order(luck)
        return self.case(faults, order=order, seeded_choices=seeded)
