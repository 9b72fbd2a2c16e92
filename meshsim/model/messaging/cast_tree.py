"""Which way a cast goes: from a view to a selection over the root mesh, and from node to node along a tree.

Theory of operation. A cast enters at the origin of the root mesh and goes out dimension by dimension. What is left to
do at a node is a *frame*: where it is, how many dimensions are done, what is selected in the others. A node expands its
frames; those that stay at its own coordinates are expanded further, the others go to the node they name, all frames
for one node in one message. So each node has one parent: the same coordinates with the last one that is not 0 set to 0.

    sizes (2, 2):   (0,0) ──▶ (0,1)          a node that is on the way and not selected relays only
                      └─────▶ (1,0) ──▶ (1,1)

A root mesh is row-major from 0, so that its sizes say it all. The reference visits next hops in hash order; here in
order of root rank.

Source: mesh_model.md 1.7, 4.2 step 3, 4.3, B.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from math import prod

import msgspec

from meshsim.model.shapes.extent import BaseRank
from meshsim.model.shapes.region import Region
from meshsim.model.shapes.selection import Along, Either, Everything, Nothing, Selection, of_ranks, selected_ranks
from meshsim.model.shapes.slice import Range, Slice, SliceError

#: As many steps as there are nodes in the largest mesh that is simulated.
_CACHED = 1 << 17


class Frame(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is left to do at one node: the dimensions from `dimension` on, of which `rest` is selected."""

    here: tuple[int, ...]
    dimension: int
    rest: Selection


class Hop(msgspec.Struct, frozen=True):
    """The frames for one next node, known by its root rank."""

    rank: int
    frames: tuple[Frame, ...]


class Step(msgspec.Struct, frozen=True):
    """What a node does with the frames that it got: deliver to its own actor or not, and pass the rest on."""

    delivers: bool
    hops: tuple[Hop, ...]

    @property
    def replies(self) -> int:
        """How many updates a once port that is split here waits for (mesh_model.md 3.6)."""
        return len(self.hops) + self.delivers


# --- what is selected ---------------------------------------------------------------------------------------


def selection_of(view: Region, root: Region) -> Selection:
    """The ranks of a view, in the coordinates of its root.

    The whole root is everything. A view with the root's dimensions is a range along each; one with fewer, or with
    strides that are no multiples of the root's, is a list of ranks.

    Raises:
        SliceError: a range reaches too far beyond its dimension, as steps from 3 on can. The reference looks at where
            the range would go on, not at its last rank; dimensions are looked at from the last to the first.
    """
    if (view.offset, view.sizes, view.strides) == (root.offset, root.sizes, root.strides):
        return Everything()
    if view.num_ranks == 0:
        return Nothing()
    base = root.slice
    aligned = len(view.sizes) == len(root.sizes) and all(map(int.__le__, view.sizes, root.sizes))
    if not aligned or any(own % step for own, step in zip(view.strides, root.strides, strict=True)):
        return of_ranks(base, view.base_ranks())
    origin = base.coordinates(view.offset)
    selection: Selection = Everything()
    for dimension in reversed(range(base.dimensions)):
        step = view.strides[dimension] // root.strides[dimension]
        end = origin[dimension] + step * view.sizes[dimension]
        if end - 1 > root.sizes[dimension]:
            beyond = (*origin[:dimension], end, *origin[dimension + 1 :])
            raise SliceError(f"value {base.location(beyond)} not in slice")
        selection = Along(Range(origin[dimension], end, step), selection)
    return selection


def reshaped(sizes: tuple[int, ...], limit: int) -> tuple[int, ...]:
    """The sizes of a mesh, split so that none is above `limit` if that can be; one dimension of 1 if there is none.

    Each is divided by its largest divisor within the limit, again and again; what has none stays, as primes do.
    """
    return tuple(factor for size in sizes for factor in _factors(size, limit)) or (1,)


def _factors(size: int, limit: int) -> Iterator[int]:
    while size > limit:
        divisor = next((d for d in range(limit, 1, -1) if size % d == 0), size)
        yield divisor
        size //= divisor
        if size == 1:
            return
    yield size


@lru_cache(maxsize=1 << 10)
def routed(view: Region, root: Region, limit: int, without: tuple[int, ...]) -> tuple[tuple[int, ...], Selection]:
    """Sizes of the tree and what is selected in it, for a cast to a view but for some of its view ranks.

    Raises:
        SliceError: as `selection_of`.
    """
    sizes = reshaped(root.sizes, limit)
    if without:
        chosen = (rank for index, rank in enumerate(view.base_ranks()) if index not in without)
        return sizes, of_ranks(Slice.row_major(sizes), chosen)
    selection = selection_of(view, root)
    if sizes == root.sizes or isinstance(selection, (Everything, Nothing)):
        return sizes, selection
    return sizes, of_ranks(Slice.row_major(sizes), selected_ranks(selection, root.slice))


# --- the way ------------------------------------------------------------------------------------------------


def first_frames(sizes: tuple[int, ...], selection: Selection) -> tuple[Frame, ...]:
    """What the origin begins with."""
    return (Frame((0,) * len(sizes), 0, selection),)


@lru_cache(maxsize=_CACHED)
def next_step(frames: tuple[Frame, ...], sizes: tuple[int, ...]) -> Step:
    """What the node does that these frames are for: all of them are at its coordinates."""
    here = frames[0].here
    hops: dict[tuple[int, ...], dict[Frame, None]] = {}
    delivers = False
    waiting = list(reversed(frames))
    while waiting:
        frame = waiting.pop()
        assert frame.here[: frame.dimension] == here[: frame.dimension], "frames of one node"
        if frame.dimension == len(sizes):
            delivers = delivers or not isinstance(frame.rest, Nothing)
            continue
        for inner in _expanded(frame, sizes):
            if inner.here == here:
                waiting.append(inner)
            else:
                hops.setdefault(inner.here, {})[inner] = None
    by_rank = sorted((rank_of(coords, sizes), tuple(found)) for coords, found in hops.items())
    return Step(delivers, tuple(Hop(rank, found) for rank, found in by_rank))


def _expanded(frame: Frame, sizes: tuple[int, ...]) -> Iterator[Frame]:
    """One frame for each selected index of the frame's dimension."""
    match frame.rest:
        case Nothing():
            return
        case Either(choices=choices):
            for choice in choices:
                yield from _expanded(Frame(frame.here, frame.dimension, choice), sizes)
        case Everything() as rest:
            yield from _along(frame, range(sizes[frame.dimension]), rest)
        case Along(range=chosen, rest=rest):
            size = sizes[frame.dimension]
            end = size if chosen.end is None else min(chosen.end, size)
            yield from _along(frame, range(chosen.begin, end, chosen.step), rest)


def _along(frame: Frame, indices: Iterable[int], rest: Selection) -> Iterator[Frame]:
    before, after = frame.here[: frame.dimension], frame.here[frame.dimension + 1 :]
    for index in indices:
        yield Frame((*before, index, *after), frame.dimension + 1, rest)


@lru_cache(maxsize=_CACHED)
def destinations(frames: tuple[Frame, ...], sizes: tuple[int, ...]) -> int:
    """How many ranks these frames deliver to, at this node and below."""
    step = next_step(frames, sizes)
    return step.delivers + sum(destinations(hop.frames, sizes) for hop in step.hops)


# --- the tree -----------------------------------------------------------------------------------------------


def rank_of(coords: tuple[int, ...], sizes: tuple[int, ...]) -> int:
    rank = 0
    for coord, size in zip(coords, sizes, strict=True):
        rank = rank * size + coord
    return rank


def coords_of(rank: int, sizes: tuple[int, ...]) -> tuple[int, ...]:
    coords: list[int] = []
    for size in reversed(sizes):
        rank, coord = divmod(rank, size)
        coords.append(coord)
    return tuple(reversed(coords))


def peers(rank: int, sizes: tuple[int, ...]) -> list[int]:
    """Every node that this one may ever pass a cast on to, ascending: its next hops when everything is selected."""
    return [rank_of(coords, sizes) for coords in sorted(_children(coords_of(rank, sizes), sizes))]


def _children(coords: tuple[int, ...], sizes: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    for dimension in range(_expanded_before(coords), len(sizes)):
        for index in range(1, sizes[dimension]):
            yield (*coords[:dimension], index, *coords[dimension + 1 :])


def subtree(rank: int, sizes: tuple[int, ...]) -> list[BaseRank]:
    """What a cast loses when this node is dead: every rank that agrees with it up to its last coordinate but 0."""
    coords = coords_of(rank, sizes)
    done = _expanded_before(coords)
    first = rank_of(coords, sizes)
    return [BaseRank(first + below) for below in range(prod(sizes[done:]))]


def _expanded_before(coords: tuple[int, ...]) -> int:
    """The dimension at which a node of a full cast begins to expand: the one after its last coordinate but 0."""
    return max((dimension + 1 for dimension, coord in enumerate(coords) if coord), default=0)
