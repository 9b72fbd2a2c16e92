"""The menu of faults: every example is a fault of the kind that it stands for."""

from __future__ import annotations

import tomllib

import pytest

from meshsim.faults.kinds import Fault
from meshsim.faults.menu import MENU
from meshsim.scenario.decode import decode


@pytest.mark.parametrize("kind", MENU, ids=lambda kind: str(kind.__struct_config__.tag))
def test_an_example_is_a_fault_of_its_kind(kind: type[Fault]) -> None:
    """As a scenario file would have it."""
    fault = tomllib.loads(f"fault = {MENU[kind].example}")["fault"]

    scenario = decode({"name": "x", "horizon": "20s", "faults": [fault]})

    assert [type(each) for each in scenario.faults] == [kind]
