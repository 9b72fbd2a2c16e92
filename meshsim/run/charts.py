"""Which transitions there can be at all: states and events of the machines that must be covered whole.

A chart names a machine's states and what it can be told. Of their product, some pairs cannot happen; each such group
has its reason here. `meshsim coverage` holds the runs of scenarios against this: a pair that is neither reached nor
excused is a hole, and one that is excused and yet reached is a wrong excuse.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from meshsim.run.coverage import Pair

#: Stands for every state, or every event, of a chart.
EVERY = ("*",)


class Excuse(msgspec.Struct, frozen=True):
    """Pairs that cannot be reached, and why."""

    states: tuple[str, ...]
    events: tuple[str, ...]
    why: str


class Chart(msgspec.Struct, frozen=True):
    """The pairs of one machine."""

    machine: str
    states: tuple[str, ...]
    events: tuple[str, ...]
    excuses: tuple[Excuse, ...]

    def pairs(self) -> Iterator[Pair]:
        """The whole product, state by state."""
        for state in self.states:
            for event in self.events:
                yield Pair(self.machine, state, event)

    def excuse(self, pair: Pair) -> str | None:
        """Why a pair cannot be reached; none if it can. The first excuse that fits counts."""
        for excuse in self.excuses:
            if _fits(pair.state, excuse.states) and _fits(pair.event, excuse.events):
                return excuse.why
        return None


def _fits(name: str, names: tuple[str, ...]) -> bool:
    return names == EVERY or name in names
