"""`meshsim sweep` and `meshsim compare`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]

SWEEP = ("sweep", "sc/kill-one.toml", "--set", "supervision_poll_frequency=2s,3s", "--seeds", "2")


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()[1:]]


def test_a_sweep_prints_a_row_for_each_setting(meshsim: Command, folder: Path) -> None:
    said = meshsim(*SWEEP)

    lines = said.out.splitlines()
    assert said.code == 0
    assert lines[0].split()[:6] == ["setting", "runs", "verdicts", "detect", "worst", "report"]
    assert [line.split()[:4] for line in lines[1:3]] == [
        ["supervision_poll_frequency=2s", "2", "2", "passed"],
        ["supervision_poll_frequency=3s", "2", "2", "passed"],
    ]
    assert lines[-1] == "table: out/sweep-kill-one/sweep.jsonl: 4 runs, 4 of them now, 0 before"
    rows = rows_of(folder / "out/sweep-kill-one/sweep.jsonl")
    assert [(row["setting"], row["seed"]) for row in rows] == [
        ({"config.supervision_poll_frequency": period}, seed) for period in ("2s", "3s") for seed in (0, 1)
    ]


def test_the_same_again_runs_nothing_and_another_is_refused(meshsim: Command) -> None:
    meshsim(*SWEEP)

    again, other = meshsim(*SWEEP, "--jobs", "2"), meshsim(*SWEEP[:-1], "3")

    assert again.out.splitlines()[-1].endswith("4 runs, 0 of them now, 4 before")
    assert (other.code, other.out) == (2, "")
    assert other.err == (
        "meshsim: out/sweep-kill-one/sweep.jsonl: the table of another sweep, --seeds 2, not 3; "
        "give another --out or remove it\n"
    )


def test_a_seed_of_a_sweep_can_be_had_alone(meshsim: Command, folder: Path) -> None:
    """The line of a run is the same, whichever sweep it was in."""
    meshsim(*SWEEP)
    meshsim(*SWEEP[:-1], "1", "--seed", "1", "--out", "alone")

    assert rows_of(folder / "alone/sweep.jsonl") == rows_of(folder / "out/sweep-kill-one/sweep.jsonl")[1::2]


def test_a_violated_run_is_a_result(meshsim: Command, folder: Path) -> None:
    """That an expectation does not hold under other settings is what a sweep may be for; numbers are counted."""
    said = meshsim("sweep", "sc/kill-one.toml", "--set", "supervision_poll_frequency=1s", "--seeds", "1")

    (row,) = rows_of(folder / "out/sweep-kill-one/sweep.jsonl")
    assert (said.code, row["verdict"]) == (0, "violated")
    assert row["numbers"]["detect_ns"] != []


def test_a_run_that_is_given_up_makes_the_sweep_inconclusive(meshsim: Command) -> None:
    """It has a line without numbers, and the reason."""
    assert meshsim(*SWEEP, "--max-wall", "1ns").code == 3


def test_a_profile_is_put_over_the_file(meshsim: Command, folder: Path) -> None:
    meshsim(*SWEEP, "--profile", "fixed")

    assert {row["profile"] for row in rows_of(folder / "out/sweep-kill-one/sweep.jsonl")} == {"fixed"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("sweep", "sc/kill-one.toml", "--set", "horizon"), "--set: expected KEY=VALUE,VALUE…, got 'horizon'"),
        (("sweep", "sc/kill-one.toml", "--set", "horizon=1s,"), "--set: expected KEY=VALUE,VALUE…, got 'horizon=1s,'"),
        (("sweep", "sc/kill-one.toml", "--set", "horizon=9s", "--set", "horizon=8s"), "--set: horizon is given twice"),
        (("sweep", "sc/kill-one.toml", "--seeds", "0"), "--seeds: expected at least 1, got 0"),
        (("sweep", "sc/kill-one.toml", "--backend", "lockstep"), "it is for sim, not for --backend lockstep"),
        (("sweep", "sc/nothing.toml"), "sc/nothing.toml: cannot be read: No such file or directory"),
        (
            ("sweep", "sc/kill-one.toml", "--set", "profile=fixed", "--profile", "fixed"),
            "--profile: --set profile= says it already",
        ),
        (("compare",), "expected a table of a sweep or a folder of runs"),
        (("compare", "sc"), "sc: no runs there"),
        (("compare", "sc/kill-one.toml"), "sc/kill-one.toml: expected a table of a sweep, or a folder"),
    ],
)
def test_what_cannot_be_done_is_one_line(meshsim: Command, folder: Path, words: tuple[str, ...], says: str) -> None:
    said = meshsim(*words)

    assert (said.code, said.out) == (2, "")
    assert says in said.err
    assert len(said.err.splitlines()) == 1
    assert not (folder / "out").exists()


def test_a_table_is_compared_with_itself_and_has_a_page(meshsim: Command, folder: Path) -> None:
    meshsim(*SWEEP)

    said = meshsim("compare", "out/sweep-kill-one", "--out", "page")

    assert said.code == 0
    assert "supervision_poll_frequency=3s beside supervision_poll_frequency=2s:" in said.out.splitlines()
    assert said.out.splitlines()[-1] == "page: page/index.html"
    assert sorted(path.name for path in (folder / "page").iterdir()) == ["index.html", "trade-off.png", "trade-off.svg"]


def test_folders_of_runs_are_compared_too(meshsim: Command) -> None:
    """What `meshsim run` kept is measured again from its traces: two profiles, one plan."""
    meshsim("run", "sc", "--out", "before")
    meshsim("run", "sc", "--out", "after", "--profile", "fixed")

    said = meshsim("compare", "before", "after")

    assert said.code == 0
    assert [line.split()[0] for line in said.out.splitlines()[:3]] == ["of", "before", "after"]
    assert "after beside before:" in said.out.splitlines()


def test_a_table_and_the_runs_it_stands_for_say_the_same(meshsim: Command) -> None:
    """Numbers that are measured in a worker are those of the trace that is kept."""
    meshsim("sweep", "sc/kill-one.toml", "--seeds", "1", "--seed", "7", "--out", "table")
    meshsim("run", "sc", "--out", "runs")

    said = meshsim("compare", "table", "runs")

    (changed,) = [line for line in said.out.splitlines() if line.startswith("  ")]
    assert changed.startswith("  Unchanged: ")
