"""From paths on the command line to plans: everything is loaded and checked before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from meshsim.cli.console import err
from meshsim.cli.errors import UsageError
from meshsim.scenario.errors import ScenarioError
from meshsim.scenario.load import discover, load_scenarios
from meshsim.scenario.matrix import variant_label
from meshsim.scenario.plan import Plan, plan, with_profile


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
    """As `load`, when nothing may be wrong.

    Raises:
        UsageError: a file is not a good scenario (a line for each), or `variant` selects nothing.
        ScenarioError: there is no scenario file at one of the paths.
    """
    plans, errors = load(paths, seeds, profile)
    if errors:
        raise UsageError("\n".join(str(error) for error in errors))
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
