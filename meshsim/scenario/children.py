"""Actors that a WrapperActor spawns by itself: what its parameters say, and that they make sense.

    actor = "WrapperActor", params = { procs = "workers", child = "kids", supervisor = "client" }

Source: supervision.md 15.1.
"""

from __future__ import annotations

import re

import msgspec

from meshsim.scenario.errors import ScenarioError, joined
from meshsim.scenario.schema import Actors, SpawnActorsOp
from meshsim.scenario.world import Kind, World

WRAPPER = "WrapperActor"
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z")


class ChildrenOf(msgspec.Struct, frozen=True):
    """The mesh that each WrapperActor of a mesh spawns: where, under which name, and who is told of its failures."""

    procs: str
    child: str
    supervisor: str


def children_of(spec: Actors | SpawnActorsOp) -> ChildrenOf | None:
    """What the actors spawn themselves; none for most."""
    if spec.actor != WRAPPER or not spec.params:
        return None
    return ChildrenOf(*(str(spec.params[name]) for name in ChildrenOf.__struct_fields__))


def declare_children(key: str, spec: Actors | SpawnActorsOp, world: World) -> None:
    """Check the parameters of a WrapperActor and make the name of its children known.

    Raises:
        ScenarioError: a parameter is missing, unknown, or names what does not exist.
    """
    names = ChildrenOf.__struct_fields__
    for name in spec.params:
        if name not in names:
            raise ScenarioError(joined(f"{key}.params", name), "no such parameter", allowed=names, word=name)
    for name in names:
        if not isinstance(spec.params.get(name), str):
            raise ScenarioError(joined(f"{key}.params", name), "expected a name", value=spec.params.get(name))
    made = children_of(spec)
    assert made is not None
    if _LABEL.match(made.child) is None:
        raise ScenarioError(f"{key}.params.child", "expected letters, digits and underscores", value=made.child)
    world.named(made.procs, Kind.PROCS, f"{key}.params.procs")
    world.context(made.supervisor, f"{key}.params.supervisor")
    world.add_actors(f"{key}.params", made.child, made.procs, "TestActor", system=False)
    world.wrappers.add(spec.name)
