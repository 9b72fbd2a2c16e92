"""A controller is told to stop its mesh, and has a poll scheduled."""

from __future__ import annotations

from trace_builder import CLIENT, CONTROLLER, TRAINERS, TraceBuilder

from examples.example import Example
from meshsim.model.notes import MonitoringEnded


def _stopped(*, polls: bool) -> TraceBuilder:
    trace = TraceBuilder().bring_up()
    trace.poll(1, at=11, end=11.1)
    trace.operation(CLIENT, "stop_actors", "trainer", at=20, end=None)
    trace.add(MonitoringEnded(CONTROLLER, "trainer", "stop"), node="client")
    for trainer in TRAINERS:
        trace.actor(trainer, "stopped: stopped by client")
    if polls:
        trace.poll(2, at=21.1, end=21.2)
    return trace


EXAMPLES = (
    Example(
        "quiet-after-the-end",
        holds=_stopped(polls=False).end(30),
        breaks=_stopped(polls=True).end(30),
        finding="trainer.controller polled after its monitoring had ended",
    ),
)
