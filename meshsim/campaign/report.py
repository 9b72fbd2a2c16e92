"""A report on campaigns: `index.html`, `report.md`, and each figure as SVG and PNG; equal bytes for equal ledgers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from meshsim.campaign.figures import drawings
from meshsim.campaign.history import History
from meshsim.campaign.tables import Shrunk, Table, tables_of
from meshsim.report.drawing import png_file, svg_file, svg_inline
from meshsim.report.ink import css_variables


def write_report(histories: Sequence[History], folder: Path, shrunk: Shrunk | None = None) -> Path:
    """Write all files into a folder; the path of the page.

    Raises:
        OSError: a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for drawing in drawings(histories):
        (folder / f"{drawing.name}.svg").write_text(svg_file(drawing), encoding="utf-8")
        (folder / f"{drawing.name}.png").write_bytes(png_file(drawing))
    (folder / "report.md").write_text(markdown(histories, shrunk), encoding="utf-8")
    page = folder / "index.html"
    page.write_text(html(histories, shrunk), encoding="utf-8")
    return page


def summary(histories: Sequence[History]) -> str:
    """One sentence."""
    findings = {each.signature for history in histories for each in history.findings}
    return (
        f"{sum(history.runs for history in histories)} runs in {sum(len(each.batches) for each in histories)} batches, "
        f"{len(findings)} distinct findings, {sum(len(each.lost) for each in histories)} runs lost, "
        f"{max((history.features for history in histories), default=0)} features of the model reached."
    )


def markdown(histories: Sequence[History], shrunk: Shrunk | None = None) -> str:
    return "\n".join(_markdown(histories, shrunk)) + "\n"


def _markdown(histories: Sequence[History], shrunk: Shrunk | None) -> Iterator[str]:
    yield f"# {_title(histories)}"
    yield ""
    yield summary(histories)
    for drawing in drawings(histories):
        yield ""
        yield f"![{drawing.label}]({drawing.name}.svg)"
    for table in tables_of(histories, shrunk):
        yield ""
        yield f"## {table.title}"
        yield ""
        yield _row(table.headers)
        yield _row(["--:" if header in table.right else "---" for header in table.headers])
        yield from map(_row, table.rows)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def html(histories: Sequence[History], shrunk: Shrunk | None = None) -> str:
    """The page, without scripts or links to elsewhere."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(loader=PackageLoader("meshsim.campaign"), autoescape=True, undefined=StrictUndefined)
    tables: list[Table] = tables_of(histories, shrunk)
    return environment.get_template("campaign.html").render(
        title=_title(histories),
        summary=summary(histories),
        figures=[(drawing.label, svg_inline(drawing)) for drawing in drawings(histories)],
        tables=tables,
        light=css_variables("light"),
        dark=css_variables("dark"),
    )


def _title(histories: Sequence[History]) -> str:
    return f"Campaign {' and '.join(history.name for history in histories)}"
