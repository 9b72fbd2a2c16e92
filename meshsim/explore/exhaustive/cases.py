"""Cases of an exhaustive search: in what a run departs from the default one, and the bounds of all that."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from meshsim.faults.kinds import Fault
from meshsim.scenario.decisions import First
from meshsim.scenario.plan import Plan
from meshsim.units import Duration


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What a search is exhaustive within."""

    #: What can go wrong: faults without a time, each with one target.
    menu: tuple[Fault, ...]
    #: How many faults a case has at most.
    at_most: int
    #: Faults are placed and ties are broken from the first instant on and before the second, nanoseconds.
    window: tuple[int, int]
    #: Whether ranks that are alike are folded.
    folded: bool = True
    #: Whether a state that came about in another order, and is the same, is gone into once.
    settled: bool = True


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """Departures from the default run, both in order of time. A fault comes before the ties of its instant."""

    faults: tuple[Fault, ...] = ()
    orders: tuple[First, ...] = ()

    @property
    def since(self) -> int:
        """When the last departure was; before all time when there is none."""
        return max(self._last_fault, self._last_order)

    @property
    def ends_in_tie(self) -> bool:
        """Whether the last departure was a tie."""
        return self._last_order >= max(0, self._last_fault)

    @property
    def _last_fault(self) -> int:
        return max((_at(each) for each in self.faults), default=-1)

    @property
    def _last_order(self) -> int:
        return max((int(each.at) for each in self.orders), default=-1)

    @property
    def key(self) -> tuple[object, ...]:
        """What tells cases apart."""
        faults = tuple(msgspec.json.encode(fault, enc_hook=int) for fault in self.faults)
        return faults, tuple((int(each.at), each.what, each.before) for each in self.orders)

    @property
    def siblings(self) -> tuple[object, ...]:
        """What is the same for cases that differ in nothing but when the last fault strikes."""
        return self.orders, self.faults[:-1], *(msgspec.structs.replace(each, at=None) for each in self.faults[-1:])

    def placing(self, fault: Fault, at_ns: int) -> Case:
        """The case with one fault more, behind all else."""
        placed = msgspec.structs.replace(fault, at=Duration(at_ns))
        return msgspec.structs.replace(self, faults=(*self.faults, placed))

    def ordering(self, orders: tuple[First, ...]) -> Case:
        """The case with other orders."""
        return msgspec.structs.replace(self, orders=orders)

    def plan(self, plan: Plan) -> Plan:
        """The plan that is this case: the same run, without a search."""
        told = () if plan.decisions is UNSET else plan.decisions
        decisions = (*told, *self.orders)
        plan = msgspec.structs.replace(plan, faults=(*plan.faults, *self.faults))
        return msgspec.structs.replace(plan, decisions=decisions) if decisions else plan


def _at(fault: Fault) -> int:
    assert fault.at is not None, "it is placed"
    return int(fault.at)
