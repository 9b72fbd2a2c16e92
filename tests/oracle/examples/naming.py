"""A process is killed, and its owner is told."""

from __future__ import annotations

from trace_builder import CLIENT, NODES, TraceBuilder

from examples.example import Example, Trace
from meshsim.model.hosts.process import ExitStatus


def _is_told(text: str) -> Trace:
    trace = TraceBuilder().bring_up()
    trace.dies(NODES[1], ExitStatus(signal=9), by="host1", at=5)
    trace.proc(1, "Ready", "Killed", "Killed(sig=9)")
    trace.poll(1, at=11, end=11.1, outcome="proc_dead")
    trace.heard(CLIENT, "owner", 1, text, at=11.1)
    return trace.end(12)


EXAMPLES = (
    Example(
        "right-cause",
        holds=_is_told("failed: process failure: Killed(sig=9)"),
        breaks=_is_told("failed: process exited with non-zero code 9"),
        finding='client heard as owner of trainer[1] "failed: process exited with non-zero code 9", '
        "but its process was killed by signal 9",
    ),
)
