"""`meshsim campaign` and `meshsim campaign report`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from meshsim.campaign.batch import RUNS
from meshsim.campaign.history import history_of
from meshsim.campaign.ledger import Ledger, findings_in
from meshsim.campaign.report import summary, write_report
from meshsim.campaign.running import Campaign, Progress, run_campaign
from meshsim.campaign.scheduling import Local, Scheduler
from meshsim.campaign.tables import Shrunk, tables_of
from meshsim.cli import INCONCLUSIVE, PASSED, VIOLATED
from meshsim.cli.console import err, table
from meshsim.cli.console import out as say
from meshsim.cli.errors import UsageError
from meshsim.cli.explore import StrategyName, kinds_of, to_explore
from meshsim.cli.keeping import written
from meshsim.cli.progress_line import progress_line
from meshsim.cli.values import duration_ns, positive
from meshsim.explore.space import Space
from meshsim.explore.strategies import STRATEGIES
from meshsim.explore.understanding import Lead
from meshsim.model.quirks import ProfileName
from meshsim.run.directory import OutputError, prepare
from meshsim.run.limits import Limits
from meshsim.scenario.plan import Plan, plan_label
from meshsim.units import S

app = App(name="campaign", result_action="return_value")


@app.default
def campaign(
    scenarios: Annotated[list[Path], Parameter(name="SCENARIO")],
    /,
    *,
    time: str | None = None,
    rounds: int | None = None,
    strategy: Annotated[list[StrategyName] | None, Parameter(consume_multiple=True)] = None,
    faults: Annotated[list[str] | None, Parameter(consume_multiple=True)] = None,
    jobs: int = 1,
    seed: int = 0,
    profile: ProfileName | None = None,
    ledger: Path = Path("out/campaign.sqlite"),
    scheduler: str | None = None,
    batch_runs: int = RUNS,
    max_wall: str = "30s",
) -> int:
    """Explore many scenarios for a long time, with a ledger of everything that was found.

    A campaign goes round by round: a batch of runs for each scenario and each strategy. A batch is an exploration of
    its own, so it finds the same wherever and whenever it runs. It is in the ledger as soon as it is over: a campaign
    that was killed goes on where it was when it is started again.

    Parameters
    ----------
    scenarios
        Scenario files or folders.
    time
        Begin no batch after this wall time, counted from this start: `1h`.
    rounds
        Stop when every scenario and strategy has so many batches in the ledger.
    strategy
        Strategies that take turns, see `meshsim explore`; all when not given.
    faults
        Kinds of faults that may strike, as `meshsim faults` names them; all when not given.
    jobs
        How many processes run batches at the same time, on this machine.
    seed
        What all luck comes from.
    profile
        Explore under this profile instead of the files'.
    ledger
        The file to begin or to go on with.
    scheduler
        Address of a Dask scheduler, such as `tcp://10.0.0.1:8786`, whose workers run the batches; needs the extra
        `campaign`.
    batch_runs
        How many runs a batch has.
    max_wall
        Give a run up after this wall time.
    """
    if time is None and rounds is None:
        raise UsageError("expected --time, --rounds or both: a campaign has no end of its own")
    kinds = kinds_of(faults or [])
    asked = Campaign(
        plans=_plans(scenarios, profile, kinds),
        strategies=tuple(dict.fromkeys(strategy or STRATEGIES)),
        seed=seed,
        kinds=kinds,
        runs=positive("--batch-runs", batch_runs),
        rounds=None if rounds is None else positive("--rounds", rounds),
        time_s=None if time is None else duration_ns("--time", time) / S,
        limits=Limits(wall_s=duration_ns("--max-wall", max_wall) / S, records=1_000_000),
    )
    with Ledger(ledger) as book, _scheduler(scheduler, positive("--jobs", jobs)) as chosen, _shown() as tell:
        progress = run_campaign(asked, book, chosen, jobs=jobs, tell=tell)
    return _told(progress, ledger)


app.command(campaign, name="run", help="The same, for folders that are called like a command.")


@app.command
def report(*ledgers: Path, out: Path | None = None, shrink: bool = False, jobs: int = 1) -> int:
    """Say what campaigns found: what each strategy cost and gave, when each finding was made, and what was lost.

    Strategies are compared by their own working time: the wall time of their batches, one after the other.

    Parameters
    ----------
    ledgers
        Ledgers of campaigns; a campaign may be running.
    out
        Also write a page with figures here, `index.html`, the same as `report.md`, and each figure as SVG and PNG.
    shrink
        Shrink each finding, say which quirks it is of, and write it as a scenario file below `--out`.
    jobs
        How many processes shrink at the same time.
    """
    if not ledgers:
        raise UsageError("expected a ledger of a campaign")
    if shrink and out is None:
        raise UsageError("--shrink: needs --out, for the scenario files")
    histories = [history_of(path) for path in ledgers]
    for each in tables_of(histories):
        say(f"{each.title}:")
        table(each.headers, each.rows, right=tuple(each.right))
        say()
    say(summary(histories))
    if out is not None:
        prepare(out)
        shrunk = _shrunk(ledgers, out / "findings", positive("--jobs", jobs)) if shrink else None
        try:
            say(f"page: {write_report(histories, out, shrunk)}")
        except OSError as error:
            raise OutputError(f"{out}: cannot write the page: {error.strerror}") from None
    return PASSED


def _shrunk(ledgers: Sequence[Path], folder: Path, jobs: int) -> Shrunk:
    """Each distinct finding, in its smallest form, as a file in the folder."""
    findings = {finding.signature: finding for path in reversed(ledgers) for finding in findings_in(path)}
    prepare(folder)
    shrunk = {}
    for each, path in written([Lead(finding) for finding in findings.values()], folder, jobs=jobs):
        faults = f"{each.faults} of {each.faults_before} faults"
        shrunk[each.signature] = (str(each.quirks), faults, f"findings/{path.name}")
    return shrunk


def _plans(paths: list[Path], profile: ProfileName | None, kinds: tuple[str, ...]) -> tuple[Plan, ...]:
    """The plans in which the chosen faults can do something."""
    plans = to_explore(paths, profile)
    struck = tuple(plan for plan in plans if not kinds or set(kinds) & set(Space.of(plan).kinds))
    if not struck:
        raise UsageError(f"--faults: none of {', '.join(kinds)} can do anything in any scenario")
    for plan in plans:
        if plan not in struck:
            err(f"{plan_label(plan)} is left out: none of {', '.join(kinds)} can do anything there")
    return struck


@contextmanager
def _scheduler(address: str | None, jobs: int) -> Iterator[Scheduler]:
    if address is None:
        yield Local(jobs)
        return
    from meshsim.campaign.cluster import connected

    with connected(address) as cluster:
        yield cluster


def _told(progress: Progress, ledger: Path) -> int:
    for scenario, run, why in progress.lost:
        err(f"run {run} of a batch of {scenario} was lost: {why}")
    for broken in progress.broken:
        err(f"{broken.batch} was lost, start again to repeat it: {broken.why}")
    found = findings_in(ledger)
    say(
        f"{ledger}: {progress.batches} batches now, {progress.before} before; {progress.runs} runs now, "
        f"{len(found)} distinct findings; `meshsim campaign report {ledger}` tells of them"
    )
    if found:
        return VIOLATED
    return INCONCLUSIVE if progress.broken else PASSED


@contextmanager
def _shown() -> Iterator[Callable[[Progress], None]]:
    """A line for each batch."""
    with progress_line() as show:

        def tell(progress: Progress) -> None:
            total = "" if progress.left is None else f" of {progress.left}"
            show(
                progress.elapsed_s,
                f"{progress.batches}{total} batches, {progress.runs} runs, "
                f"{progress.runs / progress.elapsed_s:.0f}/s, "
                f"{len(progress.signatures)} findings, {len(progress.lost)} runs lost",
            )

        yield tell
