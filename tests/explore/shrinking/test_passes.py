"""The ways to make a scenario smaller, each alone: what it proposes, and that proposing comes to an end."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest
from small_worlds import at, mesh

from meshsim.explore.shrinking.passes import PASSES, Pass, dropping, fates, rounding, simpler, sizes
from meshsim.explore.shrinking.shrinker import Shrinker, planned
from meshsim.faults.kinds import (
    DeliveryTimeout,
    Exit,
    Fault,
    Hang,
    HostCrash,
    JitterFault,
    Loss,
    Partition,
    PowerCycle,
    Raise,
    Repeat,
    Signal,
    Stall,
)
from meshsim.run import run_plan
from meshsim.scenario.decisions import Fate, First, Takes, Withheld
from meshsim.scenario.from_plan import scenario_of
from meshsim.scenario.plan import Plan
from meshsim.scenario.schema import Actors, Network, Procs, Scenario, Slice, StopActorsOp, Subscriber, Topology
from meshsim.trace.records import MessageLost
from meshsim.units import Duration


def world(*faults: Fault, **keys: object) -> Scenario:
    return scenario_of(mesh(faults=list(faults), **keys))


def test_halves_are_left_out_before_single_things() -> None:
    assert list(dropping.shorter("abcd")) == [
        *([], ["c", "d"], ["a", "b"]),
        *(["b", "c", "d"], ["a", "c", "d"], ["a", "b", "d"], ["a", "b", "c"]),
    ]


def test_who_is_dropped_takes_everything_along_that_names_him() -> None:
    topology = Topology(
        clients=["client", "left"],
        procs=[Procs(name="workers", per_host={"gpus": 2})],
        slices=[Slice(name="upper", mesh="workers", range={"gpus": "1.."})],
        actors=[Actors(name="trainer", procs="workers"), Actors(name="helper", procs="upper")],
        subscribers=[Subscriber(mesh="trainer", by="left"), Subscriber(mesh="helper", by="client")],
    )
    scenario = Scenario(
        name="two",
        horizon=at(9),
        topology=topology,
        operations=[StopActorsOp(mesh="trainer", at=at(5)), StopActorsOp(mesh="helper", at=at(6))],
        faults=[Raise(target="trainer[1]", at=at(2)), Raise(target="helper[0]", at=at(3))],
        decisions=[Takes(node="host0/workers_1", actor="trainer[1]", queue="work")],
    )

    without_helper, without_trainer, without_slice, without_workers = dropping.meshes(scenario)
    (without_left,) = dropping.clients(scenario)

    # Last things first: actors in the order behind their slices, which are behind their procs.
    helper, trainer = without_helper, without_trainer
    assert [actors.name for actors in helper.topology.actors] == ["trainer"]
    assert (len(helper.operations), len(helper.faults), len(helper.decisions)) == (1, 1, 1)
    assert [actors.name for actors in trainer.topology.actors] == ["helper"]
    assert (len(trainer.operations), len(trainer.faults), len(trainer.decisions)) == (1, 1, 0)
    assert (without_slice.topology.slices, len(without_slice.topology.actors)) == ([], 1)
    assert without_workers.topology.procs == []
    assert [subscriber.by for subscriber in without_left.topology.subscribers] == ["client"]
    for candidate in (helper, trainer, without_left):
        planned(candidate)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["workers[3]"], ["workers[1]"]),
        (["workers[0]", "workers[3]"], ["workers[0]", "workers[1]"]),
        (["trainer[2]", "host1"], ["trainer[0]", "host0"]),
        (["trainer[1]", "workers[1]"], ["trainer[1]", "workers[1]"]),
    ],
    ids=["the last", "one on each host", "an actor and its host", "both on the first"],
)
def test_on_one_host_everybody_has_a_place(before: list[str], after: list[str]) -> None:
    """A rank keeps its place on its host; hosts that are used become one."""
    scenario = world(*(Exit(target=target, at=at(9)) for target in before), hosts=2)

    one = next(sizes.hosts(scenario))

    assert (one.topology.hosts, [fault.target for fault in one.faults]) == (1, after)
    planned(one)


def test_with_fewer_procs_processes_and_labels_have_other_numbers_too() -> None:
    scenario = msgspec.structs.replace(
        world(Raise(target="trainer[5]", at=at(9)), hosts=2, per_host=3),
        decisions=[
            Takes(node="host1/workers_2", actor="trainer[5]", queue="work"),
            First(at=at(9), what="get_state client -> host1/workers_2", before="look host1 poll"),
        ],
    )

    one, two = sizes.ranks(scenario)

    assert (one.faults[0].target, two.faults[0].target) == ("trainer[1]", "trainer[2]")
    takes, first = one.decisions
    assert takes == Takes(node="host1/workers_0", actor="trainer[1]", queue="work")
    assert first == First(at=at(9), what="get_state client -> host1/workers_0", before="look host1 poll")
    planned(one)
    planned(two)


@pytest.mark.parametrize(
    ("fault", "plainest"),
    [
        (HostCrash(target="host0", at=at(9)), Signal(target="host0", at=at(9), signal="SIGKILL")),
        (Exit(target="workers[1]", at=at(9), code=4), Signal(target="workers[1]", at=at(9), signal="SIGKILL")),
        (PowerCycle(target="host0", at=at(9), for_=at(5)), Signal(target="host0", at=at(9), signal="SIGKILL")),
        (Partition(target="host0", at=at(9), for_=at(5)), Loss(target="host0", at=at(9), for_=at(5))),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_plainer_kinds_strike_whom_the_others_struck(fault: Fault, plainest: Fault) -> None:
    candidate = next(simpler.kinds_of_faults(world(fault)))

    assert candidate.faults == [plainest]
    planned(candidate)


def test_no_kind_is_plainer_than_itself() -> None:
    """From a kind to the plainer ones and on comes to an end."""
    scenario = world(PowerCycle(target="host0", at=at(9), for_=at(5)))
    seen: list[type] = []
    while (candidate := next(simpler.kinds_of_faults(scenario), None)) is not None:
        seen.append(type(candidate.faults[0]))
        scenario = candidate

    assert len(seen) == len(set(seen))


def test_groups_and_repetitions_come_apart() -> None:
    fault = Exit(targets=["workers[0]", "workers[1]"], at=at(9), repeat=Repeat(times=5, every=Duration(10)))

    candidates = [candidate.faults[0] for candidate in simpler.groups(world(fault))]

    assert [each.target for each in candidates[:2]] == ["workers[0]", "workers[1]"]
    assert [each.repeat for each in candidates[3:]] == [Repeat(times=times, every=Duration(10)) for times in (2, 4)]


def test_times_are_rounded_to_the_coarsest_grid_first() -> None:
    scenario = world(Raise(target="trainer[0]", at=at(12.345)))

    tried = [candidate.faults[0].at for candidate in rounding.times(scenario)]

    assert tried[:5] == [at(60), at(10), at(20), at(10), at(15)]
    assert tried[-2:] == [at(12.34), at(12.35)]
    assert list(rounding.times(world(Raise(target="trainer[0]", at=at(60)), horizon_s=99))) == []


def test_durations_only_become_shorter() -> None:
    scenario = world(Hang(target="trainer[0]", at=at(9), for_=at(7.25)), Stall(target="host0", at=at(9)))

    tried = [candidate.faults[0].for_ for candidate in rounding.durations(scenario)]

    assert tried[0] == at(0.001)
    assert all(isinstance(each, Duration) and each < at(7.25) for each in tried)


def test_what_a_fault_drew_becomes_messages_with_fates() -> None:
    """The same messages are lost, and no fault is left that draws."""
    scenario = world(Loss(target="host0", at=at(9), for_=at(20), share=0.3), Raise(target="trainer[0]", at=at(12)))

    (singled,) = fates.singled_out(scenario)

    assert [type(fault) for fault in singled.faults] == [Raise]
    assert singled.decisions
    assert all(isinstance(each, Fate) and each.lost for each in singled.decisions)
    assert _lost(singled) == _lost(scenario) != []


def test_what_a_fault_withheld_becomes_messages_that_are() -> None:
    """Nothing is left that draws."""
    scenario = world(DeliveryTimeout(target="host0", at=at(3), share=0.5), hosts=2)

    (singled,) = fates.singled_out(scenario)

    assert singled.faults == []
    assert singled.decisions
    assert all(isinstance(each, Withheld) for each in singled.decisions)


def test_what_draws_nothing_is_left_alone() -> None:
    assert list(fates.singled_out(world(Loss(target="host0", at=at(9))))) == []
    assert list(fates.singled_out(world(JitterFault(target="host0", at=at(9), by=at(0.1))))) != []
    assert list(fates.singled_out(world(network=Network(loss=0.1)))) != []
    # When it ends, what it withheld is on its way again: no message alone can do that.
    assert list(fates.singled_out(world(DeliveryTimeout(target="host0", at=at(3), share=0.5, for_=at(9))))) == []


def test_a_loss_by_chance_shrinks_to_the_one_message_that_matters() -> None:
    """A loss of everything loses more than was lost, so it is no way out: one message with a fate is."""
    scenario = world(Loss(target="host0", at=at(9), for_=at(20), share=0.6))
    before = Counter(_lost(scenario))

    def loses_one_of_them(plan: Plan) -> bool:
        lost = Counter(_lost(scenario_of(plan)))
        return bool(lost) and lost <= before

    small = Shrinker(loses_one_of_them).shrink(scenario).scenario

    assert (before.total() > 1, small.faults, len(small.decisions)) == (True, [], 1)


@pytest.mark.parametrize("each", PASSES, ids=lambda each: each.name)
def test_every_pass_comes_to_an_end(each: object) -> None:
    """Taking every candidate that is a scenario leads to one for which there is no other."""
    scenario = msgspec.structs.replace(
        world(
            PowerCycle(target="host0", at=at(9.5), for_=at(5.5)),
            Loss(target="host0", at=at(9), for_=at(20), share=0.3, with_=["client"]),
            Exit(targets=["workers[0]", "workers[1]"], at=at(9), repeat=Repeat(times=5, every=Duration(10))),
            hosts=3,
            clients=("left",),
            network=Network(jitter=Duration(1_000_000)),
        ),
        operations=[StopActorsOp(mesh="trainer", at=at(33.3))],
    )

    small = Shrinker(lambda _: True, runs_max=500).shrink(scenario, [each])  # type: ignore[list-item]

    assert small.is_minimal


def _lost(scenario: Scenario) -> list[tuple[int, str]]:
    records = run_plan(planned(scenario), "sim").records
    return [(record.at, record.what.envelope.dest) for record in records if isinstance(record.what, MessageLost)]


def test_passes_that_undo_each_other_come_to_an_end() -> None:
    """Nothing that was left behind is come back to."""
    there = world(Raise(target="trainer[0]", at=at(5)))
    back = world(Raise(target="trainer[0]", at=at(6)))
    swap = Pass("swap", lambda scenario: iter([back if scenario == there else there]))

    small = Shrinker(lambda _: True).shrink(there, [swap])

    assert (small.scenario, small.runs, small.steps) == (back, 2, ("swap",))
