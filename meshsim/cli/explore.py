"""`meshsim explore`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from meshsim.cli import PASSED, VIOLATED
from meshsim.cli.console import err, table
from meshsim.cli.console import out as say
from meshsim.cli.errors import UsageError
from meshsim.cli.exhaustive import exhaust
from meshsim.cli.keeping import keep
from meshsim.cli.load import plans_of
from meshsim.cli.progress_line import progress_line
from meshsim.cli.values import duration_ns, positive
from meshsim.explore.explorer import Exploration, NothingToDoError, Task
from meshsim.explore.explorer import explore as explore_plans
from meshsim.explore.understanding import Lead
from meshsim.faults.menu import MENU
from meshsim.model.quirks import ProfileName
from meshsim.model.tags import tag_of
from meshsim.run.limits import Limits
from meshsim.scenario.matrix import variant_label
from meshsim.scenario.plan import Plan
from meshsim.units import S

StrategyName = Literal["random", "swarm", "pct", "guided", "exhaustive"]

#: Runs of an exploration that is told neither a number nor a time. Source: chosen here, some seconds of one core.
_RUNS = 1_000


def explore(
    scenarios: Annotated[list[Path], Parameter(name="SCENARIO")],
    /,
    *,
    strategy: StrategyName = "random",
    faults: Annotated[list[str] | None, Parameter(consume_multiple=True)] = None,
    runs: int | None = None,
    time: str | None = None,
    jobs: int = 1,
    seed: int | None = None,
    until_first: bool = False,
    targets: Annotated[list[str] | None, Parameter(consume_multiple=True)] = None,
    at_most: int | None = None,
    within: str | None = None,
    profile: ProfileName | None = None,
    max_wall: str = "30s",
    out: Path | None = None,
    ways: int = 1,
) -> int:
    """Search for faults, times and orders that violate an invariant, around what a scenario does.

    Everything runs in virtual time. What is found is told apart by signature: invariant, kind of machine, what led to
    it. The same seed and number of runs find the same, however many jobs there are.

    Parameters
    ----------
    scenarios
        Scenario files or folders; several take turns. Their own faults stay.
    strategy
        `random`: one to four faults of any kind at any time. `swarm`: few kinds a run, many faults. `pct`: few faults,
        and orders of bounded depth with a stated probability. `guided`: changes cases that reached something new.
        `exhaustive`: everything within a bound, see `--at-most` and `--within`; ends in "0 left" or says how much is.
    faults
        Kinds of faults that may strike, as `meshsim faults` names them; all when not given.
    runs
        How many runs to make; 1000 when neither this nor `--time` is given, and all when the search is exhaustive.
    time
        Stop after this wall time: `5m`.
    jobs
        How many processes run cases at the same time.
    seed
        What all luck comes from, 0 when not given; not for `exhaustive`, which has none.
    until_first
        Stop when something is found.
    targets
        `exhaustive` alone: whom faults may strike, `host0`, or a mesh for each of its ranks; everybody when not given.
    at_most
        `exhaustive` alone: how many faults a case has at most, 2 when not given.
    within
        `exhaustive` alone: when faults strike and orders change, `10s..20s`; the second poll period when not given.
    profile
        Explore under this profile instead of the files'.
    max_wall
        Give a run up after this wall time.
    out
        Folder for what is found: each finding is shrunk to the smallest scenario that shows it, asked which quirks of
        the modelled system it is of, and written as a scenario file. Nothing is shrunk or written when not given.
    ways
        With `--out`: shrink each finding in so many ways, if runs came to it by faults of other kinds.
    """
    plans = to_explore(scenarios, profile)
    positive("--ways", ways)
    if strategy == "exhaustive":
        if seed is not None:
            raise UsageError("--seed: not for --strategy exhaustive, which draws nothing")
        return exhaust(
            plans,
            kinds_of(faults or []),
            targets=targets or (),
            at_most=2 if at_most is None else at_most,
            within=within,
            runs=None if runs is None else positive("--runs", runs),
            time_s=None if time is None else duration_ns("--time", time) / S,
            jobs=positive("--jobs", jobs),
            until_first=until_first,
            limits=_limits(max_wall),
            out=out,
        )
    for option, value in (("--targets", targets), ("--at-most", at_most), ("--within", within)):
        if value is not None:
            raise UsageError(f"{option}: for --strategy exhaustive alone, got {strategy}")
    task = Task(
        plans=plans,
        strategy=strategy,
        seed=0 if seed is None else seed,
        kinds=kinds_of(faults or []),
        runs=_RUNS if runs is None and time is None else None if runs is None else positive("--runs", runs),
        time_s=None if time is None else duration_ns("--time", time) / S,
        jobs=positive("--jobs", jobs),
        until_first=until_first,
        limits=_limits(max_wall),
    )
    try:
        with _progress() as tell:
            result = explore_plans(task, tell)
    except NothingToDoError as error:
        raise UsageError(f"--faults: {error}") from None
    _tell_result(result)
    if out is not None and result.found:
        leads = [Lead(found.finding, tuple(found.others.cases)) for found in result.found.values()]
        keep(leads, out, jobs=task.jobs, ways=ways)
    return VIOLATED if result.found else PASSED


def _limits(max_wall: str) -> Limits:
    return Limits(wall_s=duration_ns("--max-wall", max_wall) / S, records=1_000_000)


def to_explore(paths: list[Path], profile: ProfileName | None) -> tuple[Plan, ...]:
    """The plan of each scenario, under its first seed."""
    plans: dict[tuple[str, str], Plan] = {}
    for each in plans_of(paths, profile=profile):
        plans.setdefault((each.source, variant_label(each.variant)), each)
    return tuple(plans.values())


def kinds_of(names: list[str]) -> tuple[str, ...]:
    known = [tag_of(kind) for kind in MENU]
    kinds = [part.strip() for name in names for part in name.split(",") if part.strip()]
    for kind in kinds:
        if kind not in known:
            raise UsageError(f"--faults: no kind of fault is called {kind!r}; `meshsim faults` lists them")
    return tuple(dict.fromkeys(kinds))


def _tell_result(result: Exploration) -> None:
    rows = [
        (
            str(signature),
            str(found.count),
            str(found.run),
            found.finding.plan.scenario,
            str(len(found.finding.plan.faults)),
        )
        for signature, found in result.found.items()
    ]
    if rows:
        table(("finding", "runs", "first", "scenario", "faults"), rows, right=("runs", "first", "faults"))
    for lost in result.lost:
        err(f"run {lost.run} of {lost.scenario} was lost: {lost.why}")
    if result.about:
        say(result.about)
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in sorted(result.outcomes.items()))
    say(
        f"{result.runs} runs ({outcomes}), {result.runs_per_s:.0f} runs/s, {len(result.found)} distinct findings, "
        f"{len(result.coverage)} features of the model reached"
    )


@contextmanager
def _progress() -> Iterator[Callable[[Exploration], None]]:
    """A line for each generation."""
    with progress_line() as show:

        def tell(result: Exploration) -> None:
            most = sorted(result.violated.items(), key=lambda item: (-item[1], item[0]))[:3]
            violated = ", ".join(f"{invariant} {count}" for invariant, count in most)
            show(
                result.elapsed_s,
                f"{result.runs} runs, {result.runs_per_s:.0f}/s, {len(result.found)} findings, "
                f"{len(result.coverage)} features; violated: {violated or 'nothing'}",
            )

        yield tell
