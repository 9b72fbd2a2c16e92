"""A run that is kept at an instant, and goes on from there more than once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from small_worlds import at, mesh

from meshsim.drive.conductor import Conductor
from meshsim.explore.forking import Checkpoint, begin, strike_later
from meshsim.explore.space import Space
from meshsim.faults.kinds import AT_SPAWN, Exit, Fault, Partition, Stall, StartFails
from meshsim.model.actors.registry import default_program
from meshsim.run.program import program_of
from meshsim.scenario.load import discover, load_scenarios
from meshsim.scenario.plan import Plan, plan
from meshsim.scenario.schema import StopActorsOp
from meshsim.sim import SimBackend
from meshsim.units import Duration, S

SCENARIOS = Path(__file__).parents[2] / "scenarios"
#: Everything that a world can be in the middle of: every kind of fault, and what is shipped to be quick.
PATHS = [*discover([SCENARIOS / "faults"]), *discover([SCENARIOS / "fast"])]


def begun(plan: Plan, until_ns: int) -> tuple[Conductor, SimBackend]:
    """A run at an instant; nothing of that instant has happened."""
    backend = SimBackend(program_of(plan))
    conductor = Conductor(plan, backend)
    begin(conductor)
    if until_ns:
        conductor.env.run(until=until_ns)
    return conductor, backend


def whole(plan: Plan) -> str:
    """The digest of a run from its beginning to its end."""
    conductor = Conductor(plan, SimBackend(program_of(plan)))
    conductor.run()
    return conductor.digest()


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_copies_go_on_as_the_run_does(path: Path) -> None:
    """At some instant of every scenario, on its first seed; none knows of the others."""
    planned = plan(load_scenarios(path)[0], 0)
    until_ns = Random(path.stem).randrange(1, int(planned.horizon))

    conductor, backend = begun(planned, until_ns)
    checkpoint = Checkpoint(conductor, conductor, backend)
    first = checkpoint.resumed()
    first.go_on()
    conductor.go_on()
    second = checkpoint.resumed()
    second.go_on()

    assert conductor.digest() == whole(planned)
    assert [first.digest(), second.digest()] == [conductor.digest()] * 2
    assert second.records == conductor.records
    assert second.records is not first.records


def drawn() -> Iterator[tuple[Plan, tuple[Fault, ...], int]]:
    """Worlds with an operation and a fault of their own, faults to be added, and an instant before all of these. Every
    other fault is added at a time at which something happens anyway.
    """
    for name in ("plain", "plain-stopped", "plain-slice"):
        world = plan(load_scenarios(SCENARIOS / "explore" / f"{name}.toml")[0], 0)
        world = msgspec.structs.replace(world, faults=(Stall(target="workers[1]", at=at(20), for_=at(3)),))
        conductor = Conductor(world, SimBackend(program_of(world)))
        conductor.run()
        times = sorted({record.at for record in conductor.records if 0 < record.at < int(world.horizon)})
        space = Space.of(world)
        for number in range(30):
            random = Random(f"{name} {number}")
            faults = [
                msgspec.structs.replace(fault, at=Duration(random.choice(times))) if random.random() < 0.5 else fault
                for fault in space.draw(random, count=random.randint(1, 4))
                if fault.at and not isinstance(fault, AT_SPAWN)
            ]
            if faults:
                first_ns = min(int(fault.at) for fault in faults if fault.at is not None)
                yield world, tuple(faults), random.randrange(first_ns + 1)


def forked(world: Plan, faults: tuple[Fault, ...], until_ns: int) -> str:
    """The digest of a run to a copy of which faults were added at an instant."""
    conductor, backend = begun(world, 0)
    conductor.post.expect_cuts()
    if until_ns:
        conductor.env.run(until=until_ns)
    twin = Checkpoint(conductor, conductor, backend).resumed()
    strike_later(twin, struck(world, faults))
    twin.go_on()
    return twin.digest()


def struck(world: Plan, faults: tuple[Fault, ...]) -> Plan:
    return msgspec.structs.replace(world, faults=(*world.faults, *faults))


def test_a_copy_to_which_faults_are_added_is_the_run_that_had_them() -> None:
    """From its first record to its last, whatever the faults."""
    cases = list(drawn())
    for world, faults, until_ns in cases:
        assert forked(world, faults, until_ns) == whole(struck(world, faults))
    assert len(cases) > 60


@pytest.mark.parametrize(
    "keys",
    [
        {"faults": [Stall(target="workers[0]", at=at(4))]},
        {"operations": [StopActorsOp(mesh="trainer", at=at(4))]},
    ],
    ids=["a fault of its own", "an operation"],
)
def test_faults_that_are_added_strike_behind_what_the_plan_has_at_that_time(keys: dict[str, Any]) -> None:
    """And before whatever comes of the run."""
    world = mesh(horizon_s=8, **keys)
    for target in ("workers[0]", "client"):
        fault = Exit(target=target, at=at(4))
        assert forked(world, (fault,), 3 * S) == whole(struck(world, (fault,)))


def test_only_a_run_that_was_begun_for_it_takes_faults() -> None:
    world = mesh(horizon_s=8)
    conductor = Conductor(world, SimBackend(program_of(world)))
    conductor.begin()

    with pytest.raises(ValueError, match="the run was not begun by"):
        strike_later(conductor, struck(world, (Exit(target="workers[0]", at=at(4)),)))


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Exit(target="workers[0]", at=at(2)), "this fault could have struck before 3000000000 ns: "),
        (Exit(target="workers[0]"), "this fault could have struck before 3000000000 ns: "),
        (StartFails(target="workers[0]", at=at(4)), "this fault could have struck before 3000000000 ns: "),
        (Partition(target="host0", at=at(4)), "messages are on their way that nothing could stop any more: "),
    ],
    ids=["earlier", "at no time", "at a spawn", "a cut"],
)
def test_what_could_have_struck_before_is_refused(fault: Fault, why: str) -> None:
    world = mesh(horizon_s=8)
    conductor, backend = begun(world, 3 * S)
    twin = Checkpoint(conductor, conductor, backend).resumed()

    with pytest.raises(ValueError, match=why):
        strike_later(twin, struck(world, (fault,)))


def test_what_cannot_be_copied_says_so() -> None:
    """A machine of a user's that holds what only one can have."""
    conductor, backend = begun(mesh(horizon_s=8), 3 * S)
    next(iter(backend.nodes.values())).cells["generator"] = (each for each in "")  # type: ignore[index,assignment]

    with pytest.raises(TypeError, match="generator"):
        Checkpoint(conductor, conductor, backend)


def test_the_program_is_shared() -> None:
    """What never changes is not copied."""
    world = mesh(horizon_s=8)
    backend = SimBackend(default_program())
    conductor = Conductor(world, backend)
    conductor.begin()
    conductor.env.run(until=3 * S)

    twin, twin_backend = Checkpoint((conductor, backend), conductor, backend).resumed()

    assert twin.plan is world
    assert twin_backend.program is backend.program
    assert all(one is other for one, other in zip(twin.records, conductor.records, strict=True))
    assert all(twin_backend.nodes[name] is not node for name, node in backend.nodes.items())
