"""One drawing, three ways: SVG for a page with light and dark colours, SVG as a file, PNG. The same bytes each time.

A drawing is a function that fills a matplotlib figure and asks `Ink` for its colours. matplotlib is imported when
something is drawn, not before.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

import msgspec

from meshsim.report.ink import PALETTE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Colour of a name in `PALETTE`.
Ink = Callable[[str], str]

#: matplotlib settings that decide the bytes.
_SETTINGS: Any = {
    "svg.hashsalt": "meshsim",
    "svg.fonttype": "none",
    "font.family": ["DejaVu Sans"],
    "font.size": 8.5,
    "path.simplify": False,
}
_DPI = 150


class Drawing(msgspec.Struct, frozen=True, kw_only=True):
    """A figure that can be made. `name` is that of its files, `label` is read to the blind and stands below it."""

    name: str
    label: str
    #: Inches.
    size: tuple[float, float]
    draw: Callable[[Figure, Ink], None]


def svg_file(drawing: Drawing) -> str:
    """A file of its own: light colours on white."""
    svg = _made(drawing, _placeholder, "svg").decode()
    for placeholder, light, _ in PALETTE.values():
        svg = svg.replace(placeholder, light)
    return svg


def svg_inline(drawing: Drawing) -> str:
    """A fragment for a page that brings the colours (`figure.css_variables`)."""
    body = _made(drawing, _placeholder, "svg").decode()
    body = body[body.index("<svg") :]
    svg_tag = rf'<svg role="img" aria-label="{escape(drawing.label)}" \1>'
    body = re.sub(r'^<svg[^>]* (viewBox="[^"]*")[^>]*>', lambda found: found.expand(svg_tag), body)
    # Ids of groups repeat from figure to figure; those of clips and markers are hashes of what they name.
    body = re.sub(r' id="[A-Za-z.0-9]+_\d+"', "", body)
    for name, (placeholder, _, _) in PALETTE.items():
        # `var()` is for style sheets: attributes become styles.
        body = re.sub(rf'(fill|stroke)="{placeholder}"', rf'style="\1: var(--{name})"', body)
        body = body.replace(placeholder, f"var(--{name})")
    return body


def png_file(drawing: Drawing) -> bytes:
    """A picture: light colours on white. The bytes are those of one version of matplotlib."""
    return _made(drawing, lambda name: PALETTE[name][1], "png")


def _placeholder(name: str) -> str:
    return PALETTE[name][0]


def _made(drawing: Drawing, ink: Ink, kind: str) -> bytes:
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=drawing.size, layout="constrained")
        FigureCanvasAgg(figure)
        drawing.draw(figure, ink)
        out = io.BytesIO()
        blank = {"svg": ("Date", "Creator", "Format", "Type"), "png": ("Software",)}[kind]
        figure.savefig(out, format=kind, dpi=_DPI, facecolor=ink("page"), metadata=dict.fromkeys(blank))
    return out.getvalue()
