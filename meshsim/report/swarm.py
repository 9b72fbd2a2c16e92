"""Latencies as a figure: a row for each kind, every measurement a point, against the bound that was derived for it.

On the left what it took in seconds, with each bound as a tick below the points; on the right the part of its bound
that it used, with the bound as a line. What came too late or never stands to the right of that line.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median_low
from typing import TYPE_CHECKING

from meshsim.report.ink import Draw, Ink, plain, png_file, svg_file, svg_fragment
from meshsim.report.lanes import FAILED, RUNNING
from meshsim.report.latencies import KINDS, Latency
from meshsim.units import S

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH_IN, _LEFT_IN, _GAP_IN, _RIGHT_IN = 10.2, 1.15, 0.45, 0.2
_BETWEEN_IN, _HEAD_IN, _FOOT_IN = 0.68, 0.3, 0.45
#: Height of a panel of points: `swarm` fills it.
PANEL_IN = 0.78
#: Diameter of a point, and width of a column whose points have to share it, in points (1/72 inch).
_POINT, _COLUMN = 4.0, 14.0
#: Where a share over the bound is shown: how far over is not known of what never came.
_OVER = 1.08
#: Part of a panel above the ticks of the bounds, and below its title.
_FLOOR, _CEILING = 0.24, 0.96
#: Where half of all times are below this part of the axis it is logarithmic, from `_LEAST_S` on at the earliest.
_DECADES_FROM, _LEAST_S = 30, 0.001


def latency_svg(latencies: Sequence[Latency], title: str = "") -> str:
    """A file of its own."""
    return svg_file(*_figure(latencies, title))


def latency_png(latencies: Sequence[Latency], title: str = "") -> bytes:
    """The same as pixels."""
    return png_file(*_figure(latencies, title))


def latency_fragment(latencies: Sequence[Latency], label: str) -> str:
    """A fragment for a page; `label` is read to the blind."""
    return svg_fragment(*_figure(latencies, ""), label)


def _figure(latencies: Sequence[Latency], title: str) -> tuple[tuple[float, float], Draw]:
    kinds = [kind for kind in KINDS if any(each.margin.kind == kind for each in latencies)]
    head = _HEAD_IN + (0.25 if title else 0.0)
    size = (_WIDTH_IN, head + len(kinds) * (PANEL_IN + _BETWEEN_IN) - _BETWEEN_IN + _FOOT_IN)

    def draw(figure: Figure, ink: Ink) -> None:
        if title:
            figure.text(0.01, 1 - 0.08 / size[1], title, va="top", color=ink("ink"), fontsize=10, fontweight="bold")
        for row, kind in enumerate(kinds):
            top = head + row * (PANEL_IN + _BETWEEN_IN)
            _draw_kind(figure, ink, kind, [each for each in latencies if each.margin.kind == kind], top)

    return size, draw


def _draw_kind(figure: Figure, ink: Ink, kind: str, latencies: Sequence[Latency], top_in: float) -> None:
    height = figure.get_figheight()
    width_in = (_WIDTH_IN - _LEFT_IN - _GAP_IN - _RIGHT_IN) / 2
    bottom, tall = 1 - (top_in + PANEL_IN) / height, PANEL_IN / height
    left = figure.add_axes((_LEFT_IN / _WIDTH_IN, bottom, width_in / _WIDTH_IN, tall))
    right = figure.add_axes(
        ((_LEFT_IN + width_in + _GAP_IN) / _WIDTH_IN, bottom, width_in / _WIDTH_IN, tall), label=f"share of {kind}"
    )
    over = sum(each.margin.took_ns > each.margin.bound_ns for each in latencies)
    figure.text(0.01, bottom + 0.7 * tall, kind, color=ink("ink"), fontsize=9, fontweight="bold", va="center")
    count = f"{len(latencies)} measured" + (f"\n{over} over" if over else "")
    figure.text(0.01, bottom + 0.6 * tall, count, color=ink("muted"), fontsize=7, va="top")
    left.set_title(KINDS[kind], loc="left", color=ink("muted"), fontsize=8, pad=4)
    right.set_title("part of its bound that was used", loc="left", color=ink("muted"), fontsize=8, pad=4)
    _draw_times(left, ink, latencies, width_in)
    _draw_shares(right, ink, latencies, width_in)


def _draw_times(axes: Axes, ink: Ink, latencies: Sequence[Latency], width_in: float) -> None:
    clocks = sorted({each.clock for each in latencies})
    took = [min(each.margin.took_ns, each.margin.bound_ns) / S for each in latencies]
    bounds = sorted({each.margin.bound_ns / S for each in latencies})
    scale = _Scale(took, bounds)
    _frame(axes, ink, scale.end)
    axes.set_xticks(*scale.ticks())
    axes.plot(
        [scale(bound) for bound in bounds],
        [_FLOOR / 3] * len(bounds),
        linestyle="none",
        marker="|",
        markersize=7,
        color=ink("fault"),
        clip_on=False,
    )
    over = [each.margin.took_ns > each.margin.bound_ns for each in latencies]
    _points(axes, ink, [scale(each) for each in took], over, scale.end / width_in)
    axes.set_xlabel(f"{' and '.join(clocks)} time; red ticks: bounds", color=ink("muted"), loc="left")


class _Scale:
    """Where seconds are on the axis: in proportion, or by decades when they differ too much; 0 is its left end."""

    def __init__(self, took: Sequence[float], bounds: Sequence[float]) -> None:
        least, most = max(min(took), _LEAST_S), max(*took, *bounds, _LEAST_S)
        self.by_decades = most > _DECADES_FROM * max(median_low(took), _LEAST_S)
        self.first = math.floor(math.log10(least))
        self.end = (math.log10(most) - self.first + 0.15) if self.by_decades else most * 1.04

    def __call__(self, seconds: float) -> float:
        return math.log10(max(seconds, 10**self.first)) - self.first if self.by_decades else seconds

    def ticks(self) -> tuple[list[float], list[str]]:
        """Places and texts."""
        if self.by_decades:
            powers = range(math.ceil(self.end))
            return [float(power) for power in powers], [_seconds(10 ** (self.first + power)) for power in powers]
        step = 10 ** math.floor(math.log10(self.end))
        step = next(part for part in (step / 5, step / 2, step, 2 * step) if self.end / part < 7)
        count = math.floor(self.end / step) + 1
        return [step * i for i in range(count)], [_seconds(step * i) for i in range(count)]


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:g} ms" if 0 < seconds < 1 else f"{seconds:g} s"


def _draw_shares(axes: Axes, ink: Ink, latencies: Sequence[Latency], width_in: float) -> None:
    over = [each.margin.took_ns > each.margin.bound_ns for each in latencies]
    shares = [_OVER if late else each.margin.share for each, late in zip(latencies, over, strict=True)]
    _frame(axes, ink, 1.16)
    axes.axvline(1.0, color=ink("fault"), linewidth=1.2)
    _points(axes, ink, shares, over, 1.16 / width_in)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1.0], ["0 %", "25 %", "50 %", "75 %", "bound"])
    if any(over):
        axes.text(_OVER, 0.02, "over", ha="center", color=ink("fault"), fontsize=7)


def _frame(axes: Axes, ink: Ink, end: float) -> None:
    axes.set_xlim(-0.02 * end, end)
    axes.set_ylim(0, 1)
    plain(axes, ink)


def _points(axes: Axes, ink: Ink, xs: Sequence[float], over: Sequence[bool], inch: float) -> None:
    """Each value a point of its own, none on another; `inch` is how much of the axis an inch is."""
    places, size = swarm(xs, inch / 72)
    for late, colour, marker in ((False, RUNNING, "o"), (True, FAILED, "X")):
        chosen = [place for place, is_late in zip(places, over, strict=True) if is_late == late]
        if chosen:
            axes.plot(
                *zip(*chosen, strict=True),
                linestyle="none",
                marker=marker,
                markersize=_POINT + 1 if late else size,
                color=ink(colour),
                markeredgecolor=ink("page"),
                markeredgewidth=0.4 if size == _POINT else 0.0,
                clip_on=False,
                zorder=3,
            )


def swarm(xs: Sequence[float], unit: float) -> tuple[list[tuple[float, float]], float]:
    """Places for values so that no point covers another, in their order, and the diameter of a point.

    `unit` is how much of the axis a 72nd of an inch is. Points that would touch stand on top of one another. Where
    even the tallest column has room every point is at its value; otherwise points are smaller and stand in rows, at
    most `_COLUMN` units wide: off their value by that much.
    """
    room = (_CEILING - _FLOOR - 0.06) * PANEL_IN * 72
    size, columns = _POINT, _columns(xs, _POINT * unit)
    tallest = max(map(len, columns), default=0)
    abreast = 1
    if tallest * size > room:
        columns = _columns(xs, _COLUMN * unit)
        size = min(_POINT, math.sqrt(room * _COLUMN / max(map(len, columns))))
        abreast = max(int(_COLUMN / size), 1)
    places = [(0.0, 0.0)] * len(xs)
    for column in columns:
        start = min(xs[index] for index in column)
        for place, index in enumerate(column):
            level, across = divmod(place, abreast)
            x = xs[index] if abreast == 1 or len(column) == 1 else start + across * size * unit
            places[index] = (x, _FLOOR + 0.06 + level * size / 72 / PANEL_IN)
    return places, size


def _columns(xs: Sequence[float], width: float) -> list[list[int]]:
    """Indices of the values, sorted, in groups that are `width` wide."""
    columns: dict[int, list[int]] = {}
    for index in sorted(range(len(xs)), key=lambda index: xs[index]):
        columns.setdefault(int(xs[index] / width), []).append(index)
    return list(columns.values())
