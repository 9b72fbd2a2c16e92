"""The menu of faults has every kind, and every example is a fault that a scenario can have."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import get_args

import pytest

from meshsim.faults.kinds import Fault
from meshsim.faults.menu import MENU, WRITTEN, On
from meshsim.model.tags import tag_of
from meshsim.scenario.load import load_scenarios
from meshsim.scenario.schema import BackendName

#: Everybody whom an example names.
WORLD = """
name = "example"
horizon = "20s"

[topology]
hosts = 2
clients = ["client", "observer"]
procs = [{ name = "workers" }, { name = "places", allocator = "local", extent = { replicas = 2 } }]
actors = [{ name = "trainer", procs = "workers" }]
subscribers = [{ mesh = "trainer", by = "observer" }]

"""


def test_every_kind_is_in_the_menu() -> None:
    """A kind that is not would be known to those alone who read the code."""
    assert set(MENU) == set(get_args(Fault))


def test_kinds_of_one_family_stand_together() -> None:
    """In the order of the families, each of which says how its targets are written."""
    families = [on for on, _ in groupby(entry.on for entry in MENU.values())]

    assert families == list(get_args(On)) == list(WRITTEN)


def test_what_cannot_do_a_kind_is_a_backend() -> None:
    assert {name for entry in MENU.values() for name in entry.cannot} <= set(get_args(BackendName))


@pytest.mark.parametrize("kind", MENU, ids=tag_of)
def test_an_example_can_be_pasted_into_a_scenario(kind: type[Fault], tmp_path: Path) -> None:
    """It is checked as any file is: its target is there, its time is before the end."""
    path = tmp_path / "example.toml"

    path.write_text(WORLD + "\n".join(MENU[kind].block))

    (loaded,) = load_scenarios(path)
    assert [type(fault) for fault in loaded.scenario.faults] == [kind]


@pytest.mark.parametrize("kind", MENU, ids=tag_of)
def test_an_example_is_the_same_in_one_line(kind: type[Fault], tmp_path: Path) -> None:
    path = tmp_path / "example.toml"

    path.write_text(f"faults = [{MENU[kind].example}]\n{WORLD}")
    (inline,) = load_scenarios(path)
    path.write_text(WORLD + "\n".join(MENU[kind].block))
    (block,) = load_scenarios(path)

    assert inline.scenario.faults == block.scenario.faults
