"""The owner of a mesh ends, and the controller cleans up."""

from __future__ import annotations

from trace_builder import CONTROLLER, OBSERVER, TRAINERS, TraceBuilder

from examples.example import Example, Trace
from meshsim.model.ids import PortRef
from meshsim.model.messages import Envelope, MeshFailed, Subscribe
from meshsim.model.notes import MonitoringEnded
from meshsim.model.supervision import ActorSupervisionEvent, MeshFailure, actor_stopped


def _cleans_up(*, tells_at: float) -> Trace:
    trace = TraceBuilder().bring_up()
    trace.add(Envelope(OBSERVER, CONTROLLER, Subscribe(PortRef(OBSERVER, 1024))), node="client", at=5)
    trace.add(MonitoringEnded(CONTROLLER, "trainer", "cleanup"), node="client", at=20)
    event = ActorSupervisionEvent(TRAINERS[0], None, 0, actor_stopped("cleanup"))
    notice = MeshFailed(MeshFailure("trainer", None, event))
    trace.add(Envelope(CONTROLLER, OBSERVER, notice, 1024, subscriber=True), node="observer", at=tells_at)
    return trace.end(40)


EXAMPLES = (
    Example(
        "stopped-mesh-is-told",
        holds=_cleans_up(tells_at=20.1),
        breaks=_cleans_up(tells_at=22),
        finding="observer was not told of the cleanup of trainer by its controller within 1s",
    ),
)
