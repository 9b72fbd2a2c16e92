"""The root client: it owns, subscribes and waits, and never fails (supervision.md 1.1, 4.6, 12)."""

import pytest
from machines import CLIENT, CONFIG, CONTROLLER, MESH, actor, actor_mesh, agent, event_of, host_agent, overlay

from meshsim.model.clients.client import Client
from meshsim.model.clients.context import Context
from meshsim.model.config import Config
from meshsim.model.events import ActorEnded, ActorSpawned, ChildFailed, CleanupStarted, ClockSet, Started, TimerFired
from meshsim.model.ids import Name, NameSource
from meshsim.model.messages import Ack, ActorEvent, Envelope, MeshFailed, Operate, Undeliverable, Work
from meshsim.model.messaging.undeliverable import port_id
from meshsim.model.notes import Heard, Heartbeat, OperationEnded, OperationStarted, Warned
from meshsim.model.operations import (
    CountSubscribers,
    EndSelf,
    ListProcs,
    QueryMesh,
    ShutdownHosts,
    SpawnProcs,
    StopActors,
    SubscribeTo,
)
from meshsim.model.status import RUNNING
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


#: How the error of an operation names who could not be asked.
COMES_BACK = "message not delivered: to {}: broken link: a"
LOST = Envelope(CLIENT, host_agent(0), Work("x"))
LOGGED = Warned(CLIENT, f"message not delivered: to {host_agent(0)}: broken link: a; ttl expired")


def with_sink(off=""):
    context = Context(CLIENT, Config.of({}, tuple(off.split())), NameSource(7), sink=agent(2))
    return Client(CLIENT, context)


@pytest.mark.parametrize("machine", [client(), with_sink("Q34")])
def test_no_crash_without_sink(machine):
    """A message that comes back is logged, to the letter; without a sink that is all."""
    assert machine.handle(tell(Undeliverable(LOST, ("broken link: a", "ttl expired"))), 0) == [LOGGED]


@pytest.mark.parametrize(
    ("operation", "off", "error", "result"),
    [
        (StopActors(actor_mesh(2), "done"), "Q57", COMES_BACK, ""),
        (QueryMesh(actor_mesh(2)), "Q57", COMES_BACK, ""),
        (CountSubscribers(actor_mesh(2)), "Q57", COMES_BACK, ""),
        (ListProcs("host0"), "Q57", COMES_BACK, ""),
        (ShutdownHosts(("host0",)), "Q57", None, ""),
        (QueryMesh(actor_mesh(2)), "", "never ends", ""),
    ],
    ids=["stop", "query", "count", "list", "shutdown", "with the quirk"],
)
def test_a_question_that_comes_back_ends_the_operation_without_q57(operation, off, error, result):
    """It would be waited for without a limit. A host that is gone is logged by a shutdown, which ends well (9.4)."""
    machine = Client(CLIENT, Context(CLIENT, Config.of({}, tuple(off.split())), NameSource(7)))
    question = machine.handle(tell(Operate(4, operation)), 0)[-1]

    commands = machine.handle(tell(Undeliverable(question, ("broken link: a",))), 5)

    ends = [
        (command.index, command.error, command.result) for command in commands if isinstance(command, OperationEnded)
    ]
    assert ends == ([] if error == "never ends" else [(4, error and error.format(question.dest), result)])
    assert commands[0] == Warned(CLIENT, COMES_BACK.format(question.dest))


def test_a_shutdown_goes_on_with_the_next_host_when_one_is_gone():
    """Without Q57; and what comes back of an operation that is over means nothing."""
    machine = Client(CLIENT, Context(CLIENT, Config.of({}, ("Q57",)), NameSource(7)))
    first = machine.handle(tell(Operate(4, ShutdownHosts(("host0", "host1")))), 0)[-1]

    second = machine.handle(tell(Undeliverable(first, ("gone",))), 5)[-1]
    machine.handle(tell(Ack(), port=first.message.ack.index), 6)

    assert (first.dest, second.dest) == (host_agent(0), host_agent(1))
    assert len(machine.handle(tell(Undeliverable(second, ("gone",))), 7)) == 1


def test_undeliverable_forwarded_to_sink():
    """Q34: as a failure of whoever the message was for."""
    commands = with_sink().handle(tell(Undeliverable(LOST, ("broken link: a", "ttl expired"))), 3)

    data = '{"type":"work","text":"x","busy_ns":0}'
    text = f"message not delivered: {CLIENT} > {port_id(LOST)}: {data}: delivery error: broken link: a; ttl expired"
    event = event_of(host_agent(0), actor_failed(Generic(text)), at_ns=3)
    assert commands == [LOGGED, Envelope(CLIENT, agent(2), ActorEvent(event), returnable=False)]


def test_sink_installed_after_mesh_creation():
    """There is none before, and it is the agent of rank 0; the spawn of the mesh need not be over."""
    machine = client()
    machine.handle(tell(Operate(0, SpawnProcs("v", ("host0",), (("hosts", 1),), ()))), 0)
    before = machine.context.sink

    machine.handle(overlay(host_agent(0), CLIENT, 1024, (0, 1, RUNNING)), 1)

    assert before is None
    assert machine.context.sink == machine.context.running[1024].run.procs[0].agent


def test_last_sink_wins():
    """The one that was created last: here the first that was asked for."""
    machine, sinks = client(), []
    for label, host in (("v", "host0"), ("w", "host1")):
        machine.handle(tell(Operate(0, SpawnProcs(label, (host,), (("hosts", 1),), ()))), 0)
    for port in (1026, 1024):
        machine.handle(overlay(host_agent(0), CLIENT, port, (0, 1, RUNNING)), 1)
        sinks.append(machine.context.sink)

    created = [machine.context.running[port].run.procs[0].agent for port in (1026, 1024)]
    assert sinks == created


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
