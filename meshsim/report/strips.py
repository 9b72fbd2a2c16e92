"""Short times as points: a strip for each kind, every value a point of its own, on one axis by decades.

Lateness spans from a microsecond to seconds; what is below `LEAST_NS` stands at the left end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from meshsim.report.ink import Draw, Ink, plain
from meshsim.report.lanes import RUNNING
from meshsim.report.swarm import PANEL_IN, swarm
from meshsim.units import MS, US, S

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: The left end of the axis: less than this no clock of this kind tells apart.
LEAST_NS = US

#: Where strips are: inches from the left, between their lower ends, and below the last.
_WIDTH_IN, _LEFT_IN, _RIGHT_IN = 10.2, 1.75, 0.3
_STEP_IN, _HEAD_IN, _FOOT_IN = PANEL_IN + 0.08, 0.1, 0.5


class Strip(msgspec.Struct, frozen=True):
    """The values of one kind."""

    name: str
    #: Two words or three below the name: how many there are.
    note: str
    values_ns: Sequence[int]
    median_ns: int


def strips_figure(strips: Sequence[Strip], x_label: str, title: str = "") -> tuple[tuple[float, float], Draw]:
    """Size in inches, and what draws it."""
    head = _HEAD_IN + (0.3 if title else 0.0)
    size = (_WIDTH_IN, head + strips_in(strips))

    def draw(figure: Figure, ink: Ink) -> None:
        if title:
            figure.text(0.01, 1 - 0.08 / size[1], title, va="top", color=ink("ink"), fontsize=10, fontweight="bold")
        draw_strips(figure, ink, strips, x_label, head)

    return size, draw


def strips_in(strips: Sequence[Strip]) -> float:
    """How high they are, the axis included; inches."""
    return len(strips) * _STEP_IN + _FOOT_IN


def draw_strips(figure: Figure, ink: Ink, strips: Sequence[Strip], x_label: str, top_in: float) -> None:
    """Into a figure that is as wide as `strips_figure` has it, from `top_in` inches below its upper end."""
    height, width_in = figure.get_figheight(), _WIDTH_IN - _LEFT_IN - _RIGHT_IN
    begin = math.floor(_place(min((min(strip.values_ns) for strip in strips), default=LEAST_NS)))
    end = _place(max((max(strip.values_ns) for strip in strips), default=LEAST_NS)) + 0.15
    decades = range(begin, math.ceil(end))
    for row, strip in enumerate(strips):
        bottom = 1 - (top_in + row * _STEP_IN + PANEL_IN) / height
        place = (_LEFT_IN / _WIDTH_IN, bottom, width_in / _WIDTH_IN, PANEL_IN / height)
        axes = figure.add_axes(place, label=strip.name)
        axes.set_xlim(begin - 0.02 * (end - begin), end)
        axes.set_ylim(0, 1)
        plain(axes, ink)
        is_last = row == len(strips) - 1
        axes.set_xticks(decades, [_text(LEAST_NS * 10**power) for power in decades])
        axes.tick_params(axis="x", labelbottom=is_last)
        if is_last:
            axes.set_xlabel(x_label, color=ink("muted"), loc="left")
        figure.text(0.01, bottom + 0.55 / height, strip.name, color=ink("ink"), fontsize=9, fontweight="bold")
        figure.text(0.01, bottom + 0.4 / height, strip.note, color=ink("muted"), fontsize=7)
        _draw_points(axes, ink, strip, (end - begin) / width_in)


def _draw_points(axes: Axes, ink: Ink, strip: Strip, inch: float) -> None:
    places, size = swarm([_place(value) for value in strip.values_ns], inch / 72)
    axes.plot(*zip(*places, strict=True), "o", markersize=size, color=ink(RUNNING), markeredgewidth=0, zorder=3)
    axes.plot([_place(strip.median_ns)], [0.1], marker="^", markersize=6, color=ink("ink"), linestyle="none")


def _place(value_ns: int) -> float:
    return math.log10(max(value_ns, LEAST_NS) / LEAST_NS)


def _text(value_ns: int) -> str:
    unit, name = (S, "s") if value_ns >= S else (MS, "ms") if value_ns >= MS else (US, "µs")
    return f"{value_ns // unit} {name}"
