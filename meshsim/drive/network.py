"""The network between processes: how long a message takes, whether it arrives, and when a channel gives up.

A channel is what one process has to one address. It keeps order, and delivers exactly once as long as it lives. A
message that is not acknowledged within `MESSAGE_DELIVERY_TIMEOUT` ends it for good: everything unacknowledged comes
back, and so does every later message, at once. Delivery acknowledges.

Procs are behind the front end of their host, so a message to one travels two links: from the sender to the host, and
from the host to the proc. Each link is a channel of its own.

Source: mesh_model.md 3.2, 3.3; supervision.md 4.6, 9.1, 14.6.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import msgspec

from meshsim.model.ids import Node, address_of_node
from meshsim.model.messages import Envelope
from meshsim.scenario.plan import Plan
from meshsim.scenario.schema import Link
from meshsim.scenario.streams import stream, stream_key
from meshsim.units import debug_duration

CLOSED = "broken link: failed to enqueue in MailboxClient when processing buffer: channel closed with reason None"
UNROUTABLE = "address not routable: destination not found in routing table"


#: From one process to the next on the way of a message.
Hop = tuple[Node, Node]


class Unacknowledged(msgspec.Struct):
    """A message that the next process on its way has not taken."""

    src: Node
    dst: Node
    envelope: Envelope
    cause: int
    #: When it was handed to this channel.
    since_ns: int


class Channel(msgspec.Struct):
    """State of one sender's link to one address; exists from the first message that was not taken at once."""

    session: int
    waiting: list[Unacknowledged] = []


class LinkQuality(msgspec.Struct, frozen=True):
    """What a plan says about one pair of processes."""

    latency_ns: int
    jitter_ns: int
    loss: float


class Network:
    """Delays, losses and channels of one run. Draws only from the plan's own streams, one for each link."""

    def __init__(self, plan: Plan) -> None:
        self._seed = plan.seed
        self._network = plan.network
        self._timeout_ns = int(plan.config["MESSAGE_DELIVERY_TIMEOUT"])
        self._quality: dict[tuple[Node, Node], LinkQuality] = {}
        self._streams: dict[tuple[Node, Node], Random] = {}
        self._last_arrival: dict[tuple[Node, Node], int] = {}
        self._channels: dict[Hop, Channel] = {}
        #: Channels that gave up for good.
        self.closed: set[Hop] = set()
        uniform = not plan.network.links and not plan.network.jitter and not plan.network.loss
        #: The latency of every link when all are alike and nothing is drawn; None otherwise.
        self.uniform_ns: int | None = int(plan.network.latency) if uniform else None

    def arrival(self, src: Node, dst: Node, now_ns: int) -> int | None:
        """When a message sent now arrives; None when it is lost. Messages of one link never overtake each other."""
        if self.uniform_ns is not None:
            return now_ns + self.uniform_ns
        link = (src, dst)
        quality = self._quality.get(link) or self._set_quality(link)
        if quality.loss and self._stream(link).random() < quality.loss:
            return None
        at_ns = now_ns + quality.latency_ns
        if quality.jitter_ns:
            at_ns += self._stream(link).randrange(quality.jitter_ns + 1)
            at_ns = max(at_ns, self._last_arrival.get(link, 0))
            self._last_arrival[link] = at_ns
        return at_ns

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

    # --- channels ------------------------------------------------------------------------------------------

    def keep(self, hop: Hop, message: Unacknowledged) -> int | None:
        """Remember a message that was not taken; when to look again, unless somebody looks already."""
        channel = self._channels.get(hop)
        if channel is None:
            channel = self._channels[hop] = Channel(stream_key(self._seed, "session", *hop))
        channel.waiting.append(message)
        return message.since_ns + self._timeout_ns if len(channel.waiting) == 1 else None

    def acknowledge(self, hop: Hop, message: Unacknowledged) -> bool:
        """A message that waited is taken, or nobody wants it back; False when the channel had given it up before."""
        waiting = self._channels[hop].waiting
        for index, each in enumerate(waiting):
            if each is message:
                del waiting[index]
                return True
        return False

    def unacknowledged(self) -> Iterator[Unacknowledged]:
        """All that waits: channel by channel, in sending order."""
        for channel in self._channels.values():
            yield from channel.waiting

    def give_up(self, hop: Hop, now_ns: int) -> list[Unacknowledged] | int:
        """At a deadline: what comes back now that the channel is closed, or when to look again."""
        channel = self._channels[hop]
        if not channel.waiting:
            return []
        deadline_ns = channel.waiting[0].since_ns + self._timeout_ns
        if now_ns < deadline_ns:
            return deadline_ns
        self.closed.add(hop)
        return self.abandon(hop)

    def abandon(self, hop: Hop) -> list[Unacknowledged]:
        """Everything that waits in a channel; it waits no longer."""
        channel = self._channels[hop]
        waiting, channel.waiting = channel.waiting, []
        return waiting

    def timeout_error(self, hop: Hop, *, connected: bool) -> str:
        """Text of the delivery error when a channel gives up."""
        session = self._channels[hop].session
        limit = debug_duration(self._timeout_ns)
        what = (
            f"failed to receive ack within timeout {limit}; link is currently connected"
            if connected
            else f"failed to deliver message within timeout {limit}"
        )
        return (
            "broken link: failed to enqueue in MailboxClient when processing buffer: channel closed with reason "
            f'Some("session {address_of_node(hop[1])}.{session:016x}: {what}")'
        )


def _matches(entry: Link, link: tuple[Node, Node]) -> bool:
    return entry.src in ("*", link[0]) and entry.dst in ("*", link[1])
