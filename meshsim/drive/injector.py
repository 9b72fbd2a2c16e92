"""The fault injector: one SimPy process for each fault of a plan, the same on every backend.

A fault waits for its time, or for a record that matches; then it strikes. What a kind of fault does is one function of
the table `meshsim.drive.strikes.STRIKES`; a fault that cannot strike (its target is gone, say) is recorded as missed,
with the reason.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import simpy

from meshsim.drive.strikes import STRIKES, Strike
from meshsim.faults.kinds import Fault, InitFails, Resume, Stall, StartFails, When
from meshsim.faults.matching import Matcher
from meshsim.trace.records import NO_CAUSE, Record

if TYPE_CHECKING:
    from meshsim.drive.world import World


def inject(world: World) -> None:
    """Start a SimPy process for every fault of the plan."""
    for index, fault in enumerate(world.plan.faults):
        if not isinstance(fault, InitFails | StartFails):
            world.env.process(_life(world, index, fault))


def _life(world: World, index: int, fault: Fault) -> Generator[simpy.Event, Any, None]:
    """From waiting to striking, and for a stall with a duration to its end."""
    cause = NO_CAUSE
    if fault.at is not None:
        yield world.env.timeout(int(fault.at))
    else:
        assert fault.when is not None
        cause = yield _match(world, fault.when)
        yield world.env.timeout(int(fault.when.after))
    Strike(world, index, fault, cause).carry_out(STRIKES[type(fault)])
    if isinstance(fault, Stall) and fault.for_ is not None:
        yield world.env.timeout(int(fault.for_))
        Strike(world, index, Resume(target=fault.target), cause).carry_out(STRIKES[Resume])


def _match(world: World, when: When) -> simpy.Event:
    """An event that happens at the n-th record that matches; its value is the record's number."""
    matcher = Matcher(when.record, when.where, world.directory)
    happened = world.env.event()
    left = when.count

    def watch(record: Record) -> None:
        nonlocal left
        if left and matcher.matches(record):
            left -= 1
            if left == 0:
                happened.succeed(record.seq)

    world.watchers.append(watch)
    return happened
