"""Every kind of fault has a scenario, and does in it what it says, on objects and on processes of the kernel."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from leftovers import processes_of_runner, zombies

from meshsim.faults.menu import MENU
from meshsim.model.tags import tag_of
from meshsim.procs.capabilities import missing_for_core_dumps
from meshsim.report.fault_matrix import cell
from meshsim.run import compared, run_plan
from meshsim.run.choosing import BACKENDS, VIRTUAL
from meshsim.scenario.load import discover, load_scenarios
from meshsim.scenario.plan import plan, with_profile

FILES = {path.stem: path for path in discover([Path(__file__).parents[2] / "scenarios" / "faults"])}
KINDS = {tag_of(kind): kind for kind in MENU}
each_kind = pytest.mark.parametrize("name", KINDS)
each_profile = pytest.mark.parametrize("profile", ["2026-03", "fixed"])


def test_every_kind_has_a_scenario() -> None:
    """And every file here is called as a kind is."""
    assert set(FILES) == set(KINDS)


@each_kind
def test_a_scenario_is_about_its_kind(name: str) -> None:
    """Some fault in it is of that kind, and it runs in both worlds of virtual time if they can do it."""
    able = [each for each in BACKENDS if each in VIRTUAL and each not in MENU[KINDS[name]].cannot]

    for loaded in load_scenarios(FILES[name]):
        assert KINDS[name] in {type(fault) for fault in loaded.scenario.faults}
        assert list(loaded.scenario.backends) == able


@each_kind
@each_profile
def test_it_does_what_it_says_with_every_quirk_and_without(name: str, profile: str) -> None:
    """It strikes, and what the file expects follows; a second run is the same."""
    for loaded in load_scenarios(FILES[name]):
        ready = with_profile(plan(loaded, 0), profile)

        result = run_plan(ready, "sim")

        assert (result.verdict.outcome, result.verdict.reason) == ("passed", "")
        assert cell(KINDS[name], "sim", [result]).outcome == "passed"
        assert run_plan(ready, "sim").digest == result.digest


@pytest.mark.procs
@each_kind
@each_profile
def test_the_kernel_says_so_too(name: str, profile: str) -> None:
    """Equal digests, so no `kernel_disagreed`; its own words where something is real; and nothing of it is left."""
    if name == "core_dump" and (missing := missing_for_core_dumps()):
        pytest.skip(missing)
    for loaded in load_scenarios(FILES[name]):
        ready = with_profile(plan(loaded, 0), profile)
        simulated = run_plan(ready, "sim")

        result = compared(simulated, run_plan(ready, "lockstep"))

        assert (result.verdict.outcome, result.verdict.reason) == ("passed", "")
        assert result.digest == simulated.digest
        shown = cell(KINDS[name], "lockstep", [result])
        assert (shown.outcome, bool(shown.kernel)) == ("passed", bool(MENU[KINDS[name]].real))
    assert processes_of_runner(os.getpid()) == []
    assert zombies() == []
