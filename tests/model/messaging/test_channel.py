"""The channel: both ends by themselves, and joined by a link that breaks, repeats and loses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshsim.model.messaging.channel import (
    TRANSITIONS,
    Acknowledge,
    Acknowledged,
    AckRule,
    Arrived,
    Bounce,
    ChannelReceiver,
    ChannelSender,
    Connected,
    Deliver,
    Disconnected,
    Link,
    Posted,
    Reject,
    Rejected,
    ServerClosed,
    WakeAt,
    Withdrawn,
    Woken,
    Write,
    closed_error,
    first_attempt,
)
from meshsim.units import MS, S

SESSION = "unix:@host1.00000000000000ff"
BROKEN_LINK = "broken link: failed to enqueue in MailboxClient when processing buffer: channel closed with reason "
NOT_DELIVERED = f'{BROKEN_LINK}Some("session {SESSION}: failed to deliver message within timeout 30s")'
NO_ACK = f'{BROKEN_LINK}Some("session {SESSION}: failed to receive ack within timeout 30s; link is currently {{}}")'


def sender(**state: object) -> ChannelSender[str]:
    return ChannelSender(session=SESSION, timeout_ns=30 * S, frame_length_max=1000, **state)  # type: ignore[arg-type]


def receiver(*, every: int = 1000) -> ChannelReceiver[str]:
    return ChannelReceiver(AckRule(interval_ns=500 * MS, every=every))


def connected(*items: str, since_ns: int = 0) -> ChannelSender[str]:
    """A sender that has written these and waits for acknowledgements."""
    channel = sender()
    channel.handle(Connected(), since_ns)
    for item in items:
        channel.handle(Posted(item, since_ns), since_ns)
    return channel


# --- the sending end -----------------------------------------------------------------------------------------


def test_messages_are_numbered_from_0_and_written_at_once_while_connected():
    """The first one asks to be woken at its time-out; the others wait no longer than it."""
    channel = sender()

    assert channel.handle(Connected(), 0) == []
    assert channel.handle(Posted("a", 1 * S), 1 * S) == [Write(0, "a"), WakeAt(31 * S)]
    assert channel.handle(Posted("b", 2 * S), 2 * S) == [Write(1, "b")]


def test_without_a_connection_messages_are_queued_and_written_when_there_is_one():
    channel = sender()

    assert channel.handle(Posted("a", 0), 0) == [WakeAt(30 * S + 23 * MS)]
    assert channel.handle(Posted("b", 5), 5) == []
    assert channel.link is Link.DIALLING
    assert channel.handle(Connected(), 1 * S) == [Write(0, "a"), Write(1, "b"), WakeAt(30 * S)]


def test_what_is_unacknowledged_is_written_again_before_what_was_never_written():
    """With the numbers it had: the receiver knows them."""
    channel = connected("a", "b", "c")
    channel.handle(Acknowledged(0), 1 * S)
    channel.handle(Disconnected(), 2 * S)
    channel.handle(Posted("d", 3 * S), 3 * S)

    assert channel.handle(Connected(), 4 * S) == [Write(1, "b"), Write(2, "c"), Write(3, "d")]


def test_an_idle_sender_watches_nothing_and_dials_with_its_next_message():
    """Only then its 30 s begin (the quiet half of hosts that die unnoticed)."""
    channel = connected("a")
    channel.handle(Acknowledged(0), 1 * S)

    assert channel.handle(Disconnected(), 2 * S) == []
    assert channel.link is Link.IDLE
    assert channel.handle(Woken(), 30 * S) == []
    assert channel.handle(Posted("b", 100 * S), 100 * S) == [WakeAt(130 * S + 23 * MS)]


@pytest.mark.parametrize(
    ("not_before_ms", "attempt_ms"),
    [(0, 0), (1, 1), (2, 3), (4, 7), (512, 1023), (1024, 2023), (2023, 2023), (29_023, 29_023), (30_000, 30_023)],
)
def test_pauses_between_attempts_double_from_1_ms_to_1_s(not_before_ms, attempt_ms):
    """At 0, 1, 3, 7, 15, … 1023 ms after the break, and every second from there."""
    assert first_attempt(5 * S, 5 * S + not_before_ms * MS) == 5 * S + attempt_ms * MS


def closing_never_written():
    channel = sender()
    channel.handle(Posted("a", 0), 0)
    channel.handle(Posted("b", 9 * S), 9 * S)
    return channel, Woken(), 30 * S + 23 * MS


def closing_unacknowledged():
    channel = connected("a", "b")
    return channel, Woken(), 30 * S


def closing_broken():
    """It broke at 10 s: attempts at 11.023 s and every second after that."""
    channel = connected("a")
    channel.handle(Disconnected(), 10 * S)
    channel.handle(Posted("b", 20 * S), 20 * S)
    channel.handle(Woken(), 30 * S)
    return channel, Woken(), 30 * S + 23 * MS


def closing_orderly():
    return connected("a", "b"), ServerClosed(), 1 * S


def closing_rejected():
    return connected("a", "b"), Rejected("out-of-sequence message, expected seq 4, got 6"), 1 * S


def closing_oversize():
    return connected("a"), Posted("b", 1 * S, length=1001), 1 * S


@pytest.mark.parametrize(
    ("scene", "error"),
    [
        (closing_never_written, NOT_DELIVERED),
        (closing_unacknowledged, NO_ACK.format("connected")),
        (closing_broken, NO_ACK.format("broken")),
        (closing_orderly, f'{BROKEN_LINK}Some("server closed the channel")'),
        (
            closing_rejected,
            f'{BROKEN_LINK}Some("server rejected connection due to: out-of-sequence message, expected seq 4, got 6")',
        ),
        (
            closing_oversize,
            f'{BROKEN_LINK}Some("rejecting oversize frame: len=1001 > max=1000. ack will not arrive before timeout; '
            'increase CODEC_MAX_FRAME_LENGTH to allow.")',
        ),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_channel_closes_for_good_and_gives_back_everything_in_sending_order(scene, error):
    """Unacknowledged first, then queued; only time-outs name the session. What comes later comes back at once."""
    channel, last_word, now_ns = scene()

    commands = channel.handle(last_word, now_ns)

    waited = ("a", "b")
    assert commands == [Bounce(waited, error)]
    assert (channel.link, channel.waiting) == (Link.CLOSED, [])
    assert channel.handle(Posted("z", now_ns), now_ns) == [Bounce(("z",), f"{BROKEN_LINK}None")]


@pytest.mark.parametrize("event", [ServerClosed(), Rejected("x"), Disconnected(), Woken(), Acknowledged(7)])
def test_a_sender_without_a_connection_cannot_be_told(event):
    """What comes too late, or for nobody, changes nothing."""
    channel = sender()

    assert channel.handle(event, 1 * S) == []
    assert channel == sender()


def test_a_wake_that_comes_early_asks_for_the_rest():
    """The oldest was acknowledged meanwhile: the next one has its own time."""
    channel = connected("a")
    channel.handle(Posted("b", 10 * S), 10 * S)
    channel.handle(Acknowledged(0), 11 * S)

    assert channel.handle(Woken(), 29 * S) == []
    assert channel.handle(Woken(), 30 * S) == [WakeAt(40 * S)]
    assert channel.handle(Woken(), 40 * S) == [Bounce(("b",), NO_ACK.format("connected"))]


def test_a_message_that_is_withdrawn_does_not_come_back():
    """By identity: two equal messages are two."""
    first, second = "".join(["a", "b"]), "".join(["a", "b"])
    channel = connected(first, second)

    channel.handle(Withdrawn(first), 1 * S)

    assert [each.seq for each in channel.waiting] == [1]


def test_every_transition_leads_somewhere_known():
    assert set(TRANSITIONS) == set(Link)
    assert TRANSITIONS[Link.CLOSED] == frozenset()


# --- the receiving end ---------------------------------------------------------------------------------------


def test_the_receiver_takes_only_the_next_number():
    """What was seen before is dropped; a gap is fatal, and nothing is taken after it."""
    end = receiver()

    assert end.handle(Arrived(0, "a"), 0) == [Deliver("a"), WakeAt(500 * MS)]
    assert end.handle(Arrived(1, "b"), 1) == [Deliver("b")]
    assert end.handle(Arrived(0, "a"), 2) == []
    assert end.handle(Arrived(3, "d"), 3) == [Reject("out-of-sequence message, expected seq 2, got 3")]
    assert end.handle(Arrived(2, "c"), 4) == []


def test_acknowledgements_come_an_interval_after_the_first_message_they_cover():
    end = receiver()
    end.handle(Arrived(0, "a"), 100 * MS)
    end.handle(Arrived(1, "b"), 500 * MS)

    assert end.handle(Woken(), 599 * MS) == []
    assert end.handle(Woken(), 600 * MS) == [Acknowledge(1)]
    assert end.handle(Woken(), 1200 * MS) == []
    assert end.handle(Arrived(2, "c"), 1300 * MS) == [Deliver("c"), WakeAt(1800 * MS)]


def test_acknowledgements_come_at_once_for_the_nth_message():
    """MESSAGE_ACK_EVERY_N_MESSAGES; the interval begins anew with the next one."""
    end = receiver(every=3)
    end.handle(Arrived(0, "a"), 0)
    end.handle(Arrived(1, "b"), 0)

    assert end.handle(Arrived(2, "c"), 0) == [Deliver("c"), Acknowledge(2)]
    assert end.handle(Woken(), 500 * MS) == []


def test_a_retransmission_is_acknowledged_again():
    """Its sender has not seen the first acknowledgement."""
    end = receiver()
    end.handle(Arrived(0, "a"), 0)
    end.handle(Woken(), 500 * MS)

    assert end.handle(Arrived(0, "a"), 2 * S) == [WakeAt(2500 * MS)]
    assert end.handle(Woken(), 2500 * MS) == [Acknowledge(0)]


# --- both ends -----------------------------------------------------------------------------------------------


class Joined:
    """Two ends and the wire between them; the wire may break, and then what is on it may be lost or arrive twice."""

    def __init__(self) -> None:
        self.sender, self.receiver = sender(), receiver(every=3)
        self.now_ns = 0
        self.posted: list[str] = []
        self.delivered: list[str] = []
        self.bounced: list[str] = []
        self.frames: list[Write[str]] = []
        self.acks: list[Acknowledge] = []
        self.wakes: list[int] = []
        self.receiver_wakes: list[int] = []

    def tell_sender(self, event: object) -> None:
        for command in self.sender.handle(event, self.now_ns):  # type: ignore[arg-type]
            match command:
                case Write():
                    self.frames.append(command)
                case WakeAt(at_ns=at_ns):
                    self.wakes.append(at_ns)
                case Bounce(items=items):
                    self.bounced += items

    def tell_receiver(self, event: object) -> None:
        for command in self.receiver.handle(event, self.now_ns):  # type: ignore[arg-type]
            match command:
                case Deliver(item=item):
                    self.delivered.append(item)
                case Acknowledge():
                    self.acks.append(command)
                case WakeAt(at_ns=at_ns):
                    self.receiver_wakes.append(at_ns)
                case Reject():
                    raise AssertionError("no wire of this test makes a gap")

    def do(self, what: str) -> None:
        is_connected = self.sender.link is Link.CONNECTED
        match what:
            case "post":
                self.posted.append(f"m{len(self.posted)}")
                self.tell_sender(Posted(self.posted[-1], self.now_ns))
            case "arrive" if self.frames and is_connected:
                self.tell_receiver(Arrived(self.frames[0].seq, self.frames.pop(0).item))
            case "repeat" if self.frames and is_connected:
                self.tell_receiver(Arrived(self.frames[0].seq, self.frames[0].item))
            case "ack" if self.acks and is_connected:
                self.tell_sender(Acknowledged(self.acks.pop(0).through))
            case "break" if is_connected:
                self.frames.clear()
                self.acks.clear()
                self.tell_sender(Disconnected())
            case "connect" if self.sender.link in (Link.IDLE, Link.DIALLING):
                self.tell_sender(Connected())
            case "wait":
                self.wait(700 * MS)
            case "wait long":
                self.wait(12 * S)
            case _:
                pass

    def wait(self, for_ns: int) -> None:
        end_ns = self.now_ns + for_ns
        while (due_ns := min([*self.wakes, *self.receiver_wakes], default=end_ns + 1)) <= end_ns:
            self.now_ns = due_ns
            for wakes, tell in ((self.wakes, self.tell_sender), (self.receiver_wakes, self.tell_receiver)):
                while due_ns in wakes:
                    wakes.remove(due_ns)
                    tell(Woken())
        self.now_ns = end_ns


STEPS = st.lists(
    st.sampled_from(["post", "arrive", "repeat", "ack", "break", "connect", "wait", "wait long"]), max_size=80
)


@given(STEPS)
def test_what_is_delivered_is_a_prefix_of_what_was_posted_once_each(steps):
    """Whatever breaks and repeats. Nothing is acknowledged that was not delivered, and nothing is forgotten."""
    both = Joined()

    for step in steps:
        both.do(step)

        assert both.delivered == both.posted[: len(both.delivered)]
        waiting = [each.item for each in both.sender.waiting]
        if both.sender.link is Link.CLOSED:
            assert waiting == []
        else:
            assert both.bounced == []
            acknowledged = both.posted[: len(both.posted) - len(waiting)]
            assert acknowledged + waiting == both.posted
            assert len(acknowledged) <= len(both.delivered)


@given(STEPS)
def test_a_message_waits_no_longer_than_the_timeout_and_the_pause_between_two_attempts(steps):
    """Then it is acknowledged or comes back, in sending order, whatever came before; it may have been delivered."""
    both = Joined()

    for step in steps:
        both.do(step)
    both.wait(32 * S)

    assert both.sender.waiting == []
    assert both.bounced == both.posted[len(both.posted) - len(both.bounced) :]
    assert set(both.posted) == set(both.delivered) | set(both.bounced)


def test_a_message_that_comes_back_may_have_been_delivered():
    """Its acknowledgement was lost with the connection: at most once is not guaranteed across a bounce."""
    both = Joined()
    for step in ("connect", "post", "arrive", "wait", "break"):
        both.do(step)

    both.wait(32 * S)

    assert (both.delivered, both.bounced) == (["m0"], ["m0"])


def test_the_error_of_what_comes_after_the_end_has_no_reason():
    assert closed_error(None) == f"{BROKEN_LINK}None"
