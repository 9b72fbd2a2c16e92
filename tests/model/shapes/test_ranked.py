import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshsim.model.shapes.extent import Extent
from meshsim.model.shapes.ranked import RankedValues, first_failed, first_terminating, ranked_statuses
from meshsim.model.shapes.region import Region
from meshsim.model.shapes.value_mesh import ValueMesh
from meshsim.model.status import INITIALIZING, NOT_EXIST, RUNNING, STOPPED, failed

SPARSE = RankedValues((0, 2, "A"), (4, 6, "B"))

sparse = st.dictionaries(st.integers(0, 9), st.sampled_from("AB"))


def ranked(by_rank):
    values = RankedValues()
    for rank, value in by_rank.items():
        values = values.merge_from(RankedValues.at(rank, value))
    return values


def test_a_rank_counts_the_values_below():
    """mesh_model.md 2.7."""
    assert [SPARSE.rank(rank) for rank in range(8)] == [0, 1, 2, 2, 2, 3, 4, 4]


def test_values_come_one_by_one_as_long_as_there_is_no_gap():
    """The reference panics at a gap."""
    assert "".join(SPARSE.materialized_iter(2)) == "AA"
    assert "".join(SPARSE.materialized_iter(1)) == "A"
    assert list(RankedValues().materialized_iter(0)) == []
    for values in (SPARSE, RankedValues((0, 2, "A")), RankedValues((1, 3, "A")), RankedValues()):
        with pytest.raises(IndexError) as caught:
            list(values.materialized_iter(3))
        assert str(caught.value) == "insufficient rank"


@given(sparse, sparse)
def test_of_two_the_later_wins(earlier, later):
    """Against two dictionaries; equality is by intervals, which are as long as they can be."""
    merged = ranked(earlier).merge_from(ranked(later))

    assert merged == ranked(dict(sorted({**earlier, **later}.items())))
    assert {rank: value for a, b, value in merged.intervals for rank in range(a, b)} == {**earlier, **later}
    assert len({merged, ranked({**earlier, **later})}) == 1


def test_ranked_values_merge():
    """Over the end of one interval, over a gap, and beside an equal value, which becomes one with it."""
    earlier = RankedValues((0, 8, "A"), (12, 16, "B"), (20, 40, "B"))
    later = RankedValues((6, 10, "C"), (16, 20, "B"), (30, 34, "D"))

    merged = earlier.merge_from(later)

    assert merged == RankedValues((0, 6, "A"), (6, 10, "C"), (12, 30, "B"), (30, 34, "D"), (34, 40, "B"))


def test_ranked_values_equality():
    """How they came to be does not matter."""
    assert ranked(dict.fromkeys(range(10), "A")) == RankedValues((0, 10, "A"))
    assert ranked({3: "A", 0: "A", 2: "A", 1: "A"}) == RankedValues((0, 4, "A"))
    assert RankedValues((0, 10, "A")) != RankedValues((0, 9, "A"))
    assert RankedValues((0, 10, "A")) != RankedValues((0, 10, "B"))


def test_ranked_values_default_through_merge():
    """What is merged into a default leaves it where nothing is known."""
    default = RankedValues((0, 10, "A"))

    assert default.merge_from(RankedValues((2, 4, "B"))) == RankedValues((0, 2, "A"), (2, 4, "B"), (4, 10, "A"))
    assert default.merge_from(RankedValues()) == default
    assert RankedValues().merge_from(default) == default


def test_the_merge_of_the_reference_leaves_intervals_that_overlap():
    """mesh_model.md 2.7; single ranks are always right."""
    values = RankedValues((0, 1, "A"), (1, 2, "B"), (2, 4, "C"))

    assert values.merge_from(RankedValues((0, 3, "D"))) == RankedValues((0, 3, "D"), (3, 4, "C"))
    wrong = values.merge_from(RankedValues((0, 3, "D")), defective=True)
    assert wrong == RankedValues((0, 3, "D"), (1, 2, "B"), (2, 4, "C"))
    assert repr(wrong) == "RankedValues((0, 3, 'D'), (1, 2, 'B'), (2, 4, 'C'))"


def test_the_first_interval_that_ended_or_failed():
    """With its start."""
    statuses = RankedValues((0, 2, RUNNING), (2, 3, STOPPED), (3, 9, failed("x")), (9, 10, failed("y")))

    assert first_terminating(statuses) == (2, STOPPED)
    assert first_failed(statuses) == (3, failed("x"))
    assert first_failed(RankedValues((0, 2, RUNNING))) is None


def test_statuses_of_a_mesh_replace_a_default_where_they_are_known():
    """NotExist is the sentinel; mesh_model.md 2.7 with the text of its example."""
    region = Region.of(Extent.of((("r", 4),)))
    mesh = ValueMesh.from_dense(region, [NOT_EXIST, RUNNING, failed("test failure"), failed("test failure")])

    assert str(ranked_statuses(mesh, RUNNING)) == "Running=0..2;Failed(test failure)=2..4"
    assert str(ranked_statuses(mesh, INITIALIZING)) == "Initializing=0..1;Running=1..2;Failed(test failure)=2..4"
    assert ranked_statuses(ValueMesh.empty(), RUNNING) == RankedValues()
