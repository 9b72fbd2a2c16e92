"""An actor is stopped as an orphan: because its controller is gone, or because somebody else is."""

from __future__ import annotations

from trace_builder import AGENTS, COMMS, NODES, TRAINERS, TraceBuilder

from examples.example import Example
from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import Name, PortRef, actor_name_of
from meshsim.model.messages import Envelope, KeepaliveGetState
from meshsim.model.notes import LocalDelivery, OrphanStopped
from meshsim.units import S


def _orphan(*, dies: str) -> TraceBuilder:
    """The last keepalive is at 11 s, then a process dies, and at 80 s the agent of rank 1 finds its actor expired."""
    trace = TraceBuilder().bring_up()
    keepalive = KeepaliveGetState(71 * S, Name(actor_name_of(TRAINERS[1])), PortRef(COMMS[1], 1024))
    trace.add(LocalDelivery(Envelope(COMMS[1], AGENTS[1], keepalive)), node=NODES[1], at=11)
    trace.dies(dies, ExitStatus(signal=9), at=15)
    trace.add(OrphanStopped(TRAINERS[1], 71 * S), node=NODES[1], at=80)
    trace.actor(TRAINERS[1], "stopped: orphaned")
    return trace


EXAMPLES = (
    Example(
        "keepalive-soundness",
        holds=_orphan(dies="client").end(90),
        breaks=_orphan(dies=NODES[0]).end(90),
        finding="trainer[1] was stopped as an orphan 1m 9s after its last keepalive, "
        "but trainer.controller was alive and could reach it",
    ),
)
