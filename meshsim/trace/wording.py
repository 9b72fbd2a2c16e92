"""Messages in a few words: what one would ask about first."""

from __future__ import annotations

from meshsim.model.alloc.messages import (
    AgentStatus,
    AllocInitialized,
    Configure,
    Configured,
    GspawnResult,
    HostReady,
    RemoteDone,
    RemoteUpdate,
    StartedProc,
    StartProc,
    StopActorResult,
)
from meshsim.model.messages import (
    ActorEvent,
    ActorSpec,
    ActorStateChanged,
    Answer,
    Call,
    CastMessage,
    CauseFault,
    CommMeshConfig,
    CommMode,
    CreateOrUpdate,
    Drill,
    Forward,
    ForwardMessage,
    GetConfig,
    GetRankStatus,
    GetState,
    HandlerFails,
    KeepAlive,
    KeepaliveGetState,
    MeshFailed,
    MeshRefSent,
    Message,
    Misreport,
    Number,
    Operate,
    PassedOn,
    PassOn,
    ProcReady,
    RankStatus,
    ResourceNames,
    Returned,
    SetConfig,
    StateReply,
    Stop,
    StopAll,
    SubscriberCount,
    Undeliverable,
    WatchActor,
    Work,
)
from meshsim.model.supervision import status_text
from meshsim.model.tags import tag_of


def message_words(message: Message) -> str:
    """The type of a message and its most telling fields."""
    name = type(message).__name__
    details = _details(message)
    return f"{name} {details}" if details else name


def _details(message: Message) -> str:
    match message:
        case CreateOrUpdate(name=name, rank=rank, spec=spec):
            kind = spec.actor_type if isinstance(spec, ActorSpec) else "proc"
            return f"{name} rank {rank} ({kind})"
        case Stop(name=name, reason=reason):
            return f"{name} ({reason})"
        case StopAll(reason=reason):
            return f"({reason})"
        case GetState(name=name) | KeepaliveGetState(name=name) | GetRankStatus(name=name) | ProcReady(name=name):
            return name
        case WatchActor(name=name) | KeepAlive(name=name):
            return name
        case StateReply(state=state) | ActorStateChanged(state=state):
            return f"{state.name} {state.status}"
        case RankStatus(runs=runs):
            return "; ".join(f"{start}..{end} {status}" for start, end, status in runs) or "(empty)"
        case Call(method=method):
            return f"{method}()"
        case Returned(raised=raised):
            return raised
        case MeshRefSent(mesh=mesh):
            return mesh.label
        case MeshFailed(failure=None):
            return "(heartbeat)"
        case MeshFailed(failure=failure) if failure is not None:
            place = "" if failure.rank is None else f"rank {failure.rank} "
            return f"{place}{status_text(failure.event.actor_status, failure.event.occurred_at_ns)}"
        case PassOn(envelope=inner):
            return f"to {inner.dest}: {message_words(inner.message)}"
        case CommMeshConfig(rank=rank) | CommMode(rank=rank):
            return f"rank {rank}"
        case CastMessage(cast=cast):
            return f"to {cast.actor}: {message_words(cast.message)}"
        case ForwardMessage(cast=cast, seq=seq):
            return f"{seq} to {cast.actor}: {message_words(cast.message)}"
        case PassedOn(failure=passed):
            return status_text(passed.event.actor_status, passed.event.occurred_at_ns)
        case ActorEvent(event=event):
            return f"{event.actor_id} {status_text(event.actor_status, event.occurred_at_ns)}"
        case Undeliverable(envelope=envelope, errors=errors):
            return f"{type(envelope.message).__name__} to {envelope.dest}: {'; '.join(errors)}"
        case Operate(index=index, operation=operation):
            return f"{index}: {tag_of(operation)}"
        case Misreport(mesh=mesh, status=status):
            return f"{mesh}: {status}"
        case HandlerFails(text=text):
            return text
        case CauseFault():
            return f"{message.kind} {message.text}".rstrip()
        case ResourceNames(names=names):
            return ", ".join(names) or "(none)"
        case GetConfig(name=name) | SetConfig(name=name):
            return name
        case Forward(to_visit=to_visit):
            return f"({len(to_visit)} more)"
        case Drill():
            return f"{message.do} {message.name}{message.text}".rstrip()
        case Answer(text=text):
            return text
        case Work():
            return message.text
        case Configure(rank=rank) | Configured(rank=rank) | AgentStatus(rank=rank):
            return f"rank {rank}"
        case StartProc(proc_id=proc) | StartedProc(proc_id=proc):
            return proc
        case AllocInitialized(error=error) | GspawnResult(error=error) if error is not None:
            return error
        case RemoteUpdate(event=event):
            return str(event)
        case RemoteDone(host=host):
            return host
        case HostReady(agent=agent):
            return agent
        case StopActorResult(result=result):
            return result
        case SubscriberCount(count=count) | Number(value=count):
            return str(count)
        case _:
            return ""
