"""The fault injector: SimPy processes for each fault of a plan, the same on every backend.

A fault waits for its time, or for a record that matches; then it strikes, all its targets at the same instant, and
perhaps again. What a kind of fault does is one function of the table `meshsim.drive.strikes.STRIKES`; a fault that
cannot strike (its target is gone, say) is recorded as missed, with the reason.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from itertools import count, repeat
from typing import TYPE_CHECKING, Any

import msgspec
import simpy
from msgspec import UNSET, UnsetType

from meshsim.drive.strikes import ENDS, STRIKES, Strike
from meshsim.drive.strikes.base import MissedError
from meshsim.drive.strikes.found import found_target
from meshsim.drive.triggers import Trigger
from meshsim.faults.kinds import AT_SPAWN, Fault, is_repeated, targets_of
from meshsim.trace.records import NO_CAUSE, Record

if TYPE_CHECKING:
    from meshsim.drive.world import World

#: Numbers of the strikes of one fault; without end, and unset for a fault that strikes once.
_Numbers = Iterator[int | UnsetType]


def inject(world: World) -> None:
    """Start a SimPy process for every fault of the plan."""
    for index, fault in enumerate(world.plan.faults):
        if not isinstance(fault, AT_SPAWN):
            world.env.process(_life(world, index, fault))


def _life(world: World, index: int, fault: Fault) -> Generator[simpy.Event, Any, None]:
    """From waiting to the last strike."""
    numbers: _Numbers = count(1) if is_repeated(fault) else repeat(UNSET)
    if fault.at is not None:
        yield world.env.timeout(int(fault.at))
        yield from _strikes(world, index, fault, numbers, None)
        return
    assert fault.when is not None
    trigger = Trigger(world, fault.when)
    for _ in range(1 if fault.when.times is UNSET else fault.when.times):
        record = yield from trigger.next()
        world.env.process(_triggered(world, index, fault, numbers, record))


def _triggered(
    world: World, index: int, fault: Fault, numbers: _Numbers, record: Record
) -> Generator[simpy.Event, Any, None]:
    """What follows one match; the next one may come before it is over."""
    assert fault.when is not None
    yield world.env.timeout(int(fault.when.after))
    yield from _strikes(world, index, fault, numbers, record)


def _strikes(
    world: World, index: int, fault: Fault, numbers: _Numbers, record: Record | None
) -> Generator[simpy.Event, Any, None]:
    """Strike now, and again with every period."""
    _strike(world, index, fault, next(numbers), record)
    if fault.repeat is not UNSET:
        for _ in range(fault.repeat.times - 1):
            yield world.env.timeout(int(fault.repeat.every))
            _strike(world, index, fault, next(numbers), record)


def _strike(world: World, index: int, fault: Fault, number: int | UnsetType, record: Record | None) -> None:
    """Strike every target now. What lasts for a time ends later, whatever else comes."""
    cause = NO_CAUSE if record is None else record.seq
    for target in targets_of(fault):
        one = _aimed(fault, target)
        strike = Strike(world, index, one, cause, number)
        if record is not None:
            try:
                one = _aimed(fault, found_target(world, fault, target, record))
            except MissedError as missed:
                strike.missed(str(missed))
                continue
            strike = Strike(world, index, one, cause, number)
        strike.carry_out(STRIKES[type(fault)])
        lasts = getattr(one, "for_", None)
        if type(one) in ENDS and lasts is not None:
            world.env.process(_ended(strike, int(lasts)))


def _aimed(fault: Fault, target: str) -> Fault:
    """The fault with one target alone."""
    return fault if fault.target == target else msgspec.structs.replace(fault, target=target, targets=UNSET)


def _ended(strike: Strike, lasts_ns: int) -> Generator[simpy.Event, Any, None]:
    yield strike.world.env.timeout(lasts_ns)
    kind, does = ENDS[type(strike.fault)]
    strike.carry_out(does, kind)
