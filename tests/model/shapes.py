"""Hypothesis strategies for slices and regions."""

from hypothesis import strategies as st

from meshsim.model.shapes.extent import Extent
from meshsim.model.shapes.region import Region
from meshsim.model.shapes.slice import Range, Slice, SliceError

LABELS = ("x", "y", "z")


@st.composite
def slices(draw, *, transposed=True):
    """Any valid slice of up to three dimensions, perhaps with transposed strides."""
    dimensions = draw(st.integers(0, 3))
    sizes, strides, space = [], [], 1
    for _ in range(dimensions):
        space *= draw(st.integers(1, 3))
        size = draw(st.integers(1, 4))
        sizes.insert(0, size)
        strides.insert(0, space)
        space *= size
    order = draw(st.permutations(range(dimensions))) if transposed else range(dimensions)
    offset = draw(st.integers(0, 9))
    return Slice.checked(offset, tuple(sizes[i] for i in order), tuple(strides[i] for i in order))


@st.composite
def regions(draw):
    """A region whose order is ascending."""
    ranks = draw(slices(transposed=False))
    return Region.over(LABELS[: ranks.dimensions], ranks)


@st.composite
def parts(draw, region):
    """A region cut out of this one by ranges and indices."""
    for label in region.labels:
        size = region.extent.size(label)
        begin = draw(st.integers(0, size - 1))
        if draw(st.booleans()):
            region = region.at(label, begin)
            continue
        end = draw(st.integers(begin + 1, size + 2))
        try:
            region = region.range(label, Range(begin, end, draw(st.integers(1, 3))))
        except SliceError:
            region = region.range(label, Range(begin, end))  # No slice has that step; every slice has this one.
    return region


@st.composite
def whole_regions(draw):
    """The region of a whole mesh; sizes may be 0."""
    sizes = draw(st.lists(st.integers(0, 3), max_size=3))
    return Region.of(Extent(LABELS[: len(sizes)], tuple(sizes)))
