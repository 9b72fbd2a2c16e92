"""The actor that the runtime is tested with: each order, exactly these commands."""

import pytest
from machines import ALICE, CONFIG, actor, event_of

from meshsim.model.actors.runtime_actor import RuntimeTestActor
from meshsim.model.boot import Setting
from meshsim.model.commands import DropInstance, Fail, OpenInstance, Panic, SpawnChild
from meshsim.model.events import ActorEnded, ActorSpawned, ChildFailed, CleanupStarted, ClockSet, Started, TimerFired
from meshsim.model.ids import ActorId, Name, PortRef
from meshsim.model.messages import Ack, Answer, CauseFault, Drill, Envelope, Undeliverable, Work
from meshsim.model.supervision import Generic, UnhandledSupervisionEvent, actor_failed, actor_stopped

ME, KID = actor(0), actor(1)
ASKER = PortRef(ALICE.actor, 1099)
BOOM = event_of(KID, actor_failed(Generic("boom")))


def made(**params):
    return RuntimeTestActor.construct(Setting(ME, 0, CONFIG, 7), params)


def tell(message):
    return Envelope(ALICE.actor, ME, message)


@pytest.mark.parametrize(
    ("message", "commands"),
    [
        (Drill("noop"), []),
        (Drill("reply", "here", reply=ASKER), [Envelope(ME, ASKER.actor, Answer(ME, "here"), 1099)]),
        (Drill("reply", "here"), []),
        (Drill("forward", "on", to=KID), [Envelope(ME, KID, Drill("noop", "on"))]),
        (Drill("fail", "boom"), [Fail(Generic("boom"))]),
        (Drill("panic", "boom"), [Panic("panic at RuntimeTestActor: boom")]),
        (Work("anything"), []),
        (CauseFault("raise", "boom"), [Fail(Generic("boom"))]),
        (CauseFault("panic", "boom"), [Panic("panic at RuntimeTestActor: boom")]),
        (Drill("spawn", name=Name("kid")), [SpawnChild(Name("kid"), RuntimeTestActor(ActorId("")))]),
        (Drill("spawn", handles=True), [SpawnChild(Name(""), RuntimeTestActor(ActorId(""), handles=True))]),
        (Drill("open", name=Name("looker")), [OpenInstance(Name("looker"))]),
    ],
)
def test_it_does_what_it_is_told(message, commands):
    machine = made()

    assert machine.handle(tell(message), 0) == commands
    assert not machine.busy


@pytest.mark.parametrize("message", [Drill("wait"), CauseFault("hang")])
def test_a_wait_has_no_end(message):
    machine = made()

    assert machine.handle(tell(message), 0) == []
    assert machine.busy


def test_it_answers_who_was_spawned_or_why_nobody_was():
    """In the order of the requests."""
    machine = made()
    for _ in range(2):
        machine.handle(tell(Drill("spawn", reply=ASKER)), 0)

    answers = [machine.handle(ActorSpawned(Name(""), *result), 0) for result in ((KID,), (None, "no"))]

    assert [envelope.message.text for (envelope,) in answers] == [KID, "no"]


def test_it_drops_the_instance_that_it_opened():
    machine = made()
    machine.handle(tell(Drill("open")), 0)
    machine.handle(ActorSpawned(Name(""), KID, is_instance=True), 0)

    assert machine.handle(tell(Drill("drop")), 0) == [DropInstance(KID)]


def test_it_handles_events_of_children_when_it_was_made_to():
    assert made(handles=True).handle(ChildFailed(BOOM), 0) == []
    assert made().handle(ChildFailed(BOOM), 0) == [Fail(UnhandledSupervisionEvent(BOOM))]


def test_a_message_that_comes_back_fails_it():
    lost = Envelope(ME, KID, Drill("noop"))

    (command,) = made().handle(tell(Undeliverable(lost, ("ttl expired",))), 0)

    assert isinstance(command, Fail)


@pytest.mark.parametrize(
    "event",
    [Started(), TimerFired(ME, "x"), ActorEnded(KID, actor_stopped("")), ClockSet(5), CleanupStarted(failed=False)],
)
def test_some_events_mean_nothing_to_it(event):
    assert made().handle(event, 0) == []


@pytest.mark.parametrize("message", [Ack(), Drill("fly"), Drill("forward"), Drill("drop")])
def test_what_it_cannot_do_is_an_assertion(message):
    with pytest.raises(AssertionError):
        made().handle(tell(message), 0)
