"""Orders of what is due at one instant, as data: what a strategy has a run do instead of first in, first out."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Union

import msgspec

from meshsim.drive.agenda import Entry, TieOrder
from meshsim.explore.concerning import nodes_of


class Lots(msgspec.Struct, frozen=True, tag="lots"):
    """Who goes first is drawn each time."""

    seed: int

    def order(self) -> TieOrder:
        return _Lots(Random(self.seed))


class Priorities(msgspec.Struct, frozen=True, tag="priorities"):
    """Who is concerned decides: each process has a priority, drawn when it is met first, and the highest goes first.

    At some choices, by number, the one that would go first loses its priority to all others: PCT (Burckhardt and
    others, 2010) with processes for threads and choices for steps.
    """

    seed: int
    #: Numbers of the choices at which the order changes, counted from 0.
    changes: tuple[int, ...]

    def order(self) -> TieOrder:
        return _Priorities(Random(self.seed), frozenset(self.changes))


Order = Union[Lots, Priorities]


class Counted:
    """First in, first out; counts the choices there are, and the processes that they are about."""

    def __init__(self) -> None:
        self.choices = 0
        self.places: set[str] = set()

    def choose(self, at_ns: int, entries: Sequence[Entry]) -> int:
        if len(entries) > 1:
            self.choices += 1
            self.places.update(place_of(entry) for entry in entries)
        return 0


class _Lots:
    def __init__(self, random: Random) -> None:
        self._random = random

    def choose(self, at_ns: int, entries: Sequence[Entry]) -> int:
        return self._random.randrange(len(entries))


class _Priorities:
    def __init__(self, random: Random, changes: frozenset[int]) -> None:
        self._random = random
        self._changes = changes
        self._choice = 0
        #: Higher goes first. Those that lost theirs are below 0, the later the lower.
        self._of: dict[str, float] = {}

    def choose(self, at_ns: int, entries: Sequence[Entry]) -> int:
        number, self._choice = self._choice, self._choice + 1
        chosen = self._highest(entries)
        if number in self._changes:
            self._of[place_of(entries[chosen])] = -1.0 - number
            chosen = self._highest(entries)
        return chosen

    def _highest(self, entries: Sequence[Entry]) -> int:
        return max(range(len(entries)), key=lambda index: (self._priority(place_of(entries[index])), -index))

    def _priority(self, place: str) -> float:
        if place not in self._of:
            self._of[place] = self._random.random()
        return self._of[place]


def place_of(entry: Entry) -> str:
    """The process that something due is due for; what may concern any is of none."""
    nodes = nodes_of(entry)
    return nodes[0] if nodes else ""
