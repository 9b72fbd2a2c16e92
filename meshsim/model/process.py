"""Life of one spawned proc as its host's process manager keeps it, and what the kernel said at its end.

Source: supervision.md 3.1 to 3.4 and 3.9.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from meshsim.units import human_age


class ExitStatus(msgspec.Struct, frozen=True):
    """How a process ended, in the kernel's words: an exit code, or a signal and its core-dump flag."""

    code: int | None = None
    signal: int | None = None
    core_dumped: bool = False

    def __str__(self) -> str:
        if self.signal is not None:
            return f"killed by signal {self.signal}{' (core dumped)' if self.core_dumped else ''}"
        return f"exited with code {self.code}"


class ProcPhase(Enum):
    STARTING = "Starting"
    RUNNING = "Running"
    READY = "Ready"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    KILLED = "Killed"
    FAILED = "Failed"


#: Nothing leaves these.
EXITED = frozenset({ProcPhase.STOPPED, ProcPhase.KILLED, ProcPhase.FAILED})


class ProcStatus(msgspec.Struct, frozen=True):
    """One value of the table in supervision.md 3.1; fields that a phase does not have keep their default."""

    phase: ProcPhase
    started_at_ns: int | None = None
    addr: str | None = None
    agent: str | None = None
    exit_code: int | None = None
    stderr_tail: tuple[str, ...] = ()
    signal: int | None = None
    core_dumped: bool = False
    reason: str = ""
