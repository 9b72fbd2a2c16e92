"""Ranked values: the older twin of an overlay, behind the statuses of spawn and stop errors.

Source: mesh_model.md 2.7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

from meshsim.model.shapes.runs import RunOf, inverted_text, merge_intervals_defective, merge_runs
from meshsim.model.shapes.value_mesh import ValueMesh
from meshsim.model.status import NOT_EXIST, Status

T = TypeVar("T")


class RankedValues(Generic[T]):
    """Sorted intervals with values, without overlap; ranks may be missing. Equal when the intervals are."""

    __slots__ = ("_intervals",)

    def __init__(self, *intervals: RunOf[T]) -> None:
        self._intervals = intervals

    @classmethod
    def at(cls, rank: int, value: T) -> RankedValues[T]:
        return cls((rank, rank + 1, value))

    @property
    def intervals(self) -> Sequence[RunOf[T]]:
        return self._intervals

    def rank(self, value: int) -> int:
        """How many ranks below this one have a value. O(r)."""
        return sum(max(0, min(end, value) - start) for start, end, _ in self._intervals)

    def materialized_iter(self, until: int) -> Iterator[T]:
        """The value of each rank below `until`. O(until + r).

        Raises:
            IndexError: a rank without a value; the reference panics.
        """
        at = 0
        for start, end, value in self._intervals:
            if at >= until or start > at:
                break
            for _ in range(start, min(end, until)):
                yield value
            at = end
        if at < until:
            raise IndexError("insufficient rank")

    def merge_from(self, later: RankedValues[T], *, defective: bool = False) -> RankedValues[T]:
        """Both in one, the later winning; `defective` does it as the reference does. O(r + k)."""
        merge = merge_intervals_defective if defective else merge_runs
        return RankedValues(*merge(self._intervals, later._intervals))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RankedValues) and self._intervals == other._intervals

    def __hash__(self) -> int:
        return hash(self._intervals)

    def __str__(self) -> str:
        """Inverted: `Running=0..2;Failed(x)=2..4`."""
        return inverted_text(self._intervals)

    def __repr__(self) -> str:
        return f"RankedValues{self._intervals}"


def first_terminating(statuses: RankedValues[Status]) -> tuple[int, Status] | None:
    """Start and status of the first interval that is terminating."""
    return _first(statuses, lambda status: status.is_terminating)


def first_failed(statuses: RankedValues[Status]) -> tuple[int, Status] | None:
    """Start and status of the first interval that is a failure."""
    return _first(statuses, lambda status: status.is_failure)


def ranked_statuses(mesh: ValueMesh[Status], default: Status) -> RankedValues[Status]:
    """The default everywhere, then every status other than NotExist, rank by rank."""
    count = mesh.region.num_ranks
    ranked = RankedValues((0, count, default)) if count else RankedValues[Status]()
    for rank, status in enumerate(mesh.values()):
        if status != NOT_EXIST:
            ranked = ranked.merge_from(RankedValues.at(rank, status))
    return ranked


def _first(statuses: RankedValues[Status], found: Callable[[Status], bool]) -> tuple[int, Status] | None:
    return next(((start, status) for start, _, status in statuses.intervals if found(status)), None)
