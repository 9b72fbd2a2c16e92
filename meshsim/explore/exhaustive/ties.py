"""Ties of a run: where more than one thing was due at an instant, and which of them could have gone first.

What is due depends on what else is due for the same node. A message to a process that takes none concerns its sender
as well, to whom it may come back. At an instant at which a process starts, stops or ends by what is due there,
everything depends on everything. Timers of one node keep the order in which they were set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from meshsim.drive.agenda import Entry
from meshsim.drive.deciding import DecidedOrder, Labels
from meshsim.explore.concerning import hop_of, is_message, is_timer, nodes_of
from meshsim.model.ids import Node
from meshsim.scenario.decisions import First
from meshsim.trace.records import (
    KernelDisagreed,
    ProcessContinued,
    ProcessDied,
    ProcessLeftParent,
    ProcessNotStarted,
    ProcessSignalled,
    ProcessStarted,
    ProcessStopped,
    Record,
)
from meshsim.units import Duration

if TYPE_CHECKING:
    from meshsim.drive.conductor import Conductor

#: What happens in the course of an instant and concerns more than the node that it happens to.
_FAR = (
    *(ProcessStarted, ProcessNotStarted, ProcessLeftParent, ProcessSignalled, ProcessStopped, ProcessContinued),
    *(ProcessDied, KernelDisagreed),
)


class Tie(msgspec.Struct, frozen=True):
    """More than one thing was due, and one was taken."""

    at_ns: int
    #: What may go first, in the order in which it was posted; as `meshsim.drive.deciding.label` has it.
    labels: tuple[str, ...]
    #: Which nodes each concerns; none for what may concern any.
    nodes: tuple[frozenset[str] | None, ...]
    #: Those that do not have to wait for an earlier timer of their node.
    may: tuple[bool, ...]
    #: How many of the orders that were asked for had been carried out before.
    decided: int
    #: Those of which it does not matter which goes first, by their places (`commuting`).
    indifferent: frozenset[int] = frozenset()

    @property
    def has_order(self) -> bool:
        """Whether things meet here that depend on each other, also when they may come in any order."""
        return any(self.may[index] for index in _dependent(self.nodes)[1:])

    def others(self, *, all_: bool) -> list[First]:
        """What could have gone first instead of the one that was posted first: all that depends on it, or all."""
        every = range(len(self.labels))
        chosen = every if all_ else [index for index in _dependent(self.nodes) if index not in self.indifferent]
        return [
            First(at=Duration(self.at_ns), what=self.labels[index], before=self.labels[0])
            for index in chosen
            if index and self.may[index]
        ]


def _dependent(nodes: Sequence[frozenset[str] | None]) -> list[int]:
    """Which depend on the first, or on one that does: a persistent set."""
    if None in nodes:
        return list(range(len(nodes)))
    reached: frozenset[str] = nodes[0] or frozenset()
    found = [0]
    while more := [index for index, each in enumerate(nodes) if index not in found and each and each & reached]:
        found += more
        reached = reached.union(*(nodes[index] or () for index in more))
    return sorted(found)


class WatchedOrder:
    """Takes what is decided first, and notes the ties of a window of time."""

    def __init__(self, orders: Sequence[First], window: tuple[int, int]) -> None:
        self._order = DecidedOrder(orders, self._on_decided)
        self._labels = Labels()
        self._window = window
        self._decided = 0
        #: What is recorded while the run goes on.
        self.conductor: Conductor | None = None
        #: Asked for the places of those that may go first in any order.
        self.indifferent: Callable[[int, Sequence[Entry]], frozenset[int]] = lambda *_: frozenset()
        self.ties: list[Tie] = []
        #: The last instant at which another order could have made a difference.
        self._tied_ns = -1
        #: Number of the first record behind the beginning of what is due at an instant.
        self._begins: dict[int, int] = {}

    def _on_decided(self, index: int, what: str) -> None:
        self._decided += 1

    def choose(self, at_ns: int, entries: Sequence[Entry]) -> int:
        begin_ns, end_ns = self._window
        if not begin_ns <= at_ns < end_ns:
            return 0
        assert self.conductor is not None
        self._begins.setdefault(at_ns, len(self.conductor.records))
        decided = self._decided
        chosen = self._order.choose(at_ns, entries)
        if len(entries) > 1:
            labels = tuple(self._labels.of(at_ns, entries))
            nodes = tuple(concerned(entry, self.conductor.processes.reachable) for entry in entries)
            tie = Tie(at_ns, labels, nodes, _in_turn(entries), decided, self.indifferent(at_ns, entries))
            self.ties.append(tie)
            if tie.others(all_=False):
                self._tied_ns = at_ns
        self._labels.take(at_ns, entries[chosen])
        return chosen

    def is_tied(self, at_ns: int) -> bool:
        """Whether another order could have made a difference at this instant, which is the present one."""
        return at_ns == self._tied_ns

    def entangled(self, records: Sequence[Record]) -> frozenset[int]:
        """Instants of ties at which everything depends on everything."""
        return frozenset(at_ns for at_ns in {tie.at_ns for tie in self.ties} if self._is_entangled(at_ns, records))

    def _is_entangled(self, at_ns: int, records: Sequence[Record]) -> bool:
        for seq in range(self._begins[at_ns], len(records)):
            if records[seq].at != at_ns:
                return False
            if isinstance(records[seq].what, _FAR):
                return True
        return False


def concerned(entry: Entry, reachable: Mapping[Node, bool]) -> frozenset[str] | None:
    """The nodes that take part in what is due; none for what may concern any."""
    hop = hop_of(entry)
    if hop is not None:
        return frozenset(hop)
    nodes = nodes_of(entry)
    if nodes is None:
        return None
    return frozenset(nodes[:1] if is_message(entry) and reachable.get(nodes[0], False) else nodes)


def _in_turn(entries: Sequence[Entry]) -> tuple[bool, ...]:
    """Whether each may go first, as far as the timers of its node are concerned."""
    waiting: set[str] = set()
    may = []
    for entry in entries:
        node = entry[1][0] if is_timer(entry) else None
        may.append(node not in waiting)
        if node is not None:
            waiting.add(node)
    return tuple(may)
