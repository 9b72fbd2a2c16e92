"""`meshsim sweep`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from meshsim.cli import INCONCLUSIVE, PASSED
from meshsim.cli.bar import bar
from meshsim.cli.console import err, table
from meshsim.cli.console import out as say
from meshsim.cli.errors import UsageError
from meshsim.cli.pace import pace_of, refuse_pace
from meshsim.cli.values import duration_ns, positive
from meshsim.model.quirks import ProfileName
from meshsim.report.comparison import COLUMNS, cells_of, column_texts
from meshsim.run.choosing import backends_for
from meshsim.run.limits import Limits
from meshsim.run.sweep import Sweep, run_sweep
from meshsim.scenario.load import load_scenarios
from meshsim.scenario.matrix import Value
from meshsim.scenario.plan import SEED_MAX, Plan, fits_profile, plan, with_profile
from meshsim.scenario.schema import BackendName
from meshsim.units import S


def sweep(
    scenario: Path,
    /,
    *,
    settings: Annotated[list[str] | None, Parameter(name="--set")] = None,
    seeds: int = 10,
    seed: int = 0,
    backend: BackendName = "sim",
    profile: ProfileName | None = None,
    jobs: int = 1,
    out: Path | None = None,
    max_wall: str = "5m",
    time_scale: float = 1.0,
    late_max: str | None = None,
) -> int:
    """Run a scenario with every combination of settings, many seeds each, and put numbers of all runs into one table.

    The table is `sweep.jsonl` below `--out`: a line for each run, written when the run is over. A sweep that was
    killed goes on where it was when it is started again with the same arguments; nothing that is done is repeated.
    `meshsim compare` makes pictures and sentences of it. A violated run is a result like any other: exit code 0.

    Parameters
    ----------
    scenario
        One scenario file.
    settings
        A key and the values it takes, `supervision_poll_frequency=1s,3s,10s`: an attribute of the configuration, or
        the dotted path of any key of the file (`profile=2026-03,fixed`, `quirks.Q18=true,false`,
        `topology.actors.0.controller=polling,streaming`). Once for each key; put over the file's own matrix.
    seeds
        How many seeds each combination has: the same for all.
    seed
        The first seed; the others follow it.
    backend
        Where to run: `sim` on objects, `lockstep` on real OS processes, `live` on such that run freely.
    profile
        Run under this profile instead of the file's.
    jobs
        How many processes run plans at the same time.
    out
        Folder for the table; `out/sweep-NAME` when not given.
    max_wall
        Give a run up after this wall time.
    time_scale
        `live`: wall time for virtual time; at 0.1 a run of 35 s takes 3.5 s, and every delay counts ten times.
    late_max
        `live`: a run in which something was later than this, in virtual time, is inconclusive; a fifth of the poll
        period when not given.
    """
    pace = pace_of(time_scale, late_max)
    refuse_pace(pace, is_live=backend == "live")
    chosen = parse_settings(settings or [])
    plans = _plans(scenario, chosen, positive("--seeds", seeds), seed, profile)
    if not backends_for(plans[0], backend):
        raise UsageError(f"{scenario}: it is for {' and '.join(plans[0].backends)}, not for --backend {backend}")
    place = (out or Path("out") / f"sweep-{plans[0].scenario}") / "sweep.jsonl"
    with bar(len(plans)) as show:
        done = 0

        def found(before: int) -> None:
            nonlocal done
            done = before
            show(done)

        def over(_: Plan) -> None:
            nonlocal done
            done += 1
            show(done)

        swept = run_sweep(
            Sweep(plans=plans, backend=backend, settings=chosen, seed=seed, seeds=seeds, profile=profile or ""),
            place,
            workers=positive("--jobs", jobs),
            pace=pace,
            limits=Limits(wall_s=duration_ns("--max-wall", max_wall) / S),
            found=found,
            over=over,
        )
    headers = ("setting", *COLUMNS)
    table(headers, [(cell.name, *column_texts(cell.rows)) for cell in cells_of(swept.rows)], right=COLUMNS)
    done = len(swept.rows) - swept.before
    say(f"table: {place}: {len(swept.rows)} runs, {done} of them now, {swept.before} before")
    if swept.lost:
        err(f"{swept.lost} runs were lost with their worker process: start again to repeat them")
    is_open = swept.lost or any(row.verdict == "inconclusive" for row in swept.rows)
    return INCONCLUSIVE if is_open else PASSED


def parse_settings(texts: Sequence[str]) -> dict[str, list[Value]]:
    """Keys and their values, as written after `--set`.

    Raises:
        UsageError: a text that is no setting, or a key that comes twice.
    """
    chosen: dict[str, list[Value]] = {}
    for text in texts:
        key, equals, values = text.partition("=")
        if not key or not equals or not all(part.strip() for part in values.split(",")):
            raise UsageError(f"--set: expected KEY=VALUE,VALUE…, got {text!r}")
        if key in chosen:
            raise UsageError(f"--set: {key} is given twice")
        chosen[key] = [_value(part.strip()) for part in values.split(",")]
    return chosen


def _value(text: str) -> Value:
    """A value as TOML would have it; text needs no quotes."""
    if text in ("true", "false"):
        return text == "true"
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text.strip("\"'")


def _plans(
    path: Path, settings: dict[str, list[Value]], seeds: int, seed: int, profile: ProfileName | None
) -> list[Plan]:
    if not 0 <= seed <= SEED_MAX - seeds:
        raise UsageError(f"--seed: expected a whole number from 0 to {SEED_MAX - seeds}, got {seed}")
    if profile is not None and "profile" in settings:
        raise UsageError("--profile: --set profile= says it already")
    loaded = load_scenarios(path, settings)
    plans = [plan(each, number) for each in loaded for number in range(seed, seed + seeds)]
    if profile is None:
        return plans
    plans = [with_profile(each, profile) for each in plans]
    if not fits_profile(plans[0]):
        raise UsageError(f"--profile {profile}: {path} is of another revision")
    return plans
