"""Tables of a campaign, as text: for the terminal, for Markdown and for the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from meshsim.campaign.figures import Line, invariants_of, lines_of, rate
from meshsim.campaign.history import Distinct, History
from meshsim.explore.finding import Signature

#: What was made of findings: their quirks, number of faults when shrunk, and file; by signature.
Shrunk = Mapping[Signature, tuple[str, str, str]]


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A heading, columns and rows; columns named in `right` hold numbers."""

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: frozenset[str] = frozenset()


def tables_of(histories: Sequence[History], shrunk: Shrunk | None = None) -> list[Table]:
    """Everything that there is to say; tables without rows are left out."""
    lines = lines_of(histories)
    found = [
        strategies_table(lines),
        _findings_table(histories, lines, shrunk),
        _rates_table(lines),
        _scenarios_table(histories),
        _lost_table(histories),
        _starts_table(histories),
    ]
    return [table for table in found if table.rows]


def strategies_table(lines: Sequence[Line]) -> Table:
    """A row for each strategy: what it cost and what it gave."""
    return Table(
        title="Strategies",
        headers=("strategy", *_STRATEGY),
        right=frozenset(_STRATEGY),
        rows=tuple((line.name, *_strategy_row(line)) for line in lines),
    )


_STRATEGY = ("runs", "violated per 1000", "inconclusive", "lost", "findings", "first after", "features", "worked")


def _strategy_row(line: Line) -> tuple[str, ...]:
    batches = [batch for batch in line.history.batches if batch.strategy == line.strategy]
    times = [each.after_s[line.strategy] for each in line.history.findings if line.strategy in each.after_s]
    return (
        str(line.runs),
        f"{1000 * sum(batch.violated for batch in batches) / line.runs:.1f}",
        str(sum(batch.inconclusive for batch in batches)),
        str(sum(batch.lost for batch in batches)),
        str(len(times)),
        _seconds(min(times)) if times else "",
        str(sum(batch.features for batch in batches)),
        _seconds(line.worked_s),
    )


def _findings_table(histories: Sequence[History], lines: Sequence[Line], shrunk: Shrunk | None) -> Table:
    extra = () if shrunk is None else ("quirks", "shrunk to", "file")
    names = tuple(line.name for line in lines)
    return Table(
        title="Findings, and the working time until each strategy had them",
        headers=(
            *("finding", "runs"),
            *names,
            *("first seen", "last seen", "scenario", "faults", "strategy, seed, run", "version"),
            *extra,
        ),
        right=frozenset({"runs", "faults", *names}),
        rows=tuple(
            (
                str(each.signature),
                str(each.runs),
                *(
                    _seconds(each.after_s[line.strategy])
                    if line.history is history and line.strategy in each.after_s
                    else ""
                    for line in lines
                ),
                *_example(each),
                *(() if shrunk is None else shrunk.get(each.signature, ("", "", ""))),
            )
            for history in histories
            for each in history.findings
        ),
    )


def _example(each: Distinct) -> tuple[str, ...]:
    place = f"{each.strategy}, {each.seed}, {each.run}"
    return each.first, each.last, each.scenario, str(each.faults), place, each.version


def _rates_table(lines: Sequence[Line]) -> Table:
    names = tuple(line.name for line in lines)
    return Table(
        title="Violations per thousand runs",
        headers=("invariant", *names),
        right=frozenset(names),
        rows=tuple(
            (invariant, *(f"{rate(line, invariant):.2f}" for line in lines)) for invariant in invariants_of(lines)
        ),
    )


def _scenarios_table(histories: Sequence[History]) -> Table:
    rows = []
    for history in histories:
        for scenario in sorted({batch.scenario for batch in history.batches}):
            batches = [batch for batch in history.batches if batch.scenario == scenario]
            ids = {batch.id for batch in batches}
            runs = sum(batch.runs for batch in batches)
            found = {each.signature for each in history.seen if each.batch in ids}
            violated = 1000 * sum(batch.violated for batch in batches) / runs
            rows.append((f"{history.name}: {scenario}", str(runs), f"{violated:.1f}", str(len(found))))
    numbers = ("runs", "violated per 1000", "findings")
    return Table(title="Scenarios", headers=("scenario", *numbers), right=frozenset(numbers), rows=tuple(rows))


def _lost_table(histories: Sequence[History]) -> Table:
    return Table(
        title="Runs that were lost",
        headers=("scenario", "strategy", "seed", "run", "why"),
        right=frozenset({"seed", "run"}),
        rows=tuple(
            (each.scenario, each.strategy, str(each.seed), str(each.run), each.why)
            for history in histories
            for each in history.lost
        ),
    )


def _starts_table(histories: Sequence[History]) -> Table:
    return Table(
        title="Starts",
        headers=("ledger", "began", "version", "run by", "batches", "took"),
        right=frozenset({"batches", "took"}),
        rows=tuple(
            (
                history.name,
                each.began,
                each.version,
                each.scheduler or f"{each.jobs} processes",
                str(each.batches),
                _seconds(each.elapsed_s),
            )
            for history in histories
            for each in history.sessions
        ),
    )


def _seconds(time_s: float) -> str:
    return f"{time_s:.1f} s"
