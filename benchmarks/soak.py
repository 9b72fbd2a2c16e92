"""Many lockstep runs on a busy machine: the busiest scenarios again and again while burners take every core.

    python -m benchmarks.soak [--runs 500] [--burners 2] [--out reports]

What must not be: a red run, a digest that is not that of `sim`, a process or a file that is left over. What the
machine did not do in time is inconclusive, at most one run in a hundred. Exit code 1 otherwise.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import msgspec
import multiprocess
import psutil
from rich.progress import track

from meshsim.cli.load import plans_of
from meshsim.procs.launcher import RUN_MARKER
from meshsim.run import compared, run_plan
from meshsim.run.attended import attend
from meshsim.scenario.plan import Plan, plan_label

SUITE = Path("scenarios/fast")
SCENARIOS = 10
#: Share of the runs that may be inconclusive. Source: issue 4.
INCONCLUSIVE_MAX = 0.01


class Count(msgspec.Struct):
    """What became of the runs of one plan."""

    plan: Plan
    records: int
    outcomes: Counter[str] = msgspec.field(default_factory=Counter)
    #: First violation or reason of each run that did not pass.
    said: list[str] = []
    wall_s: list[float] = []


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--burners", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("reports"))
    options = parser.parse_args(arguments)
    counts = busiest(SCENARIOS)
    before = _files()
    started = perf_counter()
    with burning(options.burners):
        for index in track(range(options.runs), "", transient=True):
            _run(counts[index % len(counts)])
    wall_s = perf_counter() - started
    left = [f"process {each}" for each in leftovers()] + [f"file {each}" for each in sorted(_files() - before)]
    lines = page(counts, options.burners, wall_s, left)
    (options.out / "soak.md").write_text("\n".join(lines), encoding="utf-8")
    sys.stdout.write("\n".join(lines))
    return 1 if findings(counts, left) else 0


def busiest(count: int) -> list[Count]:
    """The plans of the fast suite whose traces are longest, one for each file; `sim` says how long they are."""
    found: dict[str, Count] = {}
    for plan in plans_of([SUITE]):
        if "lockstep" in plan.backends and plan.source not in found:
            found[plan.source] = Count(plan, len(run_plan(plan, "sim").records))
    return sorted(found.values(), key=lambda each: (-each.records, each.plan.source))[:count]


def findings(counts: Sequence[Count], left: Sequence[str]) -> list[str]:
    """What must not be."""
    outcomes = sum((each.outcomes for each in counts), Counter[str]())
    found = [line for each in counts for line in each.said if each.outcomes["violated"]]
    if outcomes["inconclusive"] > INCONCLUSIVE_MAX * outcomes.total():
        found.append(f"{outcomes['inconclusive']} of {outcomes.total()} runs were inconclusive")
    return [*found, *(f"left over: {each}" for each in left)]


def leftovers() -> list[str]:
    """Processes that carry the marker of a run of this process, and children of this process."""
    marker = f"{os.getpid()}-"
    found = [f"{child.pid} {child.name()}" for child in psutil.Process().children(recursive=True)]
    for process in psutil.process_iter():
        try:
            if process.environ().get(RUN_MARKER, "").startswith(marker):
                found.append(f"{process.pid} {process.name()}")
        except psutil.Error:
            continue  # Gone since the listing, or somebody else's.
    return found


@contextmanager
def burning(count: int) -> Iterator[None]:
    """So many processes that do nothing but compute."""
    context = multiprocess.get_context("fork")
    burners = [context.Process(target=_burn, args=(os.getpid(),)) for _ in range(count)]
    for burner in burners:
        burner.start()
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.join()


def _burn(parent: int) -> None:
    attend(parent)
    while True:
        sum(range(100_000))


def _run(count: Count) -> None:
    result = compared(run_plan(count.plan, "sim"), run_plan(count.plan, "lockstep"))
    count.outcomes[result.verdict.outcome] += 1
    count.wall_s.append(result.wall_s)
    if result.verdict.outcome != "passed":
        count.said.append(f"{plan_label(count.plan)}: {result.verdict.reason}")


def _files() -> set[str]:
    """Where a run could leave a socket, shared memory or a temporary file."""
    return {f"{folder}/{name}" for folder in ("/dev/shm", "/tmp") for name in os.listdir(folder) if "meshsim" in name}


def page(counts: Sequence[Count], burners: int, wall_s: float, left: Sequence[str]) -> list[str]:
    total = sum(each.outcomes.total() for each in counts)
    lines = [
        "# Soak",
        "",
        f"Made by `make soak`: {total} lockstep runs in {wall_s:.0f} s on {os.cpu_count()} cores,",
        f"{burners} burners beside. Each digest was compared with that of `sim`.",
        "",
        "| scenario | records | passed | violated | inconclusive | wall, median | wall, longest |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for each in counts:
        walls = sorted(each.wall_s)
        verdicts = " | ".join(str(each.outcomes[name]) for name in ("passed", "violated", "inconclusive"))
        lines.append(
            f"| {plan_label(each.plan)} | {each.records} | {verdicts} | {walls[len(walls) // 2]:.2f} s "
            f"| {walls[-1]:.2f} s |"
        )
    found = findings(counts, left)
    said = [f"- {line}" for each in counts for line in each.said]
    return [*lines, "", *(found or ["Nothing red, no digest that differs, nothing left over."]), *said, ""]


if __name__ == "__main__":
    sys.exit(main())
