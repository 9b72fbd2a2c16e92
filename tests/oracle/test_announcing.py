"""`stopped-mesh-is-told`: who has to hear that a mesh was stopped as a whole, by when, and what excuses silence."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from trace_builder import CLIENT, CONTROLLER, OBSERVER, TRAINERS, TraceBuilder, found

from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import PortRef, actor_name_of
from meshsim.model.messages import Envelope, MeshFailed, Stop, Subscribe, Unsubscribe
from meshsim.model.notes import Bounced, MonitoringEnded, SubscriberRemoved
from meshsim.model.supervision import ActorSupervisionEvent, Generic, MeshFailure, actor_failed, actor_stopped
from meshsim.trace.records import FaultStruck, MessageLost, ProcessContinued, ProcessStopped

STOPPED = "observer was not told of the stop of trainer within 1s"
CLEANED = "observer was not told of the cleanup of trainer by its controller within 1s"
PORT = PortRef(OBSERVER, 1024)

Alter = Callable[[TraceBuilder], object]


@pytest.fixture
def trace() -> TraceBuilder:
    """Observer subscribes at 5 s."""
    trace = TraceBuilder().bring_up()
    trace.add(Envelope(OBSERVER, CONTROLLER, Subscribe(PORT)), node="client", at=5)
    return trace


def _stop(trace: TraceBuilder, at: float = 20) -> None:
    trace.add(Envelope(CLIENT, CONTROLLER, Stop(actor_name_of(TRAINERS[0]), "enough")), node="client", at=at)


def _clean_up(trace: TraceBuilder, at: float = 20) -> None:
    trace.add(MonitoringEnded(CONTROLLER, "trainer", "cleanup"), node="client", at=at)


def _notice(rank: int | None = None, *, fails: bool = False) -> Envelope:
    status = actor_failed(Generic("boom")) if fails else actor_stopped("enough")
    failure = MeshFailure("trainer", rank, ActorSupervisionEvent(TRAINERS[0], None, 0, status))
    return Envelope(CONTROLLER, OBSERVER, MeshFailed(failure), PORT.index, subscriber=True)


def _tell(trace: TraceBuilder, notice: Envelope, at: float) -> None:
    trace.add(notice, node="observer", at=at)


def _silence(trace: TraceBuilder) -> list[str]:
    return [message for _, message, _ in found(trace.end(600), "stopped-mesh-is-told")]


@pytest.mark.parametrize(("begin", "finding"), [(_stop, STOPPED), (_clean_up, CLEANED)], ids=["stop", "cleanup"])
@pytest.mark.parametrize(
    ("at", "notice"),
    [
        (21.1, _notice()),
        (21, _notice(0)),
        (21, _notice(fails=True)),
        (21, Envelope(CONTROLLER, OBSERVER, MeshFailed(None), PORT.index, subscriber=True)),
    ],
    ids=["late", "of one rank", "of a failure", "heartbeat"],
)
def test_only_word_of_the_stop_counts(
    trace: TraceBuilder, begin: Alter, finding: str, at: float, notice: Envelope
) -> None:
    begin(trace)
    _tell(trace, notice, at)
    assert _silence(trace) == [finding]


@pytest.mark.parametrize("begin", [_stop, _clean_up])
def test_who_was_told_within_a_second_is_told(trace: TraceBuilder, begin: Alter) -> None:
    begin(trace)
    _tell(trace, _notice(), 21)
    assert _silence(trace) == []


def test_a_poll_that_runs_comes_first(trace: TraceBuilder) -> None:
    """The longest of two ranks takes three minutes."""
    trace.poll(1, at=19, end=None)
    _stop(trace)
    assert _silence(trace) == ["observer was not told of the stop of trainer within 3m 1s"]


def test_a_second_stop_is_none(trace: TraceBuilder) -> None:
    _stop(trace)
    _tell(trace, _notice(), 20.5)
    _stop(trace, at=40)
    assert _silence(trace) == []


def test_who_gives_up_in_the_silence_was_not_told(trace: TraceBuilder) -> None:
    """A watchdog says goodbye to a controller that it takes for dead."""
    _clean_up(trace)
    trace.add(Envelope(OBSERVER, CONTROLLER, Unsubscribe(PORT)), node="client", at=100)
    assert _silence(trace) == [CLEANED]


@pytest.mark.parametrize("begin", [_stop, _clean_up])
@pytest.mark.parametrize(
    "excuse",
    [
        lambda trace: trace.add(Envelope(OBSERVER, CONTROLLER, Unsubscribe(PORT)), node="client", at=19),
        lambda trace: trace.add(SubscriberRemoved(CONTROLLER, OBSERVER), node="client", at=19),
        lambda trace: trace.add(FaultStruck(0, "hang", CONTROLLER), at=19),
        lambda trace: trace.add(FaultStruck(0, "loss", "client <-> observer"), at=19),
    ],
    ids=["left", "forgotten", "hangs", "cut off"],
)
def test_who_could_not_be_told_from_the_first(trace: TraceBuilder, begin: Alter, excuse: Alter) -> None:
    excuse(trace)
    begin(trace)
    assert _silence(trace) == []


@pytest.mark.parametrize("begin", [_stop, _clean_up])
@pytest.mark.parametrize(
    "excuse",
    [
        lambda trace: trace.actor(OBSERVER, "stopped: done", node="observer", at=20.5),
        lambda trace: trace.dies("observer", ExitStatus(signal=9), at=20.5),
        lambda trace: trace.dies("client", ExitStatus(signal=9), at=20.5),
        lambda trace: trace.add(MessageLost(_notice(), "loss"), at=20.5),
        lambda trace: trace.add(Bounced(_notice(), "no such port"), node="observer", at=20.5),
    ],
    ids=["ended", "died", "controller died", "lost", "came back"],
)
def test_who_could_not_be_told_in_time(trace: TraceBuilder, begin: Alter, excuse: Alter) -> None:
    begin(trace)
    excuse(trace)
    assert _silence(trace) == []


def test_a_stall_of_the_listener_does_not_count(trace: TraceBuilder) -> None:
    _stop(trace)
    trace.add(ProcessStopped(), node="observer", at=20.1)
    trace.add(ProcessContinued(), node="observer", at=50.1)
    _tell(trace, _notice(), 51)
    assert _silence(trace) == []


def test_a_controller_that_ends_before_its_poll_is_over_need_not_tell(trace: TraceBuilder) -> None:
    """One that cleans up has its process to tell with, all the same."""
    _stop(trace)
    trace.actor(CONTROLLER, "failed: boom", node="client", at=20.5)
    assert _silence(trace) == []
