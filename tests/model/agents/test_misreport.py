"""What an agent says of an actor that a fault makes it misreport (model/agents/misreport.py)."""

import pytest
from machines import ALICE, CONFIG, MESH, actor, agent, event_of, proc

from meshsim.model.agents.entry import Entry
from meshsim.model.agents.proc_agent import ProcAgent
from meshsim.model.ids import Name
from meshsim.model.messages import (
    ActorStateChanged,
    Envelope,
    GetRankStatus,
    GetState,
    KeepaliveGetState,
    Misreport,
    RankStatus,
    StateReply,
    WatchActor,
)
from meshsim.model.status import INITIALIZING, NOT_EXIST, RUNNING, STOPPED, ActorState, State, failed
from meshsim.model.supervision import Generic, actor_failed
from meshsim.units import S

ME = agent(2)
OTHER = Name("b-1actors22222")
BROKEN = failed("broken")


def misreporting(*misreports, entry=None, events=None):
    """An agent with an actor of create rank 2 of mesh `a`, and one of mesh `b`, after these faults."""
    entries = {MESH: entry or Entry(2, actor(2)), OTHER: Entry(2, actor(2))}
    machine = ProcAgent(me=ME, proc=proc(2), config=CONFIG, actor_states=entries, supervision_events=events or {})
    for misreport in misreports:
        assert machine.handle(tell(misreport), 0) == []
    return machine


def tell(message):
    return Envelope(ALICE.actor, ME, message)


def answer(message):
    return [Envelope(ME, ALICE.actor, message, ALICE.index)]


def state_of(machine, name=MESH):
    ((reply),) = machine.handle(tell(GetState(name, ALICE)), 0)
    return reply.message.state


@pytest.mark.parametrize(
    ("misreport", "entry", "state"),
    [
        (Misreport("a", BROKEN), None, State(MESH, BROKEN, ActorState(actor(2), 2))),
        (Misreport("a", STOPPED, state=False), None, State(MESH, STOPPED)),
        (Misreport("a", BROKEN), Entry(2, None, "no such type"), State(MESH, BROKEN)),
    ],
)
def test_it_says_what_it_was_told_and_has_no_events(misreport, entry, state):
    """A state needs an actor: without one there is none, whatever the fault says."""
    events = {actor(2): [event_of(actor(2), actor_failed(Generic("boom")))]}
    machine = misreporting(misreport, entry=entry, events=events)

    assert machine.handle(tell(GetState(MESH, ALICE)), 0) == answer(StateReply(state))


def test_an_answer_may_come_before_the_actor():
    """The fault knows the mesh by the name that the scenario gives it; the suffix is drawn later."""
    machine = misreporting(Misreport("c", STOPPED, state=False))

    assert state_of(machine, Name("c-1actors33333")) == State("c-1actors33333", STOPPED)


def test_a_keepalive_counts_all_the_same():
    machine = misreporting(Misreport("a", BROKEN))

    machine.handle(tell(KeepaliveGetState(9 * S, MESH, ALICE)), 0)

    assert machine.actor_states[MESH].expires_ns == 9 * S


@pytest.mark.parametrize(
    ("misreport", "name", "runs"),
    [
        (Misreport("a", INITIALIZING), MESH, ((2, 3, INITIALIZING),)),
        (Misreport("a", RUNNING, ranks=(7, 9)), MESH, ((7, 9, RUNNING),)),
        (Misreport("c", INITIALIZING), Name("c-1actors33333"), ()),
        (Misreport("c", INITIALIZING, ranks=(0, 1)), Name("c-1actors33333"), ((0, 1, INITIALIZING),)),
    ],
)
def test_a_status_is_of_its_own_rank_or_of_those_it_was_told(misreport, name, runs):
    machine = misreporting(misreport)

    assert machine.handle(tell(GetRankStatus(name, ALICE)), 0) == answer(RankStatus(runs))


def test_others_are_reported_as_they_are():
    machine = misreporting(Misreport("a", BROKEN), Misreport("c", BROKEN))

    assert state_of(machine, OTHER).status == RUNNING


def test_answers_can_be_counted_and_then_the_truth_is_told_again():
    """Questions of both kinds count."""
    machine = misreporting(Misreport("a", NOT_EXIST, times=2))
    first = state_of(machine).status
    machine.handle(tell(GetRankStatus(MESH, ALICE)), 0)

    assert (first, state_of(machine).status) == (NOT_EXIST, RUNNING)
    assert (machine.misreports.told, machine.misreports.left) == ({}, {})


def test_the_latest_fault_counts():
    """With its own number of answers, or with none."""
    machine = misreporting(Misreport("a", NOT_EXIST, times=1), Misreport("a", BROKEN))

    assert [state_of(machine).status for _ in range(3)] == [BROKEN] * 3


def test_who_watches_is_told_the_truth():
    machine = misreporting(Misreport("a", BROKEN))

    (pushed,) = machine.handle(tell(WatchActor(MESH, ALICE)), 0)

    assert isinstance(pushed.message, ActorStateChanged)
    assert pushed.message.state.status == RUNNING
