"""Rules about messages between processes, as data, and what a list of them makes of one message.

A rule says which messages it is about and what becomes of them; every rule that is about a message has its say, in the
order of the list: delays add up, copies come together, a lost message is lost. The network of the scenario comes
before all rules (`meshsim.drive.network`).

Where a message goes from and to decides, and so does each hop of its way: a message to a proc passes the front end of
its host (mesh_model.md 3.2). A cut is about hops alone, as it is connections that are cut.

Draws come from one stream for each rule and link, so a rule changes nothing for those that it is not about.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Union

import msgspec

from meshsim.model.ids import Node

#: From one process to the next on the way of a message.
Hop = tuple[Node, Node]


class End(msgspec.Struct, frozen=True):
    """One process, or a machine with all processes on it."""

    node: Node
    #: Whether processes that the node started, and theirs, are meant as well.
    whole: bool

    def has(self, node: Node) -> bool:
        return node == self.node or (self.whole and node.startswith(f"{self.node}/"))


#: Everybody, as one side.
ANY = "*"


class Sides(msgspec.Struct, frozen=True):
    """The two sides of a fault, as names: what a trace says of it. `str` and `parse` go together."""

    near: tuple[str, ...]
    #: Everybody else when empty.
    far: tuple[str, ...]
    one_way: bool

    def __str__(self) -> str:
        arrow = "->" if self.one_way else "<->"
        return f"{', '.join(self.near)} {arrow} {', '.join(self.far) or ANY}"

    @classmethod
    def parse(cls, text: str) -> Sides:
        """The sides that a text names."""
        near, arrow, far = _halves(text)
        return cls(_names(near), () if far == ANY else _names(far), arrow == "->")


class Delay(msgspec.Struct, frozen=True, tag="delay"):
    """It takes longer; what one process sends another keeps its order."""

    by_ns: int


class Jitter(msgspec.Struct, frozen=True, tag="jitter"):
    """It takes longer by something from 0 to this, drawn for each message; the order is kept."""

    up_to_ns: int


class Lose(msgspec.Struct, frozen=True, tag="lose"):
    """It is lost without a word to anybody."""


class Duplicate(msgspec.Struct, frozen=True, tag="duplicate"):
    """It arrives so many times more, each copy `apart_ns` after the one before."""

    times: int
    apart_ns: int


class Overtake(msgspec.Struct, frozen=True, tag="overtake"):
    """It takes longer by something from 0 to this, and others may overtake it."""

    window_ns: int


class Cut(msgspec.Struct, frozen=True, tag="cut"):
    """Nothing passes, no acknowledgement either: messages wait in the channel of their sender."""


class Withhold(msgspec.Struct, frozen=True, tag="withhold"):
    """It is written to the connection, and never acknowledged: it waits in the channel of its sender."""


Decision = Union[Delay, Jitter, Lose, Duplicate, Overtake, Cut, Withhold]


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """Which messages, and what becomes of them."""

    #: Names the streams of its draws: the number of the fault.
    key: int
    #: One side. Everybody who is not on the other side when empty.
    src: tuple[End, ...]
    #: The other side, likewise.
    dst: tuple[End, ...]
    #: Only from `src` to `dst`, not back.
    one_way: bool = False
    #: Tag of the messages that are meant (`get_state`); all when empty.
    message: str = ""
    #: Which part of them, drawn one by one.
    share: float = 1.0
    decision: Decision

    def links(self, src: Node, dst: Node) -> bool:
        """Whether what `src` sends `dst` crosses from one side to the other, in a direction that is meant."""
        if src == dst:
            return False
        return self._crosses(src, dst) or (not self.one_way and self._crosses(dst, src))

    def _crosses(self, src: Node, dst: Node) -> bool:
        from_src, to_dst = _has(self.src, src), _has(self.dst, dst)
        if not self.src:
            from_src = not _has(self.dst, src)
        if not self.dst:
            to_dst = not _has(self.src, dst)
        return from_src and to_dst


class Parcel(msgspec.Struct, frozen=True):
    """What a rule can know of a message: where it goes, past which front end, and what it is."""

    src: Node
    dst: Node
    #: The first process that it reaches; `dst` unless that is behind a front end.
    first: Node
    #: Tag of the message.
    kind: str

    @property
    def hops(self) -> tuple[Hop, ...]:
        if self.first == self.dst:
            return ((self.src, self.dst),)
        return ((self.src, self.first), (self.first, self.dst))


class Fate(msgspec.Struct, frozen=True):
    """What the rules make of one message that is put on the wire."""

    is_lost: bool = False
    #: How much longer it takes.
    delay_ns: int = 0
    #: How much longer still, while others may overtake it; None when they may not.
    held_back_ns: int | None = None
    #: When its copies arrive, after itself.
    copies_ns: tuple[int, ...] = ()


def judge(rules: Sequence[Rule], parcel: Parcel, draws: Callable[[int], Random]) -> Fate:
    """What becomes of a message, cuts aside. `draws` has the random stream of a rule for this link, by key."""
    delay_ns, held_back_ns = 0, None
    copies_ns: list[int] = []
    for rule in rules:
        if not _is_about(rule, parcel) or (rule.share < 1 and draws(rule.key).random() >= rule.share):
            continue
        match rule.decision:
            case Delay(by_ns=by_ns):
                delay_ns += by_ns
            case Jitter(up_to_ns=up_to_ns):
                delay_ns += draws(rule.key).randrange(up_to_ns + 1)
            case Lose():
                return Fate(is_lost=True)
            case Duplicate(times=times, apart_ns=apart_ns):
                copies_ns += [apart_ns * (count + 1) for count in range(times)]
            case Overtake(window_ns=window_ns):
                held_back_ns = (held_back_ns or 0) + draws(rule.key).randrange(window_ns + 1)
            case Cut() | Withhold():
                pass  # Judged hop by hop, before the message is put on the wire.
    return Fate(False, delay_ns, held_back_ns, tuple(sorted(copies_ns)))


def is_cut(rules: Sequence[Rule], hop: Hop) -> bool:
    """Whether nothing passes this hop, in this direction."""
    return any(type(rule.decision) is Cut and rule.links(*hop) for rule in rules)


def is_withheld(rules: Sequence[Rule], hop: Hop, kind: str, draws: Callable[[int], Random]) -> bool:
    """Whether this message is written at this hop and never acknowledged."""
    return any(
        type(rule.decision) is Withhold
        and rule.links(*hop)
        and rule.message in ("", kind)
        and (rule.share >= 1 or draws(rule.key).random() < rule.share)
        for rule in rules
    )


def _is_about(rule: Rule, parcel: Parcel) -> bool:
    if rule.message not in ("", parcel.kind):
        return False
    return rule.links(parcel.src, parcel.dst) or any(rule.links(*hop) for hop in parcel.hops)


def is_machine(name: str) -> bool:
    """Whether a name stands for everything on a machine: hosts and clients do, ranks and nodes are processes."""
    return name != ANY and "[" not in name and "/" not in name


def _halves(text: str) -> tuple[str, str, str]:
    arrow = "<->" if " <-> " in text else "->"
    near, _, far = text.partition(f" {arrow} ")
    return near, arrow, far


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(", "))


def _has(side: tuple[End, ...], node: Node) -> bool:
    return any(end.has(node) for end in side)
