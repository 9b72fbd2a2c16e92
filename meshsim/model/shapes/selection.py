"""Selections: which ranks of a slice a cast is for, dimension by dimension.

Meshes cast to everything or to an explicit set of ranks; only that much of the reference's algebra is here. A selection
that ends before the last dimension selects all of the rest.

Source: mesh_model.md 1.7.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias, Union

import msgspec

from meshsim.model.shapes.extent import BaseRank
from meshsim.model.shapes.slice import Range, Slice


class Nothing(msgspec.Struct, frozen=True, tag=True):
    """No rank at all."""


class Everything(msgspec.Struct, frozen=True, tag=True):
    """All that is left, in however many dimensions."""


class Along(msgspec.Struct, frozen=True, tag=True):
    """A range of this dimension, then the rest."""

    range: Range
    rest: Selection


class Either(msgspec.Struct, frozen=True, tag=True):
    """What any of them selects, each rank once."""

    choices: tuple[Selection, ...]


Selection: TypeAlias = Union[Nothing, Everything, Along, Either]


def of_ranks(ranks: Slice, chosen: Iterable[BaseRank]) -> Selection:
    """Exactly these base ranks: one choice for each, in ascending order. O(n log n) for each of them.

    Raises:
        SliceError: the slice has no such rank.
    """
    choices: list[Selection] = []
    for base_rank in sorted(set(chosen)):
        selection: Selection = Everything()
        for coord in reversed(ranks.coordinates(base_rank)):
            selection = Along(Range.at(coord), selection)
        choices.append(selection)
    if len(choices) < 2:
        return choices[0] if choices else Nothing()
    return Either(tuple(choices))


def selected_ranks(selection: Selection, ranks: Slice) -> list[BaseRank]:
    """The base ranks that a selection picks from a slice, ascending. O(number of ranks) for each choice."""
    found = {ranks.location(coords) for coords in _coordinates(selection, ranks.sizes)}
    return [BaseRank(base_rank) for base_rank in sorted(found)]


def selection_text(selection: Selection) -> str:
    """As a reader of the reference knows it: `*`, `0:1,2:3`, `(0:1)|(2:3)`."""
    match selection:
        case Nothing():
            return ""
        case Everything():
            return "*"
        case Along(range=chosen, rest=Everything()):
            return _range_text(chosen)
        case Along(range=chosen, rest=rest):
            return f"{_range_text(chosen)},{selection_text(rest)}"
        case Either(choices=choices):
            return "|".join(f"({selection_text(choice)})" for choice in choices)


def _range_text(chosen: Range) -> str:
    end = "" if chosen.end is None else str(chosen.end)
    return f"{chosen.begin}:{end}" + (f":{chosen.step}" if chosen.step != 1 else "")


def _coordinates(selection: Selection, sizes: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    match selection:
        case Nothing():
            return
        case Everything() if not sizes:
            yield ()
        case Everything():
            yield from _coordinates(Along(Range(0), selection), sizes)
        case Along(range=chosen, rest=rest):
            end = sizes[0] if chosen.end is None else min(chosen.end, sizes[0])
            for coord in range(chosen.begin, end, chosen.step):
                yield from ((coord, *others) for others in _coordinates(rest, sizes[1:]))
        case Either(choices=choices):
            for choice in choices:
                yield from _coordinates(choice, sizes)
