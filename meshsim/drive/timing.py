"""How late things were in a run on the wall clock, and what each node took when and asked for: virtual nanoseconds."""

from __future__ import annotations

from statistics import median
from typing import Union

import msgspec
from msgspec import UNSET, UnsetType

from meshsim.model.commands import NodeCommand
from meshsim.model.events import ChildExited, SpawnFailed
from meshsim.model.ids import ActorId, Node
from meshsim.units import US, format_duration


class Late(msgspec.Struct, frozen=True):
    """How late one kind of thing was."""

    count: int
    median_ns: int
    worst_ns: int
    #: What was the latest of all.
    worst: str


#: One thing that a node asked for: the number of the record that holds it (a note as it is, a message at its first end:
#: delivered, lost, returned, bounced or in flight), or the command itself when no record does.
Output = Union[int, NodeCommand]


class Input(msgspec.Struct, frozen=True):
    """One thing that a node took, and what it asked for then: what feeding a machine again needs beside the trace."""

    node: Node
    #: The record of it, or of what led to it.
    record: int
    #: What the node's own clock said.
    at_ns: int
    #: What it took, where the record does not hold that.
    event: ChildExited | SpawnFailed | UnsetType = UNSET
    #: What it asked for, in order. Unset in recordings that are older than replays.
    outputs: tuple[Output, ...] | UnsetType = UNSET


class TimerDelayed(msgspec.Struct, frozen=True):
    """A fault has a timer of a node fire later than asked for, from a moment on."""

    node: Node
    #: How many inputs the node had taken by then.
    taken: int
    actor: ActorId
    key: str
    by_ns: int
    #: So often; None for always.
    times: int | None


class Timing(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of one run."""

    #: Wall time for virtual time.
    time_scale: float
    #: By kind, see `Lateness`, and `bring_up`; kinds that did not occur are left out.
    late: dict[str, Late]
    #: In the order in which each node took them.
    inputs: list[Input] = []
    delays: list[TimerDelayed] = []
    #: How much each node was handed and had not taken at the end; nodes with nothing left are left out.
    untaken: dict[Node, int] = {}

    @property
    def latest(self) -> Late | None:
        """The kind whose worst is the worst of all; None when nothing was measured."""
        return max(self.late.values(), key=lambda late: late.worst_ns, default=None)

    def line(self) -> str:
        """One line for people: median and worst of each kind."""
        kinds = [
            f"{kind} {late_text(late.median_ns)}, at worst {late_text(late.worst_ns)}"
            for kind, late in self.late.items()
        ]
        return f"late by (median, virtual time): {'; '.join(kinds)}"


class Lateness:
    """Collects what was late while a run goes on.

    Four kinds: a `fault` struck after it was due; a `timer` fired in its node after it was due; a `node` took an event
    after it was handed over; the `router` did what was due (deliveries, operations, faults) after that.
    """

    def __init__(self) -> None:
        self._by_kind: dict[str, list[int]] = {"fault": [], "timer": [], "node": [], "router": []}
        #: The latest of each kind: by how much, and what it was.
        self._worst: dict[str, tuple[int, str]] = {}

    def add(self, kind: str, what: str, late_ns: int) -> None:
        """Something was late by so much; nothing is late by less than 0."""
        late_ns = max(0, late_ns)
        self._by_kind[kind].append(late_ns)
        if kind not in self._worst or late_ns > self._worst[kind][0]:
            self._worst[kind] = (late_ns, what)

    def by_kind(self) -> dict[str, Late]:
        return {
            kind: Late(len(all_ns), int(median(all_ns)), *self._worst[kind])
            for kind, all_ns in self._by_kind.items()
            if all_ns
        }


def late_text(duration_ns: int) -> str:
    """To the microsecond, which is less than any of this can be trusted."""
    return format_duration(duration_ns // US * US)
