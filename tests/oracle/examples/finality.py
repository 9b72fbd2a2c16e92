"""Ends are ends, and the kernel agrees."""

from __future__ import annotations

from trace_builder import NODES, TRAINERS, TraceBuilder

from examples.example import Example
from meshsim.model.hosts.process import ExitStatus
from meshsim.trace.records import KernelDisagreed

KILLED = ExitStatus(signal=9)


def begun() -> TraceBuilder:
    return TraceBuilder().bring_up()


def _stopped(*, then: str) -> TraceBuilder:
    trace = begun()
    trace.actor(TRAINERS[0], "stopping", at=5)
    trace.actor(TRAINERS[0], "stopped: done")
    trace.actor(TRAINERS[0], then, at=6)
    return trace


def _killed() -> TraceBuilder:
    trace = begun()
    trace.dies(NODES[0], KILLED, by="host0", at=5)
    return trace


def _not_killed() -> TraceBuilder:
    trace = _killed()
    trace.add(KernelDisagreed("killed by signal 9", "exited with code 0"), node=NODES[0])
    return trace


EXAMPLES = (
    Example(
        "terminal-is-final",
        holds=_stopped(then="stopped: done").end(10),
        breaks=_stopped(then="failed: boom").end(10),
        finding="trainer[0] became 'failed: boom' after it was 'stopped: done'",
    ),
    Example(
        "kernel-agrees",
        holds=_killed().end(10),
        breaks=_not_killed().end(10),
        finding="workers[0]: expected killed by signal 9, the kernel says exited with code 0",
    ),
)
