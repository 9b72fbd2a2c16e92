"""Resource statuses and states: what agents answer when asked how something is.

Source: supervision.md 2.1 and 2.2, mesh_model.md 2.6.
"""

from __future__ import annotations

from enum import Enum

import msgspec
from msgspec import UNSET, UnsetType

from meshsim.model.hosts.process import ProcStatus
from meshsim.model.ids import ActorId
from meshsim.model.shapes.runs import RunOf, inverted_text, runs_of
from meshsim.model.supervision import ActorSupervisionEvent
from meshsim.units import debug_duration


class StatusKind(Enum):
    """In declaration order, which is also the order statuses sort in."""

    NOT_EXIST = "NotExist"
    INITIALIZING = "Initializing"
    RUNNING = "Running"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    FAILED = "Failed"
    TIMEOUT = "Timeout"
    UNKNOWN = "Unknown"


# Tuples, not sets: membership is tested by identity, without hashing.
_TERMINATING = (StatusKind.STOPPING, StatusKind.STOPPED, StatusKind.FAILED, StatusKind.TIMEOUT)
_FAILURE = (StatusKind.FAILED, StatusKind.TIMEOUT)
_HEALTHY = (StatusKind.INITIALIZING, StatusKind.RUNNING)


class Status(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """How a resource is. Equality is structural: two Failed are equal only when their texts are."""

    kind: StatusKind
    #: What went wrong, for Failed.
    text: str = ""
    #: How long was waited, for Timeout.
    elapsed_ns: int = 0

    @property
    def is_terminating(self) -> bool:
        """Stopping, Stopped, Failed or Timeout. Q1: Stopping counts although the process still lives."""
        return self.kind in _TERMINATING

    @property
    def is_failure(self) -> bool:
        return self.kind in _FAILURE

    @property
    def is_healthy(self) -> bool:
        return self.kind in _HEALTHY

    def __str__(self) -> str:
        if self.kind is StatusKind.FAILED:
            return f"Failed({self.text})"
        if self.kind is StatusKind.TIMEOUT:
            return f"Timeout({debug_duration(self.elapsed_ns)})"
        return str(self.kind.value)


NOT_EXIST = Status(StatusKind.NOT_EXIST)
INITIALIZING = Status(StatusKind.INITIALIZING)
RUNNING = Status(StatusKind.RUNNING)
STOPPING = Status(StatusKind.STOPPING)
STOPPED = Status(StatusKind.STOPPED)
UNKNOWN = Status(StatusKind.UNKNOWN)


def failed(text: str) -> Status:
    return Status(StatusKind.FAILED, text=text)


def timeout(elapsed_ns: int) -> Status:
    return Status(StatusKind.TIMEOUT, elapsed_ns=elapsed_ns)


class ActorState(msgspec.Struct, frozen=True, gc=False, tag="actor"):
    """What a ProcAgent knows of one actor. Source: supervision.md 2.2."""

    actor_id: ActorId
    create_rank: int
    #: Oldest first.
    supervision_events: tuple[ActorSupervisionEvent, ...] = ()
    #: Counts the changes of this state, from 1; unset where nobody streams them (`meshsim.model.agents.agent_watch`).
    generation: int | UnsetType = UNSET


class ProcState(msgspec.Struct, frozen=True, gc=False, tag="proc"):
    """What a HostAgent knows of one proc. Source: supervision.md 2.2."""

    proc_id: str
    create_rank: int
    mesh_agent: ActorId
    bootstrap_command: str | None = None
    proc_status: ProcStatus | None = None


class MeshState(msgspec.Struct, frozen=True, tag="mesh"):
    """What an ActorMeshController knows: one status for each rank of its region."""

    statuses: tuple[Status, ...]


class State(msgspec.Struct, frozen=True, gc=False):
    """Reply to GetState. `state` is absent where nothing is known beyond the status."""

    name: str
    status: Status
    state: ActorState | ProcState | MeshState | None = None


#: One run of an overlay: ranks start <= r < end have this status.
Run = RunOf[Status]


def inverted(statuses: list[Status] | tuple[Status, ...]) -> str:
    """Ranks grouped by status, as error texts print them: `Running=0..2;Failed(x)=2..3`."""
    return inverted_text(runs_of(statuses))
