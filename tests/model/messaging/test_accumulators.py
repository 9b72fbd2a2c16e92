"""Accumulators: start values, joins, and what cannot be read (mesh_model.md 3.6)."""

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshsim.model.messaging.accumulators import (
    I64,
    U64,
    AccumulatorPanic,
    GrowCounter,
    Max,
    Min,
    Sum,
    TwoWayCounter,
    Watermark,
)

ranks = st.integers(0, 3)
counts = st.integers(0, 9)
numbers = st.integers(I64.smallest, I64.largest)
#: One writer for each rank: what is written at a time is always the same.
watermarks = st.builds(lambda rank, time: Watermark.at(rank, (7 * rank + 5 * time) % 11, time), ranks, counts)

LATTICES = {
    "max": (Max.start(I64), st.builds(Max, numbers)),
    "min": (Min.start(I64), st.builds(Min, numbers)),
    "watermark": (Watermark(), watermarks),
    "grow_counter": (GrowCounter(), st.builds(GrowCounter.of, ranks, counts)),
    "two_way_counter": (
        TwoWayCounter(),
        st.builds(TwoWayCounter.inc, ranks, counts) | st.builds(TwoWayCounter.dec, ranks, counts),
    ),
}
every_lattice = pytest.mark.parametrize("name", LATTICES)


def joined(start, updates):
    return reduce(lambda state, update: state.join(update), updates, start)


@pytest.mark.parametrize(
    ("start", "value"),
    [
        (Sum(U64), 0),
        (Sum(I64), 0),
        (Max.start(U64), 0),
        (Max.start(I64), -(2**63)),
        (Min.start(U64), 2**64 - 1),
        (Min.start(I64), 2**63 - 1),
        (GrowCounter(), 0),
        (TwoWayCounter(), 0),
    ],
)
def test_start_values(start, value):
    assert start.value == value


@pytest.mark.parametrize(
    ("start", "updates", "value"),
    [
        (Sum(I64), [Sum(I64, 5), Sum(I64, -8)], -3),
        (Sum(U64), [Sum(U64, 2**64 - 1), Sum(U64, 3)], 2),
        (Max.start(I64), [Max(-5), Max(-8)], -5),
        (Min.start(U64), [Min(5), Min(8)], 5),
        (Watermark(), [Watermark.at(0, 9, 1), Watermark.at(1, 7, 1), Watermark.at(1, 12, 2)], 9),
        (GrowCounter(), [GrowCounter.of(0, 3), GrowCounter.of(1, 4), GrowCounter.of(0, 2)], 7),
        (TwoWayCounter(), [TwoWayCounter.inc(0, 3), TwoWayCounter.dec(0, 5), TwoWayCounter.dec(0, 4)], -2),
    ],
)
def test_values(start, updates, value):
    assert joined(start, updates).value == value


def test_a_watermark_may_go_down():
    """A rank that writes for the first time, or one that says less at a later time."""
    late = Watermark.at(0, 9, 1).join(Watermark.at(1, 4, 1))

    assert late.value == 4
    assert late.join(Watermark.at(0, 1, 2)).value == 1


def test_a_watermark_cannot_be_read_before_the_first_update():
    with pytest.raises(AccumulatorPanic, match="before the first update"):
        _ = Watermark().value


def test_a_rank_cannot_write_two_values_at_one_time():
    with pytest.raises(AccumulatorPanic, match="rank 2 wrote both 1 and 3 at time 5"):
        Watermark.at(2, 1, 5).join(Watermark.at(2, 3, 5))


@every_lattice
@given(data=st.data())
def test_joins_of_lattices_depend_on_neither_order_nor_grouping_nor_repetition(name, data):
    start, updates = LATTICES[name]
    a, b, c = (joined(start, data.draw(st.lists(updates, max_size=4))) for _ in range(3))

    assert a.join(b) == b.join(a)
    assert a.join(b).join(c) == a.join(b.join(c))
    assert a.join(a) == a
    assert start.join(a) == a


@given(st.sampled_from([U64, I64]), st.lists(numbers, max_size=6), st.randoms(use_true_random=False))
def test_sums_do_not_depend_on_order(kind, terms, shuffler):
    """Also when they run over the end of the type."""
    shuffled = list(terms)
    shuffler.shuffle(shuffled)

    total = joined(Sum(kind), [Sum(kind, kind.wrapped(term)) for term in terms])

    assert total == joined(Sum(kind), [Sum(kind, kind.wrapped(term)) for term in shuffled])
    assert kind.smallest <= total.value <= kind.largest
    assert (total.value - sum(terms)) % 2**64 == 0
