"""Decisions that the modelled system leaves to chance, drawn so that the same run always decides alike.

Source: mesh_model.md 6.3 (the choice between ready queues is random in the modelled system).
"""

from __future__ import annotations

import msgspec

from meshsim.model.ids import splitmix64


class Choices(msgspec.Struct):
    """Draws numbers. A counter-keyed hash, so that a machine which holds one stays pure."""

    key: int
    drawn: int = 0

    def pick(self, count: int) -> int:
        """The next choice among `count` things, 0 to `count - 1`."""
        self.drawn += 1
        return splitmix64(splitmix64(self.key) + self.drawn) % count
