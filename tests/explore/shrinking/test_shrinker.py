"""Shrinking with predicates that cost nothing: what is left is what they ask for, and no run is made twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from small_worlds import at, mesh

from meshsim.explore.shrinking.shrinker import Shrinker, planned
from meshsim.faults.kinds import Exit, Fault, Hang, Raise, Stall, targets_of
from meshsim.model.tags import tag_of
from meshsim.scenario.from_plan import scenario_of
from meshsim.scenario.plan import Plan, plan_digest
from meshsim.scenario.schema import Scenario, StopActorsOp, Subscriber, Topology

TWELVE: list[Fault] = [
    *(Exit(target=f"workers[{rank}]", at=at(10.123 + rank), code=3) for rank in range(4)),
    *(Raise(target=f"trainer[{rank}]", at=at(20.5 + rank)) for rank in range(4)),
    *(Hang(target=f"trainer[{rank}]", at=at(30), for_=at(7.7)) for rank in range(3)),
    Stall(target="host1", at=at(41.5), for_=at(12)),
]


def big() -> Scenario:
    """2 hosts of 2 procs, 3 clients, 12 faults, an operation."""
    world = scenario_of(
        mesh(
            hosts=2,
            clients=("left", "right"),
            faults=TWELVE,
            operations=[StopActorsOp(mesh="trainer", at=at(50))],
            config={"supervision_poll_frequency": "2s", "mesh_orphan_timeout": "20s"},
        )
    )
    topology = Topology(
        hosts=2,
        clients=world.topology.clients,
        procs=world.topology.procs,
        actors=world.topology.actors,
        subscribers=[Subscriber(mesh="trainer", by="left"), Subscriber(mesh="trainer", by="right")],
    )
    return Scenario(
        name="big",
        horizon=at(60),
        config=world.config,
        topology=topology,
        operations=world.operations,
        faults=world.faults,
    )


def has(*kinds: str) -> Callable[[Plan], bool]:
    return lambda plan: all(any(tag_of(fault) == kind for fault in plan.faults) for kind in kinds)


@pytest.mark.parametrize("kinds", [(), ("stall",), ("exit", "hang"), ("raise", "hang", "stall")])
def test_only_the_faults_that_are_needed_are_left(kinds: tuple[str, ...]) -> None:
    small = Shrinker(has(*kinds)).shrink(big())

    assert sorted(tag_of(fault) for fault in small.scenario.faults) == sorted(kinds)
    assert small.is_minimal


def test_everything_else_is_as_small_as_a_scenario_can_be() -> None:
    """One actor on one proc, at a round time; what hangs hangs for the shortest of the round times."""
    small = Shrinker(has("hang")).shrink(big()).scenario

    (fault,) = small.faults
    assert fault == Hang(target="trainer[0]", at=at(30), for_=at(0.001))
    assert (small.topology.hosts, small.topology.clients, small.topology.subscribers) == (1, ["client"], [])
    assert [procs.per_host for procs in small.topology.procs] == [{}]
    assert (small.operations, small.config) == ([], {})


def test_ranks_and_hosts_that_are_needed_stay() -> None:
    """Who is asked for by rank keeps another rank, of a mesh that still has two."""

    def two_ranks(plan: Plan) -> bool:
        return len({target for fault in plan.faults for target in targets_of(fault) if "trainer" in target}) >= 2

    small = Shrinker(two_ranks).shrink(big()).scenario

    assert sorted(fault.target for fault in small.faults) == ["trainer[0]", "trainer[1]"]
    assert planned(small).hosts in (("host0",), ("host0", "host1"))
    assert small.topology.hosts * (small.topology.procs[0].per_host or {"gpus": 1})["gpus"] == 2


def test_no_plan_is_run_twice() -> None:
    asked: list[str] = []

    def shows(plan: Plan) -> bool:
        asked.append(plan_digest(plan))
        return has("exit", "stall")(plan)

    small = Shrinker(shows).shrink(big())

    assert len(asked) == len(set(asked)) == small.runs


def test_the_same_scenario_shrinks_to_the_same() -> None:
    first, second = (Shrinker(has("raise", "stall")).shrink(big()) for _ in range(2))

    assert first == second


def test_it_ends_with_the_best_so_far_when_there_are_no_runs_left() -> None:
    small = Shrinker(has("hang"), runs_max=9).shrink(big())

    assert (small.runs, small.is_minimal) == (9, False)
    assert has("hang")(small.plan)
    assert len(small.scenario.faults) < 12


def test_what_does_not_show_it_is_not_shrunk() -> None:
    with pytest.raises(ValueError, match="big does not show what it is to be shrunk for"):
        Shrinker(has("loss")).shrink(big())
