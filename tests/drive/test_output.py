"""What a process wrote, and what of it was read when it ended (supervision.md 3.5)."""

import pytest

from meshsim.drive.output import Output, shouted
from meshsim.units import S


@pytest.mark.parametrize(("died_s", "unread"), [(5, 1), (6, 0)])
def test_only_what_comes_last_is_unread(died_s: int, unread: int) -> None:
    """One line of what was written in the very instant of the end; everything else had its time."""
    output = Output()
    output.write(("a",), 4 * S)
    output.write(("b", "c"), 5 * S)

    output.end(died_s * S)

    assert (output.lines, output.unread) == (["a", "b", "c"], unread)


def test_a_process_that_wrote_nothing_leaves_nothing_unread() -> None:
    output = Output()
    output.end(-1)

    assert output.unread == 0


@pytest.mark.parametrize(
    ("lines", "code", "text"),
    [
        ((), 1, "_exit(1)"),
        (("a",), None, "1 line to stderr"),
        (("a", "b"), 0, "2 lines to stderr, _exit(0)"),
    ],
)
def test_a_fault_says_what_was_written(lines: tuple[str, ...], code: int | None, text: str) -> None:
    assert shouted(lines, code) == text
