"""The runs of a report without repetition: those of one plan that left the same trace are one, for several worlds."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from meshsim.run import RunResult
from meshsim.run.choosing import BACKENDS, VIRTUAL
from meshsim.scenario.plan import plan_label


class Told(msgspec.Struct, frozen=True):
    """A trace, and where it came from."""

    #: The plan as people name it: scenario, variant, profile.
    scenario: str
    seed: int
    #: The worlds that left this trace: `sim`, or `sim = lockstep`.
    backends: str
    #: What its times are, see `clock_of`.
    clock: str
    run: RunResult


def clock_of(run: RunResult) -> str:
    """What the times of a trace are: `virtual`, or `wall` of a world whose processes run freely; `scaled wall` where
    that runs faster or slower than the scenario says.
    """
    if run.backend in VIRTUAL:
        return "virtual"
    return "wall" if run.timing is None or run.timing.time_scale == 1 else "scaled wall"


def told(results: Iterable[RunResult]) -> list[Told]:
    """The different traces, sorted by plan, seed and world."""
    alike: dict[tuple[str, int, str, str], list[RunResult]] = {}
    for run in results:
        key = (plan_label(run.plan), run.plan.seed, clock_of(run), run.digest)
        alike.setdefault(key, []).append(run)
    found = []
    for (label, seed, clock, _), runs in alike.items():
        worlds = sorted({run.backend for run in runs}, key=_order)
        found.append(Told(label, seed, " = ".join(worlds), clock, runs[0]))
    return sorted(found, key=lambda each: (each.scenario, each.seed, _order(each.backends), each.run.digest))


def _order(worlds: str) -> int:
    """Simulation first; `sim = lockstep` is where its first is."""
    return BACKENDS.index(worlds.partition(" ")[0])
