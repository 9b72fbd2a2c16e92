"""Overlays: sparse patches for the values of a mesh, one run for each range of ranks that changed.

Ranks are view ranks of the mesh that the patch is for. An overlay does not know how many there are: that is found out
when it is merged into a mesh.

Source: mesh_model.md 2.3 and 2.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

from meshsim.model.shapes.runs import RunOf, coalesced, merge_runs, merge_runs_defective

T = TypeVar("T")


class OverlayError(ValueError):
    """Runs that cannot be, or that a mesh has no ranks for; the text is the reference's."""


class ValueOverlay(Generic[T]):
    """Sorted runs without overlap; those that touch and have equal values are one.

    `defective` on an operation asks for what the reference does in place of what it intends: the switch
    `overlay_merge_defect` of mesh_model.md 11.11.
    """

    __slots__ = ("_runs",)

    def __init__(self) -> None:
        self._runs: list[RunOf[T]] = []

    @classmethod
    def try_from_runs(cls, runs: Iterable[RunOf[T]]) -> ValueOverlay[T]:
        """From runs in any order. O(k log k).

        Raises:
            OverlayError: an empty run, or two that overlap.
        """
        overlay: ValueOverlay[T] = cls()
        overlay._runs = _validated(runs)
        return overlay

    @property
    def runs(self) -> Sequence[RunOf[T]]:
        return tuple(self._runs)

    def push_run(self, start: int, end: int, value: T, *, defective: bool = False) -> None:
        """Add one run: O(1) at or after the end of the last one, else everything is sorted anew, O(k log k).

        Raises:
            OverlayError: an empty run, or one that overlaps; the overlay stays as it was. The reference leaves it
                empty after an overlap (`defective`).
        """
        if start >= end:
            raise _empty()
        if self._runs and start < self._runs[-1][1]:
            try:
                self._runs = _validated([*self._runs, (start, end, value)])
            except OverlayError:
                self._runs = [] if defective else self._runs
                raise
        else:
            self._runs[-1:] = coalesced([*self._runs[-1:], (start, end, value)])

    def merge(self, later: ValueOverlay[T], *, defective: bool = False) -> ValueOverlay[T]:
        """Both in one, the later winning: how replies are reduced on their way. O(r + k).

        Raises:
            OverlayError: only if `defective`: the reference's merge can leave overlapping runs, which are then refused.
        """
        if defective:
            return ValueOverlay.try_from_runs(merge_runs_defective(self._runs, later._runs))
        merged: ValueOverlay[T] = ValueOverlay()
        merged._runs = merge_runs(self._runs, later._runs)
        return merged

    def check_bounds(self, count: int) -> None:
        """All runs are within `count` ranks. O(k).

        Raises:
            OverlayError: some run is not; the first such run is named.
        """
        for start, end, _ in self._runs:
            if end > count:
                raise OverlayError(f"range {start}..{end} exceeds region bounds (len={count})")

    def __len__(self) -> int:
        """Number of runs."""
        return len(self._runs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ValueOverlay) and self._runs == other._runs

    __hash__ = None  # type: ignore[assignment]  # It changes in place.

    def __repr__(self) -> str:
        return f"ValueOverlay({self._runs})"


def _validated(runs: Iterable[RunOf[T]]) -> list[RunOf[T]]:
    ordered = sorted(runs, key=lambda run: run[:2])
    for index, (start, end, _) in enumerate(ordered):
        if start >= end:
            raise _empty()
        if index and start < ordered[index - 1][1]:
            before = ordered[index - 1]
            raise OverlayError(f"overlapping or unsorted runs: prev={before[0]}..{before[1]}, next={start}..{end}")
    return coalesced(ordered)


def _empty() -> OverlayError:
    return OverlayError("a run with an empty range (start == end) was provided")
