"""Root clients: of a test, of Python programs, and where each kind's failures go (supervision.md 12.7, 15.1)."""

import pytest
from machines import CLIENT, CONFIG, CONTROLLER, MESH, actor, event_of, host_agent, proc_mesh

from meshsim.model.actors.registry import default_program
from meshsim.model.boot import NodeBoot
from meshsim.model.clients.context import Context
from meshsim.model.clients.root_clients import CLIENT_KINDS
from meshsim.model.commands import ExitProcess, Panic
from meshsim.model.events import ChildFailed
from meshsim.model.ids import NameSource, Node
from meshsim.model.messages import Envelope, MeshFailed, Operate, Undeliverable, Work
from meshsim.model.messaging.undeliverable import undeliverable_text
from meshsim.model.notes import Heard, OperationEnded, OperationStarted, Warned
from meshsim.model.operations import SpawnActors, StopProcs
from meshsim.model.runtime.node import NodeMachine
from meshsim.model.shapes.slice import Range
from meshsim.model.supervision import Generic, MeshFailure, actor_failed, actor_stopped

BOOM = event_of(actor(0), actor_failed(Generic("boom")))
STOPPED = event_of(actor(0), actor_stopped("process exited cleanly"))
TEXT = (
    f"The actor {actor(0)} and all its descendants have failed.\n"
    "This occurred because the actor itself failed.\nThe error was:\n boom"
)
STDERR = (
    f"Unhandled monarch error on the root actor, hostname=client, PID=<pid> at time 0s: {TEXT}\n"
    "Delivering KeyboardInterrupt to main thread to exit the program"
)
#: What `print(failure)` shows.
PRINTED = f"MeshFailure(mesh_name={MESH}, rank=0, event={TEXT})"
PRINTED_OF_CHILD = f"MeshFailure(mesh_name=<none>, rank=None, event={TEXT})"


def client(kind):
    return CLIENT_KINDS[kind](CLIENT, Context(CLIENT, CONFIG, NameSource(7)))


def of_mesh(event):
    return Envelope(CONTROLLER, CLIENT, MeshFailed(MeshFailure(MESH, 0, event)))


def after(kind, event):
    """What a root client does beside hearing of it."""
    return [command for command in client(kind).handle(event, 0) if not isinstance(command, Heard)]


@pytest.mark.parametrize(
    ("kind", "failed", "stopped", "child"),
    [
        ("rust", [], [], []),
        (
            "test",
            [Panic(f'got supervision event from child: failure on mesh "{MESH}" at rank 0 with event: {TEXT}')],
            None,
            [],
        ),
        ("python", [Warned(CLIENT, STDERR), ExitProcess(1)], [], [Warned(CLIENT, STDERR), ExitProcess(1)]),
        ("python_recording", [Warned(CLIENT, PRINTED)], [], [Warned(CLIENT, PRINTED_OF_CHILD)]),
    ],
)
def test_each_kind_has_its_own_way_with_failures(kind, failed, stopped, child):
    """For a test any MeshFailure is the end; the Python hook is not asked about what merely stopped."""
    assert after(kind, of_mesh(BOOM)) == failed
    assert stopped is None or after(kind, of_mesh(STOPPED)) == stopped
    assert after(kind, ChildFailed(BOOM)) == child


def test_a_test_ends_with_a_stop_too():
    assert isinstance(after("test", of_mesh(STOPPED))[0], Panic)


@pytest.mark.parametrize(("event", "heard"), [(BOOM, 1), (STOPPED, 0)])
def test_a_hook_hears_of_failures_alone(event, heard):
    for what in (of_mesh(event), ChildFailed(event)):
        commands = client("python_recording").handle(what, 0)
        assert sum(isinstance(command, Heard) for command in commands) == heard


def operate(machine, operation):
    return machine.handle(Envelope(CLIENT, CLIENT, Operate(0, operation)), 0)


def refused(commands):
    """The error of an operation that ended at once, without a message to anybody; else none."""
    match commands:
        case [OperationStarted(), OperationEnded(error=error)]:
            return error
        case _:
            return None


WHOLE = proc_mesh(2)
PART = WHOLE.sliced(WHOLE.region.range("hosts", Range(1)), "part")


@pytest.mark.parametrize(
    ("kind", "stopped", "spawned_on", "error"),
    [
        ("python", WHOLE, WHOLE, "`ProcMesh` has already been stopped"),
        ("python", WHOLE, PART, None),
        ("python", PART, WHOLE, None),
        ("rust", WHOLE, WHOLE, None),
    ],
)
def test_a_python_program_spawns_nothing_on_a_proc_mesh_that_it_stopped(kind, stopped, spawned_on, error):
    """mesh_model.md 9.1. Slices are references: they were not stopped, and do not know that their mesh was."""
    machine = client(kind)
    assert refused(operate(machine, SpawnActors("b", WHOLE, "TestActor"))) is None
    operate(machine, StopProcs(stopped, "over"))

    assert refused(operate(machine, SpawnActors("c", spawned_on, "TestActor"))) == error


@pytest.mark.parametrize("returned_by", [CLIENT, host_agent(3)])
def test_a_message_that_comes_back_is_an_error_of_the_program(returned_by):
    """A cast too, which its comm actor returns: the sender is restored first."""
    own = Envelope(CLIENT, actor(0), Work("x"))
    returned = Envelope(returned_by, actor(0), Work("x"), cast_sender=CLIENT)

    heard, _, ends = client("python").handle(Envelope(CLIENT, CLIENT, Undeliverable(returned, ("gone",))), 0)

    assert heard.failure.event.actor_status.error.text == undeliverable_text(
        Envelope(CLIENT, own.dest, own.message, cast_sender=CLIENT), ("gone",)
    )
    assert (heard.role, heard.failure.actor_mesh_name, ends) == ("parent", None, ExitProcess(1))


@pytest.mark.parametrize("kind", CLIENT_KINDS)
def test_a_process_boots_with_its_kind_of_client(kind):
    node = NodeMachine(NodeBoot(Node("client"), "client", {}, client_kind=kind), default_program())

    assert type(node.cells[node.root].machine) is CLIENT_KINDS[kind]
