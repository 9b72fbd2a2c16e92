"""Faults of the processes that controllers live in."""

from __future__ import annotations

from collections.abc import Callable

from meshsim.drive.strikes.base import Strike
from meshsim.faults.kinds import (
    ControllerExit,
    ControllerKill,
)
from meshsim.faults.signals import signal_number


def _controller_exit(strike: Strike, fault: ControllerExit) -> None:
    strike.end_process(strike.controller_process(fault.target), fault.code)


def _controller_kill(strike: Strike, fault: ControllerKill) -> None:
    strike.send_signal(strike.controller_process(fault.target), signal_number(fault.signal))


STRIKES: dict[type, Callable[..., None]] = {
    ControllerExit: _controller_exit,
    ControllerKill: _controller_kill,
}
