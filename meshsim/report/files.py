"""Figures and numbers of a report as files beside one another: `meshsim report … --figures DIR`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from meshsim.report.figure import timeline_png, timeline_svg
from meshsim.report.lanes import chart_of
from meshsim.report.late import late_files
from meshsim.report.latencies import latencies_of
from meshsim.report.numbers import tables
from meshsim.report.swarm import latency_png, latency_svg
from meshsim.report.worlds import Told, told
from meshsim.run import RunResult


def write_figures(results: Sequence[RunResult], folder: Path) -> list[Path]:
    """Write `latencies`, of live runs `lateness`, and for each trace a timeline, as SVG and PNG, and the numbers as CSV
    and JSON; what was written, in order. The same results give the same bytes.

    Raises:
        OSError: a file cannot be written.
    """
    traces = told(results)
    latencies = latencies_of(traces)
    files: dict[str, bytes] = {}
    if latencies:
        title = f"{len(latencies)} latencies of {len(traces)} traces"
        files["latencies.svg"] = latency_svg(latencies, title).encode()
        files["latencies.png"] = latency_png(latencies, title)
    files |= late_files(traces)
    for trace in traces:
        chart = chart_of(trace.run.records, clock=f"{trace.clock} time")
        title = f"{trace.scenario}  {trace.backends}  seed {trace.seed}"
        name = _file_name(trace)
        if f"{name}.svg" in files:  # Two traces of one plan in one world: one of them by another version.
            name += f"-{trace.run.digest[:8]}"
        files[f"{name}.svg"] = timeline_svg(chart, title).encode()
        files[f"{name}.png"] = timeline_png(chart, title)
    files |= {name: text.encode() for name, text in tables(traces, latencies).items()}
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in files]


def _file_name(trace: Told) -> str:
    """`timeline-late-exit-fixed-sim-seed7`: other traces of the plan have other worlds in their names."""
    words = f"timeline-{trace.scenario}-{trace.backends}-seed{trace.seed}"
    return re.sub(r"[^A-Za-z0-9._=]+", "-", words)
