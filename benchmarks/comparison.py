"""One measured thing beside its baseline, round by round."""

from __future__ import annotations

from statistics import median
from typing import Literal

import msgspec


class Aim(msgspec.Struct, frozen=True):
    """What a measurement should reach: its ratio to the baseline, or its own value, at least or at most a limit."""

    of: Literal["ratio", "value"]
    at: Literal["least", "most"]
    limit: float

    def __str__(self) -> str:
        sign = "≥" if self.at == "least" else "≤"
        return f"{'ratio ' if self.of == 'ratio' else ''}{sign} {self.limit:g}"


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Values of all rounds: `ours[i]` and `bare[i]` were measured one right after the other."""

    name: str
    unit: str
    ours: list[float]
    #: What stands beside it; empty, with `bare`, when there is nothing to compare with.
    bare_name: str = ""
    bare: list[float] = []
    aim: Aim | None = None

    @property
    def value(self) -> float:
        return median(self.ours)

    @property
    def ratios(self) -> list[float]:
        """Ours by bare, for each round: the load of a neighbour hits both."""
        return [ours / bare for ours, bare in zip(self.ours, self.bare, strict=True)] if self.bare else []

    @property
    def ratio(self) -> float | None:
        return median(self.ratios) if self.bare else None

    @property
    def met(self) -> bool | None:
        """Whether the median reaches the aim; None without one."""
        if self.aim is None:
            return None
        reached = self.value if self.aim.of == "value" else self.ratio
        assert reached is not None, f"{self.name}: an aim for a ratio needs a baseline"
        return reached >= self.aim.limit if self.aim.at == "least" else reached <= self.aim.limit
