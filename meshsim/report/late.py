"""How late a free-running machine was, kind by kind, over all live runs of a report: as a table and as points.

Lateness is measured in the time of the scenario, which is virtual: at a time scale of 0.1 a wall millisecond counts
as ten. The table has the worst in wall time beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import msgspec

from meshsim.report.ink import png_file, svg_file, svg_fragment
from meshsim.report.strips import Strip, strips_figure
from meshsim.report.worlds import Told
from meshsim.run import LATENESS, Late, Timing, late_text, spread

_X_LABEL = "late by, virtual time; triangles: medians"


class LateRow(msgspec.Struct, frozen=True):
    """One kind over all live runs, as text."""

    kind: str
    about: str
    count: str
    median: str
    worst: str
    worst_wall: str
    #: What the latest was, and in which run if there are several.
    latest: str


class LateView(msgspec.Struct, frozen=True):
    """What a page says of lateness; nothing where no run was live."""

    rows: tuple[LateRow, ...]
    #: Wall time for virtual time, of all runs: `1`, or `0.1 and 1`.
    scales: str
    figure: str


def late_view(traces: Sequence[Told]) -> LateView | None:
    """Table and figure for a page; None when nothing was measured."""
    timed = _timed(traces)
    if not timed:
        return None
    kinds = [kind for kind in LATENESS if any(kind in timing.late for _, timing in timed)]
    scales = sorted({timing.time_scale for _, timing in timed})
    fragment = svg_fragment(*strips_figure(_strips(timed), _X_LABEL), "How late things were in live runs, by kind")
    return LateView(
        rows=tuple(_row(kind, timed) for kind in kinds),
        scales=" and ".join(f"{scale:g}" for scale in scales),
        figure=fragment,
    )


def late_files(traces: Sequence[Told]) -> dict[str, bytes]:
    """The figure as files, name -> content; none when nothing was measured."""
    timed = _timed(traces)
    if not timed:
        return {}
    figure = strips_figure(
        _strips(timed),
        _X_LABEL,
        "Lateness in one live run" if len(timed) == 1 else f"Lateness in {len(timed)} live runs",
    )
    return {"lateness.svg": svg_file(*figure).encode(), "lateness.png": png_file(*figure)}


def _timed(traces: Sequence[Told]) -> list[tuple[Told, Timing]]:
    return [(each, each.run.timing) for each in traces if each.run.timing is not None and each.run.timing.late]


def _of_kind(kind: str, timed: Sequence[tuple[Told, Timing]]) -> list[tuple[Told, Timing, Late]]:
    return [(trace, timing, timing.late[kind]) for trace, timing in timed if kind in timing.late]


def _kept_ns(lates: Sequence[Late]) -> list[int]:
    """The single values, or what files have that were written before those were kept; sorted."""
    return sorted(value for late in lates for value in late.values_ns or [late.median_ns, late.worst_ns])


def _strips(timed: Sequence[tuple[Told, Timing]]) -> list[Strip]:
    strips = []
    for kind in LATENESS:
        lates = [late for _, _, late in _of_kind(kind, timed)]
        if lates:
            kept = _kept_ns(lates)
            shown, count = spread(kept), sum(late.count for late in lates)
            note = f"{count} measured" + (f", {len(shown)} shown" if len(shown) < count else "")
            strips.append(Strip(kind.replace("_", " "), note, shown, int(median(kept))))
    return strips


def _row(kind: str, timed: Sequence[tuple[Told, Timing]]) -> LateRow:
    found = _of_kind(kind, timed)
    trace, timing, worst = max(found, key=lambda each: each[2].worst_ns)
    where = f", in {trace.scenario} seed {trace.seed}" if len(timed) > 1 else ""
    return LateRow(
        kind=kind.replace("_", " "),
        about=LATENESS[kind],
        count=str(sum(late.count for _, _, late in found)),
        median=late_text(int(median(_kept_ns([late for _, _, late in found])))),
        worst=late_text(worst.worst_ns),
        worst_wall=late_text(int(worst.worst_ns * timing.time_scale)),
        latest=worst.worst + where,
    )
