"""Messages of a timeline as arrows."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from small_worlds import mesh

from meshsim.model.ids import ActorId
from meshsim.model.messages import CheckState, Envelope
from meshsim.report import arrows
from meshsim.report.arrows import ARROWS_MAX, Arrow, arrows_of
from meshsim.report.figure import timeline_svg
from meshsim.report.lanes import chart_of
from meshsim.run import run_plan
from meshsim.trace.records import NO_CAUSE, Record, RunEnded
from meshsim.units import MS, S

LANES = {"client": 0, "host0": 1, "host0/w": 2, "trainer": 3}
SVG = "{http://www.w3.org/2000/svg}"


def messages(*sent: tuple[int, str, str, str, str]) -> list[Record]:
    """Each sent at a time by an actor of one node to an actor of another; it takes 5 ms."""
    records = []
    for at, from_node, sender, to_node, dest in sent:
        cause = len(records)
        what = Envelope(ActorId(sender), ActorId(dest), CheckState(0))
        records.append(Record(seq=cause, at=at, node=from_node, cause=NO_CAUSE, what=RunEnded("horizon", ())))
        records.append(Record(seq=cause + 1, at=at + 5 * MS, node=to_node, cause=cause, what=what))
    return records


def test_an_arrow_goes_from_the_sender_when_it_sends_to_the_taker_when_it_takes() -> None:
    """An actor without a lane, such as an agent, shows in that of its process."""
    records = messages(
        (1 * S, "client", "controller", "host0", "agent"), (2 * S, "host0", "agent", "host0/w", "trainer")
    )

    assert arrows_of(records, LANES, 10 * S) == (
        Arrow(1 * S, 1 * S + 5 * MS, 0, 1),
        Arrow(2 * S, 2 * S + 5 * MS, 1, 3),
    )


@pytest.mark.parametrize(
    ("from_node", "to_node", "dest"),
    [("client", "client", "owner"), ("client", "host7", "agent"), ("host7", "client", "owner")],
)
def test_what_stays_in_a_lane_or_has_none_is_no_arrow(from_node: str, to_node: str, dest: str) -> None:
    """Lanes can be left out of a figure."""
    assert arrows_of(messages((S, from_node, "agent", to_node, dest)), LANES, 10 * S) == ()


def test_arrows_that_nobody_could_tell_apart_are_one() -> None:
    """Two messages in a millisecond of ten seconds, and one the other way."""
    there, back = ("client", "c", "host0", "agent"), ("host0", "agent", "client", "c")
    found = arrows_of(messages((S, *there), (S + MS, *there), (S + MS, *back)), LANES, 10 * S)

    assert found is not None
    assert [(arrow.from_lane, arrow.to_lane) for arrow in found] == [(0, 1), (1, 0)]


@pytest.mark.parametrize(("count", "has_room"), [(ARROWS_MAX, True), (ARROWS_MAX + 1, False)])
def test_there_is_room_for_so_many(count: int, has_room: bool) -> None:
    ways = [("client", "a", "host0", "b"), ("host0", "b", "client", "a")]
    sent = [(index // 2 * S, *ways[index % 2]) for index in range(count)]

    found = arrows_of(messages(*sent), LANES, 100 * S)

    assert (found is not None) == has_room


def test_a_figure_has_arrows_or_ticks_and_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same run twice: with room for its messages, and with none."""
    records = run_plan(mesh(), "sim").records
    monkeypatch.setattr(arrows, "ARROWS_MAX", 1000)
    with_arrows = chart_of(records)
    monkeypatch.setattr(arrows, "ARROWS_MAX", 3)
    with_ticks = chart_of(records)

    assert with_arrows.arrows
    assert with_ticks.arrows is None
    heads = [_patches(timeline_svg(chart)) for chart in (with_arrows, with_ticks)]
    assert heads[0] - heads[1] >= 2 * len(with_arrows.arrows)  # A line and a head each.
    said = "too many messages for arrows: ticks where they arrive"
    assert [said in timeline_svg(chart) for chart in (with_arrows, with_ticks)] == [False, True]


def _patches(svg: str) -> int:
    """Shapes that are drawn one by one."""
    return sum(str(each.get("id")).startswith("patch_") for each in ET.fromstring(svg).iter(f"{SVG}g")) + sum(
        1 for each in ET.fromstring(svg).iter(f"{SVG}path")
    )


def test_what_shares_a_lane_shares_its_arrows(crowd: list[Record]) -> None:
    """A hundred procs, most of which are one lane: what any of them says comes from there."""
    chart = chart_of(crowd)

    of = [lane.of for lane in chart.lanes]
    assert sum(map(len, of)) > len(of)
    assert len({each for names in of for each in names}) == sum(map(len, of))
