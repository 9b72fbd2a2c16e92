"""Numbers on messages and the receiver's reordering (mesh_model.md 3.7)."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from machines import ALICE, BOB, CLIENT, actor

from meshsim.model.commands import SetTimer
from meshsim.model.messages import Envelope, SeqInfo, Work
from meshsim.model.messaging.sequencing import ReorderBuffer, Sequencer, Stream, duplicate_warning, session_of

ME = CLIENT
SESSION = session_of(ME)


def numbered(number, *, session=SESSION, port=0):
    return Envelope(ME, actor(0), Work(str(number)), port, seq=SeqInfo(session, number))


def taken(buffer, *numbers):
    """The numbers that have their turn as each message arrives; None where it is dropped."""
    released = [buffer.take(numbered(number)) for number in numbers]
    return [None if ready is None else [envelope.seq.number for envelope in ready] for ready in released]


def test_a_session_is_a_uuid_of_version_7_that_follows_from_the_id():
    assert UUID(SESSION).version == 7
    assert session_of(ME) == SESSION != session_of(ALICE.actor)


def test_all_handler_ports_of_an_actor_share_a_counter_and_each_port_of_its_own_has_one():
    sequencer = Sequencer(SESSION)
    posted = [(ALICE.actor, 0), (ALICE.actor, 0), (BOB.actor, 0), (ALICE.actor, 1024), (ALICE.actor, 1025)]
    posted += [(ALICE.actor, 1024), (ALICE.actor, 0)]

    sent = sequencer.numbered_all([Envelope(ME, dest, Work(), port) for dest, port in posted])
    numbers = [envelope.seq.number for envelope in sent]

    assert numbers == [1, 2, 1, 1, 1, 2, 3]


def test_nothing_of_a_message_changes_but_its_number():
    envelope = Envelope(ME, ALICE.actor, Work("x"), 7, returnable=False, subscriber=True)

    [numbered] = Sequencer("s").numbered_all([envelope])

    assert numbered == Envelope(ME, ALICE.actor, Work("x"), 7, returnable=False, subscriber=True, seq=SeqInfo("s", 1))
    assert str(numbered.seq) == "s:1"


def test_only_messages_to_others_have_numbers():
    """A delayed message to oneself is sent by nobody in particular (3.9)."""
    commands = [SetTimer(ME, "x", 1), Envelope(ME, ME, Work(), returnable=False)]

    assert Sequencer(SESSION).numbered_all(commands) == commands


@pytest.mark.parametrize(
    ("numbers", "turns"),
    [
        ([1, 2, 3], [[1], [2], [3]]),
        ([2, 3, 1], [[], [], [1, 2, 3]]),
        ([1, 3, 2, 4], [[1], [], [2, 3], [4]]),
        ([1, 1, 2, 1], [[1], None, [2], None]),
        ([2, 2, 1], [[], None, [1, 2]]),
        ([2, 3, 4, 5], [[], [], [], []]),
    ],
    ids=["in order", "reversed", "gap", "again", "again while early", "never"],
)
def test_what_comes_early_waits_and_what_comes_again_is_dropped(numbers, turns):
    assert taken(ReorderBuffer(), *numbers) == turns


def test_senders_do_not_wait_for_each_other():
    buffer = ReorderBuffer()
    buffer.take(numbered(2))

    assert buffer.take(numbered(1, session="other")) == [numbered(1, session="other")]


@pytest.mark.parametrize("envelope", [Envelope(ME, actor(0), Work()), numbered(9, port=1024)], ids=["direct", "port"])
def test_messages_without_a_number_and_to_ports_of_the_actor_are_never_held_back(envelope):
    """A handler may wait for that very reply."""
    buffer = ReorderBuffer({SESSION: Stream(last=3)})

    assert buffer.take(envelope) == [envelope]


def test_a_dropped_message_is_told_by_sender_and_number():
    assert duplicate_warning(numbered(3)) == f"duplicate message {SESSION}:3 from {ME} is dropped"


@given(st.permutations(range(1, 9)), st.lists(st.integers(1, 8), max_size=5))
def test_whatever_the_order_each_message_has_its_turn_once(order, again):
    """And what was posted first comes first."""
    released = [numbers for numbers in taken(ReorderBuffer(), *order, *again) if numbers is not None]

    assert [number for numbers in released for number in numbers] == list(range(1, 9))
