"""A subscription: what its actor hears, and when it takes the controller for dead (supervision.md 12.3, 12.4)."""

import msgspec
import pytest
from machines import CLIENT, CONFIG, CONTROLLER, MESH, actor, actor_mesh, event_of

from meshsim.model.clients.subscription import TRANSITIONS, Subscription, SubscriptionPhase
from meshsim.model.clients.waits import IdleLimit
from meshsim.model.commands import CancelTimer, SetTimer
from meshsim.model.config import Config
from meshsim.model.ids import PortRef
from meshsim.model.messages import Envelope, MeshFailed, Subscribe, Unsubscribe
from meshsim.model.notes import Heartbeat, Warned
from meshsim.model.supervision import Generic, MeshFailure, actor_failed, actor_stopped
from meshsim.units import S

PORT = 1024
W = CONFIG.supervision_watchdog_timeout
HEARTBEAT = MeshFailed(None)
STOP_WORD = actor_stopped("ActorMeshController received explicit stop request")


def subscription(config=CONFIG):
    watchdog = IdleLimit(CLIENT, f"watchdog:{PORT}", config.supervision_watchdog_timeout)
    return Subscription(CLIENT, actor_mesh(2), config, PORT, watchdog)


def watching(config=CONFIG):
    machine = subscription(config)
    machine.start(0)
    return machine


def failure_of(rank, actor_status=None):
    return MeshFailure(MESH, rank, event_of(actor(0), actor_status or actor_failed(Generic("boom"))))


def silence(at_ns):
    """What a look makes of a controller that is silent."""
    text = f"timed out reaching controller {CONTROLLER} for mesh {MESH}. Assuming controller's proc is dead"
    failure = MeshFailure(MESH, None, event_of(CONTROLLER, actor_failed(Generic(text)), at_ns=at_ns))
    return [Envelope(CLIENT, CONTROLLER, Unsubscribe(PortRef(CLIENT, PORT)), returnable=False)], failure


# --- start -------------------------------------------------------------------------------------------------


def test_a_subscription_begins_with_one_message_and_a_watchdog():
    assert subscription().start(0) == [
        Envelope(CLIENT, CONTROLLER, Subscribe(PortRef(CLIENT, PORT))),
        SetTimer(CLIENT, f"watchdog:{PORT}", W),
    ]


def test_a_port_may_ask_for_no_returns_and_is_unsubscribed_as_it_was_subscribed():
    """With `port_equality_flag` the controller would not find it otherwise."""
    machine = msgspec.structs.replace(subscription(), returnable=False)
    port = PortRef(CLIENT, PORT, returnable=False)

    assert machine.start(0)[0].message == Subscribe(port)
    machine.on_timer(W)
    assert machine.look(W)[0][0].message == Unsubscribe(port)


@pytest.mark.parametrize(
    ("limit_ns", "warnings"),
    [
        (100 * S, []),
        (
            100 * S - 1,
            ["HYPERACTOR_MESH_SUPERVISION_WATCHDOG_TIMEOUT=99.999999999s is too short. It should be >= 100s"],
        ),
    ],
)
def test_a_watchdog_that_a_poll_can_outlast_is_warned_of(limit_ns, warnings):
    """Defaults: poll frequency 10 s, actors idle 30 s, procs idle 60 s."""
    config = Config.of({"SUPERVISION_WATCHDOG_TIMEOUT": limit_ns})

    commands = subscription(config).start(0)

    assert commands[:-2] == [Warned(CLIENT, text) for text in warnings]


# --- what is in the cell -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "notes", "seen"),
    [
        (HEARTBEAT, [Heartbeat(CLIENT, "a")], None),
        (MeshFailed(failure_of(1)), [], failure_of(1)),
        (MeshFailed(failure_of(None, STOP_WORD)), [], failure_of(None, STOP_WORD)),
        (MeshFailed(failure_of(2)), [], None),
    ],
    ids=["heartbeat", "rank of the mesh", "whole mesh", "rank of another slice"],
)
def test_failures_of_its_own_ranks_are_seen(message, notes, seen):
    """A failure without rank concerns everybody; one with a rank only those whose region has it."""
    machine = watching()

    assert machine.on_message(message, 1 * S) == notes
    assert machine.look(2 * S) == ([], seen)
    assert machine.latest == message.failure


@pytest.mark.parametrize(
    ("off", "messages", "looks"),
    [
        ("", [failure_of(0), failure_of(1)], [failure_of(1), failure_of(1)]),
        ("", [failure_of(0), failure_of(1), None], [None, None]),
        ("", [failure_of(0), failure_of(2)], [None, None]),
        ("Q49", [failure_of(0), failure_of(1)], [failure_of(0), failure_of(1), failure_of(1)]),
        ("Q49", [failure_of(0), None, failure_of(2)], [failure_of(0), None]),
        ("Q50", [failure_of(0), failure_of(1)], [failure_of(1), None]),
        ("Q49 Q50", [failure_of(0), failure_of(1)], [failure_of(0), failure_of(1), None]),
    ],
)
def test_who_is_slow_to_look_sees_the_latest_message_alone(off, messages, looks):
    """Q49: what came before it is lost, to a heartbeat or to a rank of others too. Q50: it is seen by every look."""
    machine = watching(Config.of({}, tuple(off.split())))
    for message in messages:
        machine.on_message(MeshFailed(message), 1 * S)

    assert [machine.look(2 * S)[1] for _ in looks] == looks


# --- the watchdog ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", [HEARTBEAT, MeshFailed(failure_of(1)), MeshFailed(failure_of(2))])
def test_every_message_is_a_sign_of_life(message):
    """Failures too, and those of other ranks: repeated failures of a dead proc keep the watchdog quiet (Q16)."""
    machine = watching()
    machine.on_message(message, 70 * S)

    assert machine.on_timer(W) == [SetTimer(CLIENT, f"watchdog:{PORT}", 70 * S)]


def test_silence_means_that_the_controller_is_dead():
    machine = watching()

    assert machine.on_timer(W) == []
    assert machine.look(W) == silence(W)
    assert (machine.timed_out, machine.accepts(PORT)) == (True, False)


@pytest.mark.parametrize(
    ("off", "failure", "commands"),
    [
        ("", failure_of(None, STOP_WORD), []),
        ("Q14", failure_of(None, STOP_WORD), [CancelTimer(CLIENT, f"watchdog:{PORT}")]),
        ("Q14", failure_of(None), []),
        ("Q14", failure_of(1, STOP_WORD), []),
    ],
    ids=["with the quirk", "the mesh was stopped", "the mesh is ill", "one rank was stopped"],
)
def test_without_q14_word_of_the_stop_of_a_mesh_ends_the_watchdog(off, failure, commands):
    """Its controller may end now: nobody needs it any more. With Q14 that is an alarm all the same."""
    machine = watching(Config.of({}, tuple(off.split())))

    assert machine.on_message(MeshFailed(failure), 1 * S) == commands
    assert machine.look(2 * S)[1] == failure


def test_after_a_timeout_there_is_no_way_back():
    """Q51: whoever looks again is told the same at once, and never subscribes again."""
    machine = watching()
    machine.on_timer(W)
    machine.look(W)

    assert machine.look(W + 5 * S) == silence(W + 5 * S)
    assert machine.on_timer(W + 5 * S) == []


def test_who_waits_again_after_a_time_out_subscribes_again_while_q51_is_off():
    """What the cell held is forgotten, and a new silence would be a new alarm."""
    machine = watching(Config.of({}, ("Q51",)))
    machine.on_message(MeshFailed(failure_of(0)), 0)
    machine.on_timer(W)

    commands = machine.retry(2 * W)

    assert commands == [
        Envelope(CLIENT, CONTROLLER, Subscribe(PortRef(CLIENT, PORT))),
        SetTimer(CLIENT, f"watchdog:{PORT}", W),
    ]
    assert (machine.phase, machine.look(2 * W)) == (SubscriptionPhase.WATCHING, ([], None))


# --- the end of a reference --------------------------------------------------------------------------------


def test_a_dropped_reference_lives_for_one_more_message():
    """No Unsubscribe is sent: the message after that one bounces, and the controller learns of it."""
    machine = watching()
    machine.drop()
    open_before = machine.accepts(PORT)

    assert machine.on_message(MeshFailed(failure_of(0)), 1 * S) == []
    assert (open_before, machine.accepts(PORT)) == (True, False)


def test_a_dropped_reference_lives_for_one_more_silence():
    """Its forwarder has a watchdog as well, but nobody hears of it."""
    machine = watching()
    machine.drop()

    assert machine.on_timer(W) == []
    assert not machine.accepts(PORT)


def test_an_actor_that_stopped_the_mesh_looks_no_more():
    """Its reference has no controller any more; messages are taken, silence means nothing."""
    machine = watching()
    machine.look_away()

    assert [machine.on_message(message, 10 * S) for message in (MeshFailed(failure_of(0)), HEARTBEAT)] == [[], []]
    assert (machine.look(10 * S), machine.accepts(PORT)) == (([], None), True)
    assert machine.on_timer(W) == [SetTimer(CLIENT, f"watchdog:{PORT}", 10 * S)]
    assert machine.on_timer(W + 10 * S) == []
    assert machine.phase is SubscriptionPhase.CLOSED


@pytest.mark.parametrize(
    ("steps", "phase"),
    [
        (["drop", "drop", "look_away"], SubscriptionPhase.DROPPED),
        (["look_away", "look_away"], SubscriptionPhase.UNWATCHED),
        (["look_away", "drop"], SubscriptionPhase.DROPPED),
    ],
)
def test_letting_go_twice_changes_nothing(steps, phase):
    machine = watching()

    for step in steps:
        getattr(machine, step)()

    assert machine.phase is phase


def test_dropping_after_a_timeout_closes_the_subscription():
    machine = watching()
    machine.on_timer(W)

    machine.drop()

    assert machine.phase is SubscriptionPhase.CLOSED


@pytest.mark.parametrize("before", [[], ["look_away"]])
def test_who_unsubscribes_says_so_and_listens_no_more(before):
    """A second time there is nothing to say, nor is there after a dropped reference."""
    machine = watching()
    for step in before:
        getattr(machine, step)()

    said = machine.unsubscribe()

    goodbye = Envelope(CLIENT, CONTROLLER, Unsubscribe(PortRef(CLIENT, PORT)), returnable=False)
    assert said == [goodbye, CancelTimer(CLIENT, f"watchdog:{PORT}")]
    assert (machine.unsubscribe(), machine.accepts(PORT)) == ([], False)


def test_the_table_of_phases_is_total_and_ends_closed():
    assert set(TRANSITIONS) == set(SubscriptionPhase)
    assert {phase for phase, targets in TRANSITIONS.items() if not targets} == {SubscriptionPhase.CLOSED}
