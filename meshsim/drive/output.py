"""What processes of a run wrote to stderr, and what of it their parent has read when they end.

Source: supervision.md 3.5.
"""

from __future__ import annotations

import msgspec


class Output(msgspec.Struct):
    """The lines of one process, in order."""

    lines: list[str] = []
    #: When the last of them was written.
    at_ns: int = -1
    #: How many of the last ones nobody had read when the process ended.
    unread: int = 0

    def write(self, lines: tuple[str, ...], now_ns: int) -> None:
        self.lines.extend(lines)
        self.at_ns = now_ns

    def end(self, now_ns: int) -> None:
        """The process is dead: what it wrote in its last instant was still on its way, up to one line of it."""
        self.unread = 1 if self.lines and self.at_ns == now_ns else 0


#: Length of a line of a flood, its end included.
FLOOD_LINE = 64


def flood(text: str) -> tuple[str, ...]:
    """Numbered lines of so many bytes altogether, `"1MiB"`: the last words of a process that logs its way down."""
    size = int(text[:-3]) << {"KiB": 10, "MiB": 20}[text[-3:]]
    return tuple(f"line {number} ".ljust(FLOOD_LINE - 1, ".") for number in range(size // FLOOD_LINE))


def shouted(lines: tuple[str, ...], code: int | None) -> str:
    """What a fault did, for its record: `2 lines to stderr, _exit(1)`."""
    written = f"{len(lines)} {'line' if len(lines) == 1 else 'lines'} to stderr" if lines else ""
    ended = "" if code is None else f"_exit({code})"
    return ", ".join(part for part in (written, ended) if part)
