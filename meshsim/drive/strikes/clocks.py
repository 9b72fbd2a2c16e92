"""Faults of wall clocks."""

from __future__ import annotations

from collections.abc import Callable

from meshsim.drive.clocks import machine_of
from meshsim.drive.strikes.base import Strike
from meshsim.faults.kinds import ClockDrift, ClockJump, ClockOffset
from meshsim.model.wall_clock import WallClock
from meshsim.units import format_duration


def _jump(strike: Strike, fault: ClockJump) -> None:
    ahead_ns, drift_ppb = _now(strike, fault.target)
    _set(strike, fault.target, ahead_ns + int(fault.by), drift_ppb, f"by {format_duration(fault.by)}")


def _offset(strike: Strike, fault: ClockOffset) -> None:
    _, drift_ppb = _now(strike, fault.target)
    _set(strike, fault.target, int(fault.offset), drift_ppb, f"to {format_duration(fault.offset)}")


def _drift(strike: Strike, fault: ClockDrift) -> None:
    ahead_ns, _ = _now(strike, fault.target)
    _set(strike, fault.target, ahead_ns, int(fault.drift), str(fault.drift))


def _now(strike: Strike, target: str) -> tuple[int, int]:
    """How far the clock of a machine is ahead now, and what it gains."""
    clock = strike.world.processes.clocks.of(strike.process(target))
    return clock.ahead_ns(strike.world.now_ns), clock.drift_ppb


def _set(strike: Strike, target: str, ahead_ns: int, drift_ppb: int, detail: str) -> None:
    machine = machine_of(strike.process(target))
    clock = WallClock(ahead_ns, drift_ppb, strike.world.now_ns if drift_ppb else 0)
    strike.world.processes.set_clock(machine, clock, strike.struck(machine, detail))


STRIKES: dict[type, Callable[..., None]] = {
    ClockJump: _jump,
    ClockOffset: _offset,
    ClockDrift: _drift,
}
