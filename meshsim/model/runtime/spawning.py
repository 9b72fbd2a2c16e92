"""Which id a new child gets: the numbers that every root actor keeps for its descendants.

Source: mesh_model.md 6.2, supervision.md 1.3.
"""

from __future__ import annotations

from collections.abc import Container

from meshsim.model.ids import ActorId, Name, actor_id, actor_name_of, proc_of

#: Numbers given to children so far, by the root whose name they hang under.
Counters = dict[ActorId, int]


class SpawnError(Exception):
    """An actor cannot be spawned; the text is the reference's."""


def already_spawned(name: str) -> str:
    """A root's name stays taken for the life of its proc."""
    return f"an actor with name '{name}' has already been spawned"


def next_child(actors: Container[ActorId], counters: Counters, parent: ActorId, name: Name) -> ActorId:
    """The id of a new child of `parent`; without a name of its own it has its parent's.

    The counter is the one under the parent's *name*, and only roots have one: the anonymous descendants of a root share
    its numbers, while an actor with a name of its own has no children, unless a root happens to be called the same.

    Raises:
        SpawnError: there is no such root, or a child of a root of another name has this id already.
    """
    proc, parent_name = proc_of(parent), actor_name_of(parent)
    root = actor_id(proc, parent_name)
    if root not in actors:
        raise SpawnError(f"no actor named {parent_name} in proc {proc}")
    counters[root] = pid = counters.get(root, 0) + 1
    child = actor_id(proc, name or parent_name, pid)
    if child in actors:
        raise SpawnError(already_spawned(name or parent_name))
    return child
