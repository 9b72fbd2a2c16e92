"""Decisions of a plan, carried out; and decisions that a run made, as data.

A run without decisions takes the default everywhere. One that is given an order of its own (an exploring strategy's),
seeded choices or a network that draws makes decisions: `made_decisions` says which, so that a plan with them is the
same run without anything drawn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from meshsim.drive.agenda import Entry, TieOrder
from meshsim.model.boot import Turn
from meshsim.model.ids import ActorId, Node, short_actor_name
from meshsim.model.messages import Envelope
from meshsim.model.tags import tag_of
from meshsim.scenario.decisions import Decision, First, Takes
from meshsim.units import Duration

if TYPE_CHECKING:
    from meshsim.drive.world import World
    from meshsim.sim import SimBackend


def label(entry: Entry) -> str:
    """How decisions name something that is due: `get_state client -> host0`, `look host0 poll`.

    What it does, for whom, and with which message; no numbers of records, which depend on what came before.
    """
    function, arguments = entry
    for argument in arguments:
        if isinstance(argument, Envelope):
            ends = [text for text in arguments if isinstance(text, str)]
            return f"{tag_of(argument.message)} {' -> '.join(ends)} for {short_actor_name(argument.dest)}"
    words = [getattr(function, "__name__", "entry").strip("_")]
    for argument in arguments:
        if isinstance(argument, str):
            words.append(argument)
        elif isinstance(argument, tuple) and len(argument) == 2 and "," in str(argument[0]):
            words.append(f"{argument[1]} of {short_actor_name(ActorId(argument[0]))}")
    return " ".join(words)


class Labels:
    """Labels of what is due at one instant, numbered where several are alike: the second one ends in ` #2`."""

    def __init__(self) -> None:
        self._at_ns = -1
        #: What was taken at this instant. Labels cost more than all else here: they are made when somebody asks.
        self._taken: list[Entry] = []

    def of(self, at_ns: int, entries: Sequence[Entry]) -> list[str]:
        """The labels of what may go first."""
        self._turn_to(at_ns)
        counts = Counter(label(entry) for entry in self._taken)
        labels = []
        for entry in entries:
            text = label(entry)
            counts[text] += 1
            number = counts[text]
            labels.append(text if number == 1 else f"{text} #{number}")
        return labels

    def take(self, at_ns: int, entry: Entry) -> None:
        """This one is taken."""
        self._turn_to(at_ns)
        self._taken.append(entry)

    def _turn_to(self, at_ns: int) -> None:
        if at_ns != self._at_ns:
            self._at_ns, self._taken = at_ns, []


def turns_of(decisions: Sequence[Decision], node: Node) -> tuple[Turn, ...]:
    """What the actors of a process are told to take."""
    return tuple(
        Turn(decision.actor, decision.choice, decision.queue, index)
        for index, decision in enumerate(decisions)
        if isinstance(decision, Takes) and decision.node == node
    )


class DecidedOrder:
    """First in, first out but for what a plan decides."""

    def __init__(self, decisions: Sequence[Decision], taken: Callable[[int, str], None]) -> None:
        self._at: dict[int, list[tuple[int, First]]] = {}
        for index, decision in enumerate(decisions):
            if isinstance(decision, First):
                self._at.setdefault(int(decision.at), []).append((index, decision))
        self._taken = taken
        self._labels = Labels()

    def choose(self, at_ns: int, entries: Sequence[Entry]) -> int:
        pending = self._at.get(at_ns)
        if not pending:
            return 0
        chosen = self._choose(pending, self._labels.of(at_ns, entries))
        self._labels.take(at_ns, entries[chosen])
        return chosen

    def _choose(self, pending: list[tuple[int, First]], labels: list[str]) -> int:
        for place, (index, decision) in enumerate(pending):
            if decision.before == labels[0] and decision.what in labels:
                del pending[place]
                self._taken(index, f"{decision.what} before {decision.before}")
                return labels.index(decision.what)
        return 0


class NotedOrder:
    """An order that notes every choice of another than the first."""

    def __init__(self, order: TieOrder) -> None:
        self._order = order
        self._labels = Labels()
        self.made: list[First] = []

    def choose(self, at_ns: int, entries: Sequence[Entry]) -> int:
        chosen = 0 if len(entries) == 1 else self._order.choose(at_ns, entries)
        if chosen:
            labels = self._labels.of(at_ns, entries)
            self.made.append(First(at=Duration(at_ns), what=labels[chosen], before=labels[0]))
        self._labels.take(at_ns, entries[chosen])
        return chosen


def made_decisions(world: World, backend: SimBackend, order: NotedOrder | None) -> tuple[Decision, ...]:
    """Everything in which a run in this process was not what it would have been by default."""
    takes = [
        Takes(node=node, actor=short_actor_name(actor), choice=number, queue=queue)  # type: ignore[arg-type]
        for node, machine in backend.nodes.items()
        for actor, cell in machine.cells.items()
        if cell.choices is not None
        for number, queue in cell.choices.made
    ]
    return (*(order.made if order is not None else ()), *takes, *world.network.fates)
