"""Faults of processes."""

from __future__ import annotations

import signal
from collections.abc import Callable

from meshsim.drive.strikes.base import Strike
from meshsim.faults.kinds import (
    Exit,
    Resume,
    Shout,
    Signal,
    Stall,
)
from meshsim.faults.signals import signal_number


def _exit(strike: Strike, fault: Exit) -> None:
    strike.end_process(strike.process(fault.target), fault.code)


def _shout(strike: Strike, fault: Shout) -> None:
    strike.shout(strike.process(fault.target), tuple(fault.lines), fault.exit)


def _signal(strike: Strike, fault: Signal) -> None:
    strike.send_signal(strike.process(fault.target), signal_number(fault.signal))


def _stall(strike: Strike, fault: Stall) -> None:
    strike.send_signal(strike.process(fault.target), int(signal.SIGSTOP))


def _resume(strike: Strike, fault: Resume) -> None:
    strike.send_signal(strike.process(fault.target), int(signal.SIGCONT))


STRIKES: dict[type, Callable[..., None]] = {
    Exit: _exit,
    Shout: _shout,
    Signal: _signal,
    Stall: _stall,
    Resume: _resume,
}
