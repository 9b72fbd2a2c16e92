"""Cast trees: the tables of mesh_model.md B.4, and any tree against a naive enumeration.

Source: mesh_model.md 4.2 step 3, 4.3, B.4.
"""

from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshsim.model.attributes import UNLIMITED
from meshsim.model.messaging.cast_tree import (
    coords_of,
    destinations,
    first_frames,
    next_step,
    peers,
    rank_of,
    reshaped,
    routed,
    selection_of,
    subtree,
)
from meshsim.model.shapes.extent import Extent
from meshsim.model.shapes.region import Region
from meshsim.model.shapes.selection import Along, Either, Everything, Nothing, of_ranks, selected_ranks, selection_text
from meshsim.model.shapes.slice import Range, SliceError

R = Region.of(Extent(("hosts", "gpus"), (2, 4)))
A = R.range("gpus", Range(2, 4))
C = R.at("gpus", 3)


def walked(sizes, selection, dead=()):
    """Edges (from, to), ranks delivered to, replies by node, and depth of a whole cast; dead nodes do nothing."""
    edges, delivered, replies, depth = [], [], {}, 0
    waiting = [(0, first_frames(sizes, selection), 0)]
    while waiting:
        node, frames, hops = waiting.pop(0)
        assert all(rank_of(frame.here, sizes) == node for frame in frames)
        if node in dead:
            continue
        step = next_step(frames, sizes)
        assert node not in replies, "no node is reached twice"
        replies[node] = step.replies
        depth = max(depth, hops)
        delivered += [node] if step.delivers else []
        edges += [(node, hop.rank) for hop in step.hops]
        waiting += [(hop.rank, hop.frames, hops + 1) for hop in step.hops]
    return edges, sorted(delivered), replies, depth


def walked_to(view, root=R, limit=UNLIMITED, without=()):
    return walked(*routed(view, root, limit, without))


def edges(*texts):
    return [tuple(map(int, text.split(">"))) for text in texts]


@pytest.mark.parametrize(
    ("view", "forwards", "delivered", "replies"),
    [
        (
            R,
            edges("0>1", "0>2", "0>3", "0>4", "4>5", "4>6", "4>7"),
            list(range(8)),
            {0: 5, 4: 4, 1: 1, 2: 1, 3: 1, 5: 1, 6: 1, 7: 1},
        ),
        (A, edges("0>2", "0>3", "0>4", "4>6", "4>7"), [2, 3, 6, 7], {0: 3, 4: 2, 2: 1, 3: 1, 6: 1, 7: 1}),
        (
            R.range("hosts", 1).range("gpus", Range(1, 3)),
            edges("0>4", "4>5", "4>6"),
            [5, 6],
            {0: 1, 4: 2, 5: 1, 6: 1},
        ),
        (C, edges("0>3", "0>4", "4>7"), [3, 7], {0: 2, 4: 1, 3: 1, 7: 1}),
        (Region((), 6, (), ()), edges("0>4", "4>6"), [6], {0: 1, 4: 1, 6: 1}),
    ],
    ids=["all", "gpus 2..4", "one host, gpus 1..3", "gpus = 3 removed", "one rank"],
)
def test_the_trees_of_a_mesh_of_two_by_four(view, forwards, delivered, replies):
    """B.4, row by row: forwards, deliveries, and how many updates a once port waits for at each node."""
    assert walked_to(view)[:3] == (forwards, delivered, replies)


def test_the_tree_of_a_cube():
    """B.4, last row."""
    cube = Region.of(Extent(("x", "y", "z"), (2, 2, 2)))

    forwards, delivered, replies, depth = walked_to(cube, cube)

    assert sorted(forwards) == edges("0>1", "0>2", "0>4", "2>3", "4>5", "4>6", "6>7")
    assert (delivered, depth) == (list(range(8)), 3)
    assert replies == {0: 4, 4: 3, 2: 2, 6: 2, 1: 1, 3: 1, 5: 1, 7: 1}


def test_the_origin_of_a_reshaped_mesh_sends_29_messages():
    """4.3: 1024 hosts of 8, reshaped with limit 8."""
    root = Region.of(Extent(("hosts", "gpus"), (1024, 8)))

    sizes, selection = routed(root, root, 8, ())

    assert sizes == (8, 8, 8, 2, 8)
    assert len(next_step(first_frames(sizes, selection), sizes).hops) == 29


@pytest.mark.parametrize(
    ("size", "factors"),
    [
        (1024, (8, 8, 8, 2)),
        (100, (5, 5, 4)),
        (14, (7, 2)),
        (8, (8,)),
        (13, (13,)),
        (22, (2, 11)),
        (1, (1,)),
        (0, (0,)),
    ],
)
def test_a_dimension_is_split_by_its_largest_divisors(size, factors):
    assert reshaped((size,), 8) == factors


def test_a_mesh_without_dimensions_is_one_rank():
    root = Region((), 0, (), ())

    assert walked_to(root, root) == ([], [0], {0: 1}, 0)


# --- what is selected ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("view", "selection"),
    [
        (R, Everything()),
        (A, Along(Range(0, 2), Along(Range(2, 4), Everything()))),
        (R.range("gpus", Range(1, 4, 2)), Along(Range(0, 2), Along(Range(1, 5, 2), Everything()))),
        (C, of_ranks(R.slice, [3, 7])),
        (Region(("hosts", "gpus"), 0, (0, 4), (4, 1)), Nothing()),
        (Region(("x", "y"), 0, (2, 2), (1, 4)), of_ranks(R.slice, [0, 1, 4, 5])),
        (Region(("x", "y"), 0, (4, 2), (1, 4)), of_ranks(R.slice, range(8))),
    ],
    ids=["unsliced", "range", "step 2", "fewer dimensions", "empty", "strides across", "larger than the root"],
)
def test_a_view_is_a_selection_over_its_root(view, selection):
    """4.2 step 3."""
    found = selection_of(view, R)

    assert found == selection
    assert selected_ranks(found, R.slice) == sorted(view.base_ranks())


@pytest.mark.parametrize(
    ("extent", "cut", "value"),
    [
        (Extent(("x",), (4,)), {"x": slice(0, 4, 3)}, 6),
        (Extent(("x", "y"), (4, 2)), {"x": slice(0, 4, 3), "y": slice(1, 2)}, 13),
    ],
)
def test_a_range_that_would_go_on_too_far_is_refused(extent, cut, value):
    """4.2 step 3: steps from 3 on can do that, although every rank of the view is there."""
    root = Region.of(extent)

    with pytest.raises(SliceError, match=f"^value {value} not in slice$"):
        selection_of(root.cut(cut), root)


def test_some_ranks_of_a_view_can_be_left_out():
    """View ranks 1 and 2 of the slice, which are ranks 3 and 6."""
    sizes, selection = routed(A, R, UNLIMITED, (1, 2))

    assert (sizes, selection_text(selection)) == ((2, 4), "(0:1,2:3)|(1:2,3:4)")


# --- what is lost -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dead", "lost"), [(4, [4, 5, 6, 7]), (2, [2]), (0, list(range(8)))])
def test_a_dead_node_takes_its_subtree_with_it(dead, lost):
    """B.4, below the table."""
    assert subtree(dead, (2, 4)) == lost
    assert walked((2, 4), Everything(), {dead})[1] == [rank for rank in range(8) if rank not in lost]


@pytest.mark.parametrize(("view", "lost", "waits_for", "gets"), [(R, [4, 5, 6, 7], 5, 4), (A, [6, 7], 3, 2)])
def test_a_once_reply_never_completes_above_a_dead_node(view, lost, waits_for, gets):
    """B.4, below the table: dead rank 4, a full cast and one to gpus 2..4."""
    sizes, selection = routed(view, R, UNLIMITED, ())

    forwards, delivered, replies, _ = walked(sizes, selection, {4})

    assert delivered == [rank for rank in view.base_ranks() if rank not in lost]
    assert replies[0] == waits_for
    assert sum(src == 0 and dst in replies for src, dst in forwards) + (0 in delivered) == gets


def test_the_single_cast_to_one_rank_needs_the_way_there():
    """B.4: dead rank 0 loses even the cast to rank 6, and so does rank 4."""
    one = of_ranks(R.slice, [6])

    assert [walked((2, 4), one, {dead})[1] for dead in (0, 4, 2)] == [[], [], [6]]


def test_frames_of_one_step_are_for_one_node():
    sizes = (2, 2)
    frames = [frame for hop in next_step(first_frames(sizes, Everything()), sizes).hops for frame in hop.frames]

    with pytest.raises(AssertionError, match="frames of one node"):
        next_step(tuple(frames), sizes)


# --- any tree -----------------------------------------------------------------------------------------------


@st.composite
def views(draw):
    """A root of up to four dimensions, a view of it as users cut them, and a limit."""
    sizes = tuple(draw(st.lists(st.integers(1, 5), min_size=0, max_size=4)))
    root = Region.of(Extent(tuple("abcd"[: len(sizes)]), sizes))
    view = root
    for label, size in zip(root.labels, sizes, strict=True):
        how = draw(st.integers(0, 3))
        if how == 1:
            view = view.at(label, draw(st.integers(0, size - 1)))
        elif how == 2:
            begin, step = draw(st.integers(0, size - 1)), draw(st.sampled_from([1, 2]))
            end = draw(st.integers(begin + 1, size))
            try:
                view = view.range(label, Range(begin, end, step))
            except SliceError:
                view = view.range(label, Range(begin, end))  # No slice has that step; every slice has this one.
    return root, view, draw(st.sampled_from([2, 3, 4, UNLIMITED]))


@given(views())
def test_every_rank_of_a_view_is_reached_once_and_no_other(drawn):
    root, view, limit = drawn
    sizes, selection = routed(view, root, limit, ())

    forwards, delivered, replies, depth = walked(sizes, selection)

    assert delivered == sorted(view.base_ranks())
    assert len(forwards) == len({child for _, child in forwards}), "each node has one parent"
    assert all(child in peers(parent, sizes) for parent, child in forwards)
    assert depth <= len(sizes)
    assert sum(replies.values()) == len(forwards) + len(delivered)
    assert destinations(first_frames(sizes, selection), sizes) == len(delivered)


@given(views(), st.data())
def test_what_a_dead_node_loses_is_what_lies_below_it(drawn, data):
    root, view, limit = drawn
    sizes, selection = routed(view, root, limit, ())
    dead = data.draw(st.integers(0, prod(sizes) - 1))

    reached = walked(sizes, selection, {dead})[1]

    assert set(view.base_ranks()) - set(reached) == set(view.base_ranks()) & set(subtree(dead, sizes))


@given(st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple), st.data())
def test_any_set_of_ranks_can_be_cast_to(sizes, data):
    """Choices that overlap are delivered once."""
    chosen = data.draw(st.sets(st.integers(0, prod(sizes) - 1)))
    ranks = Region.of(Extent(tuple("abc"[: len(sizes)]), sizes)).slice
    twice = Either((of_ranks(ranks, chosen), of_ranks(ranks, chosen)))

    assert walked(sizes, of_ranks(ranks, chosen))[1] == walked(sizes, twice)[1] == sorted(chosen)


@given(st.lists(st.integers(1, 60), max_size=3).map(tuple), st.integers(2, 9))
def test_a_reshaped_mesh_has_the_same_ranks(sizes, limit):
    """No dimension is above the limit, unless it has no divisor within it."""
    found = reshaped(sizes, limit)

    assert prod(found) == prod(sizes)
    assert all(size <= limit or all(size % d for d in range(2, limit + 1)) for size in found)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=4).map(tuple), st.data())
def test_ranks_and_coordinates_are_each_others_inverse(sizes, data):
    rank = data.draw(st.integers(0, prod(sizes) - 1))

    assert rank_of(coords_of(rank, sizes), sizes) == rank
