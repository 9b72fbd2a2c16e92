"""Figures of comparisons: a size, a label and a function that draws each; `meshsim.report.ink` makes the files."""

from __future__ import annotations

import msgspec

from meshsim.report import ink
from meshsim.report.ink import Draw, Look

_LOOK = Look(font_size=8.5, dpi=150, finds_room=True)


class Drawing(msgspec.Struct, frozen=True, kw_only=True):
    """A figure that can be made. `name` is that of its files, `label` is read to the blind and stands below it."""

    name: str
    label: str
    #: Inches.
    size: tuple[float, float]
    draw: Draw


def svg_file(drawing: Drawing) -> str:
    return ink.svg_file(drawing.size, drawing.draw, _LOOK)


def svg_inline(drawing: Drawing) -> str:
    return ink.svg_fragment(drawing.size, drawing.draw, drawing.label, _LOOK)


def png_file(drawing: Drawing) -> bytes:
    return ink.png_file(drawing.size, drawing.draw, _LOOK)
