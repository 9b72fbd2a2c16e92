"""Latencies as points."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET

import pytest

from meshsim.oracle.verdict import Margin
from meshsim.report.latencies import Latency
from meshsim.report.swarm import latency_fragment, latency_png, latency_svg, swarm
from meshsim.units import MS, S

SVG = "{http://www.w3.org/2000/svg}"
XS = [0.1, 0.5, 0.5, 0.5, 0.9]


def measured(count: int) -> list[Latency]:
    """Half a second after one another, the last one over its bound."""
    margins = [
        Margin(kind="detect", subject="trainer[1]", took_ns=index * 500 * MS + 1, bound_ns=5 * S, record=index)
        for index in range(count)
    ]
    return [Latency("late-exit", 7, "sim", "virtual", margin) for margin in margins]


def test_points_stand_at_their_values_and_on_top_of_one_another() -> None:
    places, _ = swarm(XS, 0.01)

    assert [x for x, _ in places] == XS
    assert [y for _, y in places] == [places[0][1], *sorted({y for _, y in places}), places[0][1]]


@pytest.mark.parametrize("count", [1, 20, 400, 3000])
def test_no_point_hides_another_however_many_there_are(count: int) -> None:
    """All at the same value is the worst case: they become smaller and stand in rows, inside their panel."""
    places, size = swarm([0.5] * count, 0.01)

    assert len(set(places)) == count
    assert all(0 < y <= 1 for _, y in places)
    rows = [[x for x, _ in group] for _, group in itertools.groupby(sorted(places, key=lambda p: p[1]), lambda p: p[1])]
    gaps = [right - left for row in rows for left, right in itertools.pairwise(sorted(row))]
    assert all(gap > 0.99 * size * 0.01 for gap in gaps)


def test_the_same_latencies_give_the_same_bytes() -> None:
    """Figures are kept and compared, as SVG and as PNG."""
    assert latency_svg(measured(11), "t") == latency_svg(measured(11), "t")
    assert latency_png(measured(11), "t") == latency_png(measured(11), "t")
    assert latency_fragment(measured(11), "t") == latency_fragment(measured(11), "t")


def test_every_latency_is_a_point_on_both_sides_and_the_bound_is_drawn() -> None:
    """Ten points and a cross, twice; the cross is past the line of the bound."""
    root = ET.fromstring(latency_svg(measured(11)))

    marks = {
        group.get("id"): len(list(group.iter(f"{SVG}use")))
        for group in root.iter(f"{SVG}g")
        if str(group.get("id")).startswith("line2d")
    }
    assert sorted(marks.values())[-2:] == [10, 10]
    texts = {element.text for element in root.iter(f"{SVG}text")}
    assert {"detect", "11 measured", "1 over", "over", "virtual time; red ticks: bounds", "bound"} <= texts
