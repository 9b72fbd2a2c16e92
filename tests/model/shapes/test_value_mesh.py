import asyncio
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapes import parts, regions, whole_regions

from meshsim.model.shapes.extent import Extent
from meshsim.model.shapes.overlay import OverlayError, ValueOverlay
from meshsim.model.shapes.region import Region, ViewError
from meshsim.model.shapes.slice import Range
from meshsim.model.shapes.value_mesh import CardinalityError, ValueMesh
from meshsim.model.status import NOT_EXIST, RUNNING, failed, timeout
from meshsim.units import MS

HOSTS_GPUS = Region.of(Extent.of((("hosts", 2), ("gpus", 4))))
FOUR = Region.of(Extent.of((("gpus", 4),)))
NONE = Region.of(Extent.of((("gpus", 0),)))
ENCODINGS = (ValueMesh.new, ValueMesh.from_dense)

values = st.sampled_from("ABC")


@st.composite
def meshes(draw, shapes=None):
    region = draw(regions() if shapes is None else shapes)
    count = region.num_ranks
    return draw(st.sampled_from(ENCODINGS))(region, draw(st.lists(values, min_size=count, max_size=count)))


# --- construction ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "compressed", "table", "runs"),
    [
        (lambda: ValueMesh.new(FOUR, "AABA"), False, "AABA", [(0, 2, "A"), (2, 3, "B"), (3, 4, "A")]),
        (lambda: ValueMesh.collect_mesh(FOUR, iter("AABA")), False, "AABA", [(0, 2, "A"), (2, 3, "B"), (3, 4, "A")]),
        (lambda: ValueMesh.from_dense(FOUR, "AABA"), True, "ABA", [(0, 2, "A"), (2, 3, "B"), (3, 4, "A")]),
        (lambda: ValueMesh.from_single(FOUR, "A"), True, "A", [(0, 4, "A")]),
        (lambda: ValueMesh.from_default(FOUR, int), True, (0,), [(0, 4, 0)]),
        (lambda: ValueMesh.from_single(NONE, "A"), True, "A", []),
        (
            lambda: ValueMesh.from_ranges_with_default(FOUR, "A", [(3, 4, "B"), (1, 2, "B"), (2, 3, "B")]),
            True,
            "AB",
            [(0, 1, "A"), (1, 2, "B"), (2, 3, "B"), (3, 4, "B")],
        ),
        (lambda: ValueMesh.from_ranges_with_default(FOUR, "A", [(0, 4, "B")]), True, "AB", [(0, 4, "B")]),
        (lambda: ValueMesh.from_ranges_with_default(NONE, "A", [(3, 2, "B")]), True, "A", []),
        (
            lambda: ValueMesh.collect_indexed(FOUR, [(3, "A"), (0, "B"), (2, "B"), (1, "A"), (0, "A")]),
            False,
            "AABA",
            [(0, 2, "A"), (2, 3, "B"), (3, 4, "A")],
        ),
        (ValueMesh.empty, False, "", []),
    ],
)
def test_constructors_choose_their_encoding(make, compressed, table, runs):
    """mesh_model.md 2.2, the upper half of the table."""
    mesh = make()

    assert mesh.is_compressed is compressed
    assert mesh.table == tuple(table)
    assert mesh.runs() == runs


def test_the_empty_mesh_has_one_dimension_without_ranks():
    assert ValueMesh.empty().extent == Extent.of((("r", 0),))
    assert list(ValueMesh.empty()) == []


@pytest.mark.parametrize(
    ("make", "actual"),
    [
        (lambda: ValueMesh.new(FOUR, "AAA"), 3),
        (lambda: ValueMesh.from_dense(FOUR, "AAAAA"), 5),
        (lambda: ValueMesh.collect_indexed(FOUR, [(4, "A")]), 5),
        (lambda: ValueMesh.collect_indexed(FOUR, [(1, "A"), (1, "B"), (0, "A")]), 2),
        (lambda: ValueMesh.from_ranges_with_default(FOUR, "A", [(2, 2, "B")]), 0),
        (lambda: ValueMesh.from_ranges_with_default(FOUR, "A", [(2, 9, "B")]), 9),
        (lambda: ValueMesh.from_ranges_with_default(FOUR, "A", [(1, 4, "B"), (0, 2, "C")]), 1),
    ],
)
def test_not_one_value_for_each_rank_is_a_cardinality_error(make, actual):
    """mesh_model.md 2.2: what counts as the actual number depends on what is wrong."""
    with pytest.raises(CardinalityError) as caught:
        make()

    assert str(caught.value) == f"invalid mesh ref: expected 4 ranks, but contains {actual} ranks"
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


# --- equality and access -----------------------------------------------------------------------------------


def test_meshes_are_equal_by_their_values():
    """The reference compares encodings, too: mesh_model.md 2.1 asks for this."""
    dense, runs = ValueMesh.new(FOUR, "AABA"), ValueMesh.from_dense(FOUR, "AABA")
    ranges = ValueMesh.from_ranges_with_default(FOUR, "B", [(0, 1, "A"), (1, 2, "A"), (3, 4, "A")])

    assert dense == runs == ranges
    assert len({dense, runs, ranges}) == 1
    assert dense != ValueMesh.new(FOUR, "AABB")
    assert dense != ValueMesh.new(Region.of(Extent.of((("x", 4),))), "AABA")
    assert dense != "AABA"
    assert repr(runs) == "ValueMesh('gpus=4/1', [(0, 2, 'A'), (2, 3, 'B'), (3, 4, 'A')])"


@given(st.data())
def test_a_mesh_is_a_list_with_a_region(data):
    """In both encodings: get, values, points, map."""
    region = data.draw(whole_regions())
    count = region.num_ranks
    items = data.draw(st.lists(values, min_size=count, max_size=count))

    for make in ENCODINGS:
        mesh = make(region, items)
        assert [mesh.get(rank) for rank in range(-1, count + 2)] == [None, *items, None, None]
        assert list(mesh.values()) == items
        assert [(point.rank, item) for point, item in mesh] == list(enumerate(items))
        assert {point.extent for point, _ in mesh} <= {region.extent}
        assert list(mesh.map_into(str.lower).values()) == [item.lower() for item in items]
    assert ValueMesh.new(region, items) == ValueMesh.from_dense(region, items)
    assert hash(ValueMesh.new(region, items)) == hash(ValueMesh.from_dense(region, items))


def test_mapping_stops_at_the_first_error():
    """In order of view rank: nothing behind the error is looked at."""
    seen = []

    def refuse_b(value):
        seen.append(value)
        if value == "B":
            raise KeyError(value)

    with pytest.raises(KeyError):
        ValueMesh.new(FOUR, "ABCC").map_into(refuse_b)

    assert seen == ["A", "B"]


# --- views -------------------------------------------------------------------------------------------------


def test_views_number_their_values_anew():
    """mesh_model.md B.1: the values are base ranks; a view of a view keeps to its own ranks."""
    mesh = ValueMesh.new(HOSTS_GPUS, range(8))
    right = mesh.range("gpus", Range(2, 4))

    assert list(right.values()) == [2, 3, 6, 7]
    assert [str(point) for point, _ in right] == [
        "hosts=0/2,gpus=0/2",
        "hosts=0/2,gpus=1/2",
        "hosts=1/2,gpus=0/2",
        "hosts=1/2,gpus=1/2",
    ]
    assert right.get(2) == 6
    assert list(right.range("hosts", 1).values()) == [6, 7]
    assert list(right.slice(gpus=1).values()) == [3, 7]
    assert right.slice(gpus=1).labels == ("hosts",)
    assert right.at("gpus", 1) == right.slice(gpus=1)
    assert [list(group.values()) for group in mesh.group_by("gpus")] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert mesh.slice(gpus=slice(2, 4)) == mesh.subset(right.region) == right
    with pytest.raises(ViewError):
        right.subset(mesh.region)


@given(meshes(), st.data())
def test_a_view_has_the_values_of_its_base_ranks(mesh, data):
    """Against a dictionary by base rank; always dense."""
    by_base_rank = dict(zip(mesh.region.base_ranks(), mesh.values(), strict=True))

    part = mesh.subset(data.draw(parts(mesh.region)))

    assert list(part.values()) == [by_base_rank[rank] for rank in part.region.base_ranks()]
    assert not part.is_compressed


# --- compression, join, transpose --------------------------------------------------------------------------


def test_compression_by_a_predicate_keeps_the_first_value_of_each_stretch():
    """Each value is compared with the one before it."""
    mesh = ValueMesh.new(FOUR, [1, 2, 3, 7])

    compressed = mesh.compress_adjacent(lambda before, value: value - before == 1)

    assert compressed.runs() == [(0, 3, 1), (3, 4, 7)]
    assert compressed.compress_adjacent() is compressed


def test_joining_waits_for_each_rank_of_a_dense_mesh():
    """A compressed one would have to wait several times for one value."""

    async def doubled(number):
        return 2 * number

    mesh = ValueMesh.new(FOUR, range(4)).map_into(doubled)

    assert asyncio.run(mesh.join()) == ValueMesh.new(FOUR, [0, 2, 4, 6])
    with pytest.raises(AssertionError):
        asyncio.run(ValueMesh.from_single(FOUR, None).join())


def test_transposing_raises_the_first_error_in_the_order_of_the_encoding():
    """Order of ranks when dense, of the table when compressed; mesh_model.md 2.2."""
    first, second = KeyError("first"), KeyError("second")
    dense = ValueMesh.new(FOUR, ["A", second, first, "A"])
    runs = ValueMesh.from_ranges_with_default(FOUR, first, [(0, 1, second), (1, 2, "A")])

    with pytest.raises(KeyError) as of_dense:
        dense.transpose()
    with pytest.raises(KeyError) as of_runs:
        runs.transpose()

    assert (of_dense.value, of_runs.value) == (second, first)
    for make in ENCODINGS:
        assert make(FOUR, "ABBA").transpose() == ValueMesh.new(FOUR, "ABBA")
        assert make(FOUR, "ABBA").transpose().is_compressed == make(FOUR, "ABBA").is_compressed


# --- overlays ----------------------------------------------------------------------------------------------


@given(meshes(), st.data())
def test_an_overlay_wins_on_the_ranks_that_it_mentions(mesh, data):
    """Against a list; the table has each value once, in order of first use."""
    items = list(mesh.values())
    patch = data.draw(st.dictionaries(st.integers(0, len(items) - 1), values))
    overlay = ValueOverlay.try_from_runs((rank, rank + 1, value) for rank, value in patch.items())

    merged = mesh.merge_from_overlay(overlay)

    assert list(merged.values()) == [patch.get(rank, item) for rank, item in enumerate(items)]
    assert merged.table == tuple(dict.fromkeys(merged.values()))
    assert merged.is_compressed


def test_an_overlay_beyond_the_last_rank_changes_nothing():
    """mesh_model.md 2.3: the bounds are checked at the merge."""
    mesh = ValueMesh.from_single(FOUR, "A")

    with pytest.raises(OverlayError) as caught:
        mesh.merge_from_overlay(ValueOverlay.try_from_runs([(0, 1, "B"), (3, 5, "B")]))

    assert str(caught.value) == "range 3..5 exceeds region bounds (len=4)"
    assert mesh == ValueMesh.from_single(FOUR, "A")


def test_the_merge_of_the_reference_leaves_runs_that_overlap():
    """mesh_model.md B.2, last row: ranks 4 and 5 are lost to a look-up."""
    mesh = ValueMesh.from_dense(Region.of(Extent.of((("r", 8),))), "AABBAAAA")
    overlay = ValueOverlay.try_from_runs([(2, 6, "B")])

    assert "".join(mesh.merge_from_overlay(overlay).values()) == "AABBBBAA"
    wrong = mesh.merge_from_overlay(overlay, defective=True)
    assert wrong.runs() == [(0, 2, "A"), (2, 6, "B"), (4, 8, "A")]
    assert "".join(wrong.values()) == "AABBAAAA"


def test_five_overlays_make_five_snapshots_of_a_status_wait():
    """mesh_model.md B.3; that the wait ends with the fifth is shown with the waits."""
    runs = [[(1, 2, RUNNING)], [], [(0, 1, RUNNING)], [(2, 3, failed("x"))], [(3, 4, RUNNING)]]
    snapshots = [ValueMesh.from_single(FOUR, NOT_EXIST)]
    for overlay in map(ValueOverlay.try_from_runs, runs):
        snapshots.append(snapshots[-1].merge_from_overlay(overlay))

    assert [snapshot.inverted() for snapshot in snapshots] == [
        "NotExist=0..4",
        "NotExist=0..1,2..4;Running=1..2",
        "NotExist=0..1,2..4;Running=1..2",
        "Running=0..2;NotExist=2..4",
        "Running=0..2;Failed(x)=2..3;NotExist=3..4",
        "Running=0..2,3..4;Failed(x)=2..3",
    ]
    timed_out = snapshots[4].map_into(lambda status: timeout(30_100 * MS) if status == NOT_EXIST else status)
    assert timed_out.inverted() == "Running=0..2;Failed(x)=2..3;Timeout(30.1s)=3..4"
