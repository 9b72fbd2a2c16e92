"""Decisions: what a run made of luck or of an order of its own, as data that makes the same run without either."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from msgspec import UNSET
from small_worlds import at, found, mesh, run_sim

from meshsim.drive.agenda import Entry
from meshsim.drive.conductor import Conductor
from meshsim.drive.deciding import NotedOrder, made_decisions
from meshsim.faults.kinds import Abort, DeliveryTimeout, Duplication, Fault, Hang, JitterFault, Loss, Raise, Reordering
from meshsim.model.actors.registry import default_program
from meshsim.model.messages import Envelope
from meshsim.model.notes import EventRecorded, QueueTaken
from meshsim.model.tags import tag_of
from meshsim.run import run_plan
from meshsim.run.execute import brief_of
from meshsim.run.program import program_of
from meshsim.scenario.decisions import Decision, Fate, First, Takes, Withheld
from meshsim.scenario.load import load_scenarios
from meshsim.scenario.plan import Plan, decode_plan, encode_plan, plan
from meshsim.sim import SimBackend
from meshsim.trace.records import DecisionTaken, Diverted, FaultStruck, MessageLost, MessageReturned, Record
from meshsim.units import MS, Duration, S

BOTH_READY: list[Fault] = [
    Hang(target="trainer[0]", at=at(3), for_=at(2)),
    Abort(target="trainer[0]", reason="x", at=at(4)),
    Raise(target="trainer[0]", text="boom", at=at(4)),
]
CHANCE: list[Fault] = [
    *BOTH_READY,
    Loss(target="*", at=at(5), share=0.1),
    JitterFault(target="host1", at=at(5), by=Duration(30 * MS)),
    Reordering(target="client", at=at(5), window=Duration(20 * MS)),
    Duplication(target="host0", at=at(6), share=0.3),
    DeliveryTimeout(target="client", at=at(3.9), share=0.5, for_=at(5)),
]


class Lots:
    """Draws who goes first."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def choose(self, at_ns: int, entries: Sequence[Entry]) -> int:
        return self._random.randrange(len(entries))


def by_luck(plan: Plan, seed: int) -> tuple[list[Record], tuple[Decision, ...]]:
    """A run that leaves everything to chance, and what it decided."""
    backend, order = SimBackend(default_program()), NotedOrder(Lots(seed))
    conductor = Conductor(msgspec.structs.replace(plan, seed=seed, seeded_choices=True), backend, order)
    conductor.network.note_fates()
    conductor.run()
    return conductor.records, made_decisions(conductor, backend, order)


def told(records: Sequence[Record]) -> list[tuple[int, str, object]]:
    """A trace without what it says of decisions and plans."""
    return [
        (each.at, each.node, each.what) for each in records[1:] if type(each.what) not in (DecisionTaken, QueueTaken)
    ]


def decided(plan: Plan, *decisions: Decision) -> Plan:
    return msgspec.structs.replace(plan, decisions=decisions)


@pytest.mark.parametrize("seed", range(8))
def test_the_decisions_of_a_run_make_the_same_run_without_chance(seed: int) -> None:
    """Orders, queues and fates: each comes up, and nothing else differs; saved plans too."""
    plan = mesh(hosts=2, horizon_s=20, faults=CHANCE, clients=["other"])
    records, decisions = by_luck(plan, seed)

    again = decode_plan(encode_plan(decided(msgspec.structs.replace(plan, seed=seed), *decisions)))
    repeated = run_sim(again)

    assert {First, Fate, Withheld} <= {type(decision) for decision in decisions}
    assert told(repeated.records) == told(records)
    taken = found(repeated.records, DecisionTaken), found(repeated.records, QueueTaken)
    assert sorted(each.decision for kind in taken for each in kind) == list(range(len(decisions)))


def test_fates_stand_for_the_faults_that_drew_them() -> None:
    """Without its faults of the network a run with their decisions is the same, but for the records of those faults."""
    network = [fault for fault in CHANCE if isinstance(fault, Loss)]
    plan = mesh(hosts=2, horizon_s=20, faults=network)
    backend = SimBackend(default_program())
    conductor = Conductor(plan, backend)
    conductor.network.note_fates()
    conductor.run()

    plain = decided(msgspec.structs.replace(plan, faults=()), *made_decisions(conductor, backend, None))
    lost = [
        (each.at, tag_of(each.what.envelope.message)) for each in conductor.records if type(each.what) is MessageLost
    ]

    again = run_sim(plain).records
    assert lost
    assert [(each.at, tag_of(each.what.envelope.message)) for each in again if type(each.what) is MessageLost] == lost


@pytest.mark.parametrize(
    ("near", "far", "share"), [("client", "host1", 0.4), ("host0", "workers[0]", 0.9)], ids=["to a host", "from a host"]
)
def test_what_a_fault_withheld_is_withheld_without_it(near: str, far: str, share: float) -> None:
    """On either hop of the way to a proc; it comes back when its channel gives up."""
    fault = DeliveryTimeout(target=near, to=[far], one_way=True, at=at(4), share=share)
    plan = mesh(hosts=2, horizon_s=20, faults=[fault], config={"message_delivery_timeout": "3s"})
    backend = SimBackend(default_program())
    conductor = Conductor(plan, backend)
    conductor.network.note_fates()
    conductor.run()
    decisions = made_decisions(conductor, backend, None)

    plain = run_sim(decided(msgspec.structs.replace(plan, faults=()), *decisions))

    assert decisions
    assert {type(each) for each in decisions} == {Withheld}
    assert {each.src for each in decisions} == {near}
    assert found(plain.records, MessageReturned)
    assert told(plain.records) == [each for each in told(conductor.records) if type(each[2]) is not FaultStruck]


def test_a_message_passes_though_a_fault_withholds_all() -> None:
    """And the fault is what it was to all others."""
    fault = DeliveryTimeout(target="host0", at=at(3), message="get_state")
    plan = mesh(horizon_s=8, faults=[fault])
    asked = [r.at for r in run_sim(mesh(horizon_s=8)).records if is_question(r)]
    before, first = [at_ns for at_ns in asked if at_ns < 3 * S], min(at_ns for at_ns in asked if at_ns > 3 * S)
    passes = Withheld(at=Duration(first - MS), src="client", dst="host0", message="get_state", passes=True)

    records = run_sim(decided(plan, passes)).records

    assert [r.at for r in run_sim(plan).records if is_question(r)] == before
    assert [r.at for r in records if is_question(r)] == [*before, first]
    assert found(records, DecisionTaken) == [DecisionTaken(0, "get_state client -> host0 not withheld", UNSET)]


def is_question(record: Record) -> bool:
    return type(record.what) is Envelope and tag_of(record.what.message) == "get_state" and record.node == "host0"


def test_what_distances_drew_is_decided_too() -> None:
    """Between simulated procs of one process, whose places are far apart: the same times with another stream."""
    scenario = Path(__file__).parents[2] / "scenarios" / "fast" / "simulated-procs-are-far-apart.toml"
    planned = plan(load_scenarios(scenario)[0], 0)
    backend = SimBackend(program_of(planned))
    conductor = Conductor(planned, backend)
    conductor.network.note_fates()
    conductor.run()
    decisions = made_decisions(conductor, backend, None)

    backend = SimBackend(program_of(planned))
    again = Conductor(decided(planned, *decisions), backend)
    again.network._between_places = Random(7)
    again.run()

    assert {type(each) for each in decisions} == {Fate}
    assert told(again.records) == told(conductor.records)


def test_an_actor_takes_what_it_is_told() -> None:
    """Its own signal and a message are there at once: by default it takes the signal."""
    plan = mesh(horizon_s=8, faults=BOTH_READY)
    takes = Takes(node="host0/workers_0", actor="trainer[0]", queue="work")

    (by_default,) = found(run_sim(plan).records, EventRecorded)
    records = run_sim(decided(plan, takes)).records
    (told_so,) = found(records, EventRecorded)

    assert by_default.text == "failed: actor explicitly aborted due to: x"
    assert told_so.text == "failed: boom"
    assert [(each.queue, each.decision) for each in found(records, QueueTaken)] == [("work", 0)]


def test_one_message_is_late_and_one_comes_twice() -> None:
    """Each at its own time, all others as ever."""
    plan = mesh(horizon_s=8)
    polls = [r for r in run_sim(plan).records if type(r.what) is Envelope and tag_of(r.what.message) == "get_state"]
    first, second = polls[0], polls[1]
    link = {"src": "client", "dst": first.node, "message": "get_state"}
    sent = Duration(first.at - MS)
    late = Fate(at=sent, delay=Duration(5 * MS), **link)
    twice = Fate(at=sent, copies=[Duration(7 * MS)], **link)

    def arrivals(decision: Decision) -> list[int]:
        records = run_sim(decided(plan, decision)).records
        return [r.at for r in records if type(r.what) is Envelope and r.what == first.what]

    assert first.node == second.node or second.at >= first.at
    assert arrivals(late) == [first.at + 5 * MS]
    assert arrivals(twice) == [first.at, first.at + 7 * MS]


@pytest.mark.parametrize(
    ("fate", "kind", "takes_ns"),
    [
        ({"delay": Duration(5 * MS)}, "latency", 5 * MS),
        ({"delay": Duration(5 * MS), "overtakes": Duration(2 * MS)}, "reordering", 7 * MS),
        ({"delay": Duration(5 * MS), "copies": [Duration(MS), Duration(3 * MS)]}, "duplication", 8 * MS),
        ({"lost": True}, "loss", 0),
    ],
)
def test_the_trace_says_what_became_of_a_message(fate: dict[str, Any], kind: str, takes_ns: int) -> None:
    """Who judges a trace must know what no supervisor could: the network was not what it is."""
    plan = mesh(horizon_s=8)
    asked = next(r for r in run_sim(plan).records if type(r.what) is Envelope and tag_of(r.what.message) == "get_state")
    sent = asked.at - MS

    records = run_sim(
        decided(plan, Fate(at=Duration(sent), src="client", dst=asked.node, message="get_state", **fate))
    ).records

    (taken,) = found(records, DecisionTaken)
    assert taken.diverted == Diverted(kind, f"client -> {asked.node}", sent + takes_ns)


def test_the_trace_says_that_a_message_was_withheld() -> None:
    """As long as its channel waits for it, the way is cut."""
    plan = mesh(horizon_s=8, config={"message_delivery_timeout": "2s"})
    asked = next(r for r in run_sim(plan).records if is_question(r))
    sent = asked.at - MS

    records = run_sim(
        decided(plan, Withheld(at=Duration(sent), src="client", dst="host0", message="get_state"))
    ).records

    (taken,) = found(records, DecisionTaken)
    assert taken.diverted == Diverted("delivery_timeout", "client -> host0", sent + 2 * S)
    assert [record.at for record in records if type(record.what) is MessageReturned] == [sent + 2 * S]


def test_both_worlds_decide_alike() -> None:
    """Real processes are driven by the same conductor, and told the same choices."""
    plan = mesh(hosts=2, horizon_s=12, faults=CHANCE)
    _, decisions = by_luck(plan, 3)

    sim, lockstep = (run_plan(decided(plan, *decisions), backend) for backend in ("sim", "lockstep"))

    assert sim.digest == lockstep.digest


@pytest.mark.parametrize(
    "decision",
    [
        First(at=at(4), what="get_state client -> host0", before="nothing of that name"),
        Takes(node="host0/workers_0", actor="trainer[0]", choice=7, queue="work"),
        Fate(at=at(4), src="client", dst="host0", message="get_state", lost=True),
        Withheld(at=at(4), src="client", dst="host0", message="get_state"),
    ],
)
def test_a_decision_that_never_comes_up_is_not_passed_over(decision: Decision) -> None:
    """The run is not the one that was asked for."""
    result = run_plan(decided(mesh(horizon_s=8), decision), "sim")

    assert brief_of(result.plan).decisions == 1
    assert (result.verdict.outcome, result.verdict.reason) == ("inconclusive", "decisions[0] never came up")


def test_a_plan_without_decisions_says_nothing_of_them() -> None:
    """Digests of plans stay what they were."""
    plan = mesh()

    assert plan.decisions is UNSET
    assert b"decisions" not in encode_plan(plan)
