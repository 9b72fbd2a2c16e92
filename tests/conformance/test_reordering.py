"""Receivers that put messages in their order: where nothing is lost, nobody can tell (mesh_model.md 3.7)."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from meshsim.faults.kinds import Loss
from meshsim.run import run_plan
from meshsim.scenario.load import discover, load_scenarios
from meshsim.scenario.plan import Plan, plan

FOLDER = Path(__file__).parents[2] / "scenarios" / "fast"
SWITCH = "ENABLE_DEST_ACTOR_REORDERING_BUFFER"


def _plans() -> dict[str, Plan]:
    """The first seed of every scenario whose messages are not lost at random."""
    loaded = [each for path in discover([FOLDER]) for each in load_scenarios(path)]
    plans = [(each.label, plan(each, each.scenario.seeds[0])) for each in loaded]
    return {label: made for label, made in plans if not _loses_some(made)}


def _loses_some(plan: Plan) -> bool:
    return any(0 < (link.loss or 0) < 1 for link in plan.network.links) or any(
        isinstance(fault, Loss) for fault in plan.faults
    )


PLANS = _plans()


@pytest.mark.parametrize("name", PLANS)
def test_a_scenario_passes_all_the_same(name: str) -> None:
    """Messages have numbers then, and none of them ever waits for one that does not come."""
    ordered = msgspec.structs.replace(PLANS[name], config={**PLANS[name].config, SWITCH: True})

    verdict = run_plan(ordered, "sim").verdict

    assert (verdict.outcome, verdict.reason) == ("passed", "")
