"""One mutant against the fast suite, in a process of its own: prints what noticed it, as one line of JSON.

python -m tests.mutants.trial ID SCENARIO…      (without a mutant when ID is `none`)
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from tests.mutants.mutant import install, load_mutants


class Kill(msgspec.Struct, frozen=True):
    """One run that did not pass."""

    scenario: str
    #: Ids of what was violated; empty when the run was inconclusive.
    violated: tuple[str, ...]
    #: Why it was inconclusive, in its first line.
    reason: str = ""


class Trial(msgspec.Struct, frozen=True):
    """What the suite made of one mutant."""

    runs: int
    kills: tuple[Kill, ...]


def try_out(id: str, paths: list[Path]) -> Trial:
    """Run the suite in simulation under `fixed`, with one mutant or none."""
    if id != "none":
        install(load_mutants()[id])
    # Not before: the model must be imported as the mutant has it.
    from meshsim.cli.load import plans_of
    from meshsim.run import Limits, run_plan

    # A mutant may do the same for ever; a healthy run has a few thousand records.
    limits = Limits(steps=300_000, records=300_000, wall_s=60)
    kills = []
    plans = [plan for plan in plans_of(paths, profile="fixed") if "sim" in plan.backends]
    for plan in plans:
        verdict = run_plan(plan, "sim", limits=limits).verdict
        if verdict.outcome == "violated":
            kills.append(Kill(plan.scenario, tuple(dict.fromkeys(each.invariant for each in verdict.violations))))
        elif verdict.outcome == "inconclusive":
            kills.append(Kill(plan.scenario, (), verdict.reason.splitlines()[-1]))
    return Trial(len(plans), tuple(kills))


if __name__ == "__main__":
    trial = try_out(sys.argv[1], [Path(path) for path in sys.argv[2:]])
    sys.stdout.write(msgspec.json.encode(trial).decode() + "\n")
