"""What travels on the allocated path: between an allocator and its processes, a creator and the agents, and test hooks.

Part of the union `Message` of `meshsim.model.messages`.

Source: mesh_model.md 5.3, 5.4, 5.7; supervision.md 8.7.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from meshsim.model.alloc.events import AllocEvent, StopReason
from meshsim.model.alloc.initialize import AllocatedProc
from meshsim.model.ids import ActorId, PortRef, ProcId


class AllocHello(msgspec.Struct, frozen=True, tag="alloc_hello"):
    """A new process to its allocator: it is there, and serves at this address."""

    index: int
    addr: str


class StartProc(msgspec.Struct, frozen=True, tag="start_proc"):
    proc_id: ProcId


class StartedProc(msgspec.Struct, frozen=True, tag="started_proc"):
    """A process to its allocator: the proc is booted, with this agent, served at this address."""

    index: int
    proc_id: ProcId
    agent: ActorId
    addr: str


class AllocHeartbeat(msgspec.Struct, frozen=True, tag="alloc_heartbeat"):
    """A process to its allocator, every 5 s: it exits when this comes back."""

    index: int


class StopAndExit(msgspec.Struct, frozen=True, tag="stop_and_exit"):
    """An allocator to a process: stop the proc (10 ms), then exit."""

    code: int


class AllocInitialized(msgspec.Struct, frozen=True, tag="alloc_initialized"):
    """An alloc runs, or never will: its procs by rank, or why not."""

    procs: tuple[AllocatedProc, ...] = ()
    error: str | None = None


class RemoteAllocate(msgspec.Struct, frozen=True, tag="remote_allocate"):
    """A client to the allocator of a host: start processes for this part of an alloc, and tell `reply` how they are."""

    #: The alloc's own name, to tell its news from those of an earlier one.
    name: str
    #: What the scenario calls the procs; `first_rank` is that of the part in the whole.
    label: str
    first_rank: int
    extent: tuple[tuple[str, int], ...]
    reply: PortRef
    config: dict[str, int | bool | str] = {}
    proc_name: str = ""


class RemoteStop(msgspec.Struct, frozen=True, tag="remote_stop"):
    """A client to the allocator of a host: stop the alloc."""

    name: str


class RemoteHeartbeat(msgspec.Struct, frozen=True, tag="remote_heartbeat"):
    """Between a client and an allocator, both ways: nobody answers it, but it comes back when the other one is gone."""

    name: str


class RemoteUpdate(msgspec.Struct, frozen=True, tag="remote_update"):
    """An allocator to its client: an event, its ranks those of the part."""

    name: str
    host: str
    event: AllocEvent


class RemoteDone(msgspec.Struct, frozen=True, tag="remote_done"):
    """An allocator to its client: there are no more events."""

    name: str
    host: str


class DrainAlloc(msgspec.Struct, frozen=True, tag="drain_alloc"):
    """The mesh is configured: from now on the events of its alloc are drained."""


class StopAlloc(msgspec.Struct, frozen=True, tag="stop_alloc"):
    """Stop an alloc and drain it; `Ack` when its events have ended."""

    reply: PortRef
    reason: str | UnsetType = UNSET


class ChaosMonkey(msgspec.Struct, frozen=True, tag="chaos_monkey"):
    """Test hook of in-process allocs: stop one rank, for any reason."""

    rank: int
    reason: StopReason


class FailAlloc(msgspec.Struct, frozen=True, tag="fail_alloc"):
    """Test hook: the alloc cannot go on, and says so."""

    description: str


class Configure(msgspec.Struct, frozen=True, tag="configure"):
    """Makes an allocated proc part of a mesh: its rank, the way out, and how everybody is reached."""

    rank: int
    forwarder: str
    #: Where supervision events go; none: they are kept, if `record` says so.
    supervisor: PortRef | None
    #: (proc id, mailbox address) of each proc.
    address_book: tuple[tuple[ProcId, str], ...]
    reply: PortRef
    record: bool


class Configured(msgspec.Struct, frozen=True, tag="configured"):
    rank: int


class HostReady(msgspec.Struct, frozen=True, tag="host_ready"):
    """A trampoline to who allocated: there is a host in its process, with this agent."""

    agent: ActorId


class QueryStatus(msgspec.Struct, frozen=True, tag="query_status"):
    """Ask an agent whether it is alive (`ProcRef.status`)."""

    reply: PortRef


class AgentStatus(msgspec.Struct, frozen=True, tag="agent_status"):
    rank: int
    alive: bool


class GspawnResult(msgspec.Struct, frozen=True, tag="gspawn_result"):
    """The actor and the rank of its proc, or an error text."""

    rank: int
    actor_id: ActorId | None
    error: str | None = None


class StopActor(msgspec.Struct, frozen=True, tag="stop_actor"):
    """Stop one actor and wait at most this long for its end."""

    actor_id: ActorId
    timeout_ns: int
    reason: str
    reply: PortRef


class StopActorResult(msgspec.Struct, frozen=True, tag="stop_actor_result"):
    """`Success`, `Timeout` or `NotFound`."""

    result: str
