"""Sweeps: every setting with every seed, in several processes, into a table that survives being killed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec
from msgspec import UNSET

from meshsim.run.choosing import VIRTUAL
from meshsim.run.execute import RunResult, run_plan
from meshsim.run.limits import Limits
from meshsim.run.measure import measure
from meshsim.run.pace import Pace
from meshsim.run.program import program_of
from meshsim.run.table import Header, Row, TableWriter
from meshsim.run.workers import Work, WorkerDiedError, Workers
from meshsim.scenario.matrix import Value
from meshsim.scenario.plan import Plan, plan_digest
from meshsim.versions import version_of


class Sweep(msgspec.Struct, frozen=True, kw_only=True):
    """What is run: the plans, setting by setting, and how they came about."""

    plans: Sequence[Plan]
    backend: str
    settings: dict[str, list[Value]]
    #: Each setting has the seeds from `seed` to `seed + seeds - 1`.
    seed: int
    seeds: int
    #: What the command line put in place of the file's profile; empty: nothing.
    profile: str = ""


class Swept(msgspec.Struct, frozen=True, kw_only=True):
    """What a sweep came to."""

    rows: list[Row]
    #: Runs that were in the table before.
    before: int
    #: Runs whose worker process died: they are not in the table, and come again with the next start.
    lost: int


def run_sweep(
    sweep: Sweep,
    table: Path,
    *,
    workers: int = 1,
    limits: Limits | None = None,
    pace: Pace | None = None,
    found: Callable[[int], None] = lambda _: None,
    over: Callable[[Plan], None] = lambda _: None,
) -> Swept:
    """Run what is not in the table yet; each run is in the table as soon as it is over.

    `found` is told how many runs are there already, `over` each plan that is done. A complete table is put into the
    order of the plans. `pace` is for `live` alone; a table has one.

    Raises:
        ScenarioError: a class that a plan names cannot be imported; nothing has run.
        OutputError: the table cannot be written.
        TableError: the file is no table, that of another sweep, or one that is being written.
    """
    for plan in {plan.scenario: plan for plan in sweep.plans}.values():
        program_of(plan)
    digests = [plan_digest(plan) for plan in sweep.plans]
    pace = pace or Pace()
    with TableWriter(table, _header(sweep, digests, pace)) as writer:
        done = {row.plan_digest for row in writer.rows}
        left = [plan for plan, digest in zip(sweep.plans, digests, strict=True) if digest not in done]
        before = len(writer.rows)
        found(before)
        lost = 0
        for index, row in _rows(_Bench(left, sweep.backend, limits or Limits(), pace), workers):
            if row is None:
                lost += 1
            else:
                writer.add(row)
            over(left[index])
        if not lost and left:
            writer.sort(digests)
        return Swept(rows=writer.rows, before=before, lost=lost)


def row_of(result: RunResult) -> Row:
    """The line of a table for a run."""
    plan, verdict = result.plan, result.verdict
    is_whole = verdict.outcome != "inconclusive"
    return Row(
        scenario=plan.scenario,
        setting=plan.variant,
        profile=plan.profile,
        backend=result.backend,
        seed=plan.seed,
        plan_digest=plan_digest(plan),
        verdict=verdict.outcome,
        reason=verdict.reason,
        digest=result.digest,
        clock="virtual" if result.backend in VIRTUAL else "wall",
        numbers=measure(plan, result.records, verdict) if is_whole else None,
    )


def _header(sweep: Sweep, digests: Iterable[str], pace: Pace) -> Header:
    first = sweep.plans[0]
    return Header(
        scenario=first.scenario,
        source=first.source,
        settings=sweep.settings,
        seed=sweep.seed,
        seeds=sweep.seeds,
        backend=sweep.backend,
        profile=sweep.profile,
        pace=pace if sweep.backend == "live" else UNSET,
        plans=hashlib.sha256("\n".join(digests).encode()).hexdigest(),
        meshsim=version_of("meshsim"),
    )


def _rows(bench: _Bench, workers: int) -> Iterable[tuple[int, Row | None]]:
    """Rows as they come, with the index of their plan; None when it was lost with its worker."""
    count = len(bench.plans)
    if min(workers, count) < 2:
        for index in range(count):
            yield index, bench.row(index)
        return
    with Workers(min(workers, count), bench) as crew:
        for index, answer in crew.run(count, lambda _: True):
            yield index, None if isinstance(answer, WorkerDiedError) else _DECODER.decode(answer)


class _Bench(Work):
    """Where plans are run and measured: in this process, or in each worker."""

    def __init__(self, plans: Sequence[Plan], backend: str, limits: Limits, pace: Pace) -> None:
        self.plans = plans
        self._backend = backend
        self._limits = limits
        self._pace = pace

    def row(self, index: int) -> Row:
        return row_of(run_plan(self.plans[index], self._backend, limits=self._limits, pace=self._pace))

    def do(self, index: int) -> bytes:
        return _ENCODER.encode(self.row(index))


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Row)
