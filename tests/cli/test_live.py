"""`live` on the command line, beside the other two worlds: runs, sweeps, comparisons, the menu of faults.

How fast a machine is decides whether a live run is inconclusive; nothing here depends on it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]

real = [pytest.mark.procs, pytest.mark.xdist_group("procs")]
FAST = ("--time-scale", "0.1", "--late-max", "1h")


@pytest.fixture
def everywhere(folder: Path) -> Path:
    """The scenario is for real processes too."""
    file = folder / "sc" / "kill-one.toml"
    file.write_text(file.read_text().replace('backends = ["sim"]\n', ""))
    return file


@pytest.fixture
def names_live(folder: Path) -> Path:
    file = folder / "sc" / "kill-one.toml"
    file.write_text(file.read_text().replace('["sim"]', '["sim", "live"]'))
    return file


@pytest.mark.parametrize("words", [("--backend", "live"), ("--backend", "all")])
def test_no_run_on_live_can_be_repeated(meshsim: Command, everywhere: Path, words: tuple[str, ...]) -> None:
    """Two of them never have the same digest, so asking for it is a mistake."""
    said = meshsim("run", "sc", *words, "--check-determinism", "1%")

    assert said == (2, "", "meshsim: --check-determinism: no two runs on `live` have the same digest\n")


def test_nor_can_one_that_the_file_asks_for(meshsim: Command, names_live: Path, folder: Path) -> None:
    said = meshsim("run", "sc", "--check-determinism", "1%")

    assert said.code == 2
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("sweep", "sc/kill-one.toml", "--time-scale", "0.1"), "--time-scale: only where something runs on `live`"),
        (("sweep", "sc/kill-one.toml", "--backend", "live"), "it is for sim, not for --backend live"),
        (("faults", "--time-scale", "0.1"), "--time-scale: only where something runs on `live`"),
        (("faults", "--run", "--backend", "all", "--time-scale", "0"), "--time-scale: expected a number from 0.001"),
        (("faults", "--run", "--jobs", "0"), "--jobs: expected at least 1, got 0"),
    ],
)
def test_a_pace_is_for_live_alone(meshsim: Command, words: tuple[str, ...], line: str) -> None:
    said = meshsim(*words)

    assert (said.code, said.out) == (2, "")
    assert line in said.err
    assert len(said.err.splitlines()) == 1


class TestRuns:
    pytestmark = real

    def test_all_three_worlds(self, meshsim: Command, everywhere: Path, folder: Path) -> None:
        """The pair in virtual time has equal digests; the third has one of its own, and says how late things were."""
        said = meshsim("run", "sc", "--backend", "all", *FAST, "--allow-inconclusive", "--report", "three.html")

        assert said.code == 0
        rows = [line.split() for line in said.out.splitlines()[1:4]]
        assert [row[1] for row in rows] == ["sim", "lockstep", "live"]
        assert rows[0][-1] == rows[1][-1] != rows[2][-1]
        assert "; 1 of 1 pairs with equal digests" in said.out
        assert "kill-one live, seed 7: late by (median, virtual time): " in said.out
        assert "<h3>World by world: " in (folder / "three.html").read_text()
        assert (folder / "out/kill-one/live-seed7/timing.json").is_file()

    def test_a_file_may_name_it(self, meshsim: Command, names_live: Path) -> None:
        """Then it needs no flag; virtual time has nothing to be compared with."""
        said = meshsim("run", "sc", "--json", *FAST, "--allow-inconclusive")

        assert said.code == 0
        assert [json.loads(line)["backend"] for line in said.out.splitlines()] == ["sim", "live"]

    def test_a_sweep_has_one_pace(self, meshsim: Command, everywhere: Path, folder: Path) -> None:
        """Times are the scenario's, by the wall clock; at another pace it is another table."""
        words = ("sweep", "sc/kill-one.toml", "--backend", "live", "--seeds", "2", "--jobs", "2")

        meshsim(*words, *FAST)
        other = meshsim(*words, "--time-scale", "0.2")

        head, *rows = map(json.loads, (folder / "out/sweep-kill-one/sweep.jsonl").read_text().splitlines())
        assert head["pace"] == {"time_scale": 0.1, "late_max_ns": 3_600_000_000_000}
        assert [(row["backend"], row["clock"], row["seed"]) for row in rows] == [
            ("live", "wall", 0),
            ("live", "wall", 1),
        ]
        assert other.code == 2
        assert "the table of another sweep, --time-scale and --late-max 0.1 and 1h, not 0.2" in other.err

    def test_backends_are_compared(self, meshsim: Command, everywhere: Path) -> None:
        """What has several backends is taken apart, and the clocks are named."""
        meshsim("run", "sc", "--backend", "all", *FAST)

        said = meshsim("compare", "out")

        assert said.code == 0
        assert [line for line in said.out.splitlines() if line.endswith(":")] == [
            "out (lockstep) beside out (sim):",
            "out (live) beside out (sim):",
        ]

    def test_the_menu_of_faults_has_a_column(self, meshsim: Command, everywhere: Path) -> None:
        """The kernel's word for it is the same."""
        file = everywhere.rename(everywhere.with_name("signal.toml"))
        file.write_text(file.read_text().replace("kill-one", "signal").partition("[[expect]]")[0])

        said = meshsim("faults", "sc", "--run", "--json", "--backend", "all", "--time-scale", "0.1")

        cells = {cell["backend"]: cell for cell in map(json.loads, said.out.splitlines())}
        assert list(cells) == ["sim", "lockstep", "live"]
        assert cells["live"]["kernel"] == cells["lockstep"]["kernel"] == ["waitid: killed by signal 9 (workers[1])"]
        assert cells["live"]["outcome"] in ("passed", "inconclusive")
