"""The words and the figure of why a run was violated, from values that are made here."""

from __future__ import annotations

import pytest
from small_worlds import at, mesh

from meshsim.explore.causes import chain_of
from meshsim.explore.why import Event, Trial, Why, why
from meshsim.faults.kinds import Exit
from meshsim.oracle.verdict import Violation
from meshsim.report.cause_figure import cause_svg, clipped
from meshsim.report.why import needed_text, why_lines
from meshsim.run import run_plan

ONE, TWO = Event(True, 0, "exit workers[1] at 5s"), Event(False, 0, "get_state is lost")
VIOLATION = Violation(invariant="accuracy", subject="client", message="wrong", at=int(at(7)))


def answer(*needed: tuple[Event, ...], is_smallest: bool = True, events: tuple[Event, ...] = (ONE, TWO)) -> Why:
    alone = [
        Trial((event,), (event,) in needed, "passed" if (event,) in needed else "violated: more") for event in events
    ]
    trials = (Trial(events, bool(needed), "passed"), *alone) if events else ()
    flips = tuple(Trial(each, True, "passed") for each in needed)
    return Why(violation=VIOLATION, events=events, trials=trials, needed=flips, is_smallest=is_smallest)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (answer((ONE,)), "Gone without fault 0 alone."),
        (answer((ONE,), (TWO,)), "Gone without any of fault 0, decision 0."),
        (answer((ONE, TWO)), "Gone without fault 0 and decision 0; without no single event."),
        (
            answer((ONE, TWO), is_smallest=False),
            "Gone without fault 0 and decision 0; without no single event. Whether fewer are enough was not tried.",
        ),
        (answer(), "None of the injected events is needed: without all of them it is still there."),
        (answer(events=()), "Nothing was injected: the scenario alone shows it."),
    ],
)
def test_what_is_needed_is_one_sentence(given: Why, said: str) -> None:
    assert needed_text(given) == said


def test_every_run_without_something_is_told() -> None:
    lines = why_lines(answer((ONE,)), (), [])

    assert lines[:9] == [
        "accuracy (safety) at 7.000s: wrong",
        "",
        "Injected, and how the run ended without each",
        "  fault 0     exit workers[1] at 5s",
        "                without it gone: passed",
        "  decision 0  get_state is lost",
        "                without it still there: violated: more",
        "  without all of them gone: passed",
        "Gone without fault 0 alone.",
    ]


def test_sets_are_told_with_how_the_run_ended_without_them() -> None:
    assert "  without fault 0 and decision 0: gone: passed" in why_lines(answer((ONE, TWO)), (), [])


def test_the_figure_has_a_lane_for_each_process_and_the_same_bytes_always() -> None:
    result = run_plan(mesh(faults=[Exit(target="workers[1]", at=at(5))]), "sim")
    violation = result.verdict.violations[0]
    chain = chain_of(result.records, violation, why(result, violation).needed[0].without)

    one, two = (cause_svg(chain, violation, result.records) for _ in range(2))

    assert one == two
    for words in (">client<", ">host0<", ">workers[1]<", ">world<", "FAULT 0: exit workers[1]", violation.invariant):
        assert words in one


def test_lines_that_are_too_long_are_cut() -> None:
    assert clipped("a" * 10, 10) == "a" * 10
    assert clipped("words and words", 10) == "words and…"
