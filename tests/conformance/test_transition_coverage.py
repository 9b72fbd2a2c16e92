"""The shipped scenarios reach every transition of controllers, agents and processes that can be reached."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from meshsim.cli.coverage import both_ways
from meshsim.cli.load import plans_of
from meshsim.run.charts import CHARTS, Chart
from meshsim.run.coverage import ANY_STATE
from meshsim.run.tally import Row, Tally, Verdict, tally

ROOT = Path(__file__).parents[2]


@functools.cache
def shipped() -> Tally:
    return tally(both_ways(plans_of([ROOT / "scenarios"])))


def pairs(rows: list[Row]) -> list[str]:
    return [f"{row.machine}, {row.state}, {row.event}: {row.reached_by} {row.why_not}" for row in rows]


def test_every_pair_is_reached_or_cannot_be() -> None:
    """A new state or event of a charted machine needs a scenario that reaches it, or a reason why none can."""
    assert pairs(shipped().with_verdict(Verdict.MISSING)) == []


def test_no_excuse_is_wrong() -> None:
    """A reason that a run contradicts."""
    assert pairs(shipped().with_verdict(Verdict.WRONGLY_EXCUSED)) == []


def test_the_charts_have_everything_that_is_reached() -> None:
    """A message that a charted machine learnt to take is in its chart."""
    assert pairs(shipped().with_verdict(Verdict.NOT_CHARTED)) == []


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.machine)
def test_a_chart_has_no_row_for_nothing(chart: Chart) -> None:
    """An excuse names states and events of its chart, and excuses a pair that no excuse before it does."""
    for excuse in chart.excuses:
        assert {*excuse.states, *excuse.events} - {*chart.states, *chart.events, "*"} == set()
        assert any(chart.excuse(pair) == excuse.why for pair in chart.pairs()), excuse


def test_every_charted_machine_is_watched() -> None:
    """A machine that is renamed takes its chart along; the state of one that is charted is known."""
    reached = shipped().with_verdict(Verdict.REACHED)

    assert {row.machine for row in reached} == {chart.machine for chart in CHARTS}
    assert ANY_STATE not in {row.state for row in reached}
