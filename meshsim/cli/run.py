"""`meshsim run`."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from meshsim.cli.bounds import warn
from meshsim.cli.console import err
from meshsim.cli.console import out as say
from meshsim.cli.errors import UsageError
from meshsim.cli.findings import exit_code, print_findings, print_json, print_seeds, print_table
from meshsim.cli.load import plans_of
from meshsim.cli.pace import pace_of, refuse_pace
from meshsim.cli.progress import PlainView, Progress, View, leftover_words
from meshsim.cli.values import duration_ns, positive, share
from meshsim.model.quirks import ProfileName
from meshsim.report.findings import evidence_of
from meshsim.report.github import annotation_lines, step_summary
from meshsim.report.junit import junit_xml
from meshsim.run import (
    Job,
    Keep,
    Limits,
    Outcome,
    OutputError,
    Settings,
    Suite,
    check_writable,
    read_run,
    repeat_share,
    run_suite,
    write_whole,
)
from meshsim.run.choosing import Wanted, backends_for
from meshsim.scenario.plan import Plan
from meshsim.scenario.streams import DRAWN_SEED_MAX, drawn_seeds
from meshsim.units import S

_LIMITS = Limits()

#: How progress is shown: in place, in lines, or not.
How = Literal["live", "plain", "none"]


def run(
    *paths: Path,
    backend: Wanted = "both",
    seed: int | None = None,
    seeds: int | None = None,
    variant: str | None = None,
    profile: ProfileName | None = None,
    out: Path = Path("out"),
    keep: Keep = "all",
    jobs: int = 1,
    fail_fast: bool = False,
    time_budget: str | None = None,
    allow_inconclusive: bool = False,
    check_determinism: str | None = None,
    time_scale: float = 1.0,
    late_max: str | None = None,
    max_steps: int = _LIMITS.steps,
    max_records: int = _LIMITS.records,
    max_virtual: str | None = None,
    max_wall: str = "5m",
    report: Path | None = None,
    junit: Path | None = None,
    json: bool = False,
    progress: Literal["auto", "plain", "none"] = "auto",
    verbose: Annotated[bool, Parameter(alias="-v")] = False,
) -> int:
    """Run scenarios and judge them.

    All files are loaded and checked before the first process starts. Every run is kept as a directory below `--out`.
    Where a plan runs on both backends the digests must be equal. On GitHub what is wrong is annotated in the files, and
    a table is added to the job's page.

    Parameters
    ----------
    paths
        Scenario files, or folders of them; the folder `scenarios` when none is given.
    backend
        Where to run: `sim` on objects, `lockstep` on real OS processes, `both` on those the scenario names; `live` on
        processes that run freely, by the wall clock, what is for `lockstep`; `all` on all three.
    seed
        Run with this seed instead of those in the file; the variable MESHSIM_SEED does the same.
    seeds
        Run with so many seeds, drawn from `--seed`, or from one drawn anew and named on standard error.
    variant
        Only the variant of a scenario's matrix with this label, e.g. `poll=1s`.
    profile
        Run under this profile instead of the file's: `2026-03` has every quirk, `fixed` none;
        `2025-11` is an older revision of the modelled system. Scenarios of another revision are left out.
    out
        Folder for run directories.
    keep
        Which runs get a directory: `all`, `red` (those that did not pass), or `none`.
    jobs
        How many processes run plans at the same time.
    fail_fast
        Begin no run after the first that is violated.
    time_budget
        Begin no run after this wall time, e.g. `10m`; what is not begun makes the whole inconclusive.
    allow_inconclusive
        End with 0 although runs were inconclusive or not begun.
    check_determinism
        Run this share of the plans again, e.g. `10%`, in another process with another hash seed: digests must be equal.
    time_scale
        `live`: wall time for virtual time; at 0.1 a run of 35 s takes 3.5 s, and every delay counts ten times.
    late_max
        `live`: a run in which something was later than this, in virtual time, is inconclusive; a fifth of the poll
        period when not given.
    max_steps
        Give a run up after so many events fed to its nodes.
    max_records
        Give a run up when its trace has more records.
    max_virtual
        Give a run up at this virtual time, e.g. `1h`, if its horizon is later.
    max_wall
        Give a run up after this wall time.
    report
        Also write a page about the runs, to a file or as `index.html` into a folder, and a `timeline.svg` into each
        run directory.
    junit
        Also write a JUnit XML file: a test case for each run.
    json
        One JSON object a line on standard output, and nothing else.
    progress
        How standard error says how far it is: `plain`, a line now and then; `none`; `auto`, in place on a terminal
        (what runs, verdicts so far, slowest runs, time left, processes left over) and nothing elsewhere.
    verbose
        Plain lines where standard error is not a terminal.
    """
    if report is not None and keep != "all":
        raise UsageError(f"--report: needs the runs that --keep {keep} throws away")
    settings = Settings(
        pace=pace_of(time_scale, late_max),
        out=out,
        keep=keep,
        workers=positive("--jobs", jobs),
        fail_fast=fail_fast,
        budget_s=None if time_budget is None else duration_ns("--time-budget", time_budget) / S,
        limits=Limits(
            steps=positive("--max-steps", max_steps),
            records=positive("--max-records", max_records),
            virtual_ns=None if max_virtual is None else duration_ns("--max-virtual", max_virtual),
            wall_s=duration_ns("--max-wall", max_wall) / S,
        ),
    )
    seed = _seed_of(os.environ) if seed is None else seed
    drawn = None if seeds is None else draw_seeds(positive("--seeds", seeds), seed)
    chosen_seeds = drawn or (None if seed is None else [seed])
    plans = plans_of(paths or (Path("scenarios"),), seeds=chosen_seeds, variant=variant, profile=profile)
    chosen = jobs_of(plans, backend)
    is_live = any("live" in job.backends for job in chosen)
    refuse_pace(settings.pace, is_live=is_live)
    if is_live and check_determinism is not None:
        raise UsageError("--check-determinism: no two runs on `live` have the same digest")
    warn([job.plan for job in chosen])
    if check_determinism is not None:
        chosen = repeat_share(chosen, share("--check-determinism", check_determinism))
    if junit is not None:
        check_writable(junit)
    how = _how(progress, verbose=verbose, json=json)
    suite = run_jobs(chosen, settings, print_json if json else None, how)
    if not json:
        (print_table if drawn is None else print_seeds)(suite.outcomes)
        print_findings(suite)
    if report is not None:
        _write_report(suite, report, json=json)
    if junit is not None:
        write_whole(junit, junit_xml(suite, allow_inconclusive=allow_inconclusive))
    _tell_github(suite, os.environ)
    return exit_code(suite, allow_inconclusive=allow_inconclusive)


def jobs_of(plans: Sequence[Plan], wanted: str) -> list[Job]:
    """Each plan with the backends it will run on; plans that are not for the wanted one are named and left out."""
    jobs = [Job(plan, backends_for(plan, wanted)) for plan in plans]
    chosen = [job for job in jobs if job.backends]
    for line in dict.fromkeys(
        f"{job.plan.source}: not run: it is for {' and '.join(job.plan.backends)}, not for {wanted}"
        for job in jobs
        if not job.backends
    ):
        err(line)
    if not chosen:
        raise UsageError(f"--backend {wanted}: none of the scenarios is for it")
    return chosen


def run_jobs(
    jobs: Sequence[Job], settings: Settings, done: Callable[[Outcome], None] | None = None, how: How | None = None
) -> Suite:
    """Run jobs and show how far they are; `done` is called with each outcome, in the order of the jobs.

    Without `how` it is shown on a terminal only, while `done` does not write to it.

    Raises:
        ScenarioError: a class that a plan names cannot be imported; nothing has run.
        OutputError: the output folder cannot be written.
    """
    shown = how or _how("auto", verbose=False, json=done is not None)
    with _progress(jobs, settings.workers, shown) as progress:
        tell = done or (lambda _: None)
        if progress is None:
            return run_suite(jobs, settings, evidence_of, done=tell)
        return run_suite(
            jobs,
            settings,
            evidence_of,
            began=progress.began,
            over=progress.over,
            tick=progress.tick,
            done=tell,
        )


def draw_seeds(count: int, base: int | None) -> list[int]:
    """`count` different seeds. Without a base one is drawn, and named, so that the same can be had again."""
    if base is None:
        base = secrets.randbelow(DRAWN_SEED_MAX)
        err(f"seeds drawn from --seed {base}")
    return drawn_seeds(count, base)


def _seed_of(environment: Mapping[str, str]) -> int | None:
    text = environment.get("MESHSIM_SEED", "")
    if not text:
        return None
    if not text.isdecimal():
        raise UsageError(f"MESHSIM_SEED: expected a whole number, got {text!r}")
    return int(text)


def _write_report(suite: Suite, place: Path, *, json: bool) -> None:
    from meshsim.cli.report import write_report, write_timelines

    kept = [(read_run(Path(each.place)), Path(each.place)) for each in suite.outcomes]
    write_timelines(kept)
    page = write_report([result for result, _ in kept], place)
    (err if json else say)(f"report: {page}")


def _tell_github(suite: Suite, environment: Mapping[str, str]) -> None:
    """What GitHub's runner reads: workflow commands from standard error, and the file it names for a summary."""
    if environment.get("GITHUB_ACTIONS") == "true":
        for line in annotation_lines(suite):
            sys.stderr.write(f"{line}\n")
    if place := environment.get("GITHUB_STEP_SUMMARY"):
        try:
            with open(place, "a", encoding="utf-8") as file:
                file.write(step_summary(suite))
        except OSError as error:
            raise OutputError(f"GITHUB_STEP_SUMMARY: {place}: {error.strerror}") from None


@contextmanager
def _progress(jobs: Sequence[Job], workers: int, how: How) -> Iterator[Progress | None]:
    """Progress on standard error, in place or in lines; None when nobody is to see any."""
    if how == "none":
        yield None
        return
    with ExitStack() as stack:
        view: View = PlainView(err)
        if how == "live":
            from rich.console import Console

            from meshsim.cli.live_view import live_view

            view = stack.enter_context(live_view(Console(stderr=True)))
        progress = Progress(jobs, workers, view)
        yield progress
    progress.look()
    if progress.leftovers:
        err(leftover_words(progress.leftovers))


def _how(wanted: Literal["auto", "plain", "none"], *, verbose: bool, json: bool) -> How:
    """In place only on a terminal that nothing else is written to meanwhile."""
    if wanted != "auto":
        return wanted
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not (json and sys.stdout.isatty()):
        return "live"
    return "plain" if verbose else "none"
