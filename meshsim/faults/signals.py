"""Signals as scenario files write them: `SIGKILL`, or a number as text such as `9`."""

from __future__ import annotations

import re
import signal as _signal

#: Highest signal number of Linux (SIGRTMAX).
SIGNAL_NUMBER_MAX = 64

#: Names that a scenario may use. Real-time signals have numbers only.
SIGNAL_NUMBERS: dict[str, int] = {
    member.name: int(member) for member in _signal.Signals if not member.name.startswith("SIGRT")
}

_NAMES = {number: name for name, number in SIGNAL_NUMBERS.items() if _signal.Signals[name].name == name}
_SURVIVED = frozenset(
    {_signal.SIGCHLD, _signal.SIGURG, _signal.SIGWINCH, _signal.SIGCONT}
    | {_signal.SIGSTOP, _signal.SIGTSTP, _signal.SIGTTIN, _signal.SIGTTOU}
)
#: Signals that dump core by default. Source: signal(7).
DUMPING = frozenset(
    {_signal.SIGABRT, _signal.SIGBUS, _signal.SIGFPE, _signal.SIGILL, _signal.SIGQUIT, _signal.SIGSEGV}
    | {_signal.SIGSYS, _signal.SIGTRAP, _signal.SIGXCPU, _signal.SIGXFSZ}
)
_NUMBER = re.compile(r"[1-9][0-9]?\Z", re.ASCII)


class SignalError(ValueError):
    """A text is not a signal. `str()` says what was expected and what came."""


def signal_number(text: str) -> int:
    """The number of a signal given by name (`SIGKILL`) or by number (`9`).

    Raises:
        SignalError: no signal of this machine, or not in 1..64.
    """
    if text in SIGNAL_NUMBERS:
        return SIGNAL_NUMBERS[text]
    if _NUMBER.match(text) and int(text) <= SIGNAL_NUMBER_MAX:
        return int(text)
    raise SignalError(f'expected a signal such as "SIGKILL" or "9", got {text!r}')


def is_deadly(number: int) -> bool:
    """Whether a signal ends a process that has made no arrangements for it."""
    return number not in _SURVIVED


def signal_name(number: int) -> str:
    """The name of a signal, or its number as text when it has none (real-time signals)."""
    return _NAMES.get(number, str(number))
