"""Whom faults can strike, and when that makes a difference."""

from __future__ import annotations

import pytest
from small_worlds import at, mesh, run_sim

from meshsim.explore.exhaustive.striking import Targets
from meshsim.faults.kinds import ClockJump, Exit, Fault, PowerCycle, Raise
from meshsim.oracle.bounds import FOREVER_NS
from meshsim.scenario.plan import with_profile
from meshsim.units import MS, Duration, S


def targets(*faults: Fault) -> Targets:
    """Of a run that is polled once, from 2.012 s to 2.016 s."""
    run = run_sim(with_profile(mesh(horizon_s=4, faults=faults), "fixed"))
    return Targets(run.directory, run.records, 500 * MS)


@pytest.mark.parametrize(
    ("fault", "gone_ns"),
    [
        (Exit(target="workers[1]"), 3 * S),
        (Raise(target="trainer[1]", text="boom"), 3 * S),
        (Exit(target="workers[0]"), FOREVER_NS),
        # Who is struck after all is not gone.
        (Exit(target="workers[0]", targets=["workers[0]", "workers[1]"]), FOREVER_NS),
        # The machine is there.
        (ClockJump(target="host0", by=Duration(S)), FOREVER_NS),
    ],
)
def test_a_process_that_died_is_struck_no_more(fault: Fault, gone_ns: int) -> None:
    assert targets(Exit(target="workers[1]", at=at(3))).gone_since(fault) == gone_ns


def test_a_host_that_comes_back_can_be_struck_again() -> None:
    comes_back = PowerCycle(target="host0", at=at(3), for_=Duration(500 * MS))

    assert targets(comes_back).gone_since(Exit(target="host0")) == FOREVER_NS


@pytest.mark.parametrize(
    ("target", "times_ms"),
    [
        # The heartbeat; the question that comes before that is acknowledged belongs to it.
        ("workers[1]", [2_513]),
        # What passes the host on its way to the procs is the host's to acknowledge as well, and so is what they answer.
        ("host0", [2_513]),
        ("client", [2_514, 2_516]),
    ],
)
def test_what_is_taken_is_acknowledged_half_a_second_later(target: str, times_ms: list[int]) -> None:
    times = targets().acknowledged_at(Exit(target=target))

    assert sorted(at_ns // MS for at_ns in times if at_ns > 2 * S) == times_ms
