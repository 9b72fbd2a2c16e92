"""One line that says how far a search has come: on a terminal over the one before, elsewhere every ten seconds."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from meshsim.cli.console import err

#: Seconds between two lines where each stays. Source: chosen here.
_PAUSE_S = 10.0
#: Letters of a line on a terminal. Source: chosen here.
_LETTERS = 150


@contextmanager
def progress_line() -> Iterator[Callable[[float, str], None]]:
    """Yields what shows a line: to be called with seconds since the beginning, and the text."""
    is_terminal = sys.stderr.isatty()
    shown_s = 0.0

    def show(elapsed_s: float, line: str) -> None:
        nonlocal shown_s
        if is_terminal:
            sys.stderr.write(f"\r\x1b[K{line[:_LETTERS]}")
            sys.stderr.flush()
        elif elapsed_s - shown_s >= _PAUSE_S:
            shown_s = elapsed_s
            err(line)

    yield show
    if is_terminal:
        sys.stderr.write("\r\x1b[K")
