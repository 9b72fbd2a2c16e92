"""The task that a dropped host mesh leaves behind (supervision.md 9.4)."""

import pytest
from machines import CONFIG, host_agent

from meshsim.model.clients.host_drop import HostMeshDrop
from meshsim.model.clients.stopping import shutdown_host
from meshsim.model.events import ClockSet, Started, TimerFired
from meshsim.model.ids import ActorId, PortRef
from meshsim.model.messages import Ack, Envelope, ShutdownHost, Undeliverable
from meshsim.model.messaging.undeliverable import envelope_text
from meshsim.model.notes import Warned
from meshsim.units import S

ME = ActorId("unix:@client,host_mesh_drop-1,client[0]")
ORDER = ShutdownHost(10 * S, 16, PortRef(ME, 1024))


@pytest.fixture
def drop():
    return HostMeshDrop(ME, CONFIG, ("host0", "host1"))


def test_one_host_after_the_other_until_each_acknowledges(drop):
    first = drop.handle(Started(), 0)
    second = drop.handle(Envelope(host_agent(0), ME, Ack(), 1024), 1 * S)
    last = drop.handle(Envelope(host_agent(1), ME, Ack(), 1024), 2 * S)

    assert (first, second, last) == (
        [Envelope(ME, host_agent(0), ORDER)],
        [Envelope(ME, host_agent(1), ORDER)],
        [],
    )


def test_a_host_that_cannot_be_reached_is_logged_and_waited_for_all_the_same(drop):
    """The ack is awaited without limit, whatever became of the order."""
    drop.handle(Started(), 0)
    returned = Undeliverable(shutdown_host(ME, "host0", CONFIG, 1024), ("a", "b"))

    commands = drop.handle(Envelope(host_agent(0), ME, returned), 1 * S)

    assert commands == [Warned(ME, f"message not delivered, {envelope_text(returned.envelope, ('a', 'b'))}")]
    assert (drop.current, drop.busy, drop.accepts(1024), drop.accepts(1025)) == (0, False, True, False)


def test_nothing_else_reaches_it(drop):
    assert drop.handle(ClockSet(1), 0) == []
    with pytest.raises(AssertionError, match="cannot handle"):
        drop.handle(TimerFired(ME, "x"), 0)
