"""The menu of a search: kinds of faults, and whom they strike."""

from __future__ import annotations

import pytest
from small_worlds import mesh

from meshsim.explore.exhaustive.menu import MenuError, menu_of
from meshsim.model.tags import tag_of


@pytest.mark.parametrize(
    ("kinds", "targets", "menu"),
    [
        (["exit"], ["workers"], [("exit", "workers[0]"), ("exit", "workers[1]")]),
        (
            ["raise", "exit"],
            ["trainer", "host0"],
            [("raise", "trainer[0]"), ("raise", "trainer[1]"), ("exit", "host0")],
        ),
        (["exit"], ["host0", "workers[1]"], [("exit", "host0"), ("exit", "workers[1]")]),
        (["host_crash"], [], [("host_crash", "host0")]),
    ],
)
def test_a_mesh_stands_for_its_ranks(kinds: list[str], targets: list[str], menu: list[tuple[str, str]]) -> None:
    made = [(tag_of(fault), fault.target) for fault in menu_of(mesh(), kinds, targets)]

    assert made == menu
    assert all(fault.at is None for fault in menu_of(mesh(), kinds, targets))


@pytest.mark.parametrize(
    ("kinds", "targets", "message"),
    [
        (["alloc_stop"], [], "alloc_stop can strike nobody in mesh"),
        (["slow_start"], [], "slow_start strikes when a process is spawned: it cannot be placed"),
        (["raise"], ["host0"], "raise can strike none of host0"),
    ],
)
def test_what_cannot_strike_is_refused(kinds: list[str], targets: list[str], message: str) -> None:
    with pytest.raises(MenuError, match=message):
        menu_of(mesh(), kinds, targets)
