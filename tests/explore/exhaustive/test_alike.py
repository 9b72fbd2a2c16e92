"""Ranks that may change places."""

from __future__ import annotations

import pytest
from small_worlds import at, mesh

from meshsim.explore.exhaustive.alike import alike_of
from meshsim.explore.state import renamings_of
from meshsim.faults.kinds import Exit, Raise
from meshsim.model.ids import Node
from meshsim.scenario.plan import Plan


def exits(rank: int) -> Exit:
    return Exit(target=f"workers[{rank}]")


@pytest.mark.parametrize(
    ("touched", "first"),
    [
        ([], [0, 1]),
        # The first one passes casts on: it stands for itself alone.
        (["workers[0]"], [0, 1]),
        (["workers[1]"], [0, 1, 2]),
        (["trainer[2]"], [0, 1, 2]),
        (["state host0/workers_3 -> client for comm[0]"], [0, 1, 3]),
        (["workers[1]", "workers[2]", "workers[3]"], [0, 1, 2, 3]),
        (["workers[11]", "host0/workers_10"], [0, 1]),
    ],
)
def test_the_first_that_nothing_touched_stands_for_all(touched: list[str], first: list[int]) -> None:
    alike = alike_of(mesh(per_host=4))

    assert [rank for rank in range(4) if alike.is_first(exits(rank), touched)] == first


def test_an_actor_and_its_process_are_one_rank() -> None:
    alike = alike_of(mesh(per_host=3))

    assert not alike.is_first(Raise(target="trainer[2]", text="x"), [])
    assert alike.is_first(Raise(target="trainer[2]", text="x"), ["workers[1]"])


def test_ranks_of_another_host_are_not_alike() -> None:
    assert alike_of(mesh(hosts=2, per_host=3)).groups == (
        (Node("host0/workers_1"), Node("host0/workers_2")),
        (Node("host1/workers_1"), Node("host1/workers_2")),
    )


@pytest.mark.parametrize(
    "plan",
    [mesh(per_host=2), mesh(per_host=3, faults=[Exit(target="workers[1]", at=at(5))])],
    ids=["two", "one is named"],
)
def test_what_a_plan_tells_apart_is_not_alike(plan: Plan) -> None:
    assert alike_of(plan).groups == ()


def test_too_many_ranks_are_not_renamed() -> None:
    """Every way to change places would be tried for every state."""
    names = [Node(f"n{index}") for index in range(5)]

    assert len(renamings_of([names[:4]])) == 24
    assert renamings_of([names]) == ({},)
    assert len(renamings_of([names[:2], names[2:]])) == 12
