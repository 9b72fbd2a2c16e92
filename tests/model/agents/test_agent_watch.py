"""What a ProcAgent tells those who watch its actors: these events, exactly these messages (supervision.md 17)."""

import pytest
from machines import ALICE, BOB, CONFIG, MESH, actor, agent, event_of, proc

from meshsim.model.agents.entry import Entry
from meshsim.model.agents.proc_agent import ProcAgent
from meshsim.model.commands import CancelTimer, Fail, SetTimer, SignalActor
from meshsim.model.config import Config
from meshsim.model.events import ActorEnded, ActorSpawned, TimerFired
from meshsim.model.ids import Name, PortRef
from meshsim.model.messages import (
    ActorEvent,
    ActorSpec,
    ActorStateChanged,
    CreateOrUpdate,
    Envelope,
    GetState,
    SelfCheck,
    StateReply,
    Stop,
    Undeliverable,
    WatchActor,
)
from meshsim.model.messaging.undeliverable import undeliverable_text
from meshsim.model.notes import EventRecorded, OrphanStopped
from meshsim.model.status import RUNNING, STOPPED, ActorState, State, failed
from meshsim.model.supervision import Generic, actor_failed, actor_stopped, debug_events
from meshsim.units import S

ME = agent(0)
BOOM = event_of(actor(0), actor_failed(Generic("boom")))
FAILED = failed(f"because of supervision events: {debug_events((BOOM,))}")
REPLY = PortRef(ALICE.actor, 1099)


def agent_with(*, config=CONFIG, expires_ns=None):
    """An idle agent with one healthy actor."""
    entry = Entry(0, actor(0), None, expires_ns=expires_ns)
    return ProcAgent(me=ME, proc=proc(0), config=config, actor_states={MESH: entry})


def watched(*ports, **kwargs):
    machine = agent_with(**kwargs)
    for port in ports or (ALICE,):
        machine.handle(tell(WatchActor(MESH, port)), 0)
    return machine


def tell(message):
    return Envelope(ALICE.actor, ME, message)


def state(status, generation, *events):
    return State(MESH, status, ActorState(actor(0), 0, events, generation))


def pushed(status, generation, *events, to=ALICE):
    return Envelope(ME, to.actor, ActorStateChanged(state(status, generation, *events)), to.index)


def changes(commands):
    return [c for c in commands if isinstance(c, Envelope) and isinstance(c.message, ActorStateChanged)]


def test_who_begins_to_watch_is_told_how_it_is():
    """What happened between the spawn and the watch is not missed."""
    assert agent_with().handle(tell(WatchActor(MESH, ALICE)), 0) == [pushed(RUNNING, 1)]


def test_who_watches_again_is_told_again():
    """A controller that finds itself forgotten learns what it missed."""
    machine = watched()
    machine.handle(tell(ActorEvent(BOOM)), 0)

    assert machine.handle(tell(WatchActor(MESH, ALICE)), 0) == [pushed(FAILED, 2, BOOM)]


def test_a_recorded_event_is_told_to_every_watcher():
    machine = watched(ALICE, BOB)

    assert machine.handle(tell(ActorEvent(BOOM)), 0) == [
        EventRecorded(ME, actor(0), "failed: boom"),
        pushed(FAILED, 2, BOOM),
        pushed(FAILED, 2, BOOM, to=BOB),
    ]


def test_an_event_of_another_actor_is_no_change():
    """Events are kept under their own id (Q10): the answer about the watched actor stays as it was."""
    child = event_of(actor(1), actor_failed(Generic("boom")))

    assert changes(watched().handle(tell(ActorEvent(child)), 0)) == []


def test_a_stop_is_told_when_it_begins():
    """The agent answers Stopped from then on (Q32), so that is what it tells; the end of the actor changes nothing."""
    machine = watched()

    assert machine.handle(tell(Stop(MESH, "enough")), 0) == [
        SignalActor(actor(0), "drain_and_stop", "enough"),
        SetTimer(ME, "stop", 10 * S),
        pushed(STOPPED, 2),
    ]
    assert machine.handle(ActorEnded(actor(0), actor_stopped("enough")), 0) == [CancelTimer(ME, "stop")]


def test_an_orphan_is_told_of_as_any_other_stop():
    machine = watched(expires_ns=5 * S)

    assert machine.handle(Envelope(ME, ME, SelfCheck()), 6 * S) == [
        OrphanStopped(actor(0), 5 * S),
        SignalActor(actor(0), "drain_and_stop", "orphaned"),
        SetTimer(ME, "stop", 10 * S),
        pushed(STOPPED, 2),
    ]


def test_failed_then_stopped_are_two_generations():
    machine = watched()
    machine.handle(tell(ActorEvent(BOOM)), 0)

    assert changes(machine.handle(tell(Stop(MESH, "enough")), 0)) == [pushed(STOPPED, 3, BOOM)]


@pytest.mark.parametrize(("off", "told"), [((), []), (("Q55",), [pushed(STOPPED, 2)])])
def test_an_actor_that_stops_itself_is_told_of_when_the_agent_says_so(off, told):
    """Q55: the agent answers Running for ever, so nothing changes. Off: it is a stop."""
    machine = watched(config=Config.of({}, off))

    assert machine.handle(ActorEnded(actor(0), actor_stopped("done")), 0) == told


def test_nothing_is_told_of_what_does_not_change():
    machine = watched()

    assert changes(machine.handle(tell(GetState(MESH, REPLY)), 0)) == []
    assert changes(machine.handle(TimerFired(ME, "self_check"), 0)) == []


def test_answers_about_a_watched_actor_have_their_generation():
    machine = watched()

    assert machine.handle(tell(GetState(MESH, REPLY)), 0) == [
        Envelope(ME, REPLY.actor, StateReply(state(RUNNING, 1)), REPLY.index)
    ]


def test_an_actor_that_comes_later_is_told_of_when_it_is_there():
    """Its watcher asked before it was created."""
    name = Name("b-1other1111111")
    machine = watched()
    machine.handle(tell(WatchActor(name, BOB)), 0)
    assert changes(machine.handle(tell(CreateOrUpdate(name, 0, ActorSpec("TestActor"))), 0)) == []

    (told,) = machine.handle(ActorSpawned(name, actor(9)), 0)

    assert told.dest == BOB.actor
    assert told.message.state == State(name, RUNNING, ActorState(actor(9), 0, (), 1))


def test_a_watcher_that_is_gone_is_forgotten():
    """The agent does not die of it, others are still told, and answers come without a generation in the end."""
    machine = watched(ALICE, BOB)
    returned = Undeliverable(pushed(RUNNING, 1), ("gone",))

    assert machine.handle(tell(returned), 0) == []

    assert changes(machine.handle(tell(ActorEvent(BOOM)), 0)) == [pushed(FAILED, 2, BOOM, to=BOB)]
    machine.handle(tell(Undeliverable(pushed(FAILED, 2, BOOM, to=BOB), ("gone",))), 0)
    (answer,) = machine.handle(tell(GetState(MESH, REPLY)), 0)
    assert answer.message.state == State(MESH, FAILED, ActorState(actor(0), 0, (BOOM,)))


def test_any_other_message_that_comes_back_is_still_the_end_of_the_agent():
    returned = Envelope(ME, REPLY.actor, StateReply(state(RUNNING, 1)), REPLY.index)

    assert watched().handle(tell(Undeliverable(returned, ("gone",))), 0) == [
        Fail(Generic(undeliverable_text(returned, ("gone",))))
    ]
