"""`stops-are-called-stops`: what a host says of a proc that it ends, and what it did to it."""

from __future__ import annotations

import pytest
from trace_builder import AGENTS, CLIENT, HOST_AGENTS, NODES, TraceBuilder, found

from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import ActorId
from meshsim.model.messages import Envelope, StopAll
from meshsim.trace.records import ProcessSignalled


@pytest.fixture
def trace() -> TraceBuilder:
    return TraceBuilder().bring_up()


def _said(trace: TraceBuilder) -> list[str]:
    return [message for _, message, _ in found(trace.end(60), "stops-are-called-stops")]


def _ends(trace: TraceBuilder, status: ExitStatus, phase: str) -> None:
    trace.dies(NODES[1], status, by="host1", at=40)
    trace.proc(1, "Ready", phase)


@pytest.mark.parametrize("number", [9, 15])
@pytest.mark.parametrize(("phase", "count"), [("Stopped", 0), ("Killed", 1), ("Failed", 1)])
def test_who_was_told_to_end_was_stopped(trace: TraceBuilder, number: int, phase: str, count: int) -> None:
    """Whoever sent the signal that ended it: it had been asked."""
    trace.add(ProcessSignalled(15, "host1"), node=NODES[1], at=30)
    _ends(trace, ExitStatus(signal=number), phase)
    assert len(_said(trace)) == count


@pytest.mark.parametrize(
    ("signal", "by", "status"),
    [
        (9, "host1", ExitStatus(signal=9)),
        (15, "", ExitStatus(signal=15)),
        (15, "host0", ExitStatus(signal=15)),
        (15, "host1", ExitStatus(signal=11)),
        (15, "host1", ExitStatus(code=3)),
    ],
    ids=["late", "fault", "not its host", "crash", "exit"],
)
def test_other_ends_are_what_they_are(trace: TraceBuilder, signal: int, by: str, status: ExitStatus) -> None:
    """Killed as it was late to start, by nobody that may, or by itself in the meantime."""
    trace.add(ProcessSignalled(signal, by), node=NODES[1], at=30)
    _ends(trace, status, "Failed")
    assert _said(trace) == []


@pytest.mark.parametrize(
    ("phase", "sender", "expected"),
    [
        ("Ready", HOST_AGENTS[1], ["host1 called workers[1] Ready and had told its agent to stop"]),
        ("Stopping", HOST_AGENTS[1], []),
        ("Stopped", HOST_AGENTS[1], []),
        ("Ready", CLIENT, []),
    ],
)
def test_a_host_calls_stopping_what_it_stops(
    trace: TraceBuilder, phase: str, sender: ActorId, expected: list[str]
) -> None:
    """What others tell an agent its host need not know."""
    trace.proc(1, "Running", phase)
    trace.add(Envelope(sender, AGENTS[1], StopAll("enough")), node=NODES[1], at=20)
    assert _said(trace) == expected


def test_a_proc_without_a_process_has_no_status(trace: TraceBuilder) -> None:
    """That of an in-process host, say."""
    agent = ActorId(AGENTS[1].replace("workers_0", "inside_0"))
    trace.add(Envelope(HOST_AGENTS[1], agent, StopAll("enough")), node="host1", at=20)
    assert _said(trace) == []
