"""Each plan in all three worlds, in `live` many times: whether they are equivalent (docs/equivalence.md)."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Literal

import msgspec

from meshsim.drive.timing import Late
from meshsim.run.directory import prepare, write_run
from meshsim.run.execute import RunResult, compared, run_plan
from meshsim.run.likeness import Reference
from meshsim.run.limits import Limits
from meshsim.run.pace import Pace
from meshsim.run.program import program_of
from meshsim.run.replay import replay
from meshsim.run.workers import Work, WorkerDiedError, Workers
from meshsim.scenario.plan import Plan, plan_label
from meshsim.trace.records import ProcessStarted, RunEnded
from meshsim.versions import versions

#: Version of certificate.json.
CERTIFICATE_SCHEMA = 1

#: Processes that a machine starts fast enough for the time scale that is asked for. Chosen here: starting one takes a
#: core some ten milliseconds, so a scenario with more of them runs slower, in proportion.
PROCESSES = 8

Standing = Literal["equivalent", "inconclusive", "red"]


class LiveRun(msgspec.Struct, frozen=True, kw_only=True):
    """One live run of a plan."""

    outcome: Standing
    #: What it tells: what `sim` tells, or what simulations tell that are as `late`; empty when neither.
    like: str = ""
    #: Why it is not equivalent.
    reason: str = ""
    #: What was latest in it, virtual nanoseconds; empty and 0 when nothing was measured.
    latest: str = ""
    late_ns: int = 0
    wall_s: float = 0.0
    #: Things that its nodes took and that were fed to the model again, which did the same; None when it was not.
    replayed: int | None = None
    #: Its run directory; empty when it is not kept.
    place: str = ""


class Certified(msgspec.Struct, frozen=True, kw_only=True):
    """One plan: what its runs came to."""

    scenario: str
    source: str
    seed: int
    #: Whether `lockstep` left the trace of `sim`; None when it was not asked, or could not say.
    twins: bool | None = None
    #: Why they did not, or why nobody knows.
    twins_why: str = ""
    live: tuple[LiveRun, ...] = ()
    #: Wall time for virtual time of its live runs.
    time_scale: float = 1.0
    #: How many different accounts of the plan are allowed, as far as they were seen: that of `sim`, and those of
    #: simulations that were as late as the live runs.
    outcomes: int = 0
    #: What was not compared, and why.
    not_compared: str = ""

    def count(self, standing: Standing) -> int:
        return sum(run.outcome == standing for run in self.live)

    @property
    def replayed(self) -> int:
        """Live runs whose nodes the model did the same as."""
        return sum(run.replayed is not None for run in self.live)

    @property
    def latest(self) -> LiveRun | None:
        """The run in which something was latest."""
        return max(self.live, key=lambda run: run.late_ns, default=None)


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where and how it was done."""

    platform: str
    cores: int
    versions: dict[str, str]
    #: Average number of processes that wanted to run, over the last minute, at the beginning and at the end.
    load_before: float
    load_after: float


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """All of it."""

    schema: int = CERTIFICATE_SCHEMA
    command: str
    repeats: int
    time_scale: float
    jobs: int
    wall_s: float
    machine: Machine
    #: Plans that were not begun or not finished: the certificate is a part.
    missing: int
    rows: list[Certified]

    def count(self, standing: Standing) -> int:
        return sum(row.count(standing) for row in self.rows)

    @property
    def live_runs(self) -> int:
        return sum(len(row.live) for row in self.rows)

    @property
    def share(self) -> float:
        """Equivalent live runs of all; 1 when there is none."""
        return self.count("equivalent") / self.live_runs if self.live_runs else 1.0

    def twins(self, is_same: bool) -> int:
        return sum(row.twins is is_same for row in self.rows)


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """How it is to be done."""

    repeats: int
    time_scale: float
    jobs: int
    limits: Limits
    #: Where live runs are kept that are not equivalent; nowhere when not given.
    keep: Path | None = None


@contextmanager
def measured_machine() -> Iterator[Callable[[], tuple[Machine, float]]]:
    """Call at the end for the machine and the wall time since the beginning, seconds."""
    begun, load_before = perf_counter(), os.getloadavg()[0]

    def now() -> tuple[Machine, float]:
        machine = Machine(
            platform=platform.platform(),
            cores=os.cpu_count() or 1,
            versions=versions(),
            load_before=round(load_before, 2),
            load_after=round(os.getloadavg()[0], 2),
        )
        return machine, perf_counter() - begun

    yield now


def certify(
    plans: Sequence[Plan],
    order: Order,
    over: Callable[[int, Certified], None],
    tick: Callable[[], None] = lambda: None,
) -> None:
    """Run and compare every plan; `over` is called with the index of each as soon as it is done.

    Raises:
        ScenarioError: a class that a plan names cannot be imported; nothing has run.
        OutputError: `order.keep` cannot be written.
    """
    for plan in plans:
        program_of(plan)
    if order.keep is not None:
        prepare(order.keep)
    # The longest first, so that none of them is left to be waited for alone.
    sequence = sorted(range(len(plans)), key=lambda index: -plans[index].horizon)
    bench = _Bench([plans[index] for index in sequence], order)
    with Workers(min(order.jobs, len(plans)), bench) as crew:
        for place, answer in crew.run(len(plans), lambda _: True, tick):
            over(sequence[place], bench.answered(place, answer))


class _Bench(Work):
    """What each worker does."""

    def __init__(self, plans: Sequence[Plan], order: Order) -> None:
        self._plans = plans
        self._order = order

    def do(self, index: int) -> bytes:
        return msgspec.msgpack.encode(_certified(self._plans[index], self._order))

    def answered(self, index: int, data: bytes | WorkerDiedError) -> Certified:
        """In the parent: what a worker sent, or that it died."""
        if isinstance(data, WorkerDiedError):
            lost = LiveRun(outcome="inconclusive", reason=str(data))
            return msgspec.structs.replace(_row(self._plans[index]), live=(lost,) * self._order.repeats)
        return msgspec.msgpack.decode(data, type=Certified)


def _row(plan: Plan) -> Certified:
    return Certified(scenario=plan_label(plan), source=plan.source, seed=plan.seed)


def _certified(plan: Plan, order: Order) -> Certified:
    row = _row(plan)
    if "lockstep" not in plan.backends:
        why = f"the scenario is for {' and '.join(plan.backends)}: it does what real processes cannot"
        return msgspec.structs.replace(row, not_compared=why)
    sim = run_plan(plan, "sim", limits=order.limits)
    twin = run_plan(plan, "lockstep", limits=order.limits)
    twins, why = _twins(sim, twin)
    if not sim.records or not isinstance(sim.records[-1].what, RunEnded):
        row = msgspec.structs.replace(row, twins=twins, twins_why=why)
        return msgspec.structs.replace(row, not_compared=f"sim came to no end: {sim.verdict.reason}")
    reference = Reference(plan)
    processes = sum(isinstance(record.what, ProcessStarted) for record in reference.records)
    pace = Pace(time_scale=order.time_scale * max(1.0, processes / PROCESSES))
    live = tuple(_live_run(plan, order, pace, reference, number) for number in range(order.repeats))
    return msgspec.structs.replace(
        row, twins=twins, twins_why=why, live=live, time_scale=pace.time_scale, outcomes=reference.outcomes
    )


def _twins(sim: RunResult, lockstep: RunResult) -> tuple[bool | None, str]:
    """Whether the two left one trace, and why not."""
    for result in (sim, lockstep):
        if result.verdict.outcome == "inconclusive":
            return None, f"{result.backend} was inconclusive: {result.verdict.reason}"
    if sim.digest == lockstep.digest:
        return True, ""
    return False, compared(sim, lockstep).verdict.reason


def _live_run(plan: Plan, order: Order, pace: Pace, reference: Reference, number: int) -> LiveRun:
    result = run_plan(plan, "live", limits=order.limits, pace=pace, reference=reference)
    latest = None if result.timing is None else result.timing.latest
    run = msgspec.structs.replace(
        _compared(result), latest=_what(latest), late_ns=_late_ns(latest), wall_s=result.wall_s
    )
    if order.keep is None or run.outcome == "equivalent":
        return run
    return msgspec.structs.replace(run, place=str(write_run(result, order.keep / f"repeat-{number}")))


def _compared(result: RunResult) -> LiveRun:
    """What one live run comes to: its replay first, which no lateness excuses."""
    likeness, timing = result.likeness, result.timing
    if likeness is None or timing is None:
        outcome: Standing = "red" if result.verdict.outcome == "violated" else "inconclusive"
        return LiveRun(outcome=outcome, reason=result.verdict.reason)
    replayed = replay(result.plan, result.records, timing)
    if replayed.differences:
        return LiveRun(outcome="red", reason=f"replay: {replayed.differences[0]}")
    return LiveRun(outcome=likeness.outcome, like=likeness.like, reason=likeness.reason, replayed=replayed.inputs)


def _what(latest: Late | None) -> str:
    return "" if latest is None else latest.worst


def _late_ns(latest: Late | None) -> int:
    return 0 if latest is None else latest.worst_ns
