"""Each kind of expectation, met and unmet, with what it says when it is unmet."""

from __future__ import annotations

import pytest
from trace_builder import AGENTS, CLIENT, NODES, OBSERVER, TRAINERS, TraceBuilder, verdict

from meshsim.model.hosts.process import ExitStatus
from meshsim.oracle.expectations import (
    Expectation,
    Final,
    Hears,
    NeverHears,
    NothingLeft,
    OperationResult,
    RecordCount,
)
from meshsim.oracle.invariants import INVARIANTS
from meshsim.trace.records import FaultStruck, ProcessStopped
from meshsim.units import Duration, S

EVERYTHING = tuple(INVARIANTS)
FAILED = "failed: process failure: Killed(sig=9)"


@pytest.fixture
def trace() -> TraceBuilder:
    """Fault 0 kills the process of trainer[1] at 15 s; the client hears of it twice, first after 5 s."""
    trace = TraceBuilder().bring_up(subscribers=(OBSERVER,))
    trace.add(FaultStruck(0, "signal", NODES[1], "SIGKILL"), at=15)
    trace.dies(NODES[1], ExitStatus(signal=9), by="host1")
    trace.proc(1, "Ready", "Killed", "Killed(sig=9)")
    trace.heard(CLIENT, "owner", 1, FAILED, at=20)
    trace.heard(CLIENT, "owner", 1, FAILED, at=30)
    trace.actor(TRAINERS[0], "stopped: done", at=31)
    trace.operation(CLIENT, "stop_procs", "workers", index=7, at=32, end=34, result="Stopping=0..2")
    trace.operation(CLIENT, "query_mesh", "trainer", index=8, at=35, end=36, error="no such mesh")
    trace.operation(CLIENT, "query_mesh", "other", index=9, at=37, end=None)
    return trace


def messages(trace: TraceBuilder, expectation: Expectation, *, alive: tuple[str, ...] = ("client",)) -> list[str]:
    """What is wrong with one expectation, invariants left aside."""
    records = trace.end(60, alive=alive)
    violations = verdict(records, relax=EVERYTHING, expect=(expectation,)).violations
    assert {violation.invariant for violation in violations} <= {"expect[0]"}
    return [violation.message for violation in violations]


HEARS = {"listener": "client", "mesh": "trainer", "rank": 1}


@pytest.mark.parametrize(
    "expectation",
    [
        Hears(listener="client"),
        Hears(**HEARS, times=2),
        Hears(**HEARS, at_least=2, at_most=2),
        Hears(**HEARS, role="owner", status="Failed", text="Killed(sig=9)"),
        Hears(**HEARS, text='failure on mesh "trainer" at rank 1'),
        Hears(**HEARS, within=Duration(5 * S)),
        Hears(listener="observer", times=0),
        NeverHears(listener="client", rank=0),
        NeverHears(listener="client", role="watchdog"),
        NeverHears(listener="observer"),
        Final(target="trainer[0]", actor="stopped", text="done"),
        Final(target="trainer[1]", actor="dead"),
        Final(target="client", actor="idle"),
        Final(target="workers[1]", proc="Killed", process="killed 9", text="sig=9"),
        Final(target="trainer[1]", proc="Killed", process="killed 9"),
        Final(target="host0", process="running"),
        OperationResult(do="stop_procs", name="workers", within=Duration(2 * S), result="Stopping"),
        OperationResult(do="query", name="trainer", error="no such"),
        OperationResult(do="query", ends=False),
        NothingLeft(),
        NothingLeft(targets=["workers", "trainer[1]", "host0"]),
        RecordCount(record="fault", times=1),
        RecordCount(record="heard", where={"listener": "client", "rank": 1}, times=2, after_fault=0),
        RecordCount(record="process_died", at_most=0, where={"node": "workers[0]"}),
    ],
    ids=repr,
)
def test_an_expectation_that_is_met_says_nothing(trace: TraceBuilder, expectation: Expectation) -> None:
    """Every key of every kind, satisfied by the same run."""
    assert messages(trace, expectation) == []


@pytest.mark.parametrize(
    ("expectation", "message"),
    [
        (
            Hears(listener="client", mesh="trainer", rank=2, status="Failed", times=1),
            "client heard trainer rank 2 Failed 0 times, expected 1; it heard: "
            'trainer rank 1 Failed "failed: process failure: Killed(sig=9)"',
        ),
        (Hears(**HEARS, times=1), "client heard trainer rank 1 2 times, expected 1"),
        (Hears(**HEARS, at_least=3), "client heard trainer rank 1 2 times, expected at least 3"),
        (Hears(**HEARS, at_most=1), "client heard trainer rank 1 2 times, expected at most 1"),
        (
            Hears(listener="observer"),
            "observer heard anything 0 times, expected at least 1; it heard: nothing",
        ),
        (
            Hears(listener="client", role="owner", text="Killed", within=Duration(4 * S)),
            'client heard "Killed" as owner after 5s, expected within 4s of fault 0',
        ),
        (
            Hears(listener="client", within=Duration(4 * S), fault=3),
            "fault 3, from which `within` counts, never struck",
        ),
        (
            NeverHears(listener="client", rank=1),
            "client heard rank 1 2 times, expected never: "
            'trainer rank 1 Failed "failed: process failure: Killed(sig=9)"',
        ),
        (Final(target="trainer[0]", actor="failed"), "actor trainer[0] is stopped, expected failed"),
        (Final(target="trainer[1]", actor="idle"), "actor trainer[1] is dead, expected idle"),
        (Final(target="workers[1]", proc="Stopped"), "proc workers[1] is Killed, expected Stopped"),
        (Final(target="workers[0]", proc="Stopped"), "proc workers[0] is Ready, expected Stopped"),
        (Final(target="workers[1]", process="exited 0"), "process workers[1] is killed 9, expected exited 0"),
        (
            Final(target="trainer[0]", text="orphaned"),
            "trainer[0] has the status 'stopped: done', expected 'orphaned' in it",
        ),
        (Final(target="trainer[7]", actor="idle"), "actor trainer[7] is unknown, expected idle"),
        (OperationResult(do="spawn_procs"), "spawn_procs never began"),
        (
            OperationResult(do="stop_procs", name="workers", error="time"),
            "stop_procs workers ended (well), expected an error with 'time' in it",
        ),
        (
            OperationResult(do="stop_procs", within=Duration(1 * S)),
            "stop_procs took 2s, expected at most 1s",
        ),
        (
            OperationResult(do="stop_procs", result="Stopped"),
            "stop_procs returned 'Stopping=0..2', expected 'Stopped' in it",
        ),
        (
            OperationResult(do="stop_procs", ends=False),
            "stop_procs ended (well), expected it to wait for ever",
        ),
        (
            OperationResult(do="query", name="trainer"),
            "query trainer ended with the error 'no such mesh', expected it to end well",
        ),
        (OperationResult(do="query", name="other"), "query other never ended, expected it to end"),
        (RecordCount(record="fault", times=2), "fault was recorded 1 time, expected 2"),
        (
            RecordCount(record="heard", where={"rank": 0}),
            "heard (rank = 0) was recorded 0 times, expected at least 1",
        ),
        (RecordCount(record="fault", after_fault=0), "fault was recorded 0 times, expected at least 1"),
        (
            RecordCount(record="heard", after_fault=5),
            "fault 5, from which records count, never struck",
        ),
    ],
    ids=repr,
)
def test_an_expectation_that_is_not_met_says_what_was_seen(
    trace: TraceBuilder, expectation: Expectation, message: str
) -> None:
    """What was expected, and what happened instead."""
    assert messages(trace, expectation) == [message]


def test_what_is_left_is_named(trace: TraceBuilder) -> None:
    """One violation for each process; clients may stay unless they are asked about."""
    alive = ("host0", "client", NODES[0])
    assert messages(trace, NothingLeft(), alive=alive) == [
        "the process of host0 was alive at the end, expected it to be gone",
        "the process of workers[0] was alive at the end, expected it to be gone",
    ]


def test_targets_restrict_what_must_be_gone(trace: TraceBuilder) -> None:
    """A mesh stands for the processes of its ranks."""
    alive = ("host0", "client", NODES[0])
    assert messages(trace, NothingLeft(targets=["trainer", "client"]), alive=alive) == [
        "the process of client was alive at the end, expected it to be gone",
        "the process of workers[0] was alive at the end, expected it to be gone",
    ]


def test_a_stopped_process_is_neither_running_nor_gone(trace: TraceBuilder) -> None:
    """State T is a state of its own."""
    trace.add(ProcessStopped(), node=NODES[0], at=40)
    assert messages(trace, Final(target="workers[0]", process="stopped")) == []


def test_a_proc_stands_for_its_agent(trace: TraceBuilder) -> None:
    """The actor of a proc is the one that answers for it."""
    trace.actor(AGENTS[0], "idle", at=40)
    assert messages(trace, Final(target="workers[0]", actor="idle")) == []
