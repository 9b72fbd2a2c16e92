"""Which processes are left over: told by their marker and whether its runner lives."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from meshsim.procs.launcher import RUN_MARKER
from meshsim.procs.leftovers import Leftover, leftovers


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A /proc: runner 50 lives and has the process 51; runner 60 is gone, of its processes 61 is there."""
    for pid, marker in {50: None, 51: "50-ab", 61: "60-cd", 70: None, 71: "own-words", os.getpid(): "60-cd"}.items():
        entry = tmp_path / str(pid)
        entry.mkdir()
        variables = ["HOME=/", *([f"{RUN_MARKER}={marker}"] if marker else [])]
        (entry / "environ").write_bytes(b"\0".join(map(str.encode, variables)))
        (entry / "comm").write_text(f"python{pid}\n")
    (tmp_path / "80").mkdir()  # Somebody else's, or gone: nothing can be read.
    (tmp_path / "meminfo").write_text("")
    return tmp_path


def test_what_has_no_runner_any_more_is_left_over(proc: Path) -> None:
    """Processes without the marker, and this one, are none of our business."""
    assert leftovers(proc=proc) == [Leftover(61, "python61", 60)]


def test_so_is_what_belongs_to_a_runner_that_runs_nothing(proc: Path) -> None:
    assert leftovers([50], proc=proc) == [Leftover(51, "python51", 50), Leftover(61, "python61", 60)]


def test_a_machine_that_does_not_show_its_processes_has_none(tmp_path: Path) -> None:
    assert leftovers(proc=tmp_path / "none") == []
