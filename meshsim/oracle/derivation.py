"""A bound as data: the sum that it is, in symbols and in numbers.

What an invariant compares with and what `meshsim bounds` prints are the same value, so neither can be wrong alone.
"""

from __future__ import annotations

import msgspec

from meshsim.units import DURATION_NS_MAX, format_duration


class Term(msgspec.Struct, frozen=True):
    """So many times one duration: `2 n A`, `8 × 30s`."""

    #: The duration's letter.
    symbol: str
    #: `DURATION_NS_MAX` stands for no limit.
    each_ns: int
    times: int = 1
    #: How the formula writes `times`; empty for once.
    factor: str = ""

    @property
    def formula(self) -> str:
        return f"{self.factor} {self.symbol}".lstrip()

    @property
    def numbers(self) -> str:
        each = format_duration(self.each_ns) if self.each_ns < DURATION_NS_MAX else "no limit"
        return f"{self.times} × {each}" if self.factor else each

    @property
    def total_ns(self) -> int:
        return self.times * self.each_ns


class Largest(msgspec.Struct, frozen=True):
    """The longest of several: `max(J, (n + 1) E)`."""

    terms: tuple[Term, ...]

    @property
    def formula(self) -> str:
        return f"max({', '.join(term.formula for term in self.terms)})"

    @property
    def numbers(self) -> str:
        return f"max({', '.join(term.numbers for term in self.terms)})"

    @property
    def total_ns(self) -> int:
        return max(term.total_ns for term in self.terms)


class Bound(msgspec.Struct, frozen=True):
    """How long something may take at most, and why."""

    #: What it bounds: `detect`, `watchdog`, an operation by its name.
    id: str
    #: From what to what, in one sentence.
    sentence: str
    terms: tuple[Term | Largest, ...]
    #: Sections of supervision.md; where a part is chosen here, it says so.
    source: str
    #: Quirks that are on and for which it does not hold: what is owed then may never come.
    holes: tuple[str, ...] = ()

    @property
    def formula(self) -> str:
        """In symbols: `P + n H + 2 n A + d`."""
        return " + ".join(term.formula for term in self.terms)

    @property
    def numbers(self) -> str:
        """The same with the values of one configuration: `10s + 2 × 1m + 4 × 30s + 1s`."""
        return " + ".join(term.numbers for term in self.terms)

    @property
    def total_ns(self) -> int:
        return min(sum(term.total_ns for term in self.terms), DURATION_NS_MAX)
