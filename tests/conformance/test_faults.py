"""Every kind of fault that has a scenario of its own does what it says, on objects and on processes of the kernel."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from leftovers import processes_of_runner, zombies

from meshsim.faults.kinds import Fault
from meshsim.model.tags import tag_of
from meshsim.run import compared, run_plan
from meshsim.scenario.load import discover, load_scenarios
from meshsim.scenario.plan import plan, with_profile

FILES = discover([Path(__file__).parents[2] / "scenarios" / "faults"])
each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


@each_file
def test_a_scenario_is_about_its_kind(path: Path) -> None:
    """The file is called as the kind is, and some fault in it is of that kind."""
    assert path.stem in {str(kind.__struct_config__.tag) for kind in Fault.__args__}  # type: ignore[attr-defined] # a Union

    for loaded in load_scenarios(path):
        assert path.stem in {tag_of(fault) for fault in loaded.scenario.faults}


@each_file
def test_it_does_what_it_says_with_every_quirk_and_without(path: Path) -> None:
    for loaded in load_scenarios(path):
        for profile in ("2026-03", "fixed"):
            verdict = run_plan(with_profile(plan(loaded, 0), profile), "sim").verdict

            assert (profile, verdict.outcome, verdict.reason) == (profile, "passed", "")


@pytest.mark.procs
@each_file
def test_the_kernel_says_so_too(path: Path) -> None:
    """Equal digests, so no `kernel_disagreed`; and nothing of it is left."""
    for loaded in load_scenarios(path):
        simulated = run_plan(plan(loaded, 0), "sim")

        result = compared(simulated, run_plan(plan(loaded, 0), "lockstep"))

        assert (result.verdict.outcome, result.verdict.reason) == ("passed", "")
        assert result.digest == simulated.digest
    assert processes_of_runner(os.getpid()) == []
    assert zombies() == []
