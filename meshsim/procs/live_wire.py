"""What the router and the free-running processes of a `live` run say to each other, beside the requests of `lockstep`.

Requests are answered in order, as in `lockstep`. Reports come unasked, in between, in the order of what happened.
Times are virtual nanoseconds: what a process reads from its own monotonic clock, less the start of the run, scaled.
"""

from __future__ import annotations

from typing import Union

import msgspec

from meshsim.model.commands import NodeCommand
from meshsim.model.events import Event, TimerFired
from meshsim.procs.wire import (
    Done,
    DumpCore,
    ExhaustMemory,
    Exit,
    Kill,
    LeaveParent,
    Limit,
    Ping,
    Ready,
    Reap,
    Reaped,
    Refused,
    SignalYourself,
    Spawn,
    Spawned,
    Step,
    StepThrough,
    Write,
)


class Begin(msgspec.Struct, frozen=True, array_like=True, tag="begin"):
    """To a new node, first: what CLOCK_MONOTONIC said when the run began (ns), and wall time for virtual time."""

    base_ns: int
    time_scale: float


class Take(msgspec.Struct, frozen=True, array_like=True, tag="take"):
    """To a node: an event. `record` is the router's number for it and comes back in the report."""

    record: int
    event: Event


class Delay(msgspec.Struct, frozen=True, array_like=True, tag="delay"):
    """To a node: a timer fires later than asked for, so often, or from now on. Reply: `Delayed`."""

    actor: str
    key: str
    by_ns: int
    times: int | None


class Took(msgspec.Struct, frozen=True, array_like=True, tag="took"):
    """Report: what the node took at this time of its own clock, and what it asks for."""

    at_ns: int
    commands: list[NodeCommand]
    #: The number in `Take`; -1 for a timer.
    record: int = -1
    timer: TimerFired | None = None
    #: When the timer was due.
    due_ns: int = 0
    #: Which input of this node set the timer: 0 is the first it ever took.
    set_by: int = 0


class ChildEnded(msgspec.Struct, frozen=True, array_like=True, tag="child_ended"):
    """Report: a pidfd said that a child is dead, and this is what waiting for it returned."""

    pid: int
    reaped: Reaped


class Delayed(msgspec.Struct, frozen=True, array_like=True, tag="delayed"):
    """Answer to `Delay`: how many inputs the node had taken by then."""

    taken: int


#: What a node says unasked.
Report = Union[Took, ChildEnded]

LiveRequest = Union[
    Begin,
    Take,
    Delay,
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
LiveReply = Union[Took, ChildEnded, Delayed, Ready, Spawned, Reaped, Done, Refused]

LIVE_REQUESTS: msgspec.msgpack.Decoder[LiveRequest] = msgspec.msgpack.Decoder(LiveRequest)
LIVE_REPLIES: msgspec.msgpack.Decoder[LiveReply] = msgspec.msgpack.Decoder(LiveReply)
