"""A controller asks a host that is gone; its question comes back."""

from __future__ import annotations

from trace_builder import CONTROLLER, HOST_AGENTS, PROCS, TraceBuilder

from examples.example import Example, Trace
from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import PortRef, proc_name_of
from meshsim.model.messages import Envelope, GetState, Undeliverable

_BACK = ("broken link: gone",)


def _comes_back(*, text: str) -> Trace:
    trace = TraceBuilder().bring_up()
    trace.dies("host1", ExitStatus(signal=9), at=11)
    asked = Envelope(CONTROLLER, HOST_AGENTS[1], GetState(proc_name_of(PROCS[1]), PortRef(CONTROLLER, 1024)))
    back = trace.add(Envelope(HOST_AGENTS[1], CONTROLLER, Undeliverable(asked, _BACK)), node="client", at=12)
    if text:
        trace.actor(CONTROLLER, "stopping", cause=back)
        trace.actor(CONTROLLER, text, cause=back)
    return trace.end(13)


EXAMPLES = (
    Example(
        "infrastructure-survives",
        holds=_comes_back(text=""),
        breaks=_comes_back(text="failed: undeliverable message error: to host1"),
        finding="trainer.controller died of a message that came back: failed: undeliverable message error: to host1",
    ),
)
