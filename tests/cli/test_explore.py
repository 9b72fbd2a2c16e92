"""`meshsim explore`: what it prints and writes, its exit codes, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]

WORLD = """
name = "small"
horizon = "9s"

[config]
supervision_poll_frequency = "2s"

[topology]
procs = [{ name = "workers" }]
actors = [{ name = "trainer", procs = "workers" }]
"""


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "small.toml").write_text(WORLD)
    monkeypatch.chdir(tmp_path)
    return "small.toml"


def test_findings_are_told_apart_and_written_as_scenarios_that_pass(meshsim: Command, small: str) -> None:
    """One row for each; each file is found wrong by its invariant, so it passes."""
    said = meshsim("explore", small, "--runs", "24", "--faults", "exit,stall", "--jobs", "2", "--out", "found")

    files = sorted(Path("found").glob("*.toml"))
    assert said.code == 1, said.err
    assert files
    assert f" runs/s, {len(files)} distinct findings, " in said.out
    assert [file.name for file in files if str(file) not in said.out] == []
    again = meshsim("run", "found", "--backend", "sim", "--out", "again")
    assert again.code == 0, again.out + again.err


def test_nothing_found_is_passed(meshsim: Command, small: str) -> None:
    """A clock that drifts a little hurts nobody."""
    said = meshsim("explore", small, "--runs", "4", "--faults", "clock_drift", "--profile", "fixed")

    assert said.code == 0
    assert said.out.splitlines()[-1].startswith("4 runs (4 passed), ")


def test_pct_says_its_probability(meshsim: Command, small: str) -> None:
    said = meshsim("explore", small, "--runs", "2", "--strategy", "pct")

    assert "an order of depth 3 comes up with at least " in said.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--faults", "exits"), "--faults: no kind of fault is called 'exits'; `meshsim faults` lists them"),
        (("--runs", "0"), "--runs: expected at least 1, got 0"),
        (("--jobs", "0"), "--jobs: expected at least 1, got 0"),
        (("--ways", "0"), "--ways: expected at least 1, got 0"),
        (("--time", "soon"), "--time: expected a duration such as"),
        (("--profile", "2025-11"), "--profile 2025-11: none of the scenarios is of its revision, 2025-11"),
        (("--faults", "alloc_fail"), "--faults: none of alloc_fail can do anything in small"),
    ],
)
def test_what_cannot_be_explored_is_refused(meshsim: Command, small: str, words: tuple[str, ...], message: str) -> None:
    """One line, exit code 2, nothing written."""
    said = meshsim("explore", small, *words)

    assert (said.code, said.out) == (2, "")
    assert said.err.strip().splitlines()[-1].startswith(f"meshsim: {message}")
