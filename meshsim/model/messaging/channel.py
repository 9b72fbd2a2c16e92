"""A channel: what one process has to one address, as two machines, the sending and the receiving end.

A session numbers its messages from 0. The receiver takes only the next number, drops what it has seen, and ends the
session at a gap, so messages arrive in order and exactly once while the session lives. It acknowledges every
`MESSAGE_ACK_EVERY_N_MESSAGES` messages, or `MESSAGE_ACK_TIME_INTERVAL` after the first one that it has not
acknowledged. What is unacknowledged when the connection breaks is written again first after it is back.

The oldest message that is not acknowledged decides: `MESSAGE_DELIVERY_TIMEOUT` after it was handed over the session
closes for good, and everything comes back in sending order. Without a connection this is looked at before each attempt
to have one, up to a second late. A sender that waits for nothing watches nothing: it dials with its next message.

A message that comes back may have been delivered: only its acknowledgement is missing.

Attempts to connect have no jitter here; the reference varies each pause by a tenth.

Source: mesh_model.md 3.3; supervision.md 4.6, 13, 14.6.
"""

from __future__ import annotations

from enum import Enum
from typing import Generic, TypeVar, Union

import msgspec

from meshsim.model.config import RECONNECT_BACKOFF_FACTOR, RECONNECT_BACKOFF_NS_INITIAL, RECONNECT_BACKOFF_NS_MAX
from meshsim.model.debug_form import debug_option
from meshsim.units import debug_duration

#: What a channel carries; it never looks inside.
Item = TypeVar("Item")

SERVER_CLOSED = "server closed the channel"


class Link(Enum):
    """Connection of a sending end."""

    #: None, and nobody needs one.
    IDLE = "idle"
    #: None, and messages wait for one: attempts go on.
    DIALLING = "dialling"
    CONNECTED = "connected"
    #: For good.
    CLOSED = "closed"


TRANSITIONS: dict[Link, frozenset[Link]] = {
    Link.IDLE: frozenset({Link.DIALLING, Link.CONNECTED}),
    Link.DIALLING: frozenset({Link.CONNECTED, Link.CLOSED}),
    Link.CONNECTED: frozenset({Link.IDLE, Link.DIALLING, Link.CLOSED}),
    Link.CLOSED: frozenset(),
}


# --- events ------------------------------------------------------------------------------------------------


class Posted(msgspec.Struct, Generic[Item], frozen=True, tag="posted"):
    """Somebody hands over a message. The time-out counts from `since_ns`; `length` is that of its frame, in bytes."""

    item: Item
    since_ns: int
    length: int = 0


class Connected(msgspec.Struct, frozen=True, tag="connected"):
    """An attempt succeeded."""


class Disconnected(msgspec.Struct, frozen=True, tag="disconnected"):
    """The connection broke."""


class Acknowledged(msgspec.Struct, frozen=True, tag="acknowledged"):
    """The receiver has taken everything up to this number."""

    through: int


class Withdrawn(msgspec.Struct, Generic[Item], frozen=True, tag="withdrawn"):
    """This message needs no watching any more: whoever drives the channel knows what becomes of it."""

    item: Item


class Rejected(msgspec.Struct, frozen=True, tag="rejected"):
    """The receiver ends the session."""

    why: str


class ServerClosed(msgspec.Struct, frozen=True, tag="server_closed"):
    """The receiver closes in an orderly way, and tells whoever is connected."""


class Woken(msgspec.Struct, frozen=True, tag="woken"):
    """The time that `WakeAt` asked for."""


class Arrived(msgspec.Struct, Generic[Item], frozen=True, tag="arrived"):
    """A frame reaches the receiving end."""

    seq: int
    item: Item


SenderEvent = Union[Posted[Item], Connected, Disconnected, Acknowledged, Withdrawn[Item], Rejected, ServerClosed, Woken]
ReceiverEvent = Union[Arrived[Item], Woken]


# --- commands ----------------------------------------------------------------------------------------------


class Write(msgspec.Struct, Generic[Item], frozen=True, tag="write"):
    """Put a frame on the connection."""

    seq: int
    item: Item


class WakeAt(msgspec.Struct, frozen=True, tag="wake_at"):
    """Ask for one `Woken` at this time. What is asked for later never comes before it."""

    at_ns: int


class Bounce(msgspec.Struct, Generic[Item], frozen=True, tag="bounce"):
    """These messages come back, in sending order, with this delivery error."""

    items: tuple[Item, ...]
    error: str


class Deliver(msgspec.Struct, Generic[Item], frozen=True, tag="deliver"):
    item: Item


class Acknowledge(msgspec.Struct, frozen=True, tag="acknowledge"):
    """Tell the sender that everything up to this number is taken."""

    through: int


class Reject(msgspec.Struct, frozen=True, tag="reject"):
    """End the session: `Rejected` for the sender."""

    why: str


SenderCommand = Union[Write[Item], WakeAt, Bounce[Item]]
ReceiverCommand = Union[Deliver[Item], Acknowledge, Reject, WakeAt]


# --- texts -------------------------------------------------------------------------------------------------


def closed_error(reason: str | None) -> str:
    """Delivery error of what a closed channel gives back; without a reason, of what came after it had closed."""
    return (
        "broken link: failed to enqueue in MailboxClient when processing buffer: "
        f"channel closed with reason {debug_option(reason)}"
    )


def rejection(why: str) -> str:
    return f"server rejected connection due to: {why}"


def out_of_sequence(expected: int, got: int) -> str:
    return f"out-of-sequence message, expected seq {expected}, got {got}"


def oversize(length: int, limit: int) -> str:
    return (
        f"rejecting oversize frame: len={length} > max={limit}. ack will not arrive before timeout; "
        "increase CODEC_MAX_FRAME_LENGTH to allow."
    )


# --- the sending end ---------------------------------------------------------------------------------------


def first_attempt(since_ns: int, not_before_ns: int) -> int:
    """When the first attempt to connect is made that does not come before a time.

    Attempts begin at `since_ns`; the pauses between them double from 1 ms to 1 s.
    """
    at_ns, pause_ns = since_ns, RECONNECT_BACKOFF_NS_INITIAL
    while at_ns < not_before_ns and pause_ns < RECONNECT_BACKOFF_NS_MAX:
        at_ns += pause_ns
        pause_ns = min(pause_ns * RECONNECT_BACKOFF_FACTOR, RECONNECT_BACKOFF_NS_MAX)
    missing_ns = max(not_before_ns - at_ns, 0)
    return at_ns + -(-missing_ns // RECONNECT_BACKOFF_NS_MAX) * RECONNECT_BACKOFF_NS_MAX


class Waiting(msgspec.Struct, Generic[Item]):
    """A message that is not acknowledged."""

    seq: int
    item: Item
    since_ns: int
    length: int


class ChannelSender(msgspec.Struct, Generic[Item]):
    """One session to one address. Change it through `handle` alone."""

    #: `{address}.{16 hex digits}`.
    session: str
    #: `MESSAGE_DELIVERY_TIMEOUT`.
    timeout_ns: int
    #: `CODEC_MAX_FRAME_LENGTH`.
    frame_length_max: int
    link: Link = Link.IDLE
    next_seq: int = 0
    #: Written and not acknowledged; with those of a connection that broke.
    unacknowledged: list[Waiting[Item]] = []
    #: Not written yet.
    queued: list[Waiting[Item]] = []
    #: First attempt of those that go on.
    dialling_ns: int = 0
    #: What `WakeAt` asked for and has not come.
    wake_ns: int | None = None

    def handle(self, event: SenderEvent[Item], now_ns: int) -> list[SenderCommand[Item]]:
        """Take one event and return what follows from it."""
        match event:
            case Posted():
                commands = self._on_posted(event)
            case Connected():
                commands = self._on_connected()
            case Disconnected():
                commands = self._on_disconnected(now_ns)
            case Acknowledged(through=through):
                commands = []
                self.unacknowledged = [each for each in self.unacknowledged if each.seq > through]
            case Withdrawn(item=item):
                commands = []
                self.unacknowledged = [each for each in self.unacknowledged if each.item is not item]
                self.queued = [each for each in self.queued if each.item is not item]
            case Rejected(why=why):
                commands = self._on_told_to_end(rejection(why))
            case ServerClosed():
                commands = self._on_told_to_end(SERVER_CLOSED)
            case Woken():
                commands = self._on_woken(now_ns)
        return commands + self._watch()

    @property
    def waiting(self) -> list[Waiting[Item]]:
        """Everything unacknowledged, then everything queued: in sending order."""
        return self.unacknowledged + self.queued

    def _on_posted(self, posted: Posted[Item]) -> list[SenderCommand[Item]]:
        if self.link is Link.CLOSED:
            return [Bounce((posted.item,), closed_error(None))]
        self.queued.append(Waiting(self.next_seq, posted.item, posted.since_ns, posted.length))
        self.next_seq += 1
        if self.link is Link.CONNECTED:
            return self._write_queued()
        if self.link is Link.IDLE:
            self._move_to(Link.DIALLING)
            self.dialling_ns = posted.since_ns
        return []

    def _on_connected(self) -> list[SenderCommand[Item]]:
        """What was unacknowledged is written again, before what was not written yet."""
        self._move_to(Link.CONNECTED)
        again: list[SenderCommand[Item]] = [Write(each.seq, each.item) for each in self.unacknowledged]
        return again + self._write_queued()

    def _write_queued(self) -> list[SenderCommand[Item]]:
        commands: list[SenderCommand[Item]] = []
        while self.queued:
            first = self.queued[0]
            if first.length > self.frame_length_max:
                return commands + self._close(oversize(first.length, self.frame_length_max))
            commands.append(Write(first.seq, first.item))
            self.unacknowledged.append(self.queued.pop(0))
        return commands

    def _on_disconnected(self, now_ns: int) -> list[SenderCommand[Item]]:
        if self.link is Link.CONNECTED:
            self._move_to(Link.DIALLING if self.unacknowledged else Link.IDLE)
            self.dialling_ns = now_ns
        return []

    def _on_told_to_end(self, reason: str) -> list[SenderCommand[Item]]:
        """Only a sender that is connected can be told."""
        return self._close(reason) if self.link is Link.CONNECTED else []

    def _on_woken(self, now_ns: int) -> list[SenderCommand[Item]]:
        if self.wake_ns is None or now_ns < self.wake_ns:
            return []
        self.wake_ns = None
        due_ns = self._due_ns()
        if due_ns is None or now_ns < due_ns:
            return []
        return self._close(f"session {self.session}: {self._expiry()}")

    def _expiry(self) -> str:
        limit = debug_duration(self.timeout_ns)
        if not self.unacknowledged:
            return f"failed to deliver message within timeout {limit}"
        link = "connected" if self.link is Link.CONNECTED else "broken"
        return f"failed to receive ack within timeout {limit}; link is currently {link}"

    def _due_ns(self) -> int | None:
        """When the oldest message will have waited too long; none when nothing waits."""
        oldest = self.unacknowledged or self.queued
        if not oldest:
            return None
        deadline_ns = oldest[0].since_ns + self.timeout_ns
        return first_attempt(self.dialling_ns, deadline_ns) if self.link is Link.DIALLING else deadline_ns

    def _watch(self) -> list[SenderCommand[Item]]:
        """A wake that comes too early asks for the rest."""
        due_ns = self._due_ns()
        if due_ns is None or (self.wake_ns is not None and self.wake_ns <= due_ns):
            return []
        self.wake_ns = due_ns
        return [WakeAt(due_ns)]

    def _close(self, reason: str) -> list[SenderCommand[Item]]:
        self._move_to(Link.CLOSED)
        items = tuple(each.item for each in self.waiting)
        self.unacknowledged, self.queued = [], []
        return [Bounce(items, closed_error(reason))] if items else []

    def _move_to(self, link: Link) -> None:
        assert link in TRANSITIONS[self.link], f"channel {self.session}: {self.link.value} -> {link.value}"
        self.link = link


# --- the receiving end -------------------------------------------------------------------------------------


class AckRule(msgspec.Struct):
    """When acknowledgements go out: shared by the receiving end and by whoever only counts what it takes."""

    #: `MESSAGE_ACK_TIME_INTERVAL`.
    interval_ns: int
    #: `MESSAGE_ACK_EVERY_N_MESSAGES`.
    every: int
    #: Messages taken and not acknowledged, and when the first of them was.
    count: int = 0
    first_ns: int = 0

    def is_due(self, now_ns: int) -> bool:
        """Whether the acknowledgement has gone out by now because of the time."""
        return self.count > 0 and now_ns >= self.first_ns + self.interval_ns

    def take(self, now_ns: int) -> bool:
        """One more message; whether it is acknowledged at once because of the number."""
        if not self.count:
            self.first_ns = now_ns
        self.count += 1
        return self.count >= self.every


class ChannelReceiver(msgspec.Struct, Generic[Item]):
    """The receiving end of one session; it outlives connections. Change it through `handle` alone."""

    rule: AckRule
    #: The only number that is taken next.
    expected: int = 0
    #: A gap ended the session.
    is_over: bool = False

    def handle(self, event: ReceiverEvent[Item], now_ns: int) -> list[ReceiverCommand[Item]]:
        """Take one event and return what follows from it."""
        if self.is_over:
            return []  # Frames that were on the way.
        match event:
            case Arrived(seq=seq, item=item):
                return self._on_arrived(seq, item, now_ns)
            case Woken():
                return self._acknowledge() if self.rule.is_due(now_ns) else []

    def _on_arrived(self, seq: int, item: Item, now_ns: int) -> list[ReceiverCommand[Item]]:
        """A message that was seen before is not delivered, but its sender lacks an acknowledgement: it counts."""
        if seq > self.expected:
            self.is_over = True
            return [Reject(out_of_sequence(self.expected, seq))]
        commands: list[ReceiverCommand[Item]] = []
        if seq == self.expected:
            self.expected += 1
            commands.append(Deliver(item))
        is_first = not self.rule.count
        if self.rule.take(now_ns):
            return commands + self._acknowledge()
        return [*commands, WakeAt(now_ns + self.rule.interval_ns)] if is_first else commands

    def _acknowledge(self) -> list[ReceiverCommand[Item]]:
        self.rule.count = 0
        return [Acknowledge(self.expected - 1)]
