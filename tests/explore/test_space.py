from __future__ import annotations

from pathlib import Path
from random import Random
from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_worlds import mesh, run_sim

from meshsim.explore.settings import settings_of
from meshsim.explore.space import Space, instants_of
from meshsim.faults.kinds import AT_SPAWN, Fault, NeverReady
from meshsim.model.tags import tag_of
from meshsim.scenario.check import check
from meshsim.scenario.load import discover, load_scenarios
from meshsim.scenario.plan import Plan, plan
from meshsim.scenario.schema import Procs, Scenario, Topology
from meshsim.units import MS, Duration, S

FOLDER = Path(__file__).parents[2] / "scenarios" / "explore"
PLANS = [plan(loaded, 0) for path in discover([FOLDER]) for loaded in load_scenarios(path)]
SPACES = {each.scenario: Space.of(each) for each in PLANS}
ALL_KINDS = {tag_of(kind) for kind in get_args(Fault)}


def checked(plan: Plan, faults: tuple[Fault, ...]) -> None:
    """As if the faults stood in the file."""
    operations = [step.operation for step in plan.steps if not step.bring_up]
    check(
        Scenario(name="drawn", horizon=plan.horizon, topology=plan.topology, operations=operations, faults=list(faults))
    )


# --- what there is -------------------------------------------------------------------------------------------


def test_every_kind_of_the_menu_has_settings_that_it_can_have() -> None:
    """A kind without a row would never be drawn, and a misspelt parameter would break in the middle of a search."""
    table = settings_of(PLANS[0].config)

    assert set(table) == set(get_args(Fault))
    for kind, values in table.items():
        assert set(values) <= set(kind.__struct_fields__)
        assert all(len(set(map(repr, options))) == len(options) for options in values.values())


@pytest.mark.parametrize("plain", PLANS, ids=lambda plain: plain.scenario)
def test_a_mesh_on_hosts_admits_every_kind_but_those_of_allocs(plain: Plan) -> None:
    assert set(SPACES[plain.scenario].kinds) == ALL_KINDS - {"alloc_stop", "alloc_fail"}


def test_a_world_has_the_kinds_that_can_strike_something() -> None:
    """Procs of an allocator: no host starts them, and there are no actors."""
    topology = Topology(procs=[Procs(name="workers", allocator="local", extent={"x": 2})])
    space = Space.of(plan(Scenario(name="allocated", horizon=Duration(10 * S), topology=topology), 0))

    assert {"alloc_stop", "alloc_fail", "exit", "partition"} <= set(space.kinds)
    assert {"raise", "controller_kill", "start_fails", "misreport"}.isdisjoint(space.kinds)


def test_each_kind_strikes_whom_it_can() -> None:
    reach = Space.of(mesh()).reach

    assert [fault.target for fault in reach["raise"].aims] == ["trainer[0]", "trainer[1]"]
    assert [fault.target for fault in reach["controller_kill"].aims] == ["trainer"]
    assert [fault.target for fault in reach["host_crash"].aims] == ["host0"]
    # An actor would stand for its process, which is there under its own name.
    assert [fault.target for fault in reach["exit"].aims] == ["host0", "client", "workers[0]", "workers[1]"]


def test_all_of_a_kind_is_each_target_with_each_value() -> None:
    reach = Space.of(mesh()).reach["exit"]

    faults = list(reach.all())

    assert [(fault.target, getattr(fault, "code", None)) for fault in faults[:4]] == [
        ("host0", 1),
        ("host0", 0),
        ("host0", 3),
        ("client", 1),
    ]
    assert len(faults) == reach.size == 12


# --- drawing -------------------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(
    plain=st.sampled_from(PLANS), luck=st.integers(0, 2**32), count=st.integers(0, 12), near=st.lists(st.just(9 * S))
)
def test_what_is_drawn_passes_the_check_of_a_scenario(plain: Plan, luck: int, count: int, near: list[int]) -> None:
    faults = SPACES[plain.scenario].draw(Random(luck), count=count, instants=near)

    checked(plain, faults)
    spawns = sum(isinstance(fault, AT_SPAWN) for fault in faults)
    assert len(faults) == count or (len(faults) < count and spawns >= 4)
    assert all((fault.at is None) == isinstance(fault, AT_SPAWN) for fault in faults)
    assert all(fault.when is None for fault in faults)


@pytest.mark.parametrize("kind", SPACES["plain"].kinds)
def test_every_kind_alone_can_be_drawn(kind: str) -> None:
    """With each of its settings, sooner or later; every one passes the check."""
    plain = next(each for each in PLANS if each.scenario == "plain")
    random = Random(kind)

    for _ in range(20):
        faults = SPACES["plain"].draw(random, kinds=[kind])
        checked(plain, faults)
        assert [tag_of(fault) for fault in faults] == [kind]


def test_a_kind_that_can_do_nothing_is_an_error() -> None:
    with pytest.raises(KeyError, match="alloc_stop"):
        Space.of(mesh()).draw(Random(0), kinds=["alloc_stop"])


def test_the_same_luck_draws_the_same() -> None:
    space = Space.of(mesh())

    assert space.draw(Random(7), count=8) == space.draw(Random(7), count=8)
    assert space.draw(Random(7), count=8) != space.draw(Random(8), count=8)


def test_faults_are_drawn_in_order_of_time_anywhere_in_the_run() -> None:
    faults = Space.of(mesh(horizon_s=60)).draw(Random(1), count=200, kinds=["exit"])

    times = [fault.at for fault in faults if fault.at is not None]
    assert times == sorted(times)
    assert (times[0] < 2 * S, times[-1] > 55 * S, all(0 <= at < 60 * S for at in times)) == (True, True, True)


def test_half_of_them_strike_close_to_an_instant_that_is_given() -> None:
    faults = Space.of(mesh(horizon_s=60)).draw(Random(1), count=400, kinds=["exit"], instants=[30 * S])

    close = [fault for fault in faults if fault.at is not None and abs(fault.at - 30 * S) <= 20 * MS]
    assert 150 <= len(close) <= 250


def test_no_spawn_is_struck_twice() -> None:
    """A scenario may have one fault of each spawn: those of the plan count."""
    struck = msgspec.structs.replace(mesh(), faults=(NeverReady(target="workers[0]"),))

    faults = Space.of(struck).draw(Random(0), count=5, kinds=["slow_start", "start_fails"])

    assert [fault.target for fault in faults] == ["workers[1]"]


def test_instants_are_when_anything_happens() -> None:
    records = run_sim(mesh(horizon_s=5)).records

    instants = instants_of(records)

    assert list(instants) == sorted({record.at for record in records})
    assert 1 * MS in instants
