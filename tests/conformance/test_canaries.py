"""Whatever is planted in `scenarios/negative` is caught, by whom it says; and nobody could fall silent unnoticed.

An invariant that no scenario can break, as it takes a broken controller, agent or client, is held by a mutant
(`canary` in tests/mutants/mutants.toml).
"""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from msgspec import UNSET

from meshsim.oracle.invariants import INVARIANTS
from meshsim.oracle.judge import judge
from meshsim.report.junit import junit_xml
from meshsim.run import Job, RunResult, Settings, brief_of, compared, run_plan, run_suite
from meshsim.scenario.load import discover, load_scenarios
from meshsim.scenario.plan import Plan, plan, with_profile

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "scenarios" / "negative"
sys.path.insert(0, str(ROOT))

from tests.mutants.mutant import Mutant, load_mutants  # noqa: E402  the repository is no package
from tests.mutants.trial import Trial  # noqa: E402

PLANS: dict[str, Plan] = {
    loaded.label: plan(loaded, seed)
    for path in discover([FOLDER])
    for loaded in load_scenarios(path)
    for seed in loaded.scenario.seeds
}
MUTANTS = [mutant for mutant in load_mutants().values() if mutant.canary]
#: Marks of what takes a kernel.
PROCS = (pytest.mark.procs, pytest.mark.xdist_group("procs"))
#: Each that must speak somewhere, and where.
CANARIES = [(name, each) for name, made in PLANS.items() if made.caught_by is not UNSET for each in made.caught_by]
#: On in every canary: an expectation that counts unless it is there does not count.
SOME_QUIRK = "Q1"


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scenarios find their liars from the root of the repository."""
    monkeypatch.chdir(ROOT)


@functools.cache
def ran(name: str) -> RunResult:
    """On objects; what takes a kernel, on processes."""
    return run_plan(PLANS[name], "sim" if "sim" in PLANS[name].backends else "lockstep")


@pytest.mark.parametrize("name", [name for name, made in PLANS.items() if "sim" in made.backends])
def test_what_is_planted_is_caught(name: str) -> None:
    """In simulation, where it can be planted there."""
    verdict = ran(name).verdict

    assert (verdict.outcome, verdict.reason) == ("passed", "")


@pytest.mark.procs
@pytest.mark.xdist_group("procs")
@pytest.mark.parametrize("name", PLANS)
def test_it_is_caught_on_real_processes(name: str) -> None:
    """Record for record what the simulation said, where there is one."""
    here = run_plan(PLANS[name], "lockstep")
    result = compared(ran(name), here) if "sim" in PLANS[name].backends else here

    assert (result.verdict.outcome, result.verdict.reason) == ("passed", "")


def test_every_invariant_has_a_canary() -> None:
    """A scenario or a mutant, and not two kinds of it: a mutant is for what scenarios cannot break."""
    scenarios = {each for _, each in CANARIES if each in INVARIANTS}
    mutants = {mutant.canary for mutant in MUTANTS}

    assert scenarios | mutants == set(INVARIANTS)
    assert scenarios & mutants == set()


@pytest.mark.parametrize(
    ("name", "canary"),
    [pytest.param(*each, marks=() if "sim" in PLANS[each[0]].backends else PROCS) for each in CANARIES],
)
def test_a_silent_one_is_noticed(name: str, canary: str) -> None:
    """Switched off, each makes its canary die: the run is red, and says who it was."""
    brief, records = brief_of(PLANS[name]), ran(name).records
    if canary in INVARIANTS:
        switched_off = msgspec.structs.replace(brief, relax=(*brief.relax, canary))
    else:
        number = int(canary.removeprefix("expect[").removesuffix("]"))
        expect = [msgspec.structs.replace(each, unless_quirk=SOME_QUIRK) for each in brief.expect[number : number + 1]]
        expect = [*brief.expect[:number], *expect, *brief.expect[number + 1 :]]
        switched_off = msgspec.structs.replace(brief, expect=tuple(expect))

    verdict = judge(switched_off, records)

    assert verdict.outcome == "violated"
    assert [each.subject for each in verdict.violations if each.invariant.startswith("caught_by[")] == [canary]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.id)
def test_the_canary_of_what_no_scenario_breaks_is_a_mutant(mutant: Mutant) -> None:
    """Its invariant speaks, beside whatever else does."""
    command = [sys.executable, "-m", "tests.mutants.trial", mutant.id, f"scenarios/fast/{mutant.canary_in}.toml"]

    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    kills = msgspec.json.decode(said, type=Trial).kills
    assert mutant.canary in {each for kill in kills for each in kill.violated}


def test_a_canary_is_for_its_own_profile() -> None:
    """What a quirk plants is not there without it: under another profile the judge would hear nothing."""
    made = PLANS["watchdog-barks-at-nothing"]

    verdict = run_plan(with_profile(made, "fixed"), "sim").verdict

    assert [each.invariant for each in verdict.violations] == ["caught_by[0]"]


def test_a_dead_canary_is_a_failure_in_ci() -> None:
    """With its name: JUnit readers show the message."""
    made = msgspec.structs.replace(PLANS["watchdog-barks-at-nothing"], caught_by=("accuracy", "last-words"))

    suite = run_suite([Job(made, ("sim",))], Settings(keep="none"), lambda _: ((),))

    assert 'type="caught_by[1]"' in junit_xml(suite)
    assert "the canary is dead: last-words had to catch" in junit_xml(suite)
