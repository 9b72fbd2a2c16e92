"""References as their holders have them: copies, what each knows, and how it comes to know it (12.1 to 12.5)."""

import pytest
from machines import CLIENT, CONFIG, CONTROLLER, MESH, actor, actor_mesh, event_of

from meshsim.model.clients.refs import Health, References
from meshsim.model.config import Config
from meshsim.model.ids import PortRef
from meshsim.model.messages import Envelope, MeshFailed, Subscribe
from meshsim.model.notes import Heard
from meshsim.model.shapes.region import ViewError
from meshsim.model.shapes.slice import Range
from meshsim.model.supervision import (
    ActorPhase,
    ActorStatus,
    Crashed,
    Generic,
    MeshFailure,
    StreamClosed,
    actor_failed,
    actor_stopped,
)

A = actor_mesh(4)
UPPER = A.sliced(A.procs.region.range("hosts", Range(2)), "upper")


def failure(rank, status=None):
    return MeshFailure(MESH, rank, event_of(actor(rank or 0), status or actor_failed(Generic("boom"))))


def references(off=""):
    return References(CLIENT, Config.of({}, tuple(off.split())))


def subscribed(refs, mesh, port):
    """Who holds this reference waits; nothing is there yet."""
    held = refs.hold(mesh)
    commands, found = refs.wait(held, port, 0)
    assert (commands[0], found) == (Envelope(CLIENT, CONTROLLER, Subscribe(PortRef(CLIENT, port))), None)
    return held


def publish(refs, port, what):
    refs.subscriptions[port].on_message(MeshFailed(what), 1)


# --- values --------------------------------------------------------------------------------------------------


def test_a_slice_has_the_ranks_of_its_region_and_all_else_of_its_mesh():
    assert [proc.create_rank for proc in UPPER.procs.procs] == [2, 3]
    assert (UPPER.name, UPPER.controller, str(UPPER.procs.region)) == (MESH, CONTROLLER, "2+hosts=2/1")
    assert (UPPER.label, UPPER.mesh, UPPER.own_label, A.own_label) == ("upper", "a", "upper", "")


def test_a_slice_of_a_slice_counts_from_the_first_mesh():
    last = UPPER.sliced(UPPER.procs.region.at("hosts", 1), "last")

    assert (str(last.procs.region), [proc.create_rank for proc in last.procs.procs]) == ("3+", [3])
    assert (last.mesh, last.spawned_on) == ("a", A.procs.region)


def test_a_slice_beyond_its_mesh_is_none():
    with pytest.raises(ViewError, match="invalid range: selected ranks hosts=4/1 not a subset of base 2\\+hosts=2/1 "):
        UPPER.sliced(A.procs.region, "all")


def test_references_are_equal_by_procs_and_name():
    """Not by controller, nor by who calls them what."""
    assert actor_mesh(4, controller=None).identity == A.copied("b").identity == A.identity
    assert UPPER.identity != A.identity


@pytest.mark.parametrize(
    ("mesh", "rank", "mixed", "plain"),
    [
        (A, 0, True, True),
        (UPPER, 1, False, False),
        (UPPER, 2, True, True),
        # Spawned on the upper two of four procs: base ranks 2 and 3, spawn ranks 0 and 1.
        (actor_mesh(4).sliced(UPPER.procs.region, "a"), 3, True, True),
    ],
)
def test_a_rank_concerns_who_has_it(mesh, rank, mixed, plain):
    assert mesh.concerns(rank, mixed_ranks=True) is mixed
    assert mesh.concerns(rank, mixed_ranks=False) is plain


@pytest.mark.parametrize(
    ("rank", "mixed", "plain"), [(0, (False, False), (True, True)), (1, (True, True), (True, False))]
)
def test_a_mesh_on_a_slice_of_procs_mixes_its_ranks_up(rank, mixed, plain):
    """Q17: spawned on base ranks 1..4. Its rank 0 is nobody's, its rank 1 that of its first actor."""
    whole = actor_mesh(4)
    spawned = type(whole)("a", MESH, whole.procs.sliced(whole.procs.region.range("hosts", Range(1)), "w"), CONTROLLER)
    first = spawned.sliced(spawned.procs.region.range("hosts", 0), "first")

    assert tuple(ref.concerns(rank, mixed_ranks=True) for ref in (spawned, first)) == mixed
    assert tuple(ref.concerns(rank, mixed_ranks=False) for ref in (spawned, first)) == plain


# --- health --------------------------------------------------------------------------------------------------


def test_health_follows_what_is_learnt():
    """12.4 step 4: failures by rank (0 for none), stops, and what is neither."""
    health, idle = Health(), ActorStatus(ActorPhase.IDLE)
    seen = []
    for what in (failure(2), failure(None), failure(1, actor_stopped("enough")), failure(None, idle)):
        health.learn(what)
        seen.append((health.unhealthy, sorted(health.crashed_ranks)))

    assert seen == [
        (Crashed(failure(2)), [2]),
        (Crashed(failure(None)), [0, 2]),
        (StreamClosed(failure(1, actor_stopped("enough"))), [0, 2]),
        (None, []),
    ]


# --- copies --------------------------------------------------------------------------------------------------


def test_a_copy_knows_nothing_and_subscribes_for_itself():
    refs = references()
    held = subscribed(refs, A, 1024)
    publish(refs, 1024, failure(1))
    refs.look(held, 2)

    refs.make(A.copied("b"), "a", shared=False)

    copy = subscribed(refs, A.copied("b"), 1025)
    assert (refs.health(held).failure, refs.health(copy).failure) == (failure(1), None)


def test_a_shared_copy_shares_what_was_in_use():
    """12.1: the health, if anything was cast or awaited; the subscription, if anything was awaited."""
    refs = references()
    held = refs.hold(A)
    refs.make(A.copied("unused"), "a", shared=True)
    refs.health(held)
    refs.make(A.copied("cast"), "a", shared=True)
    subscribed(refs, A, 1024)
    refs.make(A.copied("awaited"), "a", shared=True)
    publish(refs, 1024, failure(1))
    refs.look(held, 2)

    cells = {label: (each.health, each.receiver) for label, each in refs.held.items()}
    assert cells == {"a": (0, 1024), "unused": (None, None), "cast": (0, None), "awaited": (0, 1024)}
    assert refs.health(refs.held["cast"]).failure == failure(1)
    assert [each.mesh.label for each in refs.watching(1024)] == ["a", "awaited"]


def test_a_copy_has_the_controller_that_the_other_one_has_now():
    """Made before the stop of its source it keeps the controller, made afterwards it has none."""
    refs = references()
    held = refs.hold(A)
    refs.make(A.copied("before"), "a", shared=False)
    refs.forget_controller(held, failure(None, actor_stopped("mesh stopped")))
    refs.make(A.copied("after"), "a", shared=False)

    assert [refs.held[label].mesh.controller for label in ("a", "before", "after")] == [None, CONTROLLER, None]
    assert refs.health(refs.held["after"]).failure is None


def test_a_reference_from_somebody_else_is_held_under_its_label():
    refs = references()
    refs.receive(UPPER)

    assert refs.hold(A.copied("upper")).mesh == UPPER


def test_a_reference_that_is_subscribed_stays_when_another_of_its_name_comes():
    """It was sent, and used before it was there: what it subscribed to is not lost."""
    refs = references()
    held = subscribed(refs, UPPER, 1024)
    refs.receive(UPPER)

    assert refs.hold(UPPER) is held
    assert held.receiver == 1024


@pytest.mark.parametrize(("off", "kept"), [("", None), ("Q17", A.procs.region)])
def test_where_a_mesh_was_spawned_is_not_sent(off, kept):
    refs = references(off)

    assert refs.to_send(refs.hold(UPPER)).spawned_on == kept


# --- waiting -------------------------------------------------------------------------------------------------


def test_a_failure_is_heard_by_the_name_of_the_reference():
    """The mesh is the mesh; which reference it was comes beside it."""
    refs = references()
    held = subscribed(refs, UPPER, 1024)
    publish(refs, 1024, failure(3))

    (heard,), found = refs.look(held, 2)

    about = failure(3).event.actor_id
    assert heard == Heard(CLIENT, "subscriber", "a", 3, "Failed", "failed: boom", about, failure(3), "upper")
    assert found == failure(3)


def test_who_gave_up_a_subscription_waits_on_a_new_one():
    refs = references()
    held = subscribed(refs, A, 1024)
    refs.unsubscribe(held)

    subscribed(refs, A, 1025)

    assert (held.receiver, refs.unsubscribe(references().hold(A))) == (1025, [])


def test_silence_is_heard_as_the_watchdog():
    refs = references()
    held = subscribed(refs, A, 1024)
    refs.subscriptions[1024].on_timer(CONFIG.supervision_watchdog_timeout)

    (_, heard), _ = refs.look(held, CONFIG.supervision_watchdog_timeout)

    assert (heard.role, heard.rank) == ("watchdog", None)


@pytest.mark.parametrize(("off", "ranks"), [("", [1]), ("Q49", [0, 1])])
def test_who_awaits_one_event_after_the_other_sees_all_that_is_there(off, ranks):
    """Q49: of what came meanwhile, the last alone."""
    refs = references(off)
    held = subscribed(refs, A, 1024)
    publish(refs, 1024, failure(0))
    publish(refs, 1024, failure(1))
    held.looping = True

    assert [heard.rank for heard in refs.look_on(held, 2)] == ranks
