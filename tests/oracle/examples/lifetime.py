"""Nothing is left over."""

from __future__ import annotations

from trace_builder import CLIENT, NODES, TRAINERS, TraceBuilder

from examples.example import Example
from meshsim.model.hosts.process import ExitStatus


def _owner_dies(*, reaped: int) -> TraceBuilder:
    trace = TraceBuilder().bring_up()
    trace.dies("client", ExitStatus(signal=9), at=15)
    for trainer in TRAINERS[:reaped]:
        trace.actor(trainer, "stopped: orphaned", at=100)
    return trace


def _procs_are_stopped(*, ended: int) -> TraceBuilder:
    trace = TraceBuilder().bring_up()
    trace.operation(CLIENT, "stop_procs", "workers", at=20, end=20.1)
    for node, host in list(zip(NODES, ("host0", "host1"), strict=True))[:ended]:
        trace.dies(node, ExitStatus(code=0), by=host, why="exit", at=30)
    return trace


EXAMPLES = (
    Example(
        "nothing-outlives-its-owner",
        holds=_owner_dies(reaped=2).end(15 + 131),
        breaks=_owner_dies(reaped=1).end(15 + 131),
        finding="trainer[1] was still there 2m 11s after its owner client had ended",
    ),
    Example(
        "no-process-left",
        holds=_procs_are_stopped(ended=2).end(50),
        breaks=_procs_are_stopped(ended=1).end(50),
        finding="the process of workers[1] was still there 21s after workers was stopped",
    ),
)
