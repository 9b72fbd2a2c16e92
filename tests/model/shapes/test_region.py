import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapes import parts, regions

from meshsim.model.shapes.extent import Extent, ExtentError
from meshsim.model.shapes.region import Region, ViewError
from meshsim.model.shapes.slice import Range, Slice, SliceError

#: The regions of mesh_model.md B.1, by the names that they have there.
R = Region.of(Extent.of((("hosts", 2), ("gpus", 4))))
A = R.range("gpus", Range(2, 4))
B = A.range("hosts", 1)
C = R.cut({"gpus": 3})
D = Region.of(Extent.of((("z", 2), ("h", 3), ("g", 4)))).range("h", Range(1)).range("g", Range(0, 4, 2))
D_FIRST, D_SECOND = D.group_by("h")
ONE_OF_G = D.range("g", 1)
STEPS = Region.of(Extent.of((("g", 8),))).range("g", Range(1, 8, 3))
TRANSPOSED = Region(("x", "y"), 0, (2, 3), (1, 2))


@pytest.mark.parametrize(
    ("region", "text", "base_ranks"),
    [
        (R, "hosts=2/4,gpus=4/1", [0, 1, 2, 3, 4, 5, 6, 7]),
        (A, "2+hosts=2/4,gpus=2/1", [2, 3, 6, 7]),
        (B, "6+hosts=1/4,gpus=2/1", [6, 7]),
        (C, "3+hosts=2/4", [3, 7]),
        (D, "4+z=2/12,h=2/4,g=2/2", [4, 6, 8, 10, 16, 18, 20, 22]),
        (D_FIRST, "4+h=2/4,g=2/2", [4, 6, 8, 10]),
        (D_SECOND, "16+h=2/4,g=2/2", [16, 18, 20, 22]),
        (ONE_OF_G, "6+z=2/12,h=2/4,g=1/2", [6, 10, 18, 22]),
        (STEPS, "1+g=3/3", [1, 4, 7]),
        (Region((), 5, (), ()), "5+", [5]),
        (Region.of(Extent.of(())), "", [0]),
        (Region.of(Extent.of((("x", 2), ("y", 0)))), "x=2/0,y=0/1", []),
        (TRANSPOSED, "x=2/1,y=3/2", [0, 2, 4, 1, 3, 5]),
    ],
)
def test_regions_print_and_number_their_elements(region, text, base_ranks):
    """mesh_model.md B.1, every row; and some without dimensions, without ranks, with transposed strides."""
    points = [region.point_of_base_rank(rank) for rank in base_ranks]

    assert str(region) == text
    assert list(region.base_ranks()) == base_ranks
    assert [region.base_rank_of(rank) for rank in range(region.num_ranks)] == base_ranks
    assert [point.rank for point in points] == list(range(len(base_ranks)))
    assert [region.base_rank_of_point(point) for point in points] == base_ranks
    assert [rank for rank in range(-3, 30) if region.contains_base_rank(rank)] == sorted(base_ranks)


@pytest.mark.parametrize(
    ("region", "target", "view_ranks"),
    [
        (R, A, [2, 3, 6, 7]),
        (A, B, [2, 3]),
        (R, B, [6, 7]),
        (A, C, [1, 3]),
        (D, D_SECOND, [4, 5, 6, 7]),
        (D, ONE_OF_G, [1, 3, 5, 7]),
        (A, R, None),
        (C, B, None),
    ],
)
def test_remap_says_which_view_ranks_a_part_has(region, target, view_ranks):
    """mesh_model.md B.1, the last column: base ranks 6 and 7 are view ranks 2 and 3 of A."""
    assert region.remap(target) == view_ranks
    assert target.is_subset(region) == (view_ranks is not None)


def test_one_element_is_another_point_in_each_view():
    """mesh_model.md B.1: base rank 6."""
    assert (str(R.point_of_base_rank(6)), R.point_of_base_rank(6).rank) == ("hosts=1/2,gpus=2/4", 6)
    assert (str(A.point_of_base_rank(6)), A.point_of_base_rank(6).rank) == ("hosts=1/2,gpus=0/2", 2)
    assert not C.contains_base_rank(6)


@pytest.mark.parametrize(
    ("kind", "act", "text"),
    [
        (ViewError, lambda: C.range("hosts", 2), "empty range: 2:3:1 for dimension hosts of size 2"),
        (ViewError, lambda: A.range("gpus", Range(2)), "empty range: 2::1 for dimension gpus of size 2"),
        (ViewError, lambda: A.range("zones", 0), "no such dimension: zones"),
        (ViewError, lambda: A.at("zones", 0), "no such dimension: zones"),
        (ViewError, lambda: A.group_by("zones"), "no such dimension: zones"),
        (
            ViewError,
            lambda: A.subset(R),
            "invalid range: selected ranks hosts=2/4,gpus=4/1 not a subset of base 2+hosts=2/4,gpus=2/1 ",
        ),
        (SliceError, lambda: A.at("gpus", 2), "index 2 out of range 2"),
        (SliceError, lambda: R.cut({"gpus": slice(3, 3)}), "empty range: 3..3 (step 1)"),
        (TypeError, lambda: R.cut({"x": 1}), "Shape does not have dimension labeled 'x'"),
        (IndexError, lambda: R.cut({"gpus": 4}), "index out of range"),
        (IndexError, lambda: R.cut({"gpus": -1}), "index out of range"),
        (ExtentError, lambda: Region.over(("x",), Slice(0, (), ())), "label/sizes dimension mismatch: 1 != 0"),
        (ExtentError, lambda: A.base_rank_of(4), "out of range: total ranks 4; does not contain rank 4"),
        (
            ExtentError,
            lambda: A.base_rank_of_point(R.extent.point_of_rank(0)),
            "invalid point: this point does not belong to this region: "
            "mismatched extent: p must be a point in this region’s extent",
        ),
        (
            ExtentError,
            lambda: A.point_of_base_rank(4),
            "out of range base rank: this base rank 4 does not belong to this region: 4",
        ),
    ],
)
def test_what_a_region_does_not_have_is_an_error(kind, act, text):
    """mesh_model.md 1.5, 1.6 and the errors of B.1."""
    with pytest.raises(kind) as caught:
        act()

    assert str(caught.value) == text


def test_a_step_of_nothing_is_a_bug_of_the_caller():
    """The reference panics."""
    with pytest.raises(AssertionError):
        R.range("gpus", Range(0, 2, 0))


def test_an_integer_removes_the_dimension_and_a_slice_keeps_it():
    """What Python users see; mesh_model.md 1.6."""
    assert R.cut({"gpus": slice(2, 4)}) == A
    assert R.cut({"gpus": slice(2, 99)}) == A
    assert R.cut({"hosts": 1, "gpus": 2}) == Region((), 6, (), ())
    assert str(R.cut({"gpus": slice(None, None, 2)})) == "hosts=2/4,gpus=2/2"
    assert R.range("gpus", 3) == Region(("hosts", "gpus"), 3, (2, 1), (4, 1))


def test_labels_and_dimensions_do_not_matter_for_a_subset():
    """Base ranks alone are compared; what is empty is a subset of everything."""
    assert Region(("other",), 2, (2,), (1,)).is_subset(R)
    assert Region.of(Extent.of((("x", 0),))).is_subset(C)


def test_a_transposed_region_can_give_a_wrong_no():
    """Both are walked in their own order, which is taken for ascending; mesh_model.md 1.5."""
    assert set(TRANSPOSED.base_ranks()) >= {1, 2}
    assert not Region(("x",), 1, (2,), (1,)).is_subset(TRANSPOSED)


@given(regions(), st.data())
def test_remap_is_looking_each_base_rank_up_in_a_list(region, data):
    """For every part; and the other way round only when the part is all."""
    part = data.draw(parts(region))
    base_ranks = list(region.base_ranks())

    assert region.remap(part) == [base_ranks.index(rank) for rank in part.base_ranks()]
    assert region.subset(part) == part
    assert region.is_subset(part) == (set(base_ranks) <= set(part.base_ranks()))


@given(regions(), regions())
def test_a_subset_is_a_subset_of_the_base_ranks(one, other):
    """Against sets."""
    assert one.is_subset(other) == (set(one.base_ranks()) <= set(other.base_ranks()))


@given(regions(), st.data())
def test_remapping_twice_is_remapping_once(region, data):
    """A slice of a slice has the values that the slice of the whole would have."""
    part = data.draw(parts(region))
    smaller = data.draw(parts(part))
    through = region.remap(part)

    assert [through[rank] for rank in part.remap(smaller)] == region.remap(smaller)


@given(regions(), st.data())
def test_groups_partition_the_region_in_order(region, data):
    """Outer dimensions are iterated; what is inside stays together."""
    if not region.labels:
        return
    label = data.draw(st.sampled_from(region.labels))

    groups = list(region.group_by(label))

    assert [rank for group in groups for rank in group.base_ranks()] == list(region.base_ranks())
    assert {group.labels for group in groups} == {region.labels[region.labels.index(label) :]}
