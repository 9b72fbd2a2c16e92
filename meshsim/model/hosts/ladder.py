"""The three ways in which a host ends a child process, each a ladder of rising force.

    A  request_stop   StopAll to the agent, grace, SIGTERM, grace, SIGKILL; Stopping from the first moment
    B  terminate      the same for host shutdown, but the status stays as it is during the agent's grace (Q4), and a
                      proc that is already stopping has none (Q63)
    C  kill           SIGKILL at once; Stopping is never marked

Worst case to SIGKILL is twice the grace, and the wait after it has no limit. A signal always reaches its process
here (one to a process that is gone counts as success), so the branches for a SIGTERM that cannot be sent do not exist.

Source: supervision.md 3.8.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from meshsim.model.hosts.process import ProcPhase, ProcStatus
from meshsim.units import S

SIGKILL = 9
SIGTERM = 15


class LadderKind(Enum):
    REQUEST_STOP = "request_stop"
    TERMINATE = "terminate"
    KILL = "kill"


class Rung(Enum):
    """How far a ladder has been climbed."""

    START = "start"
    #: The agent has its time to stop its actors and exit.
    AGENT = "agent"
    #: SIGTERM is sent.
    TERM = "term"
    #: SIGKILL is sent.
    KILL = "kill"
    #: The process is gone, or there was nothing to do.
    DONE = "done"


class Moment(Enum):
    """What moves a ladder: how the process is at its beginning, then time and the end of the process."""

    BEGIN_READY = "begin_ready"
    #: The process exists and has not called back.
    BEGIN_UNREADY = "begin_unready"
    BEGIN_STOPPING = "begin_stopping"
    BEGIN_EXITED = "begin_exited"
    TIMEOUT = "timeout"
    EXITED = "exited"


class Act(Enum):
    """What a host does on a rung."""

    STOP_ALL = "stop_all"
    MARK_STOPPING = "mark_stopping"
    SIGTERM = "sigterm"
    SIGKILL = "sigkill"
    #: Set the timer of one grace period.
    ARM = "arm"
    DISARM = "disarm"


class Step(msgspec.Struct, frozen=True):
    to: Rung
    acts: tuple[Act, ...] = ()


_TO_TERM = Step(Rung.TERM, (Act.MARK_STOPPING, Act.SIGTERM, Act.ARM))
_NOTHING = Step(Rung.DONE)
_ESCALATION = {
    (Rung.AGENT, Moment.TIMEOUT): _TO_TERM,
    (Rung.AGENT, Moment.EXITED): Step(Rung.DONE, (Act.DISARM,)),
    (Rung.TERM, Moment.TIMEOUT): Step(Rung.KILL, (Act.SIGKILL,)),
    (Rung.TERM, Moment.EXITED): Step(Rung.DONE, (Act.DISARM,)),
    (Rung.KILL, Moment.EXITED): Step(Rung.DONE),
}
_KILL_AT_ONCE = Step(Rung.KILL, (Act.SIGKILL,))

#: Ladder, rung and moment -> where it leads and what is done on the way. What is not here cannot happen.
LADDERS: dict[LadderKind, dict[tuple[Rung, Moment], Step]] = {
    LadderKind.REQUEST_STOP: {
        (Rung.START, Moment.BEGIN_READY): Step(Rung.AGENT, (Act.STOP_ALL, Act.MARK_STOPPING, Act.ARM)),
        # Nobody can be asked, and the time passes all the same.
        (Rung.START, Moment.BEGIN_UNREADY): Step(Rung.AGENT, (Act.MARK_STOPPING, Act.ARM)),
        (Rung.START, Moment.BEGIN_STOPPING): _NOTHING,
        (Rung.START, Moment.BEGIN_EXITED): _NOTHING,
        **_ESCALATION,
    },
    LadderKind.TERMINATE: {
        (Rung.START, Moment.BEGIN_READY): Step(Rung.AGENT, (Act.STOP_ALL, Act.ARM)),
        (Rung.START, Moment.BEGIN_UNREADY): _TO_TERM,
        # Q63: a proc that ladder A is stopping is not Ready any more, so its grace is cut short.
        (Rung.START, Moment.BEGIN_STOPPING): _TO_TERM,
        (Rung.START, Moment.BEGIN_EXITED): _NOTHING,
        **_ESCALATION,
    },
    LadderKind.KILL: {
        (Rung.START, Moment.BEGIN_READY): _KILL_AT_ONCE,
        (Rung.START, Moment.BEGIN_UNREADY): _KILL_AT_ONCE,
        (Rung.START, Moment.BEGIN_STOPPING): _KILL_AT_ONCE,
        (Rung.START, Moment.BEGIN_EXITED): _NOTHING,
        (Rung.KILL, Moment.EXITED): Step(Rung.DONE),
    },
}


#: Quirk -> the steps that replace those above while it is off.
CAREFUL: dict[str, dict[tuple[LadderKind, Rung, Moment], Step]] = {
    "Q4": {
        (LadderKind.TERMINATE, Rung.START, Moment.BEGIN_READY): Step(
            Rung.AGENT, (Act.STOP_ALL, Act.MARK_STOPPING, Act.ARM)
        ),
    },
    "Q63": {
        # Its agent was asked already, and has the whole grace of this ladder.
        (LadderKind.TERMINATE, Rung.START, Moment.BEGIN_STOPPING): Step(Rung.AGENT, (Act.ARM,)),
    },
}

#: How much longer than the grace an agent may take while Q5 is off: its actors' time is over, and it exits by itself.
AGENT_MARGIN_NS = 1 * S


class Ladder(msgspec.Struct):
    """One child being ended. Change it through `climb` alone."""

    kind: LadderKind
    reason: str
    #: Length of each of the two grace periods.
    grace_ns: int
    rung: Rung = Rung.START
    #: Quirks that are turned off.
    quirks_off: tuple[str, ...] = ()

    @property
    def done(self) -> bool:
        return self.rung is Rung.DONE

    @property
    def wait_ns(self) -> int:
        """How long this rung lasts. Q5: an agent's grace is over when its actors' is. Off: a little later."""
        return self.grace_ns + (AGENT_MARGIN_NS if self.rung is Rung.AGENT and "Q5" in self.quirks_off else 0)

    @property
    def has_signalled(self) -> bool:
        """Whether it has sent the process a signal that should end it."""
        return self.rung in (Rung.TERM, Rung.KILL)

    def begin(self, status: ProcStatus) -> tuple[Act, ...]:
        return self.climb(beginning(status))

    def climb(self, moment: Moment) -> tuple[Act, ...]:
        """Take the next step and return what is to be done, in order."""
        if self.done:
            return ()  # A timer that was due at the very moment of the exit.
        step = self._step(moment)
        self.rung = step.to
        return step.acts

    def _step(self, moment: Moment) -> Step:
        for quirk in self.quirks_off:
            step = CAREFUL.get(quirk, {}).get((self.kind, self.rung, moment))
            if step is not None:
                return step
        return LADDERS[self.kind][self.rung, moment]


def beginning(status: ProcStatus) -> Moment:
    """With which moment a ladder begins for a process of this status."""
    if status.is_exit:
        return Moment.BEGIN_EXITED
    if status.phase is ProcPhase.STOPPING:
        return Moment.BEGIN_STOPPING
    return Moment.BEGIN_READY if status.phase is ProcPhase.READY else Moment.BEGIN_UNREADY
