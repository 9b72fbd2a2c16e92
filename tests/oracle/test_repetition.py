"""`no-endless-repetition`: what may be said how often, and what has a period."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from trace_builder import (
    AGENTS,
    CLIENT,
    CONFIG,
    CONTROLLER,
    HOST_AGENTS,
    NODES,
    OBSERVER,
    TRAINERS,
    TraceBuilder,
    found,
    heard,
    verdict,
)

from meshsim.model.events import TimerFired
from meshsim.model.ids import Name, PortRef
from meshsim.model.messages import Envelope, GetState, KeepAlive, MeshFailed, Subscribe, Undeliverable, Work
from meshsim.model.notes import Bounced, EventRecorded, OrphanStopped
from meshsim.trace.records import Body, FaultStruck, InFlight, MessageLost, MessageReturned, ProcessStopped
from meshsim.units import S

HEARTBEAT = Envelope(CONTROLLER, OBSERVER, MeshFailed(None), 1025, subscriber=True)
SUBSCRIBE = Envelope(OBSERVER, CONTROLLER, Subscribe(PortRef(OBSERVER, 1025)))
QUERY = Envelope(CONTROLLER, HOST_AGENTS[0], GetState(Name("workers_0-1aaaaaaaaaaa"), PortRef(CONTROLLER, 1026)))
#: P 10 s and D 30 s: three heartbeats that the channel still holds, and three more.
HELD_MAX = 6


def failure_of(rank: int) -> Envelope:
    """What a controller tells a subscriber of the failure of a rank."""
    told = heard(OBSERVER, "subscriber", rank, "failed: boom", mesh="trainer", actor=TRAINERS[0]).failure
    return Envelope(CONTROLLER, OBSERVER, MeshFailed(told), 1025, subscriber=True)


def messages(trace: TraceBuilder) -> list[str]:
    return [message for _, message, _ in found(trace.end(1000), "no-endless-repetition")]


@pytest.mark.parametrize(
    ("body", "times_max", "message"),
    [
        (SUBSCRIBE, 3, "observer subscribed with trainer.controller through the same port"),
        (
            EventRecorded(AGENTS[1], TRAINERS[1], "failed: boom"),
            3,
            "workers[1].proc_agent recorded the same of trainer[1]: failed: boom",
        ),
        (OrphanStopped(TRAINERS[1], 0), 3, "trainer[1] was stopped as an orphan"),
        (
            MessageLost(HEARTBEAT, "the receiver is gone"),
            HELD_MAX,
            "trainer.controller sent heartbeats to observer that nobody took",
        ),
        (
            MessageReturned(HEARTBEAT, ("broken link",)),
            HELD_MAX,
            "trainer.controller sent heartbeats to observer that nobody took",
        ),
        (
            Bounced(HEARTBEAT, "port not bound"),
            HELD_MAX,
            "trainer.controller sent heartbeats to observer that nobody took",
        ),
        (InFlight(HEARTBEAT), HELD_MAX, "trainer.controller left MeshFailed to observer under way"),
        (InFlight(QUERY), HELD_MAX, "trainer.controller left GetState to host0.host_agent under way"),
        (InFlight(failure_of(1)), 3, "trainer.controller told observer the same: rank 1 failed: boom"),
    ],
)
def test_the_same_thing_once_too_often_is_found(body: Body, times_max: int, message: str) -> None:
    """As often as allowed, and once more."""
    for times in (times_max, times_max + 1):
        trace = TraceBuilder().bring_up(subscribers=(OBSERVER,))
        for _ in range(times):
            trace.add(body, node="client", at=trace.now_ns / 1e9 + 10)
        assert messages(trace) == ([] if times == times_max else [f"{message}, {times} times"])


def _healthy(trace: TraceBuilder) -> None:
    for count in range(1, 21):
        trace.poll(count, at=10 * count + 1, end=10 * count + 1)
        trace.add(HEARTBEAT, node="observer")


def _lost_by_a_rule(trace: TraceBuilder) -> None:
    for _ in range(20):
        trace.add(MessageLost(HEARTBEAT, "the network lost it"), node="observer")


def _returned_once(trace: TraceBuilder) -> None:
    work = Envelope(CLIENT, OBSERVER, Work("x"))
    for _ in range(20):
        trace.add(Envelope(OBSERVER, CLIENT, Undeliverable(work, ("no",))), node="client")


def _another_port(trace: TraceBuilder) -> None:
    for port in range(1025, 1035):
        trace.add(Envelope(OBSERVER, CONTROLLER, Subscribe(PortRef(OBSERVER, port))), node="client")


def _failures_of_many(trace: TraceBuilder) -> None:
    for rank in range(10):
        trace.add(InFlight(failure_of(rank)), node="observer", at=100)


def _queries_about_many(trace: TraceBuilder) -> None:
    for number in range(10):
        query = GetState(Name(f"workers_{number}-1aaaaaaaaaaa"), PortRef(CONTROLLER, 1026))
        trace.add(InFlight(Envelope(CONTROLLER, HOST_AGENTS[0], query)), node="host0", at=100)


@pytest.mark.parametrize(
    "happens",
    [_healthy, _lost_by_a_rule, _returned_once, _another_port, _failures_of_many, _queries_about_many],
)
def test_what_is_meant_to_repeat_may(happens: Callable[[TraceBuilder], None]) -> None:
    """Heartbeats and polls, what a rule of the network loses, one return for each message, one port each."""
    trace = TraceBuilder().bring_up(subscribers=(OBSERVER,))
    happens(trace)
    assert messages(trace) == []


def test_keepalives_beside_polls_have_a_period_of_their_own() -> None:
    """P 10 s and O 15 s: one every 2.5 s; a channel holds twelve of them for D 30 s, and three more."""
    keepalive = Envelope(CONTROLLER, AGENTS[0], KeepAlive(0, Name("trainer-1aaaaaaaaaaa")))
    config = {**CONFIG, "MESH_ORPHAN_TIMEOUT": 15 * S}
    for times in (15, 16):
        trace = TraceBuilder().bring_up()
        for _ in range(times):
            trace.add(InFlight(keepalive), node=NODES[0], at=100)
        judged = verdict(trace.end(1000), config=config, quirks_off=("Q56",))
        told = [each.message for each in judged.violations if each.invariant == "no-endless-repetition"]
        words = f"trainer.controller left KeepAlive to workers[0].proc_agent under way, {times} times"
        assert told == ([] if times == 15 else [words])


@pytest.mark.parametrize(("stopped", "is_excused"), [(NODES[0], True), ("host0", True), (NODES[1], False)])
def test_keepalives_wait_for_a_process_that_is_stopped_or_its_host(stopped: str, *, is_excused: bool) -> None:
    """As many as there are: nobody wants them back."""
    keepalive = Envelope(CONTROLLER, AGENTS[0], KeepAlive(0, Name("trainer-1aaaaaaaaaaa")))
    trace = TraceBuilder().bring_up()
    trace.add(ProcessStopped(), node=stopped, at=50)
    for _ in range(20):
        trace.add(InFlight(keepalive), node=NODES[0], at=100)
    assert (messages(trace) == []) is is_excused


@pytest.mark.parametrize(
    ("kind", "sides", "is_excused"),
    [
        ("latency", "client -> observer", True),
        ("duplication", "client <-> *", True),
        ("partition", "client -> observer", False),
        ("latency", "client -> host0", False),
    ],
)
def test_what_the_network_is_made_to_keep_waits(kind: str, sides: str, is_excused: bool) -> None:
    """It gives up what it cannot hand over, and keeps what is late; only there, where the fault is."""
    trace = TraceBuilder().bring_up(subscribers=(OBSERVER,))
    trace.add(FaultStruck(0, kind, sides), at=10)
    for _ in range(HELD_MAX + 1):
        trace.add(InFlight(HEARTBEAT), node="observer", at=100)
    assert (messages(trace) == []) is is_excused


@pytest.mark.parametrize(("sides", "is_excused"), [("client -> observer", True), ("client -> host0", False)])
def test_copies_that_the_network_makes_are_not_said_again(sides: str, is_excused: bool) -> None:
    """Only where it makes them."""
    trace = TraceBuilder().bring_up(subscribers=(OBSERVER,))
    trace.add(FaultStruck(0, "duplication", sides), at=10)
    for _ in range(4):
        trace.add(failure_of(1), node="observer", at=20)
    assert (messages(trace) == []) is is_excused


def test_a_return_that_returns_is_a_loop() -> None:
    """Mesh_model.md 3.5: returns are not returnable, so that they never loop."""
    trace = TraceBuilder().bring_up()
    once = Envelope(OBSERVER, CLIENT, Undeliverable(Envelope(CLIENT, OBSERVER, Work("x")), ("no",)))
    trace.add(Envelope(CLIENT, OBSERVER, Undeliverable(once, ("no",))), node="observer", at=5)
    assert messages(trace) == ["what came back undeliverable came back again: Undeliverable Work to observer: no"]


@pytest.mark.parametrize(("second_at", "is_found"), [(22, False), (21.5, True)])
def test_a_poll_keeps_its_period(second_at: float, is_found: bool) -> None:
    """From the end of one to the start of the next: P, however long the first one took."""
    trace = TraceBuilder().bring_up()
    trace.poll(1, at=11, end=12)
    trace.poll(2, at=second_at, end=second_at)
    late = "trainer.controller polled again after 9.5s, and the period is 10s"
    assert messages(trace) == ([late] if is_found else [])


@pytest.mark.parametrize(("second_at", "is_found"), [(120, False), (119, True)])
def test_a_check_for_orphans_keeps_its_period(second_at: float, is_found: bool) -> None:
    """O from one to the next."""
    trace = TraceBuilder().bring_up()
    for at in (60, second_at):
        trace.add(TimerFired(AGENTS[0], "self_check"), node=NODES[0], at=at)
    late = "workers[0].proc_agent looked for orphans again after 59s, and the period is 1m"
    assert messages(trace) == ([late] if is_found else [])
