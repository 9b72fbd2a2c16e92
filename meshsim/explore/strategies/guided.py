"""Cases that reached something new are changed a little, and run again."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random as Luck

import msgspec

from meshsim.explore.orders import Lots
from meshsim.explore.running import Case, Explored
from meshsim.explore.space import Space
from meshsim.explore.strategies.base import FAULTS_MAX, Strategy, drawn_order
from meshsim.faults.kinds import AT_SPAWN, Fault
from meshsim.scenario.plan import Plan
from meshsim.units import MS, Duration, S

#: Faults that a case may grow to. Source: chosen here.
_FAULTS_MAX = 8
#: One case in so many is new and not a changed one, so that no beginning is a dead end.
_FRESH = 4


class Guided(Strategy):
    """Coverage-guided: pairs of state and event, and orders of causes, that no run before has shown
    (`meshsim.explore.coverage`) put a case into the corpus.
    """

    name = "guided"

    def __init__(self, plan: Plan, space: Space, seed: int, kinds: Sequence[str]) -> None:
        super().__init__(plan, space, seed, kinds)
        #: Cases worth changing, in the order in which they came.
        self.corpus: list[Case] = []
        self._seen: set[int] = set()

    def propose(self, number: int) -> Case:
        luck = self.luck(number)
        if not self.corpus or luck.randrange(_FRESH) == 0:
            faults = self.space.draw(luck, count=luck.randint(1, FAULTS_MAX), kinds=self.kinds)
            order, seeded = drawn_order(luck)
            return self.case(faults, order=order, seeded_choices=seeded)
        # The newer half is chosen as often as all others: what was reached last is furthest away.
        since = luck.choice((0, len(self.corpus) // 2))
        parent = self.corpus[luck.randrange(since, len(self.corpus))]
        return self._changed(parent, luck)

    def learn(self, cases: Sequence[Case], results: Sequence[Explored | None]) -> None:
        for case, result in zip(cases, results, strict=True):
            if result is not None and not result.coverage <= self._seen:
                self._seen |= result.coverage
                self.corpus.append(case)

    def _changed(self, parent: Case, luck: Luck) -> Case:
        """One or two changes: a fault more, less, elsewhere, at another time; another order."""
        own = list(parent.plan.faults[len(self.plan.faults) :])
        order, seeded = parent.order, parent.plan.seeded_choices is True
        for _ in range(luck.randint(1, 2)):
            match luck.randrange(5):
                case 0 if len(own) < _FAULTS_MAX:
                    own += self._one(luck, own)
                case 1 if len(own) > 1:
                    own.pop(luck.randrange(len(own)))
                case 2 if own:
                    place = luck.randrange(len(own))
                    rest = own[:place] + own[place + 1 :]
                    own = [*rest, *self._one(luck, rest)]
                case 3:
                    order, seeded = Lots(luck.randrange(1 << 62)), True
                case _ if own:
                    place = luck.randrange(len(own))
                    own[place] = self._moved(own[place], luck)
        own.sort(key=lambda fault: -1 if fault.at is None else int(fault.at))
        return self.case(own, order=order, seeded_choices=seeded)

    def _one(self, luck: Luck, others: Sequence[Fault]) -> tuple[Fault, ...]:
        """A fault more; at a spawn only if no other one is there already."""
        taken = {fault.target for fault in others if isinstance(fault, AT_SPAWN)}
        drawn = self.space.draw(luck, kinds=self.kinds)
        return tuple(fault for fault in drawn if not (isinstance(fault, AT_SPAWN) and fault.target in taken))

    def _moved(self, fault: Fault, luck: Luck) -> Fault:
        """The same a little earlier or later: by milliseconds or by seconds."""
        if fault.at is None:
            return fault
        reach_ns = luck.choice((5 * MS, 200 * MS, 10 * S))
        at_ns = int(fault.at) + luck.randrange(-reach_ns // MS, reach_ns // MS + 1) * MS
        return msgspec.structs.replace(fault, at=Duration(min(max(at_ns, 0), int(self.plan.horizon) - MS)))
