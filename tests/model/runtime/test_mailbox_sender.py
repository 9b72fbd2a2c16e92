"""What leaves a proc before its agent is configured (the four tests of the reference's ReconfigurableMailboxSender)."""

from machines import ALICE, actor

from meshsim.model.messages import Envelope, Work
from meshsim.model.runtime.mailbox_sender import ReconfigurableMailboxSender

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
