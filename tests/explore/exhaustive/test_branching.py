"""One case: how far it is run, and what comes next."""

from __future__ import annotations

from small_worlds import mesh

from meshsim.explore.exhaustive.branching import Branched, Brancher
from meshsim.explore.exhaustive.cases import Bounds, Case
from meshsim.faults.kinds import Exit, Raise
from meshsim.scenario.plan import with_profile
from meshsim.units import MS, S

EXIT, RAISE = Exit(target="workers[1]"), Raise(target="trainer[0]", text="boom")
#: Silence from the end of a poll to the timers of the client, at 4.012 s, and the next poll.
BRANCHER = Brancher(
    with_profile(mesh(horizon_s=6), "fixed"),
    Bounds(menu=(EXIT, RAISE), at_most=2, window=(2_700 * MS, 4_020 * MS)),
)


def run(seconds: float, *seen: Branched) -> Branched:
    """A case of one exit, when the states of others are known."""
    case = Case().placing(EXIT, int(seconds * S))
    return BRANCHER.run(case, {state for each in seen for _, state in each.states})


def placed(branched: Branched) -> list[tuple[str, float]]:
    """Which second fault comes next, and when."""
    return [
        (type(each.faults[1]).__name__, round(each.since / S, 9)) for each in branched.cases if len(each.faults) == 2
    ]


def test_a_run_is_broken_off_where_another_one_was_in_its_state() -> None:
    """It departs until then, and the other one behind that."""
    first, whole = run(2.8), run(2.9)
    again = run(2.9, first)

    assert (first.class_, first.findings) == (whole.class_, whole.findings)
    assert (again.class_, again.findings) == (b"", ())
    assert placed(again) == [("Exit", 2.9), ("Raise", 2.9)]
    assert placed(whole)[:3] == [*placed(again), ("Raise", 2.9 + 1e-9)]
    assert placed(whole)[3:] == placed(first)[3:] != []


def test_a_run_that_goes_on_otherwise_is_not() -> None:
    """The death of a process before and behind what it took."""
    assert run(4.0185, run(2.8)).class_


def test_what_comes_next_is_placed_behind_the_last_departure() -> None:
    """In every gap of the window; at the beginning of the last one, as its end is outside. Who was killed is not killed
    again, but at the same instant: whether a fault kills at once is for the run to say.
    """
    assert placed(run(4.0185)) == [
        ("Exit", 4.0185),
        *(("Raise", seconds) for seconds in (4.0185, 4.019, 4.019 + 1e-9)),
    ]


def test_a_fault_that_finds_nobody_ends_the_run() -> None:
    case = Case().placing(EXIT, 2_800 * MS).placing(EXIT, 2_900 * MS)

    assert BRANCHER.run(case) == Branched(missed=True)
