"""Regions: the base ranks that a mesh covers, under labels; and how one is cut out of another.

A region is a slice with a label for each dimension. View ranks number its elements from 0, row-major over its own
sizes; base ranks are what the slice yields. `remap` is the one step from one numbering to another.

Source: mesh_model.md 1.5 and 1.6.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from meshsim.model.shapes.extent import BaseRank, Extent, ExtentError, Point, ViewRank, label_text
from meshsim.model.shapes.slice import Range, Slice

if TYPE_CHECKING:
    #: One index of a dimension, which then goes away, or several.
    Cut: TypeAlias = int | slice[int | None, int | None, int | None]


class ViewError(ExtentError):
    """A view that cannot be; the text is the reference's."""


class Region(msgspec.Struct, frozen=True):
    """Labels over a strided set of base ranks. No dimension at all is the single base rank `offset`."""

    labels: tuple[str, ...]
    offset: int
    sizes: tuple[int, ...]
    strides: tuple[int, ...]

    @classmethod
    def of(cls, extent: Extent) -> Region:
        """The region of a whole mesh: row-major, offset 0."""
        return cls.over(extent.labels, Slice.row_major(extent.sizes))

    @classmethod
    def over(cls, labels: tuple[str, ...], ranks: Slice) -> Region:
        """A slice under labels.

        Raises:
            ExtentError: not one label for each dimension.
        """
        if len(labels) != ranks.dimensions:
            raise ExtentError(f"label/sizes dimension mismatch: {len(labels)} != {ranks.dimensions}")
        return cls(labels, ranks.offset, ranks.sizes, ranks.strides)

    @property
    def slice(self) -> Slice:
        return Slice(self.offset, self.sizes, self.strides)

    @property
    def extent(self) -> Extent:
        return Extent(labels=self.labels, sizes=self.sizes)

    @property
    def num_ranks(self) -> int:
        return prod(self.sizes)

    def base_ranks(self) -> Iterator[BaseRank]:
        """Base ranks in order of view rank."""
        return map(BaseRank, self.slice)

    # --- one element ------------------------------------------------------------------------------------------

    def base_rank_of(self, rank: ViewRank) -> BaseRank:
        """The base rank of the element at view rank `rank`.

        Raises:
            ExtentError: the region has no such view rank.
        """
        return BaseRank(self.slice.location(self.extent.point_of_rank(rank).coords))

    def base_rank_of_point(self, point: Point) -> BaseRank:
        """The base rank of a point of this region's own extent.

        Raises:
            ExtentError: a point of some other extent.
        """
        if point.extent != self.extent:
            raise ExtentError(
                "invalid point: this point does not belong to this region: "
                "mismatched extent: p must be a point in this region’s extent"
            )
        return BaseRank(self.slice.location(point.coords))

    def point_of_base_rank(self, base_rank: BaseRank) -> Point:
        """The point, in this region's own extent, of the element with this base rank.

        Raises:
            ExtentError: the region has no such base rank. The text repeats the rank where a reason was meant.
        """
        ranks = self.slice
        if base_rank not in ranks:
            raise ExtentError(
                f"out of range base rank: this base rank {base_rank} does not belong to this region: {base_rank}"
            )
        return Point(ViewRank(ranks.index(base_rank)), self.extent)

    def contains_base_rank(self, base_rank: BaseRank) -> bool:
        return base_rank in self.slice

    # --- another region ---------------------------------------------------------------------------------------

    def is_subset(self, other: Region) -> bool:
        """Whether `other` has every base rank of this region. O(len(self) + len(other)).

        Labels and dimensions do not matter. Both are walked once in their own order: a region whose order is not
        ascending (transposed strides) can make this a wrong no.
        """
        return other.remap(self) is not None

    def remap(self, target: Region) -> list[ViewRank] | None:
        """For each element of `target`, in its order, the view rank that it has here; none unless a subset.

        What slices any ranked collection. O(len(self) + len(target)), which is O(len(self)) for a subset.
        """
        ranks: list[ViewRank] = []
        here = enumerate(self.slice)
        rank, base_rank = -1, -1
        for wanted in target.slice:
            while base_rank < wanted:
                rank, base_rank = next(here, (-1, -1))
                if rank < 0:
                    return None
            if base_rank != wanted:
                return None
            ranks.append(ViewRank(rank))
        return ranks

    def subset(self, selected: Region) -> Region:
        """`selected`, if this region has all of it.

        Raises:
            ViewError: it has not. The text ends with a blank.
        """
        if not selected.is_subset(self):
            raise ViewError(f"invalid range: selected ranks {selected} not a subset of base {self} ")
        return selected

    # --- a part of this one -----------------------------------------------------------------------------------

    def range(self, label: str, selected: Range | int) -> Region:
        """Narrow one dimension and keep it; an index is a range of one. The end is clipped, the begin is not.

        Raises:
            ViewError: no such dimension, or nothing selected.
            SliceError: a step whose ranks no slice can express.
        """
        dimension = self._dimension(label)
        chosen = Range.at(selected) if isinstance(selected, int) else selected
        assert chosen.step > 0, "a step is positive; the reference panics"
        size = self.sizes[dimension]
        end = size if chosen.end is None else min(chosen.end, size)
        if end <= chosen.begin:
            raise ViewError(f"empty range: {chosen} for dimension {label} of size {size}")
        return Region.over(self.labels, self.slice.select(dimension, chosen.begin, end, chosen.step))

    def at(self, label: str, index: int) -> Region:
        """One index of a dimension, which goes away.

        Raises:
            ViewError: no such dimension.
            SliceError: no such index.
        """
        dimension = self._dimension(label)
        labels = self.labels[:dimension] + self.labels[dimension + 1 :]
        return Region.over(labels, self.slice.at(dimension, index))

    def group_by(self, label: str) -> Iterator[Region]:
        """One region for each index of the dimensions before this one; each has this dimension and those after it.

        Raises:
            ViewError: no such dimension.
        """
        dimension = self._dimension(label)
        inner = self.labels[dimension:], self.sizes[dimension:], self.strides[dimension:]
        outer = Slice(self.offset, self.sizes[:dimension], self.strides[:dimension])
        return (Region(inner[0], offset, inner[1], inner[2]) for offset in outer)

    def cut(self, dimensions: Mapping[str, Cut]) -> Region:
        """As Python users slice a mesh: an integer removes its dimension, a slice keeps it.

        Raises:
            TypeError: no such dimension.
            IndexError: an integer that the dimension does not have; negative ones, too.
            SliceError: nothing selected, or ranks that no slice can express.
        """
        region = self
        for label, chosen in dimensions.items():
            dimension = region.extent.position(label)
            if dimension is None:
                raise TypeError(f"Shape does not have dimension labeled '{label}'")
            size = region.sizes[dimension]
            if isinstance(chosen, int):
                if not 0 <= chosen < size:
                    raise IndexError("index out of range")
                region = region.at(label, chosen)
            else:
                begin, end, step = chosen.start or 0, chosen.stop, 1 if chosen.step is None else chosen.step
                end = size if end is None else min(end, size)
                region = Region.over(region.labels, region.slice.select(dimension, begin, end, step))
        return region

    def _dimension(self, label: str) -> int:
        if label not in self.labels:
            raise ViewError(f"no such dimension: {label}")
        return self.labels.index(label)

    def __str__(self) -> str:
        items = ",".join(
            f"{label_text(label)}={size}/{stride}"
            for label, size, stride in zip(self.labels, self.sizes, self.strides, strict=True)
        )
        return f"{self.offset}+{items}" if self.offset else items
