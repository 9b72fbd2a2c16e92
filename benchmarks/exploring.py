"""Runs and decisions per second of `meshsim explore`, beside timeouts per second of bare SimPy.

The first plain scenario, 60 virtual seconds, cases of strategy `random`; running, judging, telling findings apart and
coverage included. In one process, by its CPU time: `--jobs` adds cores, and forks once in 128 runs.
"""

from __future__ import annotations

import gc
from pathlib import Path
from time import process_time

import simpy

from benchmarks.comparison import Aim, Comparison
from meshsim.explore.running import explored
from meshsim.explore.space import Space
from meshsim.explore.strategies import Random
from meshsim.scenario.load import load_scenarios
from meshsim.scenario.plan import plan

PLAIN = Path(__file__).parents[1] / "scenarios" / "explore" / "plain.toml"

#: Source: issue 6.
AIM = Aim("value", "least", 300)

#: Timeouts of one bare run: about as many as a run has messages.
_EVENTS = 200


def compare_exploring(*, rounds: int, runs: int) -> list[Comparison]:
    """Each round makes this many runs, then as many bare ones."""
    world = plan(load_scenarios(PLAIN)[0], 0)
    space = Space.of(world)
    strategy = Random(world, space, 0, space.kinds)
    speeds: list[float] = []
    decisions: list[float] = []
    bare: list[float] = []
    gc.collect()
    for number in range(rounds):
        cases = [strategy.propose(each) for each in range(number * runs, (number + 1) * runs)]
        started_s = process_time()
        done = [explored(case) for case in cases]
        took_s = process_time() - started_s
        speeds.append(runs / took_s)
        made = sum(each.decisions for each in done) + sum(len(case.plan.faults) for case in cases)
        decisions.append(made / took_s)
        started_s = process_time()
        for _ in range(runs):
            _bare()
        bare.append(runs / (process_time() - started_s))
    return [
        Comparison(
            name="explore, plain scenario",
            unit="runs/s",
            ours=speeds,
            bare_name=f"SimPy runs of {_EVENTS} timeouts/s",
            bare=bare,
            aim=AIM,
        ),
        Comparison(name="explore, decisions", unit="decisions/s", ours=decisions),
    ]


def _bare() -> None:
    env = simpy.Environment(initial_time=0)

    def ticks() -> simpy.events.ProcessGenerator:
        for _ in range(_EVENTS):
            yield env.timeout(1)

    env.process(ticks())
    env.run()
