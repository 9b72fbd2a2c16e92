"""The revision of 2025-11: what differs from the one that is described, row by row (supervision.md 10.9)."""

from typing import get_args

import msgspec
import pytest
from machines import (
    CLIENT,
    CONTROLLER,
    MESH,
    actor,
    actor_mesh,
    agent,
    controller_of,
    event_of,
    overlay,
    proc,
    proc_mesh,
    to_agents,
)

from meshsim.model.actors.plain import EmptyActor
from meshsim.model.agents.proc_agent import ProcAgent
from meshsim.model.alloc.initialize import AllocatedProc
from meshsim.model.alloc.messages import AllocInitialized, StopAlloc
from meshsim.model.attributes import ATTRIBUTES
from meshsim.model.boot import Setting
from meshsim.model.clients.allocating import AllocateRun
from meshsim.model.clients.client import Client
from meshsim.model.clients.context import NO_ANSWER, Context
from meshsim.model.clients.mesh_creation import CommRun
from meshsim.model.clients.single_actor import NO_SINGLE_QUERY
from meshsim.model.commands import CancelTimer, Fail, SetTimer, SpawnChild
from meshsim.model.config import Config, attribute_by_key
from meshsim.model.controllers.cleanup_controller import CleanupController
from meshsim.model.controllers.controller import ActorMeshController
from meshsim.model.controllers.health import silent_agent
from meshsim.model.controllers.keeper import CLEANUP_REASON
from meshsim.model.events import ActorSpawned, ChildFailed, CleanupStarted, SignalReceived, Started, TimerFired
from meshsim.model.ids import NameSource, PortRef, actor_id, address_of
from meshsim.model.messages import (
    Ack,
    CommMeshConfig,
    CommMode,
    CreateOrUpdate,
    Envelope,
    GetRankStatus,
    GetState,
    Operate,
    RankStatus,
    StateReply,
    Stop,
    Subscribe,
    Undeliverable,
)
from meshsim.model.messaging.comm import CommActor
from meshsim.model.messaging.split_port import split
from meshsim.model.messaging.status_port import StatusPort
from meshsim.model.messaging.undeliverable import mailbox_closed_error, undeliverable_text
from meshsim.model.notes import Heard, OperationEnded, Warned
from meshsim.model.operations import (
    Allocate,
    AskActor,
    CastTo,
    CountSubscribers,
    DropProcs,
    DropRef,
    Operation,
    QueryMesh,
    SpawnActors,
    StopActors,
    StopProcs,
    SubscribeTo,
)
from meshsim.model.quirks import ABSENT, PROFILES, QUIRKS, REVISION_OF
from meshsim.model.revision import R2025_11, R2026_03, REVISIONS, Revision
from meshsim.model.runtime.actor import ActorCell
from meshsim.model.status import NOT_EXIST, RUNNING, STOPPED, ActorState, State, failed, timeout
from meshsim.model.supervision import (
    STOPPED_SILENTLY,
    ActorSupervisionEvent,
    Generic,
    MeshFailure,
    UnhandledSupervisionEvent,
    actor_failed,
    actor_stopped,
    debug_events,
    status_text,
)
from meshsim.scenario.check import resolved_config
from meshsim.scenario.errors import ScenarioError
from meshsim.units import MS, S

OLD = Config.of({}, PROFILES["2025-11"], "2025-11")
NEW = Config.of({})
BOOM = event_of(actor(1), actor_failed(Generic("boom")))
FAILED = failed("because of supervision events: boom")
IDLE_LIMIT = 60 * S
PERIOD = 3 * S
PORT = 1024
POLL = f"poll:{PORT}"


def context(config=OLD):
    return Context(CLIENT, config, NameSource(7))


def does(client, operation, now_ns=0):
    """What an operation leads to, the notes about it left out."""
    commands = client.operate(Operate(0, operation), now_ns)
    return [c for c in commands if not type(c).__name__.startswith("Operation")]


def outcome(commands):
    (ended,) = [c for c in commands if isinstance(c, OperationEnded)]
    return ended.error, ended.result


def asks():
    reply = PortRef(CLIENT, PORT)
    return to_agents(CLIENT, GetState(MESH, reply), 2)


def answers(rank, status, *events):
    state = State(MESH, status, ActorState(actor(rank), rank, events))
    return Envelope(agent(rank), CLIENT, StateReply(state), PORT)


def tick(client, now_ns):
    return client.on_timer(TimerFired(CLIENT, POLL), now_ns)


def watching(config=OLD):
    client = context(config)
    does(client, SubscribeTo(actor_mesh(2)))
    return client


def polled(client, *states, now_ns=PERIOD):
    """A poll in which these ranks answer, in order; the last commands."""
    commands = tick(client, now_ns)
    for rank, state in states:
        commands = client.on_port(answers(rank, *state), now_ns)
    return commands


def heard(commands):
    return [(c.rank, c.role, c.text) for c in commands if isinstance(c, Heard)]


# --- profile and revision -------------------------------------------------------------------------------


def test_every_profile_belongs_to_a_revision():
    assert set(REVISION_OF) == set(PROFILES)
    assert set(REVISION_OF.values()) == set(REVISIONS)
    assert Config.of({}).revision is R2026_03


def test_quirks_of_what_did_not_exist_are_off_there():
    """So that nothing is known or expected of them."""
    assert set(ABSENT["2025-11"]) < set(PROFILES["2025-11"])
    assert set(ABSENT["2025-11"]) < set(QUIRKS)
    assert [quirk for quirk in ("Q10", "Q24", "Q30", "Q32", "Q45", "Q55") if not OLD.has(quirk)] == []


def test_the_older_revision_has_none_of_the_features_that_came_later():
    """Names infallible, owners without MeshFailure, no sink, no waiting for an alloc, no initial interval: flags that
    whoever does these things asks.
    """
    flags = {name for name in Revision.__struct_fields__ if isinstance(getattr(R2026_03, name), bool)}

    assert {name for name in flags if not getattr(R2026_03, name)} == {"single_actor_query"}  # What went.
    assert {name for name in flags if getattr(R2025_11, name)} == {"single_actor_query"}


@pytest.mark.parametrize("given", [{}, {"mesh_orphan_timeout": 10 * S}])
def test_row_keepalive_there_is_none_whatever_the_orphan_timeout_says(given):
    config = Config.of(given, PROFILES["2025-11"], "2025-11")

    assert config.mesh_orphan_timeout == 0
    assert ProcAgent(me=agent(0), proc=proc(0), config=config).handle(Started(), 0) == []


def test_row_idle_limit_is_60_s_unless_it_is_set():
    assert OLD.get_actor_state_max_idle == IDLE_LIMIT
    assert Config.of({"get_actor_state_max_idle": 5 * S}, (), "2025-11").get_actor_state_max_idle == 5 * S
    assert NEW.get_actor_state_max_idle == 30 * S


# --- row ActorMeshController ----------------------------------------------------------------------------


def spawned_controller(config, *, system=False):
    """The controller that a spawn on two procs asks for; none for a system mesh that has none."""
    client = context(config)
    operation = SpawnActors("a", proc_mesh(2), "TestActor", system=system)
    created = does(client, operation)
    name = next(c.message.name for c in created if isinstance(c.message, CreateOrUpdate))
    statuses = [overlay(agent(r), CLIENT, PORT, (r, r + 1, RUNNING)) for r in range(2)]
    commands = [c for reply in statuses for c in client.on_port(reply, 0)]
    children = [c for c in commands if isinstance(c, SpawnChild)]
    assert all(child.name == f"actor_mesh_controller_{name}" for child in children)
    return children


def test_row_controller_is_an_anonymous_child_that_knows_no_owner():
    (child,) = spawned_controller(OLD)

    assert (type(child.machine), child.machine.owner, child.anonymous) == (CleanupController, None, True)
    (child,) = spawned_controller(NEW)
    assert (type(child.machine), child.machine.owner, child.anonymous) == (ActorMeshController, CLIENT, False)


def test_row_system_actors_have_a_controller_like_any_other():
    assert [type(child.machine) for child in spawned_controller(OLD, system=True)] == [CleanupController]
    assert spawned_controller(NEW, system=True) == []


def comm_controller(config):
    """What is asked for when the comm actors of two procs are there, their configuration left out."""
    run = CommRun(CLIENT, proc_mesh(2), config, NameSource(7), PORT, "key")
    run.start(0)
    commands = [c for r in range(2) for c in run.handle(overlay(agent(r), CLIENT, PORT, (r, r + 1, RUNNING)), 0)]
    return run.name, [c for c in commands if isinstance(c, SpawnChild)]


def test_row_system_actors_comm_actors_have_a_controller_too():
    """It is asked for by a name that no operation waits for."""
    name, (child,) = comm_controller(OLD)

    assert (child.name, child.anonymous) == (f"actor_mesh_controller_{name}", True)
    assert (type(child.machine), child.machine.mesh.name) == (CleanupController, name)
    assert context().on_spawned(ActorSpawned(child.name, actor(9)), 0) == []
    assert comm_controller(NEW)[1] == []


def cleanup_controller():
    mesh = controller_of([RUNNING, RUNNING]).mesh
    return CleanupController(CONTROLLER, mesh, OLD, "trainer", None, {0: RUNNING, 1: RUNNING})


def test_row_controller_does_nothing_but_clean_up():
    """No poll, and nobody is told: stop, ask, wait."""
    controller = cleanup_controller()
    assert controller.handle(Started(), 0) == []

    commands = controller.handle(CleanupStarted(failed=False), 0)

    reply = StatusPort.over(2, PORT, OLD).ref(CONTROLLER, returnable=True)
    assert commands == [
        *to_agents(CONTROLLER, Stop(MESH, CLEANUP_REASON), 2),
        *to_agents(CONTROLLER, GetRankStatus(MESH, reply), 2),
        SetTimer(CONTROLLER, "stop_idle", 30 * S),
    ]
    assert controller.busy
    assert controller.accepts(PORT)
    assert controller.handle(overlay(agent(0), CONTROLLER, PORT, (0, 1, STOPPED)), 0) == []
    assert controller.handle(overlay(agent(1), CONTROLLER, PORT, (1, 2, STOPPED)), 0) == [
        CancelTimer(CONTROLLER, "stop_idle")
    ]
    assert not controller.busy


def test_a_cleanup_that_is_not_answered_is_an_error():
    controller = cleanup_controller()
    controller.handle(CleanupStarted(failed=False), 0)

    assert controller.handle(TimerFired(CONTROLLER, "stop_idle"), 30 * S) == [
        Fail(Generic("error stopping actor mesh: statuses: Timeout(30s)=0..2"))
    ]


def test_a_cleanup_controller_ends_of_what_any_actor_ends_of():
    returned = Envelope(CONTROLLER, agent(0), Stop(MESH, CLEANUP_REASON))
    controller = cleanup_controller()

    assert controller.handle(Envelope(agent(0), CONTROLLER, Undeliverable(returned, ("gone",))), 0) == [
        Fail(Generic(undeliverable_text(returned, ("gone",))))
    ]
    assert controller.handle(ChildFailed(BOOM), 0) == [Fail(UnhandledSupervisionEvent(BOOM))]


# --- row Who detects failures ---------------------------------------------------------------------------


def test_row_who_detects_is_the_client_by_polling():
    """It subscribes to nobody: its own timer, its own queries, one period after the last poll was over."""
    client = context()

    assert does(client, SubscribeTo(actor_mesh(2))) == [SetTimer(CLIENT, POLL, PERIOD)]
    assert does(client, SubscribeTo(actor_mesh(2))) == []
    assert tick(client, PERIOD) == [*asks(), SetTimer(CLIENT, POLL, IDLE_LIMIT)]
    assert client.accepts(PORT)
    assert client.on_port(answers(0, RUNNING), PERIOD) == []
    assert client.on_port(answers(1, RUNNING), PERIOD) == [CancelTimer(CLIENT, POLL), SetTimer(CLIENT, POLL, PERIOD)]
    assert not client.accepts(PORT)


def test_a_failure_is_heard_with_the_poll_and_once():
    client = watching()

    first = polled(client, (0, (RUNNING,)), (1, (FAILED, BOOM)))
    again = polled(client, (0, (RUNNING,)), (1, (FAILED, BOOM)), now_ns=2 * PERIOD)
    stopped = polled(client, (0, (RUNNING,)), (1, (STOPPED, BOOM)), now_ns=3 * PERIOD)

    assert heard(first) == [(1, "subscriber", "failed: boom")]
    assert heard(again) == heard(stopped) == []


def test_a_client_that_knows_of_a_failure_refuses_to_cast():
    client = watching()
    polled(client, (0, (RUNNING,)), (1, (FAILED, BOOM)))

    error, _ = outcome(client.operate(Operate(0, CastTo(actor_mesh(2))), PERIOD))

    assert "boom" in error


def test_a_rank_unknown_to_its_agent_is_an_error_of_the_query():
    """Q24 as it was: of rank 0, by who asked. The polling goes on."""
    client = watching()
    tick(client, PERIOD)
    unknown = Envelope(agent(1), CLIENT, StateReply(State(MESH, NOT_EXIST)), PORT)

    commands = client.on_port(unknown, PERIOD)

    text = f'failed: unable to query for actor states: NotExist(Name("{MESH}"))'
    assert heard(commands) == [(0, "subscriber", text)]
    assert commands[:2] == [CancelTimer(CLIENT, POLL), SetTimer(CLIENT, POLL, PERIOD)]


def test_a_limit_that_was_moved_by_an_answer_is_waited_for():
    client = watching()
    tick(client, PERIOD)
    client.on_port(answers(0, RUNNING), PERIOD + 5 * S)

    assert tick(client, PERIOD + IDLE_LIMIT) == [SetTimer(CLIENT, POLL, 5 * S)]


@pytest.mark.parametrize("operation", [DropRef(actor_mesh(2)), StopActors(actor_mesh(2), "enough")])
def test_nobody_polls_a_mesh_that_was_dropped_or_stopped(operation):
    """Not even the poll that is under way ends with a word."""
    client = watching()
    tick(client, PERIOD)
    does(client, operation, PERIOD)

    assert not client.accepts(PORT)
    assert tick(client, PERIOD + IDLE_LIMIT) == []


def test_row_padding_is_a_stop_without_a_reason():
    """In the name of the agent, and no error; text and debug form have no reason."""
    event = ActorSupervisionEvent(agent(1), None, 5, STOPPED_SILENTLY)
    assert silent_agent(OLD, MESH, agent(1), 1, 5) == State(
        MESH, timeout(IDLE_LIMIT), ActorState(agent(1), 1, (event,))
    )
    assert not event.is_error
    assert status_text(STOPPED_SILENTLY, 0) == "stopped"
    assert "actor_status: Stopped," in debug_events((event,))

    client = watching()
    polled(client, (0, (RUNNING,)))
    commands = tick(client, PERIOD + IDLE_LIMIT)

    assert heard(commands) == [(1, "subscriber", "stopped")]
    assert commands[0] == SetTimer(CLIENT, POLL, PERIOD)
    (note,) = [c for c in commands if isinstance(c, Heard)]
    assert note.failure == MeshFailure(MESH, 1, msgspec.structs.replace(event, occurred_at_ns=PERIOD + IDLE_LIMIT))


# --- row Reducer options --------------------------------------------------------------------------------


@pytest.mark.parametrize(("config", "first"), [(NEW, 1 * MS), (OLD, 50 * MS)])
def test_row_reducer_options_have_a_longest_interval_and_no_first_one(config, first):
    """What waits in a split port waits for all of it from the beginning; later a first delay was made to double."""
    port = split(StatusPort.over(8, PORT, config).ref(CLIENT, returnable=True), 8, config)

    assert port.on_update(RankStatus(((0, 1, RUNNING),)), 0).deadline_ns == first
    assert port.interval_ns == min(2 * first, 50 * MS)


# --- row Stop -------------------------------------------------------------------------------------------


def stopping():
    client = context()
    return client, does(client, StopActors(actor_mesh(2), "enough"))


def test_row_stop_goes_to_the_agents_and_returns_nothing():
    client, commands = stopping()
    reply = StatusPort.over(2, PORT, OLD).ref(CLIENT, returnable=True)
    assert commands == [
        *to_agents(CLIENT, Stop(MESH, "enough"), 2),
        *to_agents(CLIENT, GetRankStatus(MESH, reply), 2),
        SetTimer(CLIENT, f"operation:{PORT}", 30 * S),
    ]

    client.on_port(overlay(agent(0), CLIENT, PORT, (0, 1, STOPPED)), MS)
    ended = client.on_port(overlay(agent(1), CLIENT, PORT, (1, 2, STOPPED)), MS)

    assert outcome(ended) == (None, "")


def test_a_stop_that_is_not_answered_is_an_error():
    client, _ = stopping()
    client.on_port(overlay(agent(0), CLIENT, PORT, (0, 1, STOPPED)), 0)

    ended = client.on_timer(TimerFired(CLIENT, f"operation:{PORT}"), 30 * S)

    assert outcome(ended) == ("error stopping actor mesh: statuses: Stopped=0..1;Timeout(30s)=1..2", "")


def test_an_actor_that_was_asked_to_stop_does_not_say_why():
    """The signal has a reason here as well; the status has none, and neither has the text of a bounce."""
    machine = EmptyActor.construct(Setting(actor(0), 0, OLD, 7), {})
    cell = ActorCell(actor(0), machine, 3 * S, stop_reasons=False)
    cell.handle(Started(), 0)
    cell.handle(SignalReceived("drain_and_stop", "enough"), 0)

    assert cell.status == STOPPED_SILENTLY
    assert mailbox_closed_error(actor(0), cell.status) == f"mailbox error: mailbox owner {actor(0)} is stopped"
    assert mailbox_closed_error(actor(0), actor_stopped("enough")).endswith("is stopped: enough")


@pytest.mark.parametrize("operation", [QueryMesh(actor_mesh(2)), CountSubscribers(actor_mesh(2))])
def test_a_controller_that_only_cleans_up_is_not_asked(operation):
    assert outcome(context().operate(Operate(0, operation), 0)) == (NO_ANSWER, "")


def test_a_controller_that_only_cleans_up_takes_no_message():
    """It has no port for any: the sender has it back."""
    assert not cleanup_controller().binds(Subscribe(PortRef(CLIENT, PORT)))


# --- row Global supervision sink ------------------------------------------------------------------------


@pytest.mark.parametrize(("revision", "told"), [("2026-03", 1), ("2025-11", 0)])
def test_row_global_sink_is_absent(revision, told):
    """Even with its quirk on: a message that comes back to the root client is logged, and that is all."""
    client = Client(CLIENT, context(Config.of({}, (), revision)))
    client.context.sink = agent(0)
    returned = Envelope(CLIENT, actor(1), Stop(MESH, "enough"))

    commands = client.handle(Envelope(actor(1), CLIENT, Undeliverable(returned, ("gone",))), 0)

    assert [c.dest for c in commands if isinstance(c, Envelope)] == [agent(0)] * told


# --- row Stop, what it returns --------------------------------------------------------------------------


@pytest.mark.parametrize(("returns", "result"), [(True, "Stopped=0..2"), (False, "")])
def test_row_stop_result_is_a_question_of_its_own(returns, result):
    revision = msgspec.structs.replace(R2025_11, stop_returns_statuses=returns)
    client = context(msgspec.structs.replace(OLD, revision=revision))
    does(client, StopActors(actor_mesh(2), "enough"))

    commands = [c for r in range(2) for c in client.on_port(overlay(agent(r), CLIENT, PORT, (r, r + 1, STOPPED)), MS)]

    assert outcome(commands) == (None, result)


# --- row ProcMesh.stop (allocated) ----------------------------------------------------------------------


@pytest.mark.parametrize("config", [OLD, NEW])
def test_row_stop_of_an_allocated_mesh_is_fire_and_forget(config):
    """It says so, asks the alloc to stop and is over; later it waits until the alloc has ended."""
    keeper = actor_id(proc(0), "alloc_w-1x", 1)
    client = context(config)
    commands = client.operate(Operate(0, StopProcs(msgspec.structs.replace(proc_mesh(2), alloc=keeper), "enough")), 0)

    sent = [c for c in commands if isinstance(c, Envelope)]
    warned = [c.text for c in commands if isinstance(c, Warned)]
    over = [c for c in commands if isinstance(c, OperationEnded)]
    assert [(type(c.message), c.dest) for c in sent] == [(StopAlloc, keeper)]
    if config is OLD:
        assert (warned, outcome(over)) == (["sending stop to alloc alloc_w-1x"], (None, ""))
    else:
        assert (warned, over) == ([], [])
        assert outcome(client.on_port(Envelope(keeper, CLIENT, Ack(), PORT), S)) == (None, "")


# --- row Owner requirement ------------------------------------------------------------------------------


@pytest.mark.parametrize(("required", "owner"), [(True, CLIENT), (False, None)])
def test_row_owner_requirement_who_spawns_is_an_owner_only_if_it_takes_failures(required, owner):
    revision = msgspec.structs.replace(R2026_03, owners_take_failures=required)
    (child,) = spawned_controller(msgspec.structs.replace(NEW, revision=revision))

    assert child.machine.owner == owner


# --- row Route binding ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("config", "bound"), [(NEW, (1,)), (OLD, ())])
def test_row_route_binding_skips_direct_addressed_procs(config, bound):
    """Of two procs one is served elsewhere than its id says: only that one needs a route, and later gets it."""
    run = AllocateRun(CLIENT, Allocate("w", "process", (("replicas", 2),)), config, NameSource(7), PORT, "key")
    run.start(0)
    procs = tuple(
        AllocatedProc(f"_1k{rank}", proc(rank), agent(rank), ("unix:@elsewhere", address_of(proc(rank)))[rank == 0])
        for rank in range(2)
    )
    run.handle(Envelope(CONTROLLER, CLIENT, AllocInitialized(procs), PORT), 0)

    assert run.routes == tuple((proc(rank), "unix:@elsewhere") for rank in bound)


# --- row Comm configuration -----------------------------------------------------------------------------


@pytest.mark.parametrize(("config", "kind"), [(NEW, CommMeshConfig), (OLD, CommMode)])
def test_row_comm_configuration_is_a_mode_with_rank_and_book(config, kind):
    run = CommRun(CLIENT, proc_mesh(2), config, NameSource(7), PORT, "key")
    run.start(0)
    commands = [c for r in range(2) for c in run.handle(overlay(agent(r), CLIENT, PORT, (r, r + 1, RUNNING)), 0)]

    comm = [actor_id(proc(rank), run.name) for rank in range(2)]
    sent = [c for c in commands if isinstance(c, Envelope)]
    assert sent == [Envelope(CLIENT, comm[0], kind(0, ((1, comm[1]),))), Envelope(CLIENT, comm[1], kind(1, ()))]
    machine = CommActor(comm[0], config)
    assert machine.handle(sent[0], 0) == []
    assert (machine.rank, machine.book) == (0, {1: comm[1]})


# --- row Single-actor query -----------------------------------------------------------------------------


def asks_for_one(config=OLD):
    """The client asks for rank 1; what is sent and, if it is over, how."""
    client = context(config)
    commands = client.operate(Operate(0, AskActor(actor_mesh(2), 1)), 0)
    return client, [c for c in commands if isinstance(c, Envelope)], commands


def answered(state):
    client, _, _ = asks_for_one()
    return outcome(client.on_port(Envelope(agent(1), CLIENT, StateReply(state), PORT), 0))


def test_row_single_actor_query_goes_to_one_agent_and_waits():
    _, sent, _ = asks_for_one()

    assert sent == [Envelope(CLIENT, agent(1), GetState(MESH, PortRef(CLIENT, PORT)))]
    assert answered(State(MESH, RUNNING, ActorState(actor(1), 1, ()))) == (None, "Running")


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (State(MESH, NOT_EXIST), f"Actor {MESH} does not exist"),
        (
            State(MESH, RUNNING, ActorState(actor(1), 3, ())),
            f"Rank on mesh agent not matching for Actor {MESH}: returned 3, expected 1",
        ),
    ],
)
def test_row_single_actor_query_checks_the_rank(state, text):
    assert answered(state) == (f"error while calling actor {agent(1)}: {text}", "")


def test_row_single_actor_query_was_removed():
    _, sent, commands = asks_for_one(NEW)

    assert sent == []
    assert outcome(commands) == (NO_SINGLE_QUERY, "")


# --- row Names ------------------------------------------------------------------------------------------


def test_row_names_creation_is_infallible():
    """A service with a name that is none: taken as it is, or refused."""
    operation = SpawnActors("a", proc_mesh(2), "TestActor", service="no name")

    created = does(context(OLD), operation)
    refused = context(NEW).operate(Operate(0, operation), 0)

    assert {c.message.name for c in created if isinstance(c, Envelope)} == {"no name"}
    error, _ = outcome(refused)
    assert error.startswith("invalid name 'no name': ")


# --- row Python config names ----------------------------------------------------------------------------


def test_row_python_config_names_there_are_none():
    """Five attributes have a Python name that is not their own; without it they are unknown under that."""
    keys = [a.python_name for a in ATTRIBUTES if a.python_name not in (None, a.name.lower())]
    assert len(keys) == 5
    for key in keys:
        assert attribute_by_key(key, python_names=R2026_03.python_names).python_name == key
        with pytest.raises(KeyError):
            attribute_by_key(key, python_names=R2025_11.python_names)
        for attribute in [attribute_by_key(key)]:
            for own in (attribute.name, attribute.env.lower()):
                assert attribute_by_key(own, python_names=False) is attribute
    with pytest.raises(ScenarioError, match="no such configuration attribute"):
        resolved_config({"tail_log_lines": 3}, R2025_11)


# --- row detach -----------------------------------------------------------------------------------------


def test_row_detach_is_no_operation():
    """A helper of the reference's own tests, and gone; references never cleaned up, so nothing is missed."""
    assert "detach" not in {operation.__struct_config__.tag for operation in get_args(Operation)}


# --- Appendix A: dropping a ProcMesh --------------------------------------------------------------------


@pytest.mark.parametrize("config", [OLD, NEW])
def test_appendix_a_dropping_an_allocated_mesh_is_logged_only(config):
    keeper = actor_id(proc(0), "alloc_w-1x", 1)
    mesh = msgspec.structs.replace(proc_mesh(2), alloc=keeper)
    commands = context(config).operate(Operate(0, DropProcs(mesh)), 0)

    assert [c for c in commands if isinstance(c, Envelope)] == []
    assert [c.text for c in commands if isinstance(c, Warned)] == [f"dropping ProcMesh: {mesh.name}"]
    assert outcome(commands) == (None, "")
