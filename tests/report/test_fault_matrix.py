"""Kind of fault by backend: a cell is green only if the fault struck, followed as expected, and was real."""

from __future__ import annotations

import msgspec
import pytest
from small_worlds import at, mesh

from meshsim.faults.kinds import Exit, Fault, LatePolls, Raise, SlowStart, When
from meshsim.faults.menu import MENU
from meshsim.oracle.verdict import Verdict
from meshsim.report.fault_matrix import Cell, cell, said_of
from meshsim.report.fault_page import MENU_TITLE, fault_page, matrix, short_parameters
from meshsim.run import RunResult, run_plan
from meshsim.run.choosing import BACKENDS

EXIT = Exit(target="workers[1]", at=at(5), code=3)
NEVER = Exit(target="workers[1]", when=When(record="poll_started", where={"count": 99}))
WAITED = b'{"event":"waited for","node":"host0/workers_1","status":"exited with code 3"}\n'
PASSED = Verdict(outcome="passed")


def ran(fault: Fault = EXIT, *, backend: str = "sim", verdict: Verdict = PASSED, diary: bytes = b"") -> RunResult:
    result = run_plan(mesh(horizon_s=9, faults=[fault]), "sim")
    return msgspec.structs.replace(result, backend=backend, verdict=verdict, diary=diary)


def test_a_fault_that_struck_and_was_seen_by_the_kernel_passed() -> None:
    found = cell(Exit, "lockstep", [ran(backend="lockstep", diary=WAITED)])

    assert found == Cell(
        kind="exit",
        on="a process",
        backend="lockstep",
        outcome="passed",
        struck=("workers[1] _exit(3)",),
        kernel=("waitid: exited with code 3 (workers[1])",),
    )


@pytest.mark.parametrize(
    ("fault", "backend", "verdict", "outcome"),
    [
        (EXIT, "sim", PASSED, "passed"),
        (NEVER, "sim", PASSED, "did not strike"),
        (EXIT, "lockstep", PASSED, "no evidence"),
        (EXIT, "sim", Verdict(outcome="inconclusive", reason="no memory"), "inconclusive"),
        (EXIT, "sim", Verdict(outcome="violated"), "violated"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_verdict_is_not_enough(fault: Exit, backend: str, verdict: Verdict, outcome: str) -> None:
    assert cell(Exit, backend, [ran(fault, backend=backend, verdict=verdict)]).outcome == outcome


def test_a_fault_of_the_conductor_needs_no_evidence_and_has_none() -> None:
    """Its process runs, which says nothing about it."""
    fault = Raise(target="trainer[1]", at=at(5))
    seen = b'{"event":"seen","node":"host0/workers_1","state":"running"}\n'

    found = cell(Raise, "lockstep", [ran(fault, backend="lockstep", diary=seen)])

    assert (found.outcome, found.kernel) == ("passed", ())


def test_a_cell_has_the_worst_of_its_runs_and_says_why() -> None:
    inconclusive = ran(verdict=Verdict(outcome="inconclusive", reason="no\nmemory"))

    found = cell(Exit, "sim", [ran(), inconclusive])

    assert (found.outcome, found.why, found.struck) == ("inconclusive", "no memory", ("workers[1] _exit(3)",))


def test_without_a_run_it_cannot_or_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    able = cell(Exit, "lockstep", [])
    monkeypatch.setitem(MENU, Exit, msgspec.structs.replace(MENU[Exit], cannot={"lockstep": "no processes"}))
    unable = cell(Exit, "lockstep", [])

    assert able.outcome == "no scenario"
    assert (unable.outcome, unable.why) == ("cannot", "no processes")


def both(**of: Cell) -> list[Cell]:
    return [msgspec.structs.replace(each, backend=name) for name, each in of.items()]


def test_what_both_backends_say_is_said_once() -> None:
    green = Cell(kind="raise", on="an actor", backend="", outcome="passed", struck=("trainer[1]",))
    unable = msgspec.structs.replace(green, outcome="cannot", struck=(), why="no memory")
    real = msgspec.structs.replace(green, kernel=("waitid: x", "/proc: y"))

    assert said_of(both(sim=green, lockstep=green)) == ("trainer[1]", "(has no part in it: equal traces)")
    assert said_of(both(lockstep=green)) == ("trainer[1]", "")
    assert said_of(both(sim=green, lockstep=unable)) == ("trainer[1]", "lockstep: no memory")
    assert said_of(both(sim=unable, lockstep=unable)) == ("", "sim and lockstep: no memory")
    assert said_of(both(sim=green, lockstep=real)) == ("trainer[1]", "waitid: x; /proc: y")


def test_the_page_has_a_row_for_each_kind_and_the_menu() -> None:
    cells = [cell(kind, name, []) for kind in MENU for name in BACKENDS]
    cells[0] = msgspec.structs.replace(cells[0], outcome="passed", struck=("* <-> a|b",))

    page = fault_page(cells, "meshsim faults --run")

    assert "| [`raise`](#raise) | an actor | passed | no scenario | no scenario | \\* <-> a\\|b |  |" in page
    assert page.count("| no scenario | no scenario | no scenario |") == len(MENU) - 1
    assert page.partition(MENU_TITLE)[2].count("\n### ") == len(MENU)


def test_a_backend_that_did_not_run_has_no_column() -> None:
    backends, rows = matrix([cell(Exit, "sim", [ran()])])

    assert backends == ["sim"]
    assert rows == [("exit", "a process", "passed", "workers[1] _exit(3)", "")]


def test_keys_in_short_say_what_must_be_given() -> None:
    assert short_parameters(Exit) == "code = 1"
    assert short_parameters(SlowStart) == "after*"
    assert short_parameters(LatePolls) == "by*, times"
