"""Extents and points: the shape of a mesh, and the two ways to number its ranks.

Source: mesh_model.md 1.1 to 1.3; supervision.md 1.2 and 1.4.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import prod
from typing import NewType

import msgspec

from meshsim.model.debug_form import debug_text

_BARE_LABEL = re.compile(r"[A-Za-z0-9_]+\Z")


#: Rank in the mesh as first created ("create rank", "root rank"): what a region's slice yields. Slicing keeps it.
BaseRank = NewType("BaseRank", int)
#: Position inside the current region, row-major over its own sizes: 0, 1, 2, ... in every view.
ViewRank = NewType("ViewRank", int)


class ExtentError(ValueError):
    """A shape that cannot be; the text is the reference's."""


class Extent(msgspec.Struct, frozen=True):
    """Ordered (label, size) pairs. No dimension at all is exactly one rank."""

    labels: tuple[str, ...]
    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.sizes):
            raise ExtentError(f"label/sizes dimension mismatch: {len(self.labels)} != {len(self.sizes)}")

    @classmethod
    def of(cls, pairs: tuple[tuple[str, int], ...]) -> Extent:
        return cls(labels=tuple(label for label, _ in pairs), sizes=tuple(size for _, size in pairs))

    @property
    def num_ranks(self) -> int:
        return prod(self.sizes)

    def position(self, label: str) -> int | None:
        """Index of the dimension with this label: the first one, if a label occurs twice."""
        return self.labels.index(label) if label in self.labels else None

    def size(self, label: str) -> int | None:
        position = self.position(label)
        return None if position is None else self.sizes[position]

    def points(self) -> Iterator[Point]:
        """Every point in order of rank."""
        return (Point(rank=ViewRank(rank), extent=self) for rank in range(self.num_ranks))

    def concat(self, other: Extent) -> Extent:
        """This extent's dimensions, then the other's.

        Raises:
            ExtentError: both have a dimension of the same label.
        """
        for label in other.labels:
            if label in self.labels:
                raise ExtentError(f"overlapping label found: {label}")
        return Extent(labels=self.labels + other.labels, sizes=self.sizes + other.sizes)

    def rank_of_coords(self, coords: tuple[int, ...]) -> ViewRank:
        """Row-major rank: the last dimension varies fastest.

        Raises:
            ExtentError: not one coordinate for each dimension, or one that its dimension does not have; of several
                the innermost is named.
        """
        if len(coords) != len(self.sizes):
            raise ExtentError(f"dimension mismatch: expected {len(self.sizes)}, got {len(coords)}")
        rank, stride = 0, 1
        for coord, size in zip(reversed(coords), reversed(self.sizes), strict=True):
            if not 0 <= coord < size:
                raise ExtentError(f"out of range: dim size {size}; does not contain index {coord}")
            rank += coord * stride
            stride *= size
        return ViewRank(rank)

    def point_of_rank(self, rank: ViewRank) -> Point:
        """The point at this rank.

        Raises:
            ExtentError: the extent has no such rank.
        """
        if not 0 <= rank < self.num_ranks:
            raise ExtentError(f"out of range: total ranks {self.num_ranks}; does not contain rank {rank}")
        return Point(rank=rank, extent=self)

    def __str__(self) -> str:
        items = ", ".join(f"{label_text(label)}: {size}" for label, size in zip(self.labels, self.sizes, strict=True))
        return "{" + items + "}"


class Point(msgspec.Struct, frozen=True):
    """One position of an extent. Points of different extents are never equal."""

    rank: ViewRank
    extent: Extent

    @property
    def coords(self) -> tuple[int, ...]:
        rest: int = self.rank
        coords: list[int] = []
        for size in reversed(self.extent.sizes):
            rest, coord = divmod(rest, size)
            coords.append(coord)
        return tuple(reversed(coords))

    @property
    def dict_form(self) -> str:
        """The form that display names use: `{'hosts': 1/2, 'gpus': 0/8}`."""
        items = (
            f"'{label}': {coord}/{size}"
            for label, coord, size in zip(self.extent.labels, self.coords, self.extent.sizes, strict=True)
        )
        return "{" + ", ".join(items) + "}"

    def __str__(self) -> str:
        return ",".join(
            f"{label_text(label)}={coord}/{size}"
            for label, coord, size in zip(self.extent.labels, self.coords, self.extent.sizes, strict=True)
        )


def ranked_display_name(base: str, point: Point) -> str:
    """Where the point goes into a display name: before the last `>`, or at the end.

    Source: supervision.md 1.4, mesh_model.md 1.3.
    """
    if not point.extent.labels:
        return base
    head, bracket, tail = base.rpartition(">")
    return f"{head}{point.dict_form}>{tail}" if bracket else f"{base}{point.dict_form}"


def label_text(label: str) -> str:
    """Bare when made of letters, digits and underscores alone, else quoted and escaped."""
    return label if _BARE_LABEL.match(label) else debug_text(label)
