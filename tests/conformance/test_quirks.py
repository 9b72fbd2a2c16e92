"""Every scenario that shows a quirk, on both sides: the finding is there with the quirk, and gone without it."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from meshsim.cli.quirks import quirks_of
from meshsim.model.quirks import QUIRKS, SIDES
from meshsim.oracle.expectations import applies
from meshsim.oracle.judge import Brief, judge
from meshsim.run import RunResult, brief_of, compared, run_plan
from meshsim.scenario.load import discover, load_scenarios
from meshsim.scenario.plan import Plan, plan, with_profile

FOLDER = Path(__file__).parents[2] / "scenarios" / "quirks"
#: What no profile and no switch turns off.
ALWAYS_ON = "none of the table"
#: Wall time that the command may take in simulation before something is wrong with it.
PATIENCE_S = 100.0


def _plans() -> dict[str, Plan]:
    """Every plan of the folder by test id: `told-again-and-again-seed0`."""
    return {
        f"{loaded.label}-seed{seed}": plan(loaded, seed)
        for path in discover([FOLDER])
        for loaded in load_scenarios(path)
        for seed in loaded.scenario.seeds
    }


PLANS = _plans()
every_plan = pytest.mark.parametrize("name", PLANS)
every_profile = pytest.mark.parametrize("profile", SIDES)


@functools.cache
def simulated(name: str, profile: str) -> RunResult:
    return run_plan(with_profile(PLANS[name], profile), "sim")


@every_profile
@every_plan
def test_a_scenario_passes_on_both_sides_of_its_quirk(name: str, profile: str) -> None:
    """With the quirk its finding is observed, without it is gone."""
    verdict = simulated(name, profile).verdict

    assert (verdict.outcome, verdict.reason) == ("passed", "")


@pytest.mark.procs
@pytest.mark.xdist_group("procs")
@every_profile
@every_plan
def test_real_processes_show_the_same(name: str, profile: str) -> None:
    """The switches reach real processes too: record for record what the simulation said."""
    sim = simulated(name, profile)

    result = compared(sim, run_plan(sim.plan, "lockstep"))

    assert (result.verdict.outcome, result.verdict.reason) == ("passed", "")
    assert result.digest == sim.digest


@pytest.mark.parametrize(("one", "other"), [("2026-03", "fixed"), ("fixed", "2026-03")])
@every_plan
def test_a_scenario_tells_the_two_sides_apart(name: str, one: str, other: str) -> None:
    """What happened on one side, held against what is expected on the other: if that passes, nothing was shown."""
    here, there = simulated(name, one), with_profile(PLANS[name], other)

    verdict = judge(with_expectations_of(there, brief_of(here.plan)), here.records)

    assert verdict.outcome == "violated"


def with_expectations_of(plan: Plan, brief: Brief) -> Brief:
    """A brief in which all that counts under this plan counts, whatever quirks are off."""
    expect = [each for each in plan.expect if applies(each, plan.quirks_off)]
    known = [each for each in plan.known if each.quirk not in plan.quirks_off]
    return msgspec.structs.replace(
        brief,
        expect=tuple(msgspec.structs.replace(each, if_quirk=None, unless_quirk=None) for each in expect),
        known=tuple(msgspec.structs.replace(each, quirk=ALWAYS_ON) for each in known),
    )


@every_plan
def test_a_scenario_is_about_a_quirk_that_can_be_turned_off(name: str) -> None:
    """And is not the same under both profiles; other quirks may be fixed where they would hide it."""
    on, off = (set(with_profile(PLANS[name], profile).quirks_off) for profile in SIDES)
    assert quirks_of(PLANS[name]) & (off - on)
    assert PLANS[name].profile == "2026-03"


@pytest.mark.parametrize("quirk", QUIRKS)
def test_every_quirk_has_a_scenario(quirk: str) -> None:
    """One in which it is what differs between the two sides."""
    plans = [plan for plan in PLANS.values() if quirk in quirks_of(plan)]
    sides = [[quirk in with_profile(plan, profile).quirks_off for profile in SIDES] for plan in plans]
    assert [False, True] in sides, "no scenario in scenarios/quirks is about it"


def test_the_command_runs_all_and_digests_depend_on_plans_alone(tmp_path: Path) -> None:
    """As `make quirks` does, in another interpreter with another hash seed: green, and the same to the last record."""
    done = subprocess.run(
        [sys.executable, "-m", "meshsim", "quirks", str(FOLDER), "--run", "--backend", "sim", "--json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONHASHSEED": "1"},
        capture_output=True,
        check=False,
        timeout=PATIENCE_S,
    )

    assert (done.returncode, done.stderr.decode()) == (0, "")
    runs = [json.loads(line) for line in done.stdout.splitlines()]
    assert {(_id(run), run["profile"]): run["digest"] for run in runs} == {
        (name, profile): simulated(name, profile).digest for name in PLANS for profile in SIDES
    }


def _id(run: dict[str, Any]) -> str:
    variant = f"[{run['variant']}]" if run["variant"] else ""
    return f"{run['scenario']}{variant}-seed{run['seed']}"
