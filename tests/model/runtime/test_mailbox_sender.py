"""What leaves a proc before its agent is configured (the four tests of the reference's ReconfigurableMailboxSender)."""

import pytest
from machines import ALICE, actor

from meshsim.model.ids import ActorId, ProcId
from meshsim.model.messages import Ack, Envelope, PassOn, Undeliverable, Work
from meshsim.model.runtime.mailbox_sender import ReconfigurableMailboxSender, forwarder_of, passed_on

ONE, TWO, THREE = (Envelope(actor(0), ALICE.actor, Work(text)) for text in ("one", "two", "three"))


def test_what_is_sent_before_configure_waits():
    sender = ReconfigurableMailboxSender()

    assert sender.post(ONE) == []
    assert sender.post(TWO) == []
    assert sender.queue == [ONE, TWO]


def test_what_is_sent_before_configure_goes_in_order_when_it_is():
    sender = ReconfigurableMailboxSender()
    sender.post(ONE)
    sender.post(TWO)

    assert sender.configure() == [ONE, TWO]
    assert sender.queue == []


def test_what_is_sent_after_configure_goes_at_once():
    sender = ReconfigurableMailboxSender()

    assert sender.configure() == []
    assert sender.post(THREE) == [THREE]


def test_it_is_configured_once():
    """The second time says so, and sends nothing again."""
    sender = ReconfigurableMailboxSender()
    sender.post(ONE)
    sender.configure()

    assert sender.configure() is None
    assert sender.post(TWO) == [TWO]


PEER, OUTSIDE = "unix:@client/w_1,_1a_1", "unix:@observer,local"


def configured_sender():
    sender = ReconfigurableMailboxSender()
    sender.configure("unix:@client", (ProcId(PEER),))
    return sender


def from_worker(dest):
    return Envelope(ActorId("unix:@client/w_0,_1a_0,trainer-1x[0]"), ActorId(dest), Ack())


@pytest.mark.parametrize("dest", [f"{PEER},trainer-1x[0]", "unix:@client,local,client[0]"])
def test_a_configured_proc_dials_its_address_book_and_its_creator(dest):
    assert configured_sender().post(from_worker(dest)) == [from_worker(dest)]


def test_what_goes_to_an_unknown_address_goes_to_the_creator_first():
    """Whose process passes it on; if it cannot be reached, the sender has its own message back."""
    message = from_worker(f"{OUTSIDE},client[0]")
    (sent,) = configured_sender().post(message)

    assert (sent.dest, sent.message) == (forwarder_of("unix:@client"), PassOn(message))
    assert passed_on(sent) == message
    back = Envelope(sent.dest, sent.sender, Undeliverable(sent, ("gone",)), returnable=False)
    returned = Envelope(message.dest, message.sender, Undeliverable(message, ("gone",)), returnable=False)
    assert passed_on(back) == returned
    assert passed_on(message) is None


def test_a_proc_in_the_process_of_its_creator_dials_as_the_creator_does():
    sender = ReconfigurableMailboxSender()
    sender.configure("unix:@client", ())
    message = Envelope(ActorId("unix:@client,_1a_0,trainer-1x[0]"), ActorId(f"{OUTSIDE},client[0]"), Ack())

    assert sender.post(message) == [message]
