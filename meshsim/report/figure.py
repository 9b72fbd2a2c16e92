"""A timeline as a figure: lanes with bars, marks and fault lines, and the load below them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from meshsim.report.ink import Draw, Ink, plain, png_file, svg_file, svg_fragment
from meshsim.report.lanes import ENDS, FAILED, GONE, RUNNING, STALLED, STARTING, STOPPED, STOPPING, Chart, Lane, Mark
from meshsim.report.load import Load
from meshsim.units import S, format_duration

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Marker shape, size and colour of each kind of mark, in the order they are painted.
_MARKS: dict[str, tuple[str, float, str]] = {
    "message": ("|", 2.2, "muted"),
    "poll": ("|", 4.0, "page"),
    "heartbeat": (".", 2.5, "page"),
    "operation": (">", 4.5, "ink"),
    "orphan": ("X", 6.0, "watchdog"),
    "watchdog": ("D", 6.0, "watchdog"),
    "heard": ("o", 7.0, "heard"),
}

#: What the marks and looks mean, for legends.
LEGEND: dict[str, str] = {
    STARTING: "starting",
    RUNNING: "running",
    STALLED: "stalled (SIGSTOP)",
    STOPPING: "stopping",
    STOPPED: "stopped",
    FAILED: "failed",
    GONE: "process gone",
    "fault": "fault",
    "heard": "hears a failure",
    "watchdog": "watchdog: controller lost",
    "orphan": "stopped as an orphan",
    "operation": "operation",
    "heartbeat": "heartbeat",
    "poll": "poll in flight",
    "message": "message: an arrow, or a tick where it arrives",
}

#: Marks of one kind closer than this share of the width are painted once.
_MARK_SPACING = 1 / 500
_WIDTH_IN, _NAMES_IN, _ENDINGS_IN, _LANE_IN = 10.2, 2.0, 2.1, 0.21
_BAR_HEIGHT, _END_HEIGHT, _POLL_HEIGHT = 0.62, 0.16, 0.18
#: Messages arrive below the bar of their lane.
_MESSAGE_DROP = 0.42
#: Height of a strip of the load, and of the gap above it.
_LOAD_IN, _GAP_IN = 0.24, 0.1
_HATCH = {STALLED: "////"}
_ENDING_CHARS = 38


def timeline_svg(chart: Chart, title: str = "") -> str:
    """A file of its own, with title and legend."""
    return svg_file(*_timeline(chart, title=title, legend=True))


def timeline_png(chart: Chart, title: str = "") -> bytes:
    """The same as pixels."""
    return png_file(*_timeline(chart, title=title, legend=True))


def inline_svg(chart: Chart, label: str) -> str:
    """A fragment for a page that brings colours and legend; `label` is read to the blind."""
    return svg_fragment(*_timeline(chart, title="", legend=False), label)


def _timeline(chart: Chart, *, title: str, legend: bool) -> tuple[tuple[float, float], Draw]:
    """Size in inches, and what draws it."""
    extra = 0.5 + _load_in(chart) + 0.16 * _label_rows(chart) + (0.3 if title else 0.0) + (0.55 if legend else 0.0)
    size = (_WIDTH_IN, _LANE_IN * max(len(chart.lanes), 1) + extra)

    def draw(figure: Figure, ink: Ink) -> None:
        _draw(figure, chart, ink, title=title, legend=legend)

    return size, draw


def _draw(figure: Figure, chart: Chart, ink: Ink, *, title: str, legend: bool) -> None:
    height = figure.get_figheight()
    foot = 0.4 + (0.55 if legend else 0.0)
    bottom = (foot + _load_in(chart)) / height
    top = bottom + _LANE_IN * max(len(chart.lanes), 1) / height
    left, right = _NAMES_IN / _WIDTH_IN, 1 - _ENDINGS_IN / _WIDTH_IN
    axes = figure.add_axes((left, bottom, right - left, top - bottom))
    _draw_frame(axes, chart, ink)
    for row, lane in enumerate(chart.lanes):
        _draw_lane(axes, row, lane, ink)
    _draw_marks(axes, chart, ink)
    _draw_arrows(axes, chart, ink)
    _draw_faults(axes, chart, ink)
    if chart.load.bins:
        axes.tick_params(axis="x", labelbottom=False)
        _draw_load(figure, axes, chart, ink, foot)
    else:
        axes.set_xlabel(_x_label(chart), color=ink("muted"), loc="left")
    if title:
        figure.text(0.01, 1 - 0.08 / height, title, va="top", color=ink("ink"), fontsize=10, fontweight="bold")
    if legend:
        _draw_legend(figure, ink)


def _draw_frame(axes: Axes, chart: Chart, ink: Ink) -> None:
    end_s = max(chart.ended_ns, 1) / S
    axes.set_xlim(-0.005 * end_s, end_s)
    axes.set_ylim(len(chart.lanes) - 0.4, -0.6)
    plain(axes, ink)


def _x_label(chart: Chart) -> str:
    folded = f"   ({chart.folded} quieter lanes are left out)" if chart.folded else ""
    messages = "" if chart.arrows is not None else "   (too many messages for arrows: ticks where they arrive)"
    return f"{chart.clock}, s{folded}{messages}"


def _strips(load: Load) -> list[tuple[str, str, list[int]]]:
    """Name, colour and counts of each strip of the load; what never happened has none."""
    strips = [
        ("messages", RUNNING, [each.messages for each in load.bins]),
        ("messages lost", FAILED, [each.lost for each in load.bins]),
        ("heartbeats", "heard", [each.heartbeats for each in load.bins]),
        ("polls in flight", STOPPING, [each.polls for each in load.bins]),
    ]
    return [strip for strip in strips if any(strip[2]) or strip[0] == "messages"]


def _load_in(chart: Chart) -> float:
    return (_LOAD_IN + _GAP_IN) * len(_strips(chart.load)) + 0.05 if chart.load.bins else 0.0


def _draw_load(figure: Figure, above: Axes, chart: Chart, ink: Ink, foot: float) -> None:
    """One strip for each count, below the lanes and on their clock; the highest bin is written beside it."""
    height = figure.get_figheight()
    place = above.get_position()
    strips = _strips(chart.load)
    axes = figure.add_axes((place.x0, foot / height, place.width, (_LOAD_IN + _GAP_IN) * len(strips) / height))
    axes.set_xlim(above.get_xlim())
    axes.set_ylim(0, len(strips))
    plain(axes, ink)
    axes.set_xlabel(_x_label(chart), color=ink("muted"), loc="left")
    edges = [row * chart.load.width_ns / S for row in range(len(chart.load.bins) + 1)]
    names = axes.get_yaxis_transform()
    tall = _LOAD_IN / (_LOAD_IN + _GAP_IN)
    for row, (name, colour, counts) in enumerate(reversed(strips)):
        most = max(counts)
        heights = [row + tall * count / max(most, 1) for count in counts]
        axes.stairs(heights, edges, baseline=row, fill=True, color=ink(colour), linewidth=0)
        left = -_NAMES_IN / (_WIDTH_IN - _NAMES_IN - _ENDINGS_IN) + 0.012
        axes.text(left, row + tall / 2, name, transform=names, va="center", color=ink("muted"))
        text = f"at most {most}"
        if name != "polls in flight":
            text += f" in {format_duration(chart.load.width_ns)}, {sum(counts)} in all"
        axes.text(1.012, row + tall / 2, text, transform=names, va="center", color=ink("muted"), fontsize=7)


def _draw_lane(axes: Axes, row: int, lane: Lane, ink: Ink) -> None:
    strong = lane.kind in ("client", "host")
    names = axes.get_yaxis_transform()
    axes.text(
        -_NAMES_IN / (_WIDTH_IN - _NAMES_IN - _ENDINGS_IN) + 0.012 + 0.02 * lane.depth,
        row,
        lane.name,
        transform=names,
        va="center",
        color=ink("ink" if strong else "muted"),
        fontweight="bold" if strong else "normal",
    )
    for look in dict.fromkeys(bar.look for bar in lane.bars):
        height = _END_HEIGHT if look in ENDS else _BAR_HEIGHT
        spans = [(bar.start_ns / S, (bar.end_ns - bar.start_ns) / S) for bar in lane.bars if bar.look == look]
        axes.broken_barh(
            spans,
            (row - height / 2, height),
            facecolor=ink(look),
            hatch=_HATCH.get(look),
            edgecolor=ink("page") if look in _HATCH else "none",
            linewidth=0,
        )
    if lane.polls:
        spans = [(start / S, (end - start) / S) for start, end in lane.polls]
        axes.broken_barh(spans, (row - _POLL_HEIGHT / 2, _POLL_HEIGHT), facecolor=ink("page"), linewidth=0)
    if lane.ending:
        text = lane.ending if len(lane.ending) <= _ENDING_CHARS else lane.ending[: _ENDING_CHARS - 1] + "…"
        axes.text(1.012, row, text, transform=names, va="center", color=ink("muted"), fontsize=7)


def _draw_marks(axes: Axes, chart: Chart, ink: Ink) -> None:
    spacing_ns = chart.ended_ns * _MARK_SPACING
    for look, (shape, size, colour) in _MARKS.items():
        points = [
            (mark.at_ns / S, row + (_MESSAGE_DROP if look == "message" else 0.0))
            for row, lane in enumerate(chart.lanes)
            for mark in _apart((m for m in lane.marks if m.look == look), spacing_ns)
            if look != "message" or chart.arrows is None
        ]
        if points:
            xs, ys = zip(*points, strict=True)
            axes.plot(
                xs,
                ys,
                linestyle="none",
                marker=shape,
                markersize=size,
                color=ink(colour),
                markeredgecolor=ink("page") if size > 4 else ink(colour),
                markeredgewidth=0.7,
                clip_on=False,
                zorder=5,
            )


def _draw_arrows(axes: Axes, chart: Chart, ink: Ink) -> None:
    """A line from lane to lane as far as the bars, its head at the lane that takes the message."""
    for arrow in chart.arrows or ():
        down = 1 if arrow.to_lane > arrow.from_lane else -1
        start = (arrow.sent_ns / S, arrow.from_lane + down * _BAR_HEIGHT / 2)
        end = (arrow.arrived_ns / S, arrow.to_lane - down * _BAR_HEIGHT / 2)
        style = {"arrowstyle": "-|>,head_length=0.22,head_width=0.09", "shrinkA": 0, "shrinkB": 0, "linewidth": 0.6}
        axes.annotate("", end, start, arrowprops={**style, "color": ink("muted")}, annotation_clip=False, zorder=3.5)


def _apart(marks: Iterable[Mark], spacing_ns: float) -> Iterable[Mark]:
    last_ns = None
    for mark in marks:
        if last_ns is None or mark.at_ns - last_ns >= spacing_ns:
            last_ns = mark.at_ns
            yield mark


def _draw_faults(axes: Axes, chart: Chart, ink: Ink) -> None:
    for fault, row in zip(chart.faults, _rows_of_labels(chart), strict=True):
        x = fault.at_ns / S
        axes.axvline(x, color=ink("fault"), linewidth=1.1, linestyle="-" if fault.struck else ":", zorder=4)
        axes.annotate(
            f"{fault.index} {fault.text}",
            (x, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3 + 11 * row),
            textcoords="offset points",
            color=ink("fault"),
            fontsize=7.5,
            ha="left" if fault.at_ns < 0.8 * chart.ended_ns else "right",
            annotation_clip=False,
        )


def _rows_of_labels(chart: Chart) -> list[int]:
    """The lowest row above the lanes in which each fault's label is free of the ones before it."""
    free_from: list[float] = []
    rows = []
    for fault in chart.faults:
        x = fault.at_ns / max(chart.ended_ns, 1)
        width = 0.0115 * (len(fault.text) + 3)
        start = x if x < 0.8 else x - width
        row = next((i for i, free in enumerate(free_from) if free <= start), len(free_from))
        if row == len(free_from):
            free_from.append(0.0)
        free_from[row] = start + width
        rows.append(row)
    return rows


def _label_rows(chart: Chart) -> int:
    return max(_rows_of_labels(chart), default=-1) + 1


def _draw_legend(figure: Figure, ink: Ink) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Line2D | Patch] = []
    for name, text in LEGEND.items():
        if name == "fault":
            handles.append(Line2D([], [], color=ink("fault"), label=text))
        elif name in _MARKS:
            shape, size, colour = _MARKS[name]
            colour = "muted" if colour == "page" else colour
            handles.append(Line2D([], [], linestyle="none", marker=shape, ms=size, color=ink(colour), label=text))
        elif name in ENDS:
            handles.append(Line2D([], [], color=ink(name), linewidth=2, label=text))
        else:
            handles.append(Patch(facecolor=ink(name), hatch=_HATCH.get(name), edgecolor=ink("page"), label=text))
    figure.legend(
        handles=handles, loc="lower left", ncols=7, frameon=False, labelcolor=ink("muted"), fontsize=7, borderpad=0.2
    )
