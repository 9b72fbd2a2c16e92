"""What commands print about runs: a table, what is wrong with each that did not pass, how many there are of each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import msgspec

from meshsim.cli import INCONCLUSIVE, PASSED, VIOLATED, console
from meshsim.cli.console import table
from meshsim.report.findings import finding_lines
from meshsim.report.margins import closest_text
from meshsim.run import Outcome, Suite
from meshsim.run.choosing import VIRTUAL
from meshsim.scenario.matrix import variant_label
from meshsim.scenario.plan import plan_label
from meshsim.units import format_duration

#: Version of the lines that `--json` prints.
JSON_SCHEMA = 1

_DIGEST_DIGITS = 12
_VERDICTS = ("passed", "violated", "inconclusive")


def exit_code(suite: Suite, *, allow_inconclusive: bool = False) -> int:
    """1 if a run was violated; 3 if one was inconclusive, or not begun for want of time."""
    outcomes = {each.verdict.outcome for each in suite.outcomes}
    if "violated" in outcomes:
        return VIOLATED
    is_open = "inconclusive" in outcomes or bool(suite.left)
    return INCONCLUSIVE if is_open and not allow_inconclusive else PASSED


def print_json(one: Outcome) -> None:
    value = {
        "schema": JSON_SCHEMA,
        "scenario": one.plan.scenario,
        "variant": variant_label(one.plan.variant),
        "profile": one.plan.profile,
        "backend": one.backend,
        "seed": one.plan.seed,
        "verdict": one.verdict.outcome,
        "reason": one.verdict.reason,
        "violations": one.verdict.violations,
        "margins": one.verdict.margins,
        "digest": one.digest,
        "virtual_ns": one.virtual_ns,
        "wall_s": one.wall_s,
        "run_dir": one.place,
    }
    console.out(msgspec.json.encode(value).decode())


def print_table(outcomes: Sequence[Outcome]) -> None:
    table(
        ("scenario", "backend", "seed", "verdict", "closest", "virtual", "wall", "digest"),
        [_row(one) for one in outcomes],
        right=("seed", "virtual", "wall"),
    )


def print_seeds(outcomes: Sequence[Outcome]) -> None:
    """A row for each plan and backend, whatever the seed: how many seeds ended how, what came closest to a
    bound, and the longest run.
    """
    rows: dict[tuple[str, str], list[Outcome]] = {}
    for one in outcomes:
        rows.setdefault((plan_label(one.plan), one.backend), []).append(one)
    table(
        ("scenario", "backend", "seeds", *_VERDICTS, "closest", "slowest"),
        [
            (
                label,
                backend,
                str(len(runs)),
                *(str(sum(each.verdict.outcome == name for each in runs)) for name in _VERDICTS),
                closest_text([each.verdict for each in runs]),
                max(runs, key=lambda each: each.wall_s).wall_text,
            )
            for (label, backend), runs in rows.items()
        ],
        right=("seeds", *_VERDICTS, "slowest"),
    )


def print_findings(suite: Suite) -> None:
    """What is wrong with each run that did not pass, and how many did."""
    outcomes = suite.outcomes
    for number, one in enumerate(outcomes):
        if one.verdict.outcome != "passed":
            _print_red(one, outcomes[:number])
    for one in outcomes:
        if one.lateness:
            console.out(f"{plan_label(one.plan)} {one.backend}, seed {one.plan.seed}: {one.lateness}")
    console.out()
    console.out(summary(suite))
    if suite.left:
        runs = sum(len(job.backends) for job in suite.left)
        console.out(f"{runs} runs of {len(suite.left)} plans were not begun: {suite.why_left}")


def summary(suite: Suite) -> str:
    """How many runs ended how, and how many of the things that must be equal were."""
    outcomes = suite.outcomes
    counts = {name: sum(each.verdict.outcome == name for each in outcomes) for name in ("passed", "violated")}
    other = len(outcomes) - sum(counts.values())
    parts = [f"{len(outcomes)} runs: {counts['passed']} passed, {counts['violated']} violated, {other} inconclusive"]
    virtual = [each for each in outcomes if each.backend in VIRTUAL]
    pairs = [(one, other) for one, other in pairwise(virtual) if one.plan is other.plan]
    if pairs:
        equal = sum(one.digest == other.digest for one, other in pairs)
        parts.append(f"{equal} of {len(pairs)} pairs with equal digests")
    repeated = sum(each.is_repeated for each in outcomes)
    if repeated:
        parts.append(f"{repeated} run twice")
    return "; ".join(parts)


def _row(one: Outcome) -> tuple[str, ...]:
    return (
        plan_label(one.plan),
        one.backend,
        str(one.plan.seed),
        one.verdict.outcome,
        closest_text([one.verdict]),
        format_duration(one.virtual_ns),
        one.wall_text,
        one.digest[:_DIGEST_DIGITS],
    )


def _print_red(one: Outcome, before: Sequence[Outcome]) -> None:
    """What was violated, the records that led to it, and how to see it again."""
    console.out()
    console.out(f"{one.verdict.outcome}: {plan_label(one.plan)} on {one.backend}, seed {one.plan.seed}")
    twin = next((other for other in reversed(before[-2:]) if _is_same(other, one)), None)
    if twin is not None:
        console.out(f"  the same as on {twin.backend}, record for record")
    else:
        for line in finding_lines(one.verdict, one.evidence, one.plan.quirks_off):
            console.out(f"  {line}")
    if one.place:
        console.out(f"  kept in {one.place}")
    console.out(f"  reproduce: {one.reproduce}")


def _is_same(one: Outcome, other: Outcome) -> bool:
    """Whether two runs of one plan left equal traces, and so were judged alike."""
    return one.plan is other.plan and one.digest == other.digest and one.verdict == other.verdict
