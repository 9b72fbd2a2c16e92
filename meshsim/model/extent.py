"""Extents, regions and points: the shape of a mesh and the two ways to number its ranks.

Source: mesh_model.md 1.1 to 1.5; supervision.md 1.2 and 1.4. Slices and views come with a later issue.
"""

from __future__ import annotations

import re
from math import prod

import msgspec

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
        """Row-major rank: the last dimension varies fastest."""
        if len(coords) != len(self.sizes):
            raise ExtentError(f"dimension mismatch: expected {len(self.sizes)}, got {len(coords)}")
        rank, stride = 0, 1
        for coord, size in zip(reversed(coords), reversed(self.sizes), strict=True):
            if coord >= size:
                raise ExtentError(f"out of range: dim size {size}; does not contain index {coord}")
            rank += coord * stride
            stride *= size
        return rank

    def point_of_rank(self, rank: int) -> Point:
        if rank >= self.num_ranks:
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
        coords = self.extent.point_of_rank(rank).coords
        return self.offset + sum(c * s for c, s in zip(coords, self.strides, strict=True))

    def contains_base_rank(self, base_rank: int) -> bool:
        return any(self.base_rank_of(rank) == base_rank for rank in range(self.num_ranks))

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
    items = ", ".join(
        f"'{label}': {coord}/{size}"
        for label, coord, size in zip(point.extent.labels, point.coords, point.extent.sizes, strict=True)
    )
    head, bracket, tail = base.rpartition(">")
    place = "{" + items + "}"
    return f"{head}{place}>{tail}" if bracket else f"{base}{place}"


def _label(label: str) -> str:
    if _BARE_LABEL.match(label):
        return label
    return '"' + label.replace("\\", "\\\\").replace('"', '\\"') + '"'
