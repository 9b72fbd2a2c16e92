"""When faults strike: at records, in sequences and groups, again and again, at whoever a record names."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from small_worlds import at, found, mesh, run_sim, times

from meshsim.faults.conditions import Condition
from meshsim.faults.kinds import (
    Exit,
    Fault,
    HostCrash,
    Raise,
    Repeat,
    Resume,
    Signal,
    Stall,
    SubscriberGone,
    When,
)
from meshsim.model.notes import PollStarted
from meshsim.trace.records import FaultMissed, FaultStruck, ProcessContinued, ProcessStopped, Record

POLLS = {"record": "poll_started", "where": {"mesh": "trainer"}}


def run(*faults: Fault, horizon_s: float = 20) -> list[Record]:
    """Four workers on one host, polled every 2 s from 2 s on."""
    return run_sim(mesh(per_host=4, faults=list(faults), horizon_s=horizon_s)).records


def strikes(records: Sequence[Record]) -> list[tuple[float, int, str, object]]:
    """When which fault struck what, and its number among the strikes of that fault."""
    return [
        (round(when, 3), what.index, what.target, what.strike if isinstance(what.strike, int) else None)
        for when, what in zip(times(records, FaultStruck), found(records, FaultStruck), strict=True)
    ]


def missed(records: Sequence[Record]) -> list[tuple[str, str]]:
    return [(what.target, what.why) for what in found(records, FaultMissed)]


# --- groups and repeats ---------------------------------------------------------------------------------------


def test_a_group_is_struck_at_one_instant() -> None:
    """In the order in which it is written."""
    records = run(Signal(targets=["workers[2]", "workers[0]"], signal="SIGKILL", at=at(5)))

    assert strikes(records) == [(5.0, 0, "host0/workers_2", None), (5.0, 0, "host0/workers_0", None)]


def test_who_is_gone_does_not_save_the_others_of_a_group() -> None:
    """One target is missed, the next is struck."""
    first = Exit(target="workers[2]", at=at(4))
    records = run(first, Exit(targets=["workers[2]", "workers[0]"], at=at(5)))

    assert [strike[1:3] for strike in strikes(records)] == [(0, "host0/workers_2"), (1, "host0/workers_0")]
    assert missed(records) == [("workers[2]", "the process of workers[2] is gone")]


def test_a_repeated_fault_strikes_with_every_period() -> None:
    """Each strike has its number, and so has the end of each stall."""
    stall = Stall(target="workers[1]", for_=at(0.5), at=at(5), repeat=Repeat(times=3, every=at(2)))
    records = run(stall)

    assert strikes(records) == [
        (5.0, 0, "host0/workers_1", 1),
        (5.5, 0, "host0/workers_1", 1),
        (7.0, 0, "host0/workers_1", 2),
        (7.5, 0, "host0/workers_1", 2),
        (9.0, 0, "host0/workers_1", 3),
        (9.5, 0, "host0/workers_1", 3),
    ]
    assert times(records, ProcessStopped) == [5.0, 7.0, 9.0]
    assert times(records, ProcessContinued) == [5.5, 7.5, 9.5]


# --- records --------------------------------------------------------------------------------------------------


def polled(records: Sequence[Record]) -> list[float]:
    return [round(record.at / 10**9, 3) for record in records if type(record.what).__name__ == "PollStarted"]


@pytest.mark.parametrize(
    ("when", "polls"),
    [
        (When(**POLLS), [0]),
        (When(**POLLS, count=3), [2]),
        (When(**POLLS, times=2), [0, 1]),
        (When(**POLLS, count=2, times=3), [1, 2, 3]),
        (When(**POLLS, times=1000), list(range(9))),
        (When(**POLLS, from_=at(7)), [3]),
        (When(**POLLS, from_=at(7), count=2, times=2), [4, 5]),
        (When(**POLLS, after_fault=1), [2]),
        (When(**POLLS, after_fault=1, count=2), [3]),
        (When(record="poll_started", where={"count": Condition(ge=4)}), [3]),
    ],
    ids=repr,
)
def test_a_trigger_strikes_at_the_matches_that_it_counts(when: When, polls: list[int]) -> None:
    """From the beginning, from a time on, or behind another fault, which strikes at 5 s, between two polls."""
    records = run(Resume(target="workers[1]", when=when), Resume(target="workers[2]", at=at(5)))

    every = polled(records)
    assert [time for time, index, _, _ in strikes(records) if index == 0] == [every[number] for number in polls]


def test_strikes_of_several_matches_overlap() -> None:
    """Each match leads to strikes of its own, numbered as they come."""
    when = When(**POLLS, times=2, after=at(3))
    records = run(Resume(target="workers[1]", when=when, repeat=Repeat(times=2, every=at(1))))

    first = polled(records)[0]
    assert [(round(time - first, 1), number) for time, _, _, number in strikes(records)] == [
        (3.0, 1),
        (4.0, 2),
        (5.0, 3),
        (6.0, 4),
    ]


def test_a_sequence_of_faults() -> None:
    """Each strikes so long behind the one before it; the end of a stall is no strike of it."""
    records = run(
        Stall(target="workers[0]", for_=at(1), at=at(5)),
        Exit(target="workers[1]", when=When(fault=0, after=at(2))),
        Exit(target="workers[2]", when=When(fault=1, after=at(0.5))),
    )

    assert [strike[:2] for strike in strikes(records)] == [(5.0, 0), (6.0, 0), (7.0, 1), (7.5, 2)]


def test_a_fault_that_missed_starts_nothing() -> None:
    """What waits for it goes on waiting."""
    records = run(
        Exit(target="workers[0]", at=at(4)),
        Exit(target="workers[0]", at=at(5)),
        Exit(target="workers[1]", when=When(fault=1)),
        Exit(target="workers[2]", when=When(record="fault_missed")),
    )

    assert [strike[1] for strike in strikes(records)] == [0, 3]


def test_what_another_fault_led_to_may_trigger_one() -> None:
    """Records do not say why they are there."""
    died = When(record="process_died", where={"node": "workers[0]"})
    records = run(Exit(target="workers[0]", at=at(5)), Exit(target="workers[1]", when=died))

    assert [strike[:2] for strike in strikes(records)] == [(5.0, 0), (5.0, 1)]


# --- whom the record names ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "struck"),
    [
        (Exit(target="{node}", when=When(record="process_stopped", after=at(1))), "host0/workers_2"),
        (Exit(target="{target}", when=When(fault=0, after=at(1))), "host0/workers_2"),
        (Exit(target="workers[{rank}]", when=When(record="heard", where={"rank": Condition(gt=0)})), "host0/workers_2"),
        (HostCrash(target="{by}", when=When(record="process_reaped")), "host0"),
        (Exit(target="{listener}", when=When(record="heard")), "client"),
    ],
    ids=repr,
)
def test_a_target_is_taken_from_the_record(fault: Fault, struck: str) -> None:
    """A worker is stopped at 5 s, an actor beside it fails at 6 s, a process dies at 12 s."""
    others = [
        Stall(target="workers[2]", for_=at(0.5), at=at(5)),
        Raise(target="trainer[2]", at=at(6)),
        Exit(target="workers[3]", at=at(12)),
    ]
    records = run(*others, fault, horizon_s=30)

    assert [strike[2] for strike in strikes(records) if strike[1] == 3] == [struck]


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Raise(target="{node}", when=When(record="process_stopped")), "workers[2] is not an actor of a mesh"),
        (HostCrash(target="{node}", when=When(record="process_stopped")), "workers[2] is not a host"),
        (
            SubscriberGone(target="{node}", mesh="trainer", when=When(record="process_stopped")),
            "workers[2] is not a client or an actor of a mesh",
        ),
        (Exit(target="{node}", when=When(record="fault")), "the record that triggers it has no node"),
        (Exit(target="trainer[{count}]", when=When(**POLLS, count=9)), "trainer[9] does not exist, or not yet"),
        (Exit(target="{detail}", when=When(fault=0)), "SIGSTOP does not exist, or not yet"),
    ],
    ids=repr,
)
def test_whom_a_fault_cannot_strike_is_missed(fault: Fault, why: str) -> None:
    """What a record names is known only when it is there."""
    records = run(Stall(target="workers[2]", for_=at(0.5), at=at(5)), fault)

    assert [each for _, each in missed(records)] == [why]
    assert [strike[1] for strike in strikes(records)] == [0, 0]


def test_the_record_is_the_cause_of_the_strike() -> None:
    """So the story of a run leads from one to the other, missed or not."""
    when = When(**POLLS, after=at(1))
    records = run(Resume(target="{node}", when=when), Raise(target="{node}", when=when))

    causes = [records[record.cause].what for record in records if isinstance(record.what, FaultStruck | FaultMissed)]
    assert [type(cause) for cause in causes] == [PollStarted, PollStarted]
