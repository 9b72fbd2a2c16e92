"""`meshsim quirks`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from meshsim.cli import PASSED
from meshsim.cli.console import out as say
from meshsim.cli.console import table
from meshsim.cli.findings import exit_code, print_findings, print_json
from meshsim.cli.load import plans_of
from meshsim.cli.run import jobs_of, run_jobs
from meshsim.model.quirks import ABSENT, PROFILES, QUIRKS, SIDES, Quirk
from meshsim.run import Outcome, Settings
from meshsim.scenario.matrix import variant_label
from meshsim.scenario.plan import Plan, with_profile

#: Where scenarios that show quirks are, seen from the folder that `meshsim` is called in.
_SHIPPED = Path("scenarios/quirks")
_JSON_SCHEMA = 1
#: Verdicts from good to bad: a cell of the table holds the worst of its runs.
_WORSE = ("passed", "inconclusive", "violated")
_NOT_RUN = "-"


def quirks(
    path: Path | None = None,
    /,
    *,
    run: bool = False,
    backend: Literal["sim", "lockstep", "both"] = "both",
    out: Path = Path("out/quirks"),
    json: bool = False,
) -> int:
    """Say what surprises in the modelled system: every quirk, in which profiles it is on, and what shows it.

    With `--run`, run what shows them with all quirks and with none: the finding is there with its quirk and gone
    without.

    Parameters
    ----------
    path
        A scenario file, or a folder of them, that shows quirks; `scenarios/quirks` when none is given. Or the id of a
        quirk, such as `Q18`: what there is to say about that one.
    run
        Run the scenarios under `2026-03` and `fixed`, and print quirk by profile and backend. Exit codes as of `run`.
    backend
        Where to run: `sim` on objects, `lockstep` on real OS processes, `both` on those the scenario names.
    out
        Folder for run directories.
    json
        One JSON object a line: the quirks, or with `--run` the runs, as `run` prints them.
    """
    if run:
        return _run(path or _SHIPPED, backend, out, json=json)
    one = None if path is None or path.exists() else QUIRKS.get(str(path))
    if one is not None:
        path = None
    plans = plans_of([path or _SHIPPED]) if path is not None or _SHIPPED.is_dir() else []
    showing = scenarios_by_quirk(plans)
    if json:
        for quirk in QUIRKS.values() if one is None else [one]:
            say(_line(quirk, showing[quirk.id]))
        return PASSED
    if one is not None:
        return _say(one, showing[one.id])
    table(
        ("quirk", "section", *PROFILES, "what happens", "when turned off", "shown by"),
        [
            (
                quirk.id,
                quirk.section,
                *(_default(quirk, profile) for profile in PROFILES),
                quirk.sentence,
                quirk.off,
                ", ".join(showing[quirk.id]) or _NOT_RUN,
            )
            for quirk in QUIRKS.values()
        ],
    )
    return PASSED


def _say(quirk: Quirk, shown_by: Sequence[str]) -> int:
    """One quirk, in lines that fit a screen."""
    say(f"{quirk.id}: {quirk.sentence}")
    if quirk.off:
        say(f"  turned off: {quirk.off}")
    say(f"  section {quirk.section}; on in {', '.join(_profiles(quirk)) or 'no profile'}")
    if shown_by:
        say(f"  shown by {', '.join(shown_by)}")
    return PASSED


def quirks_of(plan: Plan) -> set[str]:
    """The quirks that a scenario is about: known findings name them, and conditions of expectations."""
    conditions = {quirk for each in plan.expect for quirk in (each.if_quirk, each.unless_quirk) if quirk is not None}
    return conditions | {known.quirk for known in plan.known}


def scenarios_by_quirk(plans: Iterable[Plan]) -> dict[str, list[str]]:
    """Names of the scenarios that show each quirk, in the order of the plans."""
    showing: dict[str, list[str]] = {quirk: [] for quirk in QUIRKS}
    for plan in plans:
        for quirk in quirks_of(plan):
            if plan.scenario not in showing[quirk]:
                showing[quirk].append(plan.scenario)
    return showing


def _profiles(quirk: Quirk) -> list[str]:
    """Profiles in which the model shows this quirk."""
    return [name for name, off in PROFILES.items() if quirk.id not in off]


def _default(quirk: Quirk, profile: str) -> str:
    """How a quirk is in a profile: on, off, or not there at all."""
    if quirk.id in ABSENT.get(profile, ()):
        return _NOT_RUN
    return "off" if quirk.id in PROFILES[profile] else "on"


def _line(quirk: Quirk, scenarios: Sequence[str]) -> str:
    value = {
        "schema": _JSON_SCHEMA,
        "id": quirk.id,
        "sentence": quirk.sentence,
        "section": quirk.section,
        "profiles": _profiles(quirk),
        "off": quirk.off,
        "scenarios": scenarios,
    }
    return msgspec.json.encode(value).decode()


def _run(path: Path, backend: str, out: Path, *, json: bool) -> int:
    """Every scenario on both sides: one that asks for a profile of its own as well as others."""
    plans = [with_profile(plan, profile) for plan in plans_of([path]) for profile in SIDES]
    suite = run_jobs(jobs_of(plans, backend), Settings(out=out), print_json if json else None)
    if not json:
        _print_verdicts(suite.outcomes)
        print_findings(suite)
    return exit_code(suite)


def _print_verdicts(outcomes: Sequence[Outcome]) -> None:
    backends = sorted({one.backend for one in outcomes}, key=lambda name: name != "sim")
    columns = [(profile, backend) for profile in SIDES for backend in backends]
    cells: dict[tuple[str, str], dict[tuple[str, str], str]] = {}
    for one in outcomes:
        plan, column = one.plan, (one.plan.profile, one.backend)
        for quirk in quirks_of(plan) or {_NOT_RUN}:
            row = cells.setdefault((quirk, _name(plan)), {})
            row[column] = max(row.get(column, _WORSE[0]), one.verdict.outcome, key=_WORSE.index)
    order = {quirk: number for number, quirk in enumerate(QUIRKS)}
    rows = sorted(cells, key=lambda row: (order.get(row[0], len(order)), row[1]))
    table(
        ("quirk", "scenario", *(f"{profile} {backend}" for profile, backend in columns)),
        [(*row, *(cells[row].get(column, _NOT_RUN) for column in columns)) for row in rows],
    )


def _name(plan: Plan) -> str:
    return f"{plan.scenario} [{variant_label(plan.variant)}]" if plan.variant else plan.scenario
