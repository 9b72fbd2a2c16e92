"""Accumulators: what a port that adds up its updates can hold.

Each is a value with a start, a `join` and what a reader sees. An update is such a value too, made by `at` or `of`.
Joins do not depend on order, and but for the sum a value joined twice counts once.

    Sum            numbers       their sum                            starts at 0
    Max, Min       numbers       the largest, the smallest            start at the other end of the type
    Watermark      per rank the value with the latest logical time    the least over the ranks; it may go down
    GrowCounter    per rank the highest count                         the sum over the ranks
    TwoWayCounter  one grow-only counter up and one down              up less down

Where the reference panics, `AccumulatorPanic` is raised. Source: mesh_model.md 3.6.
"""

from __future__ import annotations

import msgspec


class AccumulatorPanic(Exception):  # noqa: N818  # What the reference does; it is not an error that anybody handles.
    """Updates or reads that the reference panics at."""


class IntType(msgspec.Struct, frozen=True):
    """Whole numbers of 64 bits: the only ones with accumulators that have reducers."""

    smallest: int
    largest: int

    def wrapped(self, number: int) -> int:
        """What is left of a number in 64 bits. [inferred]: the reference adds as its language does in a release."""
        return (number - self.smallest) % (self.largest - self.smallest + 1) + self.smallest


U64 = IntType(0, (1 << 64) - 1)
I64 = IntType(-(1 << 63), (1 << 63) - 1)


class Sum(msgspec.Struct, frozen=True):
    kind: IntType
    value: int = 0

    def join(self, other: Sum) -> Sum:
        return Sum(self.kind, self.kind.wrapped(self.value + other.value))


class Max(msgspec.Struct, frozen=True):
    value: int

    @classmethod
    def start(cls, kind: IntType) -> Max:
        return cls(kind.smallest)

    def join(self, other: Max) -> Max:
        return max(self, other, key=lambda one: one.value)


class Min(msgspec.Struct, frozen=True):
    value: int

    @classmethod
    def start(cls, kind: IntType) -> Min:
        return cls(kind.largest)

    def join(self, other: Min) -> Min:
        return min(self, other, key=lambda one: one.value)


class Watermark(msgspec.Struct, frozen=True):
    """How far each rank is. A rank writes its own value, with a logical time that grows."""

    #: By rank: (value, logical time).
    ranks: dict[int, tuple[int, int]] = {}

    @classmethod
    def at(cls, rank: int, value: int, time: int) -> Watermark:
        return cls({rank: (value, time)})

    def join(self, other: Watermark) -> Watermark:
        """For each rank what was written last.

        Raises:
            AccumulatorPanic: a rank wrote two values at one time.
        """
        ranks = dict(self.ranks)
        for rank, (value, time) in other.ranks.items():
            known, known_time = ranks.get(rank, (value, time))
            if time == known_time and value != known:
                raise AccumulatorPanic(f"rank {rank} wrote both {known} and {value} at time {time}")
            ranks[rank] = (value, time) if time > known_time else (known, known_time)
        return Watermark(ranks)

    @property
    def value(self) -> int:
        """The least over the ranks that were seen: a rank that writes for the first time may lower it.

        Raises:
            AccumulatorPanic: no rank was seen.
        """
        if not self.ranks:
            raise AccumulatorPanic("watermark read before the first update")
        return min(value for value, _ in self.ranks.values())


class GrowCounter(msgspec.Struct, frozen=True):
    """Each rank counts up; an update has the rank's whole count, not what was added."""

    #: By rank.
    counts: dict[int, int] = {}

    @classmethod
    def of(cls, rank: int, count: int) -> GrowCounter:
        return cls({rank: count})

    def join(self, other: GrowCounter) -> GrowCounter:
        ranks = {**self.counts, **other.counts}
        return GrowCounter({rank: max(self.counts.get(rank, 0), other.counts.get(rank, 0)) for rank in ranks})

    @property
    def value(self) -> int:
        return sum(self.counts.values())


class TwoWayCounter(msgspec.Struct, frozen=True):
    """Each rank counts up and down; both halves only grow."""

    ups: GrowCounter = GrowCounter()
    downs: GrowCounter = GrowCounter()

    @classmethod
    def inc(cls, rank: int, count: int) -> TwoWayCounter:
        return cls(ups=GrowCounter.of(rank, count))

    @classmethod
    def dec(cls, rank: int, count: int) -> TwoWayCounter:
        return cls(downs=GrowCounter.of(rank, count))

    def join(self, other: TwoWayCounter) -> TwoWayCounter:
        return TwoWayCounter(self.ups.join(other.ups), self.downs.join(other.downs))

    @property
    def value(self) -> int:
        return self.ups.value - self.downs.value
