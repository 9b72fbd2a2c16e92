"""Actor statuses and errors, supervision events, mesh failures, and every text they print.

Source: supervision.md 4.1 to 4.4, mesh_model.md 6.1 and 6.7.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum
from typing import Union

import msgspec

from meshsim.model.debug_form import debug_instant, debug_option, debug_text
from meshsim.model.ids import HOST_AGENT, PROC_AGENT, ActorId, actor_name_of, address_of, proc_of
from meshsim.units import MS


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
    #: For Stopped; none in a revision whose stops have no reason.
    reason: str | None = ""
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


class StreamClosed(msgspec.Struct, frozen=True, tag="stream_closed"):
    """The mesh was stopped, or its stream of events ended."""

    failure: MeshFailure


class Crashed(msgspec.Struct, frozen=True, tag="crashed"):
    """The health of the mesh is bad."""

    failure: MeshFailure


#: What controllers and client references remember of an unhealthy mesh. Source: supervision.md 4.4.
Unhealthy = Union[StreamClosed, Crashed]

_AGENTS = frozenset({HOST_AGENT, PROC_AGENT})


# --- making them -------------------------------------------------------------------------------------------


def actor_stopped(reason: str) -> ActorStatus:
    return ActorStatus(ActorPhase.STOPPED, reason=reason)


#: Stopped as revisions have it whose stops have no reason (supervision.md 10.9).
STOPPED_SILENTLY = ActorStatus(ActorPhase.STOPPED, reason=None)


def actor_failed(error: ActorErrorKind) -> ActorStatus:
    return ActorStatus(ActorPhase.FAILED, error=error)


def panic_error(info: str) -> Generic:
    return Generic(f"panic: {info}")


def init_error(text: str) -> Generic:
    return Generic(f"initialization error: {text}")


def cleanup_error(text: str) -> Generic:
    return Generic(f"cleanup error: {text}")


def checkpoint_error(text: str) -> Generic:
    return Generic(f"checkpoint error: {text}")


def message_log_error(text: str) -> Generic:
    return Generic(f"message log error: {text}")


INDETERMINATE = Generic("actor is in an indeterminate state")


def flatten(kind: ActorErrorKind, quirks_off: Collection[str] = ()) -> ActorErrorKind:
    """What becomes of an error when its actor ends: plain text, unless it is an unhandled event.

    Q7: Aborted and ErrorDuringHandlingSupervision lose their structure here. Off: they keep it.
    Source: supervision.md 4.2.
    """
    if isinstance(kind, UnhandledSupervisionEvent) or "Q7" in quirks_off:
        return kind
    return Generic(error_text(kind, quirks_off))


def unhandled(me: ActorId, event: ActorSupervisionEvent, now_ns: int) -> UnhandledSupervisionEvent:
    """The error of an owner that does not handle a mesh failure: the chain grows by one level with its own id.

    Source: supervision.md 4.4.
    """
    return UnhandledSupervisionEvent(
        ActorSupervisionEvent(
            actor_id=me,
            display_name=None,
            occurred_at_ns=now_ns,
            actor_status=actor_failed(UnhandledSupervisionEvent(event)),
        )
    )


# --- asking them -------------------------------------------------------------------------------------------


def root_cause(event: ActorSupervisionEvent) -> ActorSupervisionEvent:
    """The innermost event: follows Failed(UnhandledSupervisionEvent) while it matches."""
    while isinstance(event.actor_status.error, UnhandledSupervisionEvent):
        event = event.actor_status.error.event
    return event


def same_event(one: ActorSupervisionEvent, other: ActorSupervisionEvent) -> bool:
    """The modelled system's equality of events: time and headers do not count, at any depth.

    `==` compares everything, as records of a trace and tests need it. Source: supervision.md 4.3.
    """
    return _timeless(one) == _timeless(other)


def _timeless(event: ActorSupervisionEvent) -> ActorSupervisionEvent:
    status = event.actor_status
    if isinstance(status.error, (ErrorDuringHandlingSupervision, UnhandledSupervisionEvent)):
        error = msgspec.structs.replace(status.error, event=_timeless(status.error.event))
        status = msgspec.structs.replace(status, error=error)
    return msgspec.structs.replace(event, occurred_at_ns=0, message_headers=None, actor_status=status)


# --- texts -------------------------------------------------------------------------------------------------
#
# `quirks_off` names the quirks of the modelled system that are turned off; Q8 and Q61 are about these texts.


def status_text(status: ActorStatus, now_ns: int, quirks_off: Collection[str] = ()) -> str:
    """An actor status as the modelled system prints it. Source: supervision.md 4.1."""
    match status.phase:
        case ActorPhase.PROCESSING:
            handler = f"{status.handler}: " if status.handler else ""
            return f"{handler}processing for {_elapsed_ms(status, now_ns)}ms"
        case ActorPhase.SAVING | ActorPhase.LOADING:
            return f"{status.phase.value} for {_elapsed_ms(status, now_ns)}ms"
        case ActorPhase.STOPPED:
            return "stopped" if status.reason is None else f"stopped: {status.reason}"
        case ActorPhase.FAILED:
            assert status.error is not None, "a failed actor has an error"
            return f"failed: {error_text(status.error, quirks_off)}"
        case _:
            return str(status.phase.value)


def _elapsed_ms(status: ActorStatus, now_ns: int) -> int:
    return max(now_ns - status.since_ns, 0) // MS


def error_text(kind: ActorErrorKind, quirks_off: Collection[str] = ()) -> str:
    """Source: supervision.md 4.2."""
    match kind:
        case Generic(text=text):
            return text
        case ErrorDuringHandlingSupervision(text=text, event=event):
            return f"{text} while handling {event_text(event, quirks_off)}"
        case UnhandledSupervisionEvent(event=event):
            return event_text(event, quirks_off)
        case Aborted(reason=reason):
            return f"actor explicitly aborted due to: {reason}"


def serving_text(actor: ActorId, kind: ActorErrorKind) -> str:
    """An actor's whole error: who failed, and of what."""
    return f"serving {actor}: {error_text(kind)}"


def event_text(event: ActorSupervisionEvent, quirks_off: Collection[str] = ()) -> str:
    """The lines that an event prints, without a line break at the end.

    Source: supervision.md 4.3, mesh_model.md 6.7.
    """
    cause = root_cause(event)
    name, cause_name = _name(event), _name(cause)
    ended, what = _ending_words(cause, quirks_off)
    return (
        f"The actor {name} and all its descendants have {ended}.\n"
        f"This occurred because the actor {'itself' if cause_name == name else cause_name} {ended}.\n"
        f"The {what} was:\n{_cause_text(cause, quirks_off)}"
    )


def _ending_words(cause: ActorSupervisionEvent, quirks_off: Collection[str]) -> tuple[str, str]:
    """Q8: a stop is called a failure, too. Off: what stopped has stopped, for a reason and not of an error."""
    return ("stopped", "reason") if "Q8" in quirks_off and not cause.is_error else ("failed", "error")


def _name(event: ActorSupervisionEvent) -> str:
    return event.actor_id if event.display_name is None else event.display_name


def _cause_text(cause: ActorSupervisionEvent, quirks_off: Collection[str]) -> str:
    status = cause.actor_status
    if status.phase is ActorPhase.STOPPED and actor_name_of(cause.actor_id) in _AGENTS:
        return _indented(
            f"The process {address_of(proc_of(cause.actor_id))} owned by this actor became unresponsive "
            "and is assumed dead, check the log on the host for details"
        )
    match status.error:
        case ErrorDuringHandlingSupervision(text=text, event=event):
            # Q61: nothing breaks the line between the text and the failure it contains.
            line_break = "\n" if "Q61" in quirks_off else ""
            nested = f"This error occurred during the handling of another failure:\n{event_text(event, quirks_off)}"
            return f"{_indented(text)}{line_break}{nested}"
        case Generic(text=text):
            return _indented(text)
        case _:
            return _indented(status_text(status, cause.occurred_at_ns, quirks_off))


def _indented(text: str) -> str:
    return "\n".join(f" {line}" if line else "" for line in text.split("\n"))


def failure_text(failure: MeshFailure, quirks_off: Collection[str] = ()) -> str:
    """Source: supervision.md 4.4."""
    mesh = "" if failure.actor_mesh_name is None else f' on mesh "{failure.actor_mesh_name}"'
    rank = "" if failure.rank is None else f" at rank {failure.rank}"
    return f"failure{mesh}{rank} with event: {event_text(failure.event, quirks_off)}"


def python_failure_text(failure: MeshFailure, quirks_off: Collection[str] = ()) -> str:
    """`str()` of a MeshFailure in Python, with one rank as this revision has it. Source: mesh_model.md 9.4."""
    mesh = "<none>" if failure.actor_mesh_name is None else failure.actor_mesh_name
    return f"MeshFailure(mesh_name={mesh}, rank={failure.rank}, event={event_text(failure.event, quirks_off)})"


# --- debug texts -------------------------------------------------------------------------------------------


def debug_events(events: tuple[ActorSupervisionEvent, ...]) -> str:
    """A list of events in debug form, their times included (Q20: a second event changes the text).

    Goes into `because of supervision events: {…}` (supervision.md 6.3). The reference does not fix the layout of an
    actor id here; ours is its text.
    """
    return "[" + ", ".join(_debug_event(event) for event in events) + "]"


def _debug_event(event: ActorSupervisionEvent) -> str:
    return (
        f"ActorSupervisionEvent {{ actor_id: ActorId({debug_text(event.actor_id)}), "
        f"display_name: {debug_option(event.display_name)}, "
        f"occurred_at: {debug_instant(event.occurred_at_ns)}, "
        f"actor_status: {_debug_status(event.actor_status)}, "
        f"message_headers: {debug_option(event.message_headers)} }}"
    )


def _debug_status(status: ActorStatus) -> str:
    variant = status.phase.value.capitalize()
    match status.phase:
        case ActorPhase.PROCESSING:
            handler = debug_option(status.handler or None)
            return f"{variant}({debug_instant(status.since_ns)}, {handler})"
        case ActorPhase.SAVING | ActorPhase.LOADING:
            return f"{variant}({debug_instant(status.since_ns)})"
        case ActorPhase.STOPPED:
            return variant if status.reason is None else f"{variant}({debug_text(status.reason)})"
        case ActorPhase.FAILED:
            assert status.error is not None, "a failed actor has an error"
            return f"{variant}({_debug_error(status.error)})"
        case _:
            return variant


def _debug_error(kind: ActorErrorKind) -> str:
    match kind:
        case Generic(text=text):
            return f"Generic({debug_text(text)})"
        case ErrorDuringHandlingSupervision(text=text, event=event):
            return f"ErrorDuringHandlingSupervision({debug_text(text)}, {_debug_event(event)})"
        case UnhandledSupervisionEvent(event=event):
            return f"UnhandledSupervisionEvent({_debug_event(event)})"
        case Aborted(reason=reason):
            return f"Aborted({debug_text(reason)})"
