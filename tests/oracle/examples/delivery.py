"""A message comes back; an actor fails beside its agent."""

from __future__ import annotations

from trace_builder import AGENTS, CLIENT, NODES, TRAINERS, TraceBuilder

from examples.example import Example, Trace
from meshsim.model.messages import Envelope, Undeliverable, Work
from meshsim.model.notes import EventRecorded
from meshsim.trace.records import MessageReturned

_BACK = ("broken link: gone",)


def _comes_back(*, arrives: bool) -> Trace:
    trace = TraceBuilder().bring_up()
    work = Envelope(CLIENT, TRAINERS[1], Work())
    returned = trace.add(MessageReturned(work, _BACK), node="client", at=5)
    if arrives:
        back = Envelope(TRAINERS[1], CLIENT, Undeliverable(work, _BACK), returnable=False)
        trace.add(back, node="client", cause=returned)
    return trace.end(6)


def _fails(*, is_recorded: bool) -> Trace:
    trace = TraceBuilder().bring_up()
    trace.actor(TRAINERS[1], "failed: boom", at=5)
    if is_recorded:
        trace.add(EventRecorded(AGENTS[1], TRAINERS[1], "failed: boom"), node=NODES[1])
    return trace.end(8)


EXAMPLES = (
    Example(
        "nothing-vanishes",
        holds=_comes_back(arrives=True),
        breaks=_comes_back(arrives=False),
        finding="Work from client to trainer[1] that came back never reached its sender",
    ),
    Example(
        "last-words",
        holds=_fails(is_recorded=True),
        breaks=_fails(is_recorded=False),
        finding="trainer[1] failed, and its agent recorded no event of it",
    ),
)
