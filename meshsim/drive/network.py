"""The network between processes: how long each message takes, and whether it arrives.

The scenario's `[network]` comes first, then the rules that faults have made, in the order of their strikes
(`meshsim.faults.links`).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from random import Random

import msgspec
from msgspec import UNSET, UnsetType

from meshsim.drive.fates import LOST, PLAIN, DecidedFates, DecidedHolds
from meshsim.faults.kinds import MessageFault
from meshsim.faults.links import Fate as Judged
from meshsim.faults.links import Hop, Parcel, Rule, is_cut, is_withheld, judge
from meshsim.model.alloc.places import Place, latency_ns
from meshsim.model.ids import Node, ProcId
from meshsim.scenario.decisions import Fate, Withheld
from meshsim.scenario.plan import Plan
from meshsim.scenario.schema import Link
from meshsim.scenario.streams import stream
from meshsim.trace.records import Diverted


class Stop(Enum):
    """How long a message stays in its channel, if the channel does not give up before."""

    UNTIL_HEALED = "until healed"
    FOR_GOOD = "for good"


class LinkQuality(msgspec.Struct, frozen=True):
    """What a plan says about one pair of processes."""

    latency_ns: int
    jitter_ns: int
    loss: float


class Network:
    """Delays and losses of one run. Draws only from the plan's own streams, one for each link."""

    def __init__(
        self,
        plan: Plan,
        on_decision: Callable[[int, str, Diverted | UnsetType], None] = lambda index, what, diverted: None,
    ) -> None:
        """`on_decision` is told the number of each decision that is carried out, and what it was."""
        self._seed = plan.seed
        self._network = plan.network
        self._quality: dict[tuple[Node, Node], LinkQuality] = {}
        self._streams: dict[tuple[Node, Node], Random] = {}
        #: Simulated procs, and one generator for all that passes between them.
        self.places: dict[ProcId, Place] = {}
        self._between_places = stream(plan.seed, "places")
        self._last_arrival: dict[tuple[Node, Node], int] = {}
        #: Rules of the faults that strike now.
        self.rules: tuple[Rule, ...] = ()
        #: Whether there ever was one: then delays change, and order has to be looked after.
        self._has_had_rules = False
        self._rule_streams: dict[tuple[int, Hop], Random] = {}
        #: What became of messages otherwise than their link alone would have it, when that is noted.
        self.fates: list[Fate | Withheld] = []
        self._notes_fates = False
        decisions = () if plan.decisions is UNSET else plan.decisions
        self._decided = DecidedFates(decisions, on_decision)
        self._holds = DecidedHolds(plan, decisions, on_decision)
        #: Whether a message may be withheld, or is counted for that, at any time.
        self.may_withhold = bool(self._holds)
        self._may_draw = any(isinstance(fault, MessageFault) for fault in plan.faults)
        is_plain = not plan.network.links and not plan.network.jitter and not plan.network.loss
        uniform = is_plain and not self._decided and not self._holds
        #: The latency of every link when all are alike and nothing is drawn; None otherwise.
        self.uniform_ns: int | None = int(plan.network.latency) if uniform else None

    def note_fates(self) -> None:
        """Have `fates` say what is drawn, from now on: the beginning of the run.

        Where anything can be drawn each message is looked at, also before: those that are alike are counted.
        """
        self._notes_fates = True
        if self._may_draw:
            self.uniform_ns = None
            self.may_withhold = True

    def place(self, proc: ProcId, place: Place) -> None:
        """A simulated proc has a place: messages between two such procs take the time of their distance."""
        self.places[proc] = place
        self.uniform_ns = None

    def arrivals_within(self, src: ProcId, dst: ProcId, kind: str, now_ns: int) -> tuple[int, ...]:
        """When a message between two places of one process arrives, as `arrivals`; procs are named by their ids."""
        one, other = self.places[src], self.places[dst]
        drawn, shortest_ns = self._between_places.random(), latency_ns(one, other, 0)
        fate = Judged(delay_ns=latency_ns(one, other, drawn) - shortest_ns)
        return self._arrivals(Parcel(Node(src), Node(dst), Node(dst), kind), now_ns, now_ns + shortest_ns, fate)

    def arrival(self, src: Node, dst: Node, now_ns: int) -> int | None:
        """When a message sent now arrives, rules aside; None when it is lost.

        Messages of one link never overtake each other.
        """
        if self.uniform_ns is not None:
            return now_ns + self.uniform_ns
        quality = self._quality.get((src, dst)) or self._set_quality((src, dst))
        at_ns = self._drawn((src, dst), quality, now_ns)
        if at_ns is None or not (quality.jitter_ns or self._has_had_rules):
            return at_ns
        return self._in_order((src, dst), at_ns)

    def arrivals(self, parcel: Parcel, now_ns: int) -> tuple[int, ...]:
        """When a message sent now arrives, and its copies after it, by all rules; never when it is lost."""
        link = (parcel.src, parcel.dst)
        quality = self._quality.get(link) or self._set_quality(link)
        plain_ns = now_ns + quality.latency_ns
        at_ns = self._drawn(link, quality, now_ns)
        fate = judge(self.rules, parcel, lambda key: self._rule_stream(key, link))
        if at_ns is None:
            fate = LOST
        elif at_ns != plain_ns:
            fate = msgspec.structs.replace(fate, delay_ns=fate.delay_ns + at_ns - plain_ns)
        return self._arrivals(parcel, now_ns, plain_ns, fate)

    def _arrivals(self, parcel: Parcel, now_ns: int, plain_ns: int, fate: Judged) -> tuple[int, ...]:
        """As decided, or else as it was judged to; noted."""
        fate = self._decided.of(parcel, now_ns, fate)
        if self._notes_fates and fate != PLAIN:
            self.fates.append(self._decided.noted(parcel, now_ns, fate))
        if fate.is_lost:
            return ()
        at_ns = plain_ns + fate.delay_ns
        if fate.held_back_ns is None:
            at_ns = self._in_order((parcel.src, parcel.dst), at_ns)
        else:
            at_ns += fate.held_back_ns
        return (at_ns, *(at_ns + after_ns for after_ns in fate.copies_ns))

    @property
    def may_stop(self) -> bool:
        """Whether a message that is written now may stay in its channel, and so has to be looked at."""
        return bool(self.rules) or self.may_withhold

    @property
    def is_judged(self) -> bool:
        """Whether each message has to be judged by what it is."""
        return bool(self.rules) or bool(self._decided) or self._notes_fates

    def _drawn(self, link: tuple[Node, Node], quality: LinkQuality, now_ns: int) -> int | None:
        """When it would arrive if it were alone; None when it is lost."""
        if quality.loss and self._stream(link).random() < quality.loss:
            return None
        at_ns = now_ns + quality.latency_ns
        return at_ns + self._stream(link).randrange(quality.jitter_ns + 1) if quality.jitter_ns else at_ns

    def _in_order(self, link: tuple[Node, Node], at_ns: int) -> int:
        """Not before what was sent earlier on this link."""
        at_ns = self._last_arrival[link] = max(at_ns, self._last_arrival.get(link, 0))
        return at_ns

    # --- rules -----------------------------------------------------------------------------------------------

    def add_rule(self, rule: Rule) -> None:
        self.rules = (*self.rules, rule)
        self._has_had_rules = True
        self.uniform_ns = None

    def remove_rule(self, key: int) -> bool:
        """Take the oldest rule of this key away; False when there is none."""
        for index, rule in enumerate(self.rules):
            if rule.key == key:
                self.rules = (*self.rules[:index], *self.rules[index + 1 :])
                return True
        return False

    def is_cut(self, hop: Hop) -> bool:
        return is_cut(self.rules, hop)

    def stop(self, hop: Hop, kind: str, now_ns: int) -> Stop | None:
        """Whether a message that is written at this hop now is never acknowledged, and until when."""
        drawn: list[int] = []

        def draws(key: int) -> Random:
            drawn.append(key)
            return self._rule_stream(key, hop)

        judged = is_withheld(self.rules, hop, kind, draws)
        if not self._holds.of(hop, kind, now_ns, judged=judged):
            return None
        if drawn and self._notes_fates:
            self.fates.append(self._holds.noted(hop, kind, now_ns))
        return Stop.UNTIL_HEALED if judged else Stop.FOR_GOOD

    def _rule_stream(self, key: int, link: Hop) -> Random:
        found = self._rule_streams.get((key, link))
        if found is None:
            found = self._rule_streams[key, link] = stream(self._seed, "fault", key, *link)
        return found

    def _stream(self, link: tuple[Node, Node]) -> Random:
        found = self._streams.get(link)
        if found is None:
            found = self._streams[link] = stream(self._seed, "link", *link)
        return found

    def _set_quality(self, link: tuple[Node, Node]) -> LinkQuality:
        """Later entries of `network.links` win, key by key."""
        latency, jitter, loss = int(self._network.latency), int(self._network.jitter), self._network.loss
        for entry in self._network.links:
            if _matches(entry, link):
                latency = latency if entry.latency is None else int(entry.latency)
                jitter = jitter if entry.jitter is None else int(entry.jitter)
                loss = loss if entry.loss is None else entry.loss
        quality = self._quality[link] = LinkQuality(latency, jitter, loss)
        return quality


def _matches(entry: Link, link: tuple[Node, Node]) -> bool:
    return entry.src in ("*", link[0]) and entry.dst in ("*", link[1])
