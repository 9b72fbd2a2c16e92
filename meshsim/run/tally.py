"""The runs of scenarios against the charts of what there can be: reached, unreachable, missing.

A pair that is neither reached nor excused is missing; one that is excused and yet reached is excused wrongly; one of a
charted machine that its chart does not have is not charted. Any of these is a hole in the charts or in the scenarios.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

import msgspec

from meshsim.run.charts import CHARTS
from meshsim.run.coverage import Pair, Reached, reached_by
from meshsim.scenario.plan import Plan


class Verdict(Enum):
    REACHED = "reached"
    UNREACHABLE = "unreachable"
    MISSING = "missing"
    WRONGLY_EXCUSED = "wrongly excused"
    NOT_CHARTED = "not charted"
    #: Of a machine that need not be covered whole.
    OTHER = "other"


#: What must not be.
HOLES = frozenset({Verdict.MISSING, Verdict.WRONGLY_EXCUSED, Verdict.NOT_CHARTED})
_CHARTED = frozenset(chart.machine for chart in CHARTS)


class Row(msgspec.Struct, frozen=True):
    """One pair: the first scenario that reached it, and why it cannot be reached; either may be empty."""

    machine: str
    state: str
    event: str
    verdict: Verdict
    reached_by: str = ""
    why_not: str = ""


class Tally(msgspec.Struct, frozen=True):
    """Every pair of the charts in their order, then all others that were reached."""

    rows: tuple[Row, ...]
    #: How many simulations it took.
    runs: int

    def of(self, machine: str) -> list[Row]:
        return [row for row in self.rows if row.machine == machine]

    def with_verdict(self, *verdicts: Verdict) -> list[Row]:
        return [row for row in self.rows if row.verdict in verdicts]


def tally(plans: Iterable[Plan]) -> Tally:
    """Simulate plans and hold what they reach against the charts."""
    reached = reached_by(plans)
    rows = [_row(pair, reached, chart.excuse(pair)) for chart in CHARTS for pair in chart.pairs()]
    charted = {pair for chart in CHARTS for pair in chart.pairs()}
    for pair in sorted(reached.first.keys() - charted):
        verdict = Verdict.NOT_CHARTED if pair.machine in _CHARTED else Verdict.OTHER
        rows.append(Row(*pair, verdict, reached.first[pair]))
    return Tally(tuple(rows), reached.runs)


def _row(pair: Pair, reached: Reached, why_not: str | None) -> Row:
    scenario = reached.first.get(pair, "")
    if why_not is None:
        return Row(*pair, Verdict.REACHED if scenario else Verdict.MISSING, scenario)
    return Row(*pair, Verdict.WRONGLY_EXCUSED if scenario else Verdict.UNREACHABLE, scenario, why_not)
