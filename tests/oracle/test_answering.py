"""How long who is asked may take, and how long who asks may be silent."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from trace_builder import AGENTS, CLIENT, CONTROLLER, HOST_AGENTS, NODES, PROCS, TRAINERS, TraceBuilder, found

from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import ActorId, PortRef, actor_name_of, proc_name_of
from meshsim.model.messages import (
    CreateOrUpdate,
    Envelope,
    GetRankStatus,
    GetState,
    PassOn,
    ProcSpec,
    RankStatus,
    StateReply,
    Stop,
)
from meshsim.model.notes import MonitoringEnded, ProcStatusChanged
from meshsim.model.status import RUNNING, State
from meshsim.trace.records import (
    FaultStruck,
    InFlight,
    MessageLost,
    MessageReturned,
    ProcessContinued,
    ProcessStopped,
)

KILLED = ExitStatus(signal=9)
NAME = actor_name_of(TRAINERS[1])
PORT = PortRef(CLIENT, 1024)
REPLY = Envelope(AGENTS[1], CLIENT, StateReply(State(NAME, RUNNING)), port=1024)


@pytest.fixture
def trace() -> TraceBuilder:
    return TraceBuilder().bring_up()


def _ask(trace: TraceBuilder, at: float = 20, dest: ActorId = AGENTS[1], node: str = NODES[1]) -> int:
    return trace.add(Envelope(CLIENT, dest, GetState(NAME, PORT)), node=node, at=at)


@pytest.mark.parametrize(
    "fate",
    [
        REPLY,
        MessageLost(REPLY, "gone"),
        MessageReturned(REPLY, ("gone",)),
        InFlight(REPLY),
        Envelope(CLIENT, CLIENT, PassOn(REPLY)),
    ],
    ids=lambda fate: type(fate).__name__,
)
def test_an_answer_counts_whatever_becomes_of_it(trace: TraceBuilder, fate: Envelope) -> None:
    """It has left; the rest is the network's."""
    asked = _ask(trace)
    trace.add(fate, node="client", cause=asked, at=50)
    assert found(trace.end(60), "agents-answer") == []


def test_an_answer_counts_from_when_it_was_sent(trace: TraceBuilder) -> None:
    """The step that sent it came five seconds after the question."""
    asked = _ask(trace)
    sent = trace.add(ProcessContinued(), node=NODES[1], at=25)
    trace.add(REPLY, node="client", cause=sent, at=25.1)
    expected = "workers[1].proc_agent had to answer GetState within 1s, it took 5s"
    assert found(trace.end(60), "agents-answer") == [("workers[1].proc_agent", expected, (asked,))]


@pytest.mark.parametrize(
    "excuse",
    [
        lambda trace: trace.add(FaultStruck(0, "hang", AGENTS[1]), at=5),
        lambda trace: trace.add(FaultStruck(0, "misreport", AGENTS[1]), at=5),
        lambda trace: trace.add(ProcessStopped(), node=NODES[1], at=20),
        lambda trace: trace.dies(NODES[1], KILLED, by="host1", at=20),
        lambda trace: trace.actor(AGENTS[1], "failed: boom", at=20),
    ],
    ids=["hangs", "misreports", "stalls", "dies", "fails"],
)
def test_who_cannot_answer_need_not(trace: TraceBuilder, excuse: Callable[[TraceBuilder], object]) -> None:
    """It is gone at that moment, or a fault keeps it."""
    _ask(trace)
    excuse(trace)
    assert found(trace.end(600), "agents-answer") == []


def test_last_words_are_said_before_the_end(trace: TraceBuilder) -> None:
    """It had nothing else to do when it was asked, and lived on: half a second later it is too late for an excuse."""
    _ask(trace)
    trace.dies(NODES[1], KILLED, by="host1", at=20.5)
    expected = "workers[1].proc_agent had to answer GetState within 1s, it lived on, and never did"
    assert [message for _, message, _ in found(trace.end(60), "agents-answer")] == [expected]


def test_an_agent_that_stops_an_actor_has_its_time(trace: TraceBuilder) -> None:
    """Ten seconds for the actor, one for the answer; and no last words while it is busy."""
    trace.add(Envelope(CLIENT, AGENTS[1], Stop(NAME, "enough")), node=NODES[1], at=19)
    _ask(trace)
    expected = "workers[1].proc_agent had to answer GetState within 10s, it never did"
    assert [message for _, message, _ in found(trace.end(60), "agents-answer")] == [expected]


@pytest.mark.parametrize(
    ("phase", "bound"), [("Running", "31s"), ("Ready", "1s"), ("Failed", "1s")], ids=["starts", "is ready", "failed"]
)
def test_a_host_that_starts_a_proc_has_its_time(trace: TraceBuilder, phase: str, bound: str) -> None:
    """R while one is on its way; then it answers at once."""
    name = proc_name_of(PROCS[1])
    trace.add(Envelope(CLIENT, HOST_AGENTS[1], CreateOrUpdate(name, 0, ProcSpec())), node="host1", at=19)
    trace.add(ProcStatusChanged(name, "Starting", phase, phase), node="host1")
    _ask(trace, dest=HOST_AGENTS[1], node="host1")
    expected = f"host1.host_agent had to answer GetState within {bound}, it never did"
    assert [message for _, message, _ in found(trace.end(600), "agents-answer")] == [expected]


def test_a_controller_answers_behind_a_poll_and_a_stop(trace: TraceBuilder) -> None:
    """Two polls' worth of idle limits, then three of a stop."""
    _ask(trace, dest=CONTROLLER, node="client")
    expected = "trainer.controller had to answer GetState within 4m 31s, it never did"
    assert [message for _, message, _ in found(trace.end(600), "agents-answer")] == [expected]


def test_each_question_has_its_answer(trace: TraceBuilder) -> None:
    """Two questions to one port, one answer: the second is open."""
    name = proc_name_of(PROCS[1])
    first = trace.add(Envelope(CLIENT, HOST_AGENTS[1], GetRankStatus(name, PORT)), node="host1", at=20)
    second = trace.add(Envelope(CLIENT, HOST_AGENTS[1], GetRankStatus(name, PORT)), node="host1")
    reply = Envelope(HOST_AGENTS[1], CLIENT, RankStatus(()), port=1024)
    trace.add(reply, node="client", cause=first, at=20.1)
    assert [records for _, _, records in found(trace.end(60), "agents-answer")] == [(second,)]


# --- controllers-poll --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "excuse",
    [
        lambda trace: trace.add(MonitoringEnded(CONTROLLER, "trainer", "all_terminal"), node="client", at=5),
        lambda trace: trace.actor(CONTROLLER, "stopped: enough", at=12),
        lambda trace: trace.dies("client", KILLED, at=12),
        lambda trace: trace.add(ProcessStopped(), node="client", at=5),
        lambda trace: trace.add(FaultStruck(0, "hang", CONTROLLER), at=5),
    ],
    ids=["unwatched", "ended", "died", "stalls", "hangs"],
)
def test_who_need_not_poll_any_more(trace: TraceBuilder, excuse: Callable[[TraceBuilder], object]) -> None:
    """Its mesh has ended, or it cannot."""
    excuse(trace)
    assert found(trace.end(60), "controllers-poll") == []


def test_the_first_poll_is_due_from_the_spawn_on(trace: TraceBuilder) -> None:
    """A timer that was never set would be a watch that never begins."""
    expected = "trainer.controller had to begin a poll within 11s, none followed"
    assert [message for _, message, _ in found(trace.end(60), "controllers-poll")] == [expected]


def test_a_poll_that_runs_is_no_gap(trace: TraceBuilder) -> None:
    """However long it takes: that it ends is another invariant's."""
    trace.poll(1, at=11, end=None)
    assert found(trace.end(60), "controllers-poll") == []
