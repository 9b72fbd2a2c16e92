"""Figures of a comparison: what quick detection costs, what time-outs do, and maps of two settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

from meshsim.report.comparison import Cell, Part, detections, per_run, per_second, rate_text, short_key, time_text
from meshsim.report.drawing import Drawing
from meshsim.report.ink import Ink, framed
from meshsim.report.lanes import RUNNING, STOPPED
from meshsim.run.table import Row
from meshsim.scenario.matrix import Value
from meshsim.units import DurationError, S, parse_duration

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

#: Colour and marker of each part, first to last; later ones begin again.
_LOOKS = ((RUNNING, "o"), ("fault", "s"), ("heard", "D"), ("watchdog", "^"), (STOPPED, "v"))
#: More points than this get no label each.
_LABELS_MAX = 16

#: What a map shows of a cell: title, number, and how it is written.
Metric = tuple[str, Callable[[Sequence[Row]], float | None], Callable[[float], str]]


def _detection(rows: Sequence[Row]) -> float | None:
    found = detections(rows)
    return median(found) if found else None


METRICS: tuple[Metric, ...] = (
    ("detection, median", _detection, time_text),
    ("messages a second", partial(per_second, field="messages"), rate_text),
    ("false alarms a run", partial(per_run, field="false_alarms"), rate_text),
    ("healthy actors stopped as orphans, a run", partial(per_run, field="healthy_orphans"), rate_text),
)


def drawings(parts: Sequence[Part]) -> Iterator[Drawing]:
    """Every figure for which there is something to show."""
    clock = _clock(parts)
    if any(detections(cell.rows) for part in parts for cell in part.cells):
        yield Drawing(
            name="trade-off",
            label=f"Detection latency ({clock} time) against message load: the median, and from quickest to slowest.",
            size=(7.6, 4.0),
            draw=partial(_draw_trade_off, parts=parts, clock=clock),
        )
    keys = [key for key, values in _values(parts).items() if len(values) > 1 and all(map(_is_time, values))]
    if keys and any(map(_has_alarms, parts)):
        yield Drawing(
            name="alarms",
            label="False alarms, and healthy actors stopped as orphans, against time-outs; other settings pooled.",
            size=(7.6, 2.9),
            draw=partial(_draw_alarms, parts=parts, keys=keys[:3]),
        )
    varied = [key for key, values in _values(parts).items() if len(values) > 1]
    if len(varied) > 1:
        for number, part in enumerate(parts):
            metrics = [metric for metric in METRICS if any(metric[1](cell.rows) for cell in part.cells)]
            if not metrics:
                continue
            pooled = f"; pooled over {', '.join(map(short_key, varied[2:]))}" if varied[2:] else ""
            of = f" of {part.name}" if len(parts) > 1 else ""
            yield Drawing(
                name="map" if len(parts) == 1 else f"map-{number + 1}",
                label=f"Map{of}: {short_key(varied[0])} against {short_key(varied[1])}{pooled}.",
                size=(3.8 * min(len(metrics), 2), 2.7 * ((len(metrics) + 1) // 2)),
                draw=partial(_draw_map, part=part, across=varied[0], down=varied[1], metrics=metrics),
            )


def _clock(parts: Sequence[Part]) -> str:
    return " and ".join(dict.fromkeys(row.clock for part in parts for row in part.rows))


def _values(parts: Sequence[Part]) -> dict[str, list[Value]]:
    """The values that each key takes, in the order in which they come."""
    found: dict[str, dict[Value, None]] = {}
    for part in parts:
        for cell in part.cells:
            for key, value in cell.setting.items():
                found.setdefault(key, {})[value] = None
    return {key: list(values) for key, values in found.items()}


def _is_time(value: Value) -> bool:
    try:
        return isinstance(value, str) and parse_duration(value) >= 0
    except DurationError:
        return False


def _has_alarms(part: Part) -> bool:
    return any(per_run(part.rows, field) for field in ("false_alarms", "healthy_orphans"))


# --- trade-off -----------------------------------------------------------------------------------------------


def _draw_trade_off(figure: Figure, ink: Ink, *, parts: Sequence[Part], clock: str) -> None:
    axes = framed(figure, ink)
    points = [
        (load, found, cell, number)
        for number, part in enumerate(parts)
        for cell in part.cells
        if (found := detections(cell.rows)) and (load := per_second(cell.rows, "messages")) is not None
    ]
    for load, found, _, number in points:
        colour, marker = _LOOKS[number % len(_LOOKS)]
        axes.plot([load, load], [min(found) / S, max(found) / S], color=ink(colour), linewidth=1, alpha=0.5)
        axes.plot([load], [median(found) / S], marker=marker, linestyle="none", color=ink(colour), ms=6, zorder=3)
    if len(points) <= _LABELS_MAX:
        places = [(load, median(found) / S) for load, found, _, _ in points]
        texts = [_values_text(cell) or parts[number].name for _, _, cell, number in points]
        for (x, y), row, text in zip(places, _rows_of(places), texts, strict=True):
            offset = (6, 3 - 9 * row)
            axes.annotate(text, (x, y), xytext=offset, textcoords="offset points", color=ink("ink"), fontsize=7)
    for number, part in enumerate(parts if len(parts) > 1 else ()):
        colour, marker = _LOOKS[number % len(_LOOKS)]
        axes.plot([], [], marker=marker, linestyle="none", color=ink(colour), label=part.name)
    axes.set_xlabel("messages between processes a second", color=ink("muted"), loc="left")
    axes.set_ylabel(f"detection, {clock} time, s", color=ink("muted"))
    axes.set_ylim(bottom=0)
    axes.margins(x=0.14)
    _legend(axes, ink, len(parts))


def _rows_of(places: Sequence[tuple[float, float]]) -> list[int]:
    """How many lines down each label goes: below those of the points before that are close."""
    wide = max(x for x, _ in places) - min(x for x, _ in places)
    high = max(y for _, y in places)
    return [
        sum(abs(x - other) <= 0.16 * wide and abs(y - level) <= 0.04 * high for other, level in places[:index])
        for index, (x, y) in enumerate(places)
    ]


def _values_text(cell: Cell) -> str:
    return ", ".join(map(_text, cell.setting.values()))


# --- alarms --------------------------------------------------------------------------------------------------


def _draw_alarms(figure: Figure, ink: Ink, *, parts: Sequence[Part], keys: Sequence[str]) -> None:
    for number, key in enumerate(keys):
        axes = framed(figure, ink, (1, len(keys), number + 1))
        for place, part in enumerate(parts):
            _, marker = _LOOKS[place % len(_LOOKS)]
            rows: dict[Value, list[Row]] = {}
            for cell in part.cells:
                if key in cell.setting:
                    rows.setdefault(cell.setting[key], []).extend(cell.rows)
            times = sorted(rows, key=lambda value: parse_duration(str(value)))
            for field, colour, word in (
                ("false_alarms", "fault", "false alarms"),
                ("healthy_orphans", "watchdog", "healthy actors stopped"),
            ):
                label = word if len(parts) == 1 else f"{part.name}: {word}"
                points = [(parse_duration(str(time)) / S, per_run(rows[time], field)) for time in times]
                drawn = [(x, y) for x, y in points if y is not None]
                axes.plot(
                    [x for x, _ in drawn],
                    [y for _, y in drawn],
                    marker=marker,
                    markersize=4.5,
                    linewidth=1.2,
                    color=ink(colour),
                    label=label,
                )
        axes.set_ylim(bottom=0)
        axes.set_xlabel(f"{short_key(key)}, s", color=ink("muted"), loc="left")
        if number == 0:
            axes.set_ylabel("a run", color=ink("muted"))
            _legend(axes, ink, 2)


# --- maps ----------------------------------------------------------------------------------------------------


def _draw_map(figure: Figure, ink: Ink, *, part: Part, across: str, down: str, metrics: Sequence[Metric]) -> None:
    columns = list(dict.fromkeys(cell.setting[across] for cell in part.cells if across in cell.setting))
    lines = list(dict.fromkeys(cell.setting[down] for cell in part.cells if down in cell.setting))
    pooled: dict[tuple[Value, Value], list[Row]] = {}
    for cell in part.cells:
        if across in cell.setting and down in cell.setting:
            pooled.setdefault((cell.setting[across], cell.setting[down]), []).extend(cell.rows)
    wide = min(len(metrics), 2)
    for number, (title, measure, text) in enumerate(metrics):
        axes = figure.add_subplot((len(metrics) + 1) // 2, wide, number + 1)
        found = {place: measure(rows) for place, rows in pooled.items()}
        highest = max((value for value in found.values() if value), default=0.0)
        for (column, line), value in found.items():
            x, y = columns.index(column), lines.index(line)
            if value is not None and highest:
                share = value / highest
                axes.add_patch(_square(x, y, ink(RUNNING), 0.08 + 0.72 * share))
            said = "–" if value is None else text(value)
            axes.text(x, y, said, ha="center", va="center", color=ink("ink"), fontsize=7.5)
        _frame_map(axes, ink, columns, lines)
        axes.set_title(title, color=ink("ink"), fontsize=8.5, loc="left")
        axes.set_xlabel(short_key(across), color=ink("muted"))
        axes.set_ylabel(short_key(down), color=ink("muted"))


def _square(x: int, y: int, colour: str, strength: float) -> Rectangle:
    from matplotlib.patches import Rectangle

    return Rectangle((x - 0.49, y - 0.48), 0.98, 0.96, facecolor=colour, alpha=round(strength, 3), linewidth=0)


def _frame_map(axes: Axes, ink: Ink, columns: Sequence[Value], lines: Sequence[Value]) -> None:
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(-0.5, len(lines) - 0.5)
    axes.set_xticks(range(len(columns)), [_text(value) for value in columns])
    axes.set_yticks(range(len(lines)), [_text(value) for value in lines])
    axes.tick_params(colors=ink("muted"), length=0)
    axes.patch.set_visible(False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


# --- frames --------------------------------------------------------------------------------------------------


def _legend(axes: Axes, ink: Ink, count: int) -> None:
    if count > 1:
        axes.legend(frameon=False, labelcolor=ink("muted"), fontsize=7)
