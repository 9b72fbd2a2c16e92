"""Value meshes: one value for each rank of a region, dense or as runs over a table.

The encoding shows in the costs alone. Meshes are values: they do not change, and two are equal when their regions and
their values are (the reference compares encodings, too). In the costs n is the number of ranks, r of runs, k of runs of
an overlay, d of distinct values.

Source: mesh_model.md 2.1, 2.2, 2.4.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

from meshsim.model.shapes.extent import ViewRank
from meshsim.model.shapes.overlay import ValueOverlay
from meshsim.model.shapes.region import Region
from meshsim.model.shapes.runs import RunOf, coalesced, inverted_text, merge_runs, merge_runs_defective, runs_of
from meshsim.model.shapes.view import View

if TYPE_CHECKING:
    from typing import Self

T = TypeVar("T")
U = TypeVar("U")

#: Ranks start <= r < end have the value at this index of the table.
TableRun = tuple[int, int, int]


class CardinalityError(ValueError):
    """Not one value for each rank."""

    def __init__(self, expected: int, actual: int) -> None:
        super().__init__(f"invalid mesh ref: expected {expected} ranks, but contains {actual} ranks")
        self.expected = expected
        self.actual = actual

    def __reduce__(self) -> tuple[type[CardinalityError], tuple[int, int]]:
        return CardinalityError, (self.expected, self.actual)


class _Dense(Generic[T]):
    """A list of n values."""

    __slots__ = ("items",)

    def __init__(self, items: Sequence[T]) -> None:
        self.items = tuple(items)

    def get(self, rank: int) -> T:
        return self.items[rank]

    def values(self) -> Iterator[T]:
        return iter(self.items)

    def runs(self) -> list[RunOf[T]]:
        return runs_of(self.items)


class _Compressed(Generic[T]):
    """Runs into a table of values, which may hold a value twice or one that no run uses."""

    __slots__ = ("spans", "starts", "table")

    def __init__(self, table: Sequence[T], spans: Sequence[TableRun]) -> None:
        self.table = tuple(table)
        self.spans = tuple(spans)
        self.starts = [start for start, _, _ in spans]

    def get(self, rank: int) -> T:
        return self.table[self.spans[bisect_right(self.starts, rank) - 1][2]]

    def values(self) -> Iterator[T]:
        return map(self.get, range(self.spans[-1][1] if self.spans else 0))

    def runs(self) -> list[RunOf[T]]:
        return [(start, end, self.table[index]) for start, end, index in self.spans]


class ValueMesh(View[T]):
    """A region and its values. Made by the class methods."""

    __slots__ = ("_encoded", "_region")

    def __init__(self, region: Region, encoded: _Dense[T] | _Compressed[T]) -> None:
        self._region = region
        self._encoded = encoded

    # --- construction -----------------------------------------------------------------------------------------

    @classmethod
    def new(cls, region: Region, values: Iterable[T]) -> Self:
        """Dense, from one value for each rank in order of view rank. O(n).

        Raises:
            CardinalityError: more or fewer values.
        """
        items = tuple(values)
        _check_cardinality(region.num_ranks, len(items))
        return cls(region, _Dense(items))

    #: What an iterator of items is collected into. Source: mesh_model.md 1.6.
    collect_mesh = new

    @classmethod
    def collect_indexed(cls, region: Region, items: Iterable[tuple[ViewRank, T]]) -> Self:
        """Dense, from (view rank, value) in any order; the last of several for one rank counts. O(n).

        Raises:
            CardinalityError: a rank too big (the actual number is then that rank + 1), or ranks without a value.
        """
        count = region.num_ranks
        found: dict[int, T] = {}
        for rank, value in items:
            if rank >= count:
                raise CardinalityError(count, rank + 1)
            found[rank] = value
        _check_cardinality(count, len(found))
        return cls(region, _Dense([found[rank] for rank in range(count)]))

    @classmethod
    def from_dense(cls, region: Region, values: Iterable[T]) -> Self:
        """Compressed: equal neighbours become one run, each with an entry of its own in the table. O(n).

        Raises:
            CardinalityError: more or fewer values than ranks.
        """
        return cls.new(region, values).compress_adjacent()

    @classmethod
    def from_single(cls, region: Region, value: T) -> Self:
        """Compressed: one value everywhere. O(1)."""
        return cls.from_ranges_with_default(region, value, ())

    @classmethod
    def from_default(cls, region: Region, kind: Callable[[], T]) -> Self:
        """Compressed: what `kind()` makes, everywhere. O(1)."""
        return cls.from_single(region, kind())

    @classmethod
    def from_ranges_with_default(cls, region: Region, default: T, ranges: Iterable[RunOf[T]]) -> Self:
        """Compressed: the default wherever no range says otherwise. O(k log k).

        The default is first in the table, even if it is not used. Neighbours of equal value are not joined.

        Raises:
            CardinalityError: an empty range (actual 0), one beyond the last rank (actual is its end), one that
                overlaps (actual is the start of the later one). With no ranks at all nothing is checked.
        """
        count = region.num_ranks
        table = _Table(default)
        spans: list[TableRun] = []
        at = 0
        for start, end, value in sorted(ranges, key=lambda run: run[:2]) if count else ():
            if start >= end:
                raise CardinalityError(count, 0)
            if end > count:
                raise CardinalityError(count, end)
            if start < at:
                raise CardinalityError(count, start)
            if at < start:
                spans.append((at, start, 0))
            spans.append((start, end, table.index(value)))
            at = end
        if at < count:
            spans.append((at, count, 0))
        return cls(region, _Compressed(table.values, spans))

    @classmethod
    def empty(cls) -> Self:
        """No ranks: one dimension `r` of size 0, dense. O(1)."""
        return cls.new(Region(("r",), 0, (0,), (1,)), ())

    # --- access -----------------------------------------------------------------------------------------------

    @property
    def region(self) -> Region:
        return self._region

    @property
    def is_compressed(self) -> bool:
        return isinstance(self._encoded, _Compressed)

    @property
    def table(self) -> tuple[T, ...]:
        """Values that the runs refer to, in order of table index; of a dense mesh, its values."""
        return self._encoded.table if isinstance(self._encoded, _Compressed) else self._encoded.items

    def runs(self) -> list[RunOf[T]]:
        """(start, end, value) over all view ranks, as they are held; of a dense mesh, with equal neighbours joined."""
        return self._encoded.runs()

    def get(self, rank: ViewRank) -> T | None:
        """The value at a view rank; none beyond the last one. Dense O(1), compressed O(log r)."""
        return self._encoded.get(rank) if 0 <= rank < self._region.num_ranks else None

    def values(self) -> Iterator[T]:
        """In order of view rank. Dense O(n), compressed O(n log r)."""
        return self._encoded.values()

    def inverted(self) -> str:
        """Ranges of view ranks by value, as error texts print them (mesh_model.md 2.7)."""
        return inverted_text(self.runs())

    # --- other meshes -----------------------------------------------------------------------------------------

    def sliced(self, region: Region) -> Self:
        """Dense: the values of a region that is known to be a subset. O(n) and as many `get`s as it has ranks."""
        ranks = self._region.remap(region)
        assert ranks is not None, "the caller makes sure that the region is a subset"
        return type(self)(region, _Dense([self._encoded.get(rank) for rank in ranks]))

    def map_into(self, function: Callable[[T], U]) -> ValueMesh[U]:
        """Dense: the function of each value, called in order of view rank; its first error ends it. O(n)."""
        return ValueMesh(self._region, _Dense([function(value) for value in self.values()]))

    async def join(self: ValueMesh[Awaitable[U]]) -> ValueMesh[U]:
        """Wait for the value of each rank, in order of view rank. Dense meshes only. O(n)."""
        assert not self.is_compressed, "cannot wait several times for one value; the reference panics"
        return ValueMesh(self._region, _Dense([await waited for waited in self.values()]))

    def transpose(self: ValueMesh[U | Exception]) -> ValueMesh[U]:
        """A mesh of outcomes into a mesh of values, in the same encoding. Dense O(n), compressed O(d).

        Raises:
            Exception: the first failed outcome, in order of rank (dense) or of the table (compressed).
        """
        if isinstance(self._encoded, _Compressed):
            spans = self._encoded.spans
            return ValueMesh(self._region, _Compressed([_raised(outcome) for outcome in self._encoded.table], spans))
        return ValueMesh(self._region, _Dense([_raised(outcome) for outcome in self._encoded.items]))

    def compress_adjacent(self, same: Callable[[T, T], bool] | None = None) -> Self:
        """Compressed, with a run for each stretch in which every value is the `same` as the one before it. O(n).

        A run has the first value of its stretch. Nothing happens to a mesh that is compressed already.
        """
        if self.is_compressed:
            return self
        table: list[T] = []
        starts: list[int] = []
        before: list[T] = []
        for rank, value in enumerate(self.values()):
            if not before or not (same(before[0], value) if same else before[0] == value):
                table.append(value)
                starts.append(rank)
            before = [value]
        ends = [*starts[1:], self._region.num_ranks]
        spans = [(start, end, index) for index, (start, end) in enumerate(zip(starts, ends, strict=False))]
        return type(self)(self._region, _Compressed(table, spans))

    def merge_from_overlay(self, overlay: ValueOverlay[T], *, defective: bool = False) -> Self:
        """Compressed: the overlay's values where it has some. O((r + k) + (r + k) d), a dense mesh O(n) first.

        Each value is once in the table, in order of first use. The reference's merge (`defective`) can leave runs
        that overlap: a look-up then finds the later one, and only a mesh with the same runs is equal.

        Raises:
            OverlayError: the overlay names a rank that the mesh does not have.
        """
        overlay.check_bounds(self._region.num_ranks)
        merge = merge_runs_defective if defective else merge_runs
        table: _Table[T] = _Table()
        spans = [(start, end, table.index(value)) for start, end, value in merge(self.runs(), overlay.runs)]
        return type(self)(self._region, _Compressed(table.values, spans))

    # --- comparison -------------------------------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ValueMesh):
            return NotImplemented
        return self._region == other._region and coalesced(self.runs()) == coalesced(other.runs())

    def __hash__(self) -> int:
        return hash((self._region, tuple(coalesced(self.runs()))))

    def __repr__(self) -> str:
        return f"ValueMesh({str(self._region)!r}, {self.runs()})"


def _check_cardinality(expected: int, actual: int) -> None:
    if expected != actual:
        raise CardinalityError(expected, actual)


class _Table(Generic[T]):
    """Different values in order of first use."""

    def __init__(self, *values: T) -> None:
        self.values: list[T] = []
        self._places: dict[T, int] = {}
        for value in values:
            self.index(value)

    def index(self, value: T) -> int:
        """Where the value is in the table, which gets it if need be. O(1); O(d) for values without a hash."""
        try:
            place = self._places.setdefault(value, len(self.values))
        except TypeError:
            place = self.values.index(value) if value in self.values else len(self.values)
        if place == len(self.values):
            self.values.append(value)
        return place


def _raised(outcome: T | Exception) -> T:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
