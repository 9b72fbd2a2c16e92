"""Campaigns: the same is found by any number of processes, at one go or in pieces."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from leftovers import processes_with, wait_until
from worlds import CAMPAIGN, MARK, PLANS, contents, count, environment, run

from meshsim.campaign.ledger import findings_in
from meshsim.campaign.scheduling import Local
from meshsim.explore import explorer
from meshsim.explore.explorer import Task, explore
from meshsim.explore.running import LIMITS
from meshsim.scenario.plan import Plan, plan, plan_digest
from meshsim.scenario.schema import Actors, Procs, Scenario, Topology
from meshsim.units import Duration, S

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ledger of the campaign, run by one process at one go."""
    path = tmp_path_factory.mktemp("whole") / "ledger.sqlite"
    run(path)
    return path


def test_one_job_and_two_jobs_find_the_same(whole: Path, tmp_path: Path) -> None:
    progress = run(tmp_path / "two.sqlite", scheduler=Local(2))

    assert (progress.batches, progress.runs, progress.broken, progress.lost) == (8, 64, [], [])
    assert len(findings_in(whole)) > 3
    assert contents(tmp_path / "two.sqlite") == contents(whole)


def test_another_seed_finds_something_else(whole: Path, tmp_path: Path) -> None:
    run(tmp_path / "other.sqlite", msgspec.structs.replace(CAMPAIGN, seed=4))

    assert contents(tmp_path / "other.sqlite") != contents(whole)


def test_a_campaign_that_is_done_does_nothing(whole: Path) -> None:
    before = contents(whole)

    progress = run(whole)

    assert (progress.before, progress.left, progress.batches) == (8, 0, 0)
    assert contents(whole) == before
    assert count(whole, "session") == 1


def test_more_rounds_and_strategies_go_on_with_the_same_ledger(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    run(path, msgspec.structs.replace(CAMPAIGN, strategies=("swarm",), rounds=1))

    progress = run(path)

    assert (progress.before, progress.left, progress.batches) == (2, 6, 6)
    assert contents(path) == contents(whole)


def test_a_campaign_that_is_killed_goes_on_where_it_was(whole: Path, tmp_path: Path) -> None:
    """SIGKILL, twice, with two workers in the middle of batches; nothing of it stays behind."""
    path = tmp_path / "ledger.sqlite"
    ended = []
    for batches in (2, 5):
        done = _killed_after(batches, path)
        ended.append(done)
    progress = run(path, scheduler=Local(2))

    assert 2 <= ended[0] < ended[1] < 8
    assert (progress.before, progress.batches) == (ended[1], 8 - ended[1])
    assert contents(path) == contents(whole)


def _killed_after(batches: int, path: Path) -> int:
    """Start the campaign in a process, kill it when so many batches are in the ledger; how many there are then."""
    command = [sys.executable, str(HERE / "run_it.py"), str(path)]
    with subprocess.Popen(command, env=environment(path), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= batches:
                break
        os.kill(process.pid, signal.SIGKILL)
    assert wait_until(lambda: not processes_with(MARK, str(path), but=0))
    return count(path, "batch")


def test_a_batch_is_what_explore_finds_with_its_seed(whole: Path) -> None:
    """So that each sighting can be had again by one command."""
    with closing(sqlite3.connect(whole)) as db:
        rows = db.execute(
            "SELECT own_seed, strategy, plan, id FROM batch WHERE round = 1 AND strategy = 'swarm' ORDER BY plan"
        ).fetchall()
        for own_seed, strategy, digest, batch in rows:
            of = next(each for each in PLANS if plan_digest(each) == digest)
            found = explore(Task(plans=(of,), strategy=strategy, seed=own_seed, runs=8)).found
            seen = db.execute(
                "SELECT invariant, machine, run, count FROM sighting JOIN finding ON finding.id = finding"
                " WHERE batch = ?",
                (batch,),
            ).fetchall()
            expected = [(key.invariant, key.machine, each.run, each.count) for key, each in found.items()]
            assert sorted(seen) == sorted(expected)
    assert len(rows) == 2


def test_a_campaign_ends_when_its_time_is_over(tmp_path: Path) -> None:
    """Without rounds it has no other end."""
    progress = run(tmp_path / "ledger.sqlite", msgspec.structs.replace(CAMPAIGN, rounds=None, time_s=1e-9))

    assert (progress.left, progress.batches) == (None, 0)


@pytest.mark.parametrize(
    ("actor", "why"),
    [
        ("Exits", "its worker process ended with exit code 7"),
        ("Loops", "its worker process ended after 0.5 s without an answer"),
    ],
)
def test_runs_that_crash_or_hang_cost_themselves_alone(
    actor: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An actor that ends its process, or loops for ever, where a process is started late: each such run is reported."""
    monkeypatch.syspath_prepend(str(HERE))
    monkeypatch.setattr(explorer, "_GRACE_S", 0.0)
    limits = msgspec.structs.replace(LIMITS, wall_s=0.5)
    campaign = msgspec.structs.replace(
        CAMPAIGN,
        plans=(with_actor(f"broken_actors:{actor}"),),
        strategies=("random",),
        kinds=("slow_start",),
        runs=12,
        rounds=1,
        limits=limits,
    )

    progress = run(tmp_path / "ledger.sqlite", campaign, Local(2))

    assert (progress.batches, progress.runs, progress.broken) == (1, 12, [])
    assert 0 < len(progress.lost) < 12
    assert {each[2] for each in progress.lost} == {why}
    assert [row[6:] for row in contents(tmp_path / "ledger.sqlite")[2]] == [each[1:] for each in progress.lost]


def with_actor(actor: str) -> Plan:
    topology = Topology(procs=[Procs(name="workers")], actors=[Actors(name="own", procs="workers", actor=actor)])
    return plan(Scenario(name="own", horizon=Duration(9 * S), topology=topology), 0)
