"""One plan in several worlds, side by side: what struck, who died, who heard of what, how operations ended, and when.

Nothing is judged here. It is read off the traces, so that a reader sees at a glance where worlds say the same and how
much later one of them was.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from meshsim.model.notes import Heard, OperationEnded
from meshsim.oracle.equivalence.measured import TIME, measured
from meshsim.report.worlds import clock_of
from meshsim.run import RunResult
from meshsim.trace.directory import Directory
from meshsim.trace.records import FaultMissed, FaultStruck, ProcessDied, Record
from meshsim.trace.story import describe, time_text
from meshsim.units import MS, format_duration

#: Rows that the page shows. Source: chosen here; `meshsim trace` prints the rest.
ROWS_MAX = 40

_TOLD = (FaultMissed, FaultStruck, Heard, OperationEnded, ProcessDied)


class WorldRow(msgspec.Struct, frozen=True):
    """One thing that happened, in each world."""

    what: str
    #: When, and how often if not once; `never` where it did not happen.
    when: tuple[str, ...]
    #: Whether it happened equally often in all of them.
    is_same: bool
    #: How much later the last world was with it than the first; empty where one of them never had it.
    later: str


class WorldsView(msgspec.Struct, frozen=True):
    """A table with a column for each world."""

    worlds: tuple[str, ...]
    #: What its times are, world by world: `virtual` or `wall`.
    clocks: tuple[str, ...]
    rows: tuple[WorldRow, ...]
    #: Rows that the table leaves out; those that are not the same come first.
    left_out: int
    #: `the same 12 things happened in all 3 worlds`, or how many did not.
    sentence: str


def side_by_side(runs: Sequence[RunResult], rows_max: int = ROWS_MAX) -> WorldsView:
    """What is worth comparing of the runs of one plan, in the order in which it happened in the first."""
    told = [happened(run.records) for run in runs]
    order = list(dict.fromkeys(what for each in told for what in each))
    rows = [_row(what, [each.get(what, []) for each in told]) for what in order]
    odd = [row for row in rows if not row.is_same]
    kept = {id(row) for row in [*odd, *(row for row in rows if row.is_same)][:rows_max]}
    return WorldsView(
        worlds=tuple(run.backend for run in runs),
        clocks=tuple(clock_of(run) for run in runs),
        rows=tuple(row for row in rows if id(row) in kept),
        left_out=len(rows) - len(kept),
        sentence=_sentence(len(rows), len(odd), len(runs)),
    )


def happened(records: Sequence[Record]) -> dict[str, list[int]]:
    """What happened, in words without times, and every time at which it did (nanoseconds)."""
    directory = Directory.of(records)
    found: dict[str, list[int]] = {}
    for record in records:
        if isinstance(record.what, _TOLD):
            words = describe(record, directory)
            if isinstance(record.what, ProcessDied):
                words = f"{directory.name_of_node(record.node)}: {words}"
            # A duration is measured in one world and planned in another.
            found.setdefault(measured(words)[0].replace(TIME, "…"), []).append(record.at)
    return found


def _row(what: str, times: Sequence[Sequence[int]]) -> WorldRow:
    counts = {len(each) for each in times}
    later_ns = times[-1][0] - times[0][0] if times[0] and times[-1] else None
    later = "" if later_ns is None else f"{'-' if later_ns < 0 else '+'}{format_duration(abs(later_ns) // MS * MS)}"
    return WorldRow(what, tuple(map(_when, times)), len(counts) == 1, later)


def _when(times: Sequence[int]) -> str:
    """`20.029s, 2 times`: the first, to the millisecond."""
    if not times:
        return "never"
    first = time_text(times[0] // MS * MS)
    return first if len(times) == 1 else f"{first}, {len(times)} times"


def _sentence(count: int, odd: int, worlds: int) -> str:
    if not odd:
        return f"the same {count} things happened in all {worlds} worlds, equally often"
    return f"{odd} of {count} things did not happen in all {worlds} worlds, or not equally often"
