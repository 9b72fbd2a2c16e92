"""Who can hear of a mesh at all: whoever never hears of it because nobody would ever tell it shows nothing."""

from __future__ import annotations

from meshsim.oracle.expectations import Hears, NeverHears
from meshsim.scenario.children import children_of
from meshsim.scenario.errors import ScenarioError
from meshsim.scenario.schema import Actors, Scenario, SendRefOp, SpawnActorsOp
from meshsim.scenario.world import World


def check_listens(key: str, expectation: Hears | NeverHears, scenario: Scenario, world: World) -> None:
    """Raises `ScenarioError` when nobody would tell the listener, so that it could not hear."""
    by_mesh = listeners(scenario, world)
    if expectation.mesh is None:
        heard = any(expectation.listener in each for each in by_mesh.values())
        of = "any mesh"
    else:
        heard = expectation.listener in by_mesh.get(_whole(expectation.mesh, world), ())
        of = expectation.mesh
    if not heard:
        message = f"nobody would tell it: it does not own {of}, subscribe to it, or use it"
        raise ScenarioError(f"{key}.listener", message, value=expectation.listener)


def listeners(scenario: Scenario, world: World) -> dict[str, set[str]]:
    """By mesh, those who may be told of it: its owner, who subscribes, who uses a reference to it, and supervisors."""
    found: dict[str, set[str]] = {}

    def add(mesh: str, listener: str) -> None:
        found.setdefault(_whole(mesh, world), set()).add(listener)

    spawned: list[tuple[Actors | SpawnActorsOp, str]] = [(actors, actors.owner) for actors in scenario.topology.actors]
    spawned += [(operation, operation.by) for operation in scenario.operations if isinstance(operation, SpawnActorsOp)]
    for spec, owner in spawned:
        add(spec.name, owner)
        made = children_of(spec)
        if made is not None:
            add(made.child, made.supervisor)
            for rank in range(world.names[spec.name].ranks):
                add(made.child, f"{spec.name}[{rank}]")
    for subscriber in scenario.topology.subscribers:
        add(subscriber.mesh, subscriber.by)
    for slice_ in scenario.topology.slices:
        add(slice_.mesh, slice_.by)
    for operation in scenario.operations:
        mesh = getattr(operation, "mesh", None)
        if isinstance(mesh, str):
            add(mesh, operation.by)
        if isinstance(operation, SendRefOp):
            add(operation.mesh, operation.to)
    return found


def _whole(mesh: str, world: World) -> str:
    """The mesh that a slice or a copy is a reference to."""
    declared = world.names.get(mesh)
    return mesh if declared is None or not declared.of else declared.of
