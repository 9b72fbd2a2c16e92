"""The ledger: what it refuses, and that it is whole at any time."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from worlds import PLANS, contents, count

from meshsim.campaign.batch import Agenda, BatchDone, BatchTask, run_batch
from meshsim.campaign.ledger import LEDGER_SCHEMA, Ledger, LedgerError, findings_in, reading


def tasks(count: int) -> list[BatchTask]:
    agenda = Agenda(PLANS, ["random", "swarm"], seed=3, runs=6)
    return [agenda.task(index) for index in range(count)]


@pytest.fixture(scope="module")
def done() -> list[tuple[BatchTask, BatchDone]]:
    return [(task, run_batch(task)) for task in tasks(6)]


def fill(path: Path, batches: list[tuple[BatchTask, BatchDone]]) -> None:
    with Ledger(path) as ledger:
        ledger.begin(list(PLANS), jobs=1, scheduler="")
        for number, (task, what) in enumerate(batches):
            ledger.record(task, what, float(number))


def test_the_order_in_which_batches_are_over_does_not_count(
    done: list[tuple[BatchTask, BatchDone]], tmp_path: Path
) -> None:
    """The example of a finding is that of the first batch that there is."""
    fill(tmp_path / "forth.sqlite", done)
    fill(tmp_path / "back.sqlite", done[::-1])

    assert contents(tmp_path / "forth.sqlite") == contents(tmp_path / "back.sqlite")
    found = findings_in(tmp_path / "back.sqlite")
    first = {each.signature: each.plan for _, what in reversed(done) for each in reversed(what.sightings)}
    assert len(found) > 2
    assert {each.signature for each in found} == set(first)


def test_a_batch_that_cannot_be_written_leaves_nothing(done: list[tuple[BatchTask, BatchDone]], tmp_path: Path) -> None:
    """The last statement of a transaction fails: none of it is there, and the batch is still to be done."""
    path = tmp_path / "ledger.sqlite"
    fill(path, done[:1])
    before = contents(path)
    task, what = next(each for each in done[1:] if each[1].sightings)
    twice = msgspec.structs.replace(what, sightings=(*what.sightings, what.sightings[0]))

    with Ledger(path) as ledger, pytest.raises(LedgerError):
        ledger.record(task, twice, 1.0)

    assert contents(path) == before
    with Ledger(path) as ledger:
        assert ledger.done() == {done[0][0].key}


def garbage(path: Path) -> None:
    path.write_bytes(b"not a database, but longer than the header of one would have to be " * 9)


def other_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE other (x)")


def later_schema(path: Path) -> None:
    with Ledger(path):
        pass
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {LEDGER_SCHEMA + 1}")


def folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("make", "writing", "only_reading"),
    [
        (garbage, "not a ledger of a campaign", "not a ledger of a campaign"),
        (other_database, "not a ledger of a campaign", "not a ledger of a campaign"),
        (later_schema, "ledger of schema 2, expected 1", "ledger of schema 2, expected 1"),
        (folder, "cannot be written: Is a directory", "no such ledger"),
    ],
)
def test_what_is_no_ledger_is_refused(
    make: Callable[[Path], None], writing: str, only_reading: str, tmp_path: Path
) -> None:
    """In one line, and the file stays as it is."""
    path = tmp_path / "ledger.sqlite"
    make(path)
    before = path.read_bytes() if path.is_file() else b""

    with pytest.raises(LedgerError) as raised:
        Ledger(path)
    assert str(raised.value) == f"{path}: {writing}"
    with pytest.raises(LedgerError) as raised, reading(path):
        pass
    assert str(raised.value) == f"{path}: {only_reading}"
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_one_campaign_at_a_time_writes_and_anybody_reads(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as first:
        first.begin(list(PLANS), jobs=1, scheduler="")
        with pytest.raises(LedgerError, match=r"another campaign is writing it$"):
            Ledger(path)
        assert findings_in(path) == []
        assert count(path, "session") == 1
    with Ledger(path) as second:
        assert second.done() == frozenset()


def test_a_forked_process_can_leave_the_lock(tmp_path: Path) -> None:
    """An orphan that lives for an instant does not keep the next start out."""
    path = tmp_path / "ledger.sqlite"
    ledger = Ledger(path)
    held, asked = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        ledger.leave()
        os.write(held[1], b"x")
        os.read(asked[0], 1)
        os._exit(0)
    os.read(held[0], 1)
    ledger.__exit__()

    with Ledger(path):
        os.write(asked[1], b"x")
        assert os.waitpid(child, 0) == (child, 0)
    for end in (*held, *asked):
        os.close(end)


def test_the_agenda_goes_round_by_round() -> None:
    """Every plan and strategy in turn; what is done is left out, wherever it is; the same batch has the same seed."""
    keys = [task.key for task in tasks(6)]
    rest = Agenda(PLANS, ["random", "swarm"], seed=3, runs=6, rounds=2, done=frozenset(keys[1:5]))

    assert [key.round for key in keys] == [0, 0, 0, 0, 1, 1]
    assert [key.strategy for key in keys] == ["random", "swarm"] * 3
    assert len({task.seed for task in tasks(6)}) == 6
    assert rest.left == 4
    assert [rest.task(index).key for index in (1, 0)] == [keys[5], keys[0]]
    assert rest.task(1).seed == tasks(6)[5].seed
