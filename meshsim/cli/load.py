"""From paths on the command line to plans: everything is loaded and checked before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec import UNSET

from meshsim.cli.console import err
from meshsim.cli.errors import UsageError
from meshsim.model.quirks import REVISION_OF
from meshsim.scenario.errors import ScenarioError
from meshsim.scenario.load import discover, load_scenarios
from meshsim.scenario.matrix import variant_label
from meshsim.scenario.plan import Plan, fits_profile, plan, with_profile


class Loaded(NamedTuple):
    """The plans of some files, and what is wrong with the others."""

    plans: list[Plan]
    errors: list[ScenarioError]


def load(paths: Sequence[Path], seeds: Sequence[int] | None = None, profile: str | None = None) -> Loaded:
    """The plan of every scenario in the files and folders, variant by variant, seed by seed.

    `seeds` replace those that the files name, `profile` their profile.

    Raises:
        ScenarioError: there is no scenario file at one of the paths.
    """
    loaded = Loaded([], [])
    for path in discover(paths):
        try:
            for scenario in load_scenarios(path):
                chosen = scenario.scenario.seeds if seeds is None else seeds
                plans = [plan(scenario, each) for each in chosen]
                loaded.plans.extend(plans if profile is None else [with_profile(each, profile) for each in plans])
        except ScenarioError as error:
            loaded.errors.append(error)
    return loaded


def plans_of(
    paths: Sequence[Path],
    *,
    seeds: Sequence[int] | None = None,
    variant: str | None = None,
    profile: str | None = None,
) -> list[Plan]:
    """As `load`, when nothing may be wrong. What does not fit `profile` is named and left out: it is of another
    revision, or must be caught under its own profile.

    Raises:
        UsageError: a file is not a good scenario (a line for each), `variant` selects nothing, or no scenario is of
            the revision of `profile`.
        ScenarioError: there is no scenario file at one of the paths.
    """
    plans, errors = load(paths, seeds, profile)
    if errors:
        raise UsageError("\n".join(str(error) for error in errors))
    if profile is not None:
        plans = _of_its_revision(plans, profile)
    if variant is None:
        return plans
    chosen = [plan for plan in plans if variant_label(plan.variant) == variant]
    for source in dict.fromkeys(each.source for each in plans):
        if chosen and all(each.source != source for each in chosen):
            err(f"{source}: not run: it has no variant {variant}")
    if not chosen:
        known = sorted({variant_label(plan.variant) for plan in plans} - {""})
        raise UsageError(f"--variant: expected one of {', '.join(known) or '(no variants here)'}, got {variant!r}")
    return chosen


def _of_its_revision(plans: Sequence[Plan], profile: str) -> list[Plan]:
    """Those that were written for the revision of the profile, and may run under it."""
    wanted = REVISION_OF[profile]
    for line in dict.fromkeys(f"{each.source}: not run: {_why_not(each)}" for each in plans if not fits_profile(each)):
        err(line)
    fitting = [each for each in plans if fits_profile(each)]
    if any(each.caught_by is not UNSET for each in plans) and not fitting:
        raise UsageError(f"--profile {profile}: none of the scenarios is meant for it")
    if plans and not fitting:
        raise UsageError(f"--profile {profile}: none of the scenarios is of its revision, {wanted}")
    return fitting


def _why_not(plan: Plan) -> str:
    """Why a plan does not fit the profile that it was given."""
    own = str(plan.replaced_profile)
    if REVISION_OF[own] != REVISION_OF[plan.profile]:
        return f"it is of revision {REVISION_OF[own]}, not of {REVISION_OF[plan.profile]}"
    return f"what is planted in it must be caught under {own}, not under {plan.profile}"
