"""What a report says of lateness."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import msgspec
import pytest
from small_worlds import mesh

from meshsim.report.files import write_figures
from meshsim.report.ink import svg_file
from meshsim.report.late import late_files, late_view
from meshsim.report.page import render_page
from meshsim.report.strips import Strip, strips_figure
from meshsim.report.worlds import clock_of, told
from meshsim.run import Late, RunResult, Timing, run_plan
from meshsim.units import MS, US

SVG = "{http://www.w3.org/2000/svg}"
TIMING = Timing(
    0.1,
    {
        "fault": Late.of([3 * MS], "fault 0"),
        "timer": Late.of([0, 200 * US, 40 * MS], "timer poll in client"),
        "way_back": Late.of(list(range(1000)), "a report of host0"),
    },
)


@pytest.fixture(scope="module")
def live() -> RunResult:
    """What a live run would leave: the trace is that of a simulated one."""
    return msgspec.structs.replace(run_plan(mesh(), "sim"), backend="live", timing=TIMING)


def test_the_table_has_median_and_worst_in_virtual_time_and_the_worst_in_wall_time(live: RunResult) -> None:
    """At a tenth of the time a millisecond of the machine is ten of the scenario."""
    view = late_view(told([live]))

    assert view is not None
    assert view.scales == "0.1"
    rows = [(row.kind, row.count, row.median, row.worst, row.worst_wall, row.latest) for row in view.rows]
    assert rows == [
        ("fault", "1", "3ms", "3ms", "300us", "fault 0"),
        ("timer", "3", "200us", "40ms", "4ms", "timer poll in client"),
        ("way back", "1000", "0s", "0s", "0s", "a report of host0"),
    ]


def test_several_runs_are_one_table_that_says_which_was_the_latest(live: RunResult) -> None:
    worse = Timing(1.0, {"timer": Late.of([90 * MS], "timer check in client")})
    other = msgspec.structs.replace(live, digest="f" * 64, timing=worse)
    view = late_view(told([live, other]))

    assert view is not None
    assert view.scales == "0.1 and 1"
    timer = view.rows[1]
    assert (timer.count, timer.worst, timer.worst_wall) == ("4", "90ms", "90ms")
    assert timer.latest == f"timer check in client, in {live.plan.scenario} seed {live.plan.seed}"


def test_a_page_of_a_live_run_has_it_and_one_of_others_has_not(live: RunResult) -> None:
    """And says what its times are: those of a scenario that runs ten times as fast as it says."""
    page = render_page([live])

    assert "How late the machine was, live" in page
    assert "wall time for virtual time (time scale):\n0.1." in page
    assert "scaled wall time, s" in page
    assert "How late the machine was" not in render_page([run_plan(mesh(), "sim")])


@pytest.mark.parametrize(
    ("backend", "scale", "clock"),
    [("sim", None, "virtual"), ("lockstep", None, "virtual"), ("live", 1.0, "wall"), ("live", 0.1, "scaled wall")],
)
def test_the_clock_of_a_trace(live: RunResult, backend: str, scale: float | None, clock: str) -> None:
    timing = None if scale is None else Timing(scale, {})

    assert clock_of(msgspec.structs.replace(live, backend=backend, timing=timing)) == clock


def test_the_same_run_gives_the_same_bytes(live: RunResult) -> None:
    """Figures are kept and compared, as SVG and as PNG, and inside a page."""
    assert late_files(told([live])) == late_files(told([live]))
    assert late_view(told([live])) == late_view(told([live]))


def test_every_value_is_a_point_in_the_strip_of_its_kind() -> None:
    """What is too short for the axis stands at its left end; nothing is left out."""
    strips = [Strip("a", "5 measured", [0, US, 2 * US, 5 * MS, 70 * MS], 2 * US), Strip("b", "1 measured", [MS], MS)]

    root = ET.fromstring(svg_file(*strips_figure(strips, "late by, virtual time", "t")))

    points = [len(list(group.iter(f"{SVG}use"))) for group in root.iter(f"{SVG}g") if _is_line(group)]
    assert points.count(5) >= 1
    texts = {element.text for element in root.iter(f"{SVG}text")}
    assert {"t", "a", "b", "5 measured", "1 measured", "late by, virtual time", "1 µs", "1 ms", "10 ms"} <= texts


def _is_line(group: ET.Element) -> bool:
    return str(group.get("id")).startswith("line2d")


def test_a_figure_that_leaves_values_out_says_so(live: RunResult) -> None:
    """A thousand ways back: four hundred are kept and shown."""
    (svg,) = [content for name, content in late_files(told([live])).items() if name.endswith(".svg")]

    assert b"1000 measured, 400 shown" in svg
    assert b"3 measured<" in svg


def test_the_numbers_are_files_of_their_own(live: RunResult, tmp_path: Path) -> None:
    names = {path.name for path in write_figures([live], tmp_path)}

    assert {"lateness.svg", "lateness.png", "lateness.csv"} <= names
    with (tmp_path / "lateness.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["kind"], row["worst_ns"], row["time_scale"]) for row in rows] == [
        ("fault", str(3 * MS), "0.1"),
        ("timer", str(40 * MS), "0.1"),
        ("way_back", "999", "0.1"),
    ]
    assert len(json.loads((tmp_path / "numbers.json").read_text())["lateness"]) == 3


def test_a_run_that_was_kept_before_single_values_were_is_shown_by_median_and_worst(live: RunResult) -> None:
    old = Timing(1.0, {"timer": Late(9, 2 * MS, 7 * MS, "it")})
    view = late_view(told([msgspec.structs.replace(live, timing=old)]))

    assert view is not None
    assert [(row.count, row.worst) for row in view.rows] == [("9", "7ms")]
