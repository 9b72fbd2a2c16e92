"""`meshsim coverage`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from meshsim.cli import PASSED, VIOLATED
from meshsim.cli.console import out as say
from meshsim.cli.console import table
from meshsim.cli.load import plans_of
from meshsim.cli.quirks import quirks_of
from meshsim.run.charts import CHARTS
from meshsim.run.coverage import Pair, Reached, reached_by
from meshsim.scenario.plan import Plan, with_profile

_SHIPPED = Path("scenarios")
_JSON_SCHEMA = 1


class Row(msgspec.Struct, frozen=True):
    """One pair of a chart: reached by a scenario, excused, or neither."""

    machine: str
    state: str
    event: str
    reached_by: str = ""
    why_not: str = ""

    @property
    def verdict(self) -> str:
        if self.reached_by:
            return "wrongly excused" if self.why_not else "reached"
        return "unreachable" if self.why_not else "missing"


def coverage(*paths: Path, all: bool = False, json: bool = False) -> int:
    """Say which transitions of the model's machines scenarios reach: pairs of (machine, state, event).

    Every scenario is simulated; one that shows a quirk also without it. For the controller, the agents of procs and
    hosts, and the status of a process, a pair that is neither reached nor known to be unreachable makes the exit
    code 1.

    Parameters
    ----------
    paths
        Scenario files, or folders of them; `scenarios` when none is given.
    all
        Print every pair, those that are reached too, and the machines that need not be covered whole.
    json
        One JSON object a line for every pair.
    """
    reached = reached_by(_plans(paths or (_SHIPPED,)))
    rows = [_row(pair, reached, chart.excuse(pair)) for chart in CHARTS for pair in chart.pairs()]
    known = {(row.machine, row.state, row.event) for row in rows}
    others = [_row(pair, reached, None) for pair in sorted(reached.first) if tuple(pair) not in known]
    if json:
        for row in rows + others:
            say(_line(row))
    else:
        _print(rows, others, reached.runs, everything=all)
    charted = {chart.machine for chart in CHARTS}
    wrong = [row for row in rows if row.verdict in ("missing", "wrongly excused")]
    return VIOLATED if wrong or any(row.machine in charted for row in others) else PASSED


def _plans(paths: Sequence[Path]) -> list[Plan]:
    plans = plans_of(list(paths))
    return plans + [with_profile(plan, "fixed") for plan in plans if quirks_of(plan)]


def _row(pair: Pair, reached: Reached, why_not: str | None) -> Row:
    return Row(*pair, reached_by=reached.first.get(pair, ""), why_not=why_not or "")


def _line(row: Row) -> str:
    return msgspec.json.encode({"schema": _JSON_SCHEMA, "verdict": row.verdict, **msgspec.structs.asdict(row)}).decode()


def _print(rows: Sequence[Row], others: Sequence[Row], runs: int, *, everything: bool) -> None:
    shown = [*rows, *others] if everything else [row for row in rows if row.verdict != "reached"]
    if shown:
        table(
            ("machine", "state", "event", "", "by, or why not"),
            [(row.machine, row.state, row.event, row.verdict, row.reached_by or row.why_not) for row in shown],
        )
        say()
    charted = list(dict.fromkeys(row.machine for row in rows))
    for machine in charted:
        own = [row for row in rows if row.machine == machine]
        count = {verdict: sum(row.verdict == verdict for row in own) for verdict in ("reached", "unreachable")}
        open_ = len(own) - sum(count.values())
        say(
            f"{machine}: {len(own)} pairs, {count['reached']} reached, {count['unreachable']} unreachable, {open_} open"
        )
    strange = [row for row in others if row.machine in charted]
    for row in strange:
        say(f"{row.machine}: {row.state} took {row.event} ({row.reached_by}), which its chart does not have")
    say(f"{len(others) - len(strange)} pairs of other machines reached; {runs} runs")
