"""`hosts-end-with-their-owner`: whose a host is, when its owner has ended, and what excuses who is not told."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from trace_builder import CLIENT, CONTROLLER, HOST_AGENTS, TraceBuilder, found

from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import Name, PortRef
from meshsim.model.messages import Ack, Envelope, SetClientConfig, ShutdownHost, Work
from meshsim.model.notes import HostsAllocated, LocalDelivery, OperationEnded, OperationStarted
from meshsim.trace.records import FaultStruck, MessageLost, ProcessStarted
from meshsim.units import S

FINDINGS = [f"{host} was not told to shut down within 1s of the end of client" for host in ("host0", "host1")]

Alter = Callable[[TraceBuilder], object]


@pytest.fixture
def trace() -> TraceBuilder:
    return TraceBuilder().bring_up()


def _attaches(trace: TraceBuilder, error: str | None = None) -> None:
    """The client attaches both hosts."""
    step = trace.add(LocalDelivery(Envelope(CLIENT, CLIENT, Work("attach"))), node="client", at=5)
    trace.add(OperationStarted(7, CLIENT, "attach_hosts", "hosts"), node="client", cause=step)
    for index, agent in enumerate(HOST_AGENTS):
        push = SetClientConfig({}, PortRef(CLIENT, 1024))
        trace.add(Envelope(CLIENT, agent, push), node=f"host{index}", cause=step)
    trace.add(OperationEnded(7, CLIENT, "attach_hosts", "hosts", error, ""), node="client", at=6)


def _spawns(trace: TraceBuilder) -> None:
    step = trace.add(LocalDelivery(Envelope(CLIENT, CLIENT, Work("spawn"))), node="client", at=5)
    trace.add(OperationStarted(7, CLIENT, "spawn_hosts", "more"), node="client", cause=step)
    trace.add(ProcessStarted("host", "client", "", False), node="more0", cause=step)
    trace.add(OperationEnded(7, CLIENT, "spawn_hosts", "more", None, ""), node="client", at=6)


def _shuts_down(trace: TraceBuilder, host: int, *, acknowledged: bool = True) -> None:
    told = ShutdownHost(5 * S, 16, PortRef(CONTROLLER, 1024))
    trace.add(Envelope(CONTROLLER, HOST_AGENTS[host], told), node=f"host{host}", at=20)
    if acknowledged:
        trace.add(Envelope(HOST_AGENTS[host], CONTROLLER, Ack(), 1024), node="client", at=20.1)


def _owner_ends(trace: TraceBuilder) -> list[str]:
    trace.actor(CLIENT, "stopped: done", node="client", at=22)
    return [message for _, message, _ in found(trace.end(40), "hosts-end-with-their-owner")]


def test_attached_hosts_have_an_owner(trace: TraceBuilder) -> None:
    _attaches(trace)
    assert _owner_ends(trace) == FINDINGS


def test_started_hosts_have_an_owner(trace: TraceBuilder) -> None:
    _spawns(trace)
    assert _owner_ends(trace) == ["more0 was not told to shut down within 1s of the end of client"]


def test_allocated_hosts_have_an_owner(trace: TraceBuilder) -> None:
    trace.add(HostsAllocated("more", Name("more-1ddddddddddd"), CLIENT, ("host0",)), node="client", at=5)
    assert _owner_ends(trace) == FINDINGS[:1]


def test_hosts_that_nobody_made_his_have_none(trace: TraceBuilder) -> None:
    """An operation that failed makes nobody an owner, and the scenario's own hosts are nobody's."""
    _attaches(trace, error="no")
    assert _owner_ends(trace) == []


@pytest.mark.parametrize(("acknowledged", "expected"), [(True, FINDINGS[1:]), (False, [])])
def test_one_host_comes_after_the_other(trace: TraceBuilder, acknowledged: bool, expected: list[str]) -> None:
    """A cleanup that is cut while it waits for the first has told no other."""
    _attaches(trace)
    _shuts_down(trace, 0, acknowledged=acknowledged)
    assert _owner_ends(trace) == expected


@pytest.mark.parametrize(
    ("excuse", "expected"),
    [
        (lambda trace: trace.dies("host0", ExitStatus(signal=9), at=21), FINDINGS[1:]),
        (lambda trace: trace.actor(HOST_AGENTS[0], "failed: boom", node="host0", at=21), FINDINGS[1:]),
        (lambda trace: trace.add(FaultStruck(0, "hang", HOST_AGENTS[0]), at=21), FINDINGS[1:]),
        (lambda trace: trace.add(MessageLost(Envelope(CLIENT, HOST_AGENTS[0], Work("-")), "loss"), at=21), []),
        (lambda trace: trace.dies("client", ExitStatus(signal=9), at=21), []),
    ],
    ids=["died", "ended", "hangs", "lost", "owner killed"],
)
def test_who_could_not_be_told(trace: TraceBuilder, excuse: Alter, expected: list[str]) -> None:
    _attaches(trace)
    excuse(trace)
    assert _owner_ends(trace) == expected
