from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
import pytest
from small_worlds import mesh

from meshsim.oracle.verdict import Verdict
from meshsim.report.findings import evidence_of
from meshsim.run import Job, Limits, OutputError, RunResult, Settings, repeat_share, run_suite, suite
from meshsim.run import workers as crew
from meshsim.scenario.plan import Plan
from meshsim.units import S

SIM = ("sim",)


def plans(count: int) -> list[Plan]:
    return [msgspec.structs.replace(mesh(horizon_s=5), seed=seed) for seed in range(count)]


def jobs(count: int) -> list[Job]:
    return [Job(plan, SIM) for plan in plans(count)]


@pytest.fixture(autouse=True)
def nobody_left() -> Iterator[None]:
    """Whatever a suite does, no worker and no twin is there when it is over."""
    before = set(psutil.Process().children(recursive=True))
    yield
    assert set(psutil.Process().children(recursive=True)) <= before


def settings(tmp_path: Path, **fields: object) -> Settings:
    return Settings(out=tmp_path / "out", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("workers", [1, 3])
def test_outcomes_come_in_the_order_of_the_jobs(tmp_path: Path, workers: int) -> None:
    """However many processes there are: the same runs, the same digests, the same order, each passed on once."""
    done: list[int] = []

    result = run_suite(
        jobs(7), settings(tmp_path, workers=workers), evidence_of, done=lambda each: done.append(each.plan.seed)
    )

    alone = run_suite(jobs(7), settings(tmp_path, keep="none"), evidence_of)
    assert done == list(range(7))
    assert [each.digest for each in result.outcomes] == [each.digest for each in alone.outcomes]
    assert [each.verdict.outcome for each in result.outcomes] == ["passed"] * 7
    assert all(Path(each.place, "trace.jsonl").is_file() for each in result.outcomes)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_first_violated_run_is_the_last_that_begins(
    tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--fail-fast`: what runs at the same time comes to its end, the rest is named and not begun."""
    monkeypatch.setattr(suite, "run_plan", red_for(2))

    result = run_suite(jobs(20), settings(tmp_path, workers=workers, fail_fast=True), evidence_of)

    assert "violated" in [each.verdict.outcome for each in result.outcomes]
    assert 3 <= len(result.outcomes) < 20  # The other worker may have done some meanwhile.
    assert len(result.outcomes) + len(result.left) == 20
    assert result.why_left == "a run before was violated"


def test_nothing_begins_when_the_budget_is_used_up(tmp_path: Path) -> None:
    """A budget ends a suite between two runs, and says what was left."""
    result = run_suite(jobs(3), settings(tmp_path, budget_s=-1.0), evidence_of)

    assert (result.outcomes, len(result.left)) == ([], 3)
    assert result.why_left == "the time budget is used up"


def test_only_red_runs_are_kept_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand green traces are of no use to anybody."""
    monkeypatch.setattr(suite, "run_plan", red_for(1))

    result = run_suite(jobs(3), settings(tmp_path, keep="red"), evidence_of)

    assert [bool(each.place) for each in result.outcomes] == [False, True, False]
    assert [path.name for path in (tmp_path / "out").rglob("*-seed*")] == ["sim-seed1"]


def test_a_worker_that_dies_takes_only_its_job_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed for want of memory, say: that run is inconclusive, and the others are done."""
    real = suite.run_plan

    def deadly(plan: Plan, backend: str, **options: object) -> RunResult:
        if plan.seed == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(plan, backend, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(suite, "run_plan", deadly)

    result = run_suite(jobs(5), settings(tmp_path, workers=2), evidence_of)

    assert [each.verdict.outcome for each in result.outcomes] == ["passed", "inconclusive"] + ["passed"] * 3
    assert result.outcomes[1].verdict.reason == "its worker process ended by signal 9"
    assert result.outcomes[1].reproduce.endswith("--seed 1")


def test_a_full_disk_in_a_worker_is_an_error_of_the_suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in one process: one line for the user, and nothing goes on."""

    def full(*_: object) -> Path:
        raise OutputError("out: cannot write runs there: No space left on device")

    monkeypatch.setattr(suite, "write_run", full)

    with pytest.raises(OutputError, match="No space left"):
        run_suite(jobs(4), settings(tmp_path, workers=2), evidence_of)


def test_an_interrupted_suite_interrupts_its_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the parent while workers are in the middle of a run: they end (see `nobody_left`)."""

    def endless(*_: object, **__: object) -> RunResult:
        while True:
            signal.pause()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(suite, "run_plan", lambda plan, *a, **k: endless() if plan.seed else passed(plan))

    with pytest.raises(KeyboardInterrupt):
        run_suite(jobs(4), settings(tmp_path, workers=2), evidence_of, over=interrupt)


def test_while_workers_are_busy_whoever_waits_is_told_that_time_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that takes minutes must not look like one that hangs: here no wait lasts at all."""
    ticks: list[None] = []
    monkeypatch.setattr(crew, "TICK_S", 0.0)

    run_suite(jobs(2), settings(tmp_path, workers=2), evidence_of, tick=lambda: ticks.append(None))

    assert ticks


def test_a_share_of_the_jobs_is_repeated_and_always_the_same(tmp_path: Path) -> None:
    """At least one, none for nothing, all for everything; the choice depends on the plans alone."""
    some = jobs(40)

    counts = [sum(job.is_repeated for job in repeat_share(some, share)) for share in (0, 0.001, 0.1, 1)]

    assert counts == [0, 1, 4, 40]
    assert repeat_share(some, 0.1) == repeat_share(jobs(40), 0.1)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_repeated_run_is_the_same_under_another_hash_seed(tmp_path: Path, workers: int) -> None:
    """The twin is a fresh interpreter with another hash seed."""
    result = run_suite(repeat_share(jobs(2), 1), settings(tmp_path, workers=workers), evidence_of)

    assert [(each.verdict.outcome, each.is_repeated) for each in result.outcomes] == [("passed", True)] * 2


def test_a_run_that_depends_on_more_than_its_plan_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here the first run has one record less than the twin's, as code that looks at the hash seed might bring about."""
    real = suite.run_plan

    def other(plan: Plan, backend: str, **options: object) -> RunResult:
        result = real(plan, backend, **options)  # type: ignore[arg-type]
        return msgspec.structs.replace(result, records=result.records[:-1], digest="0" * 64)

    monkeypatch.setattr(suite, "run_plan", other)

    (outcome,) = run_suite(repeat_share(jobs(1), 1), settings(tmp_path), evidence_of).outcomes

    assert outcome.verdict.outcome == "violated"
    (violation,) = outcome.verdict.violations
    assert violation.invariant == "deterministic"
    assert violation.message.startswith("run again, the trace differs from record ")
    assert "first ended, then '" in violation.message


@pytest.mark.parametrize(
    ("limits", "reached"),
    [
        (Limits(steps=20), "20 steps"),
        (Limits(records=30), "30 records"),
        (Limits(virtual_ns=1 * S), "1s of virtual time"),
        (Limits(wall_s=0), "0 s of wall time"),
    ],
)
def test_each_limit_is_named_when_it_is_reached(tmp_path: Path, limits: Limits, reached: str) -> None:
    """A run that was given up says nothing about the modelled system; the reason says which limit, and when."""
    (outcome,) = run_suite(jobs(1), settings(tmp_path, limits=limits), evidence_of).outcomes

    assert outcome.verdict.outcome == "inconclusive"
    assert outcome.verdict.reason.startswith(f"limit reached: {reached}, at ")
    assert outcome.verdict.reason.endswith(" of virtual time")


def passed(plan: Plan) -> RunResult:
    return RunResult(
        plan=plan,
        backend="sim",
        records=[],
        digest="0",
        verdict=Verdict(outcome="passed"),
        virtual_ns=0,
        wall_s=0,
        stderr={},
    )


def red_for(seed: int) -> object:
    def judged(plan: Plan, backend: str, **_: object) -> RunResult:
        outcome = "violated" if plan.seed == seed else "passed"
        return msgspec.structs.replace(passed(plan), verdict=Verdict(outcome=outcome))  # type: ignore[arg-type]

    return judged
