"""Runs a campaign: batch after batch into the ledger, until time is up or every round is done."""

from __future__ import annotations

import math
from collections.abc import Callable
from time import perf_counter

import msgspec

from meshsim.campaign.batch import RUNS, Agenda, BatchFailed, BatchTask, decode_answer
from meshsim.campaign.ledger import Ledger
from meshsim.campaign.scheduling import Scheduler
from meshsim.explore.finding import Signature
from meshsim.explore.running import LIMITS
from meshsim.run.limits import Limits
from meshsim.run.program import program_of
from meshsim.run.workers import WorkerDiedError
from meshsim.scenario.plan import Plan, plan_label

#: After so many batches in a row that gave nothing no more are begun. Source: chosen here; where one cannot run because
#: a class or a version is missing, none can.
_BROKEN_MAX = 20


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """What to explore, and how far."""

    plans: tuple[Plan, ...]
    strategies: tuple[str, ...]
    seed: int = 0
    #: Tags of the kinds of faults that may be used; all when empty.
    kinds: tuple[str, ...] = ()
    #: Runs of a batch.
    runs: int = RUNS
    #: Batches of each plan and strategy, those of the ledger counted.
    rounds: int | None = None
    #: No batch begins after this wall time from now on, seconds.
    time_s: float | None = None
    limits: Limits = LIMITS


class Broken(msgspec.Struct, frozen=True, kw_only=True):
    """A batch that is not in the ledger: it comes again with the next start."""

    batch: str
    why: str


class Progress(msgspec.Struct, kw_only=True):
    """What has been done since the start."""

    #: Batches that were in the ledger before, and that are left; none when there is no end to them.
    before: int
    left: int | None
    batches: int = 0
    runs: int = 0
    elapsed_s: float = 0.0
    signatures: set[Signature] = msgspec.field(default_factory=set)
    #: Runs that crashed or hung: plan, number of the run, why.
    lost: list[tuple[str, int, str]] = []
    broken: list[Broken] = []
    #: How many broken ones came last, one after the other.
    in_vain: int = 0


def run_campaign(
    campaign: Campaign,
    ledger: Ledger,
    scheduler: Scheduler,
    *,
    jobs: int = 1,
    tell: Callable[[Progress], None] = lambda _: None,
) -> Progress:
    """Run what is not in the ledger yet. `tell` is called after each batch. The ledger is whole whenever this ends.

    Raises:
        ScenarioError: a class that a plan names cannot be imported; nothing has run.
        LedgerError: the ledger cannot be written.
    """
    for plan in {plan.scenario: plan for plan in campaign.plans}.values():
        program_of(plan)
    done = ledger.done()
    agenda = Agenda(
        campaign.plans,
        campaign.strategies,
        seed=campaign.seed,
        kinds=campaign.kinds,
        runs=campaign.runs,
        rounds=campaign.rounds,
        limits=campaign.limits,
        done=done,
    )
    progress = Progress(before=len(done), left=agenda.left)
    if progress.left == 0:
        return progress
    ledger.begin(list(campaign.plans), jobs=jobs, scheduler=scheduler.address)
    started = perf_counter()
    deadline = started + (math.inf if campaign.time_s is None else campaign.time_s)

    def may_begin() -> bool:
        return perf_counter() < deadline and progress.in_vain < _BROKEN_MAX

    for index, answer in scheduler.run(agenda, may_begin, ledger.leave):
        progress.elapsed_s = perf_counter() - started
        _take(progress, agenda.task(index), answer, agenda, ledger)
        tell(progress)
    return progress


def _take(progress: Progress, task: BatchTask, answer: bytes | WorkerDiedError, agenda: Agenda, ledger: Ledger) -> None:
    label = plan_label(agenda.plans[task.key.plan_digest])
    done = BatchFailed(str(answer)) if isinstance(answer, WorkerDiedError) else decode_answer(answer)
    if isinstance(done, BatchFailed):
        batch = f"batch {task.key.round} of {label} by {task.key.strategy}"
        progress.broken.append(Broken(batch=batch, why=done.why))
        progress.in_vain += 1
        return
    ledger.record(task, done, progress.elapsed_s)
    progress.in_vain = 0
    progress.batches += 1
    progress.runs += done.runs
    progress.signatures.update(each.signature for each in done.sightings)
    progress.lost += [(label, each.run, each.why) for each in done.lost]
