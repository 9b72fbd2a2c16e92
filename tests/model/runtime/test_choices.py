"""Which of the queues that are ready at once comes first: any, by the seed (mesh_model.md 6.3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from machines import ALICE, Puppet, actor, event_of

from meshsim.model.boot import Turn
from meshsim.model.commands import Fail
from meshsim.model.events import ChildFailed, SignalReceived, Started, TimerFired
from meshsim.model.messages import Envelope, Work
from meshsim.model.runtime.actor import ActorCell
from meshsim.model.runtime.choices import Choices
from meshsim.model.supervision import ActorPhase, Generic, UnhandledSupervisionEvent, actor_failed
from meshsim.units import S

ME, CHILD = actor(0), actor(1)
CHILD_EVENT = event_of(CHILD, actor_failed(Generic("child died")))
KEYS = range(1, 200)


def order(choices, *, handled=True):
    """What a busy actor does with a stop, a child's event and two pieces of work, all there when it is free again."""
    hook = [] if handled else [[Fail(UnhandledSupervisionEvent(CHILD_EVENT))]]
    puppet = Puppet(me=ME, slow=["long"], hook=hook)
    cell = ActorCell(ME, puppet, 3 * S, choices=choices)
    for event in (
        Started(),
        Envelope(ALICE.actor, ME, Work("long")),
        Envelope(ALICE.actor, ME, Work("one")),
        Envelope(ALICE.actor, ME, Work("two")),
        ChildFailed(CHILD_EVENT),
        SignalReceived("stop", "enough"),
        TimerFired(ME, "done"),
    ):
        cell.handle(event, 0)
    assert cell.is_terminal
    return tuple(puppet.heard[2:]), cell.phase


def test_every_legal_order_comes_with_some_seed():
    """The stop ends it at any point, the event comes before, between, after the work or never; work keeps its order."""
    failed = f"failed {CHILD}"

    seen = {order(Choices(key))[0] for key in KEYS}

    assert seen == {
        ("cleanup",),
        ("one", "cleanup"),
        ("one", "two", "cleanup"),
        (failed, "cleanup"),
        (failed, "one", "cleanup"),
        (failed, "one", "two", "cleanup"),
        ("one", failed, "cleanup"),
        ("one", failed, "two", "cleanup"),
        ("one", "two", failed, "cleanup"),
    }


def test_without_choices_the_order_is_fixed():
    """Signals first: nothing else is handled."""
    assert order(None) == (("cleanup",), ActorPhase.STOPPED)


@pytest.mark.parametrize(("turns", "heard"), [({}, ("cleanup",)), ({0: "work"}, ("one", "cleanup"))])
def test_a_choice_can_be_told(turns, heard):
    """By its number; all others are as the key has it, here the first of what is ready."""
    choices = Choices(0, {number: Turn("puppet[0]", number, queue, 4) for number, queue in turns.items()})

    assert order(choices)[0] == heard
    assert choices.made == list(turns.items())


def test_the_outcome_depends_on_the_choice():
    """An unhandled event that comes before the stop makes the actor fail; after it, it is lost."""
    assert {order(Choices(key), handled=False)[1] for key in KEYS} == {ActorPhase.STOPPED, ActorPhase.FAILED}


def test_one_queue_leaves_nothing_to_choose():
    """Nothing is drawn for it, so what an actor chooses depends on its real choices alone."""
    choices = Choices(7)
    cell = ActorCell(ME, Puppet(me=ME, slow=["long"]), 3 * S, choices=choices)
    for event in (Started(), *(Envelope(ALICE.actor, ME, Work(text)) for text in ("long", "one", "two"))):
        cell.handle(event, 0)
    cell.handle(TimerFired(ME, "done"), 0)

    assert choices == Choices(7)


@given(st.integers(0, 2**64 - 1), st.integers(1, 10))
def test_a_choice_is_one_of_those_there_are(key, count):
    """And the same again for the same key."""
    queues = [str(number) for number in range(count)]
    picks = [[Choices(key).pick(queues)[0] for _ in range(3)] for _ in range(2)]

    assert picks[0] == picks[1]
    assert all(0 <= pick < count for pick in picks[0])
