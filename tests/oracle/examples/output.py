"""A process writes, exits, and its host is asked."""

from __future__ import annotations

from trace_builder import CONTROLLER, HOST_AGENTS, NODES, PROCS, TraceBuilder

from examples.example import Example, Trace
from meshsim.model.hosts.process import ExitStatus, ProcPhase, ProcStatus
from meshsim.model.ids import proc_agent_id, proc_name_of
from meshsim.model.messages import Envelope, StateReply
from meshsim.model.status import STOPPED, ProcState, State
from meshsim.trace.records import FaultStruck


def _is_asked_about(*, tail: tuple[str, ...]) -> Trace:
    trace = TraceBuilder().bring_up()
    trace.add(FaultStruck(0, "shout", NODES[1], "1 line to stderr, _exit(3)"), at=12)
    trace.dies(NODES[1], ExitStatus(code=3), by="host1", why="exit")
    status = ProcStatus(ProcPhase.STOPPED, exit_code=3, stderr_tail=tail)
    known = ProcState(PROCS[1], 1, proc_agent_id(PROCS[1]), proc_status=status)
    answer = StateReply(State(proc_name_of(PROCS[1]), STOPPED, known))
    trace.add(Envelope(HOST_AGENTS[1], CONTROLLER, answer, 1024), node="client", at=21)
    return trace.end(25)


EXAMPLES = (
    Example(
        "output-is-kept",
        holds=_is_asked_about(tail=("giving up",)),
        breaks=_is_asked_about(tail=()),
        finding="host1.host_agent said how workers[1] ended, and nothing of what it had written",
    ),
)
