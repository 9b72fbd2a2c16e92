"""What led to a violation, as a figure: time runs down, a lane for each process, a dot for each record.

Arrows lead from what a record came of; dashed ones from an end to where it is told of. The words are those of the list.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from textwrap import wrap
from typing import TYPE_CHECKING

from meshsim.explore.causes import Chain, Link
from meshsim.model.notes import Heard, QueueTaken
from meshsim.oracle.verdict import Violation
from meshsim.report.ink import Ink, Look, svg_file
from meshsim.report.lanes import FAILED, RUNNING
from meshsim.trace.directory import Directory
from meshsim.trace.records import DecisionTaken, FaultStruck, Record
from meshsim.trace.story import describe, time_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Inches. Source: chosen here; words of 8.5 points fit a row.
_ROW, _LANE, _TIME, _WORDS, _MARGIN = 0.23, 0.55, 0.85, 6.2, 0.3
#: Letters of a line, and of the violation, that fit beside the lanes. Source: chosen here.
_LETTERS_MAX = 92
#: Height of the names of the lanes, in rows.
_HEAD = 3.0
#: Lines for the violation.
_LAST = 3


def cause_svg(chain: Chain, violation: Violation, records: Sequence[Record]) -> str:
    """The figure of a chain as a file: as wide as it has lanes, as high as it has records; always the same bytes."""
    directory = Directory.of(records)
    lanes = list(dict.fromkeys(directory.name_of_node(link.record.node) for link in chain))
    size = (
        2 * _MARGIN + _TIME + _LANE * len(lanes) + _WORDS,
        2 * _MARGIN + _ROW * (len(chain) + _HEAD + _LAST),
    )
    draw = partial(_draw, chain=chain, violation=violation, directory=directory, lanes=lanes)
    return svg_file(size, draw, Look(font_size=8.5))


def clipped(text: str, letters: int = _LETTERS_MAX) -> str:
    """The beginning of a text that is too long for its place."""
    return text if len(text) <= letters else f"{text[: letters - 1].rstrip()}…"


def _draw(
    figure: Figure, ink: Ink, *, chain: Chain, violation: Violation, directory: Directory, lanes: Sequence[str]
) -> None:
    """Coordinates are inches, from the top left."""
    width, height = figure.get_size_inches()
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.axis("off")
    top = _MARGIN + _ROW * _HEAD
    bottom = top + _ROW * len(chain)
    across = {name: _MARGIN + _TIME + _LANE * (number + 0.5) for number, name in enumerate(lanes)}
    for name, x in across.items():
        axes.plot([x, x], [top - 0.5 * _ROW, bottom - 0.5 * _ROW], color=ink("grid"), linewidth=1, zorder=0)
        axes.text(x, top - 0.7 * _ROW, name, ha="left", va="bottom", rotation=35, color=ink("ink"))
    places = [(across[directory.name_of_node(link.record.node)], top + _ROW * row) for row, link in enumerate(chain)]
    words = _MARGIN + _TIME + _LANE * len(lanes) + 0.1
    for link, place in zip(chain, places, strict=True):
        _draw_dot(axes, ink, link, place)
        for cause in link.causes:
            _draw_arrow(axes, places[cause], place, ink("muted"), "solid")
        for end in link.found:
            _draw_arrow(axes, places[end], place, ink("heard"), "dashed")
        _draw_words(axes, (words, place[1]), link.record.at, describe(link.record, directory), ink(_colour(link)))
        if link.hidden:
            axes.text(_MARGIN, place[1] - _ROW / 2, f"({link.hidden} more)", va="center", color=ink("muted"), size=6.5)
    verdict = wrap(f"{violation.invariant}: {violation.message}", _LETTERS_MAX, max_lines=_LAST, placeholder=" …")
    _draw_words(axes, (words, bottom + 0.3 * _ROW), violation.at, verdict[0], ink(FAILED))
    for number, line in enumerate(verdict[1:], start=1):
        y = bottom + _ROW * (0.3 + 0.8 * number)
        axes.text(words, y, line, ha="left", va="center", color=ink(FAILED), parse_math=False)


def _draw_words(axes: Axes, place: tuple[float, float], at_ns: int, text: str, colour: str) -> None:
    """When, left of the lanes, and what, right of them."""
    x, y = place
    axes.text(_MARGIN + _TIME - 0.1, y, time_text(at_ns), ha="right", va="center", color=colour)
    axes.text(x, y, clipped(text), ha="left", va="center", color=colour, parse_math=False)


def _draw_dot(axes: Axes, ink: Ink, link: Link, place: tuple[float, float]) -> None:
    """A record: a square for what was injected, a ring around what the violation names."""
    is_injected = isinstance(link.record.what, FaultStruck | DecisionTaken | QueueTaken)
    colour = _colour(link) if _colour(link) != "ink" else RUNNING
    axes.plot(*place, marker="s" if is_injected else "o", color=ink(colour), markersize=5.5)
    if link.is_evidence:
        axes.plot(*place, marker="o", markersize=9, markerfacecolor="none", markeredgecolor=ink(FAILED))


def _draw_arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str, style: str) -> None:
    """What stays in a lane is bent aside, or it would lie on the lane and on what is between."""
    is_bent = start[0] == end[0] and end[1] - start[1] > 1.5 * _ROW
    look = {
        "arrowstyle": "-|>",
        "color": colour,
        "linestyle": style,
        "linewidth": 0.8,
        "shrinkA": 4,
        "shrinkB": 4,
        "connectionstyle": "arc3,rad=0.35" if is_bent else "arc3",
    }
    axes.annotate("", xy=end, xytext=start, arrowprops=look)


def _colour(link: Link) -> str:
    match link.record.what:
        case FaultStruck():
            return "fault"
        case DecisionTaken() | QueueTaken():
            return "watchdog"
        case Heard():
            return "heard"
        case _:
            return "ink"
