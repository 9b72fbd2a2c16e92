"""Rules about messages: which they are about, and what becomes of those; a pure function of rules and draws."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshsim.faults.links import (
    Cut,
    Decision,
    Delay,
    Duplicate,
    End,
    Fate,
    Jitter,
    Lose,
    Overtake,
    Parcel,
    Rule,
    Sides,
    Withhold,
    is_cut,
    is_withheld,
    judge,
)
from meshsim.model.ids import Node
from meshsim.scenario.streams import stream

CLIENT, HOST0, HOST1, PROC0, PROC1 = map(Node, ("client", "host0", "host1", "host0/w_0", "host1/w_0"))
NODES = (CLIENT, HOST0, HOST1, PROC0, PROC1)
MACHINE1 = End(HOST1, whole=True)


def rule(decision: Decision, src: str = "", dst: str = "", key: int = 0, **fields: object) -> Rule:
    """Sides by name: `host1/` is the machine, `host1` the process, nothing is everybody."""
    ends = [tuple(End(Node(n.rstrip("/")), whole=n.endswith("/")) for n in side.split()) for side in (src, dst)]
    return Rule(key=key, src=ends[0], dst=ends[1], decision=decision, **fields)  # type: ignore[arg-type]


def parcel(src: Node, dst: Node, kind: str = "work") -> Parcel:
    host = Node(dst.partition("/")[0])
    return Parcel(src, dst, dst if src in (host, dst) else host, kind)


def draws(seed: int = 0) -> Callable[[int], Random]:
    streams: dict[int, Random] = {}
    return lambda key: streams.setdefault(key, stream(seed, "fault", key))


@pytest.mark.parametrize(
    ("sides", "one_way", "crossed"),
    [
        (("client", "host1/"), True, {(CLIENT, HOST1), (CLIENT, PROC1)}),
        (("client", "host1/"), False, {(CLIENT, HOST1), (CLIENT, PROC1), (HOST1, CLIENT), (PROC1, CLIENT)}),
        (("client", "host1"), False, {(CLIENT, HOST1), (HOST1, CLIENT)}),
        (("", "client"), True, {(HOST0, CLIENT), (HOST1, CLIENT), (PROC0, CLIENT), (PROC1, CLIENT)}),
        (("host0/ host1/", ""), True, {(node, CLIENT) for node in NODES[1:]}),
        (("", ""), True, {(src, dst) for src in NODES for dst in NODES if src != dst}),
    ],
)
def test_a_rule_is_about_what_crosses_between_its_sides(
    sides: tuple[str, str], one_way: bool, crossed: set[tuple[Node, Node]]
) -> None:
    """A machine is all that runs on it; nobody is everybody else; what stays inside a process never crosses."""
    made = rule(Cut(), *sides, one_way=one_way)

    assert {(src, dst) for src in NODES for dst in NODES if made.links(src, dst)} == crossed
    assert {hop for hop in crossed if not is_cut([made], hop)} == set()


@given(st.sampled_from(NODES), st.sampled_from(NODES), st.sampled_from(["client", "host1/", "host0/ client", "host1"]))
def test_a_partition_is_symmetric(src: Node, dst: Node, side: str) -> None:
    made = rule(Cut(), side)

    assert is_cut([made], (src, dst)) == is_cut([made], (dst, src))


def test_each_hop_counts() -> None:
    """A message to a proc passes its host: what strikes that hop strikes the message."""
    between = rule(Delay(5), "host1", "host1/w_0")

    assert judge([between], parcel(CLIENT, PROC1), draws()) == Fate(delay_ns=5)
    assert judge([between], parcel(HOST1, PROC1), draws()) == Fate(delay_ns=5)
    assert judge([between], parcel(CLIENT, HOST1), draws()) == Fate()


def test_rules_add_up_in_their_order() -> None:
    rules = [rule(Delay(5)), rule(Duplicate(2, 7)), rule(Delay(3), "client"), rule(Duplicate(1, 10), key=3)]

    assert judge(rules, parcel(CLIENT, HOST1), draws()) == Fate(delay_ns=8, copies_ns=(7, 10, 14))
    assert judge([*rules, rule(Lose())], parcel(CLIENT, HOST1), draws()) == Fate(is_lost=True)


def test_only_messages_of_a_kind_are_struck() -> None:
    made = rule(Lose(), message="get_state")

    assert judge([made], parcel(CLIENT, HOST1, "get_state"), draws()).is_lost
    assert not judge([made], parcel(CLIENT, HOST1, "work"), draws()).is_lost
    withheld = rule(Withhold(), message="get_state")
    assert [is_withheld([withheld], (CLIENT, HOST1), kind, draws()) for kind in ("get_state", "work")] == [True, False]


@given(st.integers(0, 2**32), st.sampled_from([0.1, 0.5, 0.9]))
def test_a_share_is_drawn_from_the_rules_own_stream(seed: int, share: float) -> None:
    """Another rule about the same message changes nothing for it."""
    some = rule(Lose(), key=1, share=share)
    other = rule(Jitter(1000), key=2)
    alone, among = draws(seed), draws(seed)

    assert [judge([some], parcel(CLIENT, HOST1), alone).is_lost for _ in range(20)] == [
        judge([other, some], parcel(CLIENT, HOST1), among).is_lost for _ in range(20)
    ]


@given(st.lists(st.sampled_from([Delay(5), Jitter(9), Duplicate(2, 3), Overtake(11)])), st.integers(0, 99))
def test_no_rule_makes_a_message_early(decisions: list[Decision], seed: int) -> None:
    """Copies come after it, and as many as the rules say; only a rule about order lets others overtake."""
    rules = [rule(decision, key=key) for key, decision in enumerate(decisions)]

    fate = judge(rules, parcel(CLIENT, HOST1), draws(seed))

    assert not fate.is_lost
    assert 5 * decisions.count(Delay(5)) <= fate.delay_ns <= 5 * decisions.count(Delay(5)) + 9 * len(decisions)
    assert len(fate.copies_ns) == 2 * decisions.count(Duplicate(2, 3))
    assert all(after_ns > 0 for after_ns in fate.copies_ns)
    assert (fate.held_back_ns is not None) == (Overtake(11) in decisions)


@given(st.sampled_from(NODES), st.sampled_from(NODES), st.integers(0, 99))
def test_who_is_not_meant_is_not_touched(src: Node, dst: Node, seed: int) -> None:
    rules = [rule(Lose(), "host1/", "client"), rule(Cut(), "host1/", "client")]

    meant = CLIENT in (src, dst) and {src, dst} & {HOST1, PROC1}

    assert judge(rules, parcel(src, dst), draws(seed)).is_lost == bool(meant)
    assert is_cut(rules, (src, dst)) == bool(meant)


@pytest.mark.parametrize(
    ("sides", "text"),
    [
        (Sides(("client",), ("host0", "workers[1]"), one_way=False), "client <-> host0, workers[1]"),
        (Sides(("host0", "host1"), (), one_way=True), "host0, host1 -> *"),
        (Sides(("*",), ("client",), one_way=True), "* -> client"),
    ],
)
def test_sides_are_read_back_from_their_text(sides: Sides, text: str) -> None:
    """What a trace says of a fault is enough to know whom it struck."""
    assert (str(sides), Sides.parse(text)) == (text, sides)
