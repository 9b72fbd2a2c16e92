"""Decisions that the modelled system leaves to chance, drawn so that the same run always decides alike.

Source: mesh_model.md 6.3 (the choice between ready queues is random in the modelled system).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from meshsim.model.boot import Turn
from meshsim.model.ids import splitmix64


class Choices(msgspec.Struct):
    """Draws numbers. A counter-keyed hash, so that a machine which holds one stays pure."""

    #: 0 for the first of what is ready, always.
    key: int
    #: Choices that are told, by number.
    turns: dict[int, Turn] = {}
    drawn: int = 0
    #: Every choice of another than the first: its number and what was taken.
    made: list[tuple[int, str]] = []

    def pick(self, queues: Sequence[str]) -> tuple[int, Turn | None]:
        """The next choice among several queues: its place, and what told it, if anything did."""
        number, self.drawn = self.drawn, self.drawn + 1
        turn = self.turns.get(number)
        if turn is not None and turn.queue in queues:
            place = queues.index(turn.queue)
        else:
            turn, place = None, splitmix64(splitmix64(self.key) + self.drawn) % len(queues) if self.key else 0
        if place:
            self.made.append((number, queues[place]))
        return place, turn
