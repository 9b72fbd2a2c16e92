"""Colours of figures, and figures as files: the same bytes for the same drawing.

Colours go through matplotlib as place-holders that are then replaced by `var(--…)`, so that one drawing serves light
and dark pages; a file of its own has the light ones on white. matplotlib is imported when something is drawn, not
before: it costs most of a second.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

import msgspec

from meshsim.report.lanes import FAILED, GONE, RUNNING, STALLED, STARTING, STOPPED, STOPPING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: The colour of a name of `PALETTE`.
Ink = Callable[[str], str]

#: Draws into a figure of `size`, in these inks.
Draw = Callable[["Figure", Ink], None]

#: CSS variable -> (place-holder, light, dark). Blue, orange and red stay apart for colour-blind readers.
PALETTE: dict[str, tuple[str, str, str]] = {
    "ink": ("#010001", "#1b1f24", "#e6e9ed"),
    "muted": ("#010002", "#5c6670", "#9aa4af"),
    "grid": ("#010003", "#d9dee3", "#343b43"),
    "fault": ("#010004", "#b3261e", "#ff8a80"),
    "heard": ("#010005", "#6b2fa0", "#cf9bff"),
    "watchdog": ("#010006", "#9a5b00", "#ffc35c"),
    "page": ("#010007", "#ffffff", "#14171a"),
    STARTING: ("#010008", "#c3dbf0", "#2f5878"),
    RUNNING: ("#010009", "#5a9bd4", "#3f7fb8"),
    STALLED: ("#01000a", "#f2c14e", "#b98a1c"),
    STOPPING: ("#01000b", "#e08a3c", "#d98a45"),
    STOPPED: ("#01000c", "#8b949e", "#7d8792"),
    FAILED: ("#01000d", "#c62828", "#ef6b63"),
    GONE: ("#01000e", "#c4cad1", "#454d56"),
}

#: matplotlib settings that decide the bytes of the file, beside those of a `Look`.
_SETTINGS: Any = {
    "svg.hashsalt": "meshsim",
    "svg.fonttype": "none",
    "font.family": ["DejaVu Sans"],
    "hatch.linewidth": 0.6,
    "path.simplify": False,
}


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between kinds of figures."""

    #: Points.
    font_size: float = 8.0
    #: Dots for an inch of the PNG files. Source: chosen here; text of 8 points stays readable.
    dpi: int = 144
    #: Whether matplotlib finds room for labels and titles; else the drawing places its axes itself.
    finds_room: bool = False


PLACED = Look()


def svg_file(size: tuple[float, float], draw: Draw, look: Look = PLACED) -> str:
    """A file of its own: light colours on white, which every viewer shows. `size` is in inches."""
    svg = _svg(size, draw, look)
    for placeholder, light, _ in PALETTE.values():
        svg = svg.replace(placeholder, light)
    return svg


def png_file(size: tuple[float, float], draw: Draw, look: Look = PLACED) -> bytes:
    """The same as pixels. The bytes are those of one version of matplotlib."""
    return _saved("png", size, draw, _light, look)


def svg_fragment(size: tuple[float, float], draw: Draw, label: str, look: Look = PLACED) -> str:
    """A fragment for a page that brings colours (`css_variables`); `label` is read to the blind."""
    body = _svg(size, draw, look)
    body = body[body.index("<svg") :]
    svg_tag = rf'<svg role="img" aria-label="{escape(label)}" \1>'
    body = re.sub(r'^<svg[^>]* (viewBox="[^"]*")[^>]*>', lambda found: found.expand(svg_tag), body)
    # Ids of groups repeat from figure to figure; those of clips and hatches are hashes of what they name.
    body = re.sub(r' id="[A-Za-z.0-9]+_\d+"', "", body)
    for name, (placeholder, _, _) in PALETTE.items():
        # `var()` is for style sheets: attributes become styles.
        body = re.sub(rf'(fill|stroke)="{placeholder}"', rf'style="\1: var(--{name})"', body)
        body = body.replace(placeholder, f"var(--{name})")
    return body


def css_variables(scheme: str) -> str:
    """The palette as CSS declarations; `scheme` is `light` or `dark`."""
    column = {"light": 1, "dark": 2}[scheme]
    return "".join(f"--{name}:{values[column]};" for name, values in PALETTE.items())


def plain(axes: Axes, ink: Ink) -> None:
    """Axes with nothing but a grid along x."""
    axes.set_yticks([])
    axes.tick_params(axis="x", colors=ink("muted"), length=2)
    axes.grid(axis="x", color=ink("grid"), linewidth=0.6)
    axes.set_axisbelow(True)
    axes.patch.set_visible(False)
    for side in ("top", "left", "right"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(ink("grid"))


def framed(figure: Figure, ink: Ink, place: tuple[int, int, int] = (1, 1, 1)) -> Axes:
    """Axes with a grid, and a frame on the left and below."""
    axes = figure.add_subplot(*place)
    axes.tick_params(colors=ink("muted"), length=2)
    axes.grid(color=ink("grid"), linewidth=0.6)
    axes.set_axisbelow(True)
    axes.patch.set_visible(False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(ink("grid"))
    return axes


def _svg(size: tuple[float, float], draw: Draw, look: Look) -> str:
    return _saved("svg", size, draw, _placeholder, look).decode()


def _saved(kind: str, size: tuple[float, float], draw: Draw, ink: Ink, look: Look) -> bytes:
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context({**_SETTINGS, "font.size": look.font_size}):
        figure = Figure(figsize=size, layout="constrained" if look.finds_room else None)
        FigureCanvasAgg(figure)
        draw(figure, ink)
        out = io.BytesIO()
        blank = {"svg": ("Date", "Creator", "Format", "Type"), "png": ("Software",)}[kind]
        figure.savefig(out, format=kind, dpi=look.dpi, facecolor=ink("page"), metadata=dict.fromkeys(blank))
    return out.getvalue()


def _placeholder(name: str) -> str:
    return PALETTE[name][0]


def _light(name: str) -> str:
    return PALETTE[name][1]
