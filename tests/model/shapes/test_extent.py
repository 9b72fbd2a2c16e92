import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshsim.model.shapes.extent import Extent, ExtentError, Point, ranked_display_name

HOSTS_GPUS = Extent.of((("hosts", 2), ("gpus", 4)))


@pytest.mark.parametrize(
    ("extent", "text"),
    [
        (Extent.of(()), "{}"),
        (HOSTS_GPUS, "{hosts: 2, gpus: 4}"),
        (Extent.of((("dim/0", 3),)), '{"dim/0": 3}'),
        (Extent.of((('a"b\\', 1),)), '{"a\\"b\\\\": 1}'),
    ],
)
def test_extents_print_labels_bare_or_quoted(extent, text):
    """mesh_model.md 1.2."""
    assert str(extent) == text


@pytest.mark.parametrize(
    ("pairs", "ranks"), [((), 1), ((("x", 0),), 0), ((("x", 2), ("y", 3)), 6), ((("x", 2), ("y", 0)), 0)]
)
def test_no_dimension_is_one_rank_and_an_empty_one_is_none(pairs, ranks):
    """The empty product is 1."""
    assert Extent.of(pairs).num_ranks == ranks


def test_dimensions_are_found_by_label():
    """Unknown labels answer none; of two equal labels the first counts."""
    twice = Extent.of((("x", 2), ("x", 5)))

    assert (HOSTS_GPUS.position("gpus"), HOSTS_GPUS.size("gpus")) == (1, 4)
    assert (HOSTS_GPUS.position("zones"), HOSTS_GPUS.size("zones")) == (None, None)
    assert twice.size("x") == 2


def test_points_come_in_order_of_rank():
    """The last dimension varies fastest; unity has exactly one point."""
    assert [point.coords for point in HOSTS_GPUS.points()] == [(h, g) for h in range(2) for g in range(4)]
    assert [point.rank for point in Extent.of(()).points()] == [0]


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (lambda: Extent(("x",), (1, 2)), "label/sizes dimension mismatch: 1 != 2"),
        (lambda: HOSTS_GPUS.concat(Extent.of((("gpus", 1),))), "overlapping label found: gpus"),
        (lambda: HOSTS_GPUS.rank_of_coords((1,)), "dimension mismatch: expected 2, got 1"),
        (lambda: HOSTS_GPUS.rank_of_coords((1, 4)), "out of range: dim size 4; does not contain index 4"),
        (lambda: HOSTS_GPUS.rank_of_coords((9, 4)), "out of range: dim size 4; does not contain index 4"),
        (lambda: HOSTS_GPUS.point_of_rank(8), "out of range: total ranks 8; does not contain rank 8"),
        (lambda: Extent.of((("x", 0),)).point_of_rank(0), "out of range: total ranks 0; does not contain rank 0"),
    ],
)
def test_shapes_that_cannot_be_say_so_in_the_reference_texts(act, text):
    """mesh_model.md 1.2."""
    with pytest.raises(ExtentError) as caught:
        act()

    assert str(caught.value) == text


@given(st.lists(st.integers(min_value=1, max_value=5), max_size=4), st.data())
def test_rank_and_coordinates_are_inverse(sizes, data):
    """For every shape, also the one without dimensions."""
    extent = Extent.of(tuple((f"d{i}", size) for i, size in enumerate(sizes)))
    rank = data.draw(st.integers(min_value=0, max_value=extent.num_ranks - 1))

    assert extent.rank_of_coords(extent.point_of_rank(rank).coords) == rank


def test_points_print_each_coordinate_with_its_size():
    """mesh_model.md 1.3: no blanks; the unity point is empty."""
    assert str(Extent.of((("x", 4), ("y", 5))).point_of_rank(7)) == "x=1/4,y=2/5"
    assert str(Extent.of(()).point_of_rank(0)) == ""
    assert HOSTS_GPUS.point_of_rank(4).dict_form == "{'hosts': 1/2, 'gpus': 0/4}"


def test_points_of_different_extents_are_different():
    """Base rank 6 and view rank 2 may be the same actor, never the same point."""
    assert Point(2, HOSTS_GPUS) == HOSTS_GPUS.point_of_rank(2)
    assert Point(2, HOSTS_GPUS) != Extent.of((("hosts", 2), ("gpus", 2))).point_of_rank(2)


@pytest.mark.parametrize(
    ("base", "pairs", "rank", "name"),
    [
        ("<root>.<t W w>", (("gpus", 4),), 1, "<root>.<t W w{'gpus': 1/4}>"),
        ("w-1aaaaaaaaaaa", (("gpus", 4),), 1, "w-1aaaaaaaaaaa{'gpus': 1/4}"),
        ("<root>.<t W w>", (), 0, "<root>.<t W w>"),
        ("w", (("gpus", 8), ("hosts", 2)), 1, "w{'gpus': 0/8, 'hosts': 1/2}"),
    ],
)
def test_a_ranked_display_name_carries_its_point(base, pairs, rank, name):
    """supervision.md 1.4, mesh_model.md B.7."""
    assert ranked_display_name(base, Extent.of(pairs).point_of_rank(rank)) == name
