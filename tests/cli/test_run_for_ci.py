"""`meshsim run` as CI uses it: seeds, shares, budgets, files, what GitHub reads."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

Command = Callable[..., Any]


def break_it(folder: Path) -> None:
    file = folder / "sc" / "kill-one.toml"
    file.write_text(file.read_text().replace("times = 1", "times = 3"))


def seeds_of(out: str) -> list[int]:
    return [json.loads(line)["seed"] for line in out.splitlines()]


def test_seeds_are_drawn_from_one_and_can_be_had_again(meshsim: Command) -> None:
    """The same base gives the same seeds, more of them begin with the same; no seed comes twice."""
    three, five = (seeds_of(meshsim("run", "sc", "--json", "--seed", "4", "--seeds", n).out) for n in ("3", "5"))

    assert (len(set(three)), len(set(five))) == (3, 5)
    assert five[:3] == three


def test_fresh_seeds_say_where_they_come_from(meshsim: Command) -> None:
    """A nightly job that goes red can be repeated from its log."""
    said = meshsim("run", "sc", "--json", "--seeds", "2")

    match = re.fullmatch(r"meshsim: seeds drawn from --seed (\d+)\n", said.err)
    assert match is not None
    assert seeds_of(meshsim("run", "sc", "--json", "--seeds", "2", "--seed", match[1]).out) == seeds_of(said.out)


def test_many_seeds_are_one_row(meshsim: Command) -> None:
    """Two hundred rows a scenario would hide the red one."""
    lines = meshsim("run", "sc", "--seeds", "3", "--seed", "1").out.splitlines()

    counts = ("seeds", "passed", "violated", "inconclusive")
    assert lines[0].split() == ["scenario", "backend", *counts, "closest", "slowest"]
    assert lines[1].split()[:-1] == ["kill-one", "sim", "3", "3", "0", "0", "detect", "34", "%"]


@pytest.mark.parametrize(
    ("words", "variable", "seed"), [((), "", 7), ((), "11", 11), (("--seed", "12"), "11", 12)], ids=str
)
def test_flag_beats_variable_beats_file(
    meshsim: Command, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], variable: str, seed: int
) -> None:
    """MESHSIM_SEED is for CI jobs that cannot change the command."""
    monkeypatch.setenv("MESHSIM_SEED", variable)

    assert seeds_of(meshsim("run", "sc", "--json", *words).out) == [seed]


def test_several_processes_print_the_same(meshsim: Command) -> None:
    """Everything but the wall times and the blanks before them, in the same order."""
    one, two = (
        re.sub(r" *\d+(ms|\.\d\ds)", "", meshsim("run", "sc", "--seeds", "6", "--seed", "1", "--jobs", jobs).out)
        for jobs in ("1", "2")
    )

    assert one == two


def test_the_junit_file_names_the_violation(meshsim: Command, folder: Path) -> None:
    """Written in one piece, its folder too; the exit code is that of the runs."""
    break_it(folder)

    said = meshsim("run", "sc", "--junit", "ci/junit.xml", "--keep", "none")

    (group,) = ElementTree.parse(folder / "ci" / "junit.xml").getroot()
    (case,) = group
    failure = case.find("failure")
    assert said.code == 1
    assert failure is not None
    assert failure.get("type") == "expect[0]"
    properties = {each.get("name"): each.get("value") for each in case.iter("property")}
    assert properties["verdict"] == "violated"
    assert str(properties["closest_margin"]).startswith("detect of trainer[1]: ")
    assert "run_dir" not in properties
    assert list((folder / "ci").iterdir()) == [folder / "ci" / "junit.xml"]
    assert not (folder / "out").exists()


def test_a_junit_file_that_cannot_be_written_is_found_before_the_first_run(meshsim: Command, folder: Path) -> None:
    """An hour of runs whose result nobody gets is an hour lost."""
    (folder / "taken").write_text("mine")

    said = meshsim("run", "sc", "--junit", "taken/junit.xml")

    assert said == (2, "", "meshsim: taken/junit.xml: cannot be written: File exists\n")
    assert not (folder / "out").exists()


def test_inconclusive_is_allowed_when_asked(meshsim: Command) -> None:
    """The limit is named; without the flag the command ends with 3."""
    words = ("run", "sc", "--max-records", "50")

    strict, lenient = meshsim(*words), meshsim(*words, "--allow-inconclusive")

    assert (strict.code, lenient.code) == (3, 0)
    assert re.search(r"^  limit reached: 50 records, at \d\.\d{3}s of virtual time$", strict.out, re.MULTILINE)


def test_what_the_budget_leaves_is_named(meshsim: Command) -> None:
    """Not run is not green: the command ends with 3, and says how much is missing."""
    said = meshsim("run", "sc", "--seeds", "3", "--seed", "1", "--time-budget", "1ns")

    assert said.code == 3
    assert said.out.splitlines()[-1] == "3 runs of 3 plans were not begun: the time budget is used up"


def test_fail_fast_stops_at_the_first_red(meshsim: Command, folder: Path) -> None:
    """One red run is enough to stop a push."""
    break_it(folder)

    said = meshsim("run", "sc", "--seeds", "3", "--seed", "1", "--fail-fast")

    assert said.code == 1
    assert said.out.splitlines()[-1] == "2 runs of 2 plans were not begun: a run before was violated"


def test_runs_are_repeated_under_another_hash_seed(meshsim: Command) -> None:
    """Half of four plans, in a fresh interpreter."""
    said = meshsim("run", "sc", "--seeds", "4", "--seed", "1", "--check-determinism", "50%")

    assert said.out.splitlines()[-1] == "4 runs: 4 passed, 0 violated, 0 inconclusive; 2 run twice"


def test_github_is_told_where_its_variables_exist(
    meshsim: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Annotations on standard error, which its runner reads too, so that `--json` stays clean; a table for the job."""
    break_it(folder)
    (folder / "summary.md").write_text("before\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "summary.md"))

    said = meshsim("run", "sc", "--json")

    line = (folder / "sc" / "kill-one.toml").read_text().splitlines().index("[[expect]]") + 1
    assert said.err.startswith(f"::error file=sc/kill-one.toml,line={line},title=kill-one[sim-seed7]%3A expect[0]::")
    assert (folder / "summary.md").read_text().startswith("before\n### meshsim\n")
    assert len(said.out.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--jobs", "0"), "--jobs: expected at least 1, got 0"),
        (("--seeds", "0"), "--seeds: expected at least 1, got 0"),
        (("--max-steps", "-1"), "--max-steps: expected at least 1, got -1"),
        (("--time-budget", "0s"), "--time-budget: expected more than 0s, got '0s'"),
        (("--check-determinism", "0.1"), "--check-determinism: expected a share such as \"10%\", got '0.1'"),
        (("--check-determinism", "101%"), "--check-determinism: expected a share such as \"10%\", got '101%'"),
        (("--report", "page", "--keep", "red"), "--report: needs the runs that --keep red throws away"),
    ],
)
def test_bad_values_are_one_line(meshsim: Command, words: tuple[str, ...], line: str) -> None:
    """The option, what was expected, what came."""
    assert meshsim("run", "sc", *words) == (2, "", f"meshsim: {line}\n")


def test_a_bad_variable_is_one_line(meshsim: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set once for a whole pipeline, and wrongly."""
    monkeypatch.setenv("MESHSIM_SEED", "lucky")

    assert meshsim("run", "sc") == (2, "", "meshsim: MESHSIM_SEED: expected a whole number, got 'lucky'\n")


def test_a_bad_duration_is_one_line(meshsim: Command) -> None:
    """As in scenario files."""
    said = meshsim("run", "sc", "--max-wall", "soon")

    assert (said.code, said.out) == (2, "")
    assert re.fullmatch(r"meshsim: --max-wall: .*'soon'\n", said.err)
