"""What an alloc says of its procs, and why a proc stopped.

Created, Running and Stopped come in this order for each create key; a rank may get a new key when its process died.
Failed is the last word: the alloc will never be complete.

Source: mesh_model.md 5.2.
"""

from __future__ import annotations

from enum import Enum
from typing import Union

import msgspec

from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import ActorId, ProcId


class ReasonKind(Enum):
    STOPPED = "stopped"
    EXITED = "exited"
    KILLED = "killed"
    WATCHDOG = "watchdog"
    HOST_WATCHDOG = "host_watchdog"
    UNKNOWN = "unknown"


class StopReason(msgspec.Struct, frozen=True):
    """Why a proc of an alloc stopped. Fields that a kind does not have keep their default."""

    kind: ReasonKind
    code: int = 0
    #: Captured tail of its output, if tailing is enabled.
    stderr: str = ""
    signal: int = 0
    core_dumped: bool = False

    def __str__(self) -> str:
        match self.kind:
            case ReasonKind.EXITED:
                return f"exited with code {self.code}" + (f": {self.stderr}" if self.stderr else "")
            case ReasonKind.KILLED:
                return f"killed with signal {self.signal} (core dumped={str(self.core_dumped).lower()})"
            case kind:
                return _TEXTS[kind]


_TEXTS = {
    ReasonKind.STOPPED: "stopped",
    ReasonKind.WATCHDOG: "proc watchdog failure",
    ReasonKind.HOST_WATCHDOG: "host watchdog failure",
    ReasonKind.UNKNOWN: "unknown",
}

STOPPED = StopReason(ReasonKind.STOPPED)
WATCHDOG = StopReason(ReasonKind.WATCHDOG)
HOST_WATCHDOG = StopReason(ReasonKind.HOST_WATCHDOG)
UNKNOWN = StopReason(ReasonKind.UNKNOWN)


def reason_of(status: ExitStatus | None, stderr: str = "") -> StopReason:
    """What the end of a process means; none when waiting for it failed. `stderr` is the tail that was kept of it."""
    if status is None:
        return UNKNOWN
    if status.signal is not None:
        return StopReason(ReasonKind.KILLED, signal=status.signal, core_dumped=status.core_dumped)
    return StopReason(ReasonKind.EXITED, code=status.code, stderr=stderr) if status.code else STOPPED


class Created(msgspec.Struct, frozen=True, tag="created"):
    """A process for a rank was started. `pid` is the model's own number: backends could not agree on the real one."""

    create_key: str
    rank: int
    #: The rank in words: `hosts=0/2,gpus=1/4`.
    point: str
    pid: int

    def __str__(self) -> str:
        return f"{self.create_key}: created at ({self.point}) with PID {self.pid}"


class Running(msgspec.Struct, frozen=True, tag="running"):
    """A proc serves, with this agent, at this mailbox address."""

    create_key: str
    proc_id: ProcId
    agent: ActorId
    addr: str

    def __str__(self) -> str:
        return f"{self.proc_id}: running at {self.addr}"


class Stopped(msgspec.Struct, frozen=True, tag="stopped"):
    create_key: str
    reason: StopReason

    def __str__(self) -> str:
        return f"{self.create_key}: stopped: {self.reason}"


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The alloc will never complete; its caller must stop and drain it."""

    alloc_name: str
    description: str

    def __str__(self) -> str:
        return f"{self.alloc_name}: failed: {self.description}"


AllocEvent = Union[Created, Running, Stopped, Failed]
