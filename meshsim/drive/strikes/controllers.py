"""Faults of controllers, and of the processes that they live in."""

from __future__ import annotations

from collections.abc import Callable

from meshsim.drive.strikes.base import MissedError, Strike
from meshsim.faults.kinds import (
    ControllerExit,
    ControllerKill,
    ControllerRaises,
    ControllerStall,
    LatePolls,
)
from meshsim.faults.signals import signal_number
from meshsim.model.ids import ActorId
from meshsim.model.messages import HandlerFails
from meshsim.model.messaging.delayed import CHECK_TIMER
from meshsim.units import format_duration


def _controller_exit(strike: Strike, fault: ControllerExit) -> None:
    strike.end_process(strike.controller_process(fault.target), fault.code)


def _controller_kill(strike: Strike, fault: ControllerKill) -> None:
    strike.send_signal(strike.controller_process(fault.target), signal_number(fault.signal))


def _controller_stall(strike: Strike, fault: ControllerStall) -> None:
    strike.stall(strike.controller_process(fault.target))


def _end_controller_stall(strike: Strike, fault: ControllerStall) -> None:
    strike.end_stall(strike.controller_process(fault.target))


def _controller_raises(strike: Strike, fault: ControllerRaises) -> None:
    strike.tell(_controller(strike, fault.target), HandlerFails(fault.text), fault.text)


def _late_polls(strike: Strike, fault: LatePolls) -> None:
    controller = _controller(strike, fault.target)
    often = "" if fault.times is None else f", {fault.times} of them"
    strike.struck(controller, f"{format_duration(fault.by)} late{often}")
    strike.world.delay(controller, CHECK_TIMER, int(fault.by), fault.times)


def _controller(strike: Strike, mesh: str) -> ActorId:
    strike.controller_process(mesh)
    controller = strike.world.directory.controller(mesh)
    if controller is None:
        raise MissedError(f"{mesh} has no controller")
    return controller


STRIKES: dict[type, Callable[..., None]] = {
    ControllerExit: _controller_exit,
    ControllerKill: _controller_kill,
    ControllerStall: _controller_stall,
    ControllerRaises: _controller_raises,
    LatePolls: _late_polls,
}

ENDS: dict[type, tuple[str, Callable[..., None]]] = {ControllerStall: ("resume", _end_controller_stall)}
