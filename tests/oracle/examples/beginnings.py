"""A second mesh of actors is spawned: before the spawn is over, each of them has to get through its init."""

from __future__ import annotations

from trace_builder import CLIENT, LOCAL, PROCS, TraceBuilder, spawned

from examples.example import Example
from meshsim.model.ids import actor_id

LATE = tuple(actor_id(proc, "late-1ddddddddddd") for proc in PROCS)
CONTROLLER = actor_id(LOCAL, "actor_mesh_controller_late-1ddddddddddd", 2)


def _spawned(*, initialized: int) -> TraceBuilder:
    trace = TraceBuilder().bring_up()
    trace.now_ns = 2 * trace.now_ns
    for actor in LATE:
        trace.actor(actor, "initializing")
    for actor in LATE[:initialized]:
        trace.actor(actor, "idle")
    trace.actor(CONTROLLER, "initializing", node="client")
    trace.actor(CONTROLLER, "idle", node="client")
    trace.add(spawned("actors", "late", LATE, CONTROLLER, CLIENT), node="client")
    for actor in LATE[initialized:]:
        trace.actor(actor, "failed: initialization error: no gpu", at=3)
    return trace


EXAMPLES = (
    Example(
        "configured-first",
        holds=_spawned(initialized=2).end(5),
        breaks=_spawned(initialized=1).end(5),
        finding="late counted as spawned before late[1] had got through its init",
    ),
)
