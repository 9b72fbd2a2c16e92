"""Overlays arriving at the port of a status wait (mesh_model.md 2.5, supervision.md 11.2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from machines import CLIENT, CONFIG, agent, overlay

from meshsim.model.commands import GiveBack
from meshsim.model.config import Config
from meshsim.model.ids import PortRef
from meshsim.model.messaging.status_port import StatusPort
from meshsim.model.quirks import SWITCHES
from meshsim.model.shapes.extent import Extent
from meshsim.model.shapes.overlay import ValueOverlay
from meshsim.model.shapes.region import Region
from meshsim.model.shapes.value_mesh import ValueMesh
from meshsim.model.status import INITIALIZING, NOT_EXIST, RUNNING, STOPPED, failed
from meshsim.units import MS

ME = CLIENT
FIXED = Config.of({}, SWITCHES)
DEFECTIVE = Config.of({}, ())


def port(count, config=CONFIG):
    return StatusPort.over(count, 1024, config)


def said(*runs):
    return overlay(agent(0), ME, 1024, *runs)


def updated(made, *updates):
    for runs in updates:
        made.update(said(*runs).message)
    return made


def test_it_starts_as_its_template():
    made = port(2)

    assert (made.statuses, made.is_complete) == ([NOT_EXIST, NOT_EXIST], False)


def test_its_reference_asks_relays_to_merge_overlays_for_at_most_50_ms():
    expected = PortRef(ME, 1024, False, reducer="status_overlay", once=False, max_interval_ns=50 * MS)

    assert port(1).ref(ME, returnable=False) == expected


def test_the_later_overlay_wins_and_an_empty_one_changes_nothing():
    made = updated(port(3), [(0, 2, failed("x"))], [], [(1, 3, RUNNING)])

    assert (made.statuses, made.is_complete) == ([failed("x"), RUNNING, RUNNING], True)


def test_without_q48_a_rank_that_is_initializing_has_not_answered():
    """Nor has one that is so again."""
    made = updated(port(2, Config.of({}, ("Q48",))), [(0, 1, RUNNING), (1, 2, INITIALIZING)])
    first = made.is_complete
    updated(made, [(1, 2, RUNNING)])
    second = made.is_complete

    updated(made, [(0, 1, INITIALIZING)])

    assert (first, second, made.is_complete) == (False, True, False)


def test_a_rank_may_cease_to_exist_again():
    """Last writer wins: nothing makes a report final."""
    made = updated(port(2), [(0, 2, INITIALIZING)])
    assert made.is_complete

    assert not updated(made, [(0, 1, NOT_EXIST)]).is_complete


@pytest.mark.parametrize(
    ("runs", "error"),
    [
        (((0, 1, RUNNING),), None),
        (((0, 2, RUNNING),), None),
        ((), None),
        (((2, 3, RUNNING),), "mailbox error: range 2..3 exceeds region bounds (len=2)"),
        (((0, 1, RUNNING), (1, 9, STOPPED)), "mailbox error: range 1..9 exceeds region bounds (len=2)"),
    ],
)
@pytest.mark.parametrize("config", [CONFIG, FIXED], ids=["quirks", "fixed"])
def test_an_overlay_beyond_the_region_is_refused_and_closes_the_port(runs, error, config):
    """Nothing of it is applied and its sender gets it back; later replies are lost too, if `error_removes_port`."""
    made = port(2, config)
    message = said(*runs)

    refused = made.refuse(message)

    assert refused == ([] if error is None else [GiveBack(message, error)])
    assert made.closed == (error is not None and config is CONFIG)
    assert made.statuses == [NOT_EXIST, NOT_EXIST]


def test_the_merge_of_the_reference_keeps_what_an_equal_value_should_have_covered():
    """mesh_model.md 2.4: the smallest case, and that the right merge is the usual one."""
    updates = [[(0, 1, RUNNING), (1, 2, STOPPED)], [(0, 2, RUNNING)]]

    assert updated(port(2, DEFECTIVE), *updates).statuses == [RUNNING, STOPPED]
    assert updated(port(2), *updates).statuses == [RUNNING, RUNNING]


spans = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 3), st.sampled_from([NOT_EXIST, RUNNING, STOPPED])))


def runs_in(spans):
    """Some of them, without overlap, sorted."""
    runs, at = [], 0
    for start, length, kind in sorted(spans, key=lambda span: span[0]):
        if start >= at and start + length <= 5:
            runs.append((start, start + length, kind))
            at = start + length
    return runs


@given(st.lists(spans.map(runs_in), max_size=6))
def test_it_holds_what_a_mesh_and_a_naive_list_hold(updates):
    """The same values as the status mesh of the specification, whatever the overlays."""
    mesh = ValueMesh.from_single(Region.of(Extent.of((("x", 5),))), NOT_EXIST)
    naive = [NOT_EXIST] * 5
    made = port(5)
    for runs in updates:
        updated(made, runs)
        mesh = mesh.merge_from_overlay(ValueOverlay.try_from_runs(runs))
        naive = [next((kind for start, end, kind in runs if start <= rank < end), naive[rank]) for rank in range(5)]
        assert made.statuses == list(mesh.values()) == naive
        assert made.is_complete == (NOT_EXIST not in naive)


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from([RUNNING, STOPPED])), max_size=9))
def test_the_defect_never_shows_while_ranks_report_one_by_one(reports):
    """2.4: it needs an overlay of more than one rank."""
    updates = [[(rank, rank + 1, kind)] for rank, kind in reports]

    assert updated(port(5, DEFECTIVE), *updates).statuses == updated(port(5), *updates).statuses


@given(st.lists(spans.map(runs_in), max_size=6))
def test_the_defect_never_changes_how_many_ranks_there_are(updates):
    assert len(updated(port(5, DEFECTIVE), *updates).statuses) == 5
