"""What a client does with test actors: it asks all of them, or tells one what to do (supervision.md 15.1)."""

from itertools import pairwise, permutations

import msgspec
import pytest
from machines import CLIENT, CONFIG, MESH, actor, actor_mesh

from meshsim.model.clients.asking import AskRun, DrillRun
from meshsim.model.clients.stopping import Outcome
from meshsim.model.ids import Name, PortRef
from meshsim.model.messages import (
    Ack,
    Answer,
    Drill,
    Envelope,
    Forward,
    GetActorId,
    GetCastInfo,
    GetConfig,
    NextSupervisionFailure,
    SetConfig,
)
from meshsim.model.operations import AskEach, DrillActor

PORT = 1030
REPLY = PortRef(CLIENT, PORT)


def asked(what, key="", **fields):
    """The run and what it sends."""
    run = AskRun(CLIENT, AskEach(actor_mesh(3), what, key, **fields), CONFIG, PORT)
    return run, run.start(0)


def answer(rank, text):
    return Envelope(actor(rank), CLIENT, Answer(actor(rank), text), PORT)


@pytest.mark.parametrize(
    ("what", "question"),
    [
        ("id", GetActorId(REPLY)),
        ("cast_info", GetCastInfo(REPLY)),
        ("config", GetConfig("mesh_orphan_timeout", REPLY)),
        ("next_failure", NextSupervisionFailure(REPLY)),
    ],
)
def test_a_question_is_cast_to_every_rank(what, question):
    run, commands = asked(what, "mesh_orphan_timeout")

    assert [(envelope.dest, envelope.message) for envelope in commands] == [(actor(r), question) for r in range(3)]
    assert run.outcome is None
    assert (run.accepts(PORT), run.accepts(PORT + 1)) == (True, False)


def test_answers_are_put_in_the_order_of_ranks():
    """It is over with the last of them, whenever they come."""
    run, _ = asked("id")

    outcomes = []
    for rank, text in ((2, "c"), (0, "a"), (0, "a"), (1, "b")):
        run.handle(answer(rank, text), 0)
        outcomes.append(run.outcome)

    assert outcomes == [None, None, None, Outcome(result="a; b; c")]


def test_a_message_goes_from_rank_to_rank_and_back():
    run, commands = asked("forward")

    run.handle(Envelope(actor(2), CLIENT, Forward((), (actor(0), actor(1), actor(2))), PORT), 0)

    assert commands == [Envelope(CLIENT, actor(0), Forward((PortRef(actor(1), 0), PortRef(actor(2), 0), REPLY)))]
    assert run.outcome == Outcome(result="went by 0, 1, 2")


@pytest.mark.parametrize("size", [2, 3, 28])
def test_a_message_goes_from_each_to_each_once(size):
    """Every ordered pair is one step of one of the messages; it is over when all are back."""
    mesh = actor_mesh(size)
    run = AskRun(CLIENT, AskEach(mesh, "forward_pairs"), CONFIG, PORT)

    sent = run.start(0)
    ways = [[first.dest, *(port.actor for port in first.message.to_visit[:-1])] for first in sent]
    outcomes = []
    for way in ways:
        outcomes.append(run.outcome)
        run.handle(Envelope(way[-1], CLIENT, Forward((), tuple(way)), PORT), 0)

    steps = [step for way in ways for step in pairwise(way)]
    assert sorted(steps) == sorted(permutations((actor(rank) for rank in range(size)), 2))
    assert {first.message.to_visit[-1] for first in sent} == {REPLY}
    assert outcomes == [None] * (size - 1)
    assert run.outcome == Outcome(result=f"{size * (size - 1)} pairs")


def test_actors_of_more_meshes_are_among_the_pairs():
    other = msgspec.structs.replace(actor_mesh(1), name=Name("other-1aaaaaaaaaaa"))

    _, sent = asked("forward_pairs", more=(other,))

    assert sum(len(first.message.to_visit) for first in sent) == 4 * 3 + 3


def test_actors_are_told_a_value_before_they_are_asked_for_it():
    _, commands = asked("config", "mesh_orphan_timeout", value=7)

    messages = [envelope.message for envelope in commands]
    assert messages == [SetConfig("mesh_orphan_timeout", 7)] * 3 + [GetConfig("mesh_orphan_timeout", REPLY)] * 3


def test_what_is_no_answer_is_an_assertion():
    run, _ = asked("id")

    with pytest.raises(AssertionError):
        run.handle(Envelope(actor(0), CLIENT, Ack(), PORT), 0)


@pytest.mark.parametrize(
    ("order", "reply"),
    [("spawn", REPLY), ("open", REPLY), ("reply", REPLY), ("fail", None), ("panic", None), ("wait", None)],
)
def test_an_order_goes_to_one_actor(order, reply):
    """Over at once, unless there is something to be learnt."""
    run = DrillRun(CLIENT, DrillActor("a[1]", actor(1), order, "text", Name("kid"), handles=True), PORT)

    commands = run.start(0)
    before = run.outcome
    if reply is not None:
        run.handle(answer(1, "done"), 0)

    assert commands == [Envelope(CLIENT, actor(1), Drill(order, "text", Name("kid"), handles=True, reply=reply))]
    assert (before, run.outcome) == ((None, Outcome(result="done")) if reply else (Outcome(), Outcome()))
    assert run.accepts(PORT)


def test_the_actors_of_a_mesh_have_its_name():
    """Members are computed, not looked up."""
    assert f",{MESH}[0]" in asked("forward")[1][0].dest
