"""What the oracle knows of faults of the network and of clocks, from the trace alone."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from small_worlds import at
from trace_builder import NODES, TRAINERS, TraceBuilder

from meshsim.faults.kinds import (
    DeliveryTimeout,
    JitterFault,
    Latency,
    LinkFault,
    Loss,
    Partition,
    Reordering,
)
from meshsim.model.config import Config
from meshsim.model.events import ClockSet
from meshsim.model.ids import Node
from meshsim.model.tags import tag_of
from meshsim.oracle.bounds import FOREVER_NS
from meshsim.oracle.world import World
from meshsim.trace.directory import Directory
from meshsim.trace.records import DecisionTaken, Diverted, FaultEnded, FaultStruck
from meshsim.units import MS, S

CLIENT, OBSERVER, HOST0, HOST1 = map(Node, ("client", "observer", "host0", "host1"))
#: D of these worlds.
CONFIG = Config.of({**Config.of({}).values(), "HYPERACTOR_MESSAGE_DELIVERY_TIMEOUT": 30 * S})


def world_after(
    *faults: tuple[float, FaultStruck | FaultEnded | DecisionTaken], plan: Sequence[LinkFault] = ()
) -> World:
    trace = TraceBuilder().bring_up()
    for when, fault in faults:
        trace.add(fault, at=when)
    records = trace.end(100)
    world = World(CONFIG, Directory.of(records), records, plan)
    for record in records:
        handler = world.handlers.get(type(record.what))
        if handler is not None:
            handler(record)
    return world


def cut(sides: str, start: float = 10, end: float = 20, kind: str = "partition") -> World:
    return world_after((start, FaultStruck(0, kind, sides)), (end, FaultEnded(0, kind, sides)))


@pytest.mark.parametrize(
    ("sides", "pairs"),
    [
        ("client <-> host1", {(CLIENT, HOST1), (CLIENT, NODES[1])}),
        ("client -> host1", {(CLIENT, HOST1), (CLIENT, NODES[1])}),
        ("workers[1] <-> *", {(NODES[1], each) for each in (CLIENT, OBSERVER, HOST0, HOST1, NODES[0])}),
        ("host0, host1 <-> *", {(n, each) for n in (HOST0, HOST1, *NODES) for each in (CLIENT, OBSERVER)}),
    ],
)
def test_a_cut_is_between_its_sides(sides: str, pairs: set[tuple[Node, Node]]) -> None:
    """Either way: an answer that is lost is as bad as a question."""
    world = cut(sides)
    nodes = (CLIENT, OBSERVER, HOST0, HOST1, *NODES)

    assert {(a, b) for a in nodes for b in nodes if world.cut_between(a, b, 0)} == pairs | {(b, a) for a, b in pairs}


def test_a_cut_counts_until_it_is_over() -> None:
    world = cut("client <-> host1")

    assert [world.cut_between(CLIENT, HOST1, int(since * S)) for since in (5, 19.9, 20)] == [True, True, False]
    assert [world.lost_between(CLIENT, HOST1, int(since * S)) for since in (5, 20)] == [True, False]


def test_what_only_disturbs_is_no_cut() -> None:
    world = cut("client <-> host1", kind="loss")

    assert world.lost_between(CLIENT, HOST1, 0)
    assert not world.cut_between(CLIENT, HOST1, 0)


@pytest.mark.parametrize(
    ("diverted", "between", "apart"),
    [
        (Diverted("latency", "client -> host1", 20 * S), (HOST1, CLIENT), True),
        (Diverted("latency", "client -> host1", 20 * S), (NODES[1], CLIENT), False),
        (Diverted("latency", "client -> host1", 10 * S + 999 * MS), (HOST1, CLIENT), False),
        (Diverted("reordering", "client -> host1", 10 * S + 5 * MS), (HOST1, CLIENT), True),
        (Diverted("duplication", "client -> host1", 20 * S), (HOST1, CLIENT), False),
        (Diverted("loss", "client -> host1", 10 * S), (HOST1, CLIENT), False),
    ],
)
def test_a_decision_about_a_message_is_a_fault_of_its_way(
    diverted: Diverted, between: tuple[Node, Node], apart: bool
) -> None:
    """Between the two processes, as long as it takes. What is lost has a record of its own."""
    world = world_after((10, DecisionTaken(0, "get_state", diverted)))

    assert world.lost_between(*between, 5 * S) is apart
    assert not world.lost_between(*between, 21 * S)
    assert not world.cut_between(*between, 0)


@pytest.mark.parametrize(
    ("fault", "over_at"),
    [
        (Latency(target="client", to=["host1"], by=at(7)), 27),
        (JitterFault(target="client", to=["host1"], by=at(7)), 27),
        (Reordering(target="client", to=["host1"], window=at(7)), 27),
        (Loss(target="client", to=["host1"]), 20),
        (Partition(target="client", to=["host1"]), 20),
    ],
)
def test_what_a_fault_made_late_arrives_after_its_end(fault: LinkFault, over_at: int) -> None:
    """The last message that it struck, and what waits behind that."""
    struck = FaultStruck(0, tag_of(fault), "client <-> host1")
    world = world_after((10, struck), (20, FaultEnded(0, struck.kind, struck.target)), plan=[fault])

    assert world.lost_between(CLIENT, HOST1, over_at * S - 1)
    assert not world.lost_between(CLIENT, HOST1, over_at * S)


@pytest.mark.parametrize(
    ("fault", "is_anew"),
    [
        (DeliveryTimeout(target="client", to=["host1"]), False),
        (DeliveryTimeout(target="client", to=["host1"], share=0.5), True),
        (Partition(target="client", to=["host1"]), False),
        (Latency(target="client", to=["host1"], by=at(7)), True),
    ],
)
def test_a_cut_of_everything_is_one_silence(fault: LinkFault, is_anew: bool) -> None:
    """Of some messages, or of their times, it may be many."""
    struck = FaultStruck(0, tag_of(fault), "client <-> host1")
    world = world_after((10, struck), plan=[fault])

    assert world.kept_apart_anew(CLIENT, TRAINERS[1], 20 * S) is is_anew
    assert world.kept_apart(CLIENT, TRAINERS[1], 20 * S)


@pytest.mark.parametrize("sides", ["client -> host1", "host1 -> workers[1]"])
def test_who_is_sent_copies_is_kept_from_nobody(sides: str) -> None:
    """Also if it is its own host that makes them."""
    world = world_after((10, FaultStruck(0, "duplication", sides)))

    assert [world.sent_copies(CLIENT, trainer) for trainer in TRAINERS] == [False, True]
    assert [world.sent_late(CLIENT, trainer) for trainer in TRAINERS] == [False, True]
    assert not world.kept_apart(CLIENT, TRAINERS[1], 0)


def test_a_decision_about_an_order_is_no_fault() -> None:
    world = world_after((10, DecisionTaken(0, "poll before stop")))

    assert not world.lost_between(CLIENT, HOST1, 0)
    assert not world.links_disturbed


def test_a_deadline_waits_for_what_was_cut() -> None:
    """As for what was stopped; a cut as long as the delivery time-out closes channels, and excuses for ever."""
    assert cut("client <-> host1").extended(50 * S, 15 * S, [HOST1]) == 55 * S
    assert cut("client <-> host1").extended(50 * S, 15 * S, [HOST0]) == 50 * S
    assert cut("client <-> host1", end=40).extended(50 * S, 15 * S, [NODES[1]]) == FOREVER_NS


def test_a_clock_that_was_set_is_known() -> None:
    trace = TraceBuilder().bring_up()
    trace.add(ClockSet(5), node=HOST1, at=10)
    records = trace.end(100)
    world = World(CONFIG, Directory.of(records), records)
    for record in records:
        if type(record.what) in world.handlers:
            world.handlers[type(record.what)](record)

    assert [world.clock_moved(HOST1, since) for since in (0, 10 * S, 10 * S + 1)] == [True, True, False]
    assert not world.clock_moved(HOST0, 0)
