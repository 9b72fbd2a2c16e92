"""What an actor that owns and uses meshes can do: operations side by side, subscriptions, health (12, 9, 10)."""

import msgspec
import pytest
from machines import (
    CLIENT,
    CONFIG,
    CONTROLLER,
    MESH,
    actor,
    actor_mesh,
    agent,
    directly,
    event_of,
    host_agent,
    overlay,
    proc_mesh,
)

from meshsim.model.clients.context import Context
from meshsim.model.commands import CancelTimer, SetTimer, SpawnChild, StopSelf
from meshsim.model.events import ActorSpawned, TimerFired
from meshsim.model.ids import Name, NameSource, PortRef
from meshsim.model.messages import (
    Ack,
    Envelope,
    GetState,
    GetSubscriberCount,
    MeshFailed,
    MeshRefSent,
    Operate,
    ShutdownHost,
    StateReply,
    Stop,
    Subscribe,
    SubscriberCount,
    Work,
)
from meshsim.model.notes import Heard, Heartbeat, MeshSpawned, OperationEnded, OperationStarted, ReferenceMade
from meshsim.model.operations import (
    AwaitEvent,
    CastTo,
    CloneRef,
    CountSubscribers,
    DropRef,
    EndSelf,
    QueryMesh,
    SendRef,
    ShutdownHosts,
    SliceMesh,
    SpawnActors,
    SpawnProcs,
    StopActors,
    StopProcs,
    SubscribeTo,
)
from meshsim.model.shapes.slice import Range
from meshsim.model.status import RUNNING, STOPPED, STOPPING, MeshState, State
from meshsim.model.supervision import Generic, MeshFailure, actor_failed, actor_stopped, failure_text
from meshsim.units import S

A = actor_mesh(2)
W = CONFIG.supervision_watchdog_timeout
BOOM = MeshFailure(MESH, 1, event_of(actor(1), actor_failed(Generic("boom"))))
MESH_STOPPED = MeshFailure(MESH, None, event_of(actor(0), actor_stopped("mesh stopped"), at_ns=5 * S))


def context():
    return Context(CLIENT, CONFIG, NameSource(7))


def did(machine, operation, index=0, now_ns=0):
    return machine.operate(Operate(index, operation), now_ns)


def started(operation, label, index=0):
    return OperationStarted(index, CLIENT, operation, label)


def over(operation, label, error=None, result="", index=0):
    return OperationEnded(index, CLIENT, operation, label, error, result)


def heard(failure, role="subscriber", label="a"):
    status = failure.event.actor_status
    kind = "Failed" if status.is_failed else "Stopped"
    text = "failed: boom" if status.is_failed else f"stopped: {status.reason}"
    return Heard(CLIENT, role, label, failure.rank, kind, text, failure.event.actor_id, failure)


def from_controller(message, port):
    return Envelope(CONTROLLER, CLIENT, message, port)


def stop_reply(port, *statuses):
    return from_controller(StateReply(State(MESH, STOPPED, MeshState(statuses))), port)


def stopped(machine, *statuses, now_ns=5 * S):
    """The actor stops the mesh, and this is what the controller says."""
    port = machine.next_port
    did(machine, StopActors(A, "enough"))
    return machine.on_port(stop_reply(port, *statuses), now_ns)


# --- operations --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "tag", "label", "sends"),
    [
        (SpawnProcs("w", ("host0",), (("hosts", 1),), (("gpus", 2),)), "spawn_procs", "w", 4),
        (SpawnActors("a", proc_mesh(2), "TestActor"), "spawn_actors", "a", 4),
        (StopActors(A, "enough"), "stop_actors", "a", 2),
        (StopProcs(proc_mesh(2), "enough"), "stop_procs", "w", 4),
        (ShutdownHosts(("host0", "host1")), "shutdown_hosts", "host0,host1", 1),
        (QueryMesh(A), "query_mesh", "a", 1),
    ],
)
def test_an_operation_that_waits_is_begun_and_kept(operation, tag, label, sends):
    machine = context()

    commands = did(machine, operation)

    assert commands[0] == started(tag, label)
    assert sum(isinstance(command, Envelope) for command in commands) == sends
    assert list(machine.running) == [1024]
    assert machine.accepts(1024)


@pytest.mark.parametrize(
    ("operation", "tag", "label", "commands"),
    [
        (EndSelf("done"), "end_self", "", [StopSelf("done")]),
        (DropRef(A), "drop_ref", "a", []),
        (ShutdownHosts(()), "shutdown_hosts", "", []),
        (
            CastTo(A, "go", 5),
            "cast_to",
            "a",
            [directly(CLIENT, actor(rank), Work("go", 5), rank, 2) for rank in (0, 1)],
        ),
        (
            SubscribeTo(A),
            "subscribe_to",
            "a",
            [
                Envelope(CLIENT, CONTROLLER, Subscribe(PortRef(CLIENT, 1024))),
                SetTimer(CLIENT, "watchdog:1024", W),
            ],
        ),
        (StopActors(actor_mesh(2, controller=None), "enough"), "stop_actors", "a", []),
    ],
)
def test_an_operation_that_waits_for_nothing_is_over_at_once(operation, tag, label, commands):
    """A mesh without controller has nobody to tell that it shall stop: Ok, as after a stop."""
    machine = context()

    assert did(machine, operation) == [started(tag, label), *commands, over(tag, label)]
    assert machine.running == {}


def test_operations_run_side_by_side_on_ports_of_their_own():
    """The second is answered first; late answers find the port closed."""
    machine = context()
    did(machine, QueryMesh(A), index=0)
    did(machine, ShutdownHosts(("host0",)), index=1)

    commands = machine.on_port(Envelope(host_agent(0), CLIENT, Ack(), 1026), 1)

    assert commands == [over("shutdown_hosts", "host0", index=1)]
    assert [machine.accepts(port) for port in (1024, 1025, 1026, 1027, 1028)] == [True, False, False, False, False]


def test_timers_find_their_operation():
    machine = context()
    did(machine, StopProcs(proc_mesh(1), "enough"))

    commands = machine.on_timer(TimerFired(CLIENT, "operation:1024"), 30 * S)

    name = proc_mesh(1).name
    text = f"failed to terminate proc mesh {name} before timeout: Timeout(30s)=0..1"
    assert commands == [over("stop_procs", "w", text)]


def test_a_spawned_controller_goes_to_the_operation_that_asked_for_it():
    """Two spawns wait; each is told of its own controller. The mesh is known by its label from then on."""
    machine = context()
    did(machine, SpawnActors("a", proc_mesh(1), "TestActor"), index=0)
    did(machine, SpawnActors("b", proc_mesh(1), "TestActor"), index=1)
    for port in (1024, 1026):
        (_, spawn) = machine.on_port(overlay(agent(0), CLIENT, port, (0, 1, RUNNING)), 1)
        assert isinstance(spawn, SpawnChild)

    commands = machine.on_spawned(ActorSpawned(spawn.name, CONTROLLER), 2)

    assert [type(command) for command in commands] == [MeshSpawned, OperationEnded]
    assert (commands[0].label, commands[1].index) == ("b", 1)
    assert list(machine.running) == [1024]
    mesh = Name(commands[0].name)
    failure = MeshFailure(mesh, 0, BOOM.event)
    assert machine.hears("owner", failure) == heard(failure, "owner", "b")


def test_a_controller_that_nobody_asked_for_is_an_assertion():
    with pytest.raises(AssertionError, match="nobody asked for x"):
        context().on_spawned(ActorSpawned(Name("x"), CONTROLLER), 0)


def test_an_owner_is_told_names_it_may_not_know():
    assert context().hears("parent", BOOM) == heard(BOOM, "parent", "")


# --- casts (12.2) ------------------------------------------------------------------------------------------


def test_a_cast_to_a_mesh_that_is_known_to_be_unhealthy_is_refused():
    """The failure is the error; nothing is sent. An actor that never looks keeps casting."""
    machine = context()
    did(machine, SubscribeTo(A))
    machine.on_port(from_controller(MeshFailed(BOOM), 1024), 1)

    assert did(machine, CastTo(A, "go")) == [started("cast_to", "a"), over("cast_to", "a", failure_text(BOOM))]
    assert len(did(context(), CastTo(A, "go"))) == 4
    assert len(did(context(), CastTo(A, "go", times=100))) == 2 + 100 * 2


def test_a_new_reference_knows_nothing_of_what_the_dropped_one_heard():
    """A copy has health and subscription of its own."""
    machine = context()
    did(machine, SubscribeTo(A))
    machine.on_port(from_controller(MeshFailed(BOOM), 1024), 1)
    did(machine, DropRef(A))

    cast = did(machine, CastTo(A, "go"))
    again = did(machine, SubscribeTo(A))

    assert [type(command) for command in cast] == [OperationStarted, Envelope, Envelope, OperationEnded]
    assert again[1] == Envelope(CLIENT, CONTROLLER, Subscribe(PortRef(CLIENT, 1025)))


# --- subscriptions (12.3, 12.4) ----------------------------------------------------------------------------


def test_there_is_one_subscription_for_each_mesh_however_often_events_are_awaited():
    """test_subscriber_count_stable_across_supervision_calls. The current failure is heard at once (Q50)."""
    machine = context()
    did(machine, SubscribeTo(A))

    quiet = did(machine, SubscribeTo(A))
    machine.on_port(from_controller(MeshFailed(BOOM), 1024), 1)
    loud = did(machine, SubscribeTo(A))

    begin, end = started("subscribe_to", "a"), over("subscribe_to", "a")
    assert (quiet, loud) == ([begin, end], [begin, heard(BOOM), end])
    assert list(machine.refs.subscriptions) == [1024]


def test_the_watchdog_of_a_subscription_is_its_own():
    machine = context()
    did(machine, SubscribeTo(A))

    commands = machine.on_timer(TimerFired(CLIENT, "watchdog:1024"), W)

    assert [type(command) for command in commands] == [Envelope, Heard]
    assert not machine.accepts(1024)


def test_without_a_controller_there_is_nothing_to_await():
    """A system mesh, or one whose controller was taken by a stop that failed."""
    text = "unexpected healthy state while controller is gone"

    commands = did(context(), SubscribeTo(actor_mesh(2, controller=None)))

    assert commands == [started("subscribe_to", "a"), over("subscribe_to", "a", text)]


def test_an_event_that_is_there_is_the_next_one():
    """It is heard, and what it says is the result; as often as it is awaited (Q50)."""
    machine = context()
    did(machine, SubscribeTo(A))
    machine.on_port(from_controller(MeshFailed(BOOM), 1024), 1)

    assert did(machine, AwaitEvent(A)) == [
        started("next_event", "a"),
        heard(BOOM),
        over("next_event", "a", result=failure_text(BOOM)),
    ]


def test_whoever_awaits_an_event_is_told_of_the_one_that_comes():
    """Two wait on one subscription, one of them with a limit: both see the same, and it is heard once."""
    machine = context()
    first = did(machine, AwaitEvent(A), index=0)
    second = did(machine, AwaitEvent(A, 5 * S), index=1)

    heartbeat = machine.on_port(from_controller(MeshFailed(None), 1024), 1)
    told = machine.on_port(from_controller(MeshFailed(BOOM), 1024), 2)

    assert first[1:] == [
        Envelope(CLIENT, CONTROLLER, Subscribe(PortRef(CLIENT, 1024))),
        SetTimer(CLIENT, "watchdog:1024", W),
    ]
    assert second[1:] == [SetTimer(CLIENT, "operation:1027", 5 * S)]
    assert heartbeat == [Heartbeat(CLIENT, "a")]
    assert told == [
        heard(BOOM),
        over("next_event", "a", result=failure_text(BOOM), index=0),
        CancelTimer(CLIENT, "operation:1027"),
        over("next_event", "a", result=failure_text(BOOM), index=1),
    ]


def test_a_wait_that_is_given_up_leaves_the_subscription():
    """test_subscriber_count_stable_across_supervision_calls: the next one needs none of its own."""
    machine = context()
    did(machine, AwaitEvent(A, 5 * S))

    given_up = machine.on_timer(TimerFired(CLIENT, "operation:1025"), 5 * S)
    again = did(machine, AwaitEvent(A, 5 * S))

    assert given_up == [over("next_event", "a", "deadline has elapsed")]
    assert [type(command) for command in again] == [OperationStarted, SetTimer]
    assert list(machine.refs.subscriptions) == [1024]


def test_who_awaits_a_silent_controller_hears_the_watchdog():
    machine = context()
    did(machine, AwaitEvent(A))

    said, noted, done = machine.on_timer(TimerFired(CLIENT, "watchdog:1024"), W)

    assert (type(said), noted.role) == (Envelope, "watchdog")
    assert "timed out reaching controller" in done.result


def test_an_event_of_a_mesh_without_controller_is_what_is_known_of_it():
    machine = context()
    nothing = did(machine, AwaitEvent(actor_mesh(2, controller=None)))
    stopped(machine := context(), STOPPED, STOPPED)

    assert nothing[1:] == [over("next_event", "a", "unexpected healthy state while controller is gone")]
    assert did(machine, AwaitEvent(A))[1:] == [
        heard(MESH_STOPPED),
        over("next_event", "a", result=failure_text(MESH_STOPPED)),
    ]


def test_subscribers_are_counted_by_the_controller():
    machine = context()

    asked = did(machine, CountSubscribers(A))
    told = machine.on_port(from_controller(SubscriberCount(3), 1024), 1)

    assert asked[1:] == [Envelope(CLIENT, CONTROLLER, GetSubscriberCount(PortRef(CLIENT, 1024)))]
    assert told == [over("count_subscribers", "a", result="3")]


def test_references_are_made_at_once_and_sent_as_they_are():
    """The result of a slice is its region. Who gets a reference gets its controller, not what is known."""
    machine = context()
    half = A.sliced(A.procs.region.range("hosts", 1), "half")
    other = actor(0)

    made = did(machine, SliceMesh("half", "a", actors=half))
    procs = did(machine, SliceMesh("part", "w", procs=half.procs))
    copied = did(machine, CloneRef(half.copied("copy"), "half"))
    sent = did(machine, SendRef(half.copied("copy"), other))

    region = "1+hosts=1/1"
    noted = [ReferenceMade(CLIENT, label, "a", region, (proc_mesh(2).procs[1].proc_id,)) for label in ("half", "copy")]
    assert made[1:] == [noted[0], over("slice", "half", result=region)]
    assert procs[1:] == [over("slice", "part", result="1+hosts=1/1")]
    assert copied[1:] == [noted[1], over("clone", "copy")]
    travels = msgspec.structs.replace(half.copied("copy"), spawned_on=None)
    assert sent[1:] == [Envelope(CLIENT, other, MeshRefSent(travels)), over("send_ref", "copy")]


# --- stop (12.5) -------------------------------------------------------------------------------------------


def test_a_mesh_that_the_actor_stopped_is_known_to_be_stopped():
    """Step 4: casts are refused, events awaited are that one, and the subscription is not looked at any more."""
    machine = context()
    did(machine, SubscribeTo(A))

    done = stopped(machine, STOPPED, STOPPING)
    late = machine.on_port(from_controller(MeshFailed(BOOM), 1024), 6 * S)
    cast = did(machine, CastTo(A))
    again = did(machine, SubscribeTo(A))
    silence = machine.on_timer(TimerFired(CLIENT, "watchdog:1024"), 6 * S + W)

    assert done == [over("stop_actors", "a", result="Stopped=0..1;Stopping=1..2")]
    assert (late, silence) == ([], [])
    assert cast[1].error == failure_text(MESH_STOPPED)
    assert again[1] == heard(MESH_STOPPED)


def test_a_stop_that_failed_cannot_be_tried_again():
    """Q52: the second is Ok and does nothing; after it the reference has no controller, and is healthy."""
    machine = context()

    first = stopped(machine, STOPPED, RUNNING)
    second = did(machine, StopActors(A, "please"))
    awaited = did(machine, SubscribeTo(A))

    assert first[0].error == "error stopping actor mesh: statuses: Stopped=0..1;Running=1..2"
    assert second == [started("stop_actors", "a"), over("stop_actors", "a")]
    assert awaited[1].error == "unexpected healthy state while controller is gone"
    assert did(machine, CastTo(A))[-1].error is None


def test_a_second_stop_does_not_hide_what_the_first_one_found():
    """Asked twice before the controller answered: the mesh is known to be stopped in the end."""
    machine = context()
    did(machine, StopActors(A, "enough"))
    did(machine, StopActors(A, "enough"))

    machine.on_port(stop_reply(1024, STOPPED, STOPPED), 5 * S)
    did(machine, StopActors(A, "enough"))

    assert did(machine, SubscribeTo(A))[1] == heard(MESH_STOPPED)


def test_a_stop_tells_the_controller_and_asks_it():
    commands = did(context(), StopActors(A, "enough"))

    assert commands == [
        started("stop_actors", "a"),
        Envelope(CLIENT, CONTROLLER, Stop(MESH, "enough")),
        Envelope(CLIENT, CONTROLLER, GetState(MESH, PortRef(CLIENT, 1024))),
    ]


def test_hosts_are_shut_down_in_turn():
    commands = did(context(), ShutdownHosts(("host0", "host1")))

    assert commands[1:] == [Envelope(CLIENT, host_agent(0), ShutdownHost(10 * S, 16, PortRef(CLIENT, 1024)))]


# --- who may stop a mesh (mesh_model.md 9.1) -------------------------------------------------------------------

REFUSED = [
    started("stop_actors", "a"),
    over("stop_actors", "a", "Cannot call stop on an ActorMeshRef, requires an owned ActorMesh"),
]
UPPER = A.sliced(A.procs.region.range("hosts", Range(1)), "a")


@pytest.mark.parametrize(
    "how_it_came",
    [
        [SliceMesh("a", "whole", actors=UPPER)],
        [SliceMesh("b", "whole", actors=UPPER.copied("b")), CloneRef(UPPER.copied("a"), "b")],
    ],
    ids=["slice", "copy_of_a_slice"],
)
def test_a_reference_cannot_stop_its_mesh(how_it_came):
    machine = context()
    for operation in how_it_came:
        did(machine, operation)

    assert did(machine, StopActors(A, "enough")) == REFUSED


def test_what_another_actor_sent_cannot_be_stopped():
    machine = context()
    machine.refs.receive(A)
    assert did(machine, StopActors(A, "enough")) == REFUSED


def test_a_copy_of_the_mesh_itself_can_stop_it():
    machine = context()
    did(machine, CloneRef(A.copied("b"), "a"))

    assert len(did(machine, StopActors(A.copied("b"), "enough"))) == 3
