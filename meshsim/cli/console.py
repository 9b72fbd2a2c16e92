"""How commands speak: results to standard output, everything else to standard error.

On a terminal tables have colours (unless NO_COLOR is set) and adapt to its width; elsewhere they are plain columns,
each row a line of its own, for other programs to read.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

#: Styles of words that a table shows; the words say it without colour too.
STYLES = {
    "passed": "green",
    "ok": "green",
    "violated": "bold red",
    "missing": "bold red",
    "wrongly excused": "bold red",
    "not charted": "bold red",
    "inconclusive": "yellow",
}


def out(text: str = "") -> None:
    """A line of the result."""
    _write(sys.stdout, text)


def err(text: str) -> None:
    """A line for the person at the terminal, beside the result."""
    _write(sys.stderr, f"meshsim: {text}")


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    """A table on standard output; the columns named in `right` are aligned to the right."""
    if sys.stdout.isatty():
        _rich_table(headers, rows, right)
        return
    widths = [max(len(cell) for cell in column) for column in zip(headers, *rows, strict=True)]
    for row in (headers, *rows):
        cells = (
            cell.rjust(width) if header in right else cell.ljust(width)
            for header, cell, width in zip(headers, row, widths, strict=True)
        )
        out("  ".join(cells).rstrip())


def _rich_table(headers: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for header in headers:
        drawn.add_column(header, justify="right" if header in right else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in row))
    Console().print(drawn)


def _write(stream: object, text: str) -> None:
    """Write a line; characters that the stream's encoding does not have are spelt as escapes."""
    assert hasattr(stream, "write")
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
