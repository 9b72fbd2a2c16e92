"""`meshsim run`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from meshsim.cli import INCONCLUSIVE, PASSED, VIOLATED, console
from meshsim.cli.console import err, table
from meshsim.cli.errors import UsageError
from meshsim.cli.load import plans_of
from meshsim.model.quirks import ProfileName
from meshsim.report.findings import finding_lines, headline
from meshsim.run import RunResult, compared, prepare, program_of, reproduce_line, run_plan, write_run
from meshsim.scenario.matrix import variant_label
from meshsim.scenario.plan import Plan, plan_label
from meshsim.units import format_duration

#: Version of the lines that `--json` prints.
JSON_SCHEMA = 1

_DIGEST_DIGITS = 12


class Kept(NamedTuple):
    """A result and the run directory it was written to."""

    result: RunResult
    place: Path


def run(
    *paths: Path,
    backend: Literal["sim", "lockstep", "both"] = "both",
    seed: int | None = None,
    variant: str | None = None,
    profile: ProfileName | None = None,
    out: Path = Path("out"),
    report: Path | None = None,
    json: bool = False,
) -> int:
    """Run scenarios and judge them.

    All files are loaded and checked before the first process starts. Every run is kept as a directory below `--out`.
    Where a plan runs on both backends the digests must be equal.

    Parameters
    ----------
    paths
        Scenario files, or folders of them; the folder `scenarios` when none is given.
    backend
        Where to run: `sim` on objects, `lockstep` on real OS processes, `both` on those the scenario names.
    seed
        Run with this seed instead of those in the file.
    variant
        Only the variant of a scenario's matrix with this label, e.g. `poll=1s`.
    profile
        Run under this profile instead of the file's: `2026-03` has every quirk, `fixed` none;
        `2025-11` is an older revision of the modelled system.
    out
        Folder for run directories.
    report
        Also write a page about the runs, to a file or as `index.html` into a folder, and a `timeline.svg` into each
        run directory.
    json
        One JSON object a line on standard output, and nothing else.
    """
    plans = plans_of(paths or (Path("scenarios"),), seed=seed, variant=variant, profile=profile)
    jobs = jobs_of(plans, backend)
    kept = run_jobs(jobs, out, print_json if json else None)
    if not json:
        _print_summary(kept)
    if report is not None:
        _write_report(kept, report, json=json)
    return exit_code(kept)


def jobs_of(plans: Sequence[Plan], wanted: str) -> list[tuple[Plan, tuple[str, ...]]]:
    """Each plan with the backends it will run on; plans that are not for the wanted one are named and left out."""
    jobs = [(plan, plan.backends if wanted == "both" else (wanted,)) for plan in plans]
    for line in dict.fromkeys(
        f"{plan.source}: not run: it is for {' and '.join(plan.backends)}, not for {wanted}"
        for plan, backends in jobs
        if not set(backends) <= set(plan.backends)
    ):
        err(line)
    chosen = [(plan, backends) for plan, backends in jobs if set(backends) <= set(plan.backends)]
    if not chosen:
        raise UsageError(f"--backend {wanted}: none of the scenarios is for it")
    return chosen


def run_jobs(
    jobs: Sequence[tuple[Plan, tuple[str, ...]]], out: Path, done: Callable[[Kept], None] | None = None
) -> list[Kept]:
    """Run plans on their backends and keep the results below `out`; `done` is called with each as soon as it is there.

    Raises:
        ScenarioError: a class that a plan names cannot be imported; nothing has run.
        OutputError: `out` cannot be written.
    """
    for plan, _ in jobs:
        program_of(plan)
    prepare(out)
    with _progress(sum(len(backends) for _, backends in jobs)) as advance:
        return [one for plan, backends in jobs for one in _run_one(plan, backends, out, advance, done)]


def _run_one(
    plan: Plan,
    backends: Sequence[str],
    out: Path,
    advance: Callable[[str], None],
    done: Callable[[Kept], None] | None,
) -> list[Kept]:
    """Run one plan on its backends and keep the results."""
    results: dict[str, RunResult] = {}
    kept = []
    # `sim` first: it is what `lockstep` is compared with.
    for backend in sorted(backends, key=lambda name: name != "sim"):
        advance(f"{plan_label(plan)} {backend}")
        result = run_plan(plan, backend)
        if backend == "lockstep" and "sim" in results:
            result = compared(results["sim"], result)
        results[backend] = result
        kept.append(Kept(result, write_run(result, out)))
        if done is not None:
            done(kept[-1])
    return kept


def exit_code(kept: Sequence[Kept]) -> int:
    outcomes = {one.result.verdict.outcome for one in kept}
    if "violated" in outcomes:
        return VIOLATED
    return INCONCLUSIVE if "inconclusive" in outcomes else PASSED


def print_json(one: Kept) -> None:
    result = one.result
    value = {
        "schema": JSON_SCHEMA,
        "scenario": result.plan.scenario,
        "variant": variant_label(result.plan.variant),
        "profile": result.plan.profile,
        "backend": result.backend,
        "seed": result.plan.seed,
        "verdict": result.verdict.outcome,
        "reason": result.verdict.reason,
        "violations": result.verdict.violations,
        "digest": result.digest,
        "virtual_ns": result.virtual_ns,
        "wall_s": result.wall_s,
        "run_dir": str(one.place),
    }
    console.out(msgspec.json.encode(value).decode())


def _print_summary(kept: Sequence[Kept]) -> None:
    table(
        ("scenario", "backend", "seed", "verdict", "virtual", "wall", "digest"),
        [_row(one.result) for one in kept],
        right=("seed", "virtual", "wall"),
    )
    print_findings(kept)


def print_findings(kept: Sequence[Kept]) -> None:
    """What is wrong with each run that did not pass, and how many did."""
    for number, one in enumerate(kept):
        if one.result.verdict.outcome != "passed":
            _print_red(one, kept[:number])
    counts = {outcome: sum(one.result.verdict.outcome == outcome for one in kept) for outcome in ("passed", "violated")}
    other = len(kept) - sum(counts.values())
    console.out()
    counted = f"{len(kept)} runs: {counts['passed']} passed, {counts['violated']} violated, {other} inconclusive"
    pairs = _pairs([one.result for one in kept])
    equal = sum(one.digest == other.digest for one, other in pairs)
    console.out(f"{counted}; {equal} of {len(pairs)} pairs with equal digests" if pairs else counted)


def _pairs(results: Sequence[RunResult]) -> list[tuple[RunResult, RunResult]]:
    """Runs of one plan on two backends. They come one after the other."""
    return [(one, other) for one, other in pairwise(results) if one.plan == other.plan]


def _row(result: RunResult) -> tuple[str, ...]:
    plan = result.plan
    return (
        plan_label(plan),
        result.backend,
        str(plan.seed),
        result.verdict.outcome,
        format_duration(result.virtual_ns),
        result.wall_text,
        result.digest[:_DIGEST_DIGITS],
    )


def _print_red(one: Kept, before: Sequence[Kept]) -> None:
    """What was violated, the records that led to it, and how to see it again."""
    result = one.result
    console.out()
    console.out(headline(result))
    twin = next((other for other in before if _is_same(other.result, result)), None)
    if twin is not None:
        console.out(f"  the same as on {twin.result.backend}, record for record")
    else:
        for line in finding_lines(result):
            console.out(f"  {line}")
    console.out(f"  kept in {one.place}")
    console.out(f"  reproduce: {reproduce_line(result)}")


def _is_same(one: RunResult, other: RunResult) -> bool:
    """Whether two runs of one plan left equal traces, and so were judged alike."""
    return one.plan == other.plan and one.digest == other.digest and one.verdict == other.verdict


def _write_report(kept: Sequence[Kept], place: Path, *, json: bool) -> None:
    from meshsim.cli.report import write_report, write_timelines

    write_timelines(kept)
    page = write_report([one.result for one in kept], place)
    (err if json else console.out)(f"report: {page}")


@contextmanager
def _progress(total: int) -> Iterator[Callable[[str], None]]:
    """A bar on standard error while it is a terminal; nothing otherwise. Call with what comes next."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=total)
        started = False

        def advance(name: str) -> None:
            nonlocal started
            progress.update(task, advance=1 if started else 0, description=name)
            started = True

        yield advance
