"""How updates combine on their way (mesh_model.md 2.4, 2.5, 3.6)."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshsim.model.messages import Ack, Number, RankStatus
from meshsim.model.messaging.reducers import REDUCERS, STATUS_OVERLAY, ReduceError, is_registered, reduced
from meshsim.model.status import RUNNING, STOPPED, failed

U64_MAX = (1 << 64) - 1
I64_MAX = (1 << 63) - 1
I64_MIN = -(1 << 63)
STATUSES = (RUNNING, STOPPED, failed("x"))


def overlay(*runs):
    return RankStatus(runs)


def dense(message):
    return {rank: status for start, end, status in message.runs for rank in range(start, end)}


@pytest.mark.parametrize(
    ("name", "numbers", "result"),
    [
        ("sum_u64", [1, 2, 3], 6),
        ("sum_u64", [U64_MAX, 2], 1),
        ("sum_i64", [5, -7], -2),
        ("sum_i64", [I64_MAX, 1], I64_MIN),
        ("sum_i64", [I64_MIN, -1], I64_MAX),
        ("max_u64", [3, 9, 4], 9),
        ("max_i64", [-3, -9, I64_MIN], -3),
        ("min_u64", [3, 9, 4], 3),
        ("min_i64", [-3, -9, 0], -9),
        ("min_i64", [7], 7),
    ],
)
def test_numbers_of_64_bits(name, numbers, result):
    assert reduced(name, [Number(number) for number in numbers]) == Number(result)


def test_the_later_overlay_wins():
    """In order of arrival, whatever the statuses say: a late Running hides an earlier failure."""
    updates = [overlay((0, 2, failed("x"))), overlay((3, 4, STOPPED)), overlay((1, 3, RUNNING)), overlay()]

    assert reduced(STATUS_OVERLAY, updates) == overlay((0, 1, failed("x")), (1, 3, RUNNING), (3, 4, STOPPED))


def test_the_defect_of_the_reference_makes_a_reduce_fail():
    """Its merge leaves runs that overlap, which are then refused (2.4)."""
    updates = [overlay((0, 1, RUNNING), (1, 2, STOPPED)), overlay((0, 2, RUNNING))]

    with pytest.raises(ReduceError) as caught:
        reduced(STATUS_OVERLAY, updates, defective=True)

    assert str(caught.value) == "overlapping or unsorted runs: prev=0..2, next=1..2"
    assert reduced(STATUS_OVERLAY, updates) == overlay((0, 2, RUNNING))


@pytest.mark.parametrize(
    ("name", "updates", "error"),
    [
        (STATUS_OVERLAY, [overlay(), Ack()], "cannot reduce Ack, expected RankStatus"),
        (STATUS_OVERLAY, [Number(1), overlay()], "cannot reduce Number, expected RankStatus"),
        ("sum_u64", [Number(1), overlay()], "cannot reduce RankStatus, expected Number"),
    ],
)
def test_an_update_of_another_type_cannot_be_reduced(name, updates, error):
    with pytest.raises(ReduceError) as caught:
        reduced(name, updates)

    assert str(caught.value) == error


def test_only_overlays_of_statuses_and_numbers_have_reducers():
    """3.6: reducers are registered for numbers of 64 bits only, and upstream for overlays of `Status`."""
    assert list(REDUCERS) == [STATUS_OVERLAY, "sum_u64", "sum_i64", "max_u64", "max_i64", "min_u64", "min_i64"]
    assert [is_registered(name) for name in (STATUS_OVERLAY, "", "sum_f64")] == [True, False, False]


@given(
    st.lists(st.tuples(st.integers(0, 7), st.sampled_from(STATUSES)), min_size=1),
    st.booleans(),
)
def test_overlays_of_one_rank_reduce_to_what_the_ranks_said_last(reports, defective):
    """The reference's defect never shows as long as each overlay is of one rank and nothing was reduced before."""
    expected = dict(reports)

    merged = reduced(
        STATUS_OVERLAY, [overlay((rank, rank + 1, status)) for rank, status in reports], defective=defective
    )

    assert dense(merged) == expected
    assert all(one[1] < other[0] or one[2] != other[2] for one, other in pairwise(merged.runs))
