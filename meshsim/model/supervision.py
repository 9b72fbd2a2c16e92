"""Actor statuses and errors, supervision events, mesh failures, and every text they print.

Source: supervision.md 4.1 to 4.4, mesh_model.md 6.1 and 6.7.
"""

from __future__ import annotations

from enum import Enum
from typing import Union

import msgspec

from meshsim.model.ids import ActorId


class ActorPhase(Enum):
    """The variants of ActorStatus, by the text each begins with."""

    UNKNOWN = "unknown"
    CREATED = "created"
    INITIALIZING = "initializing"
    CLIENT = "client"
    IDLE = "idle"
    PROCESSING = "processing"
    SAVING = "saving"
    LOADING = "loading"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


class Generic(msgspec.Struct, frozen=True, tag="generic"):
    text: str


class ErrorDuringHandlingSupervision(msgspec.Struct, frozen=True, tag="error_during_handling"):
    text: str
    event: ActorSupervisionEvent


class UnhandledSupervisionEvent(msgspec.Struct, frozen=True, tag="unhandled"):
    event: ActorSupervisionEvent


class Aborted(msgspec.Struct, frozen=True, tag="aborted"):
    reason: str


ActorErrorKind = Union[Generic, ErrorDuringHandlingSupervision, UnhandledSupervisionEvent, Aborted]


class ActorStatus(msgspec.Struct, frozen=True):
    """Lifecycle status of one actor. Source: supervision.md 4.1."""

    phase: ActorPhase
    #: For Stopped.
    reason: str = ""
    #: For Failed.
    error: ActorErrorKind | None = None
    #: For Processing, Saving and Loading.
    since_ns: int = 0
    #: For Processing: the type of the message being handled.
    handler: str = ""

    @property
    def is_terminal(self) -> bool:
        return self.phase is ActorPhase.STOPPED or self.phase is ActorPhase.FAILED

    @property
    def is_failed(self) -> bool:
        return self.phase is ActorPhase.FAILED


class ActorSupervisionEvent(msgspec.Struct, frozen=True):
    """Something terminal happened to an actor. Source: supervision.md 4.3."""

    actor_id: ActorId
    display_name: str | None
    occurred_at_ns: int
    actor_status: ActorStatus
    message_headers: str | None = None

    @property
    def is_error(self) -> bool:
        return self.actor_status.is_failed


class MeshFailure(msgspec.Struct, frozen=True):
    """What owners and subscribers are told. Source: supervision.md 4.4."""

    actor_mesh_name: str | None
    rank: int | None
    event: ActorSupervisionEvent
