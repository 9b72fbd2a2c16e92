"""A proc dies, its owner is told, and then asks how the mesh is: the answer must not have the rank running."""

from __future__ import annotations

from trace_builder import CLIENT, CONTROLLER, NODES, TraceBuilder

from examples.example import Example
from meshsim.model.hosts.process import ExitStatus
from meshsim.model.messages import Envelope, StateReply
from meshsim.model.notes import LocalDelivery
from meshsim.model.status import RUNNING, STOPPED, MeshState, State, Status, failed

KILLED = "Killed(sig=9)"


def _answer(rank_1: Status) -> TraceBuilder:
    trace = TraceBuilder().bring_up()
    trace.dies(NODES[1], ExitStatus(signal=9), by="host1", at=15)
    trace.proc(1, "Ready", "Killed", KILLED)
    trace.poll(1, at=20, end=20.1, outcome="proc_dead")
    trace.heard(CLIENT, "owner", 1, f"failed: process failure: {KILLED}")
    reply = StateReply(State("trainer-9zzzzzzzzzzz", STOPPED, MeshState((RUNNING, rank_1))))
    trace.add(LocalDelivery(Envelope(CONTROLLER, CLIENT, reply, 1025)), node="client", at=25)
    return trace


EXAMPLES = (
    Example(
        "views-agree",
        holds=_answer(failed(KILLED)).end(30),
        breaks=_answer(RUNNING).end(30),
        finding="trainer.controller said Running of trainer[1], which had ended",
    ),
)
