"""How many messages a poll and a spawn cost, counted in traces (supervision.md 14.5).

n ranks, h hosts, s subscribers. What a message is for is told by its type and by who sent it; whatever is left over
is a message that the table does not have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import product

import pytest
from small_worlds import at, found, run_sim

from meshsim.faults.kinds import Fault, Raise, Signal
from meshsim.model.ids import COMM, HOST_AGENT, PROC_AGENT
from meshsim.model.messages import Envelope, RankStatus
from meshsim.model.notes import LocalDelivery, PollEnded, PollStarted
from meshsim.scenario.plan import plan
from meshsim.scenario.schema import Actors, Procs, Scenario, Subscriber, Topology
from meshsim.trace.records import Record

#: Hosts, procs on each by dimension, subscribers.
SHAPES = [(1, {}, 0), (1, {"gpus": 4}, 1), (3, {}, 2), (2, {"gpus": 3}, 3), (2, {"rows": 2, "columns": 3}, 1)]
NAMES = ["one rank", "one host", "one proc each", "two dimensions", "three dimensions"]

Shape = tuple[int, dict[str, int], int]


def run(shape: Shape, *faults: Fault) -> list[Record]:
    """`trainer` on all procs, polled every 10 s; the whole of three polls."""
    hosts, per_host, subscribers = shape
    observers = [f"observer{number}" for number in range(subscribers)]
    topology = Topology(
        hosts=hosts,
        clients=["client", *observers],
        procs=[Procs(name="workers", per_host=per_host)],
        actors=[Actors(name="trainer", procs="workers")],
        subscribers=[Subscriber(mesh="trainer", by=observer) for observer in observers],
    )
    return run_sim(plan(Scenario(name="counts", horizon=at(35), topology=topology, faults=list(faults)), 0)).records


def depths(hosts: int, per_host: Mapping[str, int]) -> list[int]:
    """How far from the root of the tree each rank is: one hop for each dimension in which it is not first."""
    return [sum(place > 0 for place in point) for point in product(range(hosts), *map(range, per_host.values()))]


def delivered(records: Sequence[Record]) -> Iterator[Envelope]:
    """Messages between processes and inside them; delayed ones to oneself left out."""
    for record in records:
        what = record.what.envelope if isinstance(record.what, LocalDelivery) else record.what
        if isinstance(what, Envelope) and what.sender != what.dest:
            yield what


def messages(records: Sequence[Record], since: int, until: int) -> Counter[str]:
    """Messages that were delivered between two records, by what they are."""
    return Counter(_name(envelope) for envelope in delivered(records[since:until]))


def _name(envelope: Envelope) -> str:
    kind = type(envelope.message).__name__
    of_host = any(f",{HOST_AGENT}[" in end for end in (envelope.sender, envelope.dest))
    return f"{kind} of hosts" if of_host else kind


def poll(records: Sequence[Record], number: int) -> Counter[str]:
    """The messages of one poll, with those that tell of it."""
    starts = [record.seq for record in records if isinstance(record.what, PollStarted)]
    return messages(records, starts[number], starts[number + 1])


def fates(records: Sequence[Record]) -> list[str]:
    return [ended.outcome for ended in found(records, PollEnded)]


def expected(shape: Shape) -> Counter[str]:
    """The table's rows `proc states`, `keepalive cast` and `actor replies`."""
    hosts, per_host, _ = shape
    depth = depths(hosts, per_host)
    ranks = len(depth)
    return Counter(
        {
            "GetState of hosts": ranks,
            "StateReply of hosts": ranks,
            "CastMessage": 1,
            "ForwardMessage": ranks - 1,
            "KeepaliveGetState": ranks,
            "StateReply": sum(each + 2 for each in depth),
        }
    )


@pytest.mark.parametrize("shape", SHAPES, ids=NAMES)
def test_a_healthy_poll_costs_what_the_table_says(shape: Shape) -> None:
    """n + n to and from hosts, 1 + (n - 1) + n for the cast, every reply through the tree, s heartbeats, no more."""
    records = run(shape)

    assert fates(records) == ["healthy"] * 3
    assert poll(records, 1) == expected(shape) + Counter({"MeshFailed": shape[2]})


@pytest.mark.parametrize("shape", SHAPES, ids=NAMES)
def test_a_rank_that_failed_is_told_to_the_owner_and_to_each_subscriber(shape: Shape) -> None:
    """Instead of the heartbeats: 1 + s. The poll itself costs the same."""
    records = run(shape, Raise(target="trainer[0]", at=at(15)))

    assert fates(records)[1] == "changed"
    told = messages(records, _seq_of_start(records, 1), len(records))
    assert told["MeshFailed"] == 1 + shape[2]
    if len(depths(*shape[:2])) > 1:  # A mesh of one rank is not polled any more.
        assert poll(records, 1) == expected(shape) + Counter({"MeshFailed": 1 + shape[2]})


@pytest.mark.parametrize("shape", SHAPES, ids=NAMES)
def test_a_poll_that_finds_a_dead_proc_casts_nothing(shape: Shape) -> None:
    """n + n + s, and 1 to the owner."""
    ranks = len(depths(*shape[:2]))
    records = run(shape, Signal(target=f"workers[{ranks - 1}]", signal="SIGKILL", at=at(15)))

    assert fates(records)[1] == "proc_dead"
    assert poll(records, 1) == Counter(
        {"GetState of hosts": ranks, "StateReply of hosts": ranks, "MeshFailed": 1 + shape[2]}
    )


def _seq_of_start(records: Sequence[Record], number: int) -> int:
    return [record.seq for record in records if isinstance(record.what, PollStarted)][number]


@pytest.mark.parametrize("shape", SHAPES, ids=NAMES)
def test_a_spawn_costs_what_the_table_says(shape: Shape) -> None:
    """Procs: n + n to the hosts and n replies. Their comm actors, without a tree yet: the same, and n configurations.

    Actors: two casts; n overlays enter the tree, and what comes out at the top was merged on the way.
    """
    ranks = len(depths(*shape[:2]))
    records = run(shape)
    spawn = messages(records, 0, _seq_of_start(records, 0))

    assert [spawn[f"{kind} of hosts"] for kind in ("CreateOrUpdate", "GetRankStatus", "RankStatus")] == [ranks] * 3
    assert (spawn["CommMeshConfig"], spawn["CastMessage"], spawn["ForwardMessage"]) == (ranks, 2, 2 * (ranks - 1))
    assert (spawn["CreateOrUpdate"], spawn["GetRankStatus"]) == (2 * ranks, 2 * ranks)


@pytest.mark.parametrize("shape", SHAPES, ids=NAMES)
def test_overlays_of_a_spawn_are_merged_on_their_way(shape: Shape) -> None:
    """n leave the agents; the root of the tree tells the client in fewer, as soon as there is anything to merge."""
    ranks = len(depths(*shape[:2]))
    ends = [(each.sender, each.dest) for each in delivered(run(shape)) if isinstance(each.message, RankStatus)]
    entered = [sender for sender, dest in ends if f",{PROC_AGENT}[" in sender and f",{COMM}-" in dest]
    told = [dest for sender, dest in ends if f",{COMM}-" in sender and f",{COMM}-" not in dest]

    assert len(entered) == ranks
    assert 1 <= len(told) <= ranks
    assert len(told) < ranks or ranks <= 3
