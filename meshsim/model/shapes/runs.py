"""Runs of equal values over ranks, and what happens when later ones meet earlier ones.

A run is (start, end, value): half-open and not empty. A list of runs is sorted and without overlap; ranks may be
missing. r and k are the numbers of runs on the left and on the right.

The rule is: later wins on every rank that it mentions. The reference's own linear merges break it when a right run is
longer than one rank: what lies to the right of the first left run that it covers can survive. They are here for those
who want to see that happen (switch `overlay_merge_defect`).

Source: mesh_model.md 2.4, 2.7, 11.11.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")

#: Ranks start <= r < end have this value.
RunOf = tuple[int, int, T]


def coalesced(runs: Iterable[RunOf[T]]) -> list[RunOf[T]]:
    """Neighbours that touch and have equal values become one. O(number of runs)."""
    joined: list[RunOf[T]] = []
    for run in runs:
        _append(joined, run)
    return joined


def runs_of(values: Iterable[T]) -> list[RunOf[T]]:
    """Complete runs over values in order of rank. O(number of values)."""
    return coalesced((rank, rank + 1, value) for rank, value in enumerate(values))


def values_of(runs: Iterable[RunOf[T]], values: Sequence[T]) -> list[T]:
    """`values` with each run written over them. Where runs overlap, the last one in the list counts. O(n + r)."""
    written = list(values)
    for start, end, value in runs:
        written[start:end] = [value] * (end - start)
    return written


def inverted_text(runs: Iterable[RunOf[T]]) -> str:
    """Ranges by value, as error texts print them: `value=a..b,c..d;value2=e..f`.

    Values come in the order of their first rank: the reference follows a hash map, and mesh_model.md 2.7 asks a
    simulator to choose.
    """
    ranges: dict[T, list[str]] = {}
    for start, end, value in coalesced(runs):
        ranges.setdefault(value, []).append(f"{start}..{end}")
    return ";".join(f"{value}={','.join(places)}" for value, places in ranges.items())


def merge_runs(left: Sequence[RunOf[T]], right: Sequence[RunOf[T]]) -> list[RunOf[T]]:
    """Right wins on every rank that it mentions, left keeps the others. Sorted, coalesced. O(r + k)."""
    kept: list[RunOf[T]] = []
    first = 0
    for start, end, value in left:
        while first < len(right) and right[first][1] <= start:
            first += 1
        at, covering = start, first
        while covering < len(right) and right[covering][0] < end:
            if at < right[covering][0]:
                kept.append((at, right[covering][0], value))
            at = right[covering][1]
            covering += 1
        if at < end:
            kept.append((at, end, value))
    # Two sorted lists in a row: Python's sort merges them in linear time.
    return coalesced(sorted([*kept, *right], key=_start))


def merge_runs_defective(left: Sequence[RunOf[T]], right: Sequence[RunOf[T]]) -> list[RunOf[T]]:
    """The reference's merge of overlays: where an equal value is extended, left runs behind it are not trimmed.

    The result can hold runs that overlap. O(r + k). Source: mesh_model.md 2.4.
    """
    return _merge_linear(left, right, trims_all=True)


def merge_intervals_defective(left: Sequence[RunOf[T]], right: Sequence[RunOf[T]]) -> list[RunOf[T]]:
    """The reference's merge of ranked values: a right run trims only the first left run that it covers.

    The result can hold runs that overlap. O(r + k). Source: mesh_model.md 2.7.
    """
    return _merge_linear(left, right, trims_all=False)


def _merge_linear(left: Sequence[RunOf[T]], right: Sequence[RunOf[T]], *, trims_all: bool) -> list[RunOf[T]]:
    """What both defective merges have in common.

    Args:
        left: the earlier runs.
        right: the later runs.
        trims_all: whether a right run of a *different* value trims every left run that it covers.
    """
    merged: list[RunOf[T]] = []
    # Nearest last: the front is taken and put back with a new start.
    lefts, rights = list(reversed(left)), list(reversed(right))
    while lefts and rights:
        (left_start, left_end, left_value), (right_start, right_end, right_value) = lefts[-1], rights[-1]
        if left_end <= right_start:
            _append(merged, lefts.pop())
        elif right_end <= left_start:
            _append(merged, rights.pop())
        elif left_value == right_value:
            rights.pop()
            _append(merged, (min(left_start, right_start), right_end, right_value))
            _trim_first(lefts, right_end)
        elif left_start < right_start:
            _append(merged, (left_start, right_start, left_value))
            _trim_first(lefts, right_start)
        else:
            _append(merged, rights.pop())
            _trim_first(lefts, right_end)
            while trims_all and lefts and lefts[-1][0] < right_end:
                _trim_first(lefts, right_end)
    for run in reversed(lefts or rights):
        _append(merged, run)
    return merged


def _trim_first(lefts: list[RunOf[T]], start: int) -> None:
    """The nearest left run begins here, if anything of it is left."""
    _, end, value = lefts.pop()
    if start < end:
        lefts.append((start, end, value))


def _append(runs: list[RunOf[T]], run: RunOf[T]) -> None:
    if runs and runs[-1][1] == run[0] and runs[-1][2] == run[2]:
        runs[-1] = (runs[-1][0], run[1], run[2])
    else:
        runs.append(run)


def _start(run: RunOf[T]) -> int:
    return run[0]
