"""A subscription: what its actor hears, and when it takes the controller for dead (supervision.md 12.3, 12.4)."""

import msgspec
import pytest
from machines import CLIENT, CONFIG, CONTROLLER, MESH, actor, actor_mesh, event_of

from meshsim.model.commands import SetTimer
from meshsim.model.config import Config
from meshsim.model.ids import PortRef
from meshsim.model.messages import Envelope, MeshFailed, Subscribe, Unsubscribe
from meshsim.model.notes import Heard, Heartbeat, Warned
from meshsim.model.subscription import TRANSITIONS, Subscription, SubscriptionPhase
from meshsim.model.supervision import Generic, MeshFailure, actor_failed, actor_stopped
from meshsim.model.waits import IdleLimit
from meshsim.units import S

PORT = 1024
W = CONFIG.supervision_watchdog_timeout
HEARTBEAT = MeshFailed(None)
STOP_WORD = actor_stopped("ActorMeshController received explicit stop request")


def subscription(config=CONFIG):
    watchdog = IdleLimit(CLIENT, f"watchdog:{PORT}", config.supervision_watchdog_timeout)
    return Subscription(CLIENT, actor_mesh(2), config, PORT, watchdog)


def watching():
    machine = subscription()
    machine.start(0)
    return machine


def failure_of(rank, actor_status=None):
    return MeshFailure(MESH, rank, event_of(actor(0), actor_status or actor_failed(Generic("boom"))))


def heard(failure, role="subscriber", *, status="Failed", text="failed: boom"):
    return Heard(CLIENT, role, "a", failure.rank, status, text, failure.event.actor_id, failure)


def watchdog_heard(at_ns):
    text = f"timed out reaching controller {CONTROLLER} for mesh {MESH}. Assuming controller's proc is dead"
    failure = MeshFailure(MESH, None, event_of(CONTROLLER, actor_failed(Generic(text)), at_ns=at_ns))
    return [
        Envelope(CLIENT, CONTROLLER, Unsubscribe(PortRef(CLIENT, PORT)), returnable=False),
        heard(failure, "watchdog", text=f"failed: {text}"),
    ]


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
    assert machine.on_timer(W)[0].message == Unsubscribe(port)


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


# --- what is heard -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "notes"),
    [
        (HEARTBEAT, [Heartbeat(CLIENT, "a")]),
        (MeshFailed(failure_of(1)), [heard(failure_of(1))]),
        (
            MeshFailed(failure_of(None, STOP_WORD)),
            [
                heard(
                    failure_of(None, STOP_WORD),
                    status="Stopped",
                    text="stopped: ActorMeshController received explicit stop request",
                )
            ],
        ),
        (MeshFailed(failure_of(2)), []),
    ],
    ids=["heartbeat", "rank of the mesh", "whole mesh", "rank of another slice"],
)
def test_failures_of_its_own_ranks_are_heard(message, notes):
    """A failure without rank concerns everybody; one with a rank only those whose region has it."""
    machine = watching()

    assert machine.on_message(message, 1 * S) == notes
    assert machine.latest == message.failure


def test_the_latest_message_is_all_that_is_kept():
    """Q49: a heartbeat after a query error hides it from whoever looks again."""
    machine = watching()
    for message in (MeshFailed(failure_of(0)), MeshFailed(failure_of(1)), HEARTBEAT):
        machine.on_message(message, 1 * S)

    assert machine.again(2 * S) == []
    assert machine.unhealthy == failure_of(1)


def test_who_looks_again_hears_the_current_failure_at_once():
    """Q50."""
    machine = watching()
    machine.on_message(MeshFailed(failure_of(0)), 1 * S)

    assert [machine.again(2 * S), machine.again(3 * S)] == [[heard(failure_of(0))]] * 2


# --- the watchdog ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", [HEARTBEAT, MeshFailed(failure_of(1)), MeshFailed(failure_of(2))])
def test_every_message_is_a_sign_of_life(message):
    """Failures too, and those of other ranks: repeated failures of a dead proc keep the watchdog quiet (Q16)."""
    machine = watching()
    machine.on_message(message, 70 * S)

    assert machine.on_timer(W) == [SetTimer(CLIENT, f"watchdog:{PORT}", 70 * S)]


def test_silence_means_that_the_controller_is_dead():
    machine = watching()

    assert machine.on_timer(W) == watchdog_heard(W)
    assert machine.phase is SubscriptionPhase.TIMED_OUT
    assert not machine.accepts(PORT)


def test_after_a_timeout_there_is_no_way_back():
    """Q51: whoever looks again is told the same at once, and never subscribes again."""
    machine = watching()
    machine.on_timer(W)

    assert machine.again(W + 5 * S) == watchdog_heard(W + 5 * S)
    assert machine.on_timer(W + 5 * S) == []


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

    assert [machine.on_message(MeshFailed(failure_of(0)), 10 * S), machine.accepts(PORT)] == [[], True]
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

    assert (machine.phase, machine.dropped) == (SubscriptionPhase.CLOSED, True)


def test_the_table_of_phases_is_total_and_ends_closed():
    assert set(TRANSITIONS) == set(SubscriptionPhase)
    assert {phase for phase, targets in TRANSITIONS.items() if not targets} == {SubscriptionPhase.CLOSED}
