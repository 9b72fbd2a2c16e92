"""The study of detection: what it makes of runs. How long anything takes is not tested."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import pytest
from leftovers import wait_until

from benchmarks.detection import study_of
from benchmarks.detection_page import write
from benchmarks.detection_study import Measured, Study
from benchmarks.evenness import chance, distance, likely_distance
from benchmarks.wake_up import WakeUps, wake_up_ns
from meshsim.procs.linux import children_of
from meshsim.units import MS, S

EVEN = [(index + 0.5) / 200 for index in range(200)]


def study(latencies_s: list[float], **others: object) -> Study:
    runs = [
        Measured(
            seed,
            "passed",
            "",
            planned_ns=2 * S + seed * MS,
            latency_ns=int(latency_s * S),
            overhead_ns=2 * MS,
            told_ns=3 * MS,
            gaps_ns=[S],
            wake_ups_ns=[MS, 2 * MS, 6 * MS],
        )
        for seed, latency_s in enumerate(latencies_s)
    ]
    machine = {"versions": {"meshsim": "1"}, "cores": 2, "load_before": 0.1, "load_after": 0.2, "wall_s": 3.0}
    asked = {"time_scale": 1.0, "at_once": 4, "asked": len(runs), "window_ns": (2 * S, 3 * S), "runs": runs}
    return Study(**{**machine, **asked, **others})  # type: ignore[arg-type]  # a table of fields


@pytest.mark.parametrize(
    ("values", "expected"),
    [(EVEN, 1 / 400), ([0.5], 0.5), ([0.0, 0.0], 1.0), ([1.0], 1.0), ([0.9, 0.95], 0.9), ([-3.0, 0.5], 0.5)],
)
def test_the_distance_from_an_even_spread(values: list[float], expected: float) -> None:
    assert distance(values, 0, 1) == pytest.approx(expected)


def test_what_is_far_off_is_unlikely() -> None:
    """The chance falls with the distance, and is one in twenty where it should be."""
    chances = [chance(far / 100, 200) for far in range(0, 30, 3)]

    assert chances == sorted(chances, reverse=True)
    assert chances[0] == 1.0
    assert chance(likely_distance(200), 200) == pytest.approx(0.05, abs=1e-3)
    # Tables of the limit: 1.628 leaves one in a hundred.
    assert chance(1.628 / (math.sqrt(200) + 0.12 + 0.11 / math.sqrt(200)), 200) == pytest.approx(0.01, abs=1e-3)


def test_even_latencies_are_said_to_be_even_and_others_are_not() -> None:
    assert ": what an even spread looks like" in " ".join(study([0.002 + value for value in EVEN]).words())
    assert ": NOT what an even spread looks like" in " ".join(study([0.002 + value**2 for value in EVEN]).words())


def test_the_numbers_are_medians_of_what_was_measured() -> None:
    found = study([0.002 + value for value in EVEN]).numbers()

    assert found["wake_up_median_ns"] == 2 * MS
    assert found["overhead_median_ns"] == 2 * MS
    assert found["told_median_ns"] == 3 * MS
    assert (found["even_from_ns"], found["even_to_ns"]) == (2 * MS, S + 2 * MS)
    assert found["runs"] == 200
    assert found["ks_distance"] == 0.0025


@pytest.mark.parametrize(
    ("run", "findings"),
    [
        (Measured(300, "passed", ""), ["in 1 of 4 runs no poll found the death"]),
        (Measured(300, "inconclusive", "too late", is_within_poll=True), []),
        (Measured(300, "violated", "it broke", latency_ns=1), ["seed 300: it broke"]),
    ],
)
def test_what_must_not_be(run: Measured, findings: list[str]) -> None:
    """A death that nobody found, unless a poll had just asked; and a red run."""
    good = study([0.2, 0.4, 0.6])
    assert study([], runs=[*good.runs, run]).findings() == findings


def test_the_page_and_the_figure_have_every_run(tmp_path: Path) -> None:
    """And nothing depends on anything but the study: the same one gives the same bytes."""
    whole = study([0.002 + value for value in EVEN])
    first, second = write(whole, tmp_path / "a"), write(whole, tmp_path / "b")

    assert [path.name for path in first] == ["detection.svg", "detection.png", "numbers.json", "README.md"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    kept = json.loads((tmp_path / "a" / "numbers.json").read_text())
    assert len(kept["runs"]) == 200
    assert kept["numbers"] == whole.numbers()
    svg = (tmp_path / "a" / "detection.svg").read_text()
    assert {f"{count} measured, median" in svg for count in (200, 600)} == {True}


@pytest.mark.procs
@pytest.mark.xdist_group("procs")
def test_a_bare_wake_up_takes_time_and_leaves_no_child() -> None:
    before = children_of(os.getpid())

    assert wake_up_ns() > 0
    assert children_of(os.getpid()) == before


@pytest.mark.procs
@pytest.mark.xdist_group("procs")
def test_wake_ups_go_on_beside_and_end_with_the_block() -> None:
    """Those nearest to a moment are what counts."""
    before = children_of(os.getpid())
    with WakeUps(gap_s=0.001):
        assert wait_until(lambda: len(children_of(os.getpid())) > len(before))
    with WakeUps(gap_s=0.001) as bare:
        assert wake_up_ns() > 0

    assert children_of(os.getpid()) == before
    bare.found = [(100, 1), (300, 2), (200, 3)]
    assert bare.nearest(190, 2) == [3, 1]


@pytest.mark.procs
@pytest.mark.xdist_group("procs")
def test_a_study_of_two_runs_measures_both() -> None:
    """The shipped scenario, live, at a fifth of its time: each run has its kill, its poll and its wake-ups."""
    found = study_of(Path("reports/detection-live/killed-proc.toml"), 2, 2, time_scale=0.2)

    assert found.findings() == []
    assert len(found.latencies_ns) == 2
    for run in found.runs:
        if run.latency_ns is not None:
            assert 0 < run.overhead_ns <= run.latency_ns
            assert run.told_ns > 0
            assert run.gaps_ns
            assert run.wake_ups_ns
