"""The scenario file, as types. Decoding is strict: an unknown key is an error, with its path.

A file is data: reading one executes nothing. Cross-references (targets, names, ranks) are checked in
`meshsim.scenario.check`; what is left is a `Scenario` value, which `meshsim.scenario.plan` turns into a `Plan`.
"""

from __future__ import annotations

from typing import Annotated, Literal, Union

import msgspec

from meshsim.faults.kinds import Fault
from meshsim.model.quirks import DEFAULT_PROFILE, ProfileName
from meshsim.oracle.expectations import Expectation, Known
from meshsim.scenario.decisions import Decision
from meshsim.units import Drift, Duration, Shift, duration

#: Names of meshes, procs and clients: they become base names of the modelled system.
Label = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=64)]
Size = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
BackendName = Literal["sim", "lockstep", "live"]
AllocatorName = Literal["process", "local", "simulated", "remote"]
#: What `meshsim.scenario.check_own` takes.
ControllerName = Annotated[str, msgspec.Meta(examples=["polling", "streaming", "package.module:Class"])]


ClientKind = Literal["rust", "test", "python", "python_recording"]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Procs(_Part, frozen=True, kw_only=True):
    """A proc mesh, spawned on hosts through their agents."""

    name: Label
    #: Hosts in rank order; all hosts when not given.
    hosts: list[str] = []
    #: Procs on each host, by dimension; one proc when empty.
    per_host: dict[str, Size] = {}
    #: Allocated instead, in this shape: no host has a part in it.
    allocator: AllocatorName | None = None
    extent: dict[str, Size] = {}
    #: Remote: every point of the extent is a host's; otherwise its last dimension is per host.
    host_level: bool = False
    #: The client that spawns it.
    by: str = "client"


class Actors(_Part, frozen=True, kw_only=True):
    """An actor mesh, one actor on each proc of a proc mesh."""

    name: Label
    procs: str
    #: A registered actor type.
    actor: str = "TestActor"
    params: dict[str, str | int | bool] = {}
    #: Who spawns it, hears of its failures, and shares a process with its controller: a client, or `mesh[rank]`.
    owner: str = "client"
    #: Mesh-level display base (supervision.md 1.4).
    display: str | None = None
    #: A system actor mesh has no controller.
    system: bool = False
    #: Whether its controller polls, or is told of changes by the agents and polls to be sure; or one of your own.
    controller: ControllerName = "polling"
    controller_params: dict[str, str | int | bool] = {}
    #: The actors' name as it is, instead of a fresh one: actors that have it already are taken.
    service: str | None = None


class Subscriber(_Part, frozen=True, kw_only=True):
    """Somebody who watches an actor mesh: a client, or an actor `mesh[rank]`."""

    mesh: str
    by: str


class Slice(_Part, frozen=True, kw_only=True):
    """A part of a mesh, with a name of its own."""

    name: Label
    #: A proc mesh, an actor mesh, or a slice of one.
    mesh: str
    #: Ranks of a dimension that stays: `"2..4"`, `"1.."`, `"0..=3"`, `"0:8:2"`.
    range: dict[str, str] = {}
    #: One rank of a dimension that goes away.
    index: dict[str, int] = {}
    #: The client or actor that has it.
    by: str = "client"


class Topology(_Part, frozen=True, kw_only=True):
    """The world at the start. Brought up in this order: procs, slices of procs, actors, slices of actors, subscribers;
    each as they are written.
    """

    #: Number of hosts: host0, host1, …
    hosts: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1
    #: Hosts whose procs live in the host's own process.
    in_process: list[str] = []
    #: Labels of hosts, by which an allocation may choose among them.
    host_labels: dict[str, dict[str, str]] = {}
    #: Client processes; each is an OS process with a root client.
    clients: list[Label] = msgspec.field(default_factory=lambda: ["client"])
    #: What root client a client has, where it is not the Rust one, which absorbs every failure.
    client_kinds: dict[str, ClientKind] = {}
    procs: list[Procs] = []
    slices: list[Slice] = []
    actors: list[Actors] = []
    subscribers: list[Subscriber] = []


class Link(_Part, frozen=True, kw_only=True):
    """Latency, jitter and loss from one process to another; `*` is any."""

    src: str = "*"
    dst: str = "*"
    latency: Duration | None = None
    jitter: Duration | None = None
    loss: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None


class Network(_Part, frozen=True, kw_only=True):
    """The network between processes. Messages inside one process take no time."""

    latency: Duration = duration(1_000_000)
    #: Uniform extra delay, drawn per message from the link's own stream; order on a link is kept.
    jitter: Duration = duration(0)
    #: Share of messages that are lost without a word.
    loss: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    #: From the fork of a child process to its first step.
    spawn: Duration = duration(5_000_000)
    links: list[Link] = []


class _Operation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do"):
    #: When; without it, as soon as bring-up and the operation before it are over.
    at: Duration | None = None
    #: Which client or actor does it.
    by: str = "client"


class SpawnProcsOp(_Operation, frozen=True, kw_only=True, tag="spawn_procs"):
    name: Label
    hosts: list[str] = []
    per_host: dict[str, Size] = {}


class AllocateOp(_Operation, frozen=True, kw_only=True, tag="allocate"):
    """A proc mesh from an allocator: processes of the client, procs inside its own process, or processes that the
    allocators of hosts start for it.
    """

    name: Label
    allocator: AllocatorName = "process"
    extent: dict[str, Size] = {}
    #: Remote: hosts in the order of their parts; all hosts when not given.
    hosts: list[str] = []
    #: Remote: every point of the extent is a host's; otherwise its last dimension is per host.
    host_level: bool = False
    #: Remote: only hosts with all of these labels.
    match_labels: dict[str, str] = {}
    #: Process and remote: base of the name of every proc.
    proc_name: Label | None = None


class AllocateHostsOp(_Operation, frozen=True, kw_only=True, tag="allocate_hosts"):
    """Hosts in allocated processes: `name0`, `name1`, … as they answer; `name[rank]` is the process of a rank."""

    name: Label
    #: `local`: one host, in the process of the client.
    allocator: Literal["process", "local"] = "process"
    extent: dict[str, Size] = {}


class ProcStatusOp(_Operation, frozen=True, kw_only=True, tag="proc_status"):
    procs: str


class GspawnOp(_Operation, frozen=True, kw_only=True, tag="gspawn"):
    """Spawn one actor through the agent of a proc, outside any mesh; its name is taken as it is."""

    #: One proc: `workers[1]`.
    proc: str
    name: Label
    actor: str = "TestActor"


class StopActorOp(_Operation, frozen=True, kw_only=True, tag="stop_actor"):
    """Stop one actor through the agent of its proc, and wait for its end."""

    #: One proc: `workers[1]`.
    proc: str
    #: Name of an actor mesh, or what `gspawn` was given.
    name: Label
    timeout: Duration = duration(10_000_000_000)
    reason: str = "stopped by client"


class SpawnActorsOp(_Operation, frozen=True, kw_only=True, tag="spawn_actors"):
    name: Label
    procs: str
    actor: str = "TestActor"
    params: dict[str, str | int | bool] = {}
    display: str | None = None
    system: bool = False
    controller: ControllerName = "polling"
    controller_params: dict[str, str | int | bool] = {}
    service: str | None = None
    #: `actor` is a type that no registry has.
    unregistered: bool = False


class StopActorsOp(_Operation, frozen=True, kw_only=True, tag="stop_actors"):
    mesh: str
    reason: str = "stopped by client"


class StopProcsOp(_Operation, frozen=True, kw_only=True, tag="stop_procs"):
    procs: str
    reason: str = "stopped by client"


class StopAllOp(_Operation, frozen=True, kw_only=True, tag="stop_all"):
    """Tell the agent of a proc, or of every proc of a mesh, to stop all and end its process, past its host."""

    target: str
    reason: str = "stopped by client"


class ListProcsOp(_Operation, frozen=True, kw_only=True, tag="list_procs"):
    """Ask a host for the names of all procs it ever created."""

    host: str


class SpawnHostsOp(_Operation, frozen=True, kw_only=True, tag="spawn_hosts"):
    """Start host processes: `name0`, `name1`, …"""

    name: Label
    count: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1


class LocalHostOp(_Operation, frozen=True, kw_only=True, tag="local_host"):
    """A host in the process of the client `by`, which later operations name by the client."""

    #: Whether its procs live in that process too.
    in_process: bool = False


class AttachHostsOp(_Operation, frozen=True, kw_only=True, tag="attach_hosts"):
    #: All hosts of the topology when empty.
    hosts: list[str] = []


class DropHostsOp(_Operation, frozen=True, kw_only=True, tag="drop_hosts"):
    #: All hosts of the topology when empty.
    hosts: list[str] = []
    #: Whether an async runtime is there to shut them down.
    runtime: bool = True


class ShutdownHostsOp(_Operation, frozen=True, kw_only=True, tag="shutdown_hosts"):
    #: All hosts when empty.
    hosts: list[str] = []


class SubscribeOp(_Operation, frozen=True, kw_only=True, tag="subscribe"):
    mesh: str
    #: Whether what cannot be delivered to the subscriber comes back to the controller.
    returnable: bool = True


class UnsubscribeOp(_Operation, frozen=True, kw_only=True, tag="unsubscribe"):
    mesh: str


class NextEventOp(_Operation, frozen=True, kw_only=True, tag="next_event"):
    mesh: str
    #: When to give up; never without it.
    limit: Duration | None = None


class CountSubscribersOp(_Operation, frozen=True, kw_only=True, tag="count_subscribers"):
    mesh: str


class SliceOp(_Operation, frozen=True, kw_only=True, tag="slice"):
    name: Label
    #: A proc mesh, an actor mesh, or a slice of one.
    mesh: str
    range: dict[str, str] = {}
    index: dict[str, int] = {}


class CloneOp(_Operation, frozen=True, kw_only=True, tag="clone"):
    name: Label
    mesh: str
    #: With the health and the subscription of the other one, as far as they are in use.
    shared: bool = False


class SendRefOp(_Operation, frozen=True, kw_only=True, tag="send_ref"):
    mesh: str
    to: str


class DropOp(_Operation, frozen=True, kw_only=True, tag="drop"):
    mesh: str


class CastOp(_Operation, frozen=True, kw_only=True, tag="cast"):
    mesh: str
    text: str = ""
    busy: Duration = duration(0)
    #: So many messages, one right after the other.
    times: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1


class CallOp(_Operation, frozen=True, kw_only=True, tag="call"):
    mesh: str
    method: str = "step"
    busy: Duration = duration(0)
    #: Text of the exception that the endpoint raises.
    raises: str = ""
    #: `call_one`: the mesh has to have exactly one rank.
    one: bool = False


class BroadcastOp(_Operation, frozen=True, kw_only=True, tag="broadcast"):
    mesh: str
    method: str = "step"
    busy: Duration = duration(0)
    raises: str = ""


class CountOp(_Operation, frozen=True, kw_only=True, tag="count"):
    mesh: str
    #: Whether one message is to hold the sum of all answers.
    once: bool = True


class QueryOp(_Operation, frozen=True, kw_only=True, tag="query"):
    mesh: str


class ActorStatesOp(_Operation, frozen=True, kw_only=True, tag="actor_states"):
    mesh: str
    #: How long the actors are wanted from now on; a plain query without it.
    keepalive: Duration | None = None


class ActorStateOp(_Operation, frozen=True, kw_only=True, tag="actor_state"):
    """Ask the agent of one proc for one actor; only the revision of 2025-11 can."""

    #: `trainer[1]`.
    actor: str


class ProcStatesOp(_Operation, frozen=True, kw_only=True, tag="proc_states"):
    procs: str


class AskOp(_Operation, frozen=True, kw_only=True, tag="ask"):
    mesh: str
    #: Who they are, how this was cast to them, what a configuration attribute is, the next failure of the mesh that a
    #: `WrapperActor` made; or a message that each passes on to the next.
    what: Literal["id", "cast_info", "config", "next_failure", "forward", "forward_pairs"] = "id"
    #: `config`: the attribute.
    key: str = ""
    #: `config`: every actor is told to use this value, before it is asked.
    value: int | bool | str | None = None
    #: `forward_pairs`: more meshes whose actors are among the pairs.
    more: list[str] = []


class DrillOp(_Operation, frozen=True, kw_only=True, tag="drill"):
    """A `RuntimeTestActor`, or a child of one, is told what to do."""

    actor: str
    #: Number of the child; 0 for the actor itself.
    child: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    order: Literal["reply", "wait", "noop", "fail", "panic", "spawn", "open", "drop"]
    text: str = ""
    #: `spawn` and `open`: a name of its own; without it the child has its parent's.
    name: Label | None = None
    #: `spawn`: the child handles events of its own children.
    handles: bool = False


class EndOp(_Operation, frozen=True, kw_only=True, tag="end"):
    """The actor (or client) `by` stops itself."""

    reason: str = "done"


OperationSpec = Union[
    SpawnProcsOp,
    AllocateOp,
    AllocateHostsOp,
    ProcStatusOp,
    GspawnOp,
    StopActorOp,
    SpawnActorsOp,
    StopActorsOp,
    StopProcsOp,
    StopAllOp,
    ListProcsOp,
    SpawnHostsOp,
    LocalHostOp,
    AttachHostsOp,
    DropHostsOp,
    ShutdownHostsOp,
    SubscribeOp,
    UnsubscribeOp,
    NextEventOp,
    CountSubscribersOp,
    SliceOp,
    CloneOp,
    SendRefOp,
    DropOp,
    CastOp,
    CallOp,
    BroadcastOp,
    CountOp,
    QueryOp,
    ActorStatesOp,
    ActorStateOp,
    ProcStatesOp,
    AskOp,
    DrillOp,
    EndOp,
]


class Relaxed(_Part, frozen=True, kw_only=True):
    """An invariant that is not judged in this scenario, and why."""

    invariant: str
    reason: str


class Scenario(_Part, frozen=True, kw_only=True):
    """One scenario file. The file's name (without `.toml`) must equal `name`."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=100)]
    #: What is learnt when it fails.
    about: str = ""
    seeds: Annotated[list[Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]], msgspec.Meta(min_length=1)] = (
        msgspec.field(default_factory=lambda: [0])
    )
    #: Virtual time at which the run ends.
    horizon: Duration
    backends: Annotated[list[BackendName], msgspec.Meta(min_length=1)] = msgspec.field(
        default_factory=lambda: ["sim", "lockstep"]
    )
    #: Which revision of the modelled system: `2026-03` with all its quirks, `fixed` with none, or the
    #: older `2025-11`.
    profile: ProfileName = DEFAULT_PROFILE
    #: Single quirks to turn on or off beyond the profile.
    quirks: dict[str, bool] = {}
    #: What an actor takes first of signals, supervision events and work that are there at once: `fixed` is that order,
    #: `seeded` any, by the seed.
    choices: Literal["fixed", "seeded"] = "fixed"
    #: Configuration attributes by Python or environment name; durations as text.
    config: dict[str, str | int | bool] = {}
    topology: Topology = msgspec.field(default_factory=Topology)
    network: Network = msgspec.field(default_factory=Network)
    #: Wall clock of a host or client minus virtual time.
    clocks: dict[str, Shift] = {}
    #: What the wall clock of a host or client gains from the start of the run.
    clock_drifts: dict[str, Drift] = {}
    operations: list[OperationSpec] = []
    faults: list[Fault] = []
    decisions: list[Decision] = []
    expect: list[Expectation] = []
    known: list[Known] = []
    relax: list[Relaxed] = []
    #: A canary: each of these, ids of invariants or `expect[i]`, must find something. One that does not fails the run.
    caught_by: list[str] = []
    #: Dotted key path -> values: one scenario for each combination.
    matrix: dict[str, Annotated[list[str | int | bool | float], msgspec.Meta(min_length=1)]] = {}
