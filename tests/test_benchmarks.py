"""The benchmark works: at tiny sizes every row is measured and written. How fast anything is, is not tested."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest

from benchmarks.bare_fork import Forked
from benchmarks.comparison import Aim, Comparison
from benchmarks.report import Report
from benchmarks.simulation import Size
from benchmarks.suite import Extent, benchmark

TINY = Extent(
    sizes=(Size(1, 2),),
    sim_rounds=2,
    sim_messages=1,
    step_rounds=2,
    steps=4,
    polls=2,
    poll_rounds=1,
    procs=(1, 3),
    proc_rounds=1,
    live=(1, 2),
    explore_rounds=2,
    explore_runs=2,
)


def compared(ours: list[float], bare: list[float], aim: Aim | None) -> Comparison:
    return Comparison(name="x", unit="things/s", ours=ours, bare_name="bare things/s", bare=bare, aim=aim)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a benchmark of tiny extent leaves behind."""
    out = tmp_path_factory.mktemp("reports")
    benchmark(TINY, out)
    return out


@pytest.fixture
def report(folder: Path) -> Report:
    return msgspec.json.decode(folder.joinpath("benchmark.json").read_bytes(), type=Report)


@pytest.mark.procs
@pytest.mark.xdist_group("procs")
def test_every_thing_that_was_asked_for_is_measured(report: Report) -> None:
    """Simulation, steps and processes, each under a name that says its size."""
    assert [comparison.name for comparison in report.comparisons] == [
        "sim, 2 ranks",
        "sim, bring-up of 2 ranks",
        "lockstep, host agent",
        "lockstep, proc agent",
        "lockstep, 10 nodes in turn",
        "lockstep, 2 polls of 16 procs",
        "1 proc, ready",
        "1 proc, private memory of the largest",
        "1 proc, ended",
        "3 procs, ready",
        "3 procs, private memory of the largest",
        "3 procs, ended",
        "live, 2 procs on 1 host, ready",
        "live, 2 procs on 1 host, private memory of the largest",
        "live, 2 procs on 1 host, private memory of all processes",
        "live, 2 procs on 1 host, one killed, found by a poll each 2 s",
        "live, 2 procs on 1 host, all stopped",
        "live, 2 procs on 1 host, ended, nothing left",
        "explore, plain scenario",
        "explore, decisions",
    ]


@pytest.mark.procs
@pytest.mark.xdist_group("procs")
def test_ratios_are_positive_and_one_for_each_round(report: Report) -> None:
    """A division by a clock that did not move, or a round without its baseline, would show here."""
    rounds = [len(comparison.ratios) for comparison in report.comparisons]

    assert rounds == [2, 0, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 2, 0]
    assert all(ratio > 0 for comparison in report.comparisons for ratio in comparison.ratios)


@pytest.mark.procs
@pytest.mark.xdist_group("procs")
def test_the_written_table_has_a_row_for_each_measurement(folder: Path, report: Report) -> None:
    """What is read on the web is what was measured, in the same order."""
    lines = folder.joinpath("benchmark.md").read_text().splitlines()
    rows = [line.split("|")[1].strip() for line in lines if line.startswith("| ")]

    assert rows == ["what", "---", *(comparison.name for comparison in report.comparisons)]


@pytest.mark.procs
@pytest.mark.xdist_group("procs")
def test_reports_do_not_say_where_they_were_made(folder: Path) -> None:
    """They are committed: of the machine they say how many cores it has and how busy it was, and no place on it."""
    texts = {path.name: path.read_text() for path in folder.iterdir()}
    places = {str(Path.cwd()), str(Path.home()), str(folder), sys.prefix}

    assert [(name, place) for name, text in texts.items() for place in places if place in text] == []
    assert sorted(msgspec.json.decode(texts["benchmark.json"])) == [
        "comparisons",
        "cores",
        "load_after",
        "load_before",
        "schema",
        "versions",
        "wall_s",
    ]


def test_an_aim_is_met_by_the_median_of_the_ratios() -> None:
    """One slow round of one side does not decide; pairs are compared, not medians of each side."""
    aim = Aim("ratio", "least", 0.2)

    assert compared([10, 30, 90], [100, 100, 300], aim).met is True
    assert compared([10, 10, 90], [100, 100, 300], aim).met is False


def test_an_aim_for_a_value_needs_no_baseline() -> None:
    """256 procs in under a second is a limit of its own."""
    assert Comparison(name="x", unit="s", ours=[0.8, 0.9, 2.0], aim=Aim("value", "most", 1.0)).met is True


def test_without_an_aim_nothing_is_met_or_missed() -> None:
    """Such rows are there to be looked at."""
    assert compared([1], [1], None).met is None


def test_the_aims_read_as_the_limits_they_are() -> None:
    """The table shows them beside the numbers."""
    assert [str(Aim("ratio", "least", 0.5)), str(Aim("value", "most", 1.0))] == ["ratio ≥ 0.5", "≤ 1"]


def test_bare_fork_says_what_the_benchmark_reads() -> None:
    """The line between the two processes."""
    assert msgspec.json.decode(b'{"ready_s":0.5,"pids":[7]}', type=Forked) == Forked(0.5, [7])
