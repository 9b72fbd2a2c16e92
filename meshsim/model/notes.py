"""What machines say happened, for the trace: nothing in the model acts on a note.

Invariants, expectations, triggers and reports read these; a machine emits one where its state changes in a way
that somebody outside could care about.
"""

from __future__ import annotations

from typing import Union, get_args

import msgspec
from msgspec import UNSET, UnsetType

from meshsim.model.alloc.events import AllocEvent
from meshsim.model.ids import ActorId, Name, ProcId
from meshsim.model.messages import Envelope
from meshsim.model.supervision import ActorPhase, MeshFailure


class ActorStatusChanged(msgspec.Struct, frozen=True, tag="actor_status"):
    """An actor was created, is running, or reached its end. Idle and processing are not told apart."""

    actor: ActorId
    #: One of initializing, idle (first time only), stopping, stopped, failed.
    phase: ActorPhase
    #: Text of the status, as supervision.md 4.1 prints it.
    text: str


class ProcStatusChanged(msgspec.Struct, frozen=True, tag="proc_status"):
    """The process manager of a host moved one of its procs (supervision.md 3.2)."""

    name: Name
    before: str
    #: Phase name: Starting, Running, Ready, Stopping, Stopped, Killed, Failed.
    phase: str
    #: Text without age, e.g. `Killed(sig=9)`.
    text: str


class MarkRejected(msgspec.Struct, frozen=True, tag="mark_rejected"):
    """A transition that the table of supervision.md 3.2 forbids was asked for; the status is unchanged."""

    name: Name
    phase: str
    mark: str
    warning: str


class EventRecorded(msgspec.Struct, frozen=True, tag="event_recorded"):
    """A ProcAgent stored a supervision event under the event's actor id (supervision.md 8.5)."""

    agent: ActorId
    actor: ActorId
    text: str


class KeepaliveTaken(msgspec.Struct, frozen=True, tag="keepalive"):
    """A ProcAgent moved the expiry of an actor (only when it has no expiry yet: the first keepalive)."""

    actor: ActorId
    expires_ns: int


class OrphanStopped(msgspec.Struct, frozen=True, tag="orphan_stopped"):
    """SelfCheck found an actor expired and stops it with reason `orphaned` (supervision.md 8.8)."""

    actor: ActorId
    expired_ns: int


class PollStarted(msgspec.Struct, frozen=True, tag="poll_started"):
    """CheckState runs. `count` is 1 for the first poll of this controller."""

    controller: ActorId
    mesh: str
    count: int


class PollEnded(msgspec.Struct, frozen=True, tag="poll_ended"):
    """CheckState is over: `healthy`, `changed`, `terminal` (nothing new, no heartbeat), `proc_dead`,
    `proc_query_error`, `actor_query_error`; `monitoring` tells whether another poll follows.
    """

    controller: ActorId
    mesh: str
    count: int
    outcome: str
    monitoring: bool


class ControllerStalled(msgspec.Struct, frozen=True, tag="controller_stalled"):
    """CheckState began more than one period late (supervision.md 5.10 step 1)."""

    controller: ActorId
    expected_ns: int


class MonitoringEnded(msgspec.Struct, frozen=True, tag="monitoring_ended"):
    """A controller stopped polling for good: `all_terminal`, `stop` or `cleanup`."""

    controller: ActorId
    mesh: str
    why: str


class SubscriberRemoved(msgspec.Struct, frozen=True, tag="subscriber_removed"):
    """A message to a subscriber came back: the controller forgets it (supervision.md 5.9)."""

    controller: ActorId
    subscriber: ActorId


class Heard(msgspec.Struct, frozen=True, tag="heard", omit_defaults=True):
    """Somebody was told of a failure.

    `role` is `owner` (MeshFailure on its handler port), `subscriber` (its subscription delivered a failure),
    `watchdog` (its subscription concluded that the controller is dead) or `parent` (supervision event of a
    child, such as a controller that failed), or `supervisor` (the owner passed it on).
    """

    listener: ActorId
    role: str
    #: Scenario label of the mesh; empty for `parent`.
    mesh: str
    rank: int | None
    #: `Failed` or `Stopped`; `Recovered` when every rank is well again (Q25 off).
    status: str
    #: Text of the actor status in the event, e.g. `failed: process failure: Killed(sig=9)`.
    text: str
    #: Actor the event is about.
    actor: ActorId
    failure: MeshFailure
    #: Scenario label of the reference through which it was heard, when that is a slice or a copy.
    ref: str = ""


class Heartbeat(msgspec.Struct, frozen=True, tag="heartbeat"):
    """A subscription received `None` from its controller."""

    listener: ActorId
    mesh: str


class MeshSpawned(msgspec.Struct, frozen=True, tag="mesh_spawned"):
    """A spawn completed. `members` are proc ids or actor ids by rank."""

    #: `procs` or `actors`.
    kind: str
    label: str
    name: Name
    by: ActorId
    #: `{hosts: 2, gpus: 4}`.
    extent: str
    members: tuple[str, ...]
    #: Proc id of each rank.
    procs: tuple[str, ...]
    controller: ActorId | None = None
    system: bool = False
    #: Proc meshes: the comm actor of rank 0; the others have its name.
    root_comm: ActorId | UnsetType = UNSET
    #: Of allocated procs: who holds their alloc.
    alloc: ActorId | UnsetType = UNSET


class ProcPlaced(msgspec.Struct, frozen=True, tag="proc_placed"):
    """A simulated proc is at these coordinates of the network (mesh_model.md 8.3)."""

    proc: ProcId
    place: tuple[int, ...]


class HostsAllocated(msgspec.Struct, frozen=True, tag="hosts_allocated"):
    """Hosts of an allocated host mesh, by rank: the nodes they are in."""

    label: str
    name: Name
    by: ActorId
    hosts: tuple[str, ...]


class AllocStarted(msgspec.Struct, frozen=True, tag="alloc_started"):
    """An alloc of this name begins; `keeper` is the actor that holds it."""

    keeper: ActorId
    label: str
    name: str


class AllocEventSeen(msgspec.Struct, frozen=True, tag="alloc_event"):
    """Whoever holds an alloc took an event from it: `event.type` is created, running, stopped or failed."""

    keeper: ActorId
    label: str
    event: AllocEvent
    text: str


class ReferenceMade(msgspec.Struct, frozen=True, tag="reference_made"):
    """An actor cut a slice out of an actor mesh, or copied a reference to it (supervision.md 12.1)."""

    by: ActorId
    #: The scenario's names for the reference and for the mesh.
    label: str
    mesh: str
    #: Region of base ranks, as text, and the proc of each.
    region: str
    procs: tuple[str, ...]


class OperationStarted(msgspec.Struct, frozen=True, tag="operation_started"):
    """An actor begins an operation of the scenario. `index` numbers them from 0, bring-up included."""

    index: int
    by: ActorId
    #: Tag of the operation, e.g. `stop_actors`.
    operation: str
    label: str


class OperationEnded(msgspec.Struct, frozen=True, tag="operation_ended"):
    """An operation is over; `error` is the text a caller would see, none when it succeeded."""

    index: int
    by: ActorId
    operation: str
    label: str
    error: str | None
    #: What it returned, as text (statuses of a stop, state of a query).
    result: str = ""


class QueueTaken(msgspec.Struct, frozen=True, tag="queue_taken"):
    """An actor with several queues that were ready took from this one, as a decision of the plan says."""

    actor: ActorId
    #: `signal`, `supervision` or `work`.
    queue: str
    #: Number of the decision.
    decision: int


class LocalDelivery(msgspec.Struct, frozen=True, gc=False, tag="local"):
    """A message between two actors of one node was delivered, without touching the network."""

    envelope: Envelope


class Bounced(msgspec.Struct, frozen=True, tag="bounced"):
    """This node could not deliver a message that reached it; it goes back unless it is not returnable."""

    envelope: Envelope
    error: str


class Warned(msgspec.Struct, frozen=True, tag="warned"):
    """A warning that the modelled system would log."""

    actor: ActorId
    text: str


Note = Union[
    ActorStatusChanged,
    ProcStatusChanged,
    MarkRejected,
    EventRecorded,
    KeepaliveTaken,
    OrphanStopped,
    PollStarted,
    PollEnded,
    ControllerStalled,
    MonitoringEnded,
    SubscriberRemoved,
    Heard,
    Heartbeat,
    MeshSpawned,
    ProcPlaced,
    HostsAllocated,
    AllocStarted,
    AllocEventSeen,
    ReferenceMade,
    OperationStarted,
    OperationEnded,
    QueueTaken,
    LocalDelivery,
    Bounced,
    Warned,
]

#: The same, to ask whether something is a note.
NOTE_TYPES: frozenset[type] = frozenset(get_args(Note))
