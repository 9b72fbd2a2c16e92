"""What faults can do beyond their scenario of their own: the same on objects and on processes, and nothing is left."""

from __future__ import annotations

import os

import pytest
from leftovers import processes_of_runner, zombies
from small_worlds import at, found, mesh

from meshsim.faults.kinds import (
    DescriptorsExhausted,
    Fault,
    HostCrash,
    PowerCycle,
    Resume,
    Shout,
    Signal,
    SlowStart,
    SpawnRefused,
    Stall,
    StartFails,
)
from meshsim.model.notes import OperationEnded
from meshsim.run import compared, run_plan
from meshsim.scenario.plan import Plan
from meshsim.scenario.schema import SpawnProcsOp

pytestmark = [pytest.mark.procs, pytest.mark.xdist_group("procs")]

NESTED = [Stall(target="workers[1]", at=at(3), for_=at(4)), Stall(target="workers[1]", at=at(4), for_=at(1))]
CUT_SHORT = [*NESTED, Resume(target="workers[1]", at=at(6))]
OVERLAPPING = [Stall(target="host0", at=at(3), for_=at(2)), Stall(target="host0", at=at(4), for_=at(2))]
EXHAUSTED = [
    DescriptorsExhausted(target="host0", at=at(3), for_=at(1)),
    DescriptorsExhausted(target="host0", at=at(3.5), for_=at(3)),
    SpawnRefused(target="later[0]", errno="EMFILE"),
]
LATER = [SpawnProcsOp(name="later", at=at(5), hosts=["host0"])]


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(mesh(horizon_s=12, faults=NESTED), id="stall inside a stall"),
        pytest.param(
            mesh(horizon_s=12, faults=[*NESTED, Resume(target="workers[1]", at=at(6))]), id="stalls cut short"
        ),
        pytest.param(mesh(horizon_s=12, faults=OVERLAPPING), id="stalls that overlap"),
        pytest.param(
            mesh(horizon_s=6, faults=[Signal(target="host0", signal="SIGTERM", group=True, at=at(3))]),
            id="group of a host",
        ),
        pytest.param(
            mesh(horizon_s=6, faults=[Shout(target="workers[1]", flood="1MiB", lines=["bye"], exit=1, at=at(3))]),
            id="flood before the end",
        ),
        pytest.param(
            mesh(horizon_s=6, faults=[StartFails(target="later[0]", signal="SIGSEGV")], operations=LATER),
            id="start that is killed",
        ),
        pytest.param(
            mesh(horizon_s=6, faults=[SpawnRefused(target="later[0]", errno="EMFILE")], operations=LATER),
            id="spawn without descriptors",
        ),
        pytest.param(mesh(horizon_s=8, faults=EXHAUSTED, operations=LATER), id="descriptors taken three times"),
        pytest.param(
            mesh(
                horizon_s=8,
                faults=[HostCrash(target="host0", pdeathsig=False, at=at(3)), Stall(target="workers[1]", at=at(4))],
            ),
            id="orphans, one of them stopped",
        ),
        pytest.param(
            mesh(
                horizon_s=12,
                config={"mesh_bootstrap_enable_pdeathsig": False},
                faults=[
                    PowerCycle(target="host0", at=at(3), for_=at(2)),
                    PowerCycle(target="host0", at=at(7), for_=at(1)),
                ],
            ),
            id="power lost twice, with orphans",
        ),
    ],
)
def test_both_worlds_do_the_same(plan: Plan) -> None:
    """Whatever a scenario with such faults is judged: the kernel did what the table says, and the run swept up."""
    simulated = run_plan(plan, "sim")

    result = compared(simulated, run_plan(plan, "lockstep"))

    assert result.verdict.outcome != "inconclusive", result.verdict.reason
    assert result.digest == simulated.digest
    assert processes_of_runner(os.getpid()) == []
    assert zombies() == []


def test_the_tail_of_a_flood_is_what_its_host_tells() -> None:
    """A megabyte is written for real and read back line by line; the host keeps the last lines it has read (3.5)."""
    faults: list[Fault] = [
        SlowStart(target="later[0]", after=at(3)),
        Shout(target="later[0]", flood="1MiB", lines=["bye"], exit=7, at=at(6)),
    ]

    result = run_plan(mesh(horizon_s=8, faults=faults, operations=LATER, config={"tail_log_lines": 2}), "lockstep")

    (ended,) = [what for what in found(result.records, OperationEnded) if what.label == "later"]
    tail = str(ended.error).partition("stderr_tail: ")[2]
    assert [line.strip('.[]\\" ') for line in tail.partition("]")[0].split(",")] == ["line 16382", "line 16383"]
