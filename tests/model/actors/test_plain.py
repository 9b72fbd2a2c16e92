"""The actors that scenarios are built with (supervision.md 15.1, 15.2)."""

import msgspec
import pytest
from machines import (
    ALICE,
    CONFIG,
    CONTROLLER,
    MESH,
    actor,
    actor_mesh,
    event_of,
    host_agent,
    proc,
)

from meshsim.model.actors.plain import (
    EmptyActor,
    FailingCreateTestActor,
    SleepActor,
    TestActor,
    TestActorWithFailingSupervision,
    TestActorWithSupervisionHandling,
)
from meshsim.model.actors.registry import ACTOR_TYPES, CONTEXT_TYPES, SYSTEM_TYPES, default_program
from meshsim.model.actors.wrapper import WrapperActor
from meshsim.model.boot import ConstructorError, Setting
from meshsim.model.commands import AbortSelf, ExitProcess, Fail, Panic, SetTimer, SignalSelf, StopSelf
from meshsim.model.config import Config
from meshsim.model.events import ActorEnded, ActorSpawned, ChildFailed, CleanupStarted, ClockSet, Started, TimerFired
from meshsim.model.ids import Name, PortRef, actor_id
from meshsim.model.messages import (
    Ack,
    Answer,
    CauseFault,
    Envelope,
    Forward,
    GetActorId,
    GetCastInfo,
    GetConfig,
    MeshFailed,
    Operate,
    SetConfig,
    Undeliverable,
    Work,
)
from meshsim.model.messaging.undeliverable import undeliverable_text
from meshsim.model.notes import Heard, Heartbeat
from meshsim.model.operations import SubscribeTo
from meshsim.model.supervision import (
    ErrorDuringHandlingSupervision,
    Generic,
    MeshFailure,
    UnhandledSupervisionEvent,
    actor_failed,
    actor_stopped,
    event_text,
)
from meshsim.units import S

ME = actor(1)
BOOM = event_of(actor(0), actor_failed(Generic("boom")))
PLAIN = (TestActor, SleepActor, EmptyActor)
HANDLING = (TestActorWithSupervisionHandling, WrapperActor)


def made(actor_type=TestActor, **params):
    return actor_type.construct(Setting(ME, 1, CONFIG, 7), params)


def tell(message, port=0):
    return Envelope(ALICE.actor, ME, message, port)


def heard(role, failure):
    return Heard(ME, role, "", failure.rank, "Failed", "failed: boom", actor(0), failure)


# --- construct and init ------------------------------------------------------------------------------------


def test_the_failing_constructor_fails():
    with pytest.raises(ConstructorError, match="test failure"):
        made(FailingCreateTestActor)


@pytest.mark.parametrize(
    ("params", "commands"),
    [
        ({}, []),
        ({"init_fails": {"0": {"text": "other rank"}}}, []),
        ({"init_fails": {"0": {"text": "other rank"}, "1": {"text": "no luck"}}}, [Fail(Generic("no luck"))]),
    ],
)
def test_an_init_fails_on_the_ranks_that_are_named(params, commands):
    machine = made(**params)

    assert machine.handle(Started(), 0) == commands
    assert not machine.busy


def test_an_init_may_work_for_a_time_before_it_fails():
    """Messages wait meanwhile."""
    machine = made(init_fails={"1": {"text": "no luck", "after_ns": 2 * S}})

    assert machine.handle(Started(), 0) == [SetTimer(ME, "init", 2 * S)]
    working = machine.busy
    assert machine.handle(TimerFired(ME, "init"), 2 * S) == [Fail(Generic("no luck"))]
    assert (working, machine.busy) == (True, False)


def test_every_type_is_registered_under_its_own_name():
    """And what may own meshes is among them."""
    assert {name: kind.__name__ for name, kind in ACTOR_TYPES.items()} == {name: name for name in ACTOR_TYPES}
    assert set(ACTOR_TYPES) >= CONTEXT_TYPES
    assert default_program().actor_types == ACTOR_TYPES | SYSTEM_TYPES


# --- work --------------------------------------------------------------------------------------------------


def test_work_takes_its_time():
    """A handler that sleeps cannot be interrupted; work without a time is over at once."""
    machine = made(SleepActor)

    assert machine.handle(tell(Work()), 0) == []
    assert machine.handle(tell(Work("sleep", 5 * S)), 0) == [SetTimer(ME, "busy", 5 * S)]
    working = machine.busy
    assert machine.handle(TimerFired(ME, "busy"), 5 * S) == []
    assert (working, machine.busy) == (True, False)


@pytest.mark.parametrize(
    ("fault", "commands", "busy"),
    [
        (CauseFault("raise", "boom"), [Fail(Generic("boom"))], False),
        (CauseFault("panic", "for testing"), [Panic("panic at TestActor: for testing")], False),
        (CauseFault("hang"), [], True),
        (CauseFault("hang", busy_ns=3 * S), [SetTimer(ME, "busy", 3 * S)], True),
        (CauseFault("stop", "my time"), [StopSelf("my time")], False),
        (CauseFault("abort", "no time"), [AbortSelf("no time")], False),
        (CauseFault("exit", number=3), [ExitProcess(3)], False),
        (CauseFault("signal", number=11), [SignalSelf(11)], False),
    ],
)
def test_a_handler_misbehaves_on_request(fault, commands, busy):
    machine = made()

    assert machine.handle(tell(fault), 0) == commands
    assert machine.busy == busy


# --- failures of what it owns ------------------------------------------------------------------------------


@pytest.mark.parametrize("actor_type", PLAIN)
def test_an_owner_that_does_not_care_fails_with_a_chain_of_two(actor_type):
    """4.4: an event with its own id around the one that began it."""
    failure = MeshFailure(MESH, 0, BOOM)

    commands = made(actor_type).handle(tell(MeshFailed(failure)), 9 * S)

    chain = event_of(ME, actor_failed(UnhandledSupervisionEvent(BOOM)), at_ns=9 * S)
    assert commands == [heard("owner", failure), Fail(UnhandledSupervisionEvent(chain))]
    assert event_text(chain) == (
        f"The actor {ME} and all its descendants have failed.\n"
        f"This occurred because the actor {actor(0)} failed.\n"
        "The error was:\n"
        " boom"
    )


@pytest.mark.parametrize("actor_type", PLAIN)
def test_a_parent_that_does_not_care_passes_the_event_on(actor_type):
    """4.5 step 4: unchanged."""
    commands = made(actor_type).handle(ChildFailed(BOOM), 0)

    assert commands == [heard("parent", MeshFailure(None, None, BOOM)), Fail(UnhandledSupervisionEvent(BOOM))]


@pytest.mark.parametrize("actor_type", HANDLING)
def test_some_actors_handle_every_failure(actor_type):
    failure = MeshFailure(MESH, 0, BOOM)
    machine = made(actor_type)

    assert machine.handle(tell(MeshFailed(failure)), 0) == [heard("owner", failure)]
    assert machine.handle(ChildFailed(BOOM), 0) == [heard("parent", MeshFailure(None, None, BOOM))]


# --- the rest ----------------------------------------------------------------------------------------------


def test_a_message_that_comes_back_fails_its_sender():
    lost = Envelope(ME, host_agent(0), Work("hello"))

    commands = made().handle(tell(Undeliverable(lost, ("ttl expired",))), 0)

    assert commands == [Fail(Generic(undeliverable_text(lost, ("ttl expired",))))]


def test_a_message_that_somebody_else_sent_panics_the_actor():
    """Q62 in its direct form: the sender on the envelope is asserted."""
    lost = Envelope(ALICE.actor, host_agent(0), Work("hello"))

    (command,) = made().handle(tell(Undeliverable(lost, ())), 0)

    assert command == Panic(f"assertion `left == right` failed\n  left: {ME}\n right: {ALICE.actor}")


@pytest.mark.parametrize("off", [(), ("Q62",)])
def test_a_cast_that_comes_back_is_held_against_who_sent_it_last(off):
    """Q62: that is a comm actor, and a panic. Off: the caster's own error."""
    comm = actor_id(proc(0), "comm-1comm1111111")
    lost = Envelope(comm, actor(0), Work("hello"), cast_sender=ME, cast_point="hosts=0/1", cast_mesh=MESH)
    machine = TestActor.construct(Setting(ME, 0, Config.of({}, off), 7), {})

    commands = machine.handle(tell(Undeliverable(lost, ("gone",))), 0)

    own = msgspec.structs.replace(lost, sender=ME)
    panic = Panic(f"assertion `left == right` failed\n  left: {ME}\n right: {comm}")
    assert commands == [Fail(Generic(undeliverable_text(own, ("gone",)))) if off else panic]


def test_an_actor_can_subscribe_as_a_client_can():
    machine = made(WrapperActor)
    machine.handle(tell(Operate(0, SubscribeTo(actor_mesh(1)))), 0)

    assert machine.accepts(1024)
    assert machine.handle(Envelope(CONTROLLER, ME, MeshFailed(None), 1024), 1) == [Heartbeat(ME, "a")]
    assert len(machine.handle(TimerFired(ME, "watchdog:1024"), 2 * CONFIG.supervision_watchdog_timeout)) == 2


@pytest.mark.parametrize("event", [CleanupStarted(failed=True), ClockSet(5), ActorEnded(actor(0), actor_stopped(""))])
def test_some_events_mean_nothing_to_an_actor(event):
    assert made().handle(event, 0) == []


@pytest.mark.parametrize("event", [tell(Ack()), tell(CauseFault("explode")), ActorSpawned(Name("x"), None)])
def test_what_an_actor_cannot_take_is_an_assertion(event):
    with pytest.raises(AssertionError):
        made().handle(event, 0)


def test_a_supervision_hook_may_raise():
    """The error has a text of its own and the failure that it was about, of a mesh as of a child."""
    machine = made(TestActorWithFailingSupervision)
    failure = MeshFailure(MESH, 0, BOOM)
    error = Fail(ErrorDuringHandlingSupervision("supervision hook failed", BOOM))

    assert machine.handle(tell(MeshFailed(failure)), 0) == [heard("owner", failure), error]
    assert machine.handle(ChildFailed(BOOM), 0) == [heard("parent", MeshFailure(None, None, BOOM)), error]


# --- questions ---------------------------------------------------------------------------------------------

ASKER = PortRef(ALICE.actor, 1024)


def answered(text, to=ASKER):
    return [Envelope(ME, to.actor, Answer(ME, text), to.index)]


@pytest.mark.parametrize(
    ("message", "headers", "text"),
    [
        (GetActorId(ASKER), {}, ME),
        (GetCastInfo(ASKER), {}, f"no cast from {ALICE.actor}"),
        (
            GetCastInfo(ASKER),
            {"cast_sender": actor(3), "cast_point": "hosts=1/4"},
            f"hosts=1/4 from {actor(3)}",
        ),
        (GetConfig("supervision_poll_frequency", ASKER), {}, str(10 * S)),
    ],
)
def test_it_says_who_it_is_and_what_it_was_sent(message, headers, text):
    """The sender of a cast is its caster, not the comm actor that delivered it."""
    assert made().handle(Envelope(ALICE.actor, ME, message, **headers), 0) == answered(text)


def test_a_value_of_its_configuration_can_be_set():
    machine = made()

    assert machine.handle(tell(SetConfig("supervision_poll_frequency", 3 * S)), 0) == []
    assert machine.handle(tell(GetConfig("SUPERVISION_POLL_FREQUENCY", ASKER)), 0) == answered(str(3 * S))
    assert machine.context.config.mesh_orphan_timeout == CONFIG.mesh_orphan_timeout


def test_a_list_of_ports_is_gone_through():
    """Each takes itself off and says that it was there; at the end there is nothing to do."""
    second = PortRef(actor(2), 0)

    commands = made().handle(tell(Forward((second, ASKER), (actor(0),))), 0)

    assert commands == [Envelope(ME, actor(2), Forward((ASKER,), (actor(0), ME)))]
    assert made().handle(tell(Forward(())), 0) == []


# --- what it does at its end ----------------------------------------------------------------------------------


def test_a_cleanup_that_is_to_fail_fails_when_it_comes():
    """At once, or after it has worked for a time; nothing happens before."""
    at_once, later = made(), made()

    assert at_once.handle(tell(CauseFault("fail_cleanup", "oh no")), S) == []
    assert at_once.handle(CleanupStarted(failed=False), 2 * S) == [Fail(Generic("oh no"))]
    later.handle(tell(CauseFault("fail_cleanup", "oh no", busy_ns=3 * S)), S)
    assert later.handle(CleanupStarted(failed=False), 2 * S) == [SetTimer(ME, "cleanup", 3 * S)]
    assert later.busy
    assert later.handle(TimerFired(ME, "cleanup"), 5 * S) == [Fail(Generic("oh no"))]
    assert not later.busy


def test_an_actor_ignores_stops_for_a_time_or_for_ever():
    """It is not busy meanwhile."""
    for_a_time, for_ever = made(), made()

    assert for_a_time.handle(tell(CauseFault("ignore_stop", busy_ns=3 * S)), S) == [SetTimer(ME, "ignoring", 3 * S)]
    assert for_ever.handle(tell(CauseFault("ignore_stop")), S) == []
    assert [(each.ignores_stop, each.busy) for each in (for_a_time, for_ever)] == [(True, False)] * 2
    assert for_a_time.handle(TimerFired(ME, "ignoring"), 4 * S) == []
    assert not for_a_time.ignores_stop
