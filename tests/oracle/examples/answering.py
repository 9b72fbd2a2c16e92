"""A controller asks an agent, and polls."""

from __future__ import annotations

from trace_builder import AGENTS, CONTROLLER, NODES, TRAINERS, TraceBuilder

from examples.example import Example, Trace
from meshsim.model.ids import PortRef, actor_name_of
from meshsim.model.messages import Envelope, GetState, StateReply
from meshsim.model.status import RUNNING, State

_NAME = actor_name_of(TRAINERS[0])


def _is_asked(*, answers: bool) -> Trace:
    trace = TraceBuilder().bring_up()
    asked = trace.add(Envelope(CONTROLLER, AGENTS[0], GetState(_NAME, PortRef(CONTROLLER, 1024))), node=NODES[0], at=5)
    if answers:
        reply = Envelope(AGENTS[0], CONTROLLER, StateReply(State(_NAME, RUNNING)), port=1024)
        trace.add(reply, node="client", cause=asked, at=5.1)
    return trace.end(8)


def _polls(*, second_at: float) -> Trace:
    trace = TraceBuilder().bring_up()
    trace.poll(1, at=11, end=11.1)
    trace.poll(2, at=second_at, end=second_at + 0.1)
    return trace.end(second_at + 1)


EXAMPLES = (
    Example(
        "agents-answer",
        holds=_is_asked(answers=True),
        breaks=_is_asked(answers=False),
        finding="workers[0].proc_agent had to answer GetState within 1s, it never did",
    ),
    Example(
        "controllers-poll",
        holds=_polls(second_at=21.1),
        breaks=_polls(second_at=31.1),
        finding="trainer.controller had to begin a poll within 11s, it came after 20s",
    ),
)
