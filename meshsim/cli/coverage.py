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
from meshsim.run.tally import HOLES, Row, Tally, Verdict, tally
from meshsim.scenario.plan import Plan, with_profile

_SHIPPED = Path("scenarios")
_JSON_SCHEMA = 1


def coverage(*paths: Path, all: bool = False, json: bool = False) -> int:
    """Say which transitions of the model's machines scenarios reach: pairs of (machine, state, event).

    Every scenario is simulated; one that shows a quirk also without it. For the controllers, the agents of procs and
    hosts, and the status of a process, a pair that is neither reached nor known to be unreachable makes the exit
    code 1, as does one that is reached although it is said to be unreachable.

    Parameters
    ----------
    paths
        Scenario files, or folders of them; `scenarios` when none is given.
    all
        Print every pair, those that are reached too, and those of machines that need not be covered whole.
    json
        One JSON object a line for every pair.
    """
    found = tally(both_ways(plans_of(list(paths or (_SHIPPED,)))))
    if json:
        for row in found.rows:
            say(_line(row))
    else:
        _print(found, everything=all)
    return VIOLATED if found.with_verdict(*HOLES) else PASSED


def both_ways(plans: Sequence[Plan]) -> list[Plan]:
    """All plans, and again without any quirk those that show one."""
    return [*plans, *(with_profile(plan, "fixed") for plan in plans if quirks_of(plan))]


def summary(found: Tally) -> list[tuple[str, int, int, int, int]]:
    """For each charted machine: pairs, reached, unreachable, and holes."""
    lines = []
    for chart in CHARTS:
        verdicts = [row.verdict for row in found.of(chart.machine)]
        reached, unreachable = verdicts.count(Verdict.REACHED), verdicts.count(Verdict.UNREACHABLE)
        holes = sum(verdict in HOLES for verdict in verdicts)
        lines.append((chart.machine, len(verdicts), reached, unreachable, holes))
    return lines


def _line(row: Row) -> str:
    return msgspec.json.encode({"schema": _JSON_SCHEMA, **msgspec.structs.asdict(row)}).decode()


def _print(found: Tally, *, everything: bool) -> None:
    shown = found.rows if everything else found.with_verdict(Verdict.UNREACHABLE, *HOLES)
    if shown:
        table(
            ("machine", "state", "event", "verdict", "by, or why not"),
            [(row.machine, row.state, row.event, row.verdict.value, _reason(row)) for row in shown],
        )
        say()
    for machine, pairs, reached, unreachable, holes in summary(found):
        say(f"{machine}: {pairs} pairs, {reached} reached, {unreachable} unreachable, {holes} holes")
    say(f"{len(found.with_verdict(Verdict.OTHER))} pairs of other machines reached; {found.runs} runs")


def _reason(row: Row) -> str:
    return f"{row.reached_by}: {row.why_not}" if row.reached_by and row.why_not else row.reached_by or row.why_not
