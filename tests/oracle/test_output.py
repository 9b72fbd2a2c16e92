"""`output-is-kept`: of which answers of a host something is due, and what."""

from __future__ import annotations

import pytest
from trace_builder import CONTROLLER, HOST_AGENTS, NODES, PROCS, TraceBuilder, found

from meshsim.model.hosts.process import ProcPhase, ProcStatus
from meshsim.model.ids import proc_agent_id, proc_name_of
from meshsim.model.messages import Envelope, StateReply
from meshsim.model.status import STOPPED, ProcState, State
from meshsim.trace.records import FaultStruck

EXITED = ProcStatus(ProcPhase.STOPPED, exit_code=3)
FINDING = "host1.host_agent said how workers[1] ended, and nothing of what it had written"


def _answers(trace: TraceBuilder, status: ProcStatus | None) -> list[str]:
    known = ProcState(PROCS[1], 1, proc_agent_id(PROCS[1]), proc_status=status)
    answer = StateReply(State(proc_name_of(PROCS[1]), STOPPED, known))
    for at in (21, 31):
        trace.add(Envelope(HOST_AGENTS[1], CONTROLLER, answer, 1024), node="client", at=at)
    return [message for _, message, _ in found(trace.end(35), "output-is-kept")]


@pytest.mark.parametrize(
    ("kind", "detail", "node", "expected"),
    [
        ("shout", "2 lines to stderr, _exit(3)", NODES[1], [FINDING]),
        ("shout", "1 line to stderr", NODES[1], [FINDING]),
        ("shout", "_exit(3)", NODES[1], []),
        ("exit", "_exit(3)", NODES[1], []),
        ("shout", "1 line to stderr", NODES[0], []),
    ],
    ids=["wrote and exited", "wrote", "wrote nothing", "exited", "another wrote"],
)
def test_what_was_written_is_due_once(kind: str, detail: str, node: str, expected: list[str]) -> None:
    trace = TraceBuilder().bring_up()
    trace.add(FaultStruck(0, kind, node, detail), at=12)
    assert _answers(trace, EXITED) == expected


@pytest.mark.parametrize(
    "status",
    [
        None,
        ProcStatus(ProcPhase.READY),
        ProcStatus(ProcPhase.KILLED, signal=9),
        ProcStatus(ProcPhase.STOPPED, exit_code=0),
        ProcStatus(ProcPhase.STOPPED, exit_code=3, stderr_tail=("giving up",)),
    ],
    ids=["unknown", "ready", "killed", "no error", "told"],
)
def test_nothing_is_due_where_there_is_no_room_or_something_is_said(status: ProcStatus | None) -> None:
    trace = TraceBuilder().bring_up()
    trace.add(FaultStruck(0, "shout", NODES[1], "2 lines to stderr"), at=12)
    assert _answers(trace, status) == []
