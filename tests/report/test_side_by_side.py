"""The worlds of one plan side by side."""

from __future__ import annotations

import msgspec
import pytest
from small_worlds import at, mesh

from meshsim.drive.timing import Late, Timing
from meshsim.faults.kinds import Signal
from meshsim.model.notes import Heard
from meshsim.report.page import render_page
from meshsim.report.side_by_side import side_by_side
from meshsim.run import RunResult, run_plan
from meshsim.trace.digest import digest
from meshsim.trace.records import Record
from meshsim.units import MS


@pytest.fixture(scope="module")
def sim() -> RunResult:
    """A worker is killed at 3 s; the owner hears of it at each poll."""
    return run_plan(mesh(horizon_s=30, faults=[Signal(target="workers[1]", at=at(3), signal="SIGKILL")]), "sim")


def as_live(sim: RunResult, records: list[Record]) -> RunResult:
    timing = Timing(0.5, {"fault": Late(1, 2 * MS, 2 * MS, "fault 0")})
    return msgspec.structs.replace(sim, backend="live", records=records, digest=digest(records), timing=timing)


def later(sim: RunResult) -> RunResult:
    """The same, each thing 40 ms later."""
    return as_live(sim, [msgspec.structs.replace(record, at=record.at + 40 * MS) for record in sim.records])


def deaf(sim: RunResult) -> RunResult:
    """Nobody hears of the last thing that somebody heard of in `sim`."""
    last = max(record.seq for record in sim.records if isinstance(record.what, Heard))
    return as_live(sim, [record for record in sim.records if record.seq != last])


def test_what_happened_has_a_row_and_each_world_a_column(sim: RunResult) -> None:
    """In the order in which it happened, with how often, and how much later the last world was."""
    lockstep = msgspec.structs.replace(sim, backend="lockstep")

    view = side_by_side([sim, lockstep, later(sim)])

    assert (view.worlds, view.clocks) == (("sim", "lockstep", "live"), ("virtual", "virtual", "scaled wall"))
    rows = {row.what: row for row in view.rows}
    fault, death = rows["FAULT 0: signal workers[1] SIGKILL"], rows["workers[1]: process died (signal)"]
    assert fault.when == ("3.000s", "3.000s", "3.040s")
    assert (death.later, death.is_same) == ("+40ms", True)
    (heard,) = [row for what, row in rows.items() if what.startswith("HEARD by client (owner): ")]
    assert all(cell.endswith(" times") for cell in heard.when)
    assert [row for row in view.rows if not row.is_same] == []
    assert view.sentence == f"the same {len(rows)} things happened in all 3 worlds, equally often"


def test_what_did_not_happen_equally_often_is_told_apart(sim: RunResult) -> None:
    """A notice that one world never gave is what a reader looks for; it is shown although others are left out."""
    view = side_by_side([sim, deaf(sim)], rows_max=1)

    (row,) = view.rows
    assert row.what.startswith("HEARD by ")
    assert not row.is_same
    assert view.left_out > 0
    assert view.sentence.startswith("1 of ")


def test_what_never_happened_somewhere_is_said(sim: RunResult) -> None:
    silent = as_live(sim, [record for record in sim.records if not isinstance(record.what, Heard)])

    rows = [row for row in side_by_side([sim, silent]).rows if not row.is_same]

    assert rows
    assert {(row.when[1], row.later) for row in rows} == {("never", "")}


def test_the_page_shows_three_worlds_and_their_agreement(sim: RunResult) -> None:
    """Two digests agree, one drawing stands for both; the third has its own, and says how late things were."""
    page = render_page([later(sim), msgspec.structs.replace(sim, backend="lockstep"), sim])

    assert "1 of 1 pairs with equal digests; in 1 of 1 the same happened in every world." in page
    assert "sim, virtual time</th>" in page
    assert "live, scaled wall time</th>" in page
    assert [label for label in ("Timeline, sim = lockstep<", "Timeline, live<") if label not in page] == []
    assert "How late the machine was, live" in page
    assert "meshsim run" in page
    assert "--backend both" in page
    assert "--backend live" in page


def test_a_page_of_virtual_time_has_no_such_table(sim: RunResult) -> None:
    """Equal digests say more."""
    assert "World by world" not in render_page([sim, msgspec.structs.replace(sim, backend="lockstep")])


def test_a_world_that_differs_is_counted(sim: RunResult) -> None:
    assert "in 0 of 1 the same happened in every world." in render_page([sim, deaf(sim)])
