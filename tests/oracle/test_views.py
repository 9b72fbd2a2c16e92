"""`views-agree`: who contradicts whom about a rank."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter

import msgspec
import pytest
from trace_builder import (
    AGENTS,
    CLIENT,
    CONTROLLER,
    HOST_AGENTS,
    HOSTS,
    NODES,
    OBSERVER,
    PROCS,
    TRAINERS,
    TraceBuilder,
    found,
    heard,
)

from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import Name, PortRef
from meshsim.model.messages import Envelope, GetState, MeshFailed, StateReply, Unsubscribe
from meshsim.model.notes import LocalDelivery, MonitoringEnded, PollEnded, PollStarted, ReferenceMade, SubscriberRemoved
from meshsim.model.status import (
    RUNNING,
    STOPPED,
    STOPPING,
    ActorState,
    MeshState,
    ProcState,
    State,
    Status,
    failed,
    timeout,
)
from meshsim.model.supervision import ActorPhase, ActorStatus, MeshFailure
from meshsim.trace.records import FaultStruck, ProcessContinued, ProcessStopped
from meshsim.units import S

KILLED = ExitStatus(signal=9)
TRAINER = TRAINERS[1]
#: P + 2 (H + A) + slack.
DETECTION_S = 191


@pytest.fixture
def trace() -> TraceBuilder:
    return TraceBuilder().bring_up(subscribers=(OBSERVER,))


def messages(trace: TraceBuilder, end: float = 60) -> list[str]:
    return [message for _, message, _ in found(trace.end(end), "views-agree")]


# --- agents --------------------------------------------------------------------------------------------------


def agent_says(trace: TraceBuilder, status: Status, *, asked: int, at: float) -> None:
    reply = StateReply(State("trainer-1bbbbbbbbbbb", status, ActorState(TRAINER, 1)))
    trace.add(LocalDelivery(Envelope(AGENTS[1], CLIENT, reply, 1024)), node=NODES[1], cause=asked, at=at)


@pytest.mark.parametrize(
    ("text", "answer", "message"),
    [
        ("failed: boom", RUNNING, "workers[1].proc_agent said Running of trainer[1], which had failed"),
        ("stopped: done", RUNNING, "workers[1].proc_agent said Running of trainer[1], which had stopped"),
        ("failed: boom", failed("boom"), None),
        ("stopped: done", STOPPED, None),
        ("idle", RUNNING, None),
    ],
)
def test_an_agent_knows_who_has_ended(trace: TraceBuilder, text: str, answer: Status, message: str | None) -> None:
    """Q10, Q55: what an agent was not told of, it calls Running for ever."""
    end = trace.actor(TRAINER, text, at=10)
    agent_says(trace, answer, asked=end + 1, at=20)
    agent_says(trace, answer, asked=end + 2, at=30)
    assert messages(trace) == ([] if message is None else [message])


def test_an_agent_that_was_asked_before_may_not_know(trace: TraceBuilder) -> None:
    """The question is older than the end, though the answer is not."""
    end = trace.actor(TRAINER, "stopped: done", at=10)
    agent_says(trace, RUNNING, asked=end - 1, at=20)
    assert messages(trace) == []


def test_an_agent_that_a_fault_makes_lie_is_not_judged(trace: TraceBuilder) -> None:
    """`misreport` says so in the scenario."""
    trace.add(FaultStruck(0, "misreport", AGENTS[1], "trainer: Running"), at=5)
    end = trace.actor(TRAINER, "stopped: done", at=10)
    agent_says(trace, RUNNING, asked=end + 1, at=20)
    assert messages(trace) == []


@pytest.mark.parametrize(("ends_at", "is_found"), [(33.9, False), (34.1, True), (None, True)])
def test_what_an_agent_calls_stopped_ends(trace: TraceBuilder, ends_at: float | None, is_found: bool) -> None:
    """Q32: it runs on. S + C + slack = 14 s after the first answer it has to have ended."""
    agent_says(trace, STOPPED, asked=1, at=20)
    if ends_at is not None:
        trace.actor(TRAINER, "stopped: done", at=ends_at)
    late = "trainer[1] was called Stopped, and 14s later it was still there"
    assert messages(trace) == ([late] if is_found else [])


def test_a_stalled_actor_has_time_to_end(trace: TraceBuilder) -> None:
    """Time in which its process is stopped does not count."""
    agent_says(trace, STOPPED, asked=1, at=20)
    trace.add(ProcessStopped(), node=NODES[1])
    assert messages(trace, 100) == []


# --- hosts ---------------------------------------------------------------------------------------------------


def host_says(trace: TraceBuilder, status: Status, *, asked: int, at: float) -> None:
    reply = StateReply(State("workers_0", status, ProcState(PROCS[1], 1, AGENTS[1])))
    trace.add(Envelope(HOST_AGENTS[1], CLIENT, reply, 1024), node="client", cause=asked, at=at)


@pytest.mark.parametrize(("answer", "is_found"), [(RUNNING, True), (failed("Killed(sig=9)"), False)])
def test_a_host_knows_who_has_died(trace: TraceBuilder, answer: Status, is_found: bool) -> None:
    """It waited for the process itself."""
    reaped = trace.dies(NODES[1], KILLED, by="host1", at=10)
    host_says(trace, answer, asked=reaped + 1, at=20)
    lie = "host1.host_agent said Running of workers[1], whose process had died"
    assert messages(trace) == ([lie] if is_found else [])


@pytest.mark.parametrize(("asked_at", "is_found"), [(20, False), (20.001, True)])
def test_a_host_that_was_stopped_sees_its_dead_when_it_goes_on(
    trace: TraceBuilder, asked_at: float, is_found: bool
) -> None:
    """What waited for it may come first, at that very instant."""
    trace.add(ProcessStopped(), node=HOSTS[1], at=9)
    trace.dies(NODES[1], KILLED, by="host1", at=10)
    trace.add(ProcessContinued(), node=HOSTS[1], at=20)
    asked = trace.add(
        Envelope(CLIENT, HOST_AGENTS[1], GetState(Name("workers_0"), PortRef(CLIENT, 1024))), node=HOSTS[1], at=asked_at
    )
    host_says(trace, RUNNING, asked=asked, at=21)
    lie = "host1.host_agent said Running of workers[1], whose process had died"
    assert messages(trace) == ([lie] if is_found else [])


@pytest.mark.parametrize(
    ("answer", "dies_at", "is_found"),
    [(STOPPED, 40.9, False), (STOPPED, 41.1, True), (STOPPED, None, True), (STOPPING, None, False)],
)
def test_what_a_host_calls_stopped_dies(
    trace: TraceBuilder, answer: Status, dies_at: float | None, is_found: bool
) -> None:
    """2 X and 2 T for one batch are both 20 s, and slack. Stopping is no end."""
    host_says(trace, answer, asked=1, at=20)
    if dies_at is not None:
        trace.dies(NODES[1], KILLED, by="host1", at=dies_at)
    late = "workers[1] was called Stopped, and 21s later it was still there"
    assert messages(trace) == ([late] if is_found else [])


# --- controllers ---------------------------------------------------------------------------------------------


def controller_says(trace: TraceBuilder, rank_1: Status, *, at: float) -> None:
    reply = StateReply(State("trainer", RUNNING, MeshState((RUNNING, rank_1))))
    trace.add(LocalDelivery(Envelope(CONTROLLER, CLIENT, reply, 1024)), node="client", at=at)


@pytest.mark.parametrize(("fails_at", "is_found"), [(15, True), (20.05, False), (25, False)])
def test_a_controller_knows_what_its_last_poll_could_see(trace: TraceBuilder, fails_at: float, is_found: bool) -> None:
    """Before that poll began, during it, after it."""
    trace.poll(1, at=11, end=11.1)
    for _, happens in sorted(
        [
            (20, lambda: trace.add(PollStarted(CONTROLLER, "trainer", 2), node="client", at=20)),
            (20.1, lambda: trace.add(PollEnded(CONTROLLER, "trainer", 2, "healthy", True), node="client", at=20.1)),
            (fails_at, lambda: trace.actor(TRAINER, "failed: boom", at=fails_at)),
        ],
        key=itemgetter(0),
    ):
        happens()
    controller_says(trace, RUNNING, at=30)
    lie = "trainer.controller said Running of trainer[1], which had ended"
    assert messages(trace) == ([lie] if is_found else [])


@pytest.mark.parametrize(("asked_at", "is_found"), [(20 + DETECTION_S, False), (22 + DETECTION_S, True)])
def test_a_controller_forgets_a_silence_that_is_over(trace: TraceBuilder, asked_at: float, is_found: bool) -> None:
    """Q54: once Timeout, always Timeout. The process runs again since 21 s, and a poll had time to see that."""
    trace.add(ProcessStopped(), node=NODES[1], at=15)
    trace.poll(1, at=16, end=20, outcome="changed")
    trace.add(ProcessContinued(), node=NODES[1], at=21)
    controller_says(trace, timeout(30 * S), at=asked_at)
    lie = "trainer.controller said Timeout(30s) of trainer[1], which was well"
    assert messages(trace, 300) == ([lie] if is_found else [])


# --- listeners and slices ------------------------------------------------------------------------------------


def told(trace: TraceBuilder, rank: int | None, *, at: float) -> None:
    failure = heard(OBSERVER, "subscriber", rank, "failed: silent", mesh="trainer", actor=TRAINER).failure
    _notice(trace, failure, at)


def told_that_all_is_well(trace: TraceBuilder, *, at: float) -> None:
    failure = heard(OBSERVER, "subscriber", None, "failed: x", mesh="trainer", actor=TRAINER).failure
    event = msgspec.structs.replace(failure.event, actor_status=ActorStatus(ActorPhase.IDLE))
    _notice(trace, msgspec.structs.replace(failure, event=event), at)


def _notice(trace: TraceBuilder, failure: MeshFailure, at: float) -> None:
    notice = Envelope(CONTROLLER, OBSERVER, MeshFailed(failure), 1025, subscriber=True)
    trace.add(notice, node="observer", at=at)


def _nothing(trace: TraceBuilder) -> None:
    """And that was all that it was ever told."""


def _taken_back(trace: TraceBuilder) -> None:
    told_that_all_is_well(trace, at=30)


def _it_was_true(trace: TraceBuilder) -> None:
    trace.actor(TRAINER, "failed: boom", at=30)


def _another_failed(trace: TraceBuilder) -> None:
    trace.actor(TRAINERS[0], "failed: boom", at=30)


def _unsubscribed(trace: TraceBuilder) -> None:
    unsubscribe = Unsubscribe(PortRef(OBSERVER, 1025))
    trace.add(Envelope(OBSERVER, CONTROLLER, unsubscribe), node="client", at=30)


def _forgotten(trace: TraceBuilder) -> None:
    trace.add(SubscriberRemoved(CONTROLLER, OBSERVER), node="client", at=30)


def _listener_died(trace: TraceBuilder) -> None:
    trace.dies("observer", KILLED, at=30)


def _controller_died(trace: TraceBuilder) -> None:
    trace.dies("client", KILLED, at=30)


def _stopped(trace: TraceBuilder) -> None:
    trace.add(MonitoringEnded(CONTROLLER, "trainer", "stop"), node="client", at=30)


def _gave_up(trace: TraceBuilder) -> None:
    trace.add(MonitoringEnded(CONTROLLER, "trainer", "all_terminal"), node="client", at=30)


@pytest.mark.parametrize(
    ("happens", "is_found"),
    [
        (_nothing, True),
        (_gave_up, True),
        *((happens, False) for happens in (_taken_back, _it_was_true, _another_failed, _unsubscribed, _forgotten)),
        *((happens, False) for happens in (_listener_died, _controller_died, _stopped)),
    ],
)
def test_a_false_alarm_is_taken_back(
    trace: TraceBuilder, happens: Callable[[TraceBuilder], None], is_found: bool
) -> None:
    """Q25: a subscriber that was told of a failure believes it for ever."""
    told(trace, 1, at=20)
    happens(trace)
    late = "observer was told of a failure of trainer, and never that every rank of it was well again"
    assert messages(trace, 400) == ([late] if is_found else [])


def test_a_false_alarm_has_time_to_be_taken_back(trace: TraceBuilder) -> None:
    """A detection bound."""
    told(trace, 1, at=20)
    assert messages(trace, 20 + DETECTION_S - 1) == []


@pytest.mark.parametrize(("rank", "is_found"), [(0, True), (1, False), (None, False)])
def test_a_slice_hears_of_its_own_ranks_alone(trace: TraceBuilder, rank: int | None, is_found: bool) -> None:
    """Q17: a rank of another space is taken for one of the slice."""
    trace.add(ReferenceMade(OBSERVER, "upper", "trainer", "1+hosts=1/1", (PROCS[1],)), node="observer", at=3)
    trace.actor(TRAINERS[0], "failed: boom", at=10)
    trace.actor(TRAINERS[1], "failed: boom")
    note = heard(OBSERVER, "subscriber", rank, "failed: boom", mesh="trainer", actor=TRAINER)
    trace.add(msgspec.structs.replace(note, ref="upper"), node="observer", at=20)
    wrong = "observer heard through upper of trainer[0], which is none of its ranks"
    assert messages(trace) == ([wrong] if is_found else [])


def test_a_healthy_world_agrees(trace: TraceBuilder) -> None:
    """Agent, host and controller say Running of what runs."""
    trace.poll(1, at=11, end=11.1)
    agent_says(trace, RUNNING, asked=1, at=20)
    host_says(trace, RUNNING, asked=1, at=20)
    controller_says(trace, RUNNING, at=20)
    assert messages(trace, 500) == []
