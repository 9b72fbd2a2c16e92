"""An actor's own code raises: a finding on objects and on real processes alike, and no fault of the machine."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest
from small_worlds import at

from meshsim.run import compared, reproduce_line, run_plan
from meshsim.run.execute import CODE_RETURNS
from meshsim.scenario.plan import Plan, plan
from meshsim.scenario.schema import Actors, CastOp, Procs, Scenario, Topology

CODE = """
from meshsim.model.actors.plain import TestActor
from meshsim.model.messages import Envelope, Work


class Careless(TestActor):
    def handle(self, event, now_ns):
        if isinstance(event, Envelope) and isinstance(event.message, Work):
            raise ERROR("no such key")
        return super().handle(event, now_ns)
"""


def careless(folder: Path, monkeypatch: pytest.MonkeyPatch, error: str) -> Plan:
    name = f"careless_{error.lower()}"
    (folder / f"{name}.py").write_text(CODE.replace("ERROR", error))
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, name, raising=False)
    topology = Topology(
        procs=[Procs(name="workers")], actors=[Actors(name="trainer", procs="workers", actor=f"{name}:Careless")]
    )
    return plan(Scenario(name="raises", horizon=at(10), topology=topology, operations=[CastOp(mesh="trainer")]), 0)


@pytest.mark.procs
def test_code_that_raises_is_a_violation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No flag that excuses an inconclusive run excuses it; the traceback says where."""
    raising = careless(tmp_path, monkeypatch, "KeyError")

    sim, lockstep = run_plan(raising, "sim"), run_plan(raising, "lockstep")

    for result in (sim, lockstep):
        (violation,) = result.verdict.violations
        assert (result.verdict.outcome, violation.invariant) == ("violated", CODE_RETURNS)
        assert violation.subject == "host0/workers_0"
        assert violation.message.startswith("host0/workers_0 ended instead of answering a step; it said:\n")
        assert "Traceback (most recent call last):\n" in violation.message
        assert violation.message.endswith("KeyError: 'no such key'")
    assert compared(sim, lockstep) == lockstep
    assert "--backend lockstep" in reproduce_line(lockstep)


@pytest.mark.procs
def test_a_process_without_memory_says_nothing_of_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine had none to give: inconclusive, with what the process said."""
    greedy = careless(tmp_path, monkeypatch, "MemoryError")

    for result in (run_plan(greedy, "sim"), run_plan(greedy, "lockstep")):
        assert result.verdict.outcome == "inconclusive"
        assert result.verdict.reason.endswith("MemoryError: no such key")


@pytest.mark.procs
def test_code_that_must_be_caught_raising_passes_while_it_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In both worlds; code that does not raise is a dead canary, and another canary beside it never speaks."""
    raising = msgspec.structs.replace(careless(tmp_path, monkeypatch, "KeyError"), caught_by=(CODE_RETURNS,))

    sim, lockstep = run_plan(raising, "sim"), run_plan(raising, "lockstep")

    assert compared(sim, lockstep).verdict.outcome == sim.verdict.outcome == "passed"
    assert [each.invariant for each in sim.verdict.known] == [CODE_RETURNS]
    tame = msgspec.structs.replace(raising, steps=raising.steps[:-1])
    assert [each.invariant for each in run_plan(tame, "sim").verdict.violations] == ["caught_by[0]"]
    two = msgspec.structs.replace(raising, caught_by=(CODE_RETURNS, "accuracy"))
    assert run_plan(two, "sim").verdict.outcome == "violated"
