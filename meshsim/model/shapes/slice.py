"""Slices: strided hyper-rectangles of non-negative integers, and ranges along one dimension.

n is the number of dimensions in the costs below.

Source: mesh_model.md 1.1 and 1.4.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod

import msgspec

from meshsim.model.shapes.extent import ExtentError


class SliceError(ExtentError):
    """A slice that cannot be, or a value that is not in one; the text is the reference's."""


class Range(msgspec.Struct, frozen=True):
    """Half-open selection along one dimension; without an end it goes to the end of the dimension."""

    begin: int
    end: int | None = None
    step: int = 1

    @classmethod
    def at(cls, index: int) -> Range:
        """One index; the dimension stays."""
        return cls(index, index + 1)

    @classmethod
    def inclusive(cls, begin: int, last: int) -> Range:
        return cls(begin, last + 1)

    def __str__(self) -> str:
        return f"{self.begin}:{'' if self.end is None else self.end}:{self.step}"


class Slice(msgspec.Struct, frozen=True):
    """Offset, sizes and strides. The constructor trusts its arguments; `checked` does not."""

    offset: int
    sizes: tuple[int, ...]
    strides: tuple[int, ...]

    @classmethod
    def checked(cls, offset: int, sizes: tuple[int, ...], strides: tuple[int, ...]) -> Slice:
        """A slice that fulfils the validity rules. O(n log n).

        Dimensions are looked at in order of (stride, size), and the first violation is the error. A stride equal to
        the space below it is legal, whatever the text says.

        Raises:
            SliceError: the dimensions do not nest without overlap.
        """
        if len(sizes) != len(strides):
            raise SliceError(f"invalid dims: expected {len(sizes)}, got {len(strides)}")
        stride_before, size_before = 1, 1
        for stride, size in sorted(zip(strides, sizes, strict=True)):
            if stride % stride_before:
                raise SliceError("nonrectangular shape")
            if stride == stride_before and size != 1 and size_before != 1:
                raise SliceError("nonunique strides")
            space = stride_before * size_before
            if stride < space:
                raise SliceError(f"stride {stride} must be larger than size of previous space {space}")
            stride_before, size_before = stride, size
        return cls(offset, sizes, strides)

    @classmethod
    def row_major(cls, sizes: tuple[int, ...]) -> Slice:
        """Dense from 0, the last dimension varying fastest. O(n). Not checked: below a size of 0 strides are 0."""
        strides: list[int] = []
        stride = 1
        for size in reversed(sizes):
            strides.insert(0, stride)
            stride *= size
        return cls(0, sizes, tuple(strides))

    @property
    def dimensions(self) -> int:
        return len(self.sizes)

    def at(self, dimension: int, index: int) -> Slice:
        """One index of a dimension, which goes away. O(n log n).

        Raises:
            SliceError: no such dimension or index.
        """
        if not 0 <= dimension < self.dimensions:
            raise SliceError(f"dimension {dimension} out of range for {self.dimensions}-dimensional slice")
        if not 0 <= index < self.sizes[dimension]:
            raise SliceError(f"index {index} out of range {self.sizes[dimension]}")
        return Slice.checked(
            self.offset + index * self.strides[dimension],
            _without(self.sizes, dimension),
            _without(self.strides, dimension),
        )

    def select(self, dimension: int, begin: int, end: int, step: int = 1) -> Slice:
        """Every `step`-th index from `begin` up to `end`; the dimension stays. O(n log n).

        The end is not clipped to the size: views clip it first. A step that does not divide what lies above it makes
        a slice that cannot be.

        Raises:
            SliceError: no such dimension, a begin outside it, nothing selected, or an invalid result.
        """
        assert step > 0, "a step is positive; the reference panics"
        if not 0 <= dimension < self.dimensions:
            raise SliceError(f"index {dimension} out of range {self.dimensions}")
        if not 0 <= begin < self.sizes[dimension]:
            raise SliceError(f"index {begin} out of range {self.sizes[dimension]}")
        if end <= begin:
            raise SliceError(f"empty range: {begin}..{end} (step {step})")
        return Slice.checked(
            self.offset + begin * self.strides[dimension],
            _with(self.sizes, dimension, -(-(end - begin) // step)),
            _with(self.strides, dimension, self.strides[dimension] * step),
        )

    def location(self, coords: tuple[int, ...]) -> int:
        """The value at these coordinates. O(n). Coordinates are not held to the sizes.

        Raises:
            SliceError: not one coordinate for each dimension.
        """
        if len(coords) != self.dimensions:
            raise SliceError(f"invalid dims: expected {self.dimensions}, got {len(coords)}")
        return self.offset + sum(coord * stride for coord, stride in zip(coords, self.strides, strict=True))

    def coordinates(self, value: int) -> tuple[int, ...]:
        """Inverse of `location`: strides are divided out, the largest first. O(n log n).

        Raises:
            SliceError: the value is not in the slice.
        """
        coords = self._coordinates(value)
        if coords is None:
            raise SliceError(f"value {value} not in slice")
        return coords

    def index(self, value: int) -> int:
        """Position of a value in row-major order. O(n log n).

        Raises:
            SliceError: the value is not in the slice.
        """
        index = 0
        for coord, size in zip(self.coordinates(value), self.sizes, strict=True):
            index = index * size + coord
        return index

    def get(self, index: int) -> int:
        """The value at a position in row-major order. O(n).

        Raises:
            SliceError: there is no such position.
            ZeroDivisionError: a size is 0; the reference panics.
        """
        value, rest = self.offset, index
        for size, stride in zip(reversed(self.sizes), reversed(self.strides), strict=True):
            rest, coord = divmod(rest, size)
            value += coord * stride
        if rest:
            raise SliceError(f"index {index} out of range {len(self)}")
        return value

    def _coordinates(self, value: int) -> tuple[int, ...] | None:
        if 0 in self.sizes:
            return None
        rest = value - self.offset
        coords = [0] * self.dimensions
        for dimension in sorted(range(self.dimensions), key=lambda i: (self.strides[i], self.sizes[i]), reverse=True):
            coords[dimension], rest = divmod(rest, self.strides[dimension])
            if not 0 <= coords[dimension] < self.sizes[dimension]:
                return None
        return tuple(coords) if rest == 0 else None

    def __contains__(self, value: int) -> bool:
        return self._coordinates(value) is not None

    def __len__(self) -> int:
        return prod(self.sizes)

    def __iter__(self) -> Iterator[int]:
        """Values in row-major order of their coordinates: not ascending when strides are transposed."""
        for coords in product(*map(range, self.sizes)):
            yield self.location(coords)


def _without(items: tuple[int, ...], position: int) -> tuple[int, ...]:
    return items[:position] + items[position + 1 :]


def _with(items: tuple[int, ...], position: int, item: int) -> tuple[int, ...]:
    return (*items[:position], item, *items[position + 1 :])
