"""The root client: it owns, subscribes and waits, and never fails (supervision.md 1.1, 4.6, 12)."""

import pytest
from machines import CLIENT, CONFIG, CONTROLLER, MESH, actor, actor_mesh, event_of, host_agent

from meshsim.model.client import Client
from meshsim.model.context import Context
from meshsim.model.events import ActorEnded, ActorSpawned, ChildFailed, CleanupStarted, ClockSet, Started, TimerFired
from meshsim.model.ids import Name, NameSource
from meshsim.model.messages import Ack, Envelope, MeshFailed, Operate, Undeliverable, Work
from meshsim.model.notes import Heard, Heartbeat, OperationEnded, OperationStarted, Warned
from meshsim.model.operations import EndSelf, ShutdownHosts, SubscribeTo
from meshsim.model.supervision import Generic, MeshFailure, actor_failed, actor_stopped

BOOM = event_of(actor(0), actor_failed(Generic("boom")))
STOPPED = event_of(actor(0), actor_stopped("process exited cleanly"))


def client():
    return Client(CLIENT, Context(CLIENT, CONFIG, NameSource(7)))


def tell(message, port=0):
    return Envelope(CONTROLLER, CLIENT, message, port)


@pytest.mark.parametrize(
    "event",
    [Started(), CleanupStarted(failed=False), ClockSet(5), ActorEnded(actor(0), actor_stopped("")), tell(Work())],
)
def test_a_client_takes_what_concerns_it_little(event):
    machine = client()

    assert machine.handle(event, 0) == []
    assert not machine.busy


@pytest.mark.parametrize(
    ("event", "status", "text"),
    [(BOOM, "Failed", "failed: boom"), (STOPPED, "Stopped", "stopped: process exited cleanly")],
)
def test_failures_are_heard_and_absorbed(event, status, text):
    """As an owner of a mesh, and as the parent of an actor such as a controller that failed."""
    machine, failure = client(), MeshFailure(MESH, 0, event)

    owner = machine.handle(tell(MeshFailed(failure)), 0)
    parent = machine.handle(ChildFailed(event), 0)

    alone = MeshFailure(None, None, event)
    assert owner == [Heard(CLIENT, "owner", "", 0, status, text, actor(0), failure)]
    assert parent == [Heard(CLIENT, "parent", "", None, status, text, actor(0), alone)]


def test_messages_that_come_back_are_logged():
    """Golden text of the log line; there is no supervision sink yet (Q34)."""
    lost = Envelope(CLIENT, host_agent(0), Work())

    commands = client().handle(tell(Undeliverable(lost, ("broken link: a", "ttl expired"))), 0)

    text = f"message not delivered: to {host_agent(0)}: broken link: a; ttl expired"
    assert commands == [Warned(CLIENT, text)]


def test_operations_and_subscriptions_are_those_of_its_context():
    machine = client()
    machine.handle(tell(Operate(0, SubscribeTo(actor_mesh(1)))), 0)

    assert machine.accepts(1024)
    assert machine.handle(tell(MeshFailed(None), 1024), 1) == [Heartbeat(CLIENT, "a")]
    assert len(machine.handle(TimerFired(CLIENT, "watchdog:1024"), 2 * CONFIG.supervision_watchdog_timeout)) == 2


def test_an_operation_ends_with_the_reply_to_its_port():
    machine = client()
    begun = machine.handle(tell(Operate(3, ShutdownHosts(("host0",)))), 0)

    ended = machine.handle(tell(Ack(), 1024), 1)

    assert begun[0] == OperationStarted(3, CLIENT, "shutdown_hosts", "host0")
    assert ended == [OperationEnded(3, CLIENT, "shutdown_hosts", "host0", None)]


def test_a_script_ends_with_its_client():
    commands = client().handle(tell(Operate(0, EndSelf("done"))), 0)

    assert [type(command).__name__ for command in commands] == ["OperationStarted", "StopSelf", "OperationEnded"]


@pytest.mark.parametrize("event", [tell(Ack()), ActorSpawned(Name("x"), None)])
def test_what_a_client_cannot_take_is_an_assertion(event):
    with pytest.raises(AssertionError):
        client().handle(event, 0)
