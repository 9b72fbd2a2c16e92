"""Reports on campaigns: numbers that can be counted by hand, and the same bytes for the same ledger."""

from __future__ import annotations

from pathlib import Path

import pytest
from worlds import PLANS

from meshsim.campaign.batch import Agenda, BatchDone, LostRun, Sighting
from meshsim.campaign.figures import coverage_growth, finding_growth, lines_of, rate
from meshsim.campaign.history import history_of
from meshsim.campaign.ledger import Ledger
from meshsim.campaign.report import markdown, write_report
from meshsim.campaign.tables import tables_of
from meshsim.explore.finding import Signature
from meshsim.oracle.verdict import Violation
from meshsim.scenario.plan import encode_plan

A = Signature("accuracy", "controller", ("a stall",))
B = Signature("completeness", "actor", ("process died", "controller ended"))


def seen(signature: Signature, run: int, count: int, after_s: float) -> Sighting:
    violation = Violation(invariant=signature.invariant, subject="x", message="it was", at=7)
    return Sighting(
        signature=signature, run=run, count=count, after_s=after_s, plan=encode_plan(PLANS[0]), violation=violation
    )


def batch(wall_s: float, violated: dict[str, int], coverage: tuple[int, ...], *sightings: Sighting) -> BatchDone:
    red = max(violated.values(), default=0)
    return BatchDone(
        runs=10,
        outcomes={"passed": 9 - red, "violated": red},
        sightings=sightings,
        coverage=coverage,
        violated=violated,
        decisions=0,
        records=100,
        lost=(LostRun(run=9, why="its worker process ended by signal 11"),),
        wall_s=wall_s,
    )


#: In the order of the agenda: random, swarm, random, swarm.
BATCHES = (
    batch(4.0, {}, (1, 2)),
    batch(5.0, {"accuracy": 3}, (1, (1 << 64) - 1), seen(A, 2, 3, 2.0)),
    batch(4.0, {"accuracy": 1, "completeness": 2}, (2, 3), seen(A, 0, 1, 1.0), seen(B, 4, 2, 3.0)),
    batch(5.0, {"accuracy": 2}, (1,), seen(A, 1, 2, 5.0)),
)


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    path = tmp_path / "small.sqlite"
    agenda = Agenda(PLANS[:1], ["random", "swarm"], runs=10)
    with Ledger(path) as book:
        book.begin([PLANS[0]], jobs=2, scheduler="")
        for index, done in enumerate(BATCHES):
            book.record(agenda.task(index), done, 3.0 * (index + 1))
    return path


def test_strategies_are_compared_by_their_own_working_time(ledger: Path) -> None:
    random, swarm = lines_of([history_of(ledger)])

    assert (random.name, random.runs, random.worked_s) == ("random", 20, 8.0)
    assert coverage_growth(random) == [(0.0, 0), (4.0, 2), (8.0, 3)]
    assert coverage_growth(swarm) == [(0.0, 0), (5.0, 2), (10.0, 2)]
    assert finding_growth(random) == [(0.0, 0), (5.0, 1), (7.0, 2), (8.0, 2)]
    assert finding_growth(swarm) == [(0.0, 0), (2.0, 1), (10.0, 1)]
    assert (rate(random, "accuracy"), rate(swarm, "accuracy"), rate(random, "completeness")) == (50.0, 250.0, 100.0)


def test_the_tables_say_it(ledger: Path) -> None:
    tables = {table.title: table for table in tables_of([history_of(ledger)])}

    assert tables["Strategies"].rows == (
        ("random", "20", "100.0", "0", "2", "2", "5.0 s", "3", "8.0 s"),
        ("swarm", "20", "250.0", "0", "2", "1", "2.0 s", "2", "10.0 s"),
    )
    findings = tables["Findings, and the working time until each strategy had them"].rows
    assert [row[:4] for row in findings] == [
        ("accuracy of controller: a stall", "6", "5.0 s", "2.0 s"),
        ("completeness of actor: process died, controller ended", "2", "7.0 s", ""),
    ]
    assert tables["Violations per thousand runs"].rows == (
        ("accuracy", "50.00", "250.00"),
        ("completeness", "100.00", "0.00"),
    )
    assert tables["Scenarios"].rows == (("small: mesh", "40", "175.0", "2"),)
    assert len(tables["Runs that were lost"].rows) == 4
    assert [row[3:] for row in tables["Starts"].rows] == [("2 processes", "4", "12.0 s")]


def test_the_first_sighting_in_order_is_the_example(ledger: Path) -> None:
    """Strategy, seed and run say how to get it again."""
    first = history_of(ledger).findings[0]

    assert (first.signature, first.strategy, first.run) == (A, "swarm", 2)
    assert first.seed == Agenda(PLANS[:1], ["random", "swarm"], runs=10).task(1).seed


def test_the_same_ledger_gives_the_same_bytes(ledger: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_report([history_of(ledger)], tmp_path / name)

    files = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    assert set(files) == {
        *("index.html", "report.md"),
        *(f"{figure}.{kind}" for figure in ("violations", "coverage", "findings") for kind in ("svg", "png")),
    }
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "two").iterdir()}
    assert b"accuracy of controller: a stall" in files["index.html"]
    assert b"<script" not in files["index.html"]


def test_several_ledgers_are_named(ledger: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite"
    other.write_bytes(ledger.read_bytes())

    text = markdown([history_of(ledger), history_of(other)])

    assert text.startswith("# Campaign small and other\n\n80 runs in 8 batches, 2 distinct findings, 8 runs lost, 4 ")
    assert "| other swarm | 20 | 250.0 |" in text


def test_what_was_shrunk_is_in_the_table(ledger: Path) -> None:
    text = markdown([history_of(ledger)], {A: ("Q18", "1 of 4 faults", "findings/a.toml")})

    (line,) = [each for each in text.splitlines() if each.startswith("| accuracy of controller")]
    assert line.endswith("| Q18 | 1 of 4 faults | findings/a.toml |")


def test_an_empty_ledger_has_a_report(tmp_path: Path) -> None:
    with Ledger(tmp_path / "empty.sqlite"):
        pass

    write_report([history_of(tmp_path / "empty.sqlite")], tmp_path / "page")

    assert "0 runs in 0 batches" in (tmp_path / "page" / "report.md").read_text()
