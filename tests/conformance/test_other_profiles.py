"""Every shipped scenario under every profile, on objects: what it expects need not hold there, but nothing breaks."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshsim.model.quirks import DEFAULT_PROFILE, PROFILES
from meshsim.run import run_plan
from meshsim.scenario.load import discover, load_scenarios
from meshsim.scenario.plan import plan, with_profile

#: Without the canaries: actors that lie to a machine are planted for one profile, and may break it under another.
FILES = [path for path in discover([Path(__file__).parents[2] / "scenarios"]) if path.parent.name != "negative"]
OTHERS = sorted(set(PROFILES) - {DEFAULT_PROFILE})


@pytest.mark.parametrize("profile", OTHERS)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_machine_breaks(path: Path, profile: str) -> None:
    """A machine that meets under this profile alone what it does not know raises, and the run says so."""
    for loaded in load_scenarios(path):
        result = run_plan(with_profile(plan(loaded, loaded.scenario.seeds[0]), profile), "sim")

        assert "raised an exception" not in result.verdict.reason
