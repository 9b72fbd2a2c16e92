"""Plans in words: when faults strike, how often and whom; and what is expected."""

from __future__ import annotations

import pytest
from small_worlds import at, mesh

from meshsim.cli.words import expectation_words, timetable
from meshsim.faults.conditions import Condition
from meshsim.faults.kinds import Exit, Fault, Repeat, Resume, Stall, When
from meshsim.oracle.expectations import (
    Expectation,
    Final,
    Hears,
    MessageCount,
    Moment,
    NeverHears,
    OperationResult,
    Order,
    RecordCount,
    Window,
)

POLLS = {"record": "poll_started", "where": {"count": Condition(ge=2)}}


@pytest.mark.parametrize(
    ("fault", "when", "how"),
    [
        (Exit(targets=["workers[0]", "workers[1]"], at=at(5)), "at 5s", "exit workers[0] and workers[1], code 1"),
        (
            Resume(target="client", at=at(5), repeat=Repeat(times=3, every=at(2))),
            "at 5s, 3 times, every 2s",
            "resume client",
        ),
        (Resume(target="{node}", when=When(**POLLS)), "on poll_started with count >= 2", "resume {node}"),
        (
            Stall(target="client", for_=at(1), when=When(record="heard", count=2, times=3, after=at(1))),
            "1s after matches 2 to 4 of heard",
            "stall client, for 1s",
        ),
        (
            Resume(target="client", when=When(record="heard", from_=at(3), after_fault=1)),
            "on heard from 3s on behind fault 1",
            "resume client",
        ),
        (Resume(target="client", when=When(fault=1, after=at(2))), "2s after fault 1", "resume client"),
    ],
    ids=repr,
)
def test_a_fault_has_a_line(fault: Fault, when: str, how: str) -> None:
    """What `show` prints of it."""
    plan = mesh(faults=[fault, Resume(target="client", at=at(1))])

    assert (when, "fault 0", how) in timetable(plan)


@pytest.mark.parametrize(
    ("expectation", "words"),
    [
        (
            Order(moments=[Moment(fault=0), Moment(listener="client", rank=1, count=2)], within=at(3)),
            "fault 0, then match 2 of client hears any mesh[1] fail, all within 3s",
        ),
        (
            NeverHears(listener="client", text_is="x", window=Window(after_fault=0, within=at(3)), not_=True),
            "it is not so that client never hears anything fail with exactly 'x', behind fault 0, within 3s",
        ),
        (
            Hears(
                listener="client", mesh="trainer", text_matches="x+", window=Window(from_=at(1), until=at(2)), times=1
            ),
            "client hears trainer fail with what matches 'x+', from 1s on, up to 2s, exactly 1 time",
        ),
        (
            MessageCount(type="stop", src="client", dst="host0", fate="in_flight", per=at(2), at_most=3),
            "there are in flight messages stop from client to host0, in every 2s, at most 3 times",
        ),
        (
            RecordCount(record="heard", where={"text": Condition(matches="x")}, window=Window(before=Moment(fault=0))),
            'the trace has heard with text matches "x", before fault 0',
        ),
        (
            OperationResult(do="query", error_matches="x", times=2, if_quirk="Q18"),
            "query ends with an error that matches 'x', exactly 2 times, if Q18",
        ),
        (OperationResult(do="query", result_is="x"), "query ends well, returning exactly 'x'"),
        (Final(target="trainer", health="failed", by="client"), "at the end trainer is failed to client"),
        (Final(target="trainer", controller="done"), "at the end the controller of trainer is done"),
        (
            Final(target="trainer", subscription="given_up", by="client"),
            "at the end the subscription of client to trainer is given up",
        ),
    ],
    ids=repr,
)
def test_an_expectation_is_a_sentence(expectation: Expectation, words: str) -> None:
    """Each form in which it may be narrowed, counted or turned round."""
    assert expectation_words(expectation) == words
