"""The study of detection as files: figure, numbers, page. Nothing names the machine or a place on it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import msgspec

from benchmarks.detection_study import Study
from meshsim.report.ink import Draw, Ink, plain, png_file, svg_file
from meshsim.report.lanes import RUNNING, STARTING
from meshsim.report.strips import Strip, draw_strips, strips_in
from meshsim.units import S

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FIGURE = "detection"
_WIDTH_IN, _LEFT_IN, _RIGHT_IN, _BETWEEN_IN = 10.2, 0.6, 0.3, 0.8
_HEAD_IN, _PANEL_IN, _FOOT_IN = 0.65, 2.6, 0.55
_BINS = 10


def write(study: Study, folder: Path) -> list[Path]:
    """Write the files and return where they are."""
    size, draw = _figure(study)
    files = {
        f"{FIGURE}.svg": svg_file(size, draw).encode(),
        f"{FIGURE}.png": png_file(size, draw),
        "numbers.json": _json(study),
        "README.md": _page(study).encode(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in files]


def _json(study: Study) -> bytes:
    """Every run's values, and beside them what the page says."""
    data = {**msgspec.to_builtins(study), "numbers": study.numbers()}
    return msgspec.json.encode(data) + b"\n"


def _page(study: Study) -> str:
    machine = ", ".join(f"{package} {version}" for package, version in study.versions.items())
    paragraphs = [
        "# How long a live mesh takes to find a dead proc",
        "Made by `make detection-live` (`.venv/bin/python -m benchmarks.detection`) from `killed-proc.toml`: in each "
        "run a proc is killed at a moment that the seed draws from one poll period of 1 s. Times are wall times of "
        "processes that run freely; the numbers of every run are in `numbers.json`.",
        f"![Share of deaths found after so long, against an even spread; what is added to it]({FIGURE}.svg)",
        *study.words(),
        *(f"- {line}" for line in study.findings()),
        f"{machine}; {study.cores} cores, load average {study.load_before:g} before and {study.load_after:g} after; "
        f"{study.wall_s:g} s in all.",
    ]
    return "\n\n".join(paragraphs) + "\n"


def _figure(study: Study) -> tuple[tuple[float, float], Draw]:
    """Detection above, what the machine adds below; inches, and what draws it."""
    strips = [
        _strip("bare pidfd wake-up", study.wake_ups_ns),
        _strip("kill → host told", study.told_ns),
        _strip("poll → found", study.overheads_ns),
    ]
    top = _HEAD_IN + _PANEL_IN + _FOOT_IN
    size = (_WIDTH_IN, top + 0.3 + strips_in(strips))

    def draw(figure: Figure, ink: Ink) -> None:
        title = f"Detection of a killed proc, live, poll period 1 s: {len(study.latencies_ns)} runs, wall time"
        figure.text(0.01, 1 - 0.08 / size[1], title, va="top", color=ink("ink"), fontsize=10, fontweight="bold")
        wide = (_WIDTH_IN - _LEFT_IN - _RIGHT_IN - _BETWEEN_IN) / 2
        for column, draw_panel in enumerate((_draw_share, _draw_counts)):
            left = (_LEFT_IN + column * (wide + _BETWEEN_IN)) / _WIDTH_IN
            bottom = 1 - (_HEAD_IN + _PANEL_IN) / size[1]
            axes = figure.add_axes((left, bottom, wide / _WIDTH_IN, _PANEL_IN / size[1]), label=f"panel {column}")
            plain(axes, ink)
            draw_panel(axes, ink, study)
            axes.set_xlabel("from the kill to the poll that finds it, wall time, s", color=ink("muted"), loc="left")
        figure.text(0.01, 1 - (top + 0.1) / size[1], "What the machine adds", color=ink("ink"), fontsize=9)
        draw_strips(figure, ink, strips, "wall time; triangles: medians", top + 0.3)

    return size, draw


def _strip(name: str, values_ns: Sequence[int]) -> Strip:
    middle = int(median(values_ns))
    return Strip(name, f"{len(values_ns)} measured, median {middle / 1e6:.2f} ms", values_ns, middle)


def _draw_share(axes: Axes, ink: Ink, study: Study) -> None:
    """Every run a point: its latency, and the share of runs that took no longer."""
    latencies = sorted(value / S for value in study.latencies_ns)
    low, high = (value / S for value in study.even)
    shares = [(index + 1) / len(latencies) for index in range(len(latencies))]
    axes.plot([min(0.0, latencies[0]), low, high, max(high, latencies[-1])], [0, 0, 1, 1], color=ink("fault"), lw=1)
    axes.plot(latencies, shares, "o", markersize=2.6, color=ink(RUNNING), markeredgewidth=0)
    axes.set_yticks([0, 0.5, 1], ["0", "half", "all"], color=ink("muted"))
    axes.set_title("share of deaths found; red: even", loc="left", color=ink("muted"), fontsize=8)


def _draw_counts(axes: Axes, ink: Ink, study: Study) -> None:
    """Runs in tenths of the period, against as many in each."""
    low, high = (value / S for value in study.even)
    edges = [low + (high - low) * index / _BINS for index in range(_BINS + 1)]
    counts = [0] * _BINS
    for value in study.latencies_ns:
        index = int((value / S - low) / (high - low) * _BINS)
        counts[min(max(index, 0), _BINS - 1)] += 1
    axes.stairs(counts, edges, fill=True, color=ink(STARTING), edgecolor=ink(RUNNING), linewidth=1)
    axes.axhline(len(study.latencies_ns) / _BINS, color=ink("fault"), linewidth=1)
    axes.set_yticks([0, len(study.latencies_ns) / _BINS])
    axes.tick_params(axis="y", colors=ink("muted"), length=0)
    title = f"runs in each of {_BINS} equal parts of the period; red: even"
    axes.set_title(title, loc="left", color=ink("muted"), fontsize=8)
