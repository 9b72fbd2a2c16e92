"""Processes that belong to a runner: it alone ends them, and they never outlive it."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import NoReturn

from meshsim.procs.linux import die_with_parent

#: How long an interrupted one may take to end the processes of its run, seconds. Source: chosen here; ending a run of
#: a thousand processes takes under one.
END_S = 30.0


def attend(parent: int) -> None:
    """Called in the new process: Ctrl-C, which reaches the whole foreground group, is its parent's business; SIGTERM,
    which comes from there, interrupts what it does; and the kernel kills it when the parent dies (on Linux).
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _interrupt)
    if sys.platform == "linux":
        die_with_parent(parent)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """Once: what ends the processes of a run must not be interrupted itself."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt
