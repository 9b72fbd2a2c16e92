"""What becomes of single messages by a decision of the plan, whatever chance would have made of them.

A fate is about a message and its whole way. Whether one is withheld is asked at each hop, when it is written there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from msgspec import UNSET, UnsetType

from meshsim.faults.links import Fate as Judged
from meshsim.faults.links import Hop, Parcel
from meshsim.model.config import Config
from meshsim.scenario.decisions import Decision, Fate, Withheld
from meshsim.scenario.plan import Plan
from meshsim.trace.records import Diverted
from meshsim.units import Duration

#: It arrives when its link has it arrive.
PLAIN = Judged()
LOST = Judged(is_lost=True)

#: When a message was sent, from where to where, and its tag.
_Sent = tuple[int, str, str, str]


_Kind = TypeVar("_Kind", Fate, Withheld)


class _Decided(Generic[_Kind]):
    """Counts messages that are alike, and knows what is decided of which of them. False when nothing is."""

    def __init__(self, kind: type[_Kind], decisions: Sequence[Decision]) -> None:
        self._decided: dict[tuple[_Sent, int], tuple[int, _Kind]] = {
            ((int(each.at), each.src, each.dst, each.message), each.number): (index, each)
            for index, each in enumerate(decisions)
            if isinstance(each, kind)
        }
        self._counts: dict[_Sent, int] = {}

    def __bool__(self) -> bool:
        return bool(self._decided)

    def _next(self, sent: _Sent) -> tuple[int, _Kind | None]:
        """What is decided of one message more, and by which of the decisions."""
        number = self._counts[sent] = self._counts.get(sent, -1) + 1
        return self._decided.get((sent, number), (-1, None))


class DecidedFates(_Decided[Fate]):
    """Which messages have a fate of their own."""

    def __init__(self, decisions: Sequence[Decision], on_decision: Callable[[int, str, Diverted], None]) -> None:
        super().__init__(Fate, decisions)
        self._on_decision = on_decision

    def of(self, parcel: Parcel, now_ns: int, judged: Judged) -> Judged:
        """The fate of a message that is sent now: the decided one, or what it was judged to."""
        index, fate = self._next(_sent(parcel, now_ns))
        if fate is None:
            return judged
        judged = _judged(fate)
        way = f"{fate.src} -> {fate.dst}"
        self._on_decision(index, f"{fate.message} {way} {_text(judged)}", _diverted(judged, way, now_ns))
        return judged

    def noted(self, parcel: Parcel, now_ns: int, judged: Judged) -> Fate:
        """The fate of the message that `of` was asked about last, as a decision."""
        sent = _sent(parcel, now_ns)
        return Fate(
            at=Duration(now_ns),
            src=parcel.src,
            dst=parcel.dst,
            message=parcel.kind,
            number=self._counts[sent],
            lost=judged.is_lost,
            delay=Duration(judged.delay_ns),
            overtakes=UNSET if judged.held_back_ns is None else Duration(judged.held_back_ns),
            copies=[Duration(after_ns) for after_ns in judged.copies_ns],
        )


class DecidedHolds(_Decided[Withheld]):
    """Which messages are told to stay at a hop, or to pass it."""

    def __init__(
        self, plan: Plan, decisions: Sequence[Decision], on_decision: Callable[[int, str, Diverted | UnsetType], None]
    ) -> None:
        super().__init__(Withheld, decisions)
        self._plan = plan
        self._on_decision = on_decision

    def of(self, hop: Hop, kind: str, now_ns: int, *, judged: bool) -> bool:
        """Whether a message that is written now is withheld: as decided, or as it was judged."""
        index, decided = self._next((now_ns, *hop, kind))
        if decided is None:
            return judged
        way = f"{decided.src} -> {decided.dst}"
        diverted = UNSET if decided.passes else Diverted("delivery_timeout", way, now_ns + self._stays_ns())
        self._on_decision(index, f"{kind} {way} {'not ' if decided.passes else ''}withheld", diverted)
        return not decided.passes

    def _stays_ns(self) -> int:
        """How long a message that is not acknowledged stays in a channel before that gives up."""
        return Config.of(self._plan.config, self._plan.quirks_off).message_delivery_timeout

    def noted(self, hop: Hop, kind: str, now_ns: int) -> Withheld:
        """That the message `of` was asked about last is withheld, as a decision."""
        src, dst = hop
        return Withheld(
            at=Duration(now_ns), src=src, dst=dst, message=kind, number=self._counts[now_ns, src, dst, kind]
        )


def _sent(parcel: Parcel, now_ns: int) -> _Sent:
    return now_ns, parcel.src, parcel.dst, parcel.kind


def _judged(fate: Fate) -> Judged:
    return Judged(
        fate.lost,
        int(fate.delay),
        None if fate.overtakes is UNSET else int(fate.overtakes),
        tuple(int(after) for after in fate.copies),
    )


def _diverted(fate: Judged, way: str, now_ns: int) -> Diverted:
    """How it shows in the trace: as the fault of the network that does most of it."""
    held_back_ns = 0 if fate.held_back_ns is None else fate.held_back_ns
    until_ns = now_ns + fate.delay_ns + held_back_ns + max(fate.copies_ns, default=0)
    if fate.is_lost:
        return Diverted("loss", way, now_ns)
    if fate.copies_ns:
        return Diverted("duplication", way, until_ns)
    return Diverted("latency" if fate.held_back_ns is None else "reordering", way, until_ns)


def _text(fate: Judged) -> str:
    if fate.is_lost:
        return "lost"
    return "late" if not fate.copies_ns else f"and {len(fate.copies_ns)} more of it"
