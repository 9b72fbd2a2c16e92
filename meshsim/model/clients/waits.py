"""Waiting for replies with an idle limit: what a poll, a spawn and a stop have in common.

The limit is on the time *between* replies, not on the total: every reply re-arms it. A wait is a part of the
machine that holds it; it says when it is over and leaves it to the machine what that means.

To keep a wait over many ranks cheap the timer is not set again at each reply: the deadline moves in the state, and a
timer that fires early asks for the rest.

Source: supervision.md 9.7, 10.5 (state queries), 11.1 to 11.3 (status waits).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

import msgspec

from meshsim.model.commands import CancelTimer, Command, SetTimer
from meshsim.model.config import Config
from meshsim.model.ids import ActorId
from meshsim.model.messages import Envelope, RankStatus, StateReply
from meshsim.model.messaging.status_port import StatusPort
from meshsim.model.status import NOT_EXIST, ActorState, ProcState, State, Status, timeout
from meshsim.units import MS, debug_duration


class Progress(Enum):
    """How a wait stands after an event."""

    WAITING = "waiting"
    COMPLETE = "complete"
    #: A reply without a state: the resource does not exist there.
    NOT_EXIST = "not_exist"


#: Looked up once: in Python 3.11 a member of an Enum costs several times a global, and this one is asked for at
#: every reply of a poll.
_WAITING = Progress.WAITING


#: What who was stopped gives those who answered meanwhile, when it goes on. Source: chosen here; nothing that comes
#: later is waited for, and real processes need no longer to be handed what waits.
LATE_NS = 10 * MS


class IdleLimit(msgspec.Struct):
    """A deadline that moves with every sign of life."""

    me: ActorId
    key: str
    limit_ns: int
    #: `stopped_asker_hears_silence`: the limit counts, whatever kept who waits from looking. Off: see `fired`.
    is_strict: bool = True
    started_ns: int = 0
    deadline_ns: int = 0
    #: The deadline is one that was put off as it had passed unseen.
    is_late: bool = False

    @classmethod
    def of(cls, config: Config, me: ActorId, key: str, limit_ns: int) -> IdleLimit:
        return cls(me, key, limit_ns, is_strict=config.has("stopped_asker_hears_silence"))

    def start(self, now_ns: int) -> list[Command]:
        self.started_ns = now_ns
        self.touch(now_ns)
        return [SetTimer(self.me, self.key, self.limit_ns)]

    def touch(self, now_ns: int) -> None:
        self.deadline_ns = now_ns + self.limit_ns
        self.is_late = False

    def fired(self, now_ns: int) -> list[Command]:
        """Commands that keep waiting; none at all when the limit has passed.

        A timer that comes later than it was due belongs to a process that was stopped. What has come meanwhile waits
        for it as well, and may be an answer: unless the limit is strict, that has a moment to be taken first, once.
        """
        if now_ns > self.deadline_ns and not (self.is_strict or self.is_late):
            self.is_late = True
            self.deadline_ns = now_ns + LATE_NS
        if now_ns >= self.deadline_ns:
            return []
        return [SetTimer(self.me, self.key, self.deadline_ns - now_ns)]

    def cancel(self) -> Command:
        return CancelTimer(self.me, self.key)


class StateQuery(msgspec.Struct):
    """Collects one state from each of `count` ranks, keyed by create rank.

    Whoever asks a slice finds replies with create ranks beyond its count, and no other place for them (Q44; off: the
    asker says which view rank a reply is about). It is over with as many replies as there are ranks, so a reply that
    the network copied stands for a rank that has not answered (Q44; off: it says what is known already).
    """

    port: int
    idle: IdleLimit
    count: int
    #: Q44.
    counts_copies: bool
    received: dict[int, State] = {}
    replies: int = 0

    def take(self, reply: StateReply, now_ns: int, view_rank: int | None = None) -> Progress:
        """Take a reply, under its create rank or under the view rank that its receiver knows."""
        state = reply.state.state
        if not isinstance(state, (ActorState, ProcState)):
            return Progress.NOT_EXIST
        return self.put(state.create_rank if view_rank is None else view_rank, reply.state, now_ns)

    def put(self, rank: int, state: State, now_ns: int) -> Progress:
        """Take what is known of one rank."""
        if rank in self.received and not self.counts_copies:
            return _WAITING
        self.replies += 1
        self.received[rank] = state
        if self.replies == self.count:
            return Progress.COMPLETE
        self.idle.deadline_ns = now_ns + self.idle.limit_ns
        return _WAITING

    def states(self) -> list[State]:
        """The state of each rank of the view, when all have answered: in order of create rank."""
        return [self.received[rank] for rank in sorted(self.received)]

    def padded(self, pad: Callable[[int], State]) -> list[State]:
        """The same when some ranks are silent, with `pad` of each of those (9.7 and 10.5, step 3).

        Raises:
            PaddingError: a reply has a create rank that the view does not have; the asker panics (Q44).
        """
        silent = [rank for rank in range(self.count) if rank not in self.received]
        if len(silent) != self.count - len(self.received):
            raise PaddingError(len(silent), self.count - len(self.received))
        states = {**self.received, **{rank: pad(rank) for rank in silent}}
        return [states[rank] for rank in sorted(states)]


class PaddingError(AssertionError):
    """There are more ranks without a reply than replies missing; the text is that of the assertion."""

    def __init__(self, silent: int, missing: int) -> None:
        super().__init__(f"assertion `left == right` failed\n  left: {silent}\n right: {missing}")


def proc_states_timeout(limit_ns: int) -> str:
    """What is logged when a host does not say in time how its procs are (9.7 step 3)."""
    return f"Timeout waiting for response from host mesh agent for proc_states after {debug_duration(limit_ns)}"


def actor_states_timeout(limit_ns: int) -> str:
    """The same of an agent and its actors; the wording is ours (10.5 step 3 has none)."""
    return f"timed out waiting for the actor states of a proc mesh agent after {debug_duration(limit_ns)}"


class StatusWait(msgspec.Struct):
    """Waits until no rank is NotExist any more (Q48: anything else completes it; off: Initializing does not)."""

    port: StatusPort
    idle: IdleLimit

    @classmethod
    def over(cls, count: int, port: int, idle: IdleLimit, config: Config) -> StatusWait:
        return cls(port=StatusPort.over(count, port, config), idle=idle)

    @property
    def statuses(self) -> list[Status]:
        """By view rank: the newest snapshot. NotExist everywhere at first."""
        return self.port.statuses

    def take(self, overlay: RankStatus, now_ns: int) -> Progress:
        """Apply an overlay. Each one shows a new snapshot, which re-arms the limit; also an empty one."""
        self.port.update(overlay)
        self.idle.touch(now_ns)
        return Progress.COMPLETE if self.port.is_complete else _WAITING

    def accepts(self, port: int) -> bool:
        return port == self.port.index and not self.port.closed

    def refuse(self, envelope: Envelope) -> list[Command]:
        """Give back an overlay that the port cannot take; nothing for any other."""
        return self.port.refuse(envelope)

    def timed_out(self, now_ns: int) -> list[Status]:
        """The statuses with Timeout(elapsed) for every rank that said nothing."""
        elapsed = timeout(now_ns - self.idle.started_ns)
        return [elapsed if status == NOT_EXIST else status for status in self.statuses]
