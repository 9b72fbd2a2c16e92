"""The worlds from which exploring starts: without faults only what the modelled system itself does is wrong in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshsim.explore.finding import findings_of
from meshsim.run import run_plan
from meshsim.scenario.load import discover, load_scenarios
from meshsim.scenario.plan import Plan, plan, with_profile

FOLDER = Path(__file__).parents[2] / "scenarios" / "explore"
PLANS = {path.stem: plan(loaded, 0) for path in discover([FOLDER]) for loaded in load_scenarios(path)}
every_plan = pytest.mark.parametrize("plain", PLANS.values(), ids=PLANS)


def test_there_are_the_three_of_the_issue_and_a_small_one_to_exhaust() -> None:
    assert set(PLANS) == {"plain", "plain-stopped", "plain-slice", "three-procs"}
    for plain in PLANS.values():
        assert (plain.faults, plain.expect, plain.known, plain.relax) == ((), (), (), ())


@every_plan
def test_without_quirks_nothing_is_wrong(plain: Plan) -> None:
    verdict = run_plan(with_profile(plain, "fixed"), "sim").verdict

    assert (verdict.outcome, verdict.reason) == ("passed", "")


@pytest.mark.parametrize(
    ("name", "invariants"),
    [("plain", []), ("plain-slice", []), ("plain-stopped", ["quiet-after-the-end", "accuracy"])],
)
def test_with_them_a_stop_alone_goes_wrong(name: str, invariants: list[str]) -> None:
    """A poll after the Stop (Q15), and silence that subscribers take for the death of the controller (Q16)."""
    result = run_plan(PLANS[name], "sim")

    findings = findings_of(PLANS[name], result.records, result.verdict)

    assert [finding.signature.invariant for finding in findings] == invariants
