"""A spawn fails after it has created something."""

from __future__ import annotations

from trace_builder import AGENTS, CLIENT, NODES, TraceBuilder

from examples.example import Example, Trace
from meshsim.model.ids import Name, actor_id, proc_of
from meshsim.model.messages import ActorSpec, CreateOrUpdate, Envelope, Work
from meshsim.model.notes import LocalDelivery, OperationEnded, OperationStarted

HELPER = Name("helper-1ddddddddddd")


def _spawn_fails(*, ends_at: float) -> Trace:
    trace = TraceBuilder().bring_up()
    step = trace.add(LocalDelivery(Envelope(CLIENT, CLIENT, Work("spawn"))), node="client", at=20)
    trace.add(OperationStarted(7, CLIENT, "spawn_actors", "helper"), node="client", cause=step)
    create = CreateOrUpdate(HELPER, 0, ActorSpec("TestActor"))
    trace.add(Envelope(CLIENT, AGENTS[0], create), node=NODES[0], cause=step)
    helper = actor_id(proc_of(AGENTS[0]), HELPER)
    trace.actor(helper, "idle")
    trace.add(OperationEnded(7, CLIENT, "spawn_actors", "helper", "no answer", ""), node="client", at=25)
    trace.actor(helper, "stopped: spawn failed", at=ends_at)
    return trace.end(60)


EXAMPLES = (
    Example(
        "failed-spawn-leaves-nothing",
        holds=_spawn_fails(ends_at=36),
        breaks=_spawn_fails(ends_at=37),
        finding="workers[0].helper was still there 11s after the spawn_actors of helper had failed",
    ),
)
