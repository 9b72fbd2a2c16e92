"""`meshsim report`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from meshsim.cli import PASSED, console
from meshsim.cli.errors import UsageError
from meshsim.run import OutputError, RunResult, find_runs, read_run
from meshsim.scenario.plan import plan_label


def report(
    *runs: Path, out: Path = Path("reports/index.html"), timelines: bool = False, figures: Path | None = None
) -> int:
    """Write a page about runs: verdicts, latencies against their bounds, timelines, lives, the story of each fault.

    Parameters
    ----------
    runs
        Run directories, or folders of them such as `out`; `out` when none is given.
    out
        The page, or a folder to write `index.html` into. Its path is printed.
    timelines
        Also write a `timeline.svg` into each run directory.
    figures
        Also write the figures into this folder, as SVG and PNG, and their numbers as CSV and JSON.
    """
    found = [path for root in runs or (Path("out"),) for path in find_runs(root)]
    if not found:
        raise UsageError(f"{' '.join(map(str, runs)) or 'out'}: no runs there")
    kept = [(read_run(path), path) for path in found]
    if timelines:
        write_timelines(kept)
    if figures is not None:
        _write_figures([result for result, _ in kept], figures)
    page = write_report([result for result, _ in kept], out)
    console.out(f"report: {page}")
    return PASSED


def write_report(results: Sequence[RunResult], place: Path) -> Path:
    """Write the page and return its path.

    Raises:
        OutputError: it cannot be written there.
    """
    from meshsim.report.page import write_page

    page = place if place.suffix == ".html" else place / "index.html"
    try:
        write_page(results, page)
    except OSError as error:
        raise OutputError(f"{page}: cannot write the page: {error.strerror}") from None
    return page


def _write_figures(results: Sequence[RunResult], folder: Path) -> None:
    from meshsim.report.files import write_figures

    try:
        written = write_figures(results, folder)
    except OSError as error:
        raise OutputError(f"{folder}: cannot write the figures: {error.strerror}") from None
    console.out(f"figures: {len(written)} files in {folder}")


def write_timelines(kept: Sequence[tuple[RunResult, Path]]) -> None:
    """Draw each run into a `timeline.svg` of its directory.

    Raises:
        OutputError: it cannot be written there.
    """
    from meshsim.report.figure import timeline_svg
    from meshsim.report.lanes import chart_of
    from meshsim.report.worlds import clock_of

    for result, place in kept:
        title = f"{plan_label(result.plan)}  {result.backend}  seed {result.plan.seed}"
        path = place / "timeline.svg"
        chart = chart_of(result.records, clock=f"{clock_of(result)} time")
        try:
            path.write_text(timeline_svg(chart, title), encoding="utf-8")
        except OSError as error:
            raise OutputError(f"{path}: cannot write the timeline: {error.strerror}") from None
