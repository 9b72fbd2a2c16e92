"""How long a live mesh takes to find out that a proc is dead, over many seeded runs at a poll period of 1 s.

    python -m benchmarks.detection [--runs 200] [--at-once 4] [--out reports/detection-live]

Each seed kills at another moment of the poll period. The runs mostly wait, so several go on at once. Beside each of
them another process forks children, kills them, and takes the time until their pidfds say so; what counts is what it
measured nearest to the moment of the run's own kill. Writes figure, numbers and page. Exit code 1 if a run told
nothing of the death, or was judged red.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from time import perf_counter

import msgspec
from rich.progress import track

from benchmarks.detection_page import FIGURE, write
from benchmarks.detection_study import Measured, Study, killed_after_ns, measured
from benchmarks.wake_up import WakeUps
from meshsim.cli.load import plans_of
from meshsim.run import Pace, run_plan
from meshsim.run.workers import WorkerDiedError, Workers
from meshsim.scenario.load import load_scenarios
from meshsim.scenario.plan import Plan
from meshsim.versions import versions

SCENARIO = Path("reports/detection-live/killed-proc.toml")
#: Bare wake-ups that count of each run, and seconds between two.
WAKE_UPS, GAP_S = 4, 0.1


class _Bench:
    """What a worker does: one run, with bare wake-ups beside it."""

    def __init__(self, plans: Sequence[Plan], pace: Pace) -> None:
        self._plans = plans
        self._pace = pace

    def __enter__(self) -> None:
        """Nothing is kept between runs."""

    def __exit__(self, *raised: object) -> None:
        """A run has ended its processes itself."""

    def do(self, index: int) -> bytes:
        began_ns = time.monotonic_ns()
        with WakeUps(GAP_S) as bare:
            result = run_plan(self._plans[index], "live", pace=self._pace)
        near = bare.nearest(began_ns + killed_after_ns(result), WAKE_UPS)
        return msgspec.msgpack.encode(measured(result, near))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection", description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=4)
    parser.add_argument("--time-scale", type=float, default=1.0)
    parser.add_argument("--scenario", type=Path, default=SCENARIO)
    parser.add_argument("--out", type=Path, default=SCENARIO.parent)
    options = parser.parse_args(arguments)
    study = study_of(options.scenario, options.runs, options.at_once, options.time_scale)
    for path in write(study, options.out):
        print(path)
    print("\n".join(study.words()))
    return 1 if study.findings() else 0


def study_of(scenario: Path, runs: int, at_once: int, time_scale: float = 1.0) -> Study:
    """Run seeds from 1 on, so many at once, until so many have found the death, or a tenth more have run."""
    load_before, started_s = os.getloadavg()[0], perf_counter()
    pace, most = Pace(time_scale=time_scale), runs + max(runs // 10, 1)
    found: list[Measured] = []
    while (missing := runs - sum(each.latency_ns is not None for each in found)) > 0 and len(found) < most:
        seeds = range(len(found) + 1, min(len(found) + missing, most) + 1)
        answers = _answers(plans_of([scenario], seeds=seeds), at_once, pace)
        found += track(answers, FIGURE, total=len(seeds), transient=True)
    return Study(
        versions=versions(),
        cores=os.cpu_count() or 1,
        load_before=round(load_before, 2),
        load_after=round(os.getloadavg()[0], 2),
        wall_s=round(perf_counter() - started_s, 1),
        time_scale=time_scale,
        at_once=at_once,
        asked=runs,
        window_ns=_window(scenario),
        runs=sorted(found, key=lambda each: each.seed),
    )


def _window(scenario: Path) -> tuple[int, int]:
    """What the first fault's moment is drawn from."""
    (fault,) = load_scenarios(scenario)[0].scenario.faults
    assert isinstance(fault.at, int), "the fault has a time"
    assert isinstance(fault.within, int), "which the seed draws"
    return int(fault.at), int(fault.at) + int(fault.within)


def _answers(plans: Sequence[Plan], at_once: int, pace: Pace) -> Iterator[Measured]:
    with Workers(min(at_once, len(plans)), _Bench(plans, pace)) as crew:
        for index, answer in crew.run(len(plans), lambda _: True):
            if isinstance(answer, WorkerDiedError):
                yield Measured(plans[index].seed, "inconclusive", str(answer))
            else:
                yield msgspec.msgpack.decode(answer, type=Measured)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit(130)
