"""How a file says which part of a mesh it means, and what that part is.

Source: mesh_model.md 1.6.
"""

from __future__ import annotations

import re

from meshsim.model.shapes.extent import ExtentError
from meshsim.model.shapes.region import Region
from meshsim.model.shapes.slice import Range
from meshsim.scenario.errors import ScenarioError
from meshsim.scenario.schema import Slice, SliceOp

_RANGE = re.compile(r"(\d{1,9})(?:\.\.(=?)(\d{1,9})?|:(\d{0,9})(?::([1-9]\d{0,8}))?)\Z", re.ASCII)


class RangeTextError(ValueError):
    """A text that names no range."""


def parse_range(text: str) -> Range:
    """Ranks of one dimension: `3` (which keeps the dimension), `2..4`, `1..`, `0..=3`, `0:8:2`, `1::3`.

    Raises:
        RangeTextError: none of these.
    """
    if text.isdecimal() and text.isascii() and len(text) < 10:
        return Range.at(int(text))
    match = _RANGE.match(text)
    if match is None or (match[2] and match[3] is None):
        raise RangeTextError(text)
    begin, inclusive, last, end, step = match.groups()
    if inclusive:
        return Range.inclusive(int(begin), int(last))
    bound = last if end is None else end
    return Range(int(begin), int(bound) if bound else None, int(step or 1))


def cut(region: Region, chosen: Slice | SliceOp) -> Region:
    """The part of a region that a file asks for: first the ranges, then the indices, as they are written.

    Raises:
        ExtentError: the region has no such part; the text is the reference's.
        RangeTextError: a range is none.
    """
    for label, text in chosen.range.items():
        region = region.range(label, parse_range(text))
    for label, index in chosen.index.items():
        region = region.at(label, index)
    return region


def checked_cut(region: Region, chosen: Slice | SliceOp, key: str) -> Region:
    """As `cut`, for a file that is being read.

    Raises:
        ScenarioError: there is no such part, or nothing is chosen at all.
    """
    if not chosen.range and not chosen.index:
        raise ScenarioError(key, "expected range or index: nothing is chosen")
    try:
        return cut(region, chosen)
    except RangeTextError as error:
        message = 'expected a range such as "2..4", "1..", "0..=3" or "0:8:2"'
        raise ScenarioError(f"{key}.range", message, value=str(error)) from None
    except ExtentError as error:
        raise ScenarioError(key, str(error)) from None
