"""What a client or an owner can be asked to do, and the references it works with.

A scenario's operations and its topology are turned into these; an actor that has a context (a client, or an
actor that owns meshes) takes them and carries them out with ordinary messages.

Source: supervision.md 9.4 to 9.7, 10.5 to 10.8, 12.
"""

from __future__ import annotations

from typing import Union

import msgspec
from msgspec import UNSET, UnsetType

from meshsim.model.attributes import Value
from meshsim.model.ids import ActorId, Name, ProcId
from meshsim.model.shapes.extent import BaseRank, ViewRank
from meshsim.model.shapes.region import Region
from meshsim.model.shapes.value_mesh import CardinalityError

#: How a controller comes to know: it asks (supervision.md 5), or agents tell it and it asks to be sure (17). Any other
#: name is `module:Class`, a controller of the user's own.
CONTROLLERS = ("polling", "streaming")


class ProcRef(msgspec.Struct, frozen=True):
    """One proc of a proc mesh: where it is, its agent, its create rank, and the host that made it."""

    proc_id: ProcId
    create_rank: int
    agent: ActorId
    #: None on the allocated path.
    host_agent: ActorId | None

    @property
    def on_host(self) -> ActorId:
        """The agent of the host that made it, for those who know that a host did."""
        assert self.host_agent is not None, f"{self.proc_id} was allocated"
        return self.host_agent


class ProcMeshRef(msgspec.Struct, frozen=True):
    """A ranked collection of procs. `label` is the scenario's name for it."""

    label: str
    name: Name
    region: Region
    procs: tuple[ProcRef, ...]
    #: The comm actor of rank 0 of the root mesh, through which casts go; none while the mesh is being made.
    root_comm: ActorId | None = None
    #: What the whole mesh covers, for a slice of it; none for the root itself.
    root_region: Region | None = None
    #: Of allocated procs: who holds their alloc.
    alloc: ActorId | UnsetType = UNSET

    def __post_init__(self) -> None:
        """One proc for each rank (mesh_model.md 2.2).

        Raises:
            CardinalityError: more or fewer.
        """
        if self.region.num_ranks != len(self.procs):
            raise CardinalityError(self.region.num_ranks, len(self.procs))

    def __str__(self) -> str:
        """Source: mesh_model.md 7."""
        return f"{self.name}{{{self.region}}}"

    def sliced(self, region: Region, label: str) -> ProcMeshRef:
        """The procs of a part of this mesh, create ranks and all; `label` is what the scenario calls it (10.8).

        Raises:
            ViewError: this mesh does not have all of the region.
        """
        ranks = self.region.remap(self.region.subset(region))
        assert ranks is not None, "a subset has a place for each of its ranks"
        procs = tuple(self.procs[rank] for rank in ranks)
        root_region = self.root_region or self.region
        return msgspec.structs.replace(self, label=label, region=region, procs=procs, root_region=root_region)


class ActorMeshRef(msgspec.Struct, frozen=True, omit_defaults=True):
    """A ranked collection of same-named actors, one on each proc; the controller if it has one.

    What is sent to another actor is proc mesh, name and controller; health and subscription are every holder's own
    (supervision.md 12.1). `label` is the scenario's name for the reference.
    """

    label: str
    name: Name
    procs: ProcMeshRef
    controller: ActorId | None = None
    #: The scenario's name for the mesh, when this is a reference with a name of its own: a slice or a copy.
    mesh_label: str = ""
    #: Where the mesh was spawned, when this is a part of it. The reference forgets that (Q17).
    spawned_on: Region | None = None

    @property
    def mesh(self) -> str:
        """The scenario's name for the mesh."""
        return self.mesh_label or self.label

    @property
    def own_label(self) -> str:
        """The name that the reference has beside the mesh's, if any."""
        return self.label if self.mesh_label else ""

    def text(self, actor_type: str) -> str:
        """Of a reference to actors of this type, as the reference prints it. Source: mesh_model.md 7."""
        return f"{self.name}:{actor_type}@{self.procs}"

    @property
    def identity(self) -> tuple[ProcMeshRef, Name]:
        """What makes two references equal in the modelled system: not who holds them, nor their controllers."""
        return self.procs, self.name

    def copied(self, label: str) -> ActorMeshRef:
        """The same ranks under another label: a clone (12.1)."""
        return msgspec.structs.replace(self, label=label, mesh_label=self.mesh)

    def sliced(self, region: Region, label: str) -> ActorMeshRef:
        """A part of it, under a label of its own.

        Raises:
            ViewError: this mesh does not have all of the region.
        """
        procs = self.procs.sliced(region, self.procs.label)
        spawned_on = self.spawned_on or self.procs.region
        return msgspec.structs.replace(self.copied(label), procs=procs, spawned_on=spawned_on)

    def concerns(self, rank: int, *, mixed_ranks: bool) -> bool:
        """Whether a failure with this rank is about a rank of this reference (12.4 step 2).

        Q17 (`mixed_ranks`): the rank is one of the view that the mesh was spawned on, and is looked up among base
        ranks; the two are the same for meshes on whole proc meshes alone. Off: it is translated.
        """
        base_rank = BaseRank(rank)
        if not mixed_ranks:
            base_rank = (self.spawned_on or self.procs.region).base_rank_of(ViewRank(rank))
        return self.procs.region.contains_base_rank(base_rank)


class SpawnProcs(msgspec.Struct, frozen=True, tag="spawn_procs"):
    """Spawn a proc mesh on hosts (supervision.md 9.5). `hosts` are host names in rank order."""

    label: str
    hosts: tuple[str, ...]
    #: Dimension of the host mesh: ("hosts", n) pairs.
    host_extent: tuple[tuple[str, int], ...]
    per_host: tuple[tuple[str, int], ...]


class Allocate(msgspec.Struct, frozen=True, tag="allocate"):
    """ProcMesh.allocate (supervision.md 10.3). `allocator`: `process`, `local`, `simulated` or `remote`."""

    label: str
    allocator: str
    extent: tuple[tuple[str, int], ...]
    #: Remote: the hosts, and whether every point is one of them (mesh_model.md 5.2, allocation mode).
    hosts: tuple[str, ...] = ()
    host_level: bool = False
    #: Process and remote: base of the name of every proc; empty for the allocator's own.
    proc_name: str = ""


class AllocateHosts(msgspec.Struct, frozen=True, tag="allocate_hosts"):
    """HostMesh.allocate (supervision.md 9.4): a host in each process of an alloc, or in the client's own."""

    label: str
    extent: tuple[tuple[str, int], ...]
    allocator: str = "process"


class QueryProcs(msgspec.Struct, frozen=True, tag="proc_status"):
    """ProcMesh.status (supervision.md 10.5): is every agent alive?"""

    procs: ProcMeshRef


class GspawnOn(msgspec.Struct, frozen=True, tag="gspawn"):
    """Spawn one actor through the agent of one proc (supervision.md 8.7). Its name is taken as it is."""

    procs: ProcMeshRef
    rank: int
    name: Name
    actor_type: str


class StopActorOn(msgspec.Struct, frozen=True, tag="stop_actor"):
    """Stop one actor through the agent of its proc, and wait for its end (supervision.md 8.7)."""

    procs: ProcMeshRef
    rank: int
    name: Name
    timeout_ns: int
    reason: str


class SpawnActors(msgspec.Struct, frozen=True, tag="spawn_actors"):
    """Spawn an actor mesh on a proc mesh (supervision.md 10.7)."""

    label: str
    procs: ProcMeshRef
    actor_type: str
    params: dict[str, object] = {}
    display_base: str | None = None
    #: A system actor mesh has no controller.
    system: bool = False
    #: The name itself, instead of a fresh one: `spawn_service`, `spawn_with_name`.
    service: str | UnsetType = UNSET
    #: False: the caller's registry does not have the type.
    registered: bool | UnsetType = UNSET
    #: Polling when unset.
    controller: str | UnsetType = UNSET
    #: Of a controller of the user's own.
    controller_params: dict[str, object] | UnsetType = UNSET


class StopActors(msgspec.Struct, frozen=True, tag="stop_actors"):
    """ActorMesh.stop (supervision.md 12.5)."""

    mesh: ActorMeshRef
    reason: str


class StopProcs(msgspec.Struct, frozen=True, tag="stop_procs"):
    """ProcMesh.stop on the owned path (supervision.md 9.6, 10.8)."""

    procs: ProcMeshRef
    reason: str


class StopAllOf(msgspec.Struct, frozen=True, tag="stop_all"):
    """Send `StopAll` to the agents of procs, as nobody but their hosts should (supervision.md 8.4)."""

    label: str
    agents: tuple[ActorId, ...]
    reason: str


class ListProcs(msgspec.Struct, frozen=True, tag="list_procs"):
    """Ask a host's agent for the names of all procs it ever created (supervision.md 9.3)."""

    host: str


class SpawnHosts(msgspec.Struct, frozen=True, tag="spawn_hosts"):
    """HostMesh.process: start a process for each of these hosts (supervision.md 9.4)."""

    label: str
    hosts: tuple[str, ...]


class LocalHost(msgspec.Struct, frozen=True, tag="local_host"):
    """HostMesh.local: a host in the process of the client (supervision.md 9.4)."""

    #: Its name: the client's own.
    host: str
    #: Whether its procs live there too, or are child processes.
    in_process: bool = False


class AttachHosts(msgspec.Struct, frozen=True, tag="attach_hosts"):
    """HostMesh.attach: take hosts that exist, with the configuration of this process (supervision.md 9.4)."""

    hosts: tuple[str, ...]


class DropHosts(msgspec.Struct, frozen=True, tag="drop_hosts"):
    """Drop the host mesh that was made of these hosts (supervision.md 9.4)."""

    hosts: tuple[str, ...]
    #: Whether an async runtime is there to shut them down.
    runtime: bool = True


class ShutdownHosts(msgspec.Struct, frozen=True, tag="shutdown_hosts"):
    """HostMesh.shutdown (supervision.md 9.4): one host after the other, each until its ack."""

    hosts: tuple[str, ...]
    #: Of allocated hosts, when all are shut down: who holds their alloc. It is stopped in the end.
    alloc: ActorId | UnsetType = UNSET


class SubscribeTo(msgspec.Struct, frozen=True, tag="subscribe_to", omit_defaults=True):
    """Await supervision events of a mesh: subscribe, and keep watching (supervision.md 12.3, 12.4)."""

    mesh: ActorMeshRef
    #: Whether what cannot be delivered to the subscriber's port comes back to the controller.
    returnable: bool = True


class UnsubscribeFrom(msgspec.Struct, frozen=True, tag="unsubscribe"):
    """Give up a subscription with a word to the controller (supervision.md 5.4)."""

    mesh: ActorMeshRef


class AwaitEvent(msgspec.Struct, frozen=True, tag="next_event"):
    """Await one supervision event of a mesh (supervision.md 12.4); given up after `limit_ns`, if that is not 0."""

    mesh: ActorMeshRef
    limit_ns: int = 0


class CountSubscribers(msgspec.Struct, frozen=True, tag="count_subscribers"):
    """Ask the controller how many subscribe to its mesh (supervision.md 5.5)."""

    mesh: ActorMeshRef


class SliceMesh(msgspec.Struct, frozen=True, tag="slice"):
    """Cut a part out of a mesh: a value, nobody is told. Of an actor mesh it is a reference of its own (12.1); of a
    proc mesh actors can be spawned on it (10.8).
    """

    label: str
    #: Label of what it is cut from.
    source: str
    actors: ActorMeshRef | None = None
    procs: ProcMeshRef | None = None


class CloneRef(msgspec.Struct, frozen=True, tag="clone"):
    """Copy a reference to an actor mesh, without what is known of the mesh (supervision.md 12.1).

    A `shared` copy has the health and the subscription of the other one, each if it was in use.
    """

    made: ActorMeshRef
    #: Label of the reference that is copied.
    source: str
    shared: bool = False


class SendRef(msgspec.Struct, frozen=True, tag="send_ref"):
    """Send a reference to another actor, serialised (supervision.md 12.1)."""

    mesh: ActorMeshRef
    to: ActorId


class DropRef(msgspec.Struct, frozen=True, tag="drop_ref"):
    """Drop the reference to a mesh without a word: no Unsubscribe is sent (supervision.md 12.3)."""

    mesh: ActorMeshRef


class DropProcs(msgspec.Struct, frozen=True, tag="drop_procs"):
    """Drop a ProcMesh: a line in the log, and no more (supervision.md 10.8)."""

    procs: ProcMeshRef


class CastTo(msgspec.Struct, frozen=True, tag="cast_to"):
    """Send work to every rank of a mesh (supervision.md 12.2)."""

    mesh: ActorMeshRef
    text: str = ""
    busy_ns: int = 0
    #: How many messages, one right after the other; one when unset.
    times: int | UnsetType = UNSET


class CallMesh(msgspec.Struct, frozen=True, tag="call"):
    """Call an endpoint of every rank and wait for all answers (mesh_model.md 9.2)."""

    mesh: ActorMeshRef
    method: str
    busy_ns: int = 0
    #: Text of the exception that the endpoint raises.
    raises: str = ""
    #: `call_one`: the mesh has to have exactly one rank.
    one: bool = False


class BroadcastTo(msgspec.Struct, frozen=True, tag="broadcast"):
    """Call an endpoint of every rank and wait for nothing (mesh_model.md 9.2)."""

    mesh: ActorMeshRef
    method: str
    busy_ns: int = 0
    raises: str = ""


class CountRanks(msgspec.Struct, frozen=True, tag="count_ranks"):
    """Ask every rank and add up the answers: in one message, or in as many as come (mesh_model.md 3.6)."""

    mesh: ActorMeshRef
    once: bool = True


class QueryMesh(msgspec.Struct, frozen=True, tag="query_mesh"):
    """Ask the controller for the state of its mesh (supervision.md 5.7)."""

    mesh: ActorMeshRef


class AskActors(msgspec.Struct, frozen=True, tag="actor_states"):
    """Ask the agents of a mesh how its actors are, as a keepalive if `keepalive_ns` is not 0 (supervision.md 10.5)."""

    mesh: ActorMeshRef
    keepalive_ns: int = 0


class AskActor(msgspec.Struct, frozen=True, tag="actor_state"):
    """Ask one agent for one actor (mesh_model.md Appendix A). `rank` is that in the mesh's own view."""

    mesh: ActorMeshRef
    rank: int


class AskProcs(msgspec.Struct, frozen=True, tag="proc_states"):
    """Ask the hosts how the procs of a mesh are (supervision.md 9.7)."""

    procs: ProcMeshRef


class AskEach(msgspec.Struct, frozen=True, tag="ask"):
    """Ask every test actor of a mesh about itself (supervision.md 15.1)."""

    mesh: ActorMeshRef
    #: `id`, `cast_info`, `config`, `next_failure`, or `forward`: one message from rank to rank and back;
    #: `forward_pairs`: messages from each to each.
    what: str
    #: `config`: the attribute.
    key: str = ""
    #: `config`: a value that every actor is told to use before it is asked.
    value: Value | UnsetType = UNSET
    #: `forward_pairs`: more actors that are among the pairs.
    more: tuple[ActorMeshRef, ...] | UnsetType = UNSET


class DrillActor(msgspec.Struct, frozen=True, tag="drill"):
    """Tell a runtime test actor, or a child of one, what to do (supervision.md 15.1, last row)."""

    label: str
    actor: ActorId
    order: str
    text: str = ""
    #: `spawn` and `open`: the name; empty for the parent's own.
    name: Name = Name("")
    #: `spawn`: whether the child's supervision hook answers "handled".
    handles: bool = False


class EndSelf(msgspec.Struct, frozen=True, tag="end_self"):
    """The actor that is asked stops itself: an owner that ends (supervision.md 12.6)."""

    reason: str


Operation = Union[
    SpawnProcs,
    Allocate,
    AllocateHosts,
    QueryProcs,
    GspawnOn,
    StopActorOn,
    SpawnActors,
    StopActors,
    StopProcs,
    StopAllOf,
    ListProcs,
    SpawnHosts,
    LocalHost,
    AttachHosts,
    DropHosts,
    ShutdownHosts,
    SubscribeTo,
    UnsubscribeFrom,
    AwaitEvent,
    CountSubscribers,
    SliceMesh,
    CloneRef,
    SendRef,
    DropRef,
    DropProcs,
    CastTo,
    CallMesh,
    BroadcastTo,
    CountRanks,
    QueryMesh,
    AskActors,
    AskActor,
    AskProcs,
    AskEach,
    DrillActor,
    EndSelf,
]


def label_of(operation: Operation) -> str:
    """What an operation is about, in the scenario's words."""
    match operation:
        case SpawnProcs() | Allocate() | AllocateHosts() | SpawnActors() | SpawnHosts():
            return operation.label
        case StopAllOf() | SliceMesh() | DrillActor():
            return operation.label
        case ListProcs(host=host) | LocalHost(host=host):
            return host
        case StopProcs(procs=procs) | AskProcs(procs=procs) | QueryProcs(procs=procs) | DropProcs(procs=procs):
            return procs.label
        case GspawnOn(procs=procs, rank=rank) | StopActorOn(procs=procs, rank=rank):
            return f"{procs.label}[{rank}]"
        case AskActor(mesh=mesh, rank=rank):
            return f"{mesh.label}[{rank}]"
        case CloneRef(made=made):
            return made.label
        case ShutdownHosts(hosts=hosts) | AttachHosts(hosts=hosts) | DropHosts(hosts=hosts):
            return ",".join(hosts)
        case EndSelf():
            return ""
        case _:
            return operation.mesh.label
