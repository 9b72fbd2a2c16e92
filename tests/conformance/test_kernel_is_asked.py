"""A prediction of the model that the kernel does not share is found, in both directions."""

from __future__ import annotations

import signal

import pytest
from small_worlds import at, mesh

from meshsim.drive import kernel
from meshsim.drive.kernel import Change, ProcessTable
from meshsim.faults.kinds import HostCrash, Signal
from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import Node
from meshsim.run import run_plan
from meshsim.scenario.plan import Plan
from meshsim.trace.records import KernelDisagreed

pytestmark = [pytest.mark.procs, pytest.mark.xdist_group("procs")]


def disagreements(plan: Plan) -> list[tuple[str, KernelDisagreed]]:
    """What the kernel did otherwise in a lockstep run, which must be violated by it and by nothing else."""
    result = run_plan(plan, "lockstep")
    found = [(record.node, record.what) for record in result.records if isinstance(record.what, KernelDisagreed)]
    assert result.verdict.outcome == ("violated" if found else "passed"), result.verdict
    assert {violation.invariant for violation in result.verdict.violations} == ({"kernel-agrees"} if found else set())
    return found


def test_a_process_that_should_have_survived_its_signal_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that believes SIGUSR1 to be harmless is told otherwise at once, not when the process is next needed."""
    monkeypatch.setattr(kernel, "_IGNORED", kernel._IGNORED | {signal.SIGUSR1})
    plan = mesh(horizon_s=3, faults=[Signal(target="workers[0]", signal="SIGUSR1", at=at(1))])

    assert disagreements(plan) == [("host0/workers_0", KernelDisagreed("running", "dead"))]


def test_a_child_that_should_have_survived_its_host_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model without the parent-death signal would leave procs alive that the kernel has killed."""

    def die_alone(table: ProcessTable, node: Node, status: ExitStatus, why: str) -> list[Change]:
        process = table.processes[node]
        process.state, process.status = kernel.ProcessState.DEAD, status
        return [Change(node, kernel.ProcessState.DEAD, why)]

    monkeypatch.setattr(ProcessTable, "_die", die_alone)
    plan = mesh(horizon_s=3, faults=[HostCrash(target="host0", at=at(1))])

    assert disagreements(plan)[0][1] == KernelDisagreed("running", "dead")


def test_a_model_that_is_right_has_nothing_to_hear() -> None:
    """The same checks, and nothing to say."""
    faults = [
        Signal(target="workers[0]", signal="SIGWINCH", at=at(1)),
        Signal(target="workers[1]", signal="SIGTERM", at=at(1.5)),
    ]

    assert disagreements(mesh(horizon_s=1.9, faults=faults)) == []
