"""Limits hold where no node is asked, and where one never answers."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

import pytest
from small_worlds import at, mesh

from meshsim.faults.kinds import ClockJump, Latency, Repeat
from meshsim.run import Limits, run_plan
from meshsim.run.interrupting import interrupting
from meshsim.run.pace import Pace
from meshsim.scenario.plan import Plan, plan
from meshsim.scenario.schema import Actors, CastOp, Procs, Scenario, Topology
from meshsim.units import MS, Duration, S

#: A loop that begins anew whatever goes wrong in it.
CODE = """
from meshsim.model.actors.plain import TestActor
from meshsim.model.messages import Envelope, Work


class Loops(TestActor):
    def handle(self, event, now_ns):
        while isinstance(event, Envelope) and isinstance(event.message, Work):
            try:
                while True:
                    pass
            except Exception:
                pass
        return super().handle(event, now_ns)
"""


@pytest.fixture
def looping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """The actor loops as soon as it is cast something."""
    (tmp_path / "looping.py").write_text(CODE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "looping", raising=False)
    topology = Topology(
        procs=[Procs(name="workers")], actors=[Actors(name="trainer", procs="workers", actor="looping:Loops")]
    )
    return plan(Scenario(name="loops", horizon=at(10), topology=topology, operations=[CastOp(mesh="trainer")]), 0)


def quiet(**keys: object) -> Plan:
    """After bring-up nothing happens for an hour."""
    return mesh(horizon_s=100, config={"supervision_poll_frequency": "1h"}, **keys)


def test_faults_that_no_node_is_told_of_count_as_records() -> None:
    """The network becomes worse a thousand times, and nobody says a word."""
    worse = Latency(target="host0", at=at(5), by=Duration(1), repeat=Repeat(times=1_000, every=Duration(MS)))

    result = run_plan(quiet(faults=[worse]), "sim", limits=Limits(records=500))

    assert result.verdict.outcome == "inconclusive"
    assert result.verdict.reason.startswith("limit reached: 500 records, at 5.")
    assert len(result.records) == 501


@pytest.mark.parametrize(
    ("limit_s", "outcome", "reason"),
    [
        (50, "inconclusive", "limit reached: 50s of virtual time, at 50.000s of virtual time"),
        (100, "passed", ""),
        (1_000, "passed", ""),
    ],
)
def test_virtual_time_has_a_limit_where_nothing_happens(limit_s: int, outcome: str, reason: str) -> None:
    """The limit is the time, not the next step behind it; a horizon at the limit is within."""
    result = run_plan(quiet(), "sim", limits=Limits(virtual_ns=limit_s * S))

    assert (result.verdict.outcome, result.verdict.reason) == (outcome, reason)


def test_a_run_that_is_done_is_over_no_limit() -> None:
    """Its last record is one too many, and changes nothing."""
    records = run_plan(quiet(), "sim").records

    assert run_plan(quiet(), "sim", limits=Limits(records=len(records) - 1)).verdict.outcome == "passed"
    assert run_plan(quiet(), "sim", limits=Limits(records=len(records) - 2)).verdict.outcome == "inconclusive"


@pytest.mark.procs
def test_wall_time_has_a_limit_where_nothing_happens() -> None:
    """On `live` it passes all the same: here ten times as fast as the scenario's."""
    result = run_plan(quiet(), "live", limits=Limits(wall_s=1), pace=Pace(time_scale=0.1))

    assert result.verdict.outcome == "inconclusive"
    assert result.verdict.reason == "limit reached: 1 s of wall time, at 10.000s of virtual time"


def test_what_is_due_at_the_limit_of_virtual_time_happens() -> None:
    jump = ClockJump(target="host0", at=at(50), by="1ns")

    result = run_plan(quiet(faults=[jump]), "sim", limits=Limits(virtual_ns=50 * S))

    assert result.records[-1].at == 50 * S


def test_code_that_loops_is_interrupted_at_the_limit_of_wall_time(looping: Plan) -> None:
    """In simulation the loop is in this very process, where nobody could look at a limit otherwise."""
    result = run_plan(looping, "sim", limits=Limits(wall_s=0.5))

    assert result.verdict.outcome == "inconclusive"
    assert result.verdict.reason.startswith("limit reached: 0.5 s of wall time, at 0.0")
    assert ": host0/workers_0 did not return from a step (it was in looping.py:" in result.verdict.reason
    assert signal.getsignal(signal.SIGVTALRM) is signal.SIG_DFL
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)


@pytest.mark.procs
def test_a_process_that_loops_is_given_up_at_the_limit_of_wall_time(looping: Plan) -> None:
    """It is waited for no longer than that, and for a second at least."""
    result = run_plan(looping, "lockstep", limits=Limits(wall_s=0.5))

    assert result.verdict.outcome == "inconclusive"
    assert result.verdict.reason.startswith("limit reached: 0.5 s of wall time, at 0.0")


class Never:
    """Whoever is asked for `is_stuck` in these tests."""

    def is_stuck(self) -> bool:
        return True


def test_another_handler_of_the_signal_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def others(*_: object) -> None: ...

    former = signal.signal(signal.SIGVTALRM, others)
    try:
        with interrupting(Never()):
            assert signal.getsignal(signal.SIGVTALRM) is others
            assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)
    finally:
        signal.signal(signal.SIGVTALRM, former)


def test_in_another_thread_nothing_is_interrupted() -> None:
    """Only the main thread may set handlers: a run there works, without this limit."""
    outcomes: list[str] = []
    thread = threading.Thread(target=lambda: outcomes.append(run_plan(mesh(horizon_s=5), "sim").verdict.outcome))
    thread.start()
    thread.join()

    assert outcomes == ["passed"]
