"""A controller tells its owner the same failure, poll after poll."""

from __future__ import annotations

from trace_builder import CLIENT, CONTROLLER, TRAINERS, TraceBuilder, heard

from examples.example import Example
from meshsim.model.messages import Envelope, MeshFailed
from meshsim.model.notes import LocalDelivery


def _told(times: int) -> TraceBuilder:
    trace = TraceBuilder().bring_up()
    trace.actor(TRAINERS[1], "failed: boom", at=15)
    failure = heard(CLIENT, "owner", 1, "failed: boom", mesh="trainer", actor=TRAINERS[1]).failure
    for count in range(1, times + 1):
        trace.poll(count, at=10 + 10 * count, end=10 + 10 * count, outcome="changed")
        trace.add(LocalDelivery(Envelope(CONTROLLER, CLIENT, MeshFailed(failure))), node="client")
    return trace


EXAMPLES = (
    Example(
        "no-endless-repetition",
        holds=_told(3).end(60),
        breaks=_told(4).end(60),
        finding="trainer.controller told client the same: rank 1 failed: boom, 4 times",
    ),
)
