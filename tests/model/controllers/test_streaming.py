"""The controller that is told: one report for each rank, whatever comes in whatever order (supervision.md 17)."""

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
    actor,
    agent,
    controller_of,
    event_of,
    proc_reply,
    to_owner,
    to_subscriber,
)
from test_controller import H, P, asked_procs, check, reschedule, subscribed

from meshsim.model.commands import CancelTimer
from meshsim.model.config import Config
from meshsim.model.controllers.keeper import ControllerPhase
from meshsim.model.controllers.streaming import StreamingController, streaming_config
from meshsim.model.events import CleanupStarted, Started, TimerFired
from meshsim.model.hosts.process import ExitStatus, classify
from meshsim.model.ids import PortRef
from meshsim.model.messages import (
    ActorStateChanged,
    Envelope,
    KeepaliveGetState,
    MeshFailed,
    StateReply,
    Stop,
    WatchActor,
)
from meshsim.model.notes import MonitoringEnded, PollEnded
from meshsim.model.status import RUNNING, STOPPED, ActorState, State, failed, timeout
from meshsim.model.supervision import Crashed, Generic, MeshFailure, actor_failed, actor_stopped

WATCH = PortRef(CONTROLLER, 1024)
FAILED = failed("because of supervision events: boom")
KILLED = classify(ExitStatus(signal=9))
A = CONFIG.get_actor_state_max_idle


def boom(rank):
    return event_of(actor(rank), actor_failed(Generic("boom")))


def killed_by_hand(rank):
    return event_of(actor(rank), actor_stopped("actor status is Stopped; actor may have been killed"))


def streaming(*statuses, off=()):
    """A streaming controller that began at time 0, with one subscriber."""
    known = statuses or (RUNNING, RUNNING)
    machine = StreamingController(
        me=CONTROLLER,
        mesh=controller_of(known).mesh,
        config=streaming_config(Config.of({}, off)),
        display_name="trainer",
        owner=CLIENT,
        statuses=dict(enumerate(known)),
    )
    machine.handle(Started(), 0)
    return subscribed(machine, ALICE)


def state(rank, status, generation, *events):
    return State(MESH, status, ActorState(actor(rank), rank, events, generation))


def pushed(rank, status, generation, *events):
    message = ActorStateChanged(state(rank, status, generation, *events))
    return Envelope(agent(rank), CONTROLLER, message, WATCH.index)


def running(rank):
    return pushed(rank, RUNNING, 1)


def failing(rank):
    return pushed(rank, FAILED, 2, boom(rank))


def failed_and_stopped(rank):
    return pushed(rank, STOPPED, 3, boom(rank))


def stopping(rank):
    return pushed(rank, STOPPED, 2)


def answered(rank, port, pushed):
    """The same state as answer to a poll."""
    return Envelope(agent(rank), CONTROLLER, StateReply(pushed.message.state), port)


def asked_actors(machine, now_ns=P):
    port = asked_procs(machine, now_ns)
    for rank in range(len(machine.mesh.procs.procs)):
        machine.handle(proc_reply(rank, port), now_ns)
    return machine.query.port


def told(commands, dest=ALICE.actor):
    """Rank and status of each failure that this one is told."""
    mine = [c.message for c in commands if isinstance(c, Envelope) and c.dest == dest]
    failures = [message.failure for message in mine if isinstance(message, MeshFailed)]
    return [(failure.rank, failure.event) for failure in failures if failure is not None]


# --- the stream ----------------------------------------------------------------------------------------------


def test_it_begins_by_asking_every_agent_to_tell():
    """Directly, on one port; what gets lost of it the poll makes good, so it does not come back."""
    machine = StreamingController(CONTROLLER, controller_of([RUNNING] * 2).mesh, CONFIG, "trainer", CLIENT, {})

    assert machine.handle(Started(), 0) == [
        Envelope(CONTROLLER, agent(0), WatchActor(MESH, WATCH), returnable=False),
        Envelope(CONTROLLER, agent(1), WatchActor(MESH, WATCH), returnable=False),
        reschedule(),
    ]
    assert machine.accepts(WATCH.index)


def test_a_failure_is_told_when_it_is_heard():
    machine = streaming()
    failure = MeshFailure(MESH, 1, boom(1))

    assert machine.handle(failing(1), 5) == [to_owner(failure), to_subscriber(ALICE, failure)]
    assert machine.unhealthy_event == Crashed(failure)
    assert machine.statuses == {0: RUNNING, 1: FAILED}


def test_a_stop_is_told_to_subscribers_alone():
    machine = streaming()

    assert machine.handle(stopping(1), 0) == [to_subscriber(ALICE, MeshFailure(MESH, 1, killed_by_hand(1)))]


@pytest.mark.parametrize(
    "second",
    [failing(1), failed_and_stopped(1), running(1)],
    ids=["doubled", "stopped afterwards", "late"],
)
def test_a_rank_is_told_of_once(second):
    """Q18, Q20, Q21 as they would be here: nothing that follows an end is told."""
    machine = streaming()
    machine.handle(failing(1), 0)

    assert machine.handle(second, 0) == []
    assert machine.statuses[1].is_terminating


def test_what_was_overtaken_is_not_taken():
    """The stop arrives before the failure that came first: the rank is Stopped, and told of once."""
    machine = streaming()
    first = machine.handle(failed_and_stopped(1), 0)

    assert told(first) == [(1, boom(1))]
    assert machine.handle(failing(1), 0) == []
    assert machine.statuses[1] == STOPPED


def test_the_end_of_the_last_rank_ends_the_monitoring():
    machine = streaming()
    machine.handle(failing(0), 0)

    commands = machine.handle(failing(1), 0)

    assert commands[-1] == MonitoringEnded(CONTROLLER, "a", "all_terminal")
    assert machine.handle(failed_and_stopped(1), 0) == []


def test_what_comes_during_a_poll_is_told_at_once():
    """A silent host holds up the poll, and nothing else."""
    machine = streaming()
    asked_procs(machine)

    assert told(machine.handle(failing(1), P + 1)) == [(1, boom(1))]
    assert machine.phase is ControllerPhase.QUERYING_PROCS


def test_what_follows_a_stop_is_recorded_and_told_to_nobody():
    """The subscribers know that the mesh is stopped."""
    machine = streaming()
    machine.handle(Envelope(ALICE.actor, CONTROLLER, Stop(MESH, "enough")), 0)

    assert machine.handle(stopping(1), 0) == []
    assert machine.statuses == {0: RUNNING, 1: STOPPED}


def test_nothing_is_told_once_it_cleans_up():
    machine = streaming()
    machine.handle(CleanupStarted(failed=False), 0)

    assert machine.handle(failing(1), 0) == []


# --- the backstop --------------------------------------------------------------------------------------------


def test_a_lost_push_is_found_by_the_next_poll():
    machine = streaming()
    port = asked_actors(machine)
    machine.handle(answered(0, port, running(0)), P)

    commands = machine.handle(answered(1, port, failing(1)), P)

    failure = MeshFailure(MESH, 1, boom(1))
    assert commands == [
        CancelTimer(CONTROLLER, "actor_idle"),
        to_owner(failure),
        to_subscriber(ALICE, failure),
        PollEnded(CONTROLLER, "a", 1, "changed", True),
        reschedule(),
    ]


def test_a_poll_that_finds_what_was_told_tells_nothing():
    machine = streaming()
    machine.handle(failing(1), 0)
    port = asked_actors(machine)
    machine.handle(answered(0, port, running(0)), P)

    assert machine.handle(answered(1, port, failed_and_stopped(1)), P) == [
        CancelTimer(CONTROLLER, "actor_idle"),
        PollEnded(CONTROLLER, "a", 1, "terminal", True),
        reschedule(),
    ]


def test_an_agent_that_forgot_is_asked_to_tell_again():
    """Its answer has no generation."""
    machine = streaming()
    port = asked_actors(machine)
    forgetful = State(MESH, RUNNING, ActorState(actor(0), 0))

    assert machine.handle(Envelope(agent(0), CONTROLLER, StateReply(forgetful), port), P) == [
        Envelope(CONTROLLER, agent(0), WatchActor(MESH, WATCH), returnable=False)
    ]


def test_a_dead_proc_is_told_of_once_and_the_others_are_kept_alive():
    """Q18 and Q19 as they would be here."""
    machine = streaming()
    for poll in (1, 2):
        port = asked_procs(machine, poll * P)
        machine.handle(proc_reply(0, port, failed("Killed(sig=9)"), KILLED), poll * P)

        commands = machine.handle(proc_reply(1, port), poll * P)

        assert [rank for rank, _ in told(commands)] == ([0] if poll == 1 else [])
        asked = [c.dest for c in commands if isinstance(c, Envelope) and isinstance(c.message, KeepaliveGetState)]
        assert asked == [agent(1)]
        machine.handle(answered(1, machine.query.port, running(1)), poll * P)
    assert machine.statuses == {0: failed("Killed(sig=9)"), 1: RUNNING}


def test_the_process_of_a_failed_actor_may_die_without_a_word():
    machine = streaming()
    machine.handle(failing(0), 0)
    port = asked_procs(machine)
    machine.handle(proc_reply(0, port, failed("Killed(sig=9)"), KILLED), P)

    assert told(machine.handle(proc_reply(1, port), P)) == []
    assert machine.handle(failed_and_stopped(0), P) == []
    assert machine.statuses[0] == failed("Killed(sig=9)")


def silent_poll(machine, now_ns=P):
    """A poll in which the agent of rank 1 says nothing."""
    port = asked_actors(machine, now_ns)
    machine.handle(answered(0, port, running(0)), now_ns)
    return machine.handle(TimerFired(CONTROLLER, "actor_idle"), now_ns + A)


def test_a_silent_agent_is_told_of_as_by_the_polling_controller():
    machine = streaming()

    ((rank, event),) = told(silent_poll(machine))

    assert (rank, event.actor_id) == (1, agent(1))
    assert machine.statuses[1] == timeout(A)


@pytest.mark.parametrize(("off", "status", "again"), [((), timeout(A), []), (("Q54",), RUNNING, [(1, boom(1))])])
def test_a_rank_that_was_silent_comes_back_without_q54(off, status, again):
    """And when it did, a real end is told of. With it, its silence was its end."""
    machine = streaming(off=off)
    silent_poll(machine)
    machine.handle(running(1), P + A)

    assert machine.statuses[1] == status
    assert told(machine.handle(failing(1), P + A)) == again


def test_silence_does_not_undo_an_end():
    machine = streaming()
    machine.handle(failing(1), 0)

    assert told(silent_poll(machine)) == []
    assert machine.statuses[1] == FAILED


def test_only_three_quirks_of_the_poll_are_taken_away():
    """All others are as the profile has them, in the order in which they were given."""
    off = CONFIG.quirks_off
    assert streaming_config(CONFIG) == msgspec.structs.replace(CONFIG, quirks_off=(*off, "Q18", "Q19", "Q24"))
    assert streaming_config(Config.of({}, ("Q24", "Q54"))).quirks_off == ("Q24", "Q54", "Q18", "Q19")


def test_a_silent_host_is_a_dead_proc_here_too():
    machine = streaming()
    port = asked_procs(machine)
    machine.handle(proc_reply(0, port), P)

    commands = machine.handle(TimerFired(CONTROLLER, "proc_idle"), P + H)

    assert [rank for rank, _ in told(commands)] == [1]


# --- any order -------------------------------------------------------------------------------------------------

#: How a rank may come to be what it is, generation by generation.
HISTORIES = [
    (running,),
    (running, failing),
    (running, stopping),
    (running, failing, failed_and_stopped),
]
RANKS = 3
SEARCH = settings(max_examples=200, deadline=None, derandomize=True, database=None)
histories = st.lists(st.sampled_from(HISTORIES), min_size=RANKS, max_size=RANKS)
#: Which rank is heard of, and which of its generations; several at once are a poll.
moments = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=RANKS), max_size=12)


def polled(machine, messages):
    """One whole poll with these answers by rank; a missing one is silence."""
    now_ns = machine.expected_ns
    commands = list(machine.handle(check(now_ns), now_ns))
    port = machine.query.port
    for rank in range(RANKS):
        commands += machine.handle(proc_reply(rank, port), now_ns)
    port = machine.query.port
    for rank, message in messages.items():
        commands += machine.handle(answered(rank, port, message), now_ns)
    if machine.busy:
        commands += machine.handle(TimerFired(CONTROLLER, "actor_idle"), now_ns + A)
    return commands


def played(machine, histories, moments):
    """Pushes (one choice) and polls (several) as chosen: any generation, in any order, any number of times."""
    commands = []
    for index, moment in enumerate(moments):
        chosen = {rank: histories[rank][pick % len(histories[rank])](rank) for rank, pick in enumerate(moment)}
        if len(moment) == 1:
            rank = index % RANKS
            commands += machine.handle(histories[rank][moment[0] % len(histories[rank])](rank), index)
        else:
            commands += polled(machine, chosen)
    return commands


@SEARCH
@given(histories, moments.map(lambda all_: [m if len(m) in (1, RANKS) else (m * RANKS)[:RANKS] for m in all_]))
def test_any_order_of_pushes_and_polls_comes_to_the_same(histories, moments):
    """Late, doubled, overtaken, lost: after a last full poll every rank is what it is, told of once or not at all."""
    machine = streaming(*[RUNNING] * RANKS)
    commands = played(machine, histories, moments)

    commands += polled(machine, {rank: history[-1](rank) for rank, history in enumerate(histories)})

    ends = {rank: history[-1](rank).message.state.status for rank, history in enumerate(histories)}
    assert machine.statuses == ends
    assert sorted(rank for rank, _ in told(commands)) == [r for r, status in ends.items() if status.is_terminating]


@SEARCH
@given(histories, moments)
def test_a_rank_is_never_told_of_twice_even_when_agents_are_silent(histories, moments):
    machine = streaming(*[RUNNING] * RANKS)

    ranks = [rank for rank, _ in told(played(machine, histories, moments))]

    assert len(ranks) == len(set(ranks))
