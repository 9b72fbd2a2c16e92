"""Views: what every ranked collection can do, given how to cut itself to a region.

Source: mesh_model.md 1.6.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Generic, TypeVar

from meshsim.model.shapes.extent import Extent, Point, ViewRank
from meshsim.model.shapes.region import Region
from meshsim.model.shapes.slice import Range

if TYPE_CHECKING:
    from typing import Self

    from meshsim.model.shapes.region import Cut

T_co = TypeVar("T_co", covariant=True)


class View(Generic[T_co]):
    """A region and one item for each of its view ranks. Subclasses say how to get one and how to keep some."""

    __slots__ = ()

    @property
    def region(self) -> Region:
        raise NotImplementedError

    def get(self, rank: ViewRank) -> T_co | None:
        """The item at a view rank; none beyond the last one."""
        raise NotImplementedError

    def sliced(self, region: Region) -> Self:
        """The items of a region that is known to be a subset."""
        raise NotImplementedError

    def values(self) -> Iterator[T_co]:
        """Items in order of view rank."""
        raise NotImplementedError

    @property
    def extent(self) -> Extent:
        return self.region.extent

    @property
    def labels(self) -> tuple[str, ...]:
        return self.region.labels

    def subset(self, region: Region) -> Self:
        """The items of a region.

        Raises:
            ViewError: this view does not have all of it.
        """
        return self.sliced(self.region.subset(region))

    def range(self, label: str, selected: Range | int) -> Self:
        """One dimension narrowed and kept; errors as `Region.range`."""
        return self.sliced(self.region.range(label, selected))

    def at(self, label: str, index: int) -> Self:
        """One index of a dimension, which goes away; errors as `Region.at`."""
        return self.sliced(self.region.at(label, index))

    def group_by(self, label: str) -> Iterator[Self]:
        """A view for each index of the dimensions before this one; errors as `Region.group_by`."""
        return map(self.sliced, self.region.group_by(label))

    def slice(self, **dimensions: Cut) -> Self:
        """As Python users slice a mesh: an integer removes its dimension; errors as `Region.cut`."""
        return self.sliced(self.region.cut(dimensions))

    def __iter__(self) -> Iterator[tuple[Point, T_co]]:
        """Each item with its point in this view's own extent, in order of view rank."""
        return zip(self.extent.points(), self.values(), strict=True)
