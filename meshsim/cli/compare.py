"""`meshsim compare`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from meshsim.cli import PASSED
from meshsim.cli.console import out as say
from meshsim.cli.console import table
from meshsim.cli.errors import UsageError
from meshsim.report.comparison import COLUMNS, Part, changes, column_texts, parts_of
from meshsim.run import OutputError, find_runs, read_run
from meshsim.run.sweep import row_of
from meshsim.run.table import Row, is_table, read_table


def compare(*sources: Path, out: Path | None = None) -> int:
    """Say what changed between tables of sweeps or folders of runs, in words and numbers.

    The first is what the others are compared with, setting by setting. What has several profiles or backends is taken
    apart. One source alone is compared with itself: each value of a setting beside its first.

    Parameters
    ----------
    sources
        Tables (`sweep.jsonl`, or the folder it is in), run directories, or folders of them.
    out
        Also write a page with figures here, `index.html`, and each figure as SVG and PNG.
    """
    if not sources:
        raise UsageError("expected a table of a sweep or a folder of runs")
    parts = [part for name, path in _names(sources) for part in parts_of(name, rows_of(path))]
    several = len(parts) > 1
    headers = ("of", "setting", *COLUMNS) if several else ("setting", *COLUMNS)
    table(headers, list(_lines(parts, several=several)), right=COLUMNS)
    for change in changes(parts):
        say()
        say(f"{change.name} beside {change.against}:")
        for sentence in change.sentences:
            say(f"  {sentence}")
    if out is not None:
        from meshsim.report.comparison_page import write_comparison

        try:
            say(f"page: {write_comparison(parts, out)}")
        except OSError as error:
            raise OutputError(f"{out}: cannot write the page: {error.strerror}") from None
    return PASSED


def rows_of(source: Path) -> list[Row]:
    """The runs of a table, or of a folder.

    Raises:
        UsageError: there are none.
        TableError, RunError: they are not what they should be.
    """
    inside = source / "sweep.jsonl"
    if source.is_file() or inside.is_file():
        path = source if source.is_file() else inside
        if not is_table(path):
            raise UsageError(f"{path}: expected a table of a sweep, or a folder")
        rows = read_table(path)[1]
    else:
        rows = [row_of(read_run(path)) for path in find_runs(source)]
    if not rows:
        raise UsageError(f"{source}: no runs there")
    return rows


def _names(sources: Sequence[Path]) -> Iterable[tuple[str, Path]]:
    """Each source with a short name: the last part of its path, or the path where that is not enough."""
    ends = [source.parent.name if source.name == "sweep.jsonl" else source.name for source in sources]
    for source, end in zip(sources, ends, strict=True):
        yield (end if end and ends.count(end) == 1 else str(source)), source


def _lines(parts: Sequence[Part], *, several: bool) -> Iterable[tuple[str, ...]]:
    for part in parts:
        for cell in part.cells:
            yield (*((part.name,) if several else ()), cell.name, *column_texts(cell.rows))
