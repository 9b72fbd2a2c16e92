"""The controller of an actor mesh as tables: these events, exactly these commands (supervision.md 5 and 6)."""

import msgspec
import pytest
from machines import (
    ALICE,
    BOB,
    CLIENT,
    CONFIG,
    CONTROLLER,
    MESH,
    actor,
    actor_reply,
    agent,
    controller_of,
    event_of,
    host_agent,
    overlay,
    proc,
    proc_name,
    proc_reply,
    status_port,
    to_agents,
    to_owner,
    to_subscriber,
)

from meshsim.model.commands import CancelTimer, Fail, GiveBack, SetTimer
from meshsim.model.config import Config
from meshsim.model.controllers.controller import ActorMeshController, ControllerPhase
from meshsim.model.events import ChildFailed, CleanupStarted, ClockSet, Started, TimerFired
from meshsim.model.hosts import process
from meshsim.model.hosts.process import ExitStatus, classify
from meshsim.model.ids import Name, PortRef, actor_id
from meshsim.model.messages import (
    ActorSpec,
    CheckState,
    CreateOrUpdate,
    Envelope,
    GetRankStatus,
    GetState,
    GetSubscriberCount,
    KeepaliveGetState,
    StateReply,
    Stop,
    Subscribe,
    SubscriberCount,
    Undeliverable,
    Unsubscribe,
)
from meshsim.model.messaging.delayed import CHECK_TIMER
from meshsim.model.messaging.undeliverable import undeliverable_text
from meshsim.model.notes import ControllerStalled, MonitoringEnded, PollEnded, PollStarted, SubscriberRemoved, Warned
from meshsim.model.shapes.extent import Extent
from meshsim.model.shapes.region import Region
from meshsim.model.status import (
    NOT_EXIST,
    RUNNING,
    STOPPED,
    STOPPING,
    UNKNOWN,
    ActorState,
    MeshState,
    State,
    failed,
    timeout,
)
from meshsim.model.supervision import (
    Crashed,
    Generic,
    MeshFailure,
    StreamClosed,
    UnhandledSupervisionEvent,
    actor_failed,
    actor_stopped,
    failure_text,
)
from meshsim.units import MS, S

P = CONFIG.supervision_poll_frequency
A = CONFIG.get_actor_state_max_idle
H = CONFIG.get_proc_state_max_idle
O = CONFIG.mesh_orphan_timeout  # noqa: E741 - the spec's letters
#: The same port, of which nothing comes back.
SILENT_ALICE = PortRef(ALICE.actor, ALICE.index, returnable=False)
REPLY = PortRef(ALICE.actor, 1099)
BOOM = event_of(actor(0), actor_failed(Generic("boom")))
CRASH = MeshFailure(MESH, 0, BOOM)
FAILED = failed("because of supervision events: boom")


def tell(message):
    return Envelope(ALICE.actor, CONTROLLER, message)


def check(expected_ns=P):
    return Envelope(CONTROLLER, CONTROLLER, CheckState(expected_ns), returnable=False)


def subscribed(controller, *ports):
    for port in ports:
        controller.handle(tell(Subscribe(port)), 0)
    return controller


def asked_procs(controller, now_ns=P):
    """A poll has begun; returns the port on which proc states are awaited."""
    controller.handle(check(), now_ns)
    return controller.query.port


def asked_actors(controller, now_ns=P):
    """All procs are running; returns the port on which actor states are awaited."""
    port = asked_procs(controller, now_ns)
    for rank in range(len(controller.mesh.procs.procs)):
        controller.handle(proc_reply(rank, port), now_ns)
    return controller.query.port


def polled(controller, *actors, now_ns=P):
    """A whole poll in which the actors report (status, events), the procs all being well. Returns its last commands."""
    port = asked_actors(controller, now_ns)
    commands = []
    for rank, (kind, events) in enumerate(actors):
        commands = controller.handle(actor_reply(rank, port, kind, events), now_ns)
    return commands


def reschedule(after_ns=P):
    return SetTimer(CONTROLLER, CHECK_TIMER, after_ns)


def ended(outcome, count=1, *, monitoring=True):
    return PollEnded(CONTROLLER, "a", count, outcome, monitoring)


def failed_at(rank, event):
    return MeshFailure(MESH, rank, event)


# --- 5.2 init ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("offset_ns", "expected_ns"), [(0, P), (5 * S, 5 * S + P)])
def test_the_first_poll_is_one_period_after_init(offset_ns, expected_ns):
    """Nothing is sent at the start; the expected time is wall time of the controller's node."""
    controller = ActorMeshController(CONTROLLER, controller_of([RUNNING]).mesh, CONFIG, "trainer", CLIENT, {})
    controller.handle(ClockSet(offset_ns), 0)

    assert controller.handle(Started(), 0) == [reschedule()]
    assert controller.handle(TimerFired(CONTROLLER, CHECK_TIMER), P) == [check(expected_ns)]


# --- 5.3 to 5.6 --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unhealthy", "told"),
    [
        (None, []),
        (Crashed(CRASH), [to_subscriber(ALICE, CRASH)]),
        (StreamClosed(CRASH), [to_subscriber(ALICE, CRASH)]),
    ],
)
def test_a_subscriber_to_an_unhealthy_mesh_is_told_at_every_subscription(unhealthy, told):
    """Late subscribers hear what happened; no heartbeat is sent on subscription."""
    controller = controller_of([RUNNING])
    controller.unhealthy_event = unhealthy

    answers = [controller.handle(tell(Subscribe(ALICE)), 0) for _ in range(2)]

    assert answers == [told, told]
    assert list(controller.subscribers.values()) == [ALICE]


@pytest.mark.parametrize(
    ("message", "left"),
    [
        (Unsubscribe(ALICE), [BOB]),
        (Unsubscribe(SILENT_ALICE), [ALICE, BOB]),
        (Unsubscribe(REPLY), [ALICE, BOB]),
        (Subscribe(ALICE), [ALICE, BOB]),
        (Subscribe(SILENT_ALICE), [ALICE, BOB, SILENT_ALICE]),
    ],
)
def test_subscribers_are_a_set_of_ports_with_their_flags(message, left):
    """Unknown ports are ignored and known ones not entered twice; `port_equality_flag`: the flag makes another port."""
    controller = subscribed(controller_of([RUNNING]), ALICE, BOB)

    assert controller.handle(tell(message), 0) == []
    assert list(controller.subscribers.values()) == left


def test_the_subscriber_count_is_answered():
    controller = subscribed(controller_of([RUNNING]), ALICE, BOB, BOB)

    commands = controller.handle(tell(GetSubscriberCount(REPLY)), 0)

    assert commands == [Envelope(CONTROLLER, REPLY.actor, SubscriberCount(2), REPLY.index)]


def test_a_controller_creates_nothing():
    """CreateOrUpdate is a no-op (5.6)."""
    assert controller_of([RUNNING]).handle(tell(CreateOrUpdate(MESH, 0, ActorSpec("TestActor"))), 0) == []


def test_a_port_that_does_not_want_its_messages_back_gets_them_so():
    port = PortRef(ALICE.actor, 1500, returnable=False)
    controller = controller_of([RUNNING])
    controller.unhealthy_event = Crashed(CRASH)

    commands = controller.handle(tell(Subscribe(port)), 0)

    assert [(command.returnable, command.subscriber) for command in commands] == [(False, True)]


# --- 5.7 GetState ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unhealthy", "status"),
    [
        (None, RUNNING),
        (StreamClosed(CRASH), STOPPED),
        (Crashed(CRASH), failed(failure_text(CRASH))),
        (Crashed(failed_at(0, event_of(actor(0), actor_stopped("orphaned")))), None),
    ],
    ids=["healthy", "Q11", "failed", "Q12"],
)
def test_the_state_of_the_mesh_follows_the_last_failure(unhealthy, status):
    """Q11: a crashed process gives Stopped. Q12: an actor that merely stopped gives Failed. The name is not checked."""
    controller = controller_of([RUNNING, STOPPED])
    controller.unhealthy_event = unhealthy
    status = status or failed(failure_text(unhealthy.failure))

    commands = controller.handle(tell(GetState(Name("whatever"), REPLY)), 0)

    state = State("whatever", status, MeshState((RUNNING, STOPPED)))
    assert commands == [Envelope(CONTROLLER, REPLY.actor, StateReply(state), REPLY.index)]


def test_the_text_of_a_failed_mesh_is_that_of_its_failure():
    """Golden text: mesh, rank and the event with its three lines."""
    assert failure_text(CRASH) == (
        f'failure on mesh "{MESH}" at rank 0 with event: The actor {actor(0)} and all its descendants have failed.\n'
        "This occurred because the actor itself failed.\n"
        "The error was:\n"
        " boom"
    )


def test_a_controller_that_lost_count_of_its_ranks_fails_when_asked():
    """The statuses must fill the region."""
    controller = controller_of([RUNNING, RUNNING])
    del controller.statuses[1]

    commands = controller.handle(tell(GetState(MESH, REPLY)), 0)

    assert commands == [Fail(Generic("invalid mesh ref: expected 2 ranks, but contains 1 ranks"))]


# --- 5.8 Stop ----------------------------------------------------------------------------------------------

STOP_EVENT = event_of(actor(0), actor_stopped("ActorMeshController received explicit stop request"), at_ns=3 * S)
STOP_FAILURE = MeshFailure(MESH, None, STOP_EVENT)
STOP = tell(Stop(Name("any name"), "enough"))


def test_stop_tells_subscribers_first_then_stops_every_rank():
    """The owner is not told; the status replies of a cast cannot come back to an agent."""
    controller = subscribed(controller_of([RUNNING, RUNNING]), BOB, ALICE)
    controller.unhealthy_event = Crashed(CRASH)

    commands = controller.handle(STOP, 3 * S)

    reply = status_port(CONTROLLER, 1024, returnable=True)
    assert commands == [
        MonitoringEnded(CONTROLLER, "a", "stop"),
        to_subscriber(BOB, STOP_FAILURE),
        to_subscriber(ALICE, STOP_FAILURE),
        *to_agents(CONTROLLER, Stop(MESH, "enough"), 2),
        *to_agents(CONTROLLER, GetRankStatus(MESH, reply), 2),
        SetTimer(CONTROLLER, "stop_idle", 30 * S),
    ]
    assert (controller.busy, controller.monitoring) == (True, False)
    assert controller.unhealthy_event == StreamClosed(STOP_FAILURE)


def test_a_duplicate_stop_does_nothing():
    """Also the stop of a mesh whose ranks were all terminal when it was polled last (Q13)."""
    controller = subscribed(controller_of([RUNNING]), ALICE)
    polled(controller, (STOPPED, ()))
    before = controller.unhealthy_event

    assert controller.handle(STOP, 20 * S) == []
    assert (controller.busy, controller.unhealthy_event) == (False, before)


@pytest.mark.parametrize(
    ("runs", "now_ns", "known"),
    [
        ([(0, 1, STOPPED), (1, 2, STOPPED)], 4 * S, {0: STOPPED, 1: STOPPED}),
        ([(0, 1, STOPPED), (1, 2, failed("no"))], 4 * S, {0: STOPPED, 1: failed("no")}),
        ([(0, 1, STOPPED), (1, 2, RUNNING)], 4 * S, {0: STOPPED, 1: RUNNING}),
        ([(1, 2, STOPPED)], 40 * S, {0: timeout(37 * S), 1: STOPPED}),
        ([], 33 * S, {0: timeout(30 * S), 1: timeout(30 * S)}),
    ],
)
def test_what_a_stop_reports_becomes_what_is_known(runs, now_ns, known):
    """Silent ranks are Timeout, which counts as stopped (Q53)."""
    controller = controller_of([RUNNING, RUNNING])
    controller.handle(STOP, 3 * S)

    for start, end, kind in runs:
        commands = controller.handle(overlay(agent(start), CONTROLLER, 1024, (start, end, kind)), 4 * S)
    if controller.busy:
        commands = controller.handle(TimerFired(CONTROLLER, "stop_idle"), now_ns)

    assert commands == ([CancelTimer(CONTROLLER, "stop_idle")] if len(runs) == 2 else [])
    assert (controller.busy, controller.statuses) == (False, known)


def test_an_agent_that_does_not_know_the_mesh_only_buys_time():
    """An empty overlay completes nothing, but the idle limit begins again (11.3)."""
    controller = controller_of([RUNNING])
    controller.handle(STOP, 0)

    assert controller.handle(overlay(agent(0), CONTROLLER, 1024), 10 * S) == []
    assert controller.handle(TimerFired(CONTROLLER, "stop_idle"), 30 * S) == [SetTimer(CONTROLLER, "stop_idle", 10 * S)]
    assert controller.handle(TimerFired(CONTROLLER, "stop_idle"), 40 * S) == []
    assert controller.statuses == {0: timeout(40 * S)}


@pytest.mark.parametrize(
    ("statuses", "kind", "known"),
    [({1: RUNNING}, STOPPED, {1: STOPPED}), ({1: RUNNING}, RUNNING, {0: RUNNING, 1: RUNNING}), ({}, RUNNING, {})],
)
def test_a_stop_that_succeeds_adds_no_entries_and_one_that_fails_does_unless_there_are_none(statuses, kind, known):
    """5.8 step 6: Ok overwrites existing entries, ActorStopError all of them if the map is not empty."""
    controller = controller_of([RUNNING, RUNNING])
    controller.statuses = dict(statuses)
    controller.handle(STOP, 0)

    controller.handle(overlay(agent(0), CONTROLLER, 1024, (0, 2, kind)), 1 * S)

    assert controller.statuses == known


def test_a_status_beyond_the_mesh_is_given_back_and_closes_the_port():
    """11.2: it is rejected, and all later replies are lost too."""
    controller = controller_of([RUNNING])
    controller.handle(STOP, 0)
    beyond = overlay(agent(0), CONTROLLER, 1024, (3, 4, STOPPED))

    commands = controller.handle(beyond, 1 * S)

    assert commands == [GiveBack(beyond, "mailbox error: range 3..4 exceeds region bounds (len=1)")]
    assert (controller.accepts(1024), controller.busy) == (False, True)


def test_one_stray_poll_runs_after_a_stop():
    """Q15: a poll that was scheduled runs completely, keepalive included, and is the last."""
    controller = subscribed(controller_of([RUNNING]), ALICE)
    controller.handle(STOP, 3 * S)
    controller.handle(overlay(agent(0), CONTROLLER, 1024, (0, 1, STOPPED)), 4 * S)

    port = asked_procs(controller)
    keepalive = controller.handle(proc_reply(0, port), P)
    commands = controller.handle(actor_reply(0, port + 1, STOPPED), P)

    assert keepalive[1].message == KeepaliveGetState(P + O, MESH, PortRef(CONTROLLER, port + 1))
    assert commands == [CancelTimer(CONTROLLER, "actor_idle"), ended("terminal", monitoring=False)]


def test_a_stray_poll_can_replace_the_stop_by_a_failure():
    """Q15 and Q28: its process is terminating, so subscribers hear once more."""
    controller = subscribed(controller_of([RUNNING]), ALICE)
    controller.handle(STOP, 3 * S)
    controller.handle(overlay(agent(0), CONTROLLER, 1024, (0, 1, STOPPED)), 4 * S)

    port = asked_procs(controller)
    commands = controller.handle(proc_reply(0, port, STOPPING, process.stopping(0)), P)

    failure = failed_at(0, dead_proc(0, actor_stopped("process is stopping"), ranks=1))
    assert commands == [
        CancelTimer(CONTROLLER, "proc_idle"),
        to_subscriber(ALICE, failure),
        ended("proc_dead", monitoring=False),
    ]
    assert controller.unhealthy_event == StreamClosed(failure)


def test_a_rank_that_stops_late_is_told_after_the_stop():
    """Q26: Timeout becomes Stopped, so subscribers hear, and the mesh flips from stopped to crashed."""
    controller = subscribed(controller_of([RUNNING]), ALICE)
    controller.handle(STOP, 0)
    controller.handle(TimerFired(CONTROLLER, "stop_idle"), 30 * S)

    commands = polled(controller, (STOPPED, ()), now_ns=31 * S)

    stopped = actor_stopped("actor status is Stopped; actor may have been killed")
    failure = failed_at(0, event_of(actor(0), stopped, at_ns=31 * S))
    assert commands == [
        CancelTimer(CONTROLLER, "actor_idle"),
        to_subscriber(ALICE, failure),
        ended("changed", monitoring=False),
    ]
    assert controller.unhealthy_event == Crashed(failure)


# --- 5.9 cleanup and undeliverables ------------------------------------------------------------------------


def test_cleanup_stops_the_mesh_and_tells_nobody():
    """Q14."""
    controller = subscribed(controller_of([RUNNING]), ALICE)

    commands = controller.handle(CleanupStarted(failed=False), 5 * S)

    assert commands == [
        MonitoringEnded(CONTROLLER, "a", "cleanup"),
        *to_agents(CONTROLLER, Stop(MESH, "actor mesh controller cleanup"), 1),
        *to_agents(CONTROLLER, GetRankStatus(MESH, status_port(CONTROLLER, 1024, returnable=True)), 1),
        SetTimer(CONTROLLER, "stop_idle", 30 * S),
    ]
    assert controller.busy


def test_cleanup_of_a_mesh_that_was_stopped_does_nothing():
    """The monitor was taken."""
    controller = controller_of([RUNNING])
    controller.handle(STOP, 0)
    controller.handle(overlay(agent(0), CONTROLLER, 1024, (0, 1, STOPPED)), 1 * S)

    assert controller.handle(CleanupStarted(failed=False), 5 * S) == []
    assert not controller.busy


@pytest.mark.parametrize(
    ("event", "now_ns", "commands"),
    [
        (overlay(agent(0), CONTROLLER, 1024, (0, 1, STOPPED)), 6 * S, [CancelTimer(CONTROLLER, "stop_idle")]),
        (
            overlay(agent(0), CONTROLLER, 1024, (0, 1, RUNNING)),
            6 * S,
            [
                CancelTimer(CONTROLLER, "stop_idle"),
                Fail(Generic("error stopping actor mesh: statuses: Running=0..1")),
            ],
        ),
        (
            TimerFired(CONTROLLER, "stop_idle"),
            35 * S,
            [Fail(Generic("error stopping actor mesh: statuses: Timeout(30s)=0..1"))],
        ),
    ],
    ids=["stopped", "still running", "silent"],
)
def test_a_stop_that_fails_in_cleanup_is_the_error_of_the_cleanup(event, now_ns, commands):
    controller = controller_of([RUNNING])
    controller.handle(CleanupStarted(failed=False), 5 * S)

    assert controller.handle(event, now_ns) == commands
    assert not controller.busy


def test_a_dead_subscriber_is_forgotten():
    """The header says that it was a message to a subscriber; a second one that comes back changes nothing."""
    controller = subscribed(controller_of([RUNNING]), ALICE, BOB)
    returned = Envelope(ALICE.actor, CONTROLLER, Undeliverable(to_subscriber(ALICE, None), ("ttl expired",)))

    assert controller.handle(returned, 0) == [SubscriberRemoved(CONTROLLER, ALICE.actor)]
    assert controller.handle(returned, 0) == []
    assert list(controller.subscribers.values()) == [BOB]


def test_anything_else_that_comes_back_is_the_end_of_the_controller():
    """Q57: a host that crashed returns the question for its procs."""
    question = Envelope(CONTROLLER, host_agent(0), GetState(proc_name(0), PortRef(CONTROLLER, 1024)))
    returned = Envelope(host_agent(0), CONTROLLER, Undeliverable(question, ("broken link: gone",)))

    commands = controller_of([RUNNING]).handle(returned, 0)

    assert commands == [Fail(Generic(undeliverable_text(question, ("broken link: gone",))))]


def test_a_cast_that_comes_back_is_the_end_of_the_controller_too():
    """5.9: its own name is put back first, where the comm actor's was."""
    comm = actor_id(proc(0), "comm-1comm1111111")
    lost = Envelope(comm, agent(0), Stop(MESH, "enough"), cast_sender=CONTROLLER, cast_point="hosts=0/1")
    returned = Envelope(comm, CONTROLLER, Undeliverable(lost, ("gone",)), returnable=False)

    commands = controller_of([RUNNING]).handle(returned, 0)

    own = msgspec.structs.replace(lost, sender=CONTROLLER)
    assert commands == [Fail(Generic(undeliverable_text(own, ("gone",))))]


def casting_in_vain():
    """A controller whose mesh lies in its root so that no range can say it (mesh_model.md 4.2 step 3)."""
    controller = controller_of([RUNNING] * 2)
    procs = controller.mesh.procs
    lying = msgspec.structs.replace(
        procs,
        region=Region(("hosts",), 0, (2,), (3,)),
        root_region=Region.of(Extent(("hosts",), (4,))),
        root_comm=actor_id(proc(0), "comm-1comm1111111"),
    )
    controller.mesh = msgspec.structs.replace(controller.mesh, procs=lying)
    return controller


NOT_CAST = "error while casting message to proc_agent: value 6 not in slice"


def test_a_stop_that_cannot_be_cast_is_the_end_of_the_controller():
    """5.8 step 6; the subscribers were told before."""
    controller = subscribed(casting_in_vain(), ALICE)

    commands = controller.handle(STOP, 3 * S)

    assert commands == [
        MonitoringEnded(CONTROLLER, "a", "stop"),
        to_subscriber(ALICE, STOP_FAILURE),
        Fail(Generic(NOT_CAST)),
    ]
    assert not controller.busy


def test_a_poll_that_cannot_be_cast_is_an_error_of_the_query():
    """5.10 step 5."""
    controller = casting_in_vain()
    port = asked_procs(controller)
    controller.handle(proc_reply(0, port), P)

    commands = controller.handle(proc_reply(1, port), P)

    text = 'unable to query for actor states: CastingError(Name("proc_agent"), value 6 not in slice)'
    told = [command.message.failure for command in commands if isinstance(command, Envelope)]
    assert [(failure.rank, failure.event.actor_status) for failure in told] == [(0, actor_failed(Generic(text)))]
    assert commands[-2] == ended("actor_query_error")
    assert not controller.busy


def test_an_event_of_a_child_is_not_handled():
    assert controller_of([RUNNING]).handle(ChildFailed(BOOM), 0) == [Fail(UnhandledSupervisionEvent(BOOM))]


# --- 5.10 steps 1 to 3 -------------------------------------------------------------------------------------


@pytest.mark.parametrize("orphan_timeout", [60 * S, 0])
def test_a_poll_asks_every_host_for_its_proc_first(orphan_timeout):
    """One question for each proc, whose answer does not come back to a host when nobody listens any more."""
    controller = controller_of([RUNNING, RUNNING], config=Config.of({"MESH_ORPHAN_TIMEOUT": orphan_timeout}))

    commands = controller.handle(check(), P)

    reply = PortRef(CONTROLLER, 1024, returnable=False)
    assert commands == [
        PollStarted(CONTROLLER, "a", 1),
        Envelope(CONTROLLER, host_agent(0), GetState(proc_name(0), reply)),
        Envelope(CONTROLLER, host_agent(1), GetState(proc_name(1), reply)),
        SetTimer(CONTROLLER, "proc_idle", H),
    ]
    assert (controller.accepts(1024), controller.accepts(1025)) == (True, False)


@pytest.mark.parametrize(
    ("late_ns", "offset_ns", "stalled"),
    [(0, 0, False), (P, 0, False), (P + 1, 0, True), (P + 1, 7 * S, True)],
)
def test_a_poll_that_starts_more_than_a_period_late_is_a_stall(late_ns, offset_ns, stalled):
    """Counted and logged, without any other effect. Times are wall times of the controller's node."""
    controller = controller_of([RUNNING], clock_offset_ns=offset_ns)
    expected_ns = offset_ns + P

    commands = controller.handle(check(expected_ns), P + late_ns)

    seconds = expected_ns // S
    warning = f"Handler<CheckState> is being stalled, expected at 1970-01-01 00:00:{seconds}"
    notes = [ControllerStalled(CONTROLLER, expected_ns), Warned(CONTROLLER, warning)]
    assert commands[1:-2] == (notes if stalled else [])
    assert controller.stalls == stalled


def test_a_proc_that_its_host_does_not_know_is_an_error_of_the_query():
    """A reply without state: blamed on rank 0 and on the controller itself, at every poll."""
    controller = subscribed(controller_of([RUNNING, RUNNING]), ALICE)
    port = asked_procs(controller)
    unknown = Envelope(host_agent(1), CONTROLLER, StateReply(State(proc_name(1), NOT_EXIST)), port)

    commands = controller.handle(unknown, P)

    text = f'unable to query for proc states: NotExist(Name("{proc_name(1)}"))'
    failure = failed_at(0, event_of(CONTROLLER, actor_failed(Generic(text)), at_ns=P))
    assert commands == [
        CancelTimer(CONTROLLER, "proc_idle"),
        to_owner(failure),
        to_subscriber(ALICE, failure),
        ended("proc_query_error"),
        reschedule(),
    ]
    assert controller.unhealthy_event == Crashed(failure)
    assert controller.statuses == {0: RUNNING, 1: RUNNING}


# --- 5.10 step 4: a proc is terminating --------------------------------------------------------------------


def dead_proc(rank, actor_status, *, ranks=2, at_ns=P):
    name = f"trainer{{'hosts': {rank}/{ranks}}} was running on a process which"
    return event_of(actor(rank), actor_status, at_ns=at_ns, name=name)


@pytest.mark.parametrize(
    ("kind", "proc_status", "actor_status", "owner_hears"),
    [
        (STOPPED, classify(ExitStatus(code=0)), actor_stopped("process exited cleanly"), False),
        (
            STOPPED,
            classify(ExitStatus(code=7)),
            actor_failed(Generic("process exited with non-zero code 7")),
            True,
        ),
        (STOPPING, process.stopping(0), actor_stopped("process is stopping"), False),
        (STOPPED, None, actor_stopped("no status received from process"), False),
        (
            failed("Killed(sig=9)"),
            classify(ExitStatus(signal=9)),
            actor_failed(Generic("process failure: Killed(sig=9)")),
            True,
        ),
        (
            failed("Killed(sig=11, core)"),
            classify(ExitStatus(signal=11, core_dumped=True)),
            actor_failed(Generic("process failure: Killed(sig=11, core)")),
            True,
        ),
        (failed("oom"), process.failed("oom"), actor_failed(Generic("process failure: Failed(oom)")), True),
    ],
)
def test_a_terminating_proc_is_told_and_nothing_else_is_done(kind, proc_status, actor_status, owner_hears):
    """Every row of 6.2 that a poll can meet. No statuses, no actor query, no keepalive, no heartbeat (Q19)."""
    controller = subscribed(controller_of([RUNNING, RUNNING]), ALICE)
    port = asked_procs(controller)
    controller.handle(proc_reply(1, port, kind, proc_status), P)

    commands = controller.handle(proc_reply(0, port), P)

    failure = failed_at(1, dead_proc(1, actor_status))
    assert commands == [
        CancelTimer(CONTROLLER, "proc_idle"),
        *([to_owner(failure)] if owner_hears else []),
        to_subscriber(ALICE, failure),
        ended("proc_dead"),
        reschedule(),
    ]
    assert controller.unhealthy_event == StreamClosed(failure)
    assert controller.crashed_ranks == {1: failure.event}
    assert controller.statuses == {0: RUNNING, 1: RUNNING}


def test_only_the_lowest_dead_rank_is_ever_told_and_again_at_every_poll():
    """Q18: no de-duplication, and no end."""
    controller = subscribed(controller_of([RUNNING, RUNNING]), ALICE)
    heard = []
    for poll in (1, 2, 3):
        now_ns = poll * P
        port = asked_procs(controller, now_ns)
        controller.handle(proc_reply(1, port, STOPPED, classify(ExitStatus(code=1))), now_ns)
        commands = controller.handle(proc_reply(0, port, STOPPED, classify(ExitStatus(code=2))), now_ns)
        heard.append(commands[1:])

    code = actor_failed(Generic("process exited with non-zero code 2"))
    failures = [failed_at(0, dead_proc(0, code, at_ns=poll * P)) for poll in (1, 2, 3)]
    assert heard == [
        [to_owner(failure), to_subscriber(ALICE, failure), ended("proc_dead", count), reschedule()]
        for count, failure in enumerate(failures, 1)
    ]


def test_a_host_that_says_nothing_counts_as_a_clean_stop():
    """Q28: a crashed or unreachable host. The limit begins again at each answer."""
    controller = subscribed(controller_of([RUNNING, RUNNING]), ALICE)
    port = asked_procs(controller)
    controller.handle(proc_reply(0, port), P + 20 * S)

    rest = controller.handle(TimerFired(CONTROLLER, "proc_idle"), P + H)
    commands = controller.handle(TimerFired(CONTROLLER, "proc_idle"), P + 20 * S + H)

    stopped = actor_stopped("no status received from process")
    failure = failed_at(1, dead_proc(1, stopped, at_ns=P + 20 * S + H))
    assert rest == [SetTimer(CONTROLLER, "proc_idle", 20 * S)]
    logged = "Timeout waiting for response from host mesh agent for proc_states after 60s"
    assert commands == [
        Warned(CONTROLLER, logged),
        to_subscriber(ALICE, failure),
        ended("proc_dead"),
        reschedule(),
    ]


def test_a_controller_without_owner_tells_subscribers_alone():
    controller = subscribed(controller_of([RUNNING], owner=None), ALICE)
    port = asked_procs(controller)

    commands = controller.handle(proc_reply(0, port, STOPPED, classify(ExitStatus(code=1))), P)

    failure = failed_at(0, dead_proc(0, actor_failed(Generic("process exited with non-zero code 1")), ranks=1))
    assert commands[1:] == [to_subscriber(ALICE, failure), ended("proc_dead"), reschedule()]


# --- 5.10 step 5: asking the actors ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("orphan_timeout", "offset_ns", "expires_ns"),
    [(60 * S, 0, P + 60 * S), (60 * S, -3 * S, P + 57 * S), (0, 0, None)],
)
def test_the_actors_are_asked_and_kept_alive_by_asking(orphan_timeout, offset_ns, expires_ns):
    """Expiry is wall time of the controller (Q37); without an orphan timeout it is a plain question."""
    config = Config.of({"MESH_ORPHAN_TIMEOUT": orphan_timeout})
    controller = controller_of([RUNNING, RUNNING], config=config, clock_offset_ns=offset_ns)
    port = asked_procs(controller)
    controller.handle(proc_reply(0, port), P)

    commands = controller.handle(proc_reply(1, port), P)

    reply = PortRef(CONTROLLER, 1025)
    ask = GetState(MESH, reply) if expires_ns is None else KeepaliveGetState(expires_ns, MESH, reply)
    assert commands == [
        CancelTimer(CONTROLLER, "proc_idle"),
        *to_agents(CONTROLLER, ask, 2),
        SetTimer(CONTROLLER, "actor_idle", A),
    ]
    assert (controller.accepts(1024), controller.accepts(1025)) == (False, True)


def test_an_actor_that_its_agent_does_not_know_is_an_error_of_the_query():
    """Q24: one rank whose spawn failed turns the whole query into an error, under the mesh's display name."""
    controller = subscribed(controller_of([RUNNING, RUNNING]), ALICE)
    port = asked_actors(controller)
    unknown = Envelope(agent(0), CONTROLLER, StateReply(State(MESH, failed("test failure"))), port)

    commands = controller.handle(unknown, P)

    text = f'unable to query for actor states: NotExist(Name("{MESH}"))'
    failure = failed_at(0, event_of(CONTROLLER, actor_failed(Generic(text)), at_ns=P, name="trainer"))
    assert commands == [
        CancelTimer(CONTROLLER, "actor_idle"),
        to_owner(failure),
        to_subscriber(ALICE, failure),
        ended("actor_query_error"),
        reschedule(),
    ]
    assert controller.unhealthy_event == Crashed(failure)
    assert controller.statuses == {0: RUNNING, 1: RUNNING}


def test_the_end_of_query_errors_is_never_announced():
    """Q25: heartbeats resume, and the mesh stays crashed."""
    controller = subscribed(controller_of([RUNNING]), ALICE)
    port = asked_actors(controller)
    controller.handle(Envelope(agent(0), CONTROLLER, StateReply(State(MESH, NOT_EXIST)), port), P)
    crashed = controller.unhealthy_event

    commands = polled(controller, (RUNNING, ()), now_ns=2 * P)

    assert commands[1:] == [to_subscriber(ALICE, None), ended("healthy", 2), reschedule()]
    assert controller.unhealthy_event == crashed


# --- 5.10 steps 6 to 8, 5.11, 6.1 --------------------------------------------------------------------------


def made_up(rank, text, at_ns=P):
    return event_of(actor(rank), actor_stopped(f"actor status is {text}; actor may have been killed"), at_ns=at_ns)


OOPS = event_of(actor(0), actor_failed(Generic("oops")))


@pytest.mark.parametrize(
    ("known", "reported", "events", "failure", "now_known", "outcome"),
    [
        (RUNNING, RUNNING, (), None, RUNNING, "healthy"),
        (RUNNING, RUNNING, (BOOM,), None, RUNNING, "healthy"),
        (RUNNING, FAILED, (BOOM,), BOOM, FAILED, "changed"),
        (RUNNING, FAILED, (BOOM, OOPS), BOOM, FAILED, "changed"),
        (RUNNING, STOPPED, (), made_up(0, "Stopped"), STOPPED, "changed"),
        (RUNNING, timeout(30 * S), (), made_up(0, "Timeout(30s)"), timeout(30 * S), "changed"),
        (RUNNING, NOT_EXIST, (), made_up(0, "NotExist"), NOT_EXIST, "changed"),
        (RUNNING, STOPPED, (BOOM,), BOOM, STOPPED, "changed"),
        (RUNNING, STOPPING, (), None, RUNNING, "healthy"),
        (RUNNING, UNKNOWN, (), None, RUNNING, "healthy"),
        (RUNNING, FAILED, (), None, RUNNING, "healthy"),
        (FAILED, FAILED, (BOOM,), None, FAILED, "terminal"),
        (FAILED, failed("two events"), (BOOM, OOPS), BOOM, failed("two events"), "changed"),
        (FAILED, STOPPED, (BOOM,), BOOM, STOPPED, "changed"),
        (timeout(30 * S), RUNNING, (), None, timeout(30 * S), "terminal"),
        (STOPPED, STOPPED, (), None, STOPPED, "terminal"),
        (None, RUNNING, (), None, RUNNING, "healthy"),
        (None, FAILED, (BOOM,), BOOM, FAILED, "changed"),
        (None, STOPPING, (), None, STOPPING, "terminal"),
    ],
    ids=[
        "healthy",
        "running hides events",
        "failed",
        "first event only",
        "stopped",
        "timeout",
        "not exist",
        "stopped with events",
        "stopping",
        "unknown",
        "Q22",
        "nothing new",
        "Q20",
        "Q21",
        "Q54",
        "stays stopped",
        "new and healthy",
        "new and failed",
        "new and stopping",
    ],
)
def test_a_rank_is_compared_with_what_was_known(*, known, reported, events, failure, now_known, outcome):
    """Rank 0 changes, rank 1 is well. Owners hear errors alone, subscribers hear everything or a heartbeat."""
    controller = subscribed(controller_of([RUNNING, RUNNING]), ALICE)
    if known is None:
        del controller.statuses[0]
    else:
        controller.statuses[0] = known

    commands = polled(controller, (reported, events), (RUNNING, ()))

    told = []
    if failure is not None:
        owner = [to_owner(failed_at(0, failure))] if failure.is_error else []
        told = [*owner, to_subscriber(ALICE, failed_at(0, failure))]
    elif outcome == "healthy":
        told = [to_subscriber(ALICE, None)]
    assert commands == [CancelTimer(CONTROLLER, "actor_idle"), *told, ended(outcome), reschedule()]
    assert controller.statuses == {0: now_known, 1: RUNNING}
    assert controller.unhealthy_event == (None if failure is None else Crashed(failed_at(0, failure)))


def test_a_change_that_nobody_listens_to_is_still_a_change():
    """Nobody subscribed, and the owner does not hear of plain stops."""
    controller = controller_of([RUNNING, RUNNING])

    commands = polled(controller, (STOPPED, ()), (RUNNING, ()))

    assert commands == [CancelTimer(CONTROLLER, "actor_idle"), ended("changed"), reschedule()]


def test_ranks_are_told_in_order_the_owner_before_the_subscribers():
    controller = subscribed(controller_of([RUNNING, RUNNING]), ALICE, BOB)
    second = event_of(actor(1), actor_failed(Generic("bang")))
    port = asked_actors(controller)
    controller.handle(actor_reply(1, port, failed("1"), (second,)), P)

    commands = controller.handle(actor_reply(0, port, failed("0"), (BOOM,)), P)

    zero, one = failed_at(0, BOOM), failed_at(1, second)
    assert commands == [
        CancelTimer(CONTROLLER, "actor_idle"),
        to_owner(zero),
        to_subscriber(ALICE, zero),
        to_subscriber(BOB, zero),
        to_owner(one),
        to_subscriber(ALICE, one),
        to_subscriber(BOB, one),
        MonitoringEnded(CONTROLLER, "a", "all_terminal"),
        ended("changed", monitoring=False),
    ]
    assert controller.crashed_ranks == {0: BOOM, 1: second}


def test_the_rank_of_an_actor_event_is_its_create_rank():
    """Q17 in its harmless form: whatever rank the reply carries is the rank of the failure."""
    controller = controller_of([RUNNING, RUNNING])
    port = asked_actors(controller)
    state = State(MESH, FAILED, ActorState(actor(1), 1, (BOOM,)))
    controller.handle(Envelope(agent(1), CONTROLLER, StateReply(state), port), P)

    commands = controller.handle(actor_reply(0, port), P)

    assert commands[1] == to_owner(failed_at(1, BOOM))


def test_one_terminal_rank_silences_the_heartbeats_for_good():
    """Q16: subscribers of the healthy ranks will take the controller for dead."""
    controller = subscribed(controller_of([RUNNING, RUNNING]), ALICE)
    polled(controller, (STOPPED, ()), (RUNNING, ()))

    commands = [polled(controller, (STOPPED, ()), (RUNNING, ()), now_ns=poll * P) for poll in (2, 3)]

    assert commands == [
        [CancelTimer(CONTROLLER, "actor_idle"), ended("terminal", poll), reschedule()] for poll in (2, 3)
    ]


def test_polling_ends_when_all_ranks_are_terminal():
    """The monitor is taken: no poll, no keepalive, no stop any more."""
    controller = subscribed(controller_of([RUNNING, FAILED]), ALICE)

    commands = polled(controller, (STOPPED, ()), (FAILED, (BOOM,)))

    assert commands == [
        CancelTimer(CONTROLLER, "actor_idle"),
        to_subscriber(ALICE, failed_at(0, made_up(0, "Stopped"))),
        MonitoringEnded(CONTROLLER, "a", "all_terminal"),
        ended("changed", monitoring=False),
    ]
    assert not controller.monitoring


def test_a_silent_agent_is_a_failure_of_the_agent():
    """10.5 step 3: Timeout and a made-up event that names the agent, so the owner hears."""
    controller = subscribed(controller_of([RUNNING, RUNNING]), ALICE)
    port = asked_actors(controller)
    controller.handle(actor_reply(0, port), P + 5 * S)

    rest = controller.handle(TimerFired(CONTROLLER, "actor_idle"), P + A)
    commands = controller.handle(TimerFired(CONTROLLER, "actor_idle"), P + A + 5 * S)

    text = f'timeout waiting for message from proc mesh agent while querying for "{MESH}". The process likely crashed'
    failure = failed_at(1, event_of(agent(1), actor_failed(Generic(text)), at_ns=P + A + 5 * S))
    assert rest == [SetTimer(CONTROLLER, "actor_idle", 5 * S)]
    logged = Warned(CONTROLLER, "timed out waiting for the actor states of a proc mesh agent after 30s")
    assert commands == [logged, to_owner(failure), to_subscriber(ALICE, failure), ended("changed"), reschedule()]
    assert controller.statuses == {0: RUNNING, 1: timeout(A)}


def test_a_rank_that_timed_out_never_comes_back():
    """Q54: Running yields no events, so the entry stays; when all ranks timed out, monitoring is over."""
    controller = controller_of([RUNNING])
    asked_actors(controller)
    controller.handle(TimerFired(CONTROLLER, "actor_idle"), P + A)

    assert controller.statuses == {0: timeout(A)}
    assert not controller.monitoring


def test_a_controller_that_knows_no_rank_polls_once():
    """Of no entries all are terminal. A rank that is reported is entered first."""
    controller = controller_of([RUNNING])
    controller.statuses = {}

    commands = polled(controller, (STOPPING, ()))

    assert commands == [
        CancelTimer(CONTROLLER, "actor_idle"),
        MonitoringEnded(CONTROLLER, "a", "all_terminal"),
        ended("terminal", monitoring=False),
    ]


def test_the_next_poll_is_expected_one_period_after_the_end_of_the_last():
    """Time inside the handler does not count as a stall."""
    controller = controller_of([RUNNING])
    port = asked_actors(controller)
    controller.handle(actor_reply(0, port), P + 25 * S)

    commands = controller.handle(TimerFired(CONTROLLER, CHECK_TIMER), 2 * P + 25 * S)

    assert commands == [check(2 * P + 25 * S)]


def test_a_new_poll_frequency_counts_from_the_configuration():
    controller = controller_of([RUNNING], config=Config.of({"SUPERVISION_POLL_FREQUENCY": 250 * MS}))

    assert polled(controller, (RUNNING, ()))[-1] == reschedule(250 * MS)


def test_the_controller_waits_in_every_phase_but_idle():
    """Other messages stay in the mailbox while a poll or a stop is in flight (Q27)."""
    controller = controller_of([RUNNING])
    busy = [(controller.phase, controller.busy)]
    asked_procs(controller)
    busy.append((controller.phase, controller.busy))
    controller.handle(proc_reply(0, 1024), P)
    busy.append((controller.phase, controller.busy))
    controller.handle(actor_reply(0, 1025), P)
    controller.handle(STOP, P)
    busy.append((controller.phase, controller.busy))

    assert busy == [
        (ControllerPhase.IDLE, False),
        (ControllerPhase.QUERYING_PROCS, True),
        (ControllerPhase.QUERYING_ACTORS, True),
        (ControllerPhase.STOPPING, True),
    ]


@pytest.mark.parametrize(
    "event", [tell(Stop(MESH, "")), TimerFired(CONTROLLER, "unknown"), Envelope(CLIENT, CONTROLLER, SubscriberCount(1))]
)
def test_what_cannot_happen_is_an_assertion(event):
    """A stop in the middle of a poll would be the runtime's mistake."""
    controller = controller_of([RUNNING])
    asked_procs(controller)

    with pytest.raises(AssertionError):
        controller.handle(event, P)
