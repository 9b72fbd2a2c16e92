"""Python owners: what becomes of a failure that `__supervise__` is asked about (supervision.md 12.7)."""

import pytest
from machines import CONFIG, CONTROLLER, MESH, actor, event_of, host_agent

from meshsim.model.actors.python_actors import (
    PythonActor,
    PythonActorThatHandles,
    PythonActorThatRaises,
    PythonActorThatTakesBack,
)
from meshsim.model.boot import Setting
from meshsim.model.commands import Fail
from meshsim.model.events import ChildFailed
from meshsim.model.ids import actor_id, proc_id
from meshsim.model.messages import Envelope, MeshFailed, Undeliverable, Work
from meshsim.model.messaging.undeliverable import undeliverable_text
from meshsim.model.notes import Heard
from meshsim.model.supervision import (
    ActorSupervisionEvent,
    ErrorDuringHandlingSupervision,
    Generic,
    MeshFailure,
    UnhandledSupervisionEvent,
    actor_failed,
    actor_stopped,
    event_text,
)
from meshsim.units import S

ME = actor_id(proc_id("unix:@b", "p1"), "own-1bbbbbbbbbbb")
BOOM = event_of(actor(0), actor_failed(Generic("boom\n\nat line 3")), name="<root>.<t W w{'gpus': 1/4}>")
STOPPED = event_of(actor(0), actor_stopped("process exited cleanly"))

#: mesh_model.md B.7, to the letter.
UNHANDLED = """The actor unix:@b,p1,own-1bbbbbbbbbbb[0] and all its descendants have failed.
This occurred because the actor <root>.<t W w{'gpus': 1/4}> failed.
The error was:
 boom

 at line 3"""
RAISED = """The actor unix:@b,p1,own-1bbbbbbbbbbb[0] and all its descendants have failed.
This occurred because the actor itself failed.
The error was:
 bad handlerThis error occurred during the handling of another failure:
The actor <root>.<t W w{'gpus': 1/4}> and all its descendants have failed.
This occurred because the actor itself failed.
The error was:
 boom

 at line 3"""


def made(kind):
    return kind.construct(Setting(ME, 0, CONFIG, 7), {})


def of_mesh(event):
    return Envelope(CONTROLLER, ME, MeshFailed(MeshFailure(MESH, 1, event)))


@pytest.mark.parametrize("role", ["owner", "parent"])
@pytest.mark.parametrize(
    ("kind", "text"), [(PythonActor, UNHANDLED), (PythonActorThatHandles, None), (PythonActorThatRaises, RAISED)]
)
def test_a_failure_is_handled_or_the_end_of_its_owner(kind, text, role):
    """Of a mesh, or of a child: the chain begins with the owner's own id, and leads to the first cause."""
    machine = made(kind)

    heard, *ends = machine.handle(of_mesh(BOOM) if role == "owner" else ChildFailed(BOOM), 5 * S)

    assert (type(heard), heard.role, heard.rank) == (Heard, role, 1 if role == "owner" else None)
    assert [event_text(end.error.event) for end in ends] == ([] if text is None else [text])


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        (PythonActor, UnhandledSupervisionEvent(BOOM)),
        (PythonActorThatRaises, ErrorDuringHandlingSupervision("bad handler", BOOM)),
    ],
)
def test_the_error_is_an_event_of_the_owner_itself(kind, cause):
    """So its agent knows that it failed, and not its child (Q10)."""
    (_, end) = made(kind).handle(ChildFailed(BOOM), 5 * S)

    own = ActorSupervisionEvent(ME, None, 5 * S, actor_failed(cause))
    assert end == Fail(UnhandledSupervisionEvent(own))


@pytest.mark.parametrize("kind", [PythonActor, PythonActorThatRaises])
@pytest.mark.parametrize("event", [of_mesh(STOPPED), ChildFailed(STOPPED)])
def test_what_merely_stopped_is_ignored(kind, event):
    assert made(kind).handle(event, 0) == []


def test_a_cast_that_comes_back_is_an_error_and_no_panic():
    """The sender is restored first; Q62 is for others."""
    returned = Envelope(host_agent(0), actor(0), Work(), cast_sender=ME)

    (end,) = made(PythonActor).handle(Envelope(ME, ME, Undeliverable(returned, ("gone",))), 0)

    own = Envelope(ME, actor(0), Work(), cast_sender=ME)
    assert end == Fail(Generic(undeliverable_text(own, ("gone",))))


def test_a_handler_of_undeliverable_messages_may_absorb_them():
    """mesh_model.md 3.5, row of Python actors: what it answers decides."""
    returned = Undeliverable(Envelope(ME, actor(0), Work()), ("gone",))

    assert made(PythonActorThatTakesBack).handle(Envelope(ME, ME, returned), 0) == []
