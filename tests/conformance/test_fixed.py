"""Every scenario of the suite `fast` under `fixed`, on objects: what goes wrong there, no quirk can excuse.

Expectations with `unless_quirk` say what follows instead, findings that are known of a quirk are known no more, and
every invariant counts. With the seeds of the file and with others: luck must not decide.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from meshsim.oracle.expectations import applies
from meshsim.run import run_plan
from meshsim.scenario.load import discover, load_scenarios
from meshsim.scenario.plan import Plan, fits_profile, plan, with_profile

SCENARIOS = Path(__file__).parents[2] / "scenarios" / "fast"
#: Beside those that the files name. Source: chosen here, one small and one large, as a name is drawn from each.
OTHER_SEEDS = (77, 2**40 + 1)


def _plans() -> dict[str, Plan]:
    """Every plan of every file of this revision by test id: `late-exit-seed7`."""
    plans = {
        f"{loaded.label}-seed{seed}": with_profile(plan(loaded, seed), "fixed")
        for path in discover([SCENARIOS])
        for loaded in load_scenarios(path)
        for seed in (*loaded.scenario.seeds, *OTHER_SEEDS)
    }
    return {name: plan for name, plan in plans.items() if fits_profile(plan)}


PLANS = _plans()


@pytest.mark.parametrize("name", PLANS)
def test_a_scenario_holds_when_no_quirk_is_on(name: str) -> None:
    """No violation, and nothing left open."""
    verdict = run_plan(PLANS[name], "sim").verdict

    assert (verdict.outcome, verdict.reason) == ("passed", "")


@pytest.mark.parametrize("name", PLANS)
def test_a_scenario_expects_something_when_no_quirk_is_on(name: str) -> None:
    """One whose expectations all belong to quirks would be green whatever happened."""
    quirks_off = PLANS[name].quirks_off

    assert any(applies(expectation, quirks_off) for expectation in PLANS[name].expect)
