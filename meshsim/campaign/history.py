"""What a ledger tells of a campaign: per strategy over time, per scenario, per finding.

Strategies take turns on any number of processes, so they are compared by their own working time: the wall time of their
batches, one after the other in the order in which they were over.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from meshsim.campaign.ledger import reading, words_of
from meshsim.explore.finding import Signature
from meshsim.scenario.plan import decode_plan


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """One batch, as it is in the ledger."""

    id: int
    scenario: str
    strategy: str
    runs: int
    violated: int
    inconclusive: int
    lost: int
    wall_s: float
    #: Working time of its strategy before it, seconds.
    before_s: float
    #: Features that none of its strategy's batches before had reached.
    features: int


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A finding in one batch."""

    signature: Signature
    batch: int
    strategy: str
    runs: int
    #: Working time of its strategy until then, seconds.
    after_s: float


class Distinct(msgspec.Struct, frozen=True, kw_only=True):
    """A distinct finding."""

    signature: Signature
    #: Runs that showed it.
    runs: int
    #: Dates of the first and the last batch that did.
    first: str
    last: str
    #: Working time until each strategy had it, seconds.
    after_s: dict[str, float]
    #: Its example: scenario, number of faults, strategy, seed of the batch, number of the run in it.
    scenario: str
    faults: int
    strategy: str
    seed: int
    run: int
    #: Version of meshsim that found the example.
    version: str


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """A run that was lost with its process."""

    scenario: str
    strategy: str
    seed: int
    run: int
    why: str


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One start of the campaign."""

    began: str
    version: str
    jobs: int
    scheduler: str
    elapsed_s: float
    batches: int


class History(msgspec.Struct, frozen=True, kw_only=True):
    """One ledger."""

    name: str
    sessions: tuple[Session, ...]
    #: In the order in which they were over.
    batches: tuple[Batch, ...]
    seen: tuple[Seen, ...]
    #: Those that most runs showed first.
    findings: tuple[Distinct, ...]
    #: By strategy and invariant: in how many runs it was violated.
    violated: dict[tuple[str, str], int]
    lost: tuple[Lost, ...]
    #: Features of the model that any strategy reached.
    features: int

    @property
    def strategies(self) -> tuple[str, ...]:
        return tuple(sorted({batch.strategy for batch in self.batches}))

    @property
    def runs(self) -> int:
        return sum(batch.runs for batch in self.batches)


def history_of(path: Path) -> History:
    """What is in a ledger now.

    Raises:
        LedgerError: it is none.
    """
    with reading(path) as db:
        batches = tuple(_batches(db))
        seen = tuple(_seen(db, {batch.id: batch for batch in batches}))
        return History(
            name=path.stem,
            sessions=tuple(_sessions(db)),
            batches=batches,
            seen=seen,
            findings=tuple(_findings(db, seen)),
            violated={
                (strategy, invariant): runs
                for strategy, invariant, runs in db.execute(
                    "SELECT strategy, invariant, sum(violated.runs) FROM violated JOIN batch ON batch.id = batch"
                    " GROUP BY strategy, invariant ORDER BY strategy, invariant"
                )
            },
            lost=tuple(
                Lost(scenario=label, strategy=strategy, seed=seed, run=run, why=why)
                for label, strategy, seed, run, why in db.execute(
                    "SELECT label, strategy, own_seed, run, why FROM lost JOIN batch ON batch.id = batch"
                    " JOIN plan ON plan.digest = plan ORDER BY label, strategy, own_seed, run"
                )
            ),
            features=db.execute("SELECT count(DISTINCT feature) FROM coverage").fetchone()[0],
        )


def _batches(db: sqlite3.Connection) -> Iterable[Batch]:
    worked: dict[str, float] = {}
    rows = db.execute(
        "SELECT batch.id, label, strategy, batch.runs, violated, inconclusive, wall_s,"
        " (SELECT count(*) FROM lost WHERE batch = batch.id),"
        " (SELECT count(*) FROM coverage WHERE batch = batch.id)"
        " FROM batch JOIN plan ON plan.digest = plan ORDER BY batch.id"
    )
    for number, label, strategy, runs, violated, inconclusive, wall_s, lost, features in rows:
        before_s = worked.get(strategy, 0.0)
        worked[strategy] = before_s + wall_s
        yield Batch(
            id=number,
            scenario=label,
            strategy=strategy,
            runs=runs,
            violated=violated,
            inconclusive=inconclusive,
            lost=lost,
            wall_s=wall_s,
            before_s=before_s,
            features=features,
        )


def _seen(db: sqlite3.Connection, batches: dict[int, Batch]) -> Iterable[Seen]:
    rows = db.execute(
        "SELECT invariant, machine, cause, batch, count, after_s FROM sighting JOIN finding ON finding.id = finding"
        " ORDER BY batch, run, invariant, machine, cause"
    )
    for invariant, machine, cause, number, count, after_s in rows:
        batch = batches[number]
        yield Seen(
            signature=Signature(invariant, machine, words_of(cause)),
            batch=number,
            strategy=batch.strategy,
            runs=count,
            after_s=batch.before_s + after_s,
        )


def _findings(db: sqlite3.Connection, seen: Sequence[Seen]) -> list[Distinct]:
    after: dict[Signature, dict[str, float]] = {}
    runs: dict[Signature, int] = {}
    for each in seen:
        times = after.setdefault(each.signature, {})
        times[each.strategy] = min(each.after_s, times.get(each.strategy, each.after_s))
        runs[each.signature] = runs.get(each.signature, 0) + each.runs
    rows = db.execute(
        "SELECT invariant, machine, cause, label, strategy, own_seed, run, example.plan, version,"
        " (SELECT min(ended) FROM sighting JOIN batch ON batch.id = batch WHERE sighting.finding = finding.id),"
        " (SELECT max(ended) FROM sighting JOIN batch ON batch.id = batch WHERE sighting.finding = finding.id)"
        " FROM finding JOIN example ON example.finding = finding.id JOIN batch ON batch.id = example.batch"
        " JOIN plan ON plan.digest = batch.plan JOIN session ON session.id = session"
    )
    found = []
    for invariant, machine, cause, label, strategy, seed, run, plan, version, first, last in rows:
        signature = Signature(invariant, machine, words_of(cause))
        found.append(
            Distinct(
                signature=signature,
                runs=runs[signature],
                first=first,
                last=last,
                after_s=dict(sorted(after[signature].items())),
                scenario=label,
                faults=len(decode_plan(plan).faults),
                strategy=strategy,
                seed=seed,
                run=run,
                version=version,
            )
        )
    return sorted(found, key=lambda each: (-each.runs, str(each.signature)))


def _sessions(db: sqlite3.Connection) -> Iterable[Session]:
    rows = db.execute(
        "SELECT began, version, jobs, scheduler, elapsed_s, (SELECT count(*) FROM batch WHERE session = session.id)"
        " FROM session ORDER BY id"
    )
    for began, version, jobs, scheduler, elapsed_s, batches in rows:
        yield Session(
            began=began, version=version, jobs=jobs, scheduler=scheduler, elapsed_s=elapsed_s, batches=batches
        )
