"""What a controller makes of the answers of hosts and agents: pure functions, each quirk with both its ways.

Source: supervision.md 5.7, 5.10, 5.12, 10.5.
"""

from __future__ import annotations

from meshsim.model.config import Config
from meshsim.model.ids import ActorId, Name, ProcId, proc_name_of
from meshsim.model.mapping import NO_ACTOR, NO_STATUS, proc_status_to_actor_status
from meshsim.model.status import STOPPED, ActorState, ProcState, State, Status, StatusKind, failed, timeout
from meshsim.model.supervision import (
    STOPPED_SILENTLY,
    ActorStatus,
    ActorSupervisionEvent,
    Crashed,
    Generic,
    MeshFailure,
    StreamClosed,
    Unhealthy,
    actor_failed,
)


def unhealthy(config: Config, failure: MeshFailure, *, proc_stopped: bool) -> Unhealthy:
    """Q11, Q12: whatever a proc does is a stop, whatever an actor does a crash. Off: the event says which."""
    quirk = "Q11" if proc_stopped else "Q12"
    closed = proc_stopped if config.has(quirk) else not failure.event.is_error
    return StreamClosed(failure) if closed else Crashed(failure)


def fate_of(config: Config, proc: State) -> ActorStatus:
    """How the actor of a dead proc ended.

    Q28: when nothing is known, it was a clean stop. Off: only when the host says so.
    """
    known = proc.state.proc_status if isinstance(proc.state, ProcState) else None
    if known is None and proc.status != STOPPED and not config.has("Q28"):
        return actor_failed(Generic(NO_STATUS))
    return proc_status_to_actor_status(known)


def is_old_news(config: Config, before: Status, after: Status, *, stop_asked: bool) -> bool:
    """Whether a rank whose end was told already only ends in other words. Every quirk here is to tell it again."""
    if stop_asked and before.kind is StatusKind.TIMEOUT and after.is_terminating:
        return not config.has("Q26")
    match before.kind, after.kind:
        case StatusKind.FAILED, StatusKind.FAILED:
            return not config.has("Q20")
        case StatusKind.FAILED, StatusKind.STOPPED | StatusKind.TIMEOUT:
            return not config.has("Q21")
        case _:
            return False


def may_come_back(config: Config, status: Status) -> bool:
    """Q54: a rank that timed out is as terminal as any. Off: it is asked again, and can be Running again."""
    return status.kind is StatusKind.TIMEOUT and not config.has("Q54")


def silent_agent(config: Config, name: Name, agent: ActorId, rank: int, wall_ns: int) -> State:
    """What stands for an actor whose agent did not answer within a limit (10.5 step 3; mesh_model.md 2.9)."""
    limit_ns = config.get_actor_state_max_idle
    text = f'timeout waiting for message from proc mesh agent while querying for "{name}". The process likely crashed'
    status = actor_failed(Generic(text)) if config.revision.silence_fails else STOPPED_SILENTLY
    event = ActorSupervisionEvent(agent, None, wall_ns, status)
    return State(name, timeout(limit_ns), ActorState(agent, rank, (event,)))


def silent_proc(proc: ProcId, limit_ns: int) -> State:
    """What stands for a proc whose host did not answer within a limit: no state at all (9.7 step 3)."""
    return State(proc_name_of(proc), timeout(limit_ns))


def missing_actor(config: Config, reported: State, actor: ActorId, rank: int, wall_ns: int) -> State:
    """What stands for an actor that its agent does not have, or could not make (Q24 off).

    Q23: one that ended, without any state, stays without one. Off: it is the actor that was asked for.
    """
    if reported.status.kind in (StatusKind.STOPPED, StatusKind.TIMEOUT):
        return reported if config.has("Q23") else State(reported.name, reported.status, ActorState(actor, rank))
    what = reported.status.text if reported.status.kind is StatusKind.FAILED else NO_ACTOR
    event = ActorSupervisionEvent(actor, None, wall_ns, actor_failed(Generic(what)))
    return State(reported.name, failed(what), ActorState(actor, rank, (event,)))


def missing_proc(reported: State) -> State:
    """What stands for a proc that its host does not have, or could not make (Q24 off)."""
    return reported if reported.status.is_terminating else State(reported.name, failed("process does not exist"))
