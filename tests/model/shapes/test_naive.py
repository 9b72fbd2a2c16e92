"""Meshes and their views against a naive model: a list of cells, each with its coordinates, base rank and value.

The model knows nothing of strides, runs or encodings. Every operation is done to both, in any order and number, so
slices of slices, merges into slices and slices of merged meshes all come up.

Source: mesh_model.md 1.5, 1.6, 2.2 to 2.4.
"""

from __future__ import annotations

from itertools import pairwise, product

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from meshsim.model.shapes.extent import Extent
from meshsim.model.shapes.overlay import ValueOverlay
from meshsim.model.shapes.region import Region, ViewError
from meshsim.model.shapes.slice import Range, SliceError
from meshsim.model.shapes.value_mesh import CardinalityError, ValueMesh

LABELS = ("x", "y", "z")
values = st.sampled_from("ABC")
sizes = st.lists(st.integers(1, 5), max_size=3).map(tuple)


class Naive:
    """Cells in order of view rank: (coordinates, base rank, value)."""

    def __init__(self, labels, sizes, cells):
        self.labels, self.sizes, self.cells = labels, sizes, cells

    @classmethod
    def whole(cls, sizes, values):
        coords = product(*map(range, sizes))
        return cls(LABELS[: len(sizes)], sizes, [(at, rank, values[rank]) for rank, at in enumerate(coords)])

    def kept(self, dimension, indices):
        """These indices of one dimension, numbered anew; the dimension stays."""
        return Naive(
            self.labels,
            (*self.sizes[:dimension], len(indices), *self.sizes[dimension + 1 :]),
            [
                ((*at[:dimension], indices.index(at[dimension]), *at[dimension + 1 :]), base, value)
                for at, base, value in self.cells
                if at[dimension] in indices
            ],
        )

    def dropped(self, dimension):
        """Without a dimension that has one index left."""
        assert self.sizes[dimension] == 1

        def without(items):
            return (*items[:dimension], *items[dimension + 1 :])

        return Naive(
            without(self.labels), without(self.sizes), [(without(at), base, value) for at, base, value in self.cells]
        )

    def written(self, by_rank):
        return Naive(
            self.labels,
            self.sizes,
            [(at, base, by_rank.get(rank, value)) for rank, (at, base, value) in enumerate(self.cells)],
        )


class MeshAgainstCells(RuleBasedStateMachine):
    """A mesh and the cells that it should have."""

    @initialize(sizes=sizes, data=st.data(), compressed=st.booleans())
    def begin(self, sizes, data, compressed):
        region = Region.of(Extent(LABELS[: len(sizes)], sizes))
        count = region.num_ranks
        items = data.draw(st.lists(values, min_size=count, max_size=count))
        self.mesh = (ValueMesh.from_dense if compressed else ValueMesh.new)(region, items)
        self.cells = Naive.whole(sizes, items)

    def dimension(self, data):
        return data.draw(st.integers(0, len(self.cells.sizes) - 1))

    def has_dimensions(self):
        return bool(self.cells.sizes)

    @precondition(has_dimensions)
    @rule(data=st.data(), begin=st.integers(0, 5), end=st.none() | st.integers(0, 7), step=st.integers(1, 3))
    def range(self, data, begin, end, step):
        dimension = self.dimension(data)
        label, size = self.cells.labels[dimension], self.cells.sizes[dimension]
        indices = list(range(size))[begin:end:step]
        try:
            mesh = self.mesh.range(label, Range(begin, end, step))
        except ViewError:
            assert not indices
        except SliceError:
            assert step > 1 or not indices  # No slice has such steps, or it begins behind the last index.
        else:
            self.mesh, self.cells = mesh, self.cells.kept(dimension, indices)

    @precondition(has_dimensions)
    @rule(data=st.data(), keep=st.booleans(), by_slice=st.booleans())
    def index(self, data, keep, by_slice):
        """One index: `range` keeps the dimension, `at` and an integer in Python drop it."""
        dimension = self.dimension(data)
        label = self.cells.labels[dimension]
        index = data.draw(st.integers(0, self.cells.sizes[dimension] - 1))
        cells = self.cells.kept(dimension, [index])
        if keep:
            self.mesh, self.cells = self.mesh.range(label, index), cells
        else:
            self.mesh = self.mesh.slice(**{label: index}) if by_slice else self.mesh.at(label, index)
            self.cells = cells.dropped(dimension)

    @precondition(has_dimensions)
    @rule(data=st.data())
    def group(self, data):
        """All groups have what they should; go on with one of them."""
        dimension = self.dimension(data)
        groups = list(self.mesh.group_by(self.cells.labels[dimension]))
        outer = list(product(*map(range, self.cells.sizes[:dimension])))
        assert len(groups) == len(outer)
        number = data.draw(st.integers(0, len(groups) - 1))
        self.mesh = groups[number]
        for index in outer[number]:
            self.cells = self.cells.kept(0, [index]).dropped(0)

    @rule(data=st.data())
    def merge(self, data):
        """An overlay with runs of any length; the later of several overlays wins."""
        count = len(self.cells.cells)
        cuts = data.draw(st.lists(st.integers(0, count), max_size=4, unique=True).map(sorted))
        runs = [(start, end, data.draw(values)) for start, end in pairwise(cuts) if data.draw(st.booleans())]
        self.mesh = self.mesh.merge_from_overlay(ValueOverlay.try_from_runs(runs))
        self.cells = self.cells.written({rank: value for start, end, value in runs for rank in range(start, end)})
        assert self.mesh.is_compressed
        assert self.mesh.table == tuple(dict.fromkeys(self.mesh.values()))

    @rule()
    def compress(self):
        self.mesh = self.mesh.compress_adjacent()
        assert self.mesh.is_compressed

    @rule()
    def map(self):
        swap = dict(zip("ABC", "BCA", strict=True))
        self.mesh = self.mesh.map_into(swap.__getitem__)
        self.cells = Naive(
            self.cells.labels, self.cells.sizes, [(at, base, swap[value]) for at, base, value in self.cells.cells]
        )

    @rule()
    def subset_of_itself(self):
        self.mesh = self.mesh.subset(self.mesh.region)

    @invariant()
    def the_same(self):
        if not hasattr(self, "mesh"):
            return
        mesh, cells = self.mesh, self.cells.cells
        region = mesh.region
        items = [value for _, _, value in cells]
        assert (mesh.labels, region.sizes, region.num_ranks) == (self.cells.labels, self.cells.sizes, len(cells))
        assert list(region.base_ranks()) == [base for _, base, _ in cells]
        assert [(point.coords, value) for point, value in mesh] == [(at, value) for at, _, value in cells]
        assert [mesh.get(rank) for rank in range(-1, len(cells) + 1)] == [None, *items, None]
        assert [region.point_of_base_rank(base).coords for _, base, _ in cells] == [at for at, _, _ in cells]
        fresh = ValueMesh.new(region, items)
        assert mesh == fresh
        assert hash(mesh) == hash(fresh)


TestMeshAgainstCells = MeshAgainstCells.TestCase
TestMeshAgainstCells.settings = settings(max_examples=60, stateful_step_count=12, deadline=None)


@given(sizes, st.data())
def test_a_remap_finds_the_cells_of_any_part_in_any_part(sizes, data):
    """Both cut out of one mesh: none unless every base rank is there, else its position in the list."""
    whole = Naive.whole(sizes, "A" * 125)
    pair = []
    for _ in range(2):
        region, cells = Region.of(Extent(whole.labels, sizes)), whole
        for dimension, size in enumerate(sizes):
            begin = data.draw(st.integers(0, size - 1))
            end = data.draw(st.integers(begin + 1, size))
            region = region.range(region.labels[dimension], Range(begin, end))
            cells = cells.kept(dimension, list(range(begin, end)))
        pair.append((region, [base for _, base, _ in cells.cells]))
    (one, of_one), (other, of_other) = pair

    wanted = [of_one.index(base) for base in of_other] if set(of_other) <= set(of_one) else None

    assert one.remap(other) == wanted
    assert other.is_subset(one) == (wanted is not None)


spans = st.tuples(st.integers(0, 9), st.integers(0, 9), values)


@given(st.integers(0, 8), st.lists(spans, max_size=4))
def test_ranges_over_a_default_are_written_into_a_list(count, ranges):
    """Or there is an error: an empty range, one beyond the end, or one that overlaps."""
    region = Region.of(Extent(("r",), (count,)))
    listed = [rank for start, end, _ in ranges for rank in range(start, end)]
    fits = all(start < end <= count for start, end, _ in ranges) and len(listed) == len(set(listed))
    try:
        mesh = ValueMesh.from_ranges_with_default(region, "-", ranges)
    except CardinalityError:
        assert count
        assert not fits
        return

    assume(count)
    assert fits
    written = {rank: value for start, end, value in ranges for rank in range(start, end)}
    assert list(mesh.values()) == [written.get(rank, "-") for rank in range(count)]
    assert mesh.table[0] == "-"
    assert len(set(mesh.table)) == len(mesh.table)


@given(st.integers(0, 5), st.lists(st.tuples(st.integers(0, 6), values), max_size=9))
def test_indexed_items_are_written_into_a_dictionary(count, items):
    """Or there is an error, which names the first rank that is too big, or else how many ranks have a value."""
    region = Region.of(Extent(("r",), (count,)))
    too_big = [rank for rank, _ in items if rank >= count]
    if not too_big and len(dict(items)) == count:
        assert list(ValueMesh.collect_indexed(region, items).values()) == [dict(items)[rank] for rank in range(count)]
        return

    with pytest.raises(CardinalityError) as caught:
        ValueMesh.collect_indexed(region, items)

    assert caught.value.actual == (too_big[0] + 1 if too_big else len(dict(items)))


@given(st.lists(st.integers(0, 9), max_size=12), st.integers(0, 3))
def test_compression_by_a_predicate_makes_the_stretches_that_a_loop_makes(numbers, close):
    """A stretch goes on while each value is close to the one before; its first value stands for it."""
    stretches = []
    for rank, number in enumerate(numbers):
        if rank and abs(number - numbers[rank - 1]) <= close:
            stretches[-1] = (stretches[-1][0], rank + 1, stretches[-1][2])
        else:
            stretches.append((rank, rank + 1, number))

    mesh = ValueMesh.new(Region.of(Extent(("r",), (len(numbers),))), numbers)

    assert mesh.compress_adjacent(lambda before, value: abs(before - value) <= close).runs() == stretches
