"""How long who is made to end has, and in which order things are done to him."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from trace_builder import AGENTS, CLIENT, HOST_AGENTS, NODES, PROCS, TRAINERS, TraceBuilder, found

from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import PortRef, actor_name_of, proc_name_of
from meshsim.model.messages import CauseFault, Envelope, RankStatus, ShutdownHost, Stop, StopAll
from meshsim.trace.records import FaultStruck, ProcessSignalled, ProcessStarted, ProcessStopped
from meshsim.units import S

SIGTERM, SIGKILL = 15, 9
LATE = "host1/late_0"
TRAINER = Stop(actor_name_of(TRAINERS[1]), "enough")


@pytest.fixture
def trace() -> TraceBuilder:
    return TraceBuilder().bring_up()


def _stop(trace: TraceBuilder, at: float = 20) -> None:
    """Ladder A: a stop reaches the host, which marks its proc at once."""
    trace.add(Envelope(CLIENT, HOST_AGENTS[1], Stop(proc_name_of(PROCS[1]), "enough")), node="host1", at=at)
    trace.proc(1, "Ready", "Stopping")


def _shut_down(trace: TraceBuilder, at: float = 20) -> int:
    """Ladder B, with five seconds of grace."""
    message = ShutdownHost(5 * S, 16, PortRef(CLIENT, 1024))
    return trace.add(Envelope(CLIENT, HOST_AGENTS[1], message), node="host1", at=at)


def _signal(trace: TraceBuilder, number: int, at: float, *, by: str = "host1", node: str = NODES[1]) -> None:
    trace.add(ProcessSignalled(number, by), node=node, at=at)


def _early(trace: TraceBuilder) -> list[str]:
    return [message for _, message, _ in found(trace.end(60), "grace-periods")]


@pytest.mark.parametrize(
    ("begin", "signals", "messages"),
    [
        (_stop, [(SIGTERM, 30), (SIGKILL, 40)], []),
        (_stop, [(SIGTERM, 29)], ["the process of workers[1] was sent SIGTERM, but 1s of its time were left"]),
        (
            _stop,
            [(SIGTERM, 30), (SIGKILL, 39)],
            ["the process of workers[1] was sent SIGKILL, but 1s of its time after SIGTERM were left"],
        ),
        (
            _stop,
            [(SIGKILL, 40)],
            ["the process of workers[1] was sent SIGKILL, but it had not been sent SIGTERM before"],
        ),
        (_shut_down, [(SIGTERM, 25), (SIGKILL, 30)], []),
        (_shut_down, [(SIGTERM, 24)], ["the process of workers[1] was sent SIGTERM, but 1s of its time were left"]),
        (
            lambda trace: None,
            [(SIGTERM, 20)],
            ["the process of workers[1] was sent SIGTERM, but nobody had asked for its end"],
        ),
    ],
    ids=["A", "A early", "A kill early", "A no SIGTERM", "B", "B early", "unasked"],
)
def test_ladders_have_their_rungs_and_their_time(
    trace: TraceBuilder, begin: Callable[[TraceBuilder], object], signals: list[tuple[int, float]], messages: list[str]
) -> None:
    """X and X for a stop, T and T for a shutdown, in this order."""
    begin(trace)
    for number, at in signals:
        _signal(trace, number, at)
    assert _early(trace) == messages


def test_a_shutdown_cuts_no_stop_short(trace: TraceBuilder) -> None:
    """Q63: a proc that is stopping has the grace of the shutdown, at the least."""
    _stop(trace, at=20)
    _shut_down(trace, at=22)
    _signal(trace, SIGTERM, 22)
    assert _early(trace) == ["the process of workers[1] was sent SIGTERM, but 5s of its time were left"]


def test_in_a_batch_the_time_begins_with_the_turn(trace: TraceBuilder) -> None:
    """Its agent was told at 25 s only."""
    _shut_down(trace, at=20)
    turn = trace.add(Envelope(CLIENT, HOST_AGENTS[1], TRAINER), node="host1", at=25)
    trace.add(Envelope(HOST_AGENTS[1], AGENTS[1], StopAll("shutdown host")), node=NODES[1], cause=turn, at=25.1)
    _signal(trace, SIGTERM, 27)
    assert _early(trace) == ["the process of workers[1] was sent SIGTERM, but 3s of its time were left"]


@pytest.mark.parametrize(
    ("told_at", "signal_at", "left"),
    [(20.1, 30, "600ms"), (20.1, 30.5, "100ms"), (20.1, 30.6, None), (20.6, 30, None), (None, 30, None)],
    ids=["at once", "as it exits", "later", "told late", "never told"],
)
def test_an_agent_is_not_killed_at_its_work(
    trace: TraceBuilder, told_at: float | None, signal_at: float, left: str | None
) -> None:
    """Q5: S is as long as X, and begins when the agent is told; what is late on its way is not the host's fault."""
    _stop(trace)
    step = trace.add(Envelope(CLIENT, HOST_AGENTS[1], TRAINER), node="host1", at=20)
    if told_at is not None:
        trace.add(Envelope(HOST_AGENTS[1], AGENTS[1], StopAll("enough")), node=NODES[1], cause=step, at=told_at)
    _signal(trace, SIGTERM, signal_at)
    name = f"the process of workers[1] was sent SIGTERM, but {left} of its agent's time were left"
    assert _early(trace) == ([] if left is None else [name])


def test_an_agent_that_is_stopped_cannot_keep_its_time(trace: TraceBuilder) -> None:
    _stop(trace)
    step = trace.add(Envelope(CLIENT, HOST_AGENTS[1], TRAINER), node="host1", at=20)
    trace.add(Envelope(HOST_AGENTS[1], AGENTS[1], StopAll("enough")), node=NODES[1], cause=step, at=20.1)
    trace.add(ProcessStopped(), node=NODES[1], at=21)
    _signal(trace, SIGTERM, 30)
    assert _early(trace) == []


def test_an_agent_whose_grace_is_shorter_than_its_actors_time_is_a_matter_of_the_configuration(
    trace: TraceBuilder,
) -> None:
    """T is 5 s here, S is 10 s."""
    step = _shut_down(trace, at=20)
    trace.add(Envelope(HOST_AGENTS[1], AGENTS[1], StopAll("shutdown host")), node=NODES[1], cause=step, at=20.1)
    _signal(trace, SIGTERM, 25.1)
    assert _early(trace) == []


def _starts_late(trace: TraceBuilder) -> None:
    trace.add(ProcessStarted("proc", "host1", "late_0-4ddddddddddd", True), node=LATE, at=10)


@pytest.mark.parametrize(("at", "times"), [(39, 1), (40, 0)])
def test_a_proc_that_is_late_may_be_killed_at_once(trace: TraceBuilder, at: float, times: int) -> None:
    """R is 30 s; nobody is there who could be asked to end."""
    _starts_late(trace)
    _signal(trace, SIGKILL, at, node=LATE)
    assert len(_early(trace)) == times


def test_a_proc_without_agent_is_terminated_at_once(trace: TraceBuilder) -> None:
    """Nobody has called back whom a shutdown could ask."""
    _starts_late(trace)
    _shut_down(trace, at=20)
    _signal(trace, SIGTERM, 20, node=LATE)
    assert _early(trace) == []


def test_a_host_agent_that_ends_drops_its_launcher(trace: TraceBuilder) -> None:
    """It takes every process with it that is left."""
    trace.actor(HOST_AGENTS[1], "stopping", node="host1", at=20)
    _signal(trace, SIGKILL, 20)
    assert _early(trace) == []


@pytest.mark.parametrize(("by", "node"), [("", NODES[1]), (NODES[1], NODES[1]), ("client", "extra")])
def test_signals_of_others_are_not_judged(trace: TraceBuilder, by: str, node: str) -> None:
    """A fault, a handler, an allocator: they are no ladder of a host."""
    trace.add(ProcessStarted("allocated", "client", "", False), node="extra")
    _signal(trace, SIGKILL, 20, by=by, node=node)
    assert _early(trace) == []


# --- agents and their actors --------------------------------------------------------------------------------


def _reply(trace: TraceBuilder, cause: int, at: float) -> None:
    trace.add(Envelope(AGENTS[1], CLIENT, RankStatus(()), port=1024), node="client", cause=cause, at=at)


@pytest.mark.parametrize(("ends_at", "answers_at", "times"), [(22, 23, 0), (None, 31, 0), (None, 23, 1), (25, 23, 1)])
def test_an_agent_waits_for_the_actor_it_stops(
    trace: TraceBuilder, ends_at: float | None, answers_at: float, times: int
) -> None:
    """Who asks it meanwhile is answered when the actor has ended, or its time is over."""
    trace.add(Envelope(CLIENT, AGENTS[1], TRAINER), node=NODES[1], at=20)
    steps = sorted([*([(ends_at, True)] if ends_at else []), (answers_at, False)])
    for at, ends in steps:
        if ends:
            trace.actor(TRAINERS[1], "stopped: enough", at=at)
        else:
            step = trace.add(Envelope(CLIENT, AGENTS[1], TRAINER), node=NODES[1], at=at)
            _reply(trace, step, at)
    assert len(_early(trace)) == times


def test_an_answer_that_was_under_way_is_none_of_this(trace: TraceBuilder) -> None:
    """It was sent before the stop arrived."""
    step = trace.add(Envelope(CLIENT, AGENTS[1], CauseFault("raise")), node=NODES[1], at=19.9)
    trace.add(Envelope(CLIENT, AGENTS[1], TRAINER), node=NODES[1], at=20)
    _reply(trace, step, 20.1)
    assert _early(trace) == []


@pytest.mark.parametrize("message", [TRAINER, StopAll("enough")], ids=["one", "all"])
@pytest.mark.parametrize(("at", "times"), [(30, 0), (28, 1)])
def test_an_actor_is_aborted_when_its_time_is_over(
    trace: TraceBuilder, message: Stop | StopAll, at: float, times: int
) -> None:
    """S is 10 s."""
    trace.add(Envelope(CLIENT, AGENTS[1], message), node=NODES[1], at=20)
    trace.actor(TRAINERS[1], "stopped: instance is dropped", at=at)
    expected = ["trainer[1] was aborted, but 2s of its time to stop were left"]
    assert _early(trace) == times * expected


@pytest.mark.parametrize(
    ("at", "is_fault", "ended", "times"),
    [(22, False, False, 1), (22, False, True, 0), (22, True, False, 0), (30, False, False, 0)],
    ids=["hasty", "ended", "fault", "in time"],
)
def test_a_process_that_stops_all_exits_behind_its_actors(
    trace: TraceBuilder, at: float, is_fault: bool, ended: bool, times: int
) -> None:
    """All have ended, or have had their time."""
    told = trace.add(Envelope(HOST_AGENTS[1], AGENTS[1], StopAll("enough")), node=NODES[1], at=20)
    if ended:
        trace.actor(TRAINERS[1], "stopped: enough", at=21)
    cause = trace.add(FaultStruck(0, "exit", NODES[1]), at=at) if is_fault else told
    trace.dies(NODES[1], ExitStatus(code=0), by="host1", why="exit", at=at, cause=cause)
    assert _early(trace) == times * ["the process of workers[1] exited although trainer[1] still had time to stop"]
