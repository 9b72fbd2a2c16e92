from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshsim.model.shapes.overlay import OverlayError, ValueOverlay

spans = st.tuples(st.integers(0, 8), st.integers(0, 8), st.sampled_from("AB"))


def overlay(*runs):
    return ValueOverlay.try_from_runs(runs)


def pushed(runs):
    """The same runs one by one."""
    made = ValueOverlay()
    for run in runs:
        made.push_run(*run)
    return made


def dense(runs):
    return {rank: value for start, end, value in runs for rank in range(start, end)}


@pytest.mark.parametrize(
    ("runs", "text"),
    [
        ([(2, 2, "A")], "a run with an empty range (start == end) was provided"),
        ([(0, 3, "A"), (2, 4, "A")], "overlapping or unsorted runs: prev=0..3, next=2..4"),
        ([(5, 6, "A"), (2, 4, "B"), (3, 5, "A")], "overlapping or unsorted runs: prev=2..4, next=3..5"),
    ],
)
def test_runs_that_cannot_be_are_refused_at_once_or_one_by_one(runs, text):
    """mesh_model.md 2.3."""
    for make in (ValueOverlay.try_from_runs, pushed):
        with pytest.raises(OverlayError) as caught:
            make(runs)
        assert str(caught.value) == text


def test_bounds_are_found_out_by_whoever_knows_them():
    """The first run outside is named."""
    with pytest.raises(OverlayError) as caught:
        overlay((0, 2, "A"), (3, 6, "B"), (7, 8, "A")).check_bounds(4)

    assert str(caught.value) == "range 3..6 exceeds region bounds (len=4)"
    overlay((0, 2, "A")).check_bounds(2)


def test_runs_are_sorted_and_joined_where_they_touch_and_agree():
    made = overlay((4, 6, "B"), (1, 2, "A"), (0, 1, "A"))

    assert made.runs == ((0, 2, "A"), (4, 6, "B"))
    assert len(made) == 2
    assert made == pushed([(4, 6, "B"), (0, 1, "A"), (1, 2, "A")])
    assert repr(made) == "ValueOverlay([(0, 2, 'A'), (4, 6, 'B')])"


def test_a_push_that_fails_changes_nothing_by_the_rule_and_loses_everything_in_the_reference():
    """mesh_model.md 2.3: after an overlap the reference's overlay is empty."""
    ours, theirs = overlay((1, 3, "A")), overlay((1, 3, "A"))

    with pytest.raises(OverlayError):
        ours.push_run(0, 2, "B")
    with pytest.raises(OverlayError):
        theirs.push_run(0, 2, "B", defective=True)

    assert ours.runs == ((1, 3, "A"),)
    assert theirs.runs == ()


def test_a_reduction_of_the_reference_fails_where_its_merge_goes_wrong():
    """mesh_model.md 2.4: the overlapping list is validated again, and refused."""
    earlier, later = overlay((0, 1, "A"), (1, 2, "B")), overlay((0, 2, "A"))

    with pytest.raises(OverlayError) as caught:
        earlier.merge(later, defective=True)

    assert str(caught.value) == "overlapping or unsorted runs: prev=0..2, next=1..2"
    assert earlier.merge(later) == overlay((0, 2, "A"))
    assert later.merge(earlier, defective=True) == earlier


@given(st.lists(spans, max_size=5))
def test_an_overlay_is_a_value_or_nothing_for_each_rank(runs):
    """Whatever the order: either every rank is mentioned once at most, or there is an error."""
    mentioned = [rank for start, end, _ in runs for rank in range(start, end)]
    valid = all(start < end for start, end, _ in runs) and len(mentioned) == len(set(mentioned))

    for make in (ValueOverlay.try_from_runs, pushed):
        if valid:
            made = make(runs)
            assert dense(made.runs) == dense(runs)
            assert all(a[1] < b[0] or (a[1] == b[0] and a[2] != b[2]) for a, b in pairwise(made.runs))
        else:
            with pytest.raises(OverlayError):
                make(runs)


@given(
    st.dictionaries(st.integers(0, 9), st.sampled_from("AB")), st.dictionaries(st.integers(0, 9), st.sampled_from("AB"))
)
def test_of_two_overlays_the_later_wins(earlier, later):
    """Against two dictionaries."""
    merged = overlay(*((r, r + 1, v) for r, v in earlier.items())).merge(
        overlay(*((r, r + 1, v) for r, v in later.items()))
    )

    assert dense(merged.runs) == {**earlier, **later}
