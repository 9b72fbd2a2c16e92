import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapes import slices

from meshsim.model.shapes.slice import Range, Slice, SliceError

#: {x: 2, y: 3}, y = 1..3; the example of mesh_model.md 1.1.
NARROWED = Slice(1, (2, 2), (3, 1))


@pytest.mark.parametrize(
    ("sizes", "strides", "text"),
    [
        ((2, 3), (2, 1), "stride 2 must be larger than size of previous space 3"),
        ((2, 2), (2, 2), "nonunique strides"),
        ((2, 3), (3, 2), "nonrectangular shape"),
        ((2, 2), (2, 0), "stride 0 must be larger than size of previous space 1"),
        ((2, 2, 2), (4, 1), "invalid dims: expected 3, got 2"),
    ],
)
def test_dimensions_that_do_not_nest_are_refused(sizes, strides, text):
    """mesh_model.md 1.4; the last lines of B.1."""
    with pytest.raises(SliceError) as caught:
        Slice.checked(0, sizes, strides)

    assert str(caught.value) == text


@pytest.mark.parametrize(("sizes", "strides"), [((1, 4), (1, 1)), ((4, 2), (1, 4)), ((2, 2), (2, 1)), ((), ())])
def test_dimensions_that_nest_are_taken_in_any_order(sizes, strides):
    """The valid ones of B.1; a stride equal to the space below is legal in spite of the error text."""
    assert Slice.checked(7, sizes, strides) == Slice(7, sizes, strides)


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (lambda: NARROWED.at(2, 0), "dimension 2 out of range for 2-dimensional slice"),
        (lambda: NARROWED.at(1, 2), "index 2 out of range 2"),
        (lambda: NARROWED.select(2, 0, 1), "index 2 out of range 2"),
        (lambda: NARROWED.select(0, 5, 6), "index 5 out of range 2"),
        (lambda: NARROWED.select(1, 1, 1, 3), "empty range: 1..1 (step 3)"),
        (lambda: Slice.row_major((2, 4, 4)).select(1, 0, 4, 3), "nonrectangular shape"),
        (lambda: NARROWED.location((1,)), "invalid dims: expected 2, got 1"),
        (lambda: NARROWED.coordinates(3), "value 3 not in slice"),
        (lambda: NARROWED.index(6), "value 6 not in slice"),
        (lambda: NARROWED.get(4), "index 4 out of range 4"),
        (lambda: Slice.row_major((2, 0)).index(0), "value 0 not in slice"),
    ],
)
def test_what_a_slice_does_not_have_is_an_error(act, text):
    """mesh_model.md 1.4, the table of operations."""
    with pytest.raises(SliceError) as caught:
        act()

    assert str(caught.value) == text


def test_what_makes_the_reference_panic_is_a_bug_of_the_caller():
    """A step of 0, and a look-up where a size is 0."""
    with pytest.raises(AssertionError):
        NARROWED.select(0, 0, 1, 0)
    with pytest.raises(ZeroDivisionError):
        Slice.row_major((2, 0)).get(0)


def test_the_example_of_the_vocabulary():
    """mesh_model.md 1.1: base ranks 1, 2, 4, 5; view ranks 0 to 3."""
    dense = Slice.row_major((2, 3))

    assert dense == Slice(0, (2, 3), (3, 1))
    assert dense.select(1, 1, 3) == NARROWED
    assert (list(NARROWED), len(NARROWED)) == ([1, 2, 4, 5], 4)
    assert [NARROWED.index(value) for value in NARROWED] == [0, 1, 2, 3]


def test_an_end_beyond_the_size_is_not_clipped():
    """Views clip it first."""
    assert list(Slice.row_major((4,)).select(0, 2, 7, 2)) == [2, 4, 6]


def test_coordinates_are_not_held_to_the_sizes():
    """`location` looks at their number alone."""
    assert NARROWED.location((5, 5)) == 21


@pytest.mark.parametrize(
    ("chosen", "text"),
    [(Range(2), "2::1"), (Range(1, 8, 3), "1:8:3"), (Range.at(2), "2:3:1"), (Range.inclusive(1, 4), "1:5:1")],
)
def test_ranges_print_begin_end_and_step(chosen, text):
    """mesh_model.md 1.6."""
    assert str(chosen) == text


@given(slices())
def test_positions_values_and_coordinates_are_inverse_to_each_other(ranks):
    """Transposed and strided ones, too."""
    values = list(ranks)

    assert [ranks.get(index) for index in range(len(ranks))] == values
    assert [ranks.index(value) for value in values] == list(range(len(ranks)))
    assert [ranks.location(ranks.coordinates(value)) for value in values] == values
    assert len(set(values)) == len(values)
    assert [value for value in range(max(values) + 3) if value in ranks] == sorted(values)


@given(slices(), st.data())
def test_an_index_drops_the_dimension_and_a_range_keeps_it(ranks, data):
    """Against picking from the list of all values by their coordinates."""
    dimension = data.draw(st.integers(0, ranks.dimensions - 1)) if ranks.dimensions else None
    if dimension is None:
        return
    index = data.draw(st.integers(0, ranks.sizes[dimension] - 1))

    there = [value for value in ranks if ranks.coordinates(value)[dimension] == index]

    assert list(ranks.at(dimension, index)) == there
    assert list(ranks.select(dimension, index, index + 1)) == there
