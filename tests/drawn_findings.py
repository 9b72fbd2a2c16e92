"""Findings to shrink: faults drawn around the plain scenarios, each seed the same ones everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import count
from pathlib import Path
from random import Random

import msgspec

from meshsim.explore.finding import Finding, Signature, findings_of
from meshsim.explore.space import Space
from meshsim.run import run_plan
from meshsim.scenario.load import load_scenarios
from meshsim.scenario.plan import Plan, plan

FOLDER = Path(__file__).parents[1] / "scenarios" / "explore"
FAULTS = 12


def found(faults: int = FAULTS) -> Iterator[Finding]:
    """One finding after the other, each with another signature and so many faults."""
    seen: set[Signature] = set()
    for seed in count():
        random = Random(seed)
        world, space = _worlds()[seed % len(_worlds())]
        case = msgspec.structs.replace(world, faults=space.draw(random, count=faults))
        result = run_plan(case, "sim")
        new = [each for each in findings_of(case, result.records, result.verdict) if each.signature not in seen]
        if new and len(case.faults) >= faults:
            finding = random.choice(new)
            seen.add(finding.signature)
            yield finding


@cache
def _worlds() -> tuple[tuple[Plan, Space], ...]:
    """The plain scenarios, and what can go wrong in each."""
    plans = [plan(load_scenarios(path)[0], 0) for path in sorted(FOLDER.glob("plain*.toml"))]
    return tuple((each, Space.of(each)) for each in plans)
