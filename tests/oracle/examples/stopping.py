"""A mesh is stopped, and its agents are told so."""

from __future__ import annotations

from trace_builder import AGENTS, CLIENT, CONTROLLER, TRAINERS, TraceBuilder

from examples.example import Example, Trace
from meshsim.model.ids import actor_name_of
from meshsim.model.messages import Envelope, Stop


def _ends_well(*, stopped: int) -> Trace:
    trace = TraceBuilder().bring_up()
    for trainer in TRAINERS[:stopped]:
        trace.actor(trainer, "stopped: enough", at=20)
    trace.operation(CLIENT, "stop_actors", "trainer", at=20, end=20.1)
    return trace.end(21)


def _is_told(*, ends_at: float) -> Trace:
    trace = TraceBuilder().bring_up()
    told = Envelope(CONTROLLER, AGENTS[1], Stop(actor_name_of(TRAINERS[1]), "enough"))
    trace.add(told, node="host1/workers_0", at=20)
    trace.actor(TRAINERS[1], "stopped: enough", at=ends_at)
    return trace.end(60)


EXAMPLES = (
    Example(
        "stop-is-true",
        holds=_ends_well(stopped=2),
        breaks=_ends_well(stopped=1),
        finding="trainer[1] was not stopped when the stop of its mesh ended well",
    ),
    Example(
        "stop-happens",
        holds=_is_told(ends_at=30),
        breaks=_is_told(ends_at=32),
        finding="trainer[1] had to end within 11s after workers[1].proc_agent was told to stop it",
    ),
)
