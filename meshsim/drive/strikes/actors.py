"""Faults that strike inside a handler of the target actor."""

from __future__ import annotations

import signal
from collections.abc import Callable

from msgspec import UNSET

from meshsim.drive.strikes.base import Strike
from meshsim.faults.kinds import (
    Abort,
    ExitProcess,
    Hang,
    KillPid,
    Panic,
    ProcessExit,
    Raise,
    SelfFail,
    SelfUngracefulFail,
    SigSegv,
    StopItself,
)
from meshsim.faults.signals import signal_name, signal_number
from meshsim.model.messages import CauseFault


def _raise(strike: Strike, fault: Raise) -> None:
    strike.tell(strike.actor(fault.target), CauseFault("raise", fault.text), fault.text)


def _panic(strike: Strike, fault: Panic) -> None:
    _cause(strike, CauseFault("panic", fault.text, send_to_children=fault.send_to_children or UNSET), fault.text)


def _sigsegv(strike: Strike, fault: SigSegv) -> None:
    number = int(signal.SIGSEGV)
    _cause(strike, CauseFault("signal", number=number, send_to_children=fault.send_to_children or UNSET))


def _process_exit(strike: Strike, fault: ProcessExit) -> None:
    cause = CauseFault("exit", number=fault.code, send_to_children=fault.send_to_children or UNSET)
    _cause(strike, cause, f"_exit({fault.code})")


def _self_fail(strike: Strike, fault: SelfFail) -> None:
    _cause(strike, CauseFault("raise", fault.text), fault.text)


def _self_ungraceful_fail(strike: Strike, fault: SelfUngracefulFail) -> None:
    _cause(strike, CauseFault("exit", number=1), "_exit(1)")


def _kill_pid(strike: Strike, fault: KillPid) -> None:
    number = signal_number(fault.signal)
    _cause(strike, CauseFault("signal", number=number), signal_name(number))


def _abort(strike: Strike, fault: Abort) -> None:
    _cause(strike, CauseFault("abort", fault.reason), fault.reason)


def _exit_process(strike: Strike, fault: ExitProcess) -> None:
    _cause(strike, CauseFault("exit", number=fault.code), f"exit({fault.code})")


def _cause(strike: Strike, fault: CauseFault, detail: str = "") -> None:
    """Inside the target actor's own handler."""
    strike.tell(strike.actor(strike.fault.target), fault, detail)


def _hang(strike: Strike, fault: Hang) -> None:
    strike.tell(strike.actor(fault.target), CauseFault("hang", busy_ns=int(fault.for_ or 0)))


def _stop_itself(strike: Strike, fault: StopItself) -> None:
    strike.tell(strike.actor(fault.target), CauseFault("stop", "stopped by itself"))


STRIKES: dict[type, Callable[..., None]] = {
    Raise: _raise,
    Panic: _panic,
    SigSegv: _sigsegv,
    ProcessExit: _process_exit,
    SelfFail: _self_fail,
    SelfUngracefulFail: _self_ungraceful_fail,
    KillPid: _kill_pid,
    Abort: _abort,
    ExitProcess: _exit_process,
    Hang: _hang,
    StopItself: _stop_itself,
}
