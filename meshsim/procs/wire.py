"""What the conductor's side and the processes of a run say to each other.

One request, one reply, never two on their way. The reply to a step is the bare list of the node's commands; all
others are a `Reply`. Descriptors travel in one direction only: a parent sends those of a new child with `Spawned`.
"""

from __future__ import annotations

from typing import Union

import msgspec

from meshsim.drive.backend import Resource
from meshsim.model.boot import NodeBoot
from meshsim.model.commands import NodeCommand
from meshsim.model.events import Event
from meshsim.model.messages import Envelope

#: Descriptors that come with `Spawned`: the child's socket, its output (stdout and stderr), its pidfd.
SPAWNED_DESCRIPTORS = 3


class Load(msgspec.Struct, frozen=True, array_like=True, tag="load"):
    """To the zygote, first: where modules are found, and the code of all nodes (a dill of node type and `Program`)."""

    path: list[str]
    code: bytes
    #: Whether nodes run freely (backend `live`) or one step at a time.
    live: bool = False


class Farewell(msgspec.Struct, frozen=True, array_like=True, tag="farewell"):
    """To the zygote, last: the runner is about to close in good order. No reply."""


class Spawn(msgspec.Struct, frozen=True, array_like=True, tag="spawn"):
    """To a host or the zygote: start a child."""

    boot: NodeBoot
    pdeathsig: bool


class Kill(msgspec.Struct, frozen=True, array_like=True, tag="kill"):
    """To a host: send a signal to the process group of a child."""

    pid: int
    signal: int


class Reap(msgspec.Struct, frozen=True, array_like=True, tag="reap"):
    """To the parent of a dead process, the zygote for orphans: wait for it."""

    pid: int


class Step(msgspec.Struct, frozen=True, array_like=True, tag="step"):
    """To a node: take one event. Reply: the list of commands."""

    event: Event
    now_ns: int


class StepThrough(msgspec.Struct, frozen=True, array_like=True, tag="step_through"):
    """To a node: take these messages, one after the other. Reply: a list of commands for each that was taken; a node
    that ends itself takes no more.
    """

    messages: list[Envelope]
    now_ns: int


class Ping(msgspec.Struct, frozen=True, array_like=True, tag="ping"):
    """To a node: are you there? A signal that was sent before is dealt with by the time it answers."""


class Write(msgspec.Struct, frozen=True, array_like=True, tag="write"):
    """To a node: write these lines to stderr."""

    lines: tuple[str, ...]


class Exit(msgspec.Struct, frozen=True, array_like=True, tag="exit"):
    """To a node: end yourself. No reply."""

    code: int


class SignalYourself(msgspec.Struct, frozen=True, array_like=True, tag="signal_yourself"):
    """To a node: end yourself by this signal. No reply."""

    signal: int


class DumpCore(msgspec.Struct, frozen=True, array_like=True, tag="dump_core"):
    """To a node: end yourself by this signal, with a core, in this directory. No reply."""

    signal: int
    directory: str


class ExhaustMemory(msgspec.Struct, frozen=True, array_like=True, tag="exhaust_memory"):
    """To a node: take memory until you get no more. Reply: `Done`, or `Refused` when there was no end of it."""


class Limit(msgspec.Struct, frozen=True, array_like=True, tag="limit"):
    """To a host: you have no more `descriptors` or `processes`, or you have them back."""

    resource: Resource
    on: bool


class LeaveParent(msgspec.Struct, frozen=True, array_like=True, tag="leave_parent"):
    """To a node: give up your parent-death signal."""


class Ready(msgspec.Struct, frozen=True, array_like=True, tag="ready"):
    """From a new node, unasked, and from the zygote to `Load`: at your service."""


class Spawned(msgspec.Struct, frozen=True, array_like=True, tag="spawned"):
    pid: int


class Reaped(msgspec.Struct, frozen=True, array_like=True, tag="reaped"):
    """What waitid said: `si_code` (CLD_EXITED, CLD_KILLED, CLD_DUMPED) and `si_status` (exit code or signal)."""

    code: int
    status: int


class Done(msgspec.Struct, frozen=True, array_like=True, tag="done"):
    pass


class Refused(msgspec.Struct, frozen=True, array_like=True, tag="refused"):
    """It could not be done, and why."""

    reason: str
    #: What a system call failed with; 0 when none did.
    errno: int = 0


NodeRequest = Union[
    Step,
    StepThrough,
    Ping,
    Write,
    Exit,
    SignalYourself,
    DumpCore,
    ExhaustMemory,
    Limit,
    LeaveParent,
    Spawn,
    Kill,
    Reap,
]
ZygoteRequest = Union[Load, Farewell, Spawn, Reap]
Reply = Union[Ready, Spawned, Reaped, Done, Refused]

NODE_REQUESTS: msgspec.msgpack.Decoder[NodeRequest] = msgspec.msgpack.Decoder(NodeRequest)
ZYGOTE_REQUESTS: msgspec.msgpack.Decoder[ZygoteRequest] = msgspec.msgpack.Decoder(ZygoteRequest)
REPLIES: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)
COMMANDS: msgspec.msgpack.Decoder[list[NodeCommand]] = msgspec.msgpack.Decoder(list[NodeCommand])
COMMANDS_OF_EACH: msgspec.msgpack.Decoder[list[list[NodeCommand]]] = msgspec.msgpack.Decoder(list[list[NodeCommand]])
