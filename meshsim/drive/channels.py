"""The channels between the processes of a run, as far as something went wrong with them.

What one process has to another is a channel of `meshsim.model.messaging.channel`. While both run, nothing of it can
be seen, and nothing is simulated of it: `Deliveries` counts what was taken and not acknowledged yet only when
somebody has to know. From the moment in which the receiving process is stopped or ends, the channel's sending end
exists as a machine, with everything in it that is not acknowledged, delivered or not.

The kernel closes the sockets of a process that ends, so its peers know at once that the connection is broken; their
attempts to connect fail from then on. A process that is stopped keeps its connections and acknowledges nothing. One
that closes its server in an orderly way (a proc that is told to stop, a host after its shutdown) acknowledges what it
took and tells those who are connected, which ends their channels; whoever dials later finds nobody.

Procs are behind the front end of their host: a message to one travels two channels, from the sender to the host and
from the host to the proc.

Source: mesh_model.md 3.2, 3.3; supervision.md 4.6, 9.1, 14.6.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from meshsim.faults.links import Hop
from meshsim.model.config import Config
from meshsim.model.ids import ActorId, Node, address_of_node
from meshsim.model.messages import Envelope
from meshsim.model.messaging.channel import (
    AckRule,
    ChannelSender,
    Connected,
    Disconnected,
    Link,
    Posted,
    Rejected,
    SenderCommand,
    SenderEvent,
    ServerClosed,
    Withdrawn,
    Woken,
    first_attempt,
)
from meshsim.scenario.plan import Plan
from meshsim.scenario.streams import stream_key
from meshsim.trace.records import MessageReturned, Record

DEAD_CLIENT = "dead_client_cached_forever"
#: No record.
_NONE = -1


class Underway(msgspec.Struct):
    """A message in a channel that is watched."""

    src: Node
    dst: Node
    envelope: Envelope
    cause: int
    #: When it was handed to this channel.
    since_ns: int
    #: Number of the record of its delivery, if it was delivered.
    delivery: int = _NONE
    #: Lost, and the trace says so: nobody wants it back. It still counts for its channel.
    is_lost: bool = False
    #: Written to a process that is stopped, and nobody gets it back: what becomes of that process decides its end.
    is_at_receiver: bool = False

    @property
    def is_open(self) -> bool:
        """Whether its end is not in the trace yet."""
        return self.delivery == _NONE and not self.is_lost


class Channels:
    """Sending ends of channels to processes that are stopped or gone."""

    def __init__(self, plan: Plan) -> None:
        config = Config.of(plan.config, plan.quirks_off)
        self._seed = plan.seed
        self._timeout_ns = config.message_delivery_timeout
        self._frame_length_max = config.codec_max_frame_length
        self.cached_forever = config.has(DEAD_CLIENT)
        self._senders: dict[Hop, ChannelSender[Underway]] = {}
        self._sessions: dict[Hop, int] = {}
        #: Channels that are closed for good: whatever comes later comes back at once.
        self.closed: set[Hop] = set()

    def post(
        self, hop: Hop, message: Underway, now_ns: int, *, is_written: bool, length: int = 0
    ) -> list[SenderCommand[Underway]]:
        """Hand a message to a channel, perhaps belatedly; `is_written` when there was a connection to write it to."""
        commands: list[SenderCommand[Underway]] = []
        if is_written and self._sender(hop).link is Link.IDLE:
            commands += self._handle(hop, Connected(), now_ns)
        return commands + self._handle(hop, Posted(message, message.since_ns, length), now_ns)

    def break_off(self, hop: Hop, ended_ns: int) -> list[SenderCommand[Underway]]:
        """The connection broke before this was known of the message just posted."""
        return self._handle(hop, Disconnected(), ended_ns)

    def disconnect(self, receiver: Node, now_ns: int) -> list[tuple[Hop, list[SenderCommand[Underway]]]]:
        """The process has ended: every connection to it breaks."""
        hops = [hop for hop in self._senders if hop[1] == receiver]
        return [(hop, self._handle(hop, Disconnected(), now_ns)) for hop in hops]

    def close_server(self, hop: Hop, now_ns: int) -> None:
        """The receiver, which has acknowledged everything, tells this sender that it closes."""
        if self._sender(hop).link is Link.IDLE:
            self._handle(hop, Connected(), now_ns)
        self._handle(hop, ServerClosed(), now_ns)

    def reject(self, hop: Hop, why: str, now_ns: int) -> list[SenderCommand[Underway]]:
        """The sender connects to a process that does not know its session, and is told so: the channel closes.

        One that gave up while it dialled does not connect any more.
        """
        if self._sender(hop).link is Link.CLOSED:
            return []
        if self._sender(hop).link is not Link.CONNECTED:
            self._handle(hop, Connected(), now_ns)
        return self._handle(hop, Rejected(why), now_ns)

    def next_attempt(self, hop: Hop, now_ns: int) -> int:
        """When a sender that dials tries again."""
        return first_attempt(self._senders[hop].dialling_ns, now_ns)

    def withdraw(self, hop: Hop, message: Underway, now_ns: int) -> bool:
        """A message that waited is taken; False when the channel had given it up before."""
        sender = self._senders.get(hop)
        held = sender is not None and any(each.item is message for each in sender.waiting)
        if held:
            self._handle(hop, Withdrawn(message), now_ns)
        return held

    def link(self, hop: Hop) -> Link | None:
        """The connection of a channel; none while nothing of it is simulated."""
        sender = self._senders.get(hop)
        return None if sender is None else sender.link

    def dialling_ns(self, hop: Hop) -> int:
        """When the attempts to connect began."""
        return self._senders[hop].dialling_ns

    def connect(self, hop: Hop, now_ns: int) -> None:
        """An attempt to connect succeeds. What the channel writes is delivered by whoever held it back."""
        if self._senders[hop].link is Link.DIALLING:
            self._handle(hop, Connected(), now_ns)

    def wake(self, hop: Hop, now_ns: int) -> list[SenderCommand[Underway]]:
        return self._handle(hop, Woken(), now_ns)

    def abandon(self, hop: Hop) -> list[Underway]:
        """The process that has this channel is gone, and the channel with it: what was in it."""
        sender = self._senders.pop(hop, None)
        return [] if sender is None else [each.item for each in sender.waiting]

    def held_for(self, receiver: Node) -> list[tuple[Hop, list[Underway]]]:
        """What waits in the channels to a process, in sending order."""
        return [
            (hop, [each.item for each in sender.waiting])
            for hop, sender in self._senders.items()
            if hop[1] == receiver and sender.waiting
        ]

    def held_by(self, owner: Node) -> list[tuple[Hop, list[Underway]]]:
        """What waits in the channels of a process, in sending order."""
        return [
            (hop, [each.item for each in sender.waiting])
            for hop, sender in self._senders.items()
            if hop[0] == owner and sender.waiting
        ]

    def open_messages(self) -> Iterator[Underway]:
        """All that waits and was neither delivered nor lost: channel by channel, in sending order."""
        for sender in self._senders.values():
            for waiting in sender.waiting:
                if waiting.item.is_open:
                    yield waiting.item

    def remembered(self) -> list[object]:
        """Everything about channels that decides about what may still come, in an order that is always the same."""
        remembered: list[object] = [sorted(self.closed)]
        for hop, sender in sorted(self._senders.items()):
            dialling_ns = sender.dialling_ns if sender.link is Link.DIALLING else _NONE
            waiting = [(each.item.since_ns, each.item.is_open, each.item.envelope) for each in sender.waiting]
            remembered.append((hop, sender.link.value, sender.wake_ns, dialling_ns, waiting))
        return remembered

    def _handle(self, hop: Hop, event: SenderEvent[Underway], now_ns: int) -> list[SenderCommand[Underway]]:
        sender = self._sender(hop)
        commands = sender.handle(event, now_ns)
        if sender.link is Link.CLOSED and self.cached_forever:
            self.closed.add(hop)
        return commands

    def _sender(self, hop: Hop) -> ChannelSender[Underway]:
        """The session of a channel; a new one in place of one that closed, unless that is kept for ever."""
        sender = self._senders.get(hop)
        if sender is None or (sender.link is Link.CLOSED and not self.cached_forever):
            count = self._sessions[hop] = self._sessions.get(hop, 0) + 1
            key = stream_key(self._seed, "session", *hop, *([str(count)] if count > 1 else []))
            session = f"{address_of_node(hop[1])}.{key:016x}"
            sender = self._senders[hop] = ChannelSender(session, self._timeout_ns, self._frame_length_max)
        return sender


class _Taken(msgspec.Struct):
    """Deliveries of one channel since its last acknowledgement: numbers of their records."""

    rule: AckRule
    deliveries: list[int] = []

    def forget(self) -> None:
        self.rule.count = 0
        self.deliveries = []


class Deliveries:
    """Which messages were delivered and are not acknowledged, worked out from the trace when it is asked for.

    Acknowledgements that nobody misses are never simulated: a run in which no process is stopped or ends does
    nothing here. A message that passes the front end of a host is acknowledged by the host as well as by its proc.
    """

    def __init__(
        self,
        plan: Plan,
        records: list[Record],
        route: Callable[[ActorId], Node | None],
        first_stop: Callable[[Node, Node], Node],
    ) -> None:
        config = Config.of(plan.config, plan.quirks_off)
        self._interval_ns = config.message_ack_time_interval
        self._every = config.message_ack_every_n_messages
        self._records = records
        self._route = route
        self._first_stop = first_stop
        #: By receiving and sending process.
        self._taken: dict[Node, dict[Node, _Taken]] = {}
        self._totals: dict[Node, dict[Node, int]] = {}
        #: How many records were looked at.
        self._seen = 0

    def taken_by(self, receiver: Node) -> dict[Node, int]:
        """How many messages a process has taken, by sending process."""
        self._catch_up()
        return dict(self._totals.get(receiver, {}))

    def unacknowledged(self, receiver: Node, now_ns: int) -> list[tuple[Hop, list[int]]]:
        """Records of what a process has taken and not acknowledged, by channel; it is forgotten here.

        Everybody who ever sent it anything has a channel, mostly with nothing in it.
        """
        self._catch_up()
        found = []
        for sender, taken in self._taken.get(receiver, {}).items():
            found.append(((sender, receiver), [] if taken.rule.is_due(now_ns) else taken.deliveries))
            taken.forget()
        return found

    def unacknowledged_in(self, hop: Hop, now_ns: int) -> list[int]:
        """The same for one channel."""
        self._catch_up()
        taken = self._taken.get(hop[1], {}).get(hop[0])
        if taken is None or taken.rule.is_due(now_ns):
            return []
        deliveries = taken.deliveries
        taken.forget()
        return deliveries

    def hops(self) -> list[Hop]:
        """Every channel that has carried anything."""
        self._catch_up()
        return [(sender, receiver) for receiver, taken in self._taken.items() for sender in taken]

    def has_passed(self, hop: Hop) -> bool:
        """Whether a channel has carried anything."""
        self._catch_up()
        return hop[0] in self._taken.get(hop[1], {})

    def is_fresh(self, taken_ns: int, now_ns: int) -> bool:
        """Whether something taken at a time is not acknowledged yet, unless it was for the number of messages."""
        return now_ns < taken_ns + self._interval_ns

    def take_again(self, hop: Hop, delivery: int, now_ns: int) -> None:
        """A process that was stopped goes on: what it had not acknowledged counts from its delivery."""
        self._catch_up()
        taken_ns = self._records[delivery].at
        if self.is_fresh(taken_ns, now_ns):
            self._take(hop, delivery, taken_ns)

    def _catch_up(self) -> None:
        records = self._records
        for seq in range(self._seen, len(records)):
            record = records[seq]
            if type(record.what) is not Envelope:
                continue
            src = self._route(record.what.sender)
            if src is None or (record.cause >= 0 and type(records[record.cause].what) is MessageReturned):
                continue  # Of the scenario, or handed back in the sender's own process: no channel.
            dst = Node(record.node)
            first = self._first_stop(src, dst)
            self._take((src, first), seq, record.at)
            totals = self._totals.setdefault(first, {})
            totals[src] = totals.get(src, 0) + 1
            if first != dst:
                self._take((first, dst), seq, record.at)
        self._seen = len(records)

    def _take(self, hop: Hop, delivery: int, now_ns: int) -> None:
        by_sender = self._taken.setdefault(hop[1], {})
        taken = by_sender.get(hop[0])
        if taken is None:
            taken = by_sender[hop[0]] = _Taken(AckRule(self._interval_ns, self._every))
        if taken.rule.is_due(now_ns):
            taken.forget()
        taken.deliveries.append(delivery)
        if taken.rule.take(now_ns):
            taken.forget()
