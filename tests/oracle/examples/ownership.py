"""A client attaches a host and ends."""

from __future__ import annotations

from trace_builder import CLIENT, CONTROLLER, HOST_AGENTS, TraceBuilder

from examples.example import Example, Trace
from meshsim.model.ids import PortRef
from meshsim.model.messages import Ack, Envelope, SetClientConfig, ShutdownHost, Work
from meshsim.model.notes import LocalDelivery, OperationEnded, OperationStarted
from meshsim.units import S


def _owner_ends(*, is_told: bool) -> Trace:
    trace = TraceBuilder().bring_up()
    step = trace.add(LocalDelivery(Envelope(CLIENT, CLIENT, Work("attach"))), node="client", at=5)
    trace.add(OperationStarted(7, CLIENT, "attach_hosts", "host1"), node="client", cause=step)
    push = SetClientConfig({}, PortRef(CLIENT, 1024))
    trace.add(Envelope(CLIENT, HOST_AGENTS[1], push), node="host1", cause=step)
    trace.add(OperationEnded(7, CLIENT, "attach_hosts", "host1", None, ""), node="client", at=6)
    if is_told:
        told = ShutdownHost(5 * S, 16, PortRef(CONTROLLER, 1024))
        trace.add(Envelope(CONTROLLER, HOST_AGENTS[1], told), node="host1", at=20)
        trace.add(Envelope(HOST_AGENTS[1], CONTROLLER, Ack(), 1024), node="client", at=21)
    trace.actor(CLIENT, "stopped: done", node="client", at=22)
    return trace.end(40)


EXAMPLES = (
    Example(
        "hosts-end-with-their-owner",
        holds=_owner_ends(is_told=True),
        breaks=_owner_ends(is_told=False),
        finding="host1 was not told to shut down within 1s of the end of client",
    ),
)
