"""What a machine can be told.

A machine takes one event through `handle(event, now_ns)` and answers with commands. Messages arrive as the
`Envelope` they travelled in; everything else is here.
"""

from __future__ import annotations

from typing import Union

import msgspec

from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import ActorId, Name, ProcId
from meshsim.model.messages import Envelope
from meshsim.model.supervision import ActorStatus, ActorSupervisionEvent
from meshsim.model.wall_clock import WallClock


class Started(msgspec.Struct, frozen=True, tag="started"):
    """The actor's init runs. First event of every machine."""


class TimerFired(msgspec.Struct, frozen=True, gc=False, tag="timer"):
    """A timer that `SetTimer` asked for is due."""

    actor: ActorId
    key: str


class ChildFailed(msgspec.Struct, frozen=True, tag="child_failed"):
    """The supervision hook: a child's event. `Fail(UnhandledSupervisionEvent)` unless the actor handles it."""

    event: ActorSupervisionEvent


class ActorSpawned(msgspec.Struct, frozen=True, tag="actor_spawned"):
    """Answer to `SpawnActor` and `SpawnChild`: the id, or the error text of constructor or runtime."""

    name: Name
    actor_id: ActorId | None
    error: str | None = None
    #: It is a client instance, which has no loop.
    is_instance: bool = False


class ActorInitialized(msgspec.Struct, frozen=True, tag="actor_initialized"):
    """The init of a root actor of the agent's proc went well. The reference does not say so: only while Q31 is off."""

    actor_id: ActorId


class ActorEnded(msgspec.Struct, frozen=True, tag="actor_ended"):
    """A root actor of the agent's proc reached a terminal status (its status watch)."""

    actor_id: ActorId
    status: ActorStatus


class ChildExited(msgspec.Struct, frozen=True, tag="child_exited", omit_defaults=True):
    """A child process of this host ended, and this is what waiting for it returned."""

    name: Name
    status: ExitStatus
    #: What it wrote to stderr.
    stderr: tuple[str, ...] = ()
    #: How many of the last lines had not been read when it ended (Q3).
    unread: int = 0


class SpawnFailed(msgspec.Struct, frozen=True, tag="spawn_failed"):
    """The child process that this host asked for could not be started; `error` is what the system call said."""

    name: Name
    error: str


class ProcDestroyed(msgspec.Struct, frozen=True, tag="proc_destroyed"):
    """To whoever booted it: a proc of this process is gone. Root actors that ended in time, and those aborted."""

    proc: ProcId
    stopped: tuple[ActorId, ...]
    aborted: tuple[ActorId, ...]


class CleanupStarted(msgspec.Struct, frozen=True, tag="cleanup"):
    """The actor has left its loop; its cleanup hook runs. `failed` when it ends with an error."""

    failed: bool


class ClockSet(msgspec.Struct, frozen=True, tag="clock_set", omit_defaults=True):
    """This node's wall clock is another one from now on, or was from the start. Fields as in `WallClock`."""

    offset_ns: int
    drift_ppb: int = 0
    since_ns: int = 0

    @property
    def clock(self) -> WallClock:
        return WallClock(self.offset_ns, self.drift_ppb, self.since_ns)

    @classmethod
    def to(cls, clock: WallClock) -> ClockSet:
        """The event that sets this clock."""
        return cls(clock.offset_ns, clock.drift_ppb, clock.since_ns)


class SignalReceived(msgspec.Struct, frozen=True, tag="signal"):
    """A signal is put into an actor's signal queue: `stop`, `drain_and_stop` or `abort`."""

    kind: str
    reason: str


class ChildStopped(msgspec.Struct, frozen=True, tag="child_stopped"):
    """A child of this actor reached its end."""

    child: ActorId


Event = Union[
    Envelope,
    Started,
    TimerFired,
    ChildFailed,
    ActorSpawned,
    ActorInitialized,
    ActorEnded,
    ChildExited,
    SpawnFailed,
    ProcDestroyed,
    CleanupStarted,
    ClockSet,
]

#: What an actor's runtime can be told, beyond what it passes on to the machine.
RuntimeEvent = Union[Event, SignalReceived, ChildStopped]
