"""What travels between actors.

An `Envelope` carries one message from an actor to a port of another. It is a command when a machine returns it
("send this") and an event when another machine takes it ("this arrived"): the same value all the way, on every
backend and in the trace.

Source: supervision.md 2.3 (resource protocol), 5 (controller), 4.6 (undeliverables).
"""

from __future__ import annotations

from typing import Union

import msgspec
from msgspec import UNSET, UnsetType

from meshsim.model.alloc.messages import (
    AgentStatus,
    AllocHeartbeat,
    AllocHello,
    AllocInitialized,
    ChaosMonkey,
    Configure,
    Configured,
    DrainAlloc,
    FailAlloc,
    GspawnResult,
    HostReady,
    QueryStatus,
    RemoteAllocate,
    RemoteDone,
    RemoteHeartbeat,
    RemoteStop,
    RemoteUpdate,
    StartedProc,
    StartProc,
    StopActor,
    StopActorResult,
    StopAlloc,
    StopAndExit,
)
from meshsim.model.ids import ActorId, Name, PortRef
from meshsim.model.messaging.cast_tree import Frame
from meshsim.model.operations import ActorMeshRef, Operation
from meshsim.model.shapes.region import Region
from meshsim.model.shapes.selection import Selection
from meshsim.model.status import Run, State, Status
from meshsim.model.supervision import ActorSupervisionEvent, MeshFailure

#: Marks what a controller sends to subscribers, so that a dead one costs it nothing (supervision.md 5.9).
SUBSCRIBER_HEADER = "hyperactor_mesh::mesh_controller::actor_mesh_subscriber_message"


class ActorSpec(msgspec.Struct, frozen=True, tag="actor_spec"):
    """Which actor to create: a type of the registry and its parameters (plain JSON values)."""

    actor_type: str
    params: dict[str, object] = {}
    #: Mesh-level display base; the ranked display name is derived from it (supervision.md 1.4).
    display_base: str | None = None
    #: Extent of the mesh it is created for, as (label, size) pairs.
    extent: tuple[tuple[str, int], ...] = ()
    #: Whether a controller is going to send keepalives for it. The reference does not say so: unset while Q36 is on.
    kept_alive: bool | UnsetType = UNSET


class ProcSpec(msgspec.Struct, frozen=True, tag="proc_spec"):
    """Which proc to create: the spawner's propagatable configuration, as overrides by attribute name."""

    config: dict[str, int | bool | str] = {}


# --- resource protocol -------------------------------------------------------------------------------------


class CreateOrUpdate(msgspec.Struct, frozen=True, tag="create_or_update"):
    """Create a resource if its name is unknown; nothing at all if it is known.

    `rank` is a placeholder in a cast: who delivers it fills in the rank in the view that was cast to.
    """

    name: Name
    rank: int | None
    spec: ActorSpec | ProcSpec


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    name: Name
    reason: str


class StopAll(msgspec.Struct, frozen=True, tag="stop_all"):
    """Stop every root actor of a proc except its agent, then end the process."""

    reason: str


class GetState(msgspec.Struct, frozen=True, gc=False, tag="get_state"):
    name: Name
    reply: PortRef


class KeepaliveGetState(msgspec.Struct, frozen=True, gc=False, tag="keepalive_get_state"):
    """GetState that also moves the expiry of the actor; `expires_after_ns` is wall time of the sender."""

    expires_after_ns: int
    name: Name
    reply: PortRef


class KeepAlive(msgspec.Struct, frozen=True, gc=False, tag="keep_alive"):
    """Moves the expiry of the actor and asks for nothing. The reference has no such message (Q56 off)."""

    expires_after_ns: int
    name: Name


class GetRankStatus(msgspec.Struct, frozen=True, tag="get_rank_status"):
    name: Name
    reply: PortRef


class ListResources(msgspec.Struct, frozen=True, tag="list"):
    reply: PortRef


class SetClientConfig(msgspec.Struct, frozen=True, tag="set_client_config"):
    """Replace the ClientOverride layer of a host's configuration."""

    config: dict[str, int | bool | str]
    reply: PortRef


class ShutdownHost(msgspec.Struct, frozen=True, tag="shutdown_host"):
    timeout_ns: int
    max_in_flight: int
    ack: PortRef


class StateReply(msgspec.Struct, frozen=True, gc=False, tag="state"):
    state: State


class WatchActor(msgspec.Struct, frozen=True, tag="watch_actor"):
    """Send the state of this actor to a port whenever it changes, and once at the beginning (supervision.md 17)."""

    name: Name
    port: PortRef


class ActorStateChanged(msgspec.Struct, frozen=True, gc=False, tag="actor_state_changed"):
    """To a controller that watches an actor: what GetState would be answered from now on."""

    state: State


class RankStatus(msgspec.Struct, frozen=True, tag="rank_status"):
    """An overlay: sorted, disjoint runs of (start, end, status). Empty when the name is unknown."""

    runs: tuple[Run, ...]


class Number(msgspec.Struct, frozen=True, tag="number"):
    """An update for a port that adds up or compares numbers of 64 bits (mesh_model.md 3.6)."""

    value: int


class ResourceNames(msgspec.Struct, frozen=True, tag="names"):
    names: tuple[Name, ...]


class Ack(msgspec.Struct, frozen=True, tag="ack"):
    pass


# --- controller --------------------------------------------------------------------------------------------


class Subscribe(msgspec.Struct, frozen=True, tag="subscribe"):
    port: PortRef


class Unsubscribe(msgspec.Struct, frozen=True, tag="unsubscribe"):
    port: PortRef


class GetSubscriberCount(msgspec.Struct, frozen=True, tag="get_subscriber_count"):
    reply: PortRef


class SubscriberCount(msgspec.Struct, frozen=True, tag="subscriber_count"):
    count: int


class CheckState(msgspec.Struct, frozen=True, gc=False, tag="check_state"):
    """Time to poll; the controller sends it to itself. `expected_ns` is its wall time."""

    expected_ns: int


class SelfCheck(msgspec.Struct, frozen=True, tag="self_check"):
    """Time to look for orphans; a ProcAgent sends it to itself (supervision.md 8.8)."""


class MeshFailed(msgspec.Struct, frozen=True, gc=False, tag="mesh_failed"):
    """To an owner: a failure. To a subscriber: a failure, or none as a heartbeat."""

    failure: MeshFailure | None


class MeshRefSent(msgspec.Struct, frozen=True, tag="mesh_ref"):
    """A reference to an actor mesh, given to another actor."""

    mesh: ActorMeshRef


# --- casts (mesh_model.md 4) --------------------------------------------------------------------------------


class CommMeshConfig(msgspec.Struct, frozen=True, tag="comm_mesh_config"):
    """To a comm actor: its rank in the root mesh, and who the others are.

    The reference sends the whole book, n entries to each of n. Here a comm actor gets the entries that it can ever look
    up, those of the nodes below it in the tree: n - 1 in all, so that large meshes stay cheap to simulate.
    """

    rank: int
    book: tuple[tuple[int, ActorId], ...]


class CommMode(msgspec.Struct, frozen=True, tag="comm_mode"):
    """The same in the revision of 2025-11: a comm actor goes into the mode `Mesh`."""

    rank: int
    book: tuple[tuple[int, ActorId], ...]


class Cast(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message for many actors of the same name, and what everybody on its way has to know."""

    #: Id of the actor mesh; with the caster it names the stream that the cast belongs to.
    mesh: Name
    caster: ActorId
    #: Name of the actor on each proc.
    actor: Name
    #: The view that it is cast to: ranks and points are told in it.
    view: Region
    #: Sizes of the root mesh, reshaped: the tree.
    sizes: tuple[int, ...]
    message: Message
    #: Whether the caster hears of what cannot be delivered.
    returnable: bool = True


class CastMessage(msgspec.Struct, frozen=True, tag="cast"):
    """From a caster to the comm actor of root rank 0."""

    cast: Cast
    selection: Selection


class ForwardMessage(msgspec.Struct, frozen=True, tag="forward"):
    """From one comm actor to the next; `seq` follows `last_seq` on this edge of this stream (4.4)."""

    cast: Cast
    frames: tuple[Frame, ...]
    seq: int
    last_seq: int


# --- runtime -----------------------------------------------------------------------------------------------


class ActorEvent(msgspec.Struct, frozen=True, tag="actor_event"):
    """A supervision event, on its way to the proc's coordinator (its ProcAgent)."""

    event: ActorSupervisionEvent


class ProcReady(msgspec.Struct, frozen=True, tag="proc_ready"):
    """A new process calls back: this proc serves, with this agent (supervision.md 3.7)."""

    name: Name
    addr: str
    agent: ActorId


class Gspawn(msgspec.Struct, frozen=True, tag="gspawn"):
    """Spawn an actor through an agent of the allocated path, outside any mesh."""

    name: Name
    spec: ActorSpec
    reply: PortRef


class Undeliverable(msgspec.Struct, frozen=True, tag="undeliverable"):
    """A message comes back to the actor that sent it, with why."""

    envelope: Envelope
    errors: tuple[str, ...]


class PassOn(msgspec.Struct, frozen=True, tag="pass_on"):
    """From a proc that does not dial an address to the process of its creator, which does (mesh_model.md 3.2)."""

    envelope: Envelope


# --- test actors and scenario ------------------------------------------------------------------------------


class Work(msgspec.Struct, frozen=True, tag="work"):
    """Something to do for an actor that is busy `busy_ns` with it."""

    text: str = ""
    busy_ns: int = 0


class PassedOn(msgspec.Struct, frozen=True, tag="passed_on"):
    """A failure that an owner was told of and passes on to whoever wants to know (supervision.md 15.1)."""

    failure: MeshFailure


class HowMany(msgspec.Struct, frozen=True, tag="how_many"):
    """A test actor answers with the number 1: in a cast the sum of all answers is how many there are."""

    reply: PortRef


class Misreport(msgspec.Struct, frozen=True, tag="misreport", omit_defaults=True):
    """Make an agent answer about the actor of a mesh with this status (`meshsim.model.agents.misreport`)."""

    #: Its name without the suffix.
    mesh: str
    status: Status
    #: Whether replies to GetState carry a state, which has no events.
    state: bool = True
    #: Ranks start <= r < end that replies to GetRankStatus are about; unset: the actor's own.
    ranks: tuple[int, int] | UnsetType = UNSET
    #: How many answers; 0: all from now on.
    times: int = 0


class CauseFault(msgspec.Struct, frozen=True, tag="cause_fault"):
    """Make the handler misbehave: `raise`, `panic`, `hang` (for `busy_ns`, or for ever when 0), `stop`, `abort`; or end
    its process: `exit` with code `number`, `signal` with signal `number`; or the actor from now on: `ignore_stop` (for
    `busy_ns`, or for ever when 0), `fail_cleanup` (after `busy_ns`).
    """

    kind: str
    text: str = ""
    busy_ns: int = 0
    number: int | UnsetType = UNSET
    #: Not this actor: every rank of the mesh that it owns (supervision.md 15.2).
    send_to_children: bool | UnsetType = UNSET


class HandlerFails(msgspec.Struct, frozen=True, tag="handler_fails"):
    """A handler of the receiver, whoever that is, returns this error. Taken by its runtime, in its turn."""

    text: str


class GetActorId(msgspec.Struct, frozen=True, tag="get_actor_id"):
    """To a test actor: who are you, and which message of its stream is this?"""

    reply: PortRef


class GetCastInfo(msgspec.Struct, frozen=True, tag="get_cast_info"):
    """To a test actor: at which point of the cast view are you, and who cast this?"""

    reply: PortRef


class GetConfig(msgspec.Struct, frozen=True, tag="get_config"):
    """To a test actor: what is the value of this configuration attribute?"""

    name: str
    reply: PortRef


class NextSupervisionFailure(msgspec.Struct, frozen=True, tag="next_supervision_failure"):
    """To a WrapperActor: wait for a failure of your mesh, and say which, or that there was none."""

    reply: PortRef


class SetConfig(msgspec.Struct, frozen=True, tag="set_config"):
    """To a test actor: use this value of a configuration attribute from now on."""

    name: str
    value: int | bool | str


class Forward(msgspec.Struct, frozen=True, tag="pass_along"):
    """To a test actor: pass this on to the next port of the list. The last one is whoever wants to know."""

    to_visit: tuple[PortRef, ...]
    visited: tuple[ActorId, ...] = ()


class Drill(msgspec.Struct, frozen=True, tag="drill", omit_defaults=True):
    """What the runtime's own test actor is told to do (supervision.md 15.1, last row).

    `do` is `reply`, `wait` (for ever), `forward`, `noop`, `fail`,
    `panic`, `spawn` (a child), `open` (a client instance) or `drop` (that instance).
    """

    do: str
    text: str = ""
    #: `spawn` and `open`: the name; empty for the parent's own.
    name: Name = Name("")
    #: `spawn`: whether the child's supervision hook answers "handled".
    handles: bool = False
    reply: PortRef | None = None
    #: `forward`: to whom, with `noop` inside.
    to: ActorId | None = None


class Call(msgspec.Struct, frozen=True, tag="call", omit_defaults=True):
    """An endpoint is called: it works, and returns on `reply` or raises there; without it, nobody waits for it."""

    method: str
    reply: PortRef | None = None
    busy_ns: int = 0
    #: Text of the exception that it raises, if any.
    raises: str = ""


class Returned(msgspec.Struct, frozen=True, tag="returned", omit_defaults=True):
    """An endpoint is over; `raised` is the text of its exception, if there was one."""

    actor: ActorId
    raised: str = ""


class Answer(msgspec.Struct, frozen=True, tag="answer"):
    """What a test actor says to whoever asked it."""

    actor: ActorId
    text: str = ""


class Operate(msgspec.Struct, frozen=True, tag="operate"):
    """An operation that the scenario asks of an actor's own code."""

    index: int
    operation: Operation


Message = Union[
    CreateOrUpdate,
    Stop,
    StopAll,
    GetState,
    KeepaliveGetState,
    KeepAlive,
    GetRankStatus,
    ListResources,
    SetClientConfig,
    ShutdownHost,
    StateReply,
    WatchActor,
    ActorStateChanged,
    RankStatus,
    Number,
    ResourceNames,
    Ack,
    Subscribe,
    Unsubscribe,
    GetSubscriberCount,
    SubscriberCount,
    CheckState,
    SelfCheck,
    MeshFailed,
    CommMeshConfig,
    CommMode,
    CastMessage,
    ForwardMessage,
    MeshRefSent,
    ActorEvent,
    ProcReady,
    AllocHello,
    StartProc,
    StartedProc,
    AllocHeartbeat,
    StopAndExit,
    AllocInitialized,
    RemoteAllocate,
    RemoteStop,
    RemoteHeartbeat,
    RemoteUpdate,
    RemoteDone,
    DrainAlloc,
    StopAlloc,
    ChaosMonkey,
    FailAlloc,
    Configure,
    Configured,
    QueryStatus,
    AgentStatus,
    HostReady,
    Gspawn,
    GspawnResult,
    StopActor,
    StopActorResult,
    Undeliverable,
    PassOn,
    Work,
    PassedOn,
    HowMany,
    CauseFault,
    HandlerFails,
    Misreport,
    GetActorId,
    GetCastInfo,
    GetConfig,
    NextSupervisionFailure,
    SetConfig,
    Forward,
    Drill,
    Call,
    Returned,
    Answer,
    Operate,
]


class SeqInfo(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Whose message it is and which one, in its stream (`meshsim.model.messaging.sequencing`)."""

    #: A uuid of the sender's.
    session: str
    #: From 1.
    number: int

    def __str__(self) -> str:
        return f"{self.session}:{self.number}"


class Envelope(msgspec.Struct, frozen=True, gc=False, tag="message", omit_defaults=True):
    """One message on its way."""

    sender: ActorId
    dest: ActorId
    message: Message
    #: 0: the handler port of the message's type; otherwise a port that the receiver opened.
    port: int = 0
    #: Comes back to the sender as `Undeliverable` when it cannot be delivered.
    returnable: bool = True
    #: True on what a controller sends to subscribers (`SUBSCRIBER_HEADER`).
    subscriber: bool = False
    #: Headers of a cast (mesh_model.md 4.5): who cast it, the receiver's point in the view, the mesh it was cast to.
    cast_sender: ActorId | UnsetType = UNSET
    cast_point: str | UnsetType = UNSET
    cast_mesh: Name | UnsetType = UNSET
    #: On a reply that comm actors pass on: whose it is. The reference does not say so: unset while Q24 is on.
    replier: ActorId | UnsetType = UNSET
    #: Its number in the stream; none while receivers do not reorder, and for what was not posted by an actor itself.
    seq: SeqInfo | None = None


def reply_to(port: PortRef, sender: ActorId, message: Message) -> Envelope:
    """An envelope to a port that somebody gave out."""
    return Envelope(sender=sender, dest=port.actor, message=message, port=port.index, returnable=port.returnable)
