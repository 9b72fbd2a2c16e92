"""`quiet-after-the-end`: who ended is silent, and after the end of everything nothing happens."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from trace_builder import AGENTS, CLIENT, HOST_AGENTS, HOSTS, NODES, OBSERVER, TRAINERS, TraceBuilder, found

from meshsim.model.events import TimerFired
from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import PortRef
from meshsim.model.messages import Envelope, ShutdownHost, Undeliverable, Work
from meshsim.trace.records import FaultStruck, ProcessContinued, ProcessStopped
from meshsim.units import S

TRAINER = TRAINERS[1]
EXITED = ExitStatus(code=0)


def work(trace: TraceBuilder, *, cause: int, at: float) -> None:
    trace.add(Envelope(TRAINER, CLIENT, Work("bye")), node="client", cause=cause, at=at)


def _sent_before_and_delivered_after(trace: TraceBuilder) -> None:
    asked = trace.add(Envelope(CLIENT, TRAINER, Work("go")), node=NODES[1], at=10)
    trace.actor(TRAINER, "stopped: done", at=11)
    work(trace, cause=asked, at=12)


def _sent_after(trace: TraceBuilder) -> None:
    trace.actor(TRAINER, "stopped: done", at=11)
    asked = trace.add(Envelope(CLIENT, TRAINER, Work("go")), node=NODES[1])
    work(trace, cause=asked, at=12)


def _sent_from_a_dead_process(trace: TraceBuilder) -> None:
    trace.dies(NODES[1], EXITED, by="host1", at=11)
    asked = trace.add(Envelope(CLIENT, TRAINER, Work("go")), node=NODES[1])
    work(trace, cause=asked, at=12)


def _given_back(trace: TraceBuilder) -> None:
    trace.actor(TRAINER, "stopped: done", at=11)
    asked = Envelope(CLIENT, TRAINER, Work("go"))
    cause = trace.add(asked, node=NODES[1])
    trace.add(Envelope(TRAINER, CLIENT, Undeliverable(asked, ("stopped",))), node="client", cause=cause)


def _timers(trace: TraceBuilder, key: str, times: int) -> None:
    trace.actor(AGENTS[1], "stopped: done", at=11)
    for index in range(times):
        trace.add(TimerFired(AGENTS[1], key), node=NODES[1], at=20 + 60 * index)


@pytest.mark.parametrize(
    ("happens", "messages"),
    [
        (_sent_before_and_delivered_after, []),
        (_sent_after, ["trainer[1] sent Work bye after its end"]),
        (_sent_from_a_dead_process, ["trainer[1] sent Work bye after its end"]),
        (_given_back, []),
        (lambda trace: _timers(trace, "self_check", 1), []),
        (
            lambda trace: _timers(trace, "self_check", 2),
            ["the timer self_check of workers[1].proc_agent came due after its end"],
        ),
        (lambda trace: _timers(trace, "stop", 1), ["the timer stop of workers[1].proc_agent came due after its end"]),
    ],
)
def test_those_that_ended_are_silent(happens: Callable[[TraceBuilder], None], messages: list[str]) -> None:
    """What was under way arrives, what is a delayed message comes due once; the rest is a voice from the grave."""
    trace = TraceBuilder().bring_up()
    happens(trace)
    assert [message for _, message, _ in found(trace.end(200), "quiet-after-the-end")] == messages


def _all_failed(trace: TraceBuilder) -> None:
    for trainer in TRAINERS:
        trace.actor(trainer, "failed: boom", at=15)


def _all_died(trace: TraceBuilder) -> None:
    for node, host in zip(NODES, HOSTS, strict=True):
        trace.dies(node, EXITED, by=host, at=15)


def _one_failed(trace: TraceBuilder) -> None:
    trace.actor(TRAINERS[0], "failed: boom", at=15)


def _a_host_died(trace: TraceBuilder) -> None:
    _all_died(trace)
    trace.dies(HOSTS[0], EXITED)


def _all_failed_during_the_poll(trace: TraceBuilder) -> None:
    for trainer in TRAINERS:
        trace.actor(trainer, "failed: boom", at=20)


def _all_failed_and_one_is_stopped(trace: TraceBuilder) -> None:
    _all_failed(trace)
    trace.add(ProcessStopped(), node=NODES[0])


def _all_failed_and_a_host_is_stopped(trace: TraceBuilder) -> None:
    _all_failed(trace)
    trace.add(ProcessStopped(), node=HOSTS[0])


def _all_failed_and_an_agent_says_something_else(trace: TraceBuilder) -> None:
    trace.add(FaultStruck(0, "misreport", AGENTS[0]), at=5)
    _all_failed(trace)


def _all_failed_after_a_host_was_stopped(trace: TraceBuilder) -> None:
    trace.add(ProcessStopped(), node=HOSTS[0], at=5)
    trace.add(ProcessContinued(), node=HOSTS[0], at=6)
    _all_failed(trace)


@pytest.mark.parametrize(
    ("happens", "is_found"),
    [
        (_all_failed, True),
        (_all_died, True),
        (_one_failed, False),
        (_a_host_died, False),
        (_all_failed_during_the_poll, False),
        (_all_failed_and_one_is_stopped, False),
        (_all_failed_and_a_host_is_stopped, False),
        (_all_failed_and_an_agent_says_something_else, False),
        (_all_failed_after_a_host_was_stopped, True),
    ],
)
def test_a_controller_stops_polling_when_a_poll_saw_every_end(
    happens: Callable[[TraceBuilder], None], is_found: bool
) -> None:
    """Q18, Q10, Q55: what is never recorded is polled for ever. Whom nobody can answer for may be asked again."""
    trace = TraceBuilder().bring_up()
    happens(trace)
    for count in (1, 2):
        trace.poll(count, at=10 + 10 * count, end=10 + 10 * count)
    on = "trainer.controller polled on after a poll that could see the end of every rank"
    assert [text for _, text, _ in found(trace.end(60), "quiet-after-the-end")] == ([on] if is_found else [])


def _everything_stops(trace: TraceBuilder) -> None:
    """At 20 s: hosts are told, procs exit, clients end. D + 2 T + slack = 51 s later it has to be quiet."""
    trace.operation(CLIENT, "shutdown_hosts", ",".join(HOSTS), at=20, end=20)
    for host, agent, node in zip(HOSTS, HOST_AGENTS, NODES, strict=True):
        shutdown = ShutdownHost(10 * S, 16, PortRef(CLIENT, 1024))
        trace.add(Envelope(CLIENT, agent, shutdown), node=host, at=20)
        trace.dies(node, EXITED, by=host, why="exit")
    trace.dies("client", EXITED, why="exit")
    trace.dies("observer", EXITED, why="exit")


@pytest.mark.parametrize(("at", "is_found"), [(71, False), (71.5, True)])
def test_when_everything_was_stopped_nothing_goes_on(at: float, is_found: bool) -> None:
    """A host that keeps a timer after its shutdown would keep it for ever."""
    trace = TraceBuilder().bring_up()
    _everything_stops(trace)
    trace.add(TimerFired(HOST_AGENTS[0], "terminate:workers_0"), node=HOSTS[0], at=at)
    message = "everything was stopped, and more than 51s later there was still: timer terminate:workers_0 of "
    assert [text for _, text, _ in found(trace.end(300), "quiet-after-the-end")] == (
        [f"{message}host0.host_agent"] if is_found else []
    )


@pytest.mark.parametrize("who", ["client", "host"])
def test_somebody_who_goes_on_excuses_everything(who: str) -> None:
    """As long as one client lives, or a host was not told, nobody can say that it is over."""
    trace = TraceBuilder().bring_up()
    if who == "host":
        trace.dies("client", EXITED)
        trace.dies("observer", EXITED)
    else:
        for host, node in zip(HOSTS, NODES, strict=True):
            trace.dies(node, EXITED, by=host)
            trace.dies(host, EXITED)
        trace.dies("client", EXITED)
    trace.add(TimerFired(HOST_AGENTS[0] if who == "host" else OBSERVER, "tick"), node=who, at=500)
    assert found(trace.end(600), "quiet-after-the-end") == []


def test_a_stopped_host_has_not_had_its_time() -> None:
    """What a signal stopped does its work when it is continued, whenever that is."""
    trace = TraceBuilder().bring_up()
    _everything_stops(trace)
    trace.add(ProcessStopped(), node=HOSTS[1])
    trace.add(TimerFired(HOST_AGENTS[0], "terminate:workers_0"), node=HOSTS[0], at=400)
    assert found(trace.end(500), "quiet-after-the-end") == []
