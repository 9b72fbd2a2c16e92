"""A chart as SVG: drawn by matplotlib, coloured by CSS variables, the same bytes for the same chart.

Colours go through matplotlib as place-holders that are then replaced by `var(--…)`, so that one drawing serves light
and dark pages. matplotlib is imported when something is drawn, not before: it costs most of a second.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any

from meshsim.report.lanes import ENDS, FAILED, GONE, RUNNING, STALLED, STARTING, STOPPED, STOPPING, Chart, Lane, Mark
from meshsim.units import S

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: CSS variable -> (place-holder, light, dark). Blue, orange and red stay apart for colour-blind readers.
PALETTE: dict[str, tuple[str, str, str]] = {
    "ink": ("#010001", "#1b1f24", "#e6e9ed"),
    "muted": ("#010002", "#5c6670", "#9aa4af"),
    "grid": ("#010003", "#d9dee3", "#343b43"),
    "fault": ("#010004", "#b3261e", "#ff8a80"),
    "heard": ("#010005", "#6b2fa0", "#cf9bff"),
    "watchdog": ("#010006", "#9a5b00", "#ffc35c"),
    "page": ("#010007", "#ffffff", "#14171a"),
    STARTING: ("#010008", "#c3dbf0", "#2f5878"),
    RUNNING: ("#010009", "#5a9bd4", "#3f7fb8"),
    STALLED: ("#01000a", "#f2c14e", "#b98a1c"),
    STOPPING: ("#01000b", "#e08a3c", "#d98a45"),
    STOPPED: ("#01000c", "#8b949e", "#7d8792"),
    FAILED: ("#01000d", "#c62828", "#ef6b63"),
    GONE: ("#01000e", "#c4cad1", "#454d56"),
}

#: Marker shape, size and colour of each kind of mark, in the order they are painted.
_MARKS: dict[str, tuple[str, float, str]] = {
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
    "poll": "poll",
}

#: Marks of one kind closer than this share of the width are painted once.
_MARK_SPACING = 1 / 500
_WIDTH_IN, _NAMES_IN, _ENDINGS_IN, _LANE_IN = 10.2, 2.0, 2.1, 0.21
_BAR_HEIGHT, _END_HEIGHT = 0.62, 0.16
_HATCH = {STALLED: "////"}
_ENDING_CHARS = 38


#: matplotlib settings that decide the bytes of the file.
_SETTINGS: Any = {
    "svg.hashsalt": "meshsim",
    "svg.fonttype": "none",
    "font.family": ["DejaVu Sans"],
    "font.size": 8.0,
    "hatch.linewidth": 0.6,
    "path.simplify": False,
}


def timeline_svg(chart: Chart, title: str = "") -> str:
    """A file of its own, with legend: light colours on white, which every viewer shows."""
    svg = _svg(chart, title=title, legend=True)
    for placeholder, light, _ in PALETTE.values():
        svg = svg.replace(placeholder, light)
    return svg


def inline_svg(chart: Chart, label: str) -> str:
    """A fragment for a page that brings colours (`css_variables`) and legend; `label` is read to the blind."""
    body = _svg(chart, title="", legend=False)
    body = body[body.index("<svg") :]
    body = re.sub(r'^<svg[^>]* (viewBox="[^"]*")[^>]*>', rf'<svg role="img" aria-label="{escape(label)}" \1>', body)
    # Ids of groups repeat from figure to figure; those of clips and hatches are hashes of what they name.
    body = re.sub(r' id="[A-Za-z.0-9]+_\d+"', "", body)
    for name, (placeholder, _, _) in PALETTE.items():
        # `var()` is for style sheets: attributes become styles.
        body = re.sub(rf'(fill|stroke)="{placeholder}"', rf'style="\1: var(--{name})"', body)
        body = body.replace(placeholder, f"var(--{name})")
    return body


def css_variables(scheme: str) -> str:
    """The palette as CSS declarations; `scheme` is `light` or `dark`."""
    column = {"light": 1, "dark": 2}[scheme]
    return "".join(f"--{name}:{values[column]};" for name, values in PALETTE.items())


def _svg(chart: Chart, *, title: str, legend: bool) -> str:
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context(_SETTINGS):
        rows = _label_rows(chart)
        extra = 0.5 + 0.16 * rows + (0.3 if title else 0.0) + (0.55 if legend else 0.0)
        figure = Figure(figsize=(_WIDTH_IN, _LANE_IN * max(len(chart.lanes), 1) + extra))
        FigureCanvasSVG(figure)
        _draw(figure, chart, title=title, legend=legend)
        out = io.StringIO()
        blank = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(out, format="svg", facecolor=_ink("page"), metadata=blank)
    return out.getvalue()


def _draw(figure: Figure, chart: Chart, *, title: str, legend: bool) -> None:
    height = figure.get_figheight()
    bottom = (0.4 + (0.55 if legend else 0.0)) / height
    top = bottom + _LANE_IN * max(len(chart.lanes), 1) / height
    left, right = _NAMES_IN / _WIDTH_IN, 1 - _ENDINGS_IN / _WIDTH_IN
    axes = figure.add_axes((left, bottom, right - left, top - bottom))
    _draw_frame(axes, chart)
    for row, lane in enumerate(chart.lanes):
        _draw_lane(axes, row, lane)
    _draw_marks(axes, chart)
    _draw_faults(axes, chart)
    if title:
        figure.text(0.01, 1 - 0.08 / height, title, va="top", color=_ink("ink"), fontsize=10, fontweight="bold")
    if legend:
        _draw_legend(figure)


def _draw_frame(axes: Axes, chart: Chart) -> None:
    end_s = max(chart.ended_ns, 1) / S
    axes.set_xlim(-0.005 * end_s, end_s)
    axes.set_ylim(len(chart.lanes) - 0.4, -0.6)
    axes.set_yticks([])
    axes.tick_params(axis="x", colors=_ink("muted"), length=2)
    folded = f"   ({chart.folded} quieter lanes are left out)" if chart.folded else ""
    axes.set_xlabel(f"virtual time, s{folded}", color=_ink("muted"), loc="left")
    axes.grid(axis="x", color=_ink("grid"), linewidth=0.6)
    axes.set_axisbelow(True)
    axes.patch.set_visible(False)
    for side in ("top", "left", "right"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_ink("grid"))


def _draw_lane(axes: Axes, row: int, lane: Lane) -> None:
    strong = lane.kind in ("client", "host")
    names = axes.get_yaxis_transform()
    axes.text(
        -_NAMES_IN / (_WIDTH_IN - _NAMES_IN - _ENDINGS_IN) + 0.012 + 0.02 * lane.depth,
        row,
        lane.name,
        transform=names,
        va="center",
        color=_ink("ink" if strong else "muted"),
        fontweight="bold" if strong else "normal",
    )
    for look in dict.fromkeys(bar.look for bar in lane.bars):
        height = _END_HEIGHT if look in ENDS else _BAR_HEIGHT
        spans = [(bar.start_ns / S, (bar.end_ns - bar.start_ns) / S) for bar in lane.bars if bar.look == look]
        axes.broken_barh(
            spans,
            (row - height / 2, height),
            facecolor=_ink(look),
            hatch=_HATCH.get(look),
            edgecolor=_ink("page") if look in _HATCH else "none",
            linewidth=0,
        )
    if lane.ending:
        text = lane.ending if len(lane.ending) <= _ENDING_CHARS else lane.ending[: _ENDING_CHARS - 1] + "…"
        axes.text(1.012, row, text, transform=names, va="center", color=_ink("muted"), fontsize=7)


def _draw_marks(axes: Axes, chart: Chart) -> None:
    spacing_ns = chart.ended_ns * _MARK_SPACING
    for look, (shape, size, colour) in _MARKS.items():
        points = [
            (mark.at_ns / S, row)
            for row, lane in enumerate(chart.lanes)
            for mark in _apart((m for m in lane.marks if m.look == look), spacing_ns)
        ]
        if points:
            xs, ys = zip(*points, strict=True)
            axes.plot(
                xs,
                ys,
                linestyle="none",
                marker=shape,
                markersize=size,
                color=_ink(colour),
                markeredgecolor=_ink("page") if size > 4 else _ink(colour),
                markeredgewidth=0.7,
                clip_on=False,
                zorder=5,
            )


def _apart(marks: Iterable[Mark], spacing_ns: float) -> Iterable[Mark]:
    last_ns = None
    for mark in marks:
        if last_ns is None or mark.at_ns - last_ns >= spacing_ns:
            last_ns = mark.at_ns
            yield mark


def _draw_faults(axes: Axes, chart: Chart) -> None:
    for fault, row in zip(chart.faults, _rows_of_labels(chart), strict=True):
        x = fault.at_ns / S
        axes.axvline(x, color=_ink("fault"), linewidth=1.1, linestyle="-" if fault.struck else ":", zorder=4)
        axes.annotate(
            f"{fault.index} {fault.text}",
            (x, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3 + 11 * row),
            textcoords="offset points",
            color=_ink("fault"),
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


def _draw_legend(figure: Figure) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Line2D | Patch] = []
    for name, text in LEGEND.items():
        if name == "fault":
            handles.append(Line2D([], [], color=_ink("fault"), label=text))
        elif name in _MARKS:
            shape, size, colour = _MARKS[name]
            colour = "muted" if colour == "page" else colour
            handles.append(Line2D([], [], linestyle="none", marker=shape, ms=size, color=_ink(colour), label=text))
        elif name in ENDS:
            handles.append(Line2D([], [], color=_ink(name), linewidth=2, label=text))
        else:
            handles.append(Patch(facecolor=_ink(name), hatch=_HATCH.get(name), edgecolor=_ink("page"), label=text))
    figure.legend(
        handles=handles, loc="lower left", ncols=7, frameon=False, labelcolor=_ink("muted"), fontsize=7, borderpad=0.2
    )


def _ink(name: str) -> str:
    return PALETTE[name][0]
