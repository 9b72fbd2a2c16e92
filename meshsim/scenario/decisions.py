"""Decisions: what a run could have done otherwise, and is told to do, as data.

Without any, things that are due at one instant go first in, first out, actors take from their queues in the fixed
order, and chance is what the seed draws. Each decision turns one of these; they say what happens and not which number
was drawn, so they outlive changes of the code that do not change the behaviour. When and where faults strike is the
business of `faults`.

Carried out by `meshsim.drive.deciding`. A decision that never comes up makes the run inconclusive.
"""

from __future__ import annotations

from typing import Annotated, Literal, Union

import msgspec
from msgspec import UNSET, UnsetType

from meshsim.units import Duration, duration, format_duration

__all__ = ["Decision", "Fate", "First", "Takes", "Withheld", "decision_words"]

_Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]

#: Queues of an actor, in the fixed order (mesh_model.md 6.3).
Queue = Literal["signal", "supervision", "work"]


class _Decision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    pass


class First(_Decision, frozen=True, kw_only=True, tag="first"):
    """Of what is due at one instant, `what` goes before `before`, which was there earlier.

    Both are written as `meshsim.drive.deciding.label` says: `get_state client -> host0`,
    `timer poll of trainer_controller[0] in client`.
    """

    at: Duration
    what: str
    before: str


class Takes(_Decision, frozen=True, kw_only=True, tag="takes"):
    """An actor with several queues that are ready takes from this one, when it chooses for the n-th time."""

    #: The process that it lives in: `host0/workers_1`.
    node: str
    #: Its name there, without the suffix that makes it unique: `trainer[0]`.
    actor: str
    #: Number of the choice, from 0; only what has a choice counts.
    choice: _Count = 0
    queue: Queue


class _OfMessage(_Decision, frozen=True, kw_only=True):
    """What is decided of one message."""

    #: When it is sent, or written at a hop of its way.
    at: Duration
    #: Processes; procs, by their ids, if they are simulated and share a process.
    src: str = msgspec.field(name="from")
    dst: str = msgspec.field(name="to")
    #: Tag of the message: `get_state`.
    message: str
    #: Which one, of several that are alike, from 0.
    number: _Count = 0


class Fate(_OfMessage, frozen=True, kw_only=True, tag="fate"):
    """What becomes of one message, whatever the network and its faults would have made of it."""

    lost: bool = False
    #: It takes longer than its link takes; what one process sends another keeps its order.
    delay: Duration = duration(0)
    #: It takes longer still, and others may overtake it.
    overtakes: Duration | UnsetType = UNSET
    #: Copies of it arrive so much later than itself.
    copies: list[Duration] = []


class Withheld(_OfMessage, frozen=True, kw_only=True, tag="withheld"):
    """One message is written to a connection that stays, and never acknowledged, as by a `delivery_timeout` without an
    end: it waits until the channel gives up. It is of one hop: what is for a proc is written to its host first.
    """

    #: It is not withheld, although a fault would have it.
    passes: bool = False


Decision = Union[First, Takes, Fate, Withheld]


def decision_words(decision: Decision) -> str:
    """What a decision makes of a run, in words."""
    match decision:
        case First(at=at, what=what, before=before):
            return f"at {format_duration(at)} {what} goes before {before}"
        case Takes(node=node, actor=actor, choice=choice, queue=queue):
            return f"{actor} in {node} takes from {queue} at choice {choice}"
        case Fate(at=at, src=src, dst=dst, message=message):
            return f"{message} {src} -> {dst} of {format_duration(at)} {_fate_words(decision)}"
        case Withheld(at=at, src=src, dst=dst, message=message, passes=passes):
            return f"{message} {src} -> {dst} of {format_duration(at)} {'passes' if passes else 'is withheld'}"


def _fate_words(fate: Fate) -> str:
    if fate.lost:
        return "is lost"
    if fate.copies:
        return f"arrives {1 + len(fate.copies)} times"
    return "is overtaken" if isinstance(fate.overtakes, int) else f"comes {format_duration(fate.delay)} later"
