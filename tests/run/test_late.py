"""Simulations that are as late as a run was."""

from __future__ import annotations

import pytest
from late_runs import recorded, timing
from small_worlds import at, mesh, run_sim

from meshsim.drive.timing import Timing
from meshsim.faults.kinds import Signal
from meshsim.oracle.equivalence import account_of, differences
from meshsim.oracle.judge import judge
from meshsim.run import brief_of
from meshsim.run.late import late_account, late_records, latenesses
from meshsim.scenario.plan import Plan
from meshsim.scenario.streams import stream
from meshsim.units import MS

KILLED = mesh(horizon_s=12, faults=[Signal(target="workers[1]", signal="SIGKILL", at=at(5))], clients=["observer"])


@pytest.mark.parametrize("seed", range(8))
def test_the_first_simulation_is_the_run_again(seed: int) -> None:
    """To the record: each thing comes as late as it came, whatever else the machine was busy with."""
    luck = stream(seed, "latenesses")
    run = recorded(KILLED, lambda: int(50 * MS * luck.random() ** 3))

    again = late_records(KILLED, latenesses(KILLED, run.records, timing(50 * MS, run.inputs)), 0)

    assert again == run.records


def test_other_simulations_are_others() -> None:
    luck = stream(0, "latenesses")
    run = recorded(KILLED, lambda: int(50 * MS * luck.random() ** 3))
    late = latenesses(KILLED, run.records, timing(50 * MS, run.inputs))

    traces = [late_records(KILLED, late, number) for number in range(6)]

    assert all(traces[0] != other for other in traces[1:])
    assert traces[1] == late_records(KILLED, late, 1)


def test_without_lateness_it_is_sim() -> None:
    in_sim = run_sim(KILLED).records
    account = account_of(in_sim, judge(brief_of(KILLED), in_sim))

    found = late_account(KILLED, latenesses(KILLED, in_sim, Timing(1.0, {})), 0)

    assert list(differences(account, found, 0)) == []


def test_what_waited_for_a_stopped_process_is_not_late() -> None:
    """Five seconds of a stall are the scenario's, not the machine's."""
    plan: Plan = mesh(
        horizon_s=12,
        faults=[
            Signal(target="workers[1]", signal="SIGSTOP", at=at(3)),
            Signal(target="workers[1]", signal="SIGCONT", at=at(8)),
        ],
    )
    run = recorded(plan, 5 * MS)

    late = latenesses(plan, run.records, timing(50 * MS, run.inputs))

    assert max(late.taking.late_ns) <= 50 * MS
