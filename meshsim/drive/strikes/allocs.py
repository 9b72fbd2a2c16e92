"""Faults of allocs."""

from __future__ import annotations

from collections.abc import Callable

from meshsim.drive.strikes.base import Strike
from meshsim.faults.kinds import (
    AllocFail,
    AllocStop,
)
from meshsim.faults.targets import parse_target
from meshsim.model.alloc.events import ReasonKind, StopReason
from meshsim.model.alloc.messages import ChaosMonkey, FailAlloc


def _alloc_stop(strike: Strike, fault: AllocStop) -> None:
    target = parse_target(fault.target)
    kind = ReasonKind(fault.reason)
    code, number = (fault.number, 0) if kind is ReasonKind.EXITED else (0, fault.number)
    reason = StopReason(kind, code=code, signal=number)
    strike.tell(strike.keeper(target.name), ChaosMonkey(target.rank or 0, reason), f"rank {target.rank}: {reason}")


def _alloc_fail(strike: Strike, fault: AllocFail) -> None:
    strike.tell(strike.keeper(fault.target), FailAlloc(fault.text), fault.text)


STRIKES: dict[type, Callable[..., None]] = {
    AllocStop: _alloc_stop,
    AllocFail: _alloc_fail,
}
