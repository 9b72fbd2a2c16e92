"""Calls of endpoints: answers, exceptions, and failures that come first (mesh_model.md 9.2, 9.3)."""

import pytest
from machines import CLIENT, CONFIG, CONTROLLER, MESH, actor, actor_mesh, event_of

from meshsim.model.actors.plain import TestActor
from meshsim.model.boot import Setting
from meshsim.model.clients.calls import actor_error, endpoint_failed
from meshsim.model.clients.context import Context
from meshsim.model.commands import Fail, SetTimer
from meshsim.model.events import TimerFired
from meshsim.model.ids import NameSource, PortRef
from meshsim.model.messages import Call, Envelope, MeshFailed, Operate, Returned, Subscribe
from meshsim.model.messaging.casting import actors_of, cast
from meshsim.model.notes import Heard, OperationEnded, OperationStarted
from meshsim.model.operations import BroadcastTo, CallMesh, StopActors, SubscribeTo
from meshsim.model.supervision import Generic, MeshFailure, actor_failed
from meshsim.units import S

A = actor_mesh(2)
BOOM = MeshFailure(MESH, 1, event_of(actor(1), actor_failed(Generic("boom")), name="<root>.<t W w>"))
FAILED = (
    f"Endpoint call a.step() failed, Actor {actor(1)} exited because of the following reason: "
    "The actor <root>.<t W w> and all its descendants have failed.\n"
    "This occurred because the actor itself failed.\nThe error was:\n boom"
)


def context():
    return Context(CLIENT, CONFIG, NameSource(7))


def did(machine, operation):
    return machine.operate(Operate(0, operation), 0)


def ended(operation="call", *, error=None, result=""):
    return OperationEnded(0, CLIENT, operation, "a", error, result)


def returns(rank, raised="", port=1024):
    return Envelope(actor(rank), CLIENT, Returned(actor(rank), raised), port)


def failure(port):
    return Envelope(CONTROLLER, CLIENT, MeshFailed(BOOM), port)


# --- the caller ----------------------------------------------------------------------------------------------


def test_a_call_goes_to_every_rank_and_watches_the_mesh():
    """First the messages, then the subscription that they race."""
    commands = did(context(), CallMesh(A, "step", busy_ns=5))

    call = Call("step", PortRef(CLIENT, 1024), 5)
    assert commands[0] == OperationStarted(0, CLIENT, "call", "a")
    assert commands[1:3] == cast(CLIENT, actors_of(A), call, CONFIG)
    assert commands[3] == Envelope(CLIENT, CONTROLLER, Subscribe(PortRef(CLIENT, 1026)))


def test_a_call_is_over_with_the_last_answer():
    machine = context()
    did(machine, CallMesh(A, "step"))

    assert [machine.on_port(returns(rank), 1) for rank in (1, 0)] == [[], [ended(result="2 answered")]]
    assert not machine.accepts(1024)


def test_an_exception_ends_the_call_and_nothing_else():
    """Golden text of an ActorError; the mesh is as well as before."""
    machine = context()
    did(machine, CallMesh(A, "step"))

    over = machine.on_port(returns(1, "not today"), 1)

    text = "Actor call a.step failed.\n Traceback of where the remote call failed (most recent call last):\nnot today"
    assert over == [ended(error=text)]
    assert len(did(machine, CallMesh(A, "step"))) == 3


def test_a_failure_ends_the_call_although_others_have_answered():
    """Golden text of a SupervisionError; the next call fails at once, and sends nothing."""
    machine = context()
    did(machine, CallMesh(A, "step"))
    machine.on_port(returns(0), 1)

    cut_short = machine.on_port(failure(1026), 2)

    heard = Heard(CLIENT, "subscriber", "a", 1, "Failed", "failed: boom", actor(1), BOOM)
    assert cut_short == [heard, ended(error=FAILED)]
    assert did(machine, CallMesh(A, "step"))[1:] == [ended(error=FAILED)]
    assert did(machine, BroadcastTo(A, "step"))[1:] == [ended("broadcast", error=FAILED)]


def test_a_failure_that_is_there_goes_before_the_answers():
    """Nobody has looked at it yet: the messages are sent, and the call fails in the same moment."""
    machine = context()
    did(machine, SubscribeTo(A))
    machine.refs.hold(A).looping = False
    machine.on_port(failure(1024), 1)

    commands = did(machine, CallMesh(A, "step"))

    assert [type(command) for command in commands] == [OperationStarted, Envelope, Envelope, Heard, OperationEnded]
    assert commands[-1] == ended(error=FAILED)


def test_a_mesh_without_controller_is_called_without_a_watch():
    commands = did(context(), CallMesh(actor_mesh(2, controller=None), "step"))

    assert [type(command) for command in commands] == [OperationStarted, Envelope, Envelope]


@pytest.mark.parametrize(("ranks", "error"), [(1, None), (2, "call_one requires exactly 1 actor, but mesh has 2")])
def test_one_actor_is_called_only_where_there_is_one(ranks, error):
    over = did(context(), CallMesh(actor_mesh(ranks), "step", one=True))

    assert isinstance(over[-1], OperationEnded) == (error is not None)
    assert error is None or over[1:] == [ended(error=error)]


def test_a_broadcast_waits_for_nothing():
    commands = did(context(), BroadcastTo(A, "step", raises="nobody listens"))

    call = Call("step", raises="nobody listens")
    assert commands[1:] == [*cast(CLIENT, actors_of(A), call, CONFIG), ended("broadcast")]


def test_a_stopped_mesh_cannot_be_called():
    machine = context()
    did(machine, StopActors(A, "enough"))
    machine.refs.forget_controller(machine.refs.hold(A), BOOM)

    assert did(machine, CallMesh(A, "step"))[1:] == [ended(error=FAILED)]


def test_texts_name_endpoint_and_actor():
    assert endpoint_failed("a", "step", BOOM) == FAILED
    assert actor_error("a", "f", "x").startswith("Actor call a.f failed.\n Traceback ")


# --- the actor -----------------------------------------------------------------------------------------------

REPLY = PortRef(CLIENT, 1024)


@pytest.mark.parametrize(
    ("call", "over"),
    [
        (Call("step", REPLY), [returns(1)]),
        (Call("step", REPLY, raises="no"), [returns(1, "no")]),
        (Call("step"), []),
        (Call("step", raises="no"), [Fail(Generic("no"))]),
    ],
)
@pytest.mark.parametrize("busy_ns", [0, 3 * S])
def test_an_endpoint_works_and_then_returns_or_raises(call, over, busy_ns):
    """An exception goes to the caller; without one it is the actor's end."""
    machine = TestActor.construct(Setting(actor(1), 1, CONFIG, 7), {})
    message = Call(call.method, call.reply, busy_ns, call.raises)

    at_once = machine.handle(Envelope(CLIENT, actor(1), message), 0)

    if busy_ns == 0:
        assert (at_once, machine.busy) == (over, False)
    else:
        assert (at_once, machine.busy) == ([SetTimer(actor(1), "busy", 3 * S)], True)
        assert machine.handle(TimerFired(actor(1), "busy"), 3 * S) == over
        assert machine.handle(Envelope(CLIENT, actor(1), Call("next")), 4 * S) == []
