"""Making a finding small: fewer faults, decisions and operations, a smaller world, plainer kinds, rounder times."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from meshsim.explore.finding import Finding, Signature, signatures_of
from meshsim.explore.shrinking.shrinker import RUNS_MAX, Shrinker, Shrunk
from meshsim.scenario.from_plan import scenario_of
from meshsim.scenario.plan import Plan

__all__ = ["RUNS_MAX", "Shrinker", "Shrunk", "shrunk"]


def shrunk(
    finding: Finding,
    *,
    signatures_of: Callable[[Plan], frozenset[Signature]] = signatures_of,
    runs_max: int = RUNS_MAX,
) -> Shrunk:
    """The smallest scenario that has a finding with the same signature; 1-minimal unless `runs_max` was reached.

    What the plan's scenario expects and knows goes first: a finding is about what must hold in every run.

    Args:
        finding: what is looked for, with a plan that shows it.
        signatures_of: what the run of a plan shows; runs it in virtual time when not given.
        runs_max: different plans that may be run.

    Raises:
        ValueError: the plan of the finding does not show it.
    """
    scenario = msgspec.structs.replace(scenario_of(finding.plan), expect=[], known=[], relax=[], caught_by=[])
    return Shrinker(lambda plan: finding.signature in signatures_of(plan), runs_max=runs_max).shrink(scenario)
