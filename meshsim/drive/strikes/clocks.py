"""Faults of wall clocks."""

from __future__ import annotations

from collections.abc import Callable

from meshsim.drive.clocks import ClockFault, clock_after, machine_of
from meshsim.drive.strikes.base import Strike
from meshsim.faults.kinds import ClockDrift, ClockJump, ClockOffset
from meshsim.units import format_duration


def _jump(strike: Strike, fault: ClockJump) -> None:
    _set(strike, fault, f"by {format_duration(fault.by)}")


def _offset(strike: Strike, fault: ClockOffset) -> None:
    _set(strike, fault, f"to {format_duration(fault.offset)}")


def _drift(strike: Strike, fault: ClockDrift) -> None:
    _set(strike, fault, str(fault.drift))


def _set(strike: Strike, fault: ClockFault, detail: str) -> None:
    processes = strike.world.processes
    node = strike.process(fault.target)
    clock = clock_after(fault, processes.clocks.of(node), strike.world.now_ns)
    machine = machine_of(node)
    processes.set_clock(machine, clock, strike.struck(machine, detail))


STRIKES: dict[type, Callable[..., None]] = {
    ClockJump: _jump,
    ClockOffset: _offset,
    ClockDrift: _drift,
}
