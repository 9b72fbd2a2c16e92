"""The fault injector: SimPy processes for each fault of a plan, the same on every backend.

A fault waits for its time, or for a record that matches; then it strikes, all its targets at the same instant, and
perhaps again. What a kind of fault does is one function of the table `meshsim.drive.strikes.STRIKES`; a fault that
cannot strike (its target is gone, say) is recorded as missed, with the reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import simpy
from msgspec import UNSET, UnsetType

from meshsim.drive.script import Script
from meshsim.drive.strikes import ENDS, STRIKES, Strike
from meshsim.drive.strikes.base import MissedError
from meshsim.drive.strikes.found import found_target
from meshsim.drive.triggers import Trigger
from meshsim.faults.kinds import AT_SPAWN, Fault, is_repeated, targets_of
from meshsim.trace.records import NO_CAUSE, Record

if TYPE_CHECKING:
    from meshsim.drive.world import World


def inject(world: World) -> None:
    """Start a SimPy process for every fault of the plan."""
    for index, fault in enumerate(world.plan.faults):
        if not isinstance(fault, AT_SPAWN):
            inject_one(world, index, fault)


def inject_one(world: World, index: int, fault: Fault) -> None:
    """Start the SimPy process of one fault. Its time, if it has one, is to come."""
    injected = _Injected(world, index, fault)
    if fault.at is not None:
        _Strikes(injected, None).start(world.env, int(fault.at) - world.now_ns)
    else:
        _Watch(injected).start(world.env)


class _Injected:
    """One fault of a run, and how often it has struck."""

    def __init__(self, world: World, index: int, fault: Fault) -> None:
        self.world = world
        self.index = index
        self.fault = fault
        self._is_repeated = is_repeated(fault)
        self._strikes = 0

    def next_number(self) -> int | UnsetType:
        """Number of the next strike; unset for a fault that strikes once."""
        self._strikes += 1
        return self._strikes if self._is_repeated else UNSET


class _Watch(Script):
    """Waits for matches; each is followed by strikes, and the next one may come before they are over."""

    def __init__(self, injected: _Injected) -> None:
        assert injected.fault.when is not None
        self._injected, self._when = injected, injected.fault.when
        #: Made when it begins: what is recorded before is not looked at.
        self._trigger: Trigger | None = None
        self._left = 1 if self._when.times is UNSET else self._when.times

    def advance(self) -> simpy.Event | None:
        if self._trigger is None:
            self._trigger = Trigger(self._injected.world, self._when)
        while self._left:
            record = self._trigger.take()
            if record is None:
                return self._trigger.wait()
            self._left -= 1
            _Strikes(self._injected, record).start(self._injected.world.env, int(self._when.after))
        return None


class _Strikes(Script):
    """Strikes, and again with every period."""

    def __init__(self, injected: _Injected, record: Record | None) -> None:
        self._injected = injected
        self._record = record
        repeat = injected.fault.repeat
        self._left, self._every_ns = (1, 0) if repeat is UNSET else (repeat.times, int(repeat.every))

    def advance(self) -> simpy.Event | None:
        _strike(self._injected, self._record)
        self._left -= 1
        return self._injected.world.env.timeout(self._every_ns) if self._left else None


class _End(Script):
    """Ends what lasts for a time, whatever else comes."""

    def __init__(self, strike: Strike) -> None:
        self._strike = strike

    def advance(self) -> simpy.Event | None:
        kind, does = ENDS[type(self._strike.fault)]
        self._strike.carry_out(does, kind)
        return None


def _strike(injected: _Injected, record: Record | None) -> None:
    """Strike every target now."""
    world, index, fault, number = injected.world, injected.index, injected.fault, injected.next_number()
    cause = NO_CAUSE if record is None else record.seq
    for target in targets_of(fault):
        aimed = _aimed(fault, target)
        strike = Strike(world, index, aimed, cause, number)
        if record is not None:
            try:
                aimed = _aimed(fault, found_target(world, fault, target, record))
            except MissedError as missed:
                strike.missed(str(missed))
                continue
            strike = Strike(world, index, aimed, cause, number)
        strike.carry_out(STRIKES[type(fault)])
        lasts = getattr(aimed, "for_", None)
        if type(aimed) in ENDS and lasts is not None:
            _End(strike).start(world.env, int(lasts))


def _aimed(fault: Fault, target: str) -> Fault:
    """The fault with one target alone."""
    return fault if fault.target == target else msgspec.structs.replace(fault, target=target, targets=UNSET)
