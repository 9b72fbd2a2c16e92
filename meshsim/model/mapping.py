"""Tables that map one way to say how something is to another, as pure functions. Source: supervision.md 3.9 and 6."""

from __future__ import annotations

from collections.abc import Callable

from meshsim.model import status as resource
from meshsim.model.hosts.process import ProcPhase, ProcStatus, display, display_plain
from meshsim.model.ids import ActorId
from meshsim.model.status import ActorState, State, Status, StatusKind
from meshsim.model.supervision import (
    ActorStatus,
    ActorSupervisionEvent,
    Generic,
    actor_failed,
    actor_stopped,
    debug_events,
)

# --- 3.9: process status -> resource status ----------------------------------------------------------------

_RESOURCE_STATUS: dict[ProcPhase, Callable[[ProcStatus], Status]] = {
    ProcPhase.STARTING: lambda _: resource.INITIALIZING,
    ProcPhase.RUNNING: lambda _: resource.RUNNING,
    ProcPhase.READY: lambda _: resource.RUNNING,
    ProcPhase.STOPPING: lambda _: resource.STOPPING,
    # Whatever the code: only the controller (6.2) looks at it.
    ProcPhase.STOPPED: lambda _: resource.STOPPED,
    ProcPhase.FAILED: lambda proc: resource.failed(proc.reason),
    ProcPhase.KILLED: lambda proc: resource.failed(display_plain(proc)),
}


def to_resource_status(proc: ProcStatus | None) -> Status:
    """What a HostAgent answers of a proc; absent where it has no handle for it. Source: supervision.md 3.9."""
    if proc is None:
        return resource.UNKNOWN
    if proc.phase is ProcPhase.READY:
        return resource.RUNNING  # In the table too; this is asked once for each rank and poll.
    return _RESOURCE_STATUS[proc.phase](proc)


# --- 6.2: process status -> actor status -------------------------------------------------------------------

NO_STATUS = "no status received from process"
#: What is said of an actor that its agent does not know (Q24 off). Source: chosen here.
NO_ACTOR = "actor does not exist"


def proc_status_to_actor_status(proc: ProcStatus | None, now_ns: int = 0) -> ActorStatus:
    """What a controller makes of the status of a proc that is terminating.

    Q28: absent (the host did not answer) counts as a clean stop; Q58: so does exit code 0.
    Source: supervision.md 6.2.
    """
    if proc is None:
        return actor_stopped(NO_STATUS)
    return _ACTOR_STATUS[proc.phase](proc, now_ns)


def _of_exit(proc: ProcStatus, _: int) -> ActorStatus:
    if proc.signal is not None:  # Only while Q6 is off.
        return actor_stopped(f"process was stopped with signal {proc.signal}")
    if proc.exit_code == 0:
        return actor_stopped("process exited cleanly")
    return actor_failed(Generic(f"process exited with non-zero code {proc.exit_code}"))


def _of_failure(proc: ProcStatus, now_ns: int) -> ActorStatus:
    return actor_failed(Generic(f"process failure: {display(proc, now_ns)}"))


_ACTOR_STATUS: dict[ProcPhase, Callable[[ProcStatus, int], ActorStatus]] = {
    ProcPhase.STOPPED: _of_exit,
    ProcPhase.STOPPING: lambda _, __: actor_stopped("process is stopping"),
    ProcPhase.KILLED: _of_failure,
    ProcPhase.FAILED: _of_failure,
    # Not reached: these are not terminating.
    ProcPhase.STARTING: _of_failure,
    ProcPhase.RUNNING: _of_failure,
    ProcPhase.READY: _of_failure,
}


# --- 6.1: actor state -> rank and events -------------------------------------------------------------------

#: Statuses for which an event is made up when none was recorded.
_SYNTHETIC = frozenset({StatusKind.NOT_EXIST, StatusKind.STOPPED, StatusKind.TIMEOUT})
#: Statuses for which recorded events count.
_RECORDED = _SYNTHETIC | {StatusKind.FAILED}


class NoActorError(AssertionError):
    """An ended actor without a state: there is nobody whom an event could be about; the text is that of the panic."""

    def __init__(self) -> None:
        super().__init__("actor_id is None")


def actor_state_to_events(
    state: State, now_ns: int, *, bare_failures: bool = False
) -> tuple[int, tuple[ActorSupervisionEvent, ...]]:
    """Create rank and events of an actor's reported state, oldest first. Source: supervision.md 6.1.

    A Failed without recorded events has none (Q22), unless `bare_failures` asks for one with the status' text.

    Raises:
        NoActorError: Stopped, Timeout or NotExist without any state (Q23); replies of this kind are turned
            into an error of the whole query before they get here, while Q24 is on.
    """
    known = state.state if isinstance(state.state, ActorState) else None
    rank = 0 if known is None else known.create_rank
    recorded = () if known is None else known.supervision_events
    if state.status.kind not in _RECORDED:
        return rank, ()
    if not recorded and known is not None and bare_failures and state.status.kind is StatusKind.FAILED:
        return rank, (ActorSupervisionEvent(known.actor_id, None, now_ns, actor_failed(Generic(state.status.text))),)
    if recorded or state.status.kind not in _SYNTHETIC:
        return rank, recorded
    if known is None:
        raise NoActorError
    return rank, (_made_up(known.actor_id, state.status, now_ns),)


def _made_up(actor: ActorId, status: Status, now_ns: int) -> ActorSupervisionEvent:
    return ActorSupervisionEvent(
        actor_id=actor,
        display_name=None,
        occurred_at_ns=now_ns,
        actor_status=actor_stopped(f"actor status is {status}; actor may have been killed"),
    )


# --- 6.3: what a ProcAgent knows -> resource status --------------------------------------------------------


def agent_view_to_status(
    *, known: bool, spawn_error: str | None, stopped: bool, events: tuple[ActorSupervisionEvent, ...]
) -> Status:
    """How a ProcAgent reports a named actor; the first condition that holds decides. Source: supervision.md 6.3.

    Q32: the stopped flag hides that the actor failed before, or still runs. Q55: an actor that stopped itself has no
    events and is Running. `events` are those recorded under exactly the id of the root actor (Q10).
    """
    if not known:
        return resource.NOT_EXIST
    if spawn_error is not None:
        return resource.failed(spawn_error)
    if stopped:
        return resource.STOPPED
    if events:
        return resource.failed(f"because of supervision events: {debug_events(events)}")
    return resource.RUNNING
