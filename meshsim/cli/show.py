"""`meshsim show`."""

from __future__ import annotations

from pathlib import Path
from textwrap import wrap

from msgspec import UNSET

from meshsim.cli import PASSED
from meshsim.cli.console import out, table
from meshsim.cli.load import plans_of
from meshsim.cli.words import expectation_words, known_words, timetable, world_lines
from meshsim.model.quirks import ProfileName
from meshsim.scenario.plan import Plan, encode_plan, plan_label


def show(
    path: Path,
    /,
    *,
    seed: int | None = None,
    variant: str | None = None,
    profile: ProfileName | None = None,
    json: bool = False,
) -> int:
    """Show the plan of a scenario, in words and as a table. Nothing is run.

    Parameters
    ----------
    path
        A scenario file, or a folder of them.
    seed
        Seed of the plan, instead of those in the file.
    variant
        Only the variant of the scenario's matrix with this label, e.g. `poll=1s`.
    profile
        The plan under this profile instead of the file's.
    json
        The plans as JSON, one a line: what `plan.json` of a run directory holds.
    """
    for number, plan in enumerate(
        plans_of([path], seeds=None if seed is None else [seed], variant=variant, profile=profile)
    ):
        if json:
            out(encode_plan(plan).decode().rstrip("\n"))
            continue
        if number:
            out()
        _show(plan)
    return PASSED


def _show(plan: Plan) -> None:
    out(f"{plan_label(plan)}, seed {plan.seed}, on {' and '.join(plan.backends)}  ({plan.source})")
    for line in wrap(" ".join(plan.about.split()), width=96):
        out(f"  {line}")
    out()
    for line in world_lines(plan):
        out(f"  {line}")
    out()
    table(("when", "what", "how"), timetable(plan))
    _list("expected", [expectation_words(expectation, plan.quirks_off) for expectation in plan.expect])
    _list("known", [known_words(known, plan.quirks_off) for known in plan.known])
    _list("must be caught by", [] if plan.caught_by is UNSET else list(plan.caught_by))
    _list("not judged", [f"{relaxed.invariant}: {relaxed.reason}" for relaxed in plan.relax])


def _list(title: str, lines: list[str]) -> None:
    if lines:
        out()
        out(title)
        for number, line in enumerate(lines):
            out(f"  {number}  {line}")
