"""Counting the ranks that answer (mesh_model.md 3.6)."""

import msgspec
import pytest
from machines import CLIENT, CONFIG, actor, actor_mesh

from meshsim.model.clients.counting import TallyRun
from meshsim.model.clients.stopping import Outcome
from meshsim.model.config import Config
from meshsim.model.ids import PortRef
from meshsim.model.messages import Envelope, HowMany, Number
from meshsim.model.messaging.casting import actors_of, cast
from meshsim.model.operations import ActorMeshRef

PORT = 1030
DIRECT = Config.of({}, ("Q45",))


def mesh(ranks=3) -> ActorMeshRef:
    """An actor mesh whose procs have comm actors."""
    made = actor_mesh(ranks)
    return msgspec.structs.replace(made, procs=msgspec.structs.replace(made.procs, root_comm=actor(0)))


def counting(*, once=True, config=CONFIG, of=None):
    return TallyRun(CLIENT, of or mesh(), once, config, PORT)


def heard(run, *numbers):
    """What comes of each message that arrives."""
    outcomes = []
    for number in numbers:
        assert run.handle(Envelope(actor(0), CLIENT, Number(number), PORT), 0) == []
        outcomes.append(run.outcome)
    return outcomes


@pytest.mark.parametrize("once", [True, False])
def test_all_are_asked_in_one_cast_for_answers_that_add_up(once):
    reply = PortRef(CLIENT, PORT, reducer="sum_u64", once=once)

    assert counting(once=once).start(0) == cast(CLIENT, actors_of(mesh()), HowMany(reply), CONFIG)


def test_a_port_that_takes_one_message_takes_it_for_the_sum():
    assert heard(counting(), 3) == [Outcome(result="3 in 1 message")]


def test_messages_are_added_up_until_the_sum_is_complete():
    assert heard(counting(once=False), 1, 2) == [None, Outcome(result="3 in 2 messages")]


@pytest.mark.parametrize(("config", "of"), [(DIRECT, None), (CONFIG, actor_mesh(3))], ids=["Q45 off", "no comm"])
def test_without_relays_a_port_that_takes_one_message_would_be_full_at_the_first_rank(config, of):
    run = counting(config=config, of=of)
    asked = run.start(0)

    assert [envelope.message.reply.once for envelope in asked] == [False] * 3
    assert heard(run, 1, 1, 1) == [None, None, Outcome(result="3 in 3 messages")]


def test_its_port_is_its_own():
    assert [counting().accepts(port) for port in (PORT - 1, PORT, PORT + 1)] == [False, True, False]
