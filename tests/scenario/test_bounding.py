"""Plans, counted, and the bounds and warnings that follow."""

from __future__ import annotations

import pytest
from small_worlds import at

from meshsim.scenario.bounding import bounds_of, warnings_of
from meshsim.scenario.plan import Plan, plan, with_profile
from meshsim.scenario.schema import (
    Actors,
    CloneOp,
    Link,
    Network,
    Procs,
    QueryOp,
    Scenario,
    Slice,
    SliceOp,
    SpawnActorsOp,
    SpawnHostsOp,
    SpawnProcsOp,
    StopActorsOp,
    Topology,
)
from meshsim.scenario.shape import MeshShape, shape_of
from meshsim.units import Duration


def scenario(topology: Topology, **keys: object) -> Plan:
    return plan(Scenario(name="shape", horizon=at(60), topology=topology, **keys), 0)


def small(**keys: object) -> Plan:
    """Two hosts with two procs each, and `trainer` on all."""
    topology = Topology(
        hosts=2,
        procs=[Procs(name="workers", per_host={"gpus": 2})],
        actors=[Actors(name="trainer", procs="workers")],
    )
    return scenario(topology, **keys)


def test_a_plan_is_counted_with_what_its_operations_build() -> None:
    """Slices have fewer ranks, clones as many; what spawns later counts as what is there at the start."""
    topology = Topology(
        hosts=3,
        procs=[Procs(name="workers", per_host={"gpus": 4}), Procs(name="few", hosts=["host1"])],
        slices=[Slice(name="half", mesh="workers", range={"gpus": "0..2"})],
        actors=[
            Actors(name="trainer", procs="workers", controller="streaming"),
            Actors(name="quiet", procs="half", system=True),
        ],
    )
    operations = [
        SpawnHostsOp(name="more", count=2),
        SpawnProcsOp(name="others", hosts=["more0"], per_host={"gpus": 3}),
        SliceOp(name="two", mesh="trainer", index={"hosts": 1}, range={"gpus": "0..2"}),
        CloneOp(name="again", mesh="trainer"),
        SpawnActorsOp(name="late", procs="half"),
    ]
    shape = shape_of(scenario(topology, operations=operations))

    assert shape.meshes == (MeshShape("trainer", 12, 2, "streaming"), MeshShape("late", 6, 2, "polling"))
    assert (shape.procs, shape.hosts, shape.children, shape.starts, shape.actors) == (12 + 1 + 3, 5, 8, 4, 3)
    assert (shape.ranks, shape.dimensions) == (12, 2)


def test_what_wrappers_spawn_counts_for_each_of_them() -> None:
    """Every wrapper owns a mesh of its own on the same procs."""
    topology = Topology(
        hosts=2,
        procs=[Procs(name="workers"), Procs(name="below")],
        actors=[
            Actors(
                name="boss",
                procs="workers",
                actor="WrapperActor",
                params={"procs": "below", "child": "kids", "supervisor": "client"},
            )
        ],
    )
    shape = shape_of(scenario(topology))

    assert [mesh.name for mesh in shape.meshes] == ["boss", "kids"]
    assert shape.actors == 2


def test_every_mesh_has_its_bounds_and_so_have_procs_and_operations() -> None:
    operations = [QueryOp(mesh="trainer", at=at(5)), StopActorsOp(mesh="trainer", at=at(9))]
    watching, procs, waits = bounds_of(small(operations=operations))

    assert watching.title == "trainer: polling controller, 4 ranks"
    assert [bound.id for bound in watching.bounds] == [
        "detect-prompt",
        "detect-silent-agent",
        "detect-silent-host",
        "detect",
        "report-prompt",
        "report",
        "watchdog",
        "poll",
        "reap",
        "reap-after-stop",
    ]
    assert procs.title == "procs: 4, at most 2 on a host"
    assert [bound.id for bound in procs.bounds] == ["stop", "terminate", "parent-death"]
    assert [bound.id for bound in waits.bounds] == ["spawn_procs", "spawn_actors", "query_mesh", "stop_actors"]


def test_the_bounds_of_a_mesh_are_those_of_its_ranks_and_configuration() -> None:
    [watching, *_] = bounds_of(small(config={"supervision_poll_frequency": "2s", "get_proc_state_max_idle": "5s"}))
    [detect] = [bound for bound in watching.bounds if bound.id == "detect"]
    assert detect.numbers == "2s + 4 × 5s + 8 × 30s + 1s"


def test_a_streaming_controller_has_a_bound_for_what_it_is_told() -> None:
    """And some quirks are not its own: it polls the living whoever died, and tells once."""
    topology = Topology(
        procs=[Procs(name="workers")], actors=[Actors(name="trainer", procs="workers", controller="streaming")]
    )
    watching = bounds_of(scenario(topology))[0]
    holes = {bound.id: bound.holes for bound in watching.bounds}

    assert "push" in holes
    assert holes["report"] == ("Q10", "Q28", "Q49")


def test_a_revision_without_monitoring_has_no_bounds_of_watching() -> None:
    groups = bounds_of(with_profile(small(), "2025-11"))
    assert [group.title.partition(":")[0] for group in groups] == ["procs", "operations"]


def test_without_actors_nothing_is_watched() -> None:
    groups = bounds_of(scenario(Topology()))
    assert groups == ()


# --- warnings --------------------------------------------------------------------------------------------------


def rules(plan: Plan, *, own: bool) -> list[str]:
    return [warning.rule for warning in warnings_of(plan) if warning.by_default is not own]


def test_the_defaults_break_rules_that_are_nobodys_own() -> None:
    assert rules(small(), own=True) == []
    assert "keepalive-outlasts-a-poll" in rules(small(), own=False)


@pytest.mark.parametrize(
    ("keys", "rule"),
    [
        ({"config": {"supervision_watchdog_timeout": "99s"}}, "watchdog-outlasts-a-poll"),
        ({"config": {"mesh_orphan_timeout": "10s"}}, "keepalive-outlasts-the-period"),
        ({"config": {"process_exit_timeout": "9s"}}, "stop-outlasts-its-actors"),
        ({"clocks": {"host1": at(60)}}, "keepalive-outlasts-the-clocks"),
        ({"network": Network(latency=Duration(200_000_000))}, "network-within-the-slack"),
        (
            {"network": Network(links=[Link(src="host1", latency=Duration(100_000_000), jitter=Duration(50_000_000))])},
            "network-within-the-slack",
        ),
    ],
)
def test_a_scenario_that_breaks_a_rule_is_warned_of(keys: dict[str, object], rule: str) -> None:
    """Configuration, clocks or network: what the defaults would have kept."""
    assert rule in rules(small(**keys), own=True)


def test_a_rule_that_is_broken_by_more_than_by_default_is_a_warning() -> None:
    """O is 60 s and should be more than 100 s: 50 s is worse, 90 s is better."""
    worse, better = (small(config={"mesh_orphan_timeout": value}) for value in ("50s", "90s"))
    assert "keepalive-outlasts-a-poll" in rules(worse, own=True)
    assert "keepalive-outlasts-a-poll" in rules(better, own=False)


def test_a_warning_is_one_line_with_both_numbers() -> None:
    [warning] = [
        warning
        for warning in warnings_of(small(config={"supervision_watchdog_timeout": "20s"}))
        if warning.rule == "watchdog-outlasts-a-poll"
    ]
    assert warning.text == (
        "watchdog-outlasts-a-poll: W >= P + H + A, but 20s against 10s + 1m + 30s = 1m 40s: "
        "subscribers take a controller that waits for replies for dead (section 12.3)"
    )


def test_an_owner_whose_clock_is_ahead_lengthens_keepalives() -> None:
    """What counts is how far a host is ahead of its owner."""
    clocks = {"host1": at(60), "client": at(60), "host0": at(60)}
    assert "keepalive-outlasts-the-clocks" not in rules(small(clocks=clocks), own=True)
