"""All measurements, and how much of each."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from time import perf_counter

import msgspec

from benchmarks.comparison import Comparison
from benchmarks.exploring import compare_exploring
from benchmarks.live_mesh import compare_live_mesh
from benchmarks.polling import compare_polling
from benchmarks.processes import compare_processes
from benchmarks.report import Report, show, write
from benchmarks.simulation import Size, compare_simulation
from benchmarks.stepping import compare_stepping


class Extent(msgspec.Struct, frozen=True, kw_only=True):
    """How much is measured."""

    sizes: tuple[Size, ...] = (Size(2, 5), Size(2, 500), Size(8, 1250))
    sim_rounds: int = 9
    sim_messages: int = 20_000
    step_rounds: int = 15
    steps: int = 1_000
    polls: int = 60
    poll_rounds: int = 5
    procs: tuple[int, ...] = (1, 64, 256)
    proc_rounds: int = 3
    #: Hosts, and procs on each.
    live: tuple[int, int] = (8, 32)
    live_rounds: int = 1
    explore_rounds: int = 5
    explore_runs: int = 100


def measure(extent: Extent) -> list[Comparison]:
    """All comparisons, one after the other. Says on standard error what is under way."""
    comparisons = []
    for size in extent.sizes:
        _say(f"sim, {size.ranks:,} ranks")
        comparisons += compare_simulation(size, rounds=extent.sim_rounds, messages=extent.sim_messages)
    _say("lockstep")
    comparisons += compare_stepping(rounds=extent.step_rounds, steps=extent.steps)
    _say("lockstep, whole runs")
    comparisons.append(
        compare_polling(hosts=2, per_host=8, polls=extent.polls, rounds=extent.poll_rounds, pings=extent.steps)
    )
    for procs in extent.procs:
        _say(f"{procs} procs")
        comparisons += compare_processes(procs, rounds=extent.proc_rounds)
    _say(f"live, {extent.live[0] * extent.live[1]} procs")
    comparisons += compare_live_mesh(*extent.live, rounds=extent.live_rounds)
    _say("explore")
    comparisons += compare_exploring(rounds=extent.explore_rounds, runs=extent.explore_runs)
    return comparisons


def benchmark(extent: Extent, out: Path) -> Report:
    """Measure, print and write; the report."""
    load_before = os.getloadavg()[0]
    started_s = perf_counter()
    comparisons = measure(extent)
    report = Report.of(comparisons, load_before=load_before, wall_s=perf_counter() - started_s)
    show(report)
    for path in write(report, out):
        print(path)
    return report


def _say(what: str) -> None:
    print(f"benchmark: {what}", file=sys.stderr)
