"""The scenarios of `faults` about links and clocks: each kind does what it says, on both backends and profiles."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from meshsim.faults.kinds import ClockDrift, ClockJump, ClockOffset, Fault, LinkFault
from meshsim.faults.menu import MENU
from meshsim.model.tags import tag_of
from meshsim.run import compared, run_plan
from meshsim.scenario.load import load_scenarios
from meshsim.scenario.plan import Plan, plan, with_profile

FOLDER = Path(__file__).parents[2] / "scenarios" / "faults"
KINDS = [kind for kind in get_args(Fault) if issubclass(kind, LinkFault | ClockJump | ClockOffset | ClockDrift)]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=tag_of)


def plan_of(kind: type[Fault]) -> Plan:
    (loaded,) = load_scenarios(FOLDER / f"{tag_of(kind)}.toml")
    return plan(loaded, loaded.scenario.seeds[0])


@every_kind
@pytest.mark.parametrize("profile", ["2026-03", "fixed"])
def test_a_fault_does_what_it_says(kind: type[Fault], profile: str) -> None:
    """A second run does the same."""
    ready = with_profile(plan_of(kind), profile)

    result = run_plan(ready, "sim")

    assert any(isinstance(fault, kind) for fault in ready.faults)
    assert (result.verdict.outcome, result.verdict.reason) == ("passed", "")
    assert run_plan(ready, "sim").digest == result.digest


@pytest.mark.procs
@every_kind
def test_real_processes_tell_the_same_story(kind: type[Fault]) -> None:
    """Links and clocks are the conductor's: no backend can tell."""
    simulated = run_plan(plan_of(kind), "sim")

    result = compared(simulated, run_plan(plan_of(kind), "lockstep"))

    assert (result.verdict.outcome, result.verdict.reason) == ("passed", "")
    assert result.digest == simulated.digest


@every_kind
def test_the_menu_has_it_with_an_example(kind: type[Fault]) -> None:
    assert MENU[kind].on in ("a link", "a clock")
    assert f'kind = "{tag_of(kind)}"' in MENU[kind].example
