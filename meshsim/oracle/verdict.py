"""What judging a trace yields."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

import msgspec

#: Id under which an exception of a node's code is reported: a machine returns commands, whatever it is told.
CODE_RETURNS = "code-returns"


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that must hold and did not."""

    #: Id of the invariant; `expect[i]` or `known[i]` for what the scenario itself states.
    invariant: str
    #: Who or what it is about, as people write it: `trainer[1]`, `client`, `host0/workers_1`.
    subject: str
    message: str
    #: Virtual time at which it was certain.
    at: int
    #: Sequence numbers of the records that show it.
    records: tuple[int, ...] = ()
    #: `safety`: something bad happened. `liveness`: something good did not happen in time.
    kind: Literal["safety", "liveness"] = "safety"


#: What a deadline is about, in the order in which tables show them.
MarginKind = Literal["detect", "report", "stop", "reap", "watchdog", "wait"]


class Margin(msgspec.Struct, frozen=True, kw_only=True):
    """How close something came to its derived bound."""

    kind: MarginKind
    subject: str
    #: Virtual time that it took, from what made it due, time that excuses it taken off.
    took_ns: int
    #: What it may take at most.
    bound_ns: int
    #: Sequence number of the record that ended it, or of the one that made it due.
    record: int

    @property
    def share(self) -> float:
        """Part of the bound that was used: over 1 is a violation."""
        return self.took_ns / self.bound_ns

    @property
    def percent(self) -> str:
        """The share as tables show it: `41 %`, or `over` for what came too late or never."""
        return "over" if self.took_ns > self.bound_ns else f"{self.share:.0%}".replace("%", " %")


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """`inconclusive`: the run was not what the scenario asked for, and nothing was found wrong in what there is."""

    outcome: Literal["passed", "violated", "inconclusive"]
    #: What must not be, in order of time.
    violations: tuple[Violation, ...] = ()
    #: Violations that the scenario lists: as known, or as what must catch it.
    known: tuple[Violation, ...] = ()
    #: The closest of each kind, in the order of `MarginKind`.
    margins: tuple[Margin, ...] = ()
    #: Why a verdict is inconclusive, or what was violated in one line; empty when it passed.
    reason: str = ""

    @property
    def closest(self) -> Margin | None:
        """The margin that is closest of all, or furthest beyond; the first of several."""
        return max(self.margins, key=lambda margin: margin.share, default=None)


def closest(margins: Iterable[Margin]) -> tuple[Margin, ...]:
    """Of each kind the one with the largest share, the first of several; in the order of `MarginKind`."""
    best: dict[str, Margin] = {}
    for margin in margins:
        if margin.kind not in best or margin.share > best[margin.kind].share:
            best[margin.kind] = margin
    return tuple(best[kind] for kind in get_args(MarginKind) if kind in best)
