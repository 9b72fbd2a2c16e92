"""What operations cost, by counting steps: comparisons of values and ranks, look-ups, elements that are visited.

Nothing is timed. Where a cost does not depend on the number of ranks, there are more of them than fit anywhere.

Source: mesh_model.md 1.4, 1.5, 2.2, 2.3.
"""

from __future__ import annotations

import pytest

from meshsim.model.shapes.extent import Extent
from meshsim.model.shapes.overlay import ValueOverlay
from meshsim.model.shapes.region import Region
from meshsim.model.shapes.runs import merge_runs
from meshsim.model.shapes.slice import Range, Slice
from meshsim.model.shapes.value_mesh import ValueMesh

#: More ranks than any list could have.
HUGE = 10**15
EVERYWHERE = Region.of(Extent.of((("r", HUGE),)))


class Counted:
    """A value that counts how often it is compared; it has no hash, as values need none."""

    compared = 0
    __hash__ = None

    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        Counted.compared += 1
        return self.value == other.value


class Rank(int):
    """A rank that counts how often it is compared."""

    compared = 0

    def __lt__(self, other):
        Rank.compared += 1
        return int.__lt__(self, other)

    def __le__(self, other):
        Rank.compared += 1
        return int.__le__(self, other)

    __hash__ = int.__hash__


class Looked(list):
    """A list that counts how often somebody looks into it."""

    looks = 0

    def __getitem__(self, index):
        self.looks += 1
        return super().__getitem__(index)


class Sequence:
    """The same, for those who would look past a subclass of list."""

    def __init__(self, items):
        self.items, self.looks = items, 0

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        self.looks += 1
        return self.items[index]


def compared(act):
    Counted.compared = 0
    act()
    return Counted.compared


def line(count):
    return Region.of(Extent.of((("r", count),)))


def every_other(count, *values):
    """`count` runs of one rank with one rank between each two of them, with these values in turn."""
    return [(2 * i, 2 * i + 1, Counted(values[i % len(values)])) for i in range(count)]


# --- value meshes, 2.2 --------------------------------------------------------------------------------------


def test_one_value_everywhere_costs_the_same_for_any_number_of_ranks():
    """`from_single`, `from_default`, and `from_ranges_with_default` by its ranges alone."""
    meshes = [
        ValueMesh.from_single(EVERYWHERE, 7),
        ValueMesh.from_default(EVERYWHERE, int),
        ValueMesh.from_ranges_with_default(EVERYWHERE, 0, [(HUGE - 1, HUGE, 7)]),
    ]

    assert [mesh.get(HUGE - 1) for mesh in meshes] == [7, 0, 7]
    assert [len(mesh.runs()) for mesh in meshes] == [1, 1, 2]


@pytest.mark.parametrize("runs", [1, 16, 1024, 2**15])
def test_a_look_up_in_runs_halves_them(runs):
    """O(log r), however many ranks there are."""
    mesh = ValueMesh.from_ranges_with_default(EVERYWHERE, -1, [(i, i + 1, i) for i in range(runs - 1)])
    starts = mesh._encoded.starts = Sequence(mesh._encoded.starts)

    for rank in (0, runs // 2, HUGE - 1):
        starts.looks = 0
        mesh.get(rank)
        assert starts.looks <= runs.bit_length()


def test_a_look_up_in_a_list_is_one_look():
    mesh = ValueMesh.new(line(1000), range(1000))
    items = mesh._encoded.items = Looked(range(1000))

    mesh.get(777)

    assert items.looks == 1


def test_compression_compares_neighbours_alone():
    """O(n): n - 1 comparisons; and none when there is nothing to do."""
    for count in (10, 1000):
        mesh = ValueMesh.new(line(count), [Counted(rank // 3) for rank in range(count)])
        assert compared(mesh.compress_adjacent) == count - 1
        compressed = mesh.compress_adjacent()
        assert compared(compressed.compress_adjacent) == 0


def test_ranges_are_sorted_and_the_table_is_looked_up_by_hash():
    """O(k log k): as many values as ranges would cost k * k comparisons."""
    counts = {}
    for ranges in (500, 1000):
        Rank.compared = 0
        ValueMesh.from_ranges_with_default(
            EVERYWHERE, -1, [(Rank((7 * i) % ranges), Rank((7 * i) % ranges + 1), i) for i in range(ranges)]
        )
        counts[ranges] = Rank.compared

    assert counts[1000] <= 2.4 * counts[500]
    assert counts[1000] <= 30 * 1000


@pytest.mark.parametrize("different", [1, 4])
def test_a_merge_costs_by_runs_and_different_values_and_not_by_ranks(different):
    """O((r + k) + (r + k) d), into a mesh of more ranks than fit anywhere."""
    values = range(different)

    def merging(runs):
        mesh = ValueMesh.from_ranges_with_default(EVERYWHERE, Counted(-1), every_other(runs, *values))
        overlay = ValueOverlay.try_from_runs([(s + 1, e + 1, v) for s, e, v in every_other(runs, *values)])
        return compared(lambda: mesh.merge_from_overlay(overlay))

    runs = 3 * 200
    assert merging(200) <= 4 * runs * (1 + different)
    assert merging(400) <= 2.2 * merging(200)


def test_a_dense_mesh_is_read_once_before_a_merge():
    """O(n) first."""

    def merging(count):
        mesh = ValueMesh.new(line(count), [Counted(0) for _ in range(count)])
        return compared(lambda: mesh.merge_from_overlay(ValueOverlay.try_from_runs([(0, 1, Counted(1))])))

    assert merging(1000) - merging(500) == 500


def test_a_slice_gets_each_of_its_values_once(monkeypatch):
    """O(n) steps to find them, and one look-up for each."""
    count = 64
    mesh = ValueMesh.new(line(count), range(count))
    part = mesh.region.range("r", Range(0, count, 4))
    items = mesh._encoded.items = Looked(range(count))
    visited = counting_visits(monkeypatch)

    mesh.sliced(part)

    assert items.looks == part.num_ranks
    assert len(visited) <= count + part.num_ranks


def test_outcomes_are_looked_at_once_for_each_entry_of_the_table():
    """O(d) for a compressed mesh."""
    assert ValueMesh.from_single(EVERYWHERE, 7).transpose().get(5) == 7


# --- regions and slices, 1.4 and 1.5 ------------------------------------------------------------------------


def counting_visits(monkeypatch):
    """Every element that a walk over a slice visits, from here on."""
    visited = []
    location = Slice.location

    def counted(self, coords):
        visited.append(coords)
        return location(self, coords)

    monkeypatch.setattr(Slice, "location", counted)
    return visited


@pytest.mark.parametrize("count", [16, 256, 4096])
def test_a_remap_walks_over_both_regions_once(count, monkeypatch):
    """O(len(self) + len(other)), and no further than the last element that is wanted."""
    whole = line(count)
    part = whole.range("r", Range(0, count // 2, 2))
    visited = counting_visits(monkeypatch)

    assert part.is_subset(whole)
    assert len(visited) <= count // 2 + count // 4


def test_a_single_element_is_found_by_arithmetic():
    """O(n log n) in the number of dimensions, whatever their sizes."""
    ranks = Slice.row_major((HUGE, HUGE)).select(0, 5, HUGE, 3).at(1, 77)

    assert ranks.get(2) == 11 * HUGE + 77
    assert ranks.index(11 * HUGE + 77) == 2
    assert 11 * HUGE + 78 not in ranks
    assert Region.over(("x",), ranks).range("x", Range(1, 3)).num_ranks == 2


# --- overlays, 2.3 ------------------------------------------------------------------------------------------


def test_a_run_at_the_end_is_compared_with_the_last_one_alone():
    """O(1): the thousandth costs what the first cost."""
    overlay = ValueOverlay()
    costs = []
    for start in range(1000):
        value = Counted(start % 2)
        costs.append(compared(lambda at=start, value=value: overlay.push_run(at, at + 1, value)))

    assert costs[0] == 0
    assert set(costs[1:]) == {1}


def test_two_overlays_are_merged_in_one_walk():
    """O(r + k): twice the runs are twice the comparisons of ranks."""

    def merging(runs):
        left = [(Rank(3 * i), Rank(3 * i + 2), "A") for i in range(runs)]
        right = [(Rank(3 * i + 1), Rank(3 * i + 3), "B") for i in range(runs)]
        Rank.compared = 0
        merge_runs(left, right)
        return Rank.compared

    assert merging(1000) <= 2.2 * merging(500)
    assert merging(1000) <= 20 * 1000
