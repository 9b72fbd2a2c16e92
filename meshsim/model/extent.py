"""Extents, regions and points: the shape of a mesh and the two ways to number its ranks.

Source: mesh_model.md 1.1 to 1.5; supervision.md 1.2 and 1.4. Slices and views come with a later issue.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import prod

import msgspec

from meshsim.model.debug_form import debug_text

_BARE_LABEL = re.compile(r"[A-Za-z0-9_]+\Z")


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
        return (Point(rank=rank, extent=self) for rank in range(self.num_ranks))

    def concat(self, other: Extent) -> Extent:
        """This extent's dimensions, then the other's.

        Raises:
            ExtentError: both have a dimension of the same label.
        """
        for label in other.labels:
            if label in self.labels:
                raise ExtentError(f"overlapping label found: {label}")
        return Extent(labels=self.labels + other.labels, sizes=self.sizes + other.sizes)

    def rank_of_coords(self, coords: tuple[int, ...]) -> int:
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
        return rank

    def point_of_rank(self, rank: int) -> Point:
        """The point at this rank.

        Raises:
            ExtentError: the extent has no such rank.
        """
        if not 0 <= rank < self.num_ranks:
            raise ExtentError(f"out of range: total ranks {self.num_ranks}; does not contain rank {rank}")
        return Point(rank=rank, extent=self)

    def __str__(self) -> str:
        items = ", ".join(f"{_label(label)}: {size}" for label, size in zip(self.labels, self.sizes, strict=True))
        return "{" + items + "}"


class Point(msgspec.Struct, frozen=True):
    """One position of an extent. Points of different extents are never equal."""

    rank: int
    extent: Extent

    @property
    def coords(self) -> tuple[int, ...]:
        rest, coords = self.rank, []
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
            f"{_label(label)}={coord}/{size}"
            for label, coord, size in zip(self.extent.labels, self.coords, self.extent.sizes, strict=True)
        )


class Region(msgspec.Struct, frozen=True):
    """Labels over a strided set of base ranks. Here always dense from rank 0; slices come later."""

    labels: tuple[str, ...]
    offset: int
    sizes: tuple[int, ...]
    strides: tuple[int, ...]

    @classmethod
    def of(cls, extent: Extent) -> Region:
        """The region of a whole mesh: row-major, offset 0."""
        strides: list[int] = []
        stride = 1
        for size in reversed(extent.sizes):
            strides.insert(0, stride)
            stride *= size
        return cls(labels=extent.labels, offset=0, sizes=extent.sizes, strides=tuple(strides))

    @property
    def extent(self) -> Extent:
        return Extent(labels=self.labels, sizes=self.sizes)

    @property
    def num_ranks(self) -> int:
        return prod(self.sizes)

    def base_rank_of(self, rank: int) -> int:
        """The base rank of the element at view rank `rank`."""
        return self._base_rank_at(self.extent.point_of_rank(rank).coords)

    def base_rank_of_point(self, point: Point) -> int:
        """The base rank of a point of this region's own extent.

        Raises:
            ExtentError: a point of some other extent.
        """
        if point.extent != self.extent:
            raise ExtentError(
                "invalid point: this point does not belong to this region: "
                "mismatched extent: p must be a point in this region’s extent"
            )
        return self._base_rank_at(point.coords)

    def point_of_base_rank(self, base_rank: int) -> Point:
        """The point, in this region's own extent, of the element with this base rank.

        Raises:
            ExtentError: the region has no such base rank. The text repeats the rank where a reason was meant.
        """
        coords = self._coords_of(base_rank)
        if coords is None:
            raise ExtentError(
                f"out of range base rank: this base rank {base_rank} does not belong to this region: {base_rank}"
            )
        return self.extent.point_of_rank(self.extent.rank_of_coords(coords))

    def contains_base_rank(self, base_rank: int) -> bool:
        return self._coords_of(base_rank) is not None

    def _base_rank_at(self, coords: tuple[int, ...]) -> int:
        return self.offset + sum(coord * stride for coord, stride in zip(coords, self.strides, strict=True))

    def _coords_of(self, base_rank: int) -> tuple[int, ...] | None:
        """Divide out the strides, largest first: each is a multiple of the next (mesh_model.md 1.4)."""
        rest = base_rank - self.offset
        coords = [0] * len(self.sizes)
        for dimension in sorted(range(len(self.sizes)), key=lambda i: (self.strides[i], self.sizes[i]), reverse=True):
            coords[dimension], rest = divmod(rest, self.strides[dimension])
            if not 0 <= coords[dimension] < self.sizes[dimension]:
                return None
        return tuple(coords) if rest == 0 else None

    def __str__(self) -> str:
        items = ",".join(
            f"{_label(label)}={size}/{stride}"
            for label, size, stride in zip(self.labels, self.sizes, self.strides, strict=True)
        )
        return f"{self.offset}+{items}" if self.offset else items


def ranked_display_name(base: str, point: Point) -> str:
    """Where the point goes into a display name: before the last `>`, or at the end.

    Source: supervision.md 1.4, mesh_model.md 1.3.
    """
    if not point.extent.labels:
        return base
    head, bracket, tail = base.rpartition(">")
    return f"{head}{point.dict_form}>{tail}" if bracket else f"{base}{point.dict_form}"


def _label(label: str) -> str:
    return label if _BARE_LABEL.match(label) else debug_text(label)
