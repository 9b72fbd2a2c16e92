"""The ledger of a campaign: a SQLite file that is whole after every batch, whatever kills the process.

A batch is written in one transaction, so it is there or it is not. Which example a finding has depends on the set of
batches that are there and not on which was over first. The connection is opened for each write and closed again: none
may be open when a worker is forked.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from importlib.resources import files
from pathlib import Path

import msgspec

from meshsim.campaign.batch import BatchDone, BatchTask, Key, Sighting
from meshsim.explore.finding import Finding, Signature
from meshsim.oracle.verdict import Violation
from meshsim.scenario.plan import Plan, decode_plan, encode_plan, plan_digest, plan_label
from meshsim.versions import version_of

#: Version of the tables; a ledger of another one is refused.
LEDGER_SCHEMA = 1

#: Marks the file as a ledger: `mesh` as four bytes.
_APPLICATION_ID = 0x6D657368

#: How long a write waits for somebody who reads, seconds. Source: chosen here; a report reads for less than one.
_PATIENCE_S = 30.0


class LedgerError(Exception):
    """A file cannot be used as a ledger; `str()` is one line for the user."""


class Ledger:
    """A ledger that one campaign at a time writes. Use as a context."""

    def __init__(self, path: Path) -> None:
        """Open a ledger, or begin one.

        Raises:
            LedgerError: the file cannot be written, is no ledger, or another campaign is writing it.
        """
        self.path = path
        self._session = 0
        self._before_s = 0.0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise LedgerError(f"{path}: cannot be written: {error.strerror}") from None
        try:
            # Of the open file and not of the process: SQLite's own locks go when any descriptor of it is closed.
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._make()
        except BlockingIOError:
            os.close(self._lock)
            raise LedgerError(f"{path}: another campaign is writing it") from None
        except BaseException:
            os.close(self._lock)
            raise

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._lock)

    def leave(self) -> None:
        """Called in a forked process: an orphan of a campaign that was killed does not keep the ledger."""
        with suppress(OSError):
            os.close(self._lock)

    def done(self) -> frozenset[Key]:
        """The batches that are in it."""
        with self._writing() as db:
            rows = db.execute("SELECT round, plan, strategy, seed, kinds, runs FROM batch")
            return frozenset(map(_key, rows))

    def begin(self, plans: list[Plan], *, jobs: int, scheduler: str) -> None:
        """Note that the campaign goes on, and what it is about."""
        with self._writing() as db:
            (self._before_s,) = db.execute("SELECT coalesce(sum(elapsed_s), 0) FROM session").fetchone()
            insert = "INSERT INTO session (version, jobs, scheduler) VALUES (?, ?, ?)"
            self._session = db.execute(insert, (version_of("meshsim"), jobs, scheduler)).lastrowid or 0
            db.executemany(
                "INSERT OR IGNORE INTO plan VALUES (?, ?, ?, ?, ?)",
                [(plan_digest(each), plan_label(each), each.profile, each.source, encode_plan(each)) for each in plans],
            )

    def record(self, task: BatchTask, done: BatchDone, elapsed_s: float) -> None:
        """Write what a batch gave; `elapsed_s` is wall time since `begin`, seconds.

        Raises:
            LedgerError: the disk is full.
        """
        key = task.key
        with self._writing() as db:
            db.execute("UPDATE session SET elapsed_s = ? WHERE id = ?", (elapsed_s, self._session))
            batch = db.execute(
                "INSERT INTO batch (round, plan, strategy, seed, kinds, runs, own_seed, session, at_s, wall_s, passed,"
                " violated, inconclusive, decisions, records) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(key.round, key.plan_digest, key.strategy, key.seed, _text(key.kinds), key.runs),
                    *(task.seed, self._session, self._before_s + elapsed_s, done.wall_s),
                    *(done.outcomes.get(outcome, 0) for outcome in ("passed", "violated", "inconclusive")),
                    *(done.decisions, done.records),
                ),
            ).lastrowid
            assert batch is not None
            db.executemany("INSERT INTO violated VALUES (?, ?, ?)", [(batch, *each) for each in done.violated.items()])
            db.executemany("INSERT INTO lost VALUES (?, ?, ?)", [(batch, each.run, each.why) for each in done.lost])
            db.executemany(
                "INSERT OR IGNORE INTO coverage VALUES (?, ?, ?)",
                [(key.strategy, _signed(feature), batch) for feature in done.coverage],
            )
            for sighting in done.sightings:
                _record_sighting(db, batch, key, sighting)

    def _make(self) -> None:
        """Make the tables, if the file is new."""
        with self._writing() as db:
            if os.fstat(self._lock).st_size == 0:
                for statement in files("meshsim.campaign").joinpath("schema.sql").read_text("utf-8").split(";"):
                    db.execute(statement)
                db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
                db.execute(f"PRAGMA user_version = {LEDGER_SCHEMA}")
            _check(db, self.path)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it, or nothing."""
        with _reported(self.path), closing(sqlite3.connect(self.path, _PATIENCE_S, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A ledger to read from, also while a campaign writes it: as it is at this moment.

    Raises:
        LedgerError: there is none.
    """
    if not path.is_file():
        raise LedgerError(f"{path}: no such ledger")
    with _reported(path), closing(sqlite3.connect(path, _PATIENCE_S, isolation_level=None)) as db:
        db.execute("BEGIN")
        _check(db, path)
        yield db


def findings_in(path: Path) -> list[Finding]:
    """Every distinct finding with its example, by signature.

    Raises:
        LedgerError: it is no ledger.
    """
    with reading(path) as db:
        rows = db.execute(
            "SELECT invariant, machine, cause, plan, violation FROM finding"
            " JOIN example ON example.finding = finding.id ORDER BY invariant, machine, cause"
        )
        return [
            Finding(
                Signature(invariant, machine, words_of(cause)),
                decode_plan(plan),
                msgspec.json.decode(violation, type=Violation),
            )
            for invariant, machine, cause, plan, violation in rows
        ]


def _record_sighting(db: sqlite3.Connection, batch: int, key: Key, sighting: Sighting) -> None:
    signature = (sighting.signature.invariant, sighting.signature.machine, _text(sighting.signature.cause))
    db.execute("INSERT OR IGNORE INTO finding (invariant, machine, cause) VALUES (?, ?, ?)", signature)
    find = "SELECT id FROM finding WHERE invariant = ? AND machine = ? AND cause = ?"
    (finding,) = db.execute(find, signature).fetchone()
    db.execute(
        "INSERT INTO sighting VALUES (?, ?, ?, ?, ?)", (finding, batch, sighting.run, sighting.count, sighting.after_s)
    )
    before = db.execute(
        "SELECT round, plan, strategy, seed, kinds, batch.runs FROM batch WHERE id ="
        " (SELECT batch FROM example WHERE finding = ?)",
        (finding,),
    ).fetchone()
    if before is None or key < _key(before):
        violation = msgspec.json.encode(sighting.violation)
        example = (finding, batch, sighting.run, sighting.plan, violation)
        db.execute("INSERT OR REPLACE INTO example VALUES (?, ?, ?, ?, ?)", example)


def _key(row: tuple[int, str, str, int, str, int]) -> Key:
    number, plan, strategy, seed, kinds, runs = row
    return Key(number, plan, strategy, seed, words_of(kinds), runs)


def _check(db: sqlite3.Connection, path: Path) -> None:
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if application != _APPLICATION_ID:
        raise LedgerError(f"{path}: not a ledger of a campaign")
    if version != LEDGER_SCHEMA:
        raise LedgerError(f"{path}: ledger of schema {version}, expected {LEDGER_SCHEMA}")


@contextmanager
def _reported(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise LedgerError(f"{path}: {error}") from None
    except sqlite3.DatabaseError:
        raise LedgerError(f"{path}: not a ledger of a campaign") from None


def _text(words: tuple[str, ...]) -> str:
    return msgspec.json.encode(words).decode()


def words_of(text: str) -> tuple[str, ...]:
    return msgspec.json.decode(text, type=tuple[str, ...])


def _signed(feature: int) -> int:
    """64 bits as SQLite has them."""
    return feature - (1 << 64) if feature >> 63 else feature
