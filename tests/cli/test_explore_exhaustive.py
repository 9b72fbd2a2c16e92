"""`meshsim explore --strategy exhaustive`: what it prints, its exit codes, and what it refuses."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]

SCENARIO = str(Path(__file__).parents[2] / "scenarios" / "explore" / "three-procs.toml")
BOUNDS = ("--faults", "exit", "--targets", "workers", "--at-most", "1")
#: Answers to a poll arrive at the second of these: three with the quirks off, the last of two with them.
WITHIN = ("--within", "10.016s..10.0165s")


def explore(meshsim: Command, *words: str) -> tuple[int, str, str]:
    said = meshsim("explore", SCENARIO, "--strategy", "exhaustive", *words)
    return said.code, said.out, said.err


def test_it_ends_with_nothing_left(meshsim: Command) -> None:
    """Without quirks there is nothing to find."""
    code, out, _ = explore(meshsim, *BOUNDS, *WITHIN, "--profile", "fixed")

    first, last = out.splitlines()
    assert first == ("three-procs (fixed): 3 faults of 1 kind, at most 1 at a time, from 10.016s to before 10.0165s")
    assert re.fullmatch(r"\d+ classes explored, 0 left \(\d+ runs, 0 distinct findings\)", last)
    assert code == 0


def test_counterexamples_are_listed(meshsim: Command) -> None:
    """A dead proc is reported with every poll (Q18)."""
    code, out, _ = explore(meshsim, *BOUNDS, *WITHIN, "--until-first")

    assert code == 1
    assert "at-most-once of client" in out


def test_counterexamples_are_kept_as_scenarios_that_pass(
    meshsim: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One file for each row; it is found wrong by its invariant, so it passes."""
    monkeypatch.chdir(tmp_path)
    code, out, err = explore(meshsim, *BOUNDS, *WITHIN, "--until-first", "--jobs", "2", "--out", "found")

    files = sorted(Path("found").glob("*.toml"))
    assert (code, err) == (1, "")
    assert f"shrinking {len(files)} findings:" in out
    assert files
    assert [file.name for file in files if str(file) not in out] == []
    again = meshsim("run", "found", "--backend", "sim", "--out", "again")
    assert again.code == 0, again.out + again.err


def test_nothing_found_writes_nothing(meshsim: Command, tmp_path: Path) -> None:
    code, _, _ = explore(meshsim, *BOUNDS, *WITHIN, "--profile", "fixed", "--out", str(tmp_path / "found"))

    assert code == 0
    assert not (tmp_path / "found").exists()


def test_a_search_with_runs_that_were_given_up_decides_nothing(meshsim: Command) -> None:
    """No run takes less than a nanosecond."""
    code, out, err = explore(meshsim, *BOUNDS, *WITHIN, "--profile", "fixed", "--max-wall", "1ns")

    assert "lost: limit reached: 1e-09 s of wall time" in err
    assert "0 classes explored, 0 left, 1 lost (1 runs" in out
    assert code == 3


def test_a_search_that_stops_early_estimates_the_rest(meshsim: Command) -> None:
    code, out, _ = explore(meshsim, *BOUNDS, *WITHIN, "--profile", "fixed", "--runs", "5")

    assert re.search(r"\d left, about \d+ with what follows \(5 runs", out)
    assert code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--targets", "workers"), "--strategy exhaustive: expected --faults with the kinds that make the menu"),
        (("--faults", "alloc_stop"), "--faults: alloc_stop can strike nobody in three-procs"),
        (("--faults", "raise", "--targets", "host0"), "--faults: raise can strike none of host0"),
        ((*BOUNDS, "--within", "10s"), "--within: expected two times such as \"10s..20s\", got '10s'"),
        ((*BOUNDS, "--within", "20s..10s"), "--within: expected a beginning, and a later end up to the horizon, 36s"),
        ((*BOUNDS, "--within", "10s..50s"), "--within: expected a beginning, and a later end up to the horizon, 36s"),
        (("--faults", "exit", "--at-most", "-1"), "--at-most: expected at least 0, got -1"),
        ((*BOUNDS, "--seed", "0"), "--seed: not for --strategy exhaustive, which draws nothing"),
        ((*BOUNDS, "--max-wall", "soon"), "--max-wall: expected a duration such as"),
    ],
)
def test_what_makes_no_bound_is_refused(meshsim: Command, words: tuple[str, ...], message: str) -> None:
    code, out, err = explore(meshsim, *words)

    assert (code, out.splitlines()[1:]) == (2, [])
    assert message in err


@pytest.mark.parametrize("words", [("--at-most", "1"), ("--within", "1s..2s"), ("--targets", "host0")])
def test_bounds_are_for_this_strategy_alone(meshsim: Command, words: tuple[str, ...]) -> None:
    said = meshsim("explore", SCENARIO, *words)

    assert said.code == 2
    assert f"{words[0]}: for --strategy exhaustive alone, got random" in said.err
