"""The stage: bring-up in order, operations at their times, and what cannot be begun."""

from __future__ import annotations

from collections.abc import Sequence

from small_worlds import at, found, mesh, run_sim

from meshsim.faults.kinds import HostCrash, InitFails, Signal, Stall
from meshsim.model.notes import MeshSpawned, OperationEnded, OperationStarted
from meshsim.scenario.plan import plan
from meshsim.scenario.schema import (
    Actors,
    CastOp,
    EndOp,
    Procs,
    QueryOp,
    Scenario,
    SpawnActorsOp,
    SpawnProcsOp,
    StopActorsOp,
    StopProcsOp,
    SubscribeOp,
    Subscriber,
    Topology,
)
from meshsim.trace.records import Record


def began(records: Sequence[Record]) -> list[tuple[int, str]]:
    """Number and kind of each operation, as they began."""
    return [(started.index, started.operation) for started in found(records, OperationStarted)]


def ended(records: Sequence[Record]) -> list[tuple[int, str, str | None]]:
    """Number, kind and error of each operation, as they ended."""
    return [(end.index, end.operation, end.error) for end in found(records, OperationEnded)]


def test_a_topology_is_brought_up_one_after_the_other() -> None:
    """Procs before actors before subscribers, as they are written; each waits until the one before is over."""
    topology = Topology(
        clients=["client", "observer"],
        procs=[Procs(name="a"), Procs(name="b", by="observer")],
        actors=[Actors(name="x", procs="b"), Actors(name="y", procs="a")],
        subscribers=[Subscriber(mesh="x", by="observer")],
    )

    records = run_sim(plan(Scenario(name="topology", horizon=at(5), topology=topology), 0)).records

    labels = [(type(note), note.label) for note in found(records, OperationStarted | OperationEnded)]  # type: ignore[arg-type]
    order = [(kind, label) for label in ["a", "b", "x", "y", "x"] for kind in (OperationStarted, OperationEnded)]
    assert labels == order
    assert [end.error for end in found(records, OperationEnded)] == [None] * 5


def test_operations_without_a_time_follow_bring_up_and_each_other() -> None:
    """The stop waits for the query, however long that takes."""
    operations = [QueryOp(mesh="trainer"), StopActorsOp(mesh="trainer"), QueryOp(mesh="trainer")]

    records = run_sim(mesh(operations=operations, horizon_s=5)).records

    kinds = ["spawn_procs", "spawn_actors", "query_mesh", "stop_actors", "query_mesh"]
    assert ended(records) == [(index, kind, None) for index, kind in enumerate(kinds)]
    assert [end.result for end in found(records, OperationEnded)][3:] == ["Stopped=0..2", "Stopped; Stopped=0..2"]


def test_an_operation_with_a_time_is_done_then_whatever_else_goes_on() -> None:
    """It waits for no other; what is written before it, without a time, is done as soon as the mesh is there."""
    operations = [QueryOp(mesh="trainer"), StopActorsOp(mesh="trainer", at=at(4)), CastOp(mesh="trainer", at=at(2))]

    records = run_sim(mesh(operations=operations, horizon_s=5)).records

    assert began(records)[2:] == [(2, "query_mesh"), (4, "cast_to"), (3, "stop_actors")]
    assert [record.at for record in records if isinstance(record.what, OperationStarted)][3:] == [at(2), at(4)]


def test_an_operation_without_a_time_follows_the_one_before_it_even_if_that_has_one() -> None:
    """Written below "at 2 s", it is done then, not at the start."""
    operations = [SpawnProcsOp(name="more", at=at(2)), SpawnActorsOp(name="late", procs="more"), QueryOp(mesh="late")]

    records = run_sim(mesh(operations=operations, horizon_s=5)).records

    assert ended(records)[2:] == [(2, "spawn_procs", None), (3, "spawn_actors", None), (4, "query_mesh", None)]
    ends = [record.at for record in records if isinstance(record.what, OperationEnded)]
    starts = [record.at for record in records if isinstance(record.what, OperationStarted)]
    assert starts[3:] == ends[2:4]


def test_a_time_before_the_end_of_bring_up_is_put_off_until_then() -> None:
    """The mesh that it is about has to be there."""
    records = run_sim(mesh(operations=[QueryOp(mesh="trainer", at=at(0.001))], horizon_s=1)).records

    assert ended(records) == [(0, "spawn_procs", None), (1, "spawn_actors", None), (2, "query_mesh", None)]


def test_meshes_may_be_spawned_and_stopped_by_operations() -> None:
    """The references come from what the trace said was spawned."""
    operations = [
        SpawnProcsOp(name="more", per_host={"gpus": 3}),
        SpawnActorsOp(name="extra", procs="more"),
        StopProcsOp(procs="more"),
    ]

    records = run_sim(mesh(operations=operations, horizon_s=40)).records

    spawned = {spawn.label: len(spawn.members) for spawn in found(records, MeshSpawned)}
    assert spawned == {"workers": 2, "trainer": 2, "more": 3, "extra": 3}
    assert ended(records)[2:] == [(2, "spawn_procs", None), (3, "spawn_actors", None), (4, "stop_procs", None)]


def test_an_actor_may_do_it_itself() -> None:
    """`by` names who: an actor of a mesh begins it in its own process."""
    subscribe = SubscribeOp(mesh="trainer", by="trainer[1]", at=at(1))

    records = run_sim(mesh(operations=[subscribe], horizon_s=3)).records

    begun = [record for record in records if isinstance(record.what, OperationStarted)]
    assert [(record.node, record.what.operation) for record in begun[2:]] == [("host0/workers_1", "subscribe_to")]


def test_an_operation_on_a_mesh_that_failed_to_spawn_is_not_begun() -> None:
    """Its end is recorded with the reason, and the next operation has its turn."""
    operations = [QueryOp(mesh="trainer"), CastOp(mesh="trainer"), EndOp(by="trainer[0]")]
    fault = InitFails(target="trainer[0]", text="no luck")

    records = run_sim(mesh(operations=operations, faults=[fault], horizon_s=60)).records

    spawn, *rest = ended(records)[1:]
    assert spawn[2] is not None
    assert rest == [
        (2, "query", "not begun: trainer was not spawned"),
        (3, "cast", "not begun: trainer was not spawned"),
        (4, "end", "not begun: trainer[0] does not exist"),
    ]


def test_a_client_that_is_gone_begins_nothing() -> None:
    """Killed before: the operations end without having begun, in the same instant."""
    operations = [QueryOp(mesh="trainer", at=at(3)), CastOp(mesh="trainer", by="observer", at=at(4))]
    fault = Signal(target="client", signal="SIGKILL", at=at(2))

    records = run_sim(mesh(clients=["observer"], operations=operations, faults=[fault], horizon_s=5)).records

    assert ended(records)[2:] == [(2, "query", "not begun: the process of client is gone"), (3, "cast_to", None)]


def test_a_stalled_client_begins_when_it_goes_on() -> None:
    """What the scenario says to it waits at its door, as everything else."""
    operations = [QueryOp(mesh="trainer", at=at(3))]
    fault = Stall(target="client", at=at(2), for_=at(5))

    records = run_sim(mesh(operations=operations, faults=[fault], horizon_s=9)).records

    assert [record.at for record in records if isinstance(record.what, OperationStarted)][2:] == [at(7)]


def test_bring_up_that_never_ends_holds_everything_back() -> None:
    """The host dies in the first spawn; the client waits for it beyond the horizon."""
    operations = [QueryOp(mesh="trainer", at=at(1))]
    fault = HostCrash(target="host0", at=at(0.001))

    records = run_sim(mesh(operations=operations, faults=[fault], horizon_s=10)).records

    assert (began(records), ended(records)) == ([(0, "spawn_procs")], [])
