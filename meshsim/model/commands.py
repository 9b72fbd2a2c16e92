"""What a machine can ask for.

An `Envelope` in a machine's answer means "send this". A note (`meshsim.model.notes`) means "write this into the
trace". Everything else is here. The list is carried out in order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Union

import msgspec

from meshsim.model.ids import ActorId, Name, PortRef, ProcId
from meshsim.model.messages import ActorSpec, Envelope
from meshsim.model.notes import Note
from meshsim.model.supervision import ActorErrorKind, ActorStatus, ActorSupervisionEvent

if TYPE_CHECKING:
    from meshsim.model.boot import ControllerSetting
    from meshsim.model.machine import Machine


class SetTimer(msgspec.Struct, frozen=True, gc=False, tag="set_timer"):
    """Ask for one `TimerFired(actor, key)` after a delay; replaces a pending timer of the same key."""

    actor: ActorId
    key: str
    after_ns: int


class CancelTimer(msgspec.Struct, frozen=True, tag="cancel_timer"):
    actor: ActorId
    key: str


class Fail(msgspec.Struct, frozen=True, tag="fail"):
    """The handler, the init, the cleanup or the supervision hook returns this error."""

    error: ActorErrorKind


class Panic(msgspec.Struct, frozen=True, tag="panic"):
    """The handler panics: the actor fails with `panic: {info}` and without cleanup."""

    info: str


class StopSelf(msgspec.Struct, frozen=True, tag="stop_self"):
    """The actor asks itself to stop, as a `Stop` signal would."""

    reason: str


class AbortSelf(msgspec.Struct, frozen=True, tag="abort_self"):
    """The actor aborts itself: an `Abort` signal, taken when the handler is over."""

    reason: str


class SpawnActor(msgspec.Struct, frozen=True, tag="spawn_actor"):
    """ProcAgent: construct an actor of a registered type and spawn it as a root. Answer: `ActorSpawned`."""

    name: Name
    spec: ActorSpec
    rank: int


class SpawnChild(msgspec.Struct, tag="spawn_child"):
    """Spawn a machine as a child of this actor. Answer: `ActorSpawned`. Never leaves the node."""

    #: Its own name; empty for its parent's.
    name: Name
    machine: Machine
    #: It has its parent's name all the same, and `name` is what the answer goes by.
    anonymous: bool = False


class SpawnController(msgspec.Struct, frozen=True, tag="spawn_controller"):
    """Construct a controller of a type that the program brings, and spawn it as a child. Answer: `ActorSpawned`.

    Never leaves the node.
    """

    name: Name
    controller_type: str
    setting: ControllerSetting


class OpenInstance(msgspec.Struct, frozen=True, tag="open_instance"):
    """Make a client instance, a mailbox without a loop, as a child of this actor. Answer: `ActorSpawned`."""

    #: Its own name; empty for its parent's.
    name: Name


class DropInstance(msgspec.Struct, frozen=True, tag="drop_instance"):
    """A client instance is dropped: `stopped: instance is dropped`."""

    actor: ActorId


class SignalActor(msgspec.Struct, frozen=True, tag="signal_actor"):
    """Put a signal into another actor of the same proc: `stop`, `drain_and_stop` or `abort`."""

    actor: ActorId
    kind: str
    reason: str


class KillTask(msgspec.Struct, frozen=True, tag="kill_task"):
    """Abort the task of a root actor: no cleanup, no event; it looks like `stopped: instance is dropped`."""

    actor: ActorId


class GiveBack(msgspec.Struct, frozen=True, tag="give_back"):
    """A port of this actor refuses a message: it goes back to its sender as undeliverable, with this error."""

    envelope: Envelope
    error: str


class ExitProcess(msgspec.Struct, frozen=True, tag="exit_process"):
    """End the OS process this machine lives in, with this code (the kernel keeps the low eight bits)."""

    code: int


class CloseServer(msgspec.Struct, frozen=True, tag="close_server"):
    """Stop serving this process's address, in an orderly way: acknowledge what was taken, and tell who is connected.

    Whoever dials from now on finds nobody. Source: supervision.md 3.7, 9.3; mesh_model.md 3.3.
    """


class BootProc(msgspec.Struct, tag="boot_proc"):
    """Begin a proc in this very process with this machine (whose `me` is set) as its first root actor.

    When the proc is torn down, the actor that booted it gets `ProcDestroyed`. Never leaves the node.
    """

    root: Machine
    #: Whether that actor is the proc's supervision coordinator.
    coordinates: bool = True
    #: Where a simulated proc is: messages between such procs travel, though they stay in the process.
    place: tuple[int, ...] | None = None


class DestroyProc(msgspec.Struct, frozen=True, tag="destroy_proc"):
    """Stop all root actors of a proc of this process, abort those that take longer than this; the process goes on.

    A second one changes nothing. Source: mesh_model.md 6.6.
    """

    proc: ProcId
    timeout_ns: int
    reason: str


class SignalSelf(msgspec.Struct, frozen=True, tag="signal_self"):
    """The process this machine lives in gets a deadly signal of its own making: a null write (SIGSEGV), a kill."""

    signal: int


class SpawnProcess(msgspec.Struct, frozen=True, tag="spawn_process"):
    """HostAgent: start a child OS process that boots this proc and calls back on `callback`."""

    name: Name
    callback: PortRef
    #: Configuration overrides that the child installs as its ClientOverride layer.
    config: dict[str, int | bool | str]
    #: Whether the kernel kills the child when this host dies.
    pdeathsig: bool
    #: Create rank of the proc.
    rank: int = 0


class SpawnAllocated(msgspec.Struct, frozen=True, tag="spawn_allocated"):
    """Allocator: start a child OS process that has no proc yet and says hello to `alloc` (mesh_model.md 5.3).

    No parent-death signal: a process whose allocator is gone finds that out by its heartbeat.
    """

    name: Name
    #: The last part of its node's name in traces.
    node: str
    alloc: ActorId
    index: int
    config: dict[str, int | bool | str]


class HoldMessages(msgspec.Struct, frozen=True, tag="hold_messages"):
    """ProcAgent of the allocated path: what leaves this proc waits until it is configured. Never leaves the node."""


class ReleaseMessages(msgspec.Struct, frozen=True, tag="release_messages"):
    """ProcAgent of the allocated path: configured; what waited goes, in order. Never leaves the node.

    What goes to a proc that is not in the `book` goes to the process at the address `forwarder`.
    """

    forwarder: str = ""
    book: tuple[ProcId, ...] = ()


class StartHost(msgspec.Struct, frozen=True, tag="start_host"):
    """A client: start a host as a process of its own, which outlives it. Nobody is told of its end."""

    host: str


class SignalProcess(msgspec.Struct, frozen=True, tag="signal_process"):
    """HostAgent: send a signal to a child's process group. A child that is gone already counts as success."""

    name: Name
    signal: int


Command = Union[
    Envelope,
    SetTimer,
    CancelTimer,
    Fail,
    Panic,
    StopSelf,
    AbortSelf,
    SpawnActor,
    SpawnChild,
    SpawnController,
    OpenInstance,
    DropInstance,
    SignalActor,
    KillTask,
    GiveBack,
    ExitProcess,
    CloseServer,
    BootProc,
    DestroyProc,
    SignalSelf,
    SpawnProcess,
    StartHost,
    SpawnAllocated,
    HoldMessages,
    ReleaseMessages,
    SignalProcess,
    Note,
]


class ActorFinished(msgspec.Struct, frozen=True, tag="actor_finished"):
    """Runtime to node: this actor reached its terminal status; `event` goes to its parent or coordinator."""

    actor: ActorId
    status: ActorStatus
    event: ActorSupervisionEvent | None


class InitOver(msgspec.Struct, frozen=True, tag="init_over"):
    """Runtime to node: this actor's init went well (only while Q31 is off)."""

    actor: ActorId


class UnlinkChildren(msgspec.Struct, frozen=True, tag="unlink_children"):
    """Runtime to node: these children took too long to stop; they have no parent any more (Q9)."""

    children: tuple[ActorId, ...]


#: What an actor's runtime asks of its node.
RuntimeCommand = Union[Command, ActorFinished, InitOver, UnlinkChildren]

#: What leaves a node: the rest is carried out inside it.
NodeCommand = Union[
    Envelope,
    SetTimer,
    CancelTimer,
    ExitProcess,
    CloseServer,
    SignalSelf,
    SpawnProcess,
    SpawnAllocated,
    StartHost,
    SignalProcess,
    Note,
]
