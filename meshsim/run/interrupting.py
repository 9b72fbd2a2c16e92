"""Ends a step that never returns, in this process: while code of a node loops, nobody looks at any limit.

It is a timer of the CPU time that the process takes (ITIMER_VIRTUAL, setitimer(2)), as what loops takes that; SIGALRM
and the timer of the wall clock belong to pytest-timeout. Signals go to the main thread: in another one, on a system
without these timers, and where somebody else has a handler for SIGVTALRM, nothing is interrupted.
"""

from __future__ import annotations

import os
import signal
import threading
from contextlib import AbstractContextManager, nullcontext
from types import FrameType
from typing import Protocol

#: CPU time between two looks, seconds. Source: chosen here; a look costs microseconds.
_LOOK_S = 0.25


class StuckError(BaseException):
    """A step did not return in time; `str()` says where it was. No `Exception`: the code that loops may catch those."""


class Overseen(Protocol):
    """Whoever feeds steps to nodes of this process."""

    def is_stuck(self) -> bool:
        """Whether a step has begun that should have returned by now."""


def interrupting(overseen: Overseen) -> AbstractContextManager[object]:
    """While this context lasts `StuckError` is raised in whatever step is stuck."""
    timers = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    if not timers or signal.getsignal(signal.SIGVTALRM) is not signal.SIG_DFL:
        return nullcontext()
    return _Interrupting(overseen)


class _Interrupting:
    def __init__(self, overseen: Overseen) -> None:
        self._overseen = overseen

    def __enter__(self) -> None:
        signal.signal(signal.SIGVTALRM, self._look)
        signal.setitimer(signal.ITIMER_VIRTUAL, _LOOK_S, _LOOK_S)

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, signal.SIG_DFL)

    def _look(self, _: int, frame: FrameType | None) -> None:
        if not self._overseen.is_stuck():
            return
        # Again and again: what catches everything is interrupted anew.
        where = "" if frame is None else f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
        raise StuckError(where)
