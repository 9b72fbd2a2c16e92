"""Order, windows, messages, patterns, states of meshes and negations: met and unmet, with what is said then."""

from __future__ import annotations

import pytest
from trace_builder import (
    AGENTS,
    CLIENT,
    CONTROLLER,
    HOST_AGENTS,
    HOSTS,
    NODES,
    OBSERVER,
    TRAINERS,
    TraceBuilder,
    verdict,
)

from meshsim.faults.conditions import Condition
from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import Name, PortRef
from meshsim.model.messages import Envelope, GetState, Work
from meshsim.model.notes import LocalDelivery, MonitoringEnded, SubscriberRemoved
from meshsim.oracle.expectations import (
    Expectation,
    Final,
    Hears,
    MessageCount,
    Moment,
    NeverHears,
    NothingLeft,
    OperationResult,
    Order,
    RecordCount,
    Window,
)
from meshsim.oracle.invariants import INVARIANTS
from meshsim.oracle.unexpected import OPERATIONS
from meshsim.trace.records import FaultStruck, InFlight, MessageLost
from meshsim.units import Duration, S

FAILED = "failed: process failure: Killed(sig=9)"


def s(seconds: float) -> Duration:
    return Duration(int(seconds * S))


@pytest.fixture
def trace() -> TraceBuilder:
    """Fault 0 kills the process of trainer[1] at 15 s, fault 1 strikes at 25 s; the client hears at 20 s and 30 s, the
    observer at 21 s. The client subscribed and gave up; the controller asks host0 at 10, 20 and 30 s.
    """
    trace = TraceBuilder().bring_up(subscribers=(OBSERVER,))
    trace.operation(CLIENT, "subscribe_to", "trainer", index=5, at=2, end=2)
    ask(trace, 10)
    trace.add(FaultStruck(0, "stall", NODES[1], "SIGSTOP"), at=15)
    trace.add(FaultStruck(0, "resume", NODES[1], "SIGCONT"), at=15.5)
    trace.dies(NODES[1], ExitStatus(signal=9), by="host1")
    ask(trace, 20)
    trace.heard(CLIENT, "owner", 1, FAILED, at=20)
    trace.heard(OBSERVER, "subscriber", 1, FAILED, at=21)
    trace.add(FaultStruck(1, "exit", NODES[1], ""), at=25)
    ask(trace, 30)
    trace.heard(CLIENT, "owner", 1, FAILED, at=30)
    trace.operation(CLIENT, "query_mesh", "trainer", index=7, at=32, end=34, result="Stopped; Running=0..2")
    trace.operation(CLIENT, "query_mesh", "trainer", index=8, at=35, end=36, error="no such mesh")
    trace.operation(CLIENT, "unsubscribe", "trainer", index=9, at=37, end=37)
    trace.add(MessageLost(Envelope(TRAINERS[0], TRAINERS[1], Work("x")), "loss"), node=NODES[0], at=38)
    trace.add(LocalDelivery(Envelope(AGENTS[0], TRAINERS[0], Work("x"))), node=NODES[0], at=39)
    trace.actor(TRAINERS[0], "stopped: done", at=40)
    return trace


def ask(trace: TraceBuilder, at: float) -> None:
    message = GetState(name=Name("trainer-1bbbbbbbbbbb"), reply=PortRef(CONTROLLER, 1024))
    trace.add(Envelope(CONTROLLER, HOST_AGENTS[0], message), node=HOSTS[0], at=at)


def messages(trace: TraceBuilder, expectation: Expectation) -> list[str]:
    """What is wrong with one expectation, invariants left aside."""
    records = trace.end(60, alive=("client",))
    violations = verdict(records, relax=tuple(INVARIANTS), expect=(expectation,)).violations
    assert {violation.invariant for violation in violations} <= {"expect[0]", OPERATIONS}
    return [violation.message for violation in violations if violation.invariant != OPERATIONS]


CLIENT_HEARS, OBSERVER_HEARS = Moment(listener="client", mesh="trainer"), Moment(listener="observer", rank=1)
DIED = Moment(record="process_died", where={"node": "workers[1]"})
ASKED = {"type": "get_state", "src": "trainer.controller", "dst": "host0"}


@pytest.mark.parametrize(
    "expectation",
    [
        # --- order
        Order(moments=[Moment(fault=0), DIED, CLIENT_HEARS, OBSERVER_HEARS]),
        Order(moments=[Moment(fault=0), CLIENT_HEARS], within=s(5)),
        Order(moments=[OBSERVER_HEARS, Moment(listener="client", count=2)]),
        Order(moments=[Moment(listener="client", text_matches="sig=9"), Moment(fault=1)], within=s(5)),
        Order(moments=[CLIENT_HEARS, DIED], not_=True),
        Order(moments=[Moment(fault=0), Moment(fault=2)], not_=True),
        # --- windows
        Hears(listener="client", times=1, window=Window(after_fault=0, before_fault=1)),
        Hears(listener="client", times=1, window=Window(after_fault=0, within=s(5))),
        Hears(listener="client", times=2, window=Window(from_=s(20), until=s(30))),
        Hears(listener="client", times=0, window=Window(from_=s(20.5), until=s(29.5))),
        Hears(listener="client", times=1, window=Window(after=OBSERVER_HEARS)),
        Hears(listener="client", times=1, window=Window(before=OBSERVER_HEARS)),
        NeverHears(listener="observer", window=Window(before_fault=0)),
        NeverHears(listener="observer", window=Window(after_fault=1)),
        RecordCount(record="process_died", window=Window(after_fault=0, before=CLIENT_HEARS)),
        OperationResult(do="query", name="trainer", times=1, window=Window(until=s(33))),
        RecordCount(record="fault", where={"kind": "stall"}, times=0, window=Window(after_fault=0)),
        RecordCount(record="fault", where={"kind": "exit"}, times=0, window=Window(before_fault=1)),
        # --- texts
        Hears(listener="client", text_is=FAILED),
        Hears(listener="client", text_matches=r"sig=\d"),
        Hears(listener="client", text_is="failed", not_=True),
        Final(target="trainer[0]", text_is="stopped: done"),
        Final(target="trainer[0]", text_matches="^stop"),
        OperationResult(do="query", error_is="no such mesh"),
        OperationResult(do="query", error_matches="^no .* mesh$"),
        OperationResult(do="query", result_is="Stopped; Running=0..2"),
        OperationResult(do="query", result_matches=r"Running=0\.\.2$"),
        # --- counts
        OperationResult(do="query", times=1),
        OperationResult(do="query", error="", times=1),
        OperationResult(do="query", at_least=1, at_most=1),
        RecordCount(record="heard", where={"rank": Condition(ge=1), "role": Condition(not_="subscriber")}, times=2),
        # --- messages
        MessageCount(**ASKED, times=3),
        MessageCount(**ASKED, times=1, window=Window(after_fault=0, before_fault=1)),
        MessageCount(**ASKED, per=s(10), at_most=1),
        MessageCount(**ASKED, per=s(10), times=1, window=Window(from_=s(10), until=s(40))),
        MessageCount(**ASKED, per=s(10), times=1, window=Window(from_=s(10), before_fault=1)),
        MessageCount(src="client", dst="host0", times=3),
        MessageCount(fate="lost", src="trainer[0]", dst="trainer", type="work", times=1),
        MessageCount(dst="trainer", times=1),
        MessageCount(dst="workers[0]", times=1),
        MessageCount(dst="workers", src="workers[0]", times=1),
        MessageCount(fate="in_flight", times=0),
        # --- states of meshes
        Final(target="trainer", controller="watching"),
        Final(target="trainer", health="failed", by="observer"),
        Final(target="trainer", subscription="active", by="observer"),
        Final(target="trainer", subscription="given_up", by="client"),
        Final(target="trainer", health="healthy", by="client", not_=True),
        # --- negations of the others
        NeverHears(listener="client", not_=True),
        Final(target="trainer[0]", actor="failed", not_=True),
        OperationResult(do="stop_procs", not_=True),
        NothingLeft(targets=["client"], not_=True),
        RecordCount(record="heard", times=2, not_=True),
    ],
    ids=repr,
)
def test_what_is_met_says_nothing(trace: TraceBuilder, expectation: Expectation) -> None:
    """Every key, satisfied by the same run."""
    assert messages(trace, expectation) == []


@pytest.mark.parametrize(
    ("expectation", "message"),
    [
        (
            Order(moments=[CLIENT_HEARS, DIED]),
            "process_died with node = workers[1] came before client hears trainer fail, at 15.5s and 20s, "
            "expected it behind",
        ),
        (
            Order(moments=[Moment(fault=0), Moment(listener="observer", count=2)]),
            "match 2 of observer hears anything fail never came, expected it, behind fault 0",
        ),
        (
            Order(moments=[Moment(fault=0), CLIENT_HEARS], within=s(4)),
            "from fault 0 to client hears trainer fail it took 5s, expected at most 4s",
        ),
        (
            Order(moments=[Moment(fault=0), Moment(fault=1)], not_=True),
            "it is so that fault 0, then fault 1, expected it not to be",
        ),
        (
            Hears(listener="client", times=2, window=Window(after_fault=1)),
            "client heard anything (behind fault 1) 1 time, expected 2; in the whole run 2 times, at 20s, 30s",
        ),
        (
            Hears(listener="client", window=Window(after_fault=2)),
            "fault 2, from which the window counts, never struck",
        ),
        (
            Hears(listener="client", window=Window(after_fault=2), not_=True),
            "fault 2, from which the window counts, never struck",
        ),
        (
            Hears(listener="client", window=Window(before=Moment(listener="observer", rank=0))),
            "observer hears any mesh[0] fail, before which the window ends, never came",
        ),
        (
            NeverHears(listener="observer", window=Window(after_fault=0)),
            f'observer heard anything (behind fault 0) 1 time, expected never: trainer rank 1 Failed "{FAILED}"',
        ),
        (
            Hears(listener="client", text_is="Killed", text_matches="^x"),
            'client heard exactly "Killed" /^x/ 0 times, expected at least 1; it heard: '
            f'trainer rank 1 Failed "{FAILED}"',
        ),
        (
            Hears(listener="client", times=2, not_=True),
            "it is so that client hears anything fail, exactly 2 times, expected it not to be",
        ),
        (
            Final(target="trainer[0]", text_is="stopped"),
            "trainer[0] has the status 'stopped: done', expected exactly 'stopped'",
        ),
        (
            Final(target="trainer[0]", text_matches="^done"),
            "trainer[0] has the status 'stopped: done', expected what matches '^done'",
        ),
        (
            OperationResult(do="query", times=2),
            "query went as expected 1 time, expected 2; ended with the error 'no such mesh', expected it to end well",
        ),
        (
            OperationResult(do="query", error_is="no such", window=Window(from_=s(35))),
            "query ended (with the error 'no such mesh'), expected the error 'no such'",
        ),
        (
            OperationResult(do="query", result_is="Running", window=Window(until=s(34))),
            "query returned 'Stopped; Running=0..2', expected exactly 'Running'",
        ),
        (
            RecordCount(record="heard", where={"rank": 0, "role": "owner"}),
            "heard (rank = 0, role = owner) was recorded 0 times, expected at least 1; "
            "the closest, at 20s, has rank = 1",
        ),
        (
            RecordCount(record="poll_started", where={"count": 1}),
            "poll_started (count = 1) was recorded 0 times, expected at least 1",
        ),
        (
            RecordCount(record="message", where={"message.text": "x"}),
            "message (message.text = x) was recorded 0 times, expected at least 1; "
            "the closest, at 600ms, has message.text not at all",
        ),
        (
            MessageCount(**ASKED, times=2),
            "delivered messages get_state from trainer.controller to host0 came 3 times, expected 2",
        ),
        (
            MessageCount(**ASKED, per=s(10), at_least=1),
            "delivered messages get_state from trainer.controller to host0, in every 10s came 0 times, "
            "expected at least 1 from 0s to 10s",
        ),
        (MessageCount(fate="lost", dst="client"), "lost messages to client came 0 times, expected at least 1"),
        (Final(target="trainer", controller="dead"), "controller of trainer is watching, expected dead"),
        (
            Final(target="trainer", health="healthy", by="client"),
            "to client the health of trainer is failed, expected healthy",
        ),
        (
            Final(target="trainer", subscription="active", by="client"),
            "subscription of client to trainer is given_up, expected active",
        ),
        (
            NeverHears(listener="observer", window=Window(after_fault=1), not_=True),
            "it is so that observer never hears anything fail, behind fault 1, expected it not to be",
        ),
        (NothingLeft(targets=["host0"], not_=True), "it is so that no process is left of host0, expected it not to be"),
    ],
    ids=repr,
)
def test_what_is_not_met_says_what_was_seen(trace: TraceBuilder, expectation: Expectation, message: str) -> None:
    """What was expected, what there was instead, and what came closest."""
    assert messages(trace, expectation) == [message]


def test_the_records_show_it(trace: TraceBuilder) -> None:
    """Those that are too many, the closest of those that are missing, those that a negation speaks against."""
    heard = RecordCount(record="heard", times=2)
    missing = RecordCount(record="heard", where={"rank": 0})
    negated = Hears(listener="observer", not_=True)
    records = trace.end(60)
    said = [record.seq for record in records if type(record.what).__name__ == "Heard"]

    found = verdict(records, relax=tuple(INVARIANTS), expect=(heard, missing, negated)).violations
    violations = [violation for violation in found if violation.invariant != OPERATIONS]

    assert [violation.records for violation in violations] == [tuple(said), (said[0],), (said[1],)]
    assert [violation.kind for violation in violations] == ["safety", "liveness", "safety"]


@pytest.mark.parametrize(
    ("what", "state"),
    [("ends", "done"), ("dies", "dead"), ("nothing", "watching")],
)
def test_a_controller_watches_until_it_stops_or_dies(trace: TraceBuilder, what: str, state: str) -> None:
    """It may stop watching for good and live on; dead is dead."""
    if what != "nothing":
        trace.add(MonitoringEnded(CONTROLLER, "trainer", "stop"), node="client", at=45)
    if what == "dies":
        trace.dies("client", ExitStatus(code=1), at=46)

    assert messages(trace, Final(target="trainer", controller=state)) == []  # type: ignore[arg-type]


def test_a_subscriber_that_is_forgotten_is_removed(trace: TraceBuilder) -> None:
    """It did not give up; its controller could not reach it."""
    trace.add(SubscriberRemoved(CONTROLLER, OBSERVER), node="client", at=45)

    assert messages(trace, Final(target="trainer", subscription="removed", by="observer")) == []


def test_what_was_on_its_way_is_counted(trace: TraceBuilder) -> None:
    """At the end of the run."""
    trace.add(InFlight(Envelope(TRAINERS[0], TRAINERS[1], Work("x"))), at=60)

    assert messages(trace, MessageCount(fate="in_flight", dst="trainer[1]", times=1)) == []
