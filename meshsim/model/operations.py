"""What a client or an owner can be asked to do, and the references it works with.

A scenario's operations and its topology are turned into these; an actor that has a context (a client, or an
actor that owns meshes) takes them and carries them out with ordinary messages.

Source: supervision.md 9.4 to 9.7, 10.5 to 10.8, 12.
"""

from __future__ import annotations

from typing import Literal, Union

import msgspec
from msgspec import UNSET, UnsetType

from meshsim.model.ids import ActorId, Name, ProcId
from meshsim.model.region import Region

#: How a controller comes to know: it asks (supervision.md 5), or agents tell it and it asks to be sure (17).
ControllerKind = Literal["polling", "streaming"]


class ProcRef(msgspec.Struct, frozen=True):
    """One proc of a proc mesh: where it is, its agent, its create rank, and the host that made it."""

    proc_id: ProcId
    create_rank: int
    agent: ActorId
    host_agent: ActorId


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


class ActorMeshRef(msgspec.Struct, frozen=True):
    """A ranked collection of same-named actors, one on each proc; the controller if it has one."""

    label: str
    name: Name
    procs: ProcMeshRef
    controller: ActorId | None = None


class SpawnProcs(msgspec.Struct, frozen=True, tag="spawn_procs"):
    """Spawn a proc mesh on hosts (supervision.md 9.5). `hosts` are host names in rank order."""

    label: str
    hosts: tuple[str, ...]
    #: Dimension of the host mesh: ("hosts", n) pairs.
    host_extent: tuple[tuple[str, int], ...]
    per_host: tuple[tuple[str, int], ...]


class SpawnActors(msgspec.Struct, frozen=True, tag="spawn_actors"):
    """Spawn an actor mesh on a proc mesh (supervision.md 10.7)."""

    label: str
    procs: ProcMeshRef
    actor_type: str
    params: dict[str, object] = {}
    display_base: str | None = None
    #: A system actor mesh has no controller.
    system: bool = False
    #: Polling when unset.
    controller: ControllerKind | UnsetType = UNSET


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


class SubscribeTo(msgspec.Struct, frozen=True, tag="subscribe_to", omit_defaults=True):
    """Await supervision events of a mesh: subscribe, and keep watching (supervision.md 12.3, 12.4)."""

    mesh: ActorMeshRef
    #: Whether what cannot be delivered to the subscriber's port comes back to the controller.
    returnable: bool = True


class DropRef(msgspec.Struct, frozen=True, tag="drop_ref"):
    """Drop the reference to a mesh without a word: no Unsubscribe is sent (supervision.md 12.3)."""

    mesh: ActorMeshRef


class CastTo(msgspec.Struct, frozen=True, tag="cast_to"):
    """Send work to every rank of a mesh (supervision.md 12.2)."""

    mesh: ActorMeshRef
    text: str = ""
    busy_ns: int = 0


class QueryMesh(msgspec.Struct, frozen=True, tag="query_mesh"):
    """Ask the controller for the state of its mesh (supervision.md 5.7)."""

    mesh: ActorMeshRef


class EndSelf(msgspec.Struct, frozen=True, tag="end_self"):
    """The actor that is asked stops itself: an owner that ends (supervision.md 12.6)."""

    reason: str


Operation = Union[
    SpawnProcs,
    SpawnActors,
    StopActors,
    StopProcs,
    StopAllOf,
    ListProcs,
    SpawnHosts,
    AttachHosts,
    DropHosts,
    ShutdownHosts,
    SubscribeTo,
    DropRef,
    CastTo,
    QueryMesh,
    EndSelf,
]
