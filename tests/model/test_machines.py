"""What every machine has in common: it can be copied, compared and fingerprinted, and the same events give the same.

Random stories are built from events that are possible at each moment: replies only to open ports, timers only when they
are set, messages to handlers only while no handler is at work, as the runtime does it.
"""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machines import (
    ALICE,
    CLIENT,
    CONFIG,
    CONTROLLER,
    MESH,
    Puppet,
    actor,
    actor_id,
    actor_mesh,
    actor_reply,
    agent,
    controller_of,
    event_of,
    host_agent,
    overlay,
    proc,
    proc_mesh,
    proc_name,
    proc_reply,
    replayed,
)

from meshsim.model.actors.registry import ACTOR_TYPES
from meshsim.model.agents import proc_agent
from meshsim.model.agents.proc_agent import AgentPhase, ProcAgent
from meshsim.model.boot import Setting
from meshsim.model.clients.client import Client
from meshsim.model.clients.context import Context
from meshsim.model.commands import Fail, Panic, SetTimer
from meshsim.model.config import Config
from meshsim.model.controllers.keeper import TRANSITIONS as CONTROLLER_TRANSITIONS
from meshsim.model.controllers.keeper import ControllerPhase
from meshsim.model.controllers.mesh_controllers import HostMeshController, ProcMeshController
from meshsim.model.controllers.streaming import StreamingController
from meshsim.model.events import (
    ActorEnded,
    ActorSpawned,
    ChildFailed,
    ChildStopped,
    CleanupStarted,
    SignalReceived,
    Started,
    TimerFired,
)
from meshsim.model.hosts import process
from meshsim.model.hosts.host_agent import HostAgent
from meshsim.model.hosts.process import ExitStatus, classify
from meshsim.model.ids import Name, NameSource, Node, PortRef
from meshsim.model.machine import Machine
from meshsim.model.messages import (
    ActorEvent,
    ActorSpec,
    CheckState,
    CreateOrUpdate,
    Envelope,
    GetRankStatus,
    GetState,
    GetSubscriberCount,
    KeepaliveGetState,
    MeshFailed,
    Operate,
    SelfCheck,
    StateReply,
    Stop,
    StopAll,
    Subscribe,
    Undeliverable,
    Unsubscribe,
    Work,
)
from meshsim.model.operations import (
    AwaitEvent,
    CastTo,
    DropRef,
    QueryMesh,
    StopActors,
    StopProcs,
    SubscribeTo,
    UnsubscribeFrom,
)
from meshsim.model.quirks import PROFILES
from meshsim.model.runtime.actor import ActorCell
from meshsim.model.state import copied, fingerprint
from meshsim.model.status import NOT_EXIST, RUNNING, STOPPED, STOPPING, MeshState, State, failed, timeout
from meshsim.model.supervision import Generic, MeshFailure, actor_failed, actor_stopped
from meshsim.units import S

BOOM = event_of(actor(0), actor_failed(Generic("boom")))
FAILED = failed("because of supervision events: boom")
REPLY = PortRef(ALICE.actor, 1099)
STORY = st.lists(st.integers(0, 1 << 16), max_size=40)
SEARCH = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def agent_machine():
    return ProcAgent(me=agent(0), proc=proc(0), config=CONFIG)


def client():
    return Client(CLIENT, Context(CLIENT, CONFIG, NameSource(7)))


def streaming_controller():
    mesh = actor_mesh(2, controller=None)
    return StreamingController(CONTROLLER, mesh, CONFIG, "trainer", CLIENT, dict.fromkeys(range(2), RUNNING))


MACHINES = [
    controller_of([RUNNING, STOPPED]),
    streaming_controller(),
    agent_machine(),
    HostAgent(me=host_agent(0), host=Node("host0"), config=CONFIG),
    client(),
    ProcMeshController(CONTROLLER, CONFIG, proc_mesh(2)),
    HostMeshController(CONTROLLER, CONFIG, ("host0",)),
    *(
        actor_type.construct(Setting(actor(0), 0, CONFIG, 7), {})
        for name, actor_type in ACTOR_TYPES.items()
        if name != "FailingCreateTestActor"
    ),
]


# --- what they have in common ------------------------------------------------------------------------------


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: type(machine).__name__)
def test_every_machine_is_plain_data(machine):
    """It keeps the protocol, and a copy is equal, has the same fingerprint, and is independent of it."""
    copy = copied(machine)
    before = fingerprint(machine)

    assert isinstance(machine, Machine)
    assert isinstance(machine, msgspec.Struct)
    assert (copy, fingerprint(copy)) == (machine, before)
    copy.handle(Started(), 0)
    copy.me = actor(9)
    assert fingerprint(machine) == before
    assert fingerprint(copy) != before


@pytest.mark.parametrize(
    ("table", "phases", "final"),
    [
        (CONTROLLER_TRANSITIONS, set(ControllerPhase), set()),
        (proc_agent.TRANSITIONS, set(AgentPhase), {AgentPhase.STOPPING_ALL}),
    ],
)
def test_the_tables_of_waits_are_total(table, phases, final):
    """A controller always comes back to IDLE; an agent does, but for the end of its process."""
    assert set(table) == phases
    assert {phase for targets in table.values() for phase in targets} <= phases
    assert {phase for phase, targets in table.items() if not targets} == final


# --- the controller ----------------------------------------------------------------------------------------


def controller_events(machine, timers, past):
    """What can reach a controller of two ranks now, its runtime and its network being sound."""
    events = [TimerFired(CONTROLLER, key) for key in sorted(timers)]
    if not machine.busy:
        if CleanupStarted(failed=False) in past:
            return []  # The actor has ended.
        messages = [
            CheckState(machine.expected_ns),
            Subscribe(ALICE),
            Unsubscribe(ALICE),
            GetSubscriberCount(REPLY),
            GetState(MESH, REPLY),
            Stop(MESH, "enough"),
            Undeliverable(Envelope(CONTROLLER, ALICE.actor, MeshFailed(None), ALICE.index, subscriber=True), ()),
        ]
        events += [Envelope(ALICE.actor, CONTROLLER, message) for message in messages]
        return [*events, CleanupStarted(failed=False)]
    port = machine.query.port if machine.query else machine.stop.port
    for rank in range(2):
        if machine.phase is ControllerPhase.QUERYING_PROCS and rank not in machine.query.received:
            dead = classify(ExitStatus(signal=9))
            events += [
                proc_reply(rank, port),
                proc_reply(rank, port, STOPPING, process.stopping(0)),
                proc_reply(rank, port, failed("Killed(sig=9)"), dead),
                Envelope(host_agent(rank), CONTROLLER, StateReply(State(proc_name(rank), NOT_EXIST)), port),
            ]
        asked = set(range(2)) - set(machine.dead)
        if machine.phase is ControllerPhase.QUERYING_ACTORS and rank in asked - set(machine.query.received):
            events += [
                actor_reply(rank, port),
                actor_reply(rank, port, STOPPED),
                actor_reply(rank, port, FAILED, (BOOM,)),
                Envelope(agent(rank), CONTROLLER, StateReply(State(MESH, NOT_EXIST)), port),
            ]
        if machine.stop is not None and machine.accepts(port):
            events += [
                overlay(agent(rank), CONTROLLER, port),
                overlay(agent(rank), CONTROLLER, port, (rank, rank + 1, STOPPED)),
                overlay(agent(rank), CONTROLLER, port, (rank, rank + 1, RUNNING)),
                overlay(agent(rank), CONTROLLER, port, (9, 10, STOPPED)),
            ]
    return events


every_profile = pytest.mark.parametrize("quirks_off", PROFILES.values(), ids=PROFILES)


@every_profile
@SEARCH
@given(choices=STORY)
def test_a_controller_does_the_same_whenever_it_is_told_the_same(quirks_off, choices):
    """And it keeps its promises: owners hear errors alone, and monitoring ends once."""
    machine = controller_of([RUNNING, RUNNING], config=Config.of({}, quirks_off))

    story = replayed(machine, controller_events, choices)

    assert replayed(machine, controller_events, choices) == story
    told_owner = [
        command.message.failure
        for _, commands, _ in story
        for command in commands
        if isinstance(command, Envelope) and command.dest == CLIENT
    ]
    assert all(failure.event.is_error for failure in told_owner)
    ends = sum(type(command).__name__ == "MonitoringEnded" for _, commands, _ in story for command in commands)
    assert ends <= 1


@every_profile
@SEARCH
@given(choices=STORY)
def test_every_poll_of_a_controller_ends_or_waits_with_a_timer(quirks_off, choices):
    """No wait without a limit: a busy controller has a timer that will end it."""
    machine = controller_of([RUNNING, RUNNING], config=Config.of({}, quirks_off))
    timers_seen = []

    def possible(subject, timers, past):
        timers_seen.append((subject.busy, dict(timers)))
        return controller_events(subject, timers, past)

    replayed(machine, possible, choices)

    periods = {"check_state", "heartbeat", "keepalive"}
    assert [timers for busy, timers in timers_seen if busy and not set(timers) - periods] == []


# --- the agent ---------------------------------------------------------------------------------------------

NAMES = (MESH, Name("b-1other1111111"))


def agent_events(machine, timers, past):
    """What can reach an agent with up to two actors now."""
    me = machine.me
    events = [TimerFired(me, key) for key in sorted(timers)]
    if machine.phase is AgentPhase.CONSTRUCTING:
        (name,) = [name for name, entry in machine.actor_states.items() if entry.actor is None and entry.error is None]
        return [*events, ActorSpawned(name, actor_id(proc(0), name)), ActorSpawned(name, None, "test failure")]
    if machine.phase is AgentPhase.STOPPING_ALL and not machine.remaining:
        return []
    actors = [entry.actor for entry in machine.actor_states.values() if entry.actor is not None]
    events += [ActorEnded(known, actor_stopped("enough")) for known in actors]
    if machine.busy:
        return events
    messages = [SelfCheck(), ActorEvent(BOOM), StopAll("shutdown host")]
    for name in NAMES:
        messages += [
            CreateOrUpdate(name, 0, ActorSpec("TestActor")),
            Stop(name, "enough"),
            GetState(name, REPLY),
            KeepaliveGetState(5 * S, name, REPLY),
            GetRankStatus(name, REPLY),
        ]
    return [*events, *(Envelope(ALICE.actor, me, message) for message in messages)]


@SEARCH
@given(STORY)
def test_an_agent_does_the_same_whenever_it_is_told_the_same(choices):
    """And a name is created at most once, however often it is asked for."""
    story = replayed(agent_machine(), agent_events, choices)

    assert replayed(agent_machine(), agent_events, choices) == story
    created = [
        command.name for _, commands, _ in story for command in commands if type(command).__name__ == "SpawnActor"
    ]
    assert len(created) == len(set(created))


# --- the runtime of an actor -------------------------------------------------------------------------------


def cell():
    puppet = Puppet(
        me=actor(0),
        slow=["slow"],
        answers={"bad": [Fail(Generic("boom"))], "panic": [Panic("boom")], "slow": [SetTimer(actor(0), "done", S)]},
        hook=[[], [Fail(Generic("hook"))]],
        busy_in_cleanup=True,
    )
    started = ActorCell(actor(0), puppet, 3 * S, children=[actor(1)])
    started.handle(Started(), 0)
    return started


def cell_events(machine, timers, past):
    work = [Envelope(ALICE.actor, machine.me, Work(text)) for text in ("good", "bad", "panic", "slow")]
    signals = [SignalReceived(kind, "reason") for kind in ("stop", "drain_and_stop", "abort")]
    children = [ChildFailed(BOOM), ChildStopped(actor(1))]
    return [*(TimerFired(machine.me, key) for key in sorted(timers)), *work, *signals, *children]


@SEARCH
@given(STORY)
def test_a_runtime_does_the_same_whenever_it_is_told_the_same(choices):
    """And its end is final: reported once, and nothing is said after it."""
    story = replayed(cell(), cell_events, choices)

    assert replayed(cell(), cell_events, choices) == story
    finished = [
        (index, position)
        for index, (_, commands, _) in enumerate(story)
        for position, command in enumerate(commands)
        if type(command).__name__ == "ActorFinished"
    ]
    assert len(finished) <= 1
    for index, position in finished:
        assert position == len(story[index][1]) - 1
        assert [commands for _, commands, _ in story[index + 1 :] if commands] == []


# --- the client --------------------------------------------------------------------------------------------


def client_events(machine, timers, past):
    mesh = actor_mesh(2)
    operations = [
        SubscribeTo(mesh),
        AwaitEvent(mesh, 5),
        UnsubscribeFrom(mesh),
        DropRef(mesh),
        CastTo(mesh),
        QueryMesh(mesh),
        StopActors(mesh, "enough"),
    ]
    operations.append(StopProcs(proc_mesh(2), "enough"))
    events = [TimerFired(CLIENT, key) for key in sorted(timers)]
    events += [Envelope(ALICE.actor, CLIENT, Operate(0, operation)) for operation in operations]
    failure = MeshFailure(MESH, 0, BOOM)
    for port, subscription in machine.context.refs.subscriptions.items():
        if subscription.accepts(port):
            events += [Envelope(CONTROLLER, CLIENT, MeshFailed(told), port) for told in (None, failure)]
    for port, running in machine.context.running.items():
        if type(running.run).__name__ in {"QueryRun", "StopActorsRun"}:
            for known in (STOPPED, RUNNING, timeout(30 * S)):
                reply = StateReply(State(MESH, known, MeshState((known, STOPPED))))
                events.append(Envelope(CONTROLLER, CLIENT, reply, port))
        elif running.run.accepts(port):
            events += [overlay(host_agent(0), CLIENT, port, (0, 2, STOPPING))]
    return events


@SEARCH
@given(STORY)
def test_a_client_does_the_same_whenever_it_is_told_the_same(choices):
    """And every operation that it began ends at most once."""
    story = replayed(client(), client_events, choices)

    assert replayed(client(), client_events, choices) == story
    begun = sum(type(command).__name__ == "OperationStarted" for _, commands, _ in story for command in commands)
    ended = sum(type(command).__name__ == "OperationEnded" for _, commands, _ in story for command in commands)
    assert ended <= begun
