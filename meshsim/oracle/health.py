"""Whether a rank, at some moment, had anything that could pass for a failure."""

from __future__ import annotations

from meshsim.model.ids import ActorId, host_agent_id, proc_agent_id, proc_of
from meshsim.model.mapping import NO_STATUS
from meshsim.oracle.world import Spawned, World

#: How what is said of a rank begins when it is concluded from silence or from a bare status: nobody told of an end.
#: Source: supervision.md 6.1, 6.2, 10.5.
CONCLUDED = ("process is stopping", NO_STATUS, "actor status is ", "timeout waiting for message from proc mesh agent")


def rank_impaired(world: World, spawned: Spawned, rank: int, at: int) -> bool:
    """Whether a rank was ending, unreachable or silent at a time, or within the detection bound before it.

    `hearing.Accuracy` says what counts.
    """
    mesh = spawned.mesh
    if rank >= len(mesh.members):
        return False
    actor = ActorId(mesh.members[rank])
    if mesh.label in world.stop_asked or world.is_ending(actor) or actor in world.recorded or actor in world.hung:
        return True
    return world.ended_at(mesh.by) is not None or _place_impaired(world, actor, mesh.controller, at)


def _place_impaired(world: World, actor: ActorId, controller: ActorId | None, at: int) -> bool:
    """Whether the process or the host of an actor is, or was lately, not what it should be."""
    places = world.place_of(actor)
    agents = [proc_agent_id(proc_of(actor)), *(host_agent_id(host) for host in places[1:])]
    if agents[0] in world.misreporting:
        return True
    if not places or any(agent in world.hung or world.is_ending(agent) for agent in agents):
        return True
    since = at - world.bounds.detection_ns
    watcher = None if controller is None else world.directory.node_of_actor(controller)
    for place in places:
        facts = world.nodes.get(place)
        if facts is None or not facts.is_alive or world.proc_is_ending(place):
            return True
        if world.stalled_ns(place, since) > 0:
            return True
        if watcher is not None and world.lost_between(watcher, place, since):
            return True
    return watcher is not None and world.kept_apart(watcher, actor, since)
