"""Life of one spawned proc as its host's process manager keeps it, and what the kernel said at its end.

Source: supervision.md 3.1 to 3.4. The resource status of a process status is in `meshsim.model.mapping`.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from meshsim.model.debug_form import debug_instant, debug_text
from meshsim.units import human_age


class ExitStatus(msgspec.Struct, frozen=True, gc=False):
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


class ProcStatus(msgspec.Struct, frozen=True, gc=False):
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

    @property
    def is_exit(self) -> bool:
        return self.phase in EXITED


STARTING = ProcStatus(ProcPhase.STARTING)


class Mark(Enum):
    """What a process manager is asked to write down."""

    RUNNING = "running"
    READY = "ready"
    STOPPING = "stopping"
    STOPPED = "stopped"
    KILLED = "killed"
    FAILED = "failed"


class Refusal(Enum):
    """Why a mark changes nothing."""

    SILENT = "silent"
    WARNED = "warned"


Move = ProcPhase | Refusal

_ENDS: dict[Mark, Move] = {
    Mark.STOPPED: ProcPhase.STOPPED,
    Mark.KILLED: ProcPhase.KILLED,
    Mark.FAILED: ProcPhase.FAILED,
}
_NOTHING_LEAVES: dict[Mark, Move] = {
    Mark.RUNNING: Refusal.WARNED,
    Mark.READY: Refusal.WARNED,
    Mark.STOPPING: Refusal.SILENT,
    Mark.STOPPED: Refusal.WARNED,
    Mark.KILLED: Refusal.WARNED,
    Mark.FAILED: Refusal.WARNED,
}
_ROWS: dict[ProcPhase, dict[Mark, Move]] = {
    ProcPhase.STARTING: {
        Mark.RUNNING: ProcPhase.RUNNING,
        Mark.READY: ProcPhase.READY,
        Mark.STOPPING: ProcPhase.STOPPING,
        **_ENDS,
    },
    ProcPhase.RUNNING: {
        Mark.RUNNING: Refusal.WARNED,
        Mark.READY: ProcPhase.READY,
        Mark.STOPPING: ProcPhase.STOPPING,
        **_ENDS,
    },
    ProcPhase.READY: {
        Mark.RUNNING: Refusal.WARNED,
        Mark.READY: Refusal.WARNED,
        Mark.STOPPING: ProcPhase.STOPPING,
        **_ENDS,
    },
    # A stop before the callback leaves the proc un-Ready.
    ProcPhase.STOPPING: {
        Mark.RUNNING: Refusal.WARNED,
        Mark.READY: Refusal.WARNED,
        Mark.STOPPING: Refusal.SILENT,
        **_ENDS,
    },
    ProcPhase.STOPPED: _NOTHING_LEAVES,
    ProcPhase.KILLED: _NOTHING_LEAVES,
    ProcPhase.FAILED: _NOTHING_LEAVES,
}

#: (phase, mark) -> the phase it leads to, or why it leads nowhere. Source: supervision.md 3.2.
TRANSITIONS: dict[tuple[ProcPhase, Mark], Move] = {
    (phase, mark): move for phase, row in _ROWS.items() for mark, move in row.items()
}


class Marked(msgspec.Struct, frozen=True):
    """What came of a mark."""

    status: ProcStatus
    accepted: bool
    #: What the process manager logs when it refuses aloud.
    warning: str = ""


def mark(status: ProcStatus, asked: ProcStatus) -> Marked:
    """Ask for a transition; `asked` is the phase that is wanted, with the fields that come with it.

    `started_at_ns` of the process is kept once it is known; a phase that is entered without one takes that of `asked`.
    """
    move = TRANSITIONS[status.phase, Mark(asked.phase.value.lower())]
    if isinstance(move, Refusal):
        warning = "" if move is Refusal.SILENT else _warning(status, asked)
        return Marked(status=status, accepted=False, warning=warning)
    if asked.is_exit or status.started_at_ns is None:
        return Marked(status=asked, accepted=True)
    return Marked(status=msgspec.structs.replace(asked, started_at_ns=status.started_at_ns), accepted=True)


def _warning(status: ProcStatus, asked: ProcStatus) -> str:
    return f"illegal transition: {debug(status)} -> {asked.phase.value}; leaving status unchanged"


def running(now_ns: int) -> ProcStatus:
    return ProcStatus(ProcPhase.RUNNING, started_at_ns=now_ns)


def ready(now_ns: int, addr: str, agent: str) -> ProcStatus:
    return ProcStatus(ProcPhase.READY, started_at_ns=now_ns, addr=addr, agent=agent)


def stopping(now_ns: int) -> ProcStatus:
    return ProcStatus(ProcPhase.STOPPING, started_at_ns=now_ns)


def failed(reason: str) -> ProcStatus:
    return ProcStatus(ProcPhase.FAILED, reason=reason)


def classify(status: ExitStatus, *, asked_to: bool = False) -> ProcStatus:
    """What the exit monitor makes of the kernel's words: the signal first, then the code. Source: 3.4.

    Q6: that the process was asked to end makes no difference. `asked_to`, for when it is off: a signal that its host
    sent to end it makes it Stopped, and is kept.
    """
    if status.signal is not None and asked_to:
        return ProcStatus(ProcPhase.STOPPED, signal=status.signal, core_dumped=status.core_dumped)
    if status.signal is not None:
        return ProcStatus(ProcPhase.KILLED, signal=status.signal, core_dumped=status.core_dumped)
    if status.code is not None:
        return ProcStatus(ProcPhase.STOPPED, exit_code=status.code)
    return failed("unknown exit status")


def wait_failed(error: str) -> ProcStatus:
    """Waiting for the process went wrong."""
    return failed(f"wait failed: {error}")


def callback_failed(error: str) -> ProcStatus:
    """The channel on which a new process calls back broke. Source: supervision.md 3.3."""
    return failed(f"bootstrap callback failed: {error}")


#: The launcher went away without a word about the exit. Source: supervision.md 3.3.
EXIT_CHANNEL_CLOSED = failed("exit_rx sender dropped unexpectedly")


def display(status: ProcStatus, now_ns: int) -> str:
    """A process status as the modelled system prints it at `now_ns`. Source: supervision.md 3.1."""
    if status.started_at_ns is None or status.is_exit or now_ns < status.started_at_ns:
        return display_plain(status)
    return f"{display_plain(status)} up {human_age(now_ns - status.started_at_ns)}"


def display_plain(status: ProcStatus) -> str:
    """The same without the age: what is printed when the clock went backwards, and where there is no clock."""
    match status.phase:
        case ProcPhase.READY:
            return f"Ready at {status.addr}"
        case ProcPhase.STOPPED if status.signal is not None:
            return f"Stopped(sig={status.signal})"
        case ProcPhase.STOPPED:
            return f"Stopped(exit={status.exit_code})"
        case ProcPhase.KILLED:
            return f"Killed(sig={status.signal}{', core' if status.core_dumped else ''})"
        case ProcPhase.FAILED:
            return f"Failed({status.reason})"
        case _:
            return str(status.phase.value)


def debug(status: ProcStatus) -> str:
    """The debug form, as error texts embed it: `Stopped { exit_code: 1, stderr_tail: [] }`."""
    fields = _debug_fields(status)
    if not fields:
        return str(status.phase.value)
    return f"{status.phase.value} {{ {', '.join(f'{name}: {value}' for name, value in fields.items())} }}"


def _debug_fields(status: ProcStatus) -> dict[str, str]:
    match status.phase:
        case ProcPhase.STARTING:
            return {}
        case ProcPhase.RUNNING | ProcPhase.STOPPING:
            return {"started_at": debug_instant(status.started_at_ns or 0)}
        case ProcPhase.READY:
            return {
                "started_at": debug_instant(status.started_at_ns or 0),
                "addr": debug_text(status.addr or ""),
                "agent": debug_text(status.agent or ""),
            }
        case ProcPhase.STOPPED if status.signal is not None:
            return {"signal": str(status.signal)}
        case ProcPhase.STOPPED:
            tail = ", ".join(debug_text(line) for line in status.stderr_tail)
            return {"exit_code": str(status.exit_code), "stderr_tail": f"[{tail}]"}
        case ProcPhase.KILLED:
            return {"signal": str(status.signal), "core_dumped": str(status.core_dumped).lower()}
        case ProcPhase.FAILED:
            return {"reason": debug_text(status.reason)}
