"""What a run leaves behind: typed records, one after the other.

A command is recorded where it takes effect, a message once: as delivered, lost, bounced, or still in flight at the
end. `cause` is the sequence number of the record whose handling led to this one, so every record can be
followed back to the operation or the fault that began it.
"""

from __future__ import annotations

from typing import Union

import msgspec
from msgspec import UNSET, UnsetType

from meshsim.model.events import ChildExited, ClockSet, TimerFired
from meshsim.model.hosts.process import ExitStatus
from meshsim.model.messages import Envelope
from meshsim.model.notes import Note

#: Version of the trace format; readers accept this one and older ones.
TRACE_SCHEMA = 1

#: Cause of a record that nothing inside the run led to.
NO_CAUSE = -1

#: Node of a record that belongs to no process.
WORLD = ""


class RunStarted(msgspec.Struct, frozen=True, tag="run_started"):
    """First record. Says nothing about the backend: both worlds must begin alike."""

    schema: int
    scenario: str
    seed: int
    plan_digest: str


class ProcessStarted(msgspec.Struct, frozen=True, tag="process_started"):
    """A process exists. `kind` is `host`, `proc`, `allocated` or `client`; `name` that of its proc."""

    kind: str
    parent: str
    name: str
    pdeathsig: bool


class ProcessNotStarted(msgspec.Struct, frozen=True, tag="process_not_started"):
    """The kernel refused this record's host a child process for the proc `name`; `error` is `EAGAIN` or `EMFILE`."""

    name: str
    error: str


class ProcessLeftParent(msgspec.Struct, frozen=True, tag="process_left_parent"):
    """The process has given up its parent-death signal: it lives on when its parent dies."""


class ProcessSignalled(msgspec.Struct, frozen=True, tag="process_signalled"):
    """A signal was sent to the process of this record's node. `by` is a host's node, the node
    itself when a handler brought it about, or empty for a fault.
    """

    signal: int
    by: str


class ProcessStopped(msgspec.Struct, frozen=True, tag="process_stopped"):
    """The kernel says the process is stopped (state T)."""


class ProcessContinued(msgspec.Struct, frozen=True, tag="process_continued"):
    """The kernel says the process runs again."""


class ProcessDied(msgspec.Struct, frozen=True, tag="process_died"):
    """The process is gone; its parent has not waited for it yet. `why`: `exit`, `signal` or `parent_death`."""

    why: str


class ProcessReaped(msgspec.Struct, frozen=True, tag="process_reaped"):
    """Waiting for the process returned this status. `by` is the parent's node, or empty for the subreaper."""

    by: str
    status: ExitStatus


class KernelDisagreed(msgspec.Struct, frozen=True, tag="kernel_disagreed"):
    """The operating system did something else than the model expects: a finding about the model."""

    expected: str
    observed: str


class FaultStruck(msgspec.Struct, frozen=True, tag="fault"):
    """A fault of the plan was applied. `target` is the node or actor it resolved to."""

    index: int
    kind: str
    target: str
    detail: str = ""
    #: Of a fault that strikes more than once: which time this is, from 1.
    strike: int | UnsetType = UNSET


class FaultMissed(msgspec.Struct, frozen=True, tag="fault_missed"):
    """A fault could not be applied, with why (its target is gone, say)."""

    index: int
    kind: str
    target: str
    why: str
    #: As in `FaultStruck`.
    strike: int | UnsetType = UNSET


class FaultEnded(msgspec.Struct, frozen=True, tag="fault_ended"):
    """A fault that was applied for a time is over. `target` is what its `FaultStruck` names."""

    index: int
    kind: str
    target: str


class Diverted(msgspec.Struct, frozen=True):
    """What a decision made of one message, in the words of the faults that do the same to many."""

    #: `latency`, `reordering`, `duplication`, `loss` or `delivery_timeout`.
    kind: str
    #: Where it was sent from and to, as the faults of links write it: `client -> host0`.
    sides: str
    #: When the last of it comes, but for what any message of its link takes.
    until: int


class DecisionTaken(msgspec.Struct, frozen=True, tag="decision"):
    """Something went otherwise than it would have, as the decision of this number in the plan says."""

    decision: int
    what: str
    #: If it was the fate of a message.
    diverted: Diverted | UnsetType = UNSET


class MessageLost(msgspec.Struct, frozen=True, tag="lost"):
    """The network dropped a message, or its receiver is gone and nobody wants it back."""

    envelope: Envelope
    why: str


class MessageReturned(msgspec.Struct, frozen=True, tag="returned"):
    """The network gives a message back to its sender's process, with these errors."""

    envelope: Envelope
    errors: tuple[str, ...]


class InFlight(msgspec.Struct, frozen=True, tag="in_flight"):
    """A message that was on its way when the run ended."""

    envelope: Envelope


class RunEnded(msgspec.Struct, frozen=True, tag="run_ended"):
    """Last record: why the run ended (`horizon` or `quiet`), and the nodes whose process was alive then."""

    why: str
    alive: tuple[str, ...]


Body = Union[
    Envelope,
    TimerFired,
    ChildExited,
    ClockSet,
    Note,
    RunStarted,
    ProcessStarted,
    ProcessNotStarted,
    ProcessLeftParent,
    ProcessSignalled,
    ProcessStopped,
    ProcessContinued,
    ProcessDied,
    ProcessReaped,
    KernelDisagreed,
    FaultStruck,
    FaultMissed,
    FaultEnded,
    DecisionTaken,
    MessageLost,
    MessageReturned,
    InFlight,
    RunEnded,
]


class Record(msgspec.Struct, gc=False):
    """One line of a trace. An `Envelope` as `what` is a delivery to `node`."""

    seq: int
    #: Virtual time, nanoseconds since the start of the run.
    at: int
    node: str
    cause: int
    what: Body
