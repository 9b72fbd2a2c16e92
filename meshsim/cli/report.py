"""`meshsim report`."""

from __future__ import annotations

from pathlib import Path

from meshsim.cli import PASSED, console
from meshsim.cli.errors import UsageError
from meshsim.run import OutputError, RunResult, find_runs, read_run


def report(*runs: Path, out: Path = Path("reports/index.html")) -> int:
    """Write a page about runs: verdicts, digests pair by pair, timelines, the story of each fault.

    Parameters
    ----------
    runs
        Run directories, or folders of them such as `out`; `out` when none is given.
    out
        The page, or a folder to write `index.html` into. Prints its path.
    """
    found = [path for root in runs or (Path("out"),) for path in find_runs(root)]
    if not found:
        raise UsageError(f"{' '.join(map(str, runs)) or 'out'}: no runs there")
    page = write_report([read_run(path) for path in found], out)
    console.out(f"report: {page}")
    return PASSED


def write_report(results: list[RunResult], place: Path) -> Path:
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
