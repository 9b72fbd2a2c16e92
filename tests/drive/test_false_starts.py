"""Which processes of a plan do not start."""

from small_worlds import at, mesh

from meshsim.drive.false_starts import false_starts, process_to_be
from meshsim.faults.kinds import Exit, StartFails
from meshsim.scenario.schema import SpawnProcsOp


def test_a_rank_is_turned_into_the_process_it_will_be() -> None:
    """Hosts first, as ranks count; on the hosts that are named, or on all."""
    faults = [
        StartFails(target="workers[3]"),
        Exit(target="client", at=at(1)),
        StartFails(target="more[1]", code=2),
        StartFails(target="one[0]"),
    ]
    operations = [
        SpawnProcsOp(name="more", hosts=["host1", "host0"]),
        SpawnProcsOp(name="one", hosts=["host1"], per_host={"a": 1, "b": 2}),
    ]

    found = false_starts(mesh(hosts=2, faults=faults, operations=operations))

    assert {node: index for node, (index, _) in found.items()} == {
        "host1/workers_1": 0,
        "host0/more_0": 2,
        "host1/one_0": 3,
    }
    assert found["host0/more_0"][1].code == 2


def test_a_process_has_its_place_before_its_mesh_is_there() -> None:
    """By name and rank; nothing else has one."""
    plan = mesh(hosts=2, per_host=2)

    assert process_to_be(plan, "workers[2]") == "host1/workers_0"
    assert [process_to_be(plan, name) for name in ("workers[4]", "workers", "trainer[0]", "client")] == [None] * 4
