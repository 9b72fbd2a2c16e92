"""The last lines that a child process wrote to stderr, as whoever started it keeps them.

A child's stderr is piped, and its tail kept, only when that is configured; by default there is none.

Source: supervision.md 3.5; mesh_model.md 5.2 and 5.3 (`Exited`). Quirks: Q2, Q3.
"""

from __future__ import annotations

from meshsim.model.config import Config
from meshsim.model.events import ChildExited

#: How many lines the reference's own comment claims are kept.
PROMISED_TAIL_LINES = 100


def lines_kept(configured: int, config: Config) -> int:
    """How many lines are kept of a child with this many configured.

    Q2: no lines by default. Off: the hundred that the description promises.
    """
    return configured or (0 if config.has("Q2") else PROMISED_TAIL_LINES)


def tail_of(exited: ChildExited, count: int, config: Config) -> tuple[str, ...]:
    """The last `count` lines that are not empty, as far as they were read when the child ended.

    Q3: what it wrote last is not waited for. Off: everything is read first.
    """
    read = len(exited.stderr) - (exited.unread if config.has("Q3") else 0)
    lines = [line for line in exited.stderr[:read] if line]
    return tuple(lines[max(len(lines) - count, 0) :])
