"""A proc is told to stop, and does not."""

from __future__ import annotations

from trace_builder import CLIENT, HOST_AGENTS, NODES, PROCS, TraceBuilder

from examples.example import Example, Trace
from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import proc_name_of
from meshsim.model.messages import Envelope, Stop
from meshsim.trace.records import ProcessSignalled


def _is_sent_sigterm(*, at: float) -> Trace:
    trace = TraceBuilder().bring_up()
    trace.add(Envelope(CLIENT, HOST_AGENTS[1], Stop(proc_name_of(PROCS[1]), "enough")), node="host1", at=20)
    trace.proc(1, "Ready", "Stopping")
    trace.add(ProcessSignalled(15, "host1"), node=NODES[1], at=at)
    trace.dies(NODES[1], ExitStatus(signal=15), by="host1")
    trace.proc(1, "Stopping", "Killed", "Killed(sig=15)")
    return trace.end(40)


EXAMPLES = (
    Example(
        "grace-periods",
        holds=_is_sent_sigterm(at=30),
        breaks=_is_sent_sigterm(at=23),
        finding="the process of workers[1] was sent SIGTERM, but 7s of its time were left",
    ),
)
