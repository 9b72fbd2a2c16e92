"""`meshsim export`: a run directory in, one file for a trace viewer out."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from trace_event_rules import broken_rules

Command = Callable[..., Any]


@pytest.fixture
def run(meshsim: Command, folder: Path) -> Path:
    assert meshsim("run", "sc").code == 0
    return Path("out/kill-one/sim-seed7")


def test_a_run_becomes_a_file_in_its_directory(meshsim: Command, run: Path) -> None:
    """It says where, and what to open it with. The run directory is still one."""
    said = meshsim("export", str(run), "--perfetto")

    assert (said.code, said.err) == (0, "")
    assert said.out == f"timeline: {run}/perfetto.json (open it at https://ui.perfetto.dev)\n"
    assert broken_rules((run / "perfetto.json").read_bytes()) == []
    assert meshsim("report", str(run)).code == 0


def test_the_file_is_packed_if_its_name_says_so(meshsim: Command, run: Path) -> None:
    """The same bytes inside, and the versions are those of the run, not of who exports it."""
    meta = run / "meta.json"
    meta.write_text(meta.read_text().replace('"simpy": "4', '"simpy": "old-4'))

    assert meshsim("export", str(run), "--perfetto", "--out", "new/a.json.gz").code == 0
    assert meshsim("export", str(run), "--perfetto", "--out", "a.json").code == 0

    plain = Path("a.json").read_bytes()
    assert gzip.decompress(Path("new/a.json.gz").read_bytes()) == plain
    assert json.loads(plain)["otherData"]["versions"]["simpy"].startswith("old-4")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["{run}"], "export: expected a format, which is --perfetto"),
        (["out", "--perfetto"], "out: not a run directory: No such file or directory: meta.json"),
        (["{run}", "--perfetto", "--out", "sc"], "sc: cannot be written: it is a folder"),
        (
            ["{run}", "--perfetto", "--out", "sc/kill-one.toml/a"],
            "sc/kill-one.toml/a: cannot be written: File exists",
        ),
    ],
)
def test_what_cannot_be_is_one_line(meshsim: Command, run: Path, words: list[str], complaint: str) -> None:
    said = meshsim("export", *(word.format(run=run) for word in words))

    assert (said.code, said.out, said.err) == (2, "", f"meshsim: {complaint}\n")
