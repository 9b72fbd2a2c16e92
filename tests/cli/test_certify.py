"""`meshsim certify` on real processes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from leftovers import processes_with, wait_until

import meshsim
from meshsim.run.certify import Certificate

Command = Callable[..., Any]

pytestmark = [pytest.mark.procs, pytest.mark.xdist_group("procs")]

QUIET = """\
name = "quiet"
about = "Nothing goes wrong. If this fails, nothing can be trusted."
horizon = "3s"
config = { supervision_poll_frequency = "2s" }
"""


def certificate(place: Path) -> Certificate:
    return msgspec.json.decode(place.read_bytes(), type=Certificate)


@pytest.fixture
def quiet(folder: Path) -> Path:
    (folder / "sc" / "quiet.toml").write_text(QUIET)
    return folder


def test_all_three_worlds_of_a_scenario(meshsim: Command, quiet: Path) -> None:
    """Whatever the machine was busy with, nothing is red, and what was not equivalent has a reason."""
    said = meshsim("certify", "sc", "--repeats", "2", "--time-scale", "0.2", "--out", "made")

    made = certificate(quiet / "made/certificate.json")
    rows = {row.scenario: row for row in made.rows}
    assert rows["kill-one"].not_compared.startswith("the scenario is for sim: ")
    assert rows["quiet"].twins is True
    assert len(rows["quiet"].live) == 2
    assert {run.outcome for run in rows["quiet"].live} <= {"equivalent", "inconclusive"}
    assert all(run.replayed or run.reason for run in rows["quiet"].live)
    assert said.code == (0 if rows["quiet"].count("equivalent") == 2 else 3)
    assert said.out.endswith("\ncertificate: made/certificate.md\n")
    assert "kill-one, seed 7: not compared: the scenario is for sim" in (quiet / "made/certificate.md").read_text()


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--repeats", "0"], "--repeats: expected at least 1, got 0"),
        (["--time-scale", "0"], "--time-scale: expected a number from 0.001 to 1000, got 0"),
        (["--out", "page.html"], "--out: expected a folder, or a file .md or .json, got 'page.html'"),
    ],
)
def test_bad_options_are_one_line(meshsim: Command, words: list[str], problem: str) -> None:
    said = meshsim("certify", "sc", *words)

    assert (said.code, said.out, said.err) == (2, "", f"meshsim: {problem}\n")


def test_ctrl_c_leaves_what_is_done_and_no_process(quiet: Path) -> None:
    """The short scenario is over, the long one is not."""
    (quiet / "sc" / "long.toml").write_text(QUIET.replace('"quiet"', '"long"').replace('"3s"', '"10m"'))
    words = ["certify", "sc/quiet.toml", "sc/long.toml", "--time-scale", "1", "--jobs", "2", "-v", "--out", "c.json"]
    path = os.pathsep.join([str(Path(meshsim.__file__).parent.parent), *sys.path])
    with subprocess.Popen(
        [sys.executable, "-c", f"import sys; from meshsim.cli import main; sys.exit(main({words!r}))"],
        env={**os.environ, "PYTHONPATH": path, "CERTIFIES_IN": str(quiet)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)

    assert re.match(r"meshsim: 1/2 after \d+s: quiet ", first)
    assert process.returncode == 130
    assert "interrupted: 1 scenarios are missing" in out
    assert [row.scenario for row in certificate(quiet / "c.json").rows] == ["quiet"]
    assert wait_until(lambda: not processes_with("CERTIFIES_IN", str(quiet), but=process.pid))
