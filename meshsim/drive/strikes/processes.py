"""Faults of processes."""

from __future__ import annotations

import signal
from collections.abc import Callable

from msgspec import UNSET

from meshsim.drive.output import flood
from meshsim.drive.strikes.base import Strike
from meshsim.faults.kinds import (
    CoreDump,
    Exit,
    OutOfMemory,
    Resume,
    Shout,
    Signal,
    Stall,
)
from meshsim.faults.signals import signal_name, signal_number


def _exit(strike: Strike, fault: Exit) -> None:
    strike.end_process(strike.process(fault.target), fault.code)


def _shout(strike: Strike, fault: Shout) -> None:
    lines = (*(() if fault.flood is UNSET else flood(fault.flood)), *fault.lines)
    strike.shout(strike.process(fault.target), lines, fault.exit)


def _signal(strike: Strike, fault: Signal) -> None:
    strike.send_signal(strike.process(fault.target), signal_number(fault.signal), group=fault.group is True)


def _core_dump(strike: Strike, fault: CoreDump) -> None:
    node, number = strike.running(strike.process(fault.target), "dump its core"), signal_number(fault.signal)
    strike.world.processes.dump_core(node, number, strike.struck(node, f"{signal_name(number)} with a core"))


def _out_of_memory(strike: Strike, fault: OutOfMemory) -> None:
    node = strike.running(strike.process(fault.target), "take memory")
    strike.world.processes.exhaust_memory(node, strike.struck(node, "ENOMEM, SIGABRT"))


def _stall(strike: Strike, fault: Stall) -> None:
    strike.stall(strike.process(fault.target))


def _end_stall(strike: Strike, fault: Stall) -> None:
    strike.end_stall(strike.process(fault.target))


def _resume(strike: Strike, fault: Resume) -> None:
    strike.send_signal(strike.process(fault.target), int(signal.SIGCONT))


STRIKES: dict[type, Callable[..., None]] = {
    Exit: _exit,
    CoreDump: _core_dump,
    OutOfMemory: _out_of_memory,
    Shout: _shout,
    Signal: _signal,
    Stall: _stall,
    Resume: _resume,
}

ENDS: dict[type, tuple[str, Callable[..., None]]] = {Stall: ("resume", _end_stall)}
