"""A host ends a process that hears nothing."""

from __future__ import annotations

from trace_builder import NODES, TraceBuilder

from examples.example import Example, Trace
from meshsim.model.hosts.process import ExitStatus
from meshsim.trace.records import ProcessSignalled


def _has_to_be_killed(*, called: str) -> Trace:
    trace = TraceBuilder().bring_up()
    trace.proc(1, "Ready", "Stopping", at=20)
    trace.add(ProcessSignalled(15, "host1"), node=NODES[1], at=30)
    trace.add(ProcessSignalled(9, "host1"), node=NODES[1], at=40)
    trace.dies(NODES[1], ExitStatus(signal=9), by="host1")
    trace.proc(1, "Stopping", called, f"{called}(sig=9)")
    return trace.end(50)


EXAMPLES = (
    Example(
        "stops-are-called-stops",
        holds=_has_to_be_killed(called="Stopped"),
        breaks=_has_to_be_killed(called="Killed"),
        finding="host1 called workers[1] Killed(sig=9), and had told it to end",
    ),
)
