"""How close a run came: what each invariant notes beside its bound, and what a verdict keeps of it."""

from __future__ import annotations

import msgspec
import pytest
from trace_builder import (
    AGENTS,
    CLIENT,
    CONTROLLER,
    HOST_AGENTS,
    NODES,
    OBSERVER,
    TRAINERS,
    TraceBuilder,
    found,
    verdict,
)

from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import PortRef
from meshsim.model.messages import Envelope, ShutdownHost
from meshsim.model.notes import MonitoringEnded
from meshsim.oracle.verdict import Margin, Verdict, closest
from meshsim.trace.records import FaultStruck, ProcessContinued, ProcessStopped
from meshsim.units import S

KILLED = ExitStatus(signal=9)
FAILED = "failed: boom"


@pytest.fixture
def trace() -> TraceBuilder:
    return TraceBuilder().bring_up(subscribers=(OBSERVER,))


def margins(records: list[object], kind: str) -> list[tuple[str, float, float]]:
    """Subject, seconds it took, seconds it may take."""
    judged = verdict(records)
    return [(m.subject, m.took_ns / S, m.bound_ns / S) for m in judged.margins if m.kind == kind]


def told(trace: TraceBuilder, *, at: float) -> None:
    trace.heard(CLIENT, "owner", 1, at=at)
    trace.heard(OBSERVER, "subscriber", 1, at=at)


# --- what was heard, and when ---------------------------------------------------------------------------------


def test_a_failure_is_looked_at_and_heard_of_within_a_period(trace: TraceBuilder) -> None:
    """Everybody answered at once: P and d."""
    trace.poll(1, at=11, end=11.1)
    trace.actor(TRAINERS[1], FAILED, at=12)
    trace.poll(2, at=21, end=21.1)
    told(trace, at=21.2)
    records = trace.end(30)

    assert margins(records, "detect") == [("trainer[1]", pytest.approx(9.1), 11)]
    assert margins(records, "report") == [("trainer[1]", pytest.approx(9.2), 12)]


def test_slow_replies_make_the_bound_longer_and_not_the_verdict_worse(trace: TraceBuilder) -> None:
    """P + 2 H + 4 A + d for two ranks, and D for the message."""
    trace.actor(TRAINERS[1], FAILED, at=12)
    trace.poll(1, at=21, end=70)
    told(trace, at=70.1)
    records = trace.end(90)

    assert margins(records, "detect") == [("trainer[1]", 58, 251)]
    assert margins(records, "report") == [("trainer[1]", pytest.approx(58.1), 281)]
    assert found(records, "completeness") == []


def test_a_controller_that_looks_too_late_is_found(trace: TraceBuilder) -> None:
    """It polls, and everybody answers at once; it began too late all the same."""
    trace.actor(TRAINERS[1], FAILED, at=12)
    trace.poll(1, at=23, end=23.1)
    told(trace, at=23.2)
    records = trace.end(60)

    assert [text for _, text, _ in found(records, "completeness")] == [
        "trainer[1] became 'failed: boom', and its controller had looked only 11.1s later: 11s is the most (P + d)"
    ]
    assert margins(records, "report") == [("trainer[1]", pytest.approx(11.2), 12)]


def test_a_listener_that_hears_too_late_is_found(trace: TraceBuilder) -> None:
    """Once is not enough: it has to be in time."""
    trace.actor(TRAINERS[1], FAILED, at=12)
    trace.poll(1, at=21, end=21.1)
    trace.heard(CLIENT, "owner", 1, at=21.2)
    trace.heard(OBSERVER, "subscriber", 1, at=25)
    records = trace.end(60)

    assert [text for _, text, _ in found(records, "completeness")] == [
        "trainer[1] became 'failed: boom', and observer heard of it only 13s later: 12s is the most (P + 2 d)"
    ]
    assert margins(records, "report") == [("trainer[1]", 13, 12)]


@pytest.mark.parametrize(("sides", "is_excused"), [(f"{NODES[1]} -> client", True), (f"{NODES[0]} -> client", False)])
def test_news_may_be_late_while_the_network_is_struck(trace: TraceBuilder, sides: str, *, is_excused: bool) -> None:
    """Between the controller and the rank that failed."""
    trace.actor(TRAINERS[1], FAILED, at=12)
    trace.add(FaultStruck(0, "loss", sides), at=13)
    trace.poll(1, at=21, end=21.1)
    told(trace, at=300)
    assert (found(trace.end(400), "completeness") == []) is is_excused


def test_what_strikes_the_network_behind_the_news_excuses_nothing(trace: TraceBuilder) -> None:
    trace.actor(TRAINERS[1], FAILED, at=12)
    trace.poll(1, at=21, end=21.1)
    told(trace, at=300)
    trace.add(FaultStruck(0, "loss", f"{NODES[1]} -> client"), at=301)
    assert found(trace.end(400), "completeness") != []


@pytest.mark.parametrize(("rank", "count"), [(1, 0), (0, 1)])
def test_what_an_agent_was_made_to_hide_may_come_late(trace: TraceBuilder, rank: int, count: int) -> None:
    """A poll cannot find what the agent of that rank does not say."""
    trace.add(FaultStruck(0, "misreport", AGENTS[rank]), at=11)
    trace.actor(TRAINERS[1], FAILED, at=12)
    trace.poll(1, at=21, end=21.1)
    trace.heard(CLIENT, "owner", 1, at=25)
    trace.heard(OBSERVER, "subscriber", 1)
    assert len([who for who, _, _ in found(trace.end(60), "completeness") if who == "trainer[1]"]) == 2 * count


def test_messages_that_a_fault_may_hold_back_have_the_long_bound(trace: TraceBuilder) -> None:
    """A fault of a kind that is not known to leave links alone."""
    trace.add(FaultStruck(0, "partition", "client"), at=5)
    trace.actor(TRAINERS[1], FAILED, at=12)
    trace.poll(1, at=21, end=21.1)
    told(trace, at=45)
    records = trace.end(60)

    assert found(records, "completeness") == []
    assert margins(records, "report") == [("trainer[1]", 33, 281)]


def test_time_in_which_the_controller_was_stopped_is_taken_off(trace: TraceBuilder) -> None:
    """Five of the fourteen seconds: the rest is less than a period."""
    trace.actor(TRAINERS[1], FAILED, at=12)
    trace.add(ProcessStopped(), node="client", at=15)
    trace.add(ProcessContinued(), node="client", at=20)
    trace.poll(1, at=26, end=26.1)
    told(trace, at=26.2)
    records = trace.end(60)

    assert margins(records, "detect") == [("trainer[1]", pytest.approx(9.1), 11)]
    assert found(records, "completeness") == []


def test_news_of_a_mesh_that_was_stopped_is_not_timed(trace: TraceBuilder) -> None:
    trace.actor(TRAINERS[1], FAILED, at=12)
    trace.operation(CLIENT, "stop_actors", "trainer", at=13, end=14)
    told(trace, at=50)
    records = trace.end(60)

    assert (margins(records, "detect"), margins(records, "report")) == ([], [])


def test_a_controller_that_is_done_need_not_look(trace: TraceBuilder) -> None:
    """Every rank was terminal already, so it polls no more."""
    trace.actor(TRAINERS[1], FAILED, at=12)
    trace.add(MonitoringEnded(CONTROLLER, "trainer", "all_terminal"), node="client", at=13)
    told(trace, at=13)
    assert found(trace.end(600), "completeness") == []


def test_what_is_never_heard_is_over_its_bound(trace: TraceBuilder) -> None:
    trace.actor(TRAINERS[1], FAILED, at=12)
    trace.poll(1, at=21, end=21.1)
    [report] = [margin for margin in verdict(trace.end(30)).margins if margin.kind == "report"]
    assert (report.percent, report.share > 1) == ("over", True)


def test_a_watchdog_is_timed_from_the_end_of_its_controller(trace: TraceBuilder) -> None:
    trace.dies("client", KILLED, at=15)
    trace.heard(OBSERVER, "watchdog", None, "failed: timed out reaching controller", at=130)
    assert margins(trace.end(200), "watchdog") == [("trainer.controller", 115, 121)]


def test_a_watchdog_that_barks_too_late_is_found(trace: TraceBuilder) -> None:
    trace.dies("client", KILLED, at=15)
    trace.heard(OBSERVER, "watchdog", None, "failed: timed out reaching controller", at=15 + 122)
    assert [text for _, text, _ in found(trace.end(200), "completeness")] == [
        "trainer.controller lost its process, and observer heard of it only 2m 2s later: 2m 1s is the most (W + d)"
    ]


# --- what ended, and when -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("took", "late"), [(131, False), (131.5, True)])
def test_orphans_are_timed_from_the_end_of_their_owner(trace: TraceBuilder, took: float, late: bool) -> None:
    trace.dies("client", KILLED, at=15)
    trace.actor(TRAINERS[0], "stopped: orphaned", at=20)
    trace.actor(TRAINERS[1], "stopped: orphaned", at=15 + took)
    records = trace.end(400)

    assert margins(records, "reap") == [("trainer[1]", took, 131)]
    assert bool(found(records, "nothing-outlives-its-owner")) is late


def test_an_owner_that_ends_in_a_living_process_leaves_its_controller_a_poll(trace: TraceBuilder) -> None:
    """It may keep the actors alive once more: n H + n A beside 2 O + S."""
    trace.actor(CLIENT, "stopped: done", node="client", at=15)
    for trainer in TRAINERS:
        trace.actor(trainer, "stopped: orphaned", at=15 + 200)
    records = trace.end(600)

    assert margins(records, "reap") == [("trainer[0]", 200, 311)]
    assert found(records, "nothing-outlives-its-owner") == []


def test_processes_are_timed_from_the_stop_of_their_mesh(trace: TraceBuilder) -> None:
    trace.operation(CLIENT, "stop_procs", "workers", at=20, end=20.5)
    trace.dies(NODES[0], ExitStatus(code=0), by="host0", why="exit", at=21)
    trace.dies(NODES[1], KILLED, by="host1", at=40)
    assert margins(trace.end(60), "stop") == [("workers[1]", 19.5, 21)]


def test_processes_are_timed_from_the_shutdown_of_their_host(trace: TraceBuilder) -> None:
    shutdown = ShutdownHost(5 * S, 16, PortRef(CLIENT, 1024))
    trace.add(Envelope(CLIENT, HOST_AGENTS[0], shutdown), node="host0", at=20)
    trace.operation(CLIENT, "shutdown_hosts", "", at=19, end=20.5)
    trace.dies(NODES[0], KILLED, by="host0", at=29)
    assert margins(trace.end(60), "stop") == [("workers[0]", 9, 11)]


# --- waits ----------------------------------------------------------------------------------------------------


def test_the_longest_wait_for_its_bound_is_kept(trace: TraceBuilder) -> None:
    """A short wait can be closer than a long one."""
    trace.poll(1, at=11, end=61)
    trace.operation(CLIENT, "attach_hosts", "host0", at=70, end=79)
    assert margins(trace.end(90), "wait") == [("client: attach_hosts host0", 9, 11)]


# --- what a verdict keeps -------------------------------------------------------------------------------------


def margin(kind: str, took: int, bound: int = 100) -> Margin:
    return Margin(kind=kind, subject=f"{kind} {took}", took_ns=took, bound_ns=bound, record=0)


def test_the_closest_of_each_kind_is_kept_in_the_order_of_kinds() -> None:
    kept = closest(
        [margin("wait", 3), margin("report", 5), margin("wait", 9), margin("wait", 9, 90), margin("detect", 1)]
    )
    assert [(each.kind, each.took_ns, each.bound_ns) for each in kept] == [
        ("detect", 1, 100),
        ("report", 5, 100),
        ("wait", 9, 90),
    ]


def test_the_closest_of_all_is_the_largest_share() -> None:
    assert Verdict(outcome="passed").closest is None
    assert Verdict(outcome="passed", margins=(margin("detect", 20), margin("stop", 60))).closest == margin("stop", 60)


@pytest.mark.parametrize(("took", "text"), [(0, "0 %"), (41, "41 %"), (100, "100 %"), (101, "over")])
def test_a_share_is_shown_in_percent(took: int, text: str) -> None:
    assert margin("detect", took).percent == text


def test_a_verdict_with_margins_is_read_back_as_it_was(trace: TraceBuilder) -> None:
    trace.poll(1, at=11, end=12)
    judged = verdict(trace.end(30))
    assert judged.margins
    assert msgspec.json.decode(msgspec.json.encode(judged), type=Verdict) == judged
