"""A comparison as one HTML page: what changed in words first, then figures, then every cell of the table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from meshsim.report.comparison import COLUMNS, Part, changes, column_texts
from meshsim.report.comparison_figures import drawings
from meshsim.report.drawing import png_file, svg_file, svg_inline
from meshsim.report.ink import css_variables

#: What the columns of the table mean.
MEANINGS = {
    "detect": "median time from a failure to the end of the first poll that began after it, or to what told it before",
    "worst": "the longest of these",
    "report": "median time from a failure to the first notice of it",
    "unheard": "failures of ranks that nobody was told of",
    "notices": "how often anybody was told of a failure",
    "false": "notices about what was well",
    "orphans": "actors that their agents stopped as orphans",
    "messages/s": "messages between processes, a second",
    "beats/s": "heartbeats that listeners took, a second",
}


def write_comparison(parts: Sequence[Part], folder: Path) -> Path:
    """Write `index.html`, and each figure as SVG and PNG, into a folder; the path of the page.

    Raises:
        OSError: a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for drawing in drawings(parts):
        (folder / f"{drawing.name}.svg").write_text(svg_file(drawing), encoding="utf-8")
        (folder / f"{drawing.name}.png").write_bytes(png_file(drawing))
    page = folder / "index.html"
    page.write_text(render_comparison(parts), encoding="utf-8")
    return page


def render_comparison(parts: Sequence[Part]) -> str:
    """The page as HTML, without scripts or links to elsewhere; the same bytes for the same rows."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(loader=PackageLoader("meshsim.report"), autoescape=True, undefined=StrictUndefined)
    rows = [row for part in parts for row in part.rows]
    clocks = " and ".join(dict.fromkeys(row.clock for row in rows))
    return environment.get_template("comparison.html").render(
        title=" and ".join(dict.fromkeys(row.scenario for row in rows)),
        summary=f"{len(rows)} runs of {sum(len(part.cells) for part in parts)} settings.",
        time=f"All times are {clocks} time.",
        changes=changes(parts),
        figures=[(drawing.label, svg_inline(drawing)) for drawing in drawings(parts)],
        columns=COLUMNS,
        lines=[
            (part.name if len(parts) > 1 else "", cell.name, column_texts(cell.rows))
            for part in parts
            for cell in part.cells
        ],
        meanings=MEANINGS,
        light=css_variables("light"),
        dark=css_variables("dark"),
    )
