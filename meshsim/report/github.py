"""What GitHub's runner shows: annotations in the scenario files, and a table on the page of the job."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from meshsim.run import Outcome, Suite, case_name
from meshsim.scenario.plan import plan_label
from meshsim.units import format_duration

#: Rows of the table of what did not pass. Source: chosen here; GitHub cuts summaries at 1 MiB.
_ROWS_MAX = 200

_EXPECTED = re.compile(r"(expect|known)\[(\d+)\]")


def annotation_lines(suite: Suite) -> Iterator[str]:
    """A workflow command for each violation, at the line of the expectation if it is one, and for each inconclusive
    run.
    """
    for outcome in suite.outcomes:
        case = case_name(outcome.plan, outcome.backend)
        for violation in outcome.verdict.violations:
            message = f"{violation.message}\nreproduce: {outcome.reproduce}"
            line = _line(outcome.plan.source, violation.invariant)
            yield _command("error", outcome, f"{case}: {violation.invariant}", message, line)
        if outcome.verdict.outcome == "inconclusive":
            yield _command("warning", outcome, f"{case}: inconclusive", outcome.verdict.reason, 1)
    if suite.left:
        yield f"::warning title=not begun::{len(suite.left)} plans were not begun: {_escaped(suite.why_left)}"


def step_summary(suite: Suite) -> str:
    """Markdown: how many runs ended how, and a row for each that did not pass."""
    lines = ["### meshsim", "", "| passed | violated | inconclusive | not begun |", "|---:|---:|---:|---:|"]
    verdicts = [outcome.verdict.outcome for outcome in suite.outcomes]
    left = sum(len(job.backends) for job in suite.left)
    counts = [verdicts.count("passed"), verdicts.count("violated"), verdicts.count("inconclusive"), left]
    lines += [f"| {' | '.join(map(str, counts))} |", ""]
    red = [outcome for outcome in suite.outcomes if outcome.verdict.outcome != "passed"]
    if red:
        lines += ["| run | seed | virtual | what | reproduce |", "|---|---:|---:|---|---|"]
        lines += [_row(outcome) for outcome in red[:_ROWS_MAX]]
    if len(red) > _ROWS_MAX:
        lines.append(f"\n({len(red) - _ROWS_MAX} more)")
    return "\n".join(lines) + "\n\n"


def _row(outcome: Outcome) -> str:
    cells = (
        f"{plan_label(outcome.plan)}, {outcome.backend}",
        str(outcome.plan.seed),
        format_duration(outcome.virtual_ns),
        f"**{outcome.verdict.outcome}**: {outcome.verdict.reason}",
        f"`{outcome.reproduce}`",
    )
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _command(level: str, outcome: Outcome, title: str, message: str, line: int) -> str:
    source = outcome.plan.source
    place = f"file={_property(source)},line={line}," if source else ""
    return f"::{level} {place}title={_property(title)}::{_escaped(message)}"


def _line(source: str, name: str) -> int:
    """The line of the n-th `[[expect]]` or `[[known]]`; the first of the file for anything else."""
    match = _EXPECTED.fullmatch(name)
    if match is None or not source:
        return 1
    try:
        text = Path(source).read_text(encoding="utf-8")
    except OSError:
        return 1
    heads = [number for number, line in enumerate(text.splitlines(), 1) if line.strip() == f"[[{match[1]}]]"]
    return heads[int(match[2])] if int(match[2]) < len(heads) else 1


def _escaped(text: str) -> str:
    """As GitHub's runner wants data: a command is one line."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
