"""Charts as SVG."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from meshsim.report.figure import inline_svg, timeline_svg
from meshsim.report.ink import PALETTE
from meshsim.report.lanes import Chart, chart_of
from meshsim.trace.records import Record

SVG = "{http://www.w3.org/2000/svg}"


def test_the_same_chart_gives_the_same_bytes(records: list[Record]) -> None:
    """Figures are kept and compared: no date, no random id."""
    chart = chart_of(records)

    assert timeline_svg(chart, "late-exit") == timeline_svg(chart, "late-exit")
    assert inline_svg(chart, "late-exit") == inline_svg(chart, "late-exit")


def test_every_lane_and_fault_is_written_as_text(records: list[Record]) -> None:
    """Text stays text: it can be searched, and read aloud."""
    chart = chart_of(records)

    root = ET.fromstring(timeline_svg(chart, "late-exit"))

    texts = {element.text for element in root.iter(f"{SVG}text")}
    expected = {lane.name for lane in chart.lanes} | {f"{fault.index} {fault.text}" for fault in chart.faults}
    assert expected | {"late-exit", "virtual time, s", "signal 9", "stopped: orphaned"} <= texts


def test_a_fragment_takes_its_colours_from_the_page(records: list[Record]) -> None:
    """One drawing serves light and dark: no place-holder is left, no colour fixed, no address named."""
    fragment = inline_svg(chart_of(records), 'say "hi"')

    assert fragment.startswith('<svg role="img" aria-label="say &quot;hi&quot;" viewBox=')
    assert "http" not in fragment
    assert "var(--stalled)" in fragment
    assert set(re.findall(r"#[0-9a-f]{6}", fragment)) == set()
    assert not [placeholder for placeholder, _, _ in PALETTE.values() if placeholder in fragment]


def test_a_file_of_its_own_has_concrete_colours(records: list[Record]) -> None:
    """Image viewers know no style sheets: the file must not be black on black there."""
    svg = timeline_svg(chart_of(records))

    assert "var(--" not in svg
    assert PALETTE["running"][1] in svg


def test_an_empty_chart_can_be_drawn() -> None:
    """A run that broke off before it began still gets its page."""
    ET.fromstring(timeline_svg(Chart((), (), 0, 0)))

    assert inline_svg(Chart((), (), 0, 0), "empty").rstrip().endswith("</svg>")


def test_folded_lanes_are_announced(records: list[Record]) -> None:
    """The reader learns that there is more than is shown."""
    svg = timeline_svg(chart_of(records, lanes_max=4))

    assert "(3 quieter lanes are left out)" in svg
