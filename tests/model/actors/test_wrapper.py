"""The actor that owns a mesh of its own making (supervision.md 15.1)."""

import msgspec
import pytest
from machines import ALICE, CONFIG, CONTROLLER, MESH, actor, agent, event_of, overlay, proc, proc_mesh

from meshsim.model.actors.wrapper import CHILDREN, Children, WrapperActor
from meshsim.model.boot import Setting
from meshsim.model.commands import Fail, SetTimer, SpawnChild
from meshsim.model.events import ActorSpawned, ChildFailed, Started, TimerFired
from meshsim.model.ids import ActorId, Name, PortRef, actor_id
from meshsim.model.messages import (
    Answer,
    CauseFault,
    CreateOrUpdate,
    Envelope,
    MeshFailed,
    NextSupervisionFailure,
    PassedOn,
)
from meshsim.model.notes import Heard, MeshSpawned, OperationEnded
from meshsim.model.status import RUNNING, failed
from meshsim.model.supervision import Generic, MeshFailure, UnhandledSupervisionEvent, actor_failed, failure_text
from meshsim.units import S

ME = actor(1)
KIDS = Name("kids")
BOSS = PortRef(ALICE.actor, 1099)
BOOM = event_of(actor(0), actor_failed(Generic("boom")))


def made():
    """As a spawn constructs it: its parameters travel as plain values."""
    params = {CHILDREN: msgspec.to_builtins(Children(KIDS, proc_mesh(2), BOSS))}
    return WrapperActor.construct(Setting(ME, 1, CONFIG, 7), params)


def started():
    """One whose init has begun, and the commands of that."""
    machine = made()
    return machine, machine.handle(Started(), 0)


def answer(rank, kind):
    return overlay(agent(rank), ME, 1024, (rank, rank + 1, kind))


def ready():
    machine, _ = started()
    for event in (
        answer(0, RUNNING),
        answer(1, RUNNING),
        ActorSpawned(Name(f"actor_mesh_controller_{KIDS}"), CONTROLLER),
    ):
        machine.handle(event, 0)
    return machine


def of_type(kind, commands):
    return [command for command in commands if isinstance(command, kind)]


def test_its_init_spawns_test_actors_under_the_name_it_was_given():
    """And is not over before they are there."""
    machine, commands = started()

    creates = [envelope for envelope in of_type(Envelope, commands) if isinstance(envelope.message, CreateOrUpdate)]
    assert [(envelope.dest, envelope.message.name) for envelope in creates] == [(agent(0), KIDS), (agent(1), KIDS)]
    assert {envelope.message.spec.actor_type for envelope in creates} == {"TestActor"}
    assert machine.busy


def test_its_init_ends_when_it_owns_the_controller():
    machine, _ = started()
    machine.handle(answer(0, RUNNING), 0)
    (spawn,) = of_type(SpawnChild, machine.handle(answer(1, RUNNING), 0))

    done = machine.handle(ActorSpawned(spawn.name, CONTROLLER), 0)

    assert (spawn.name, spawn.machine.owner) == (f"actor_mesh_controller_{KIDS}", ME)
    assert [(note.label, note.controller) for note in of_type(MeshSpawned, done)] == [(KIDS, CONTROLLER)]
    assert not machine.busy
    assert (machine.mesh.name, machine.mesh.controller) == (KIDS, CONTROLLER)


def test_its_init_fails_with_the_spawn():
    machine, _ = started()
    machine.handle(answer(0, RUNNING), 0)

    commands = machine.handle(answer(1, failed("no")), 0)

    error = "error spawning actor mesh: statuses: Running=0..1;Failed(no)=1..2"
    assert commands[-1] == Fail(Generic(error))
    assert of_type(OperationEnded, commands)[0].error == error
    assert not machine.busy


@pytest.mark.parametrize("fault", [CauseFault("panic", "for testing"), CauseFault("exit", number=1)])
def test_a_fault_for_its_children_goes_to_each_of_them(fault):
    down = CauseFault(fault.kind, fault.text, fault.busy_ns, fault.number, send_to_children=True)

    commands = ready().handle(Envelope(ALICE.actor, ME, down), 0)

    assert [(envelope.dest, envelope.message) for envelope in commands] == [
        (actor_id(proc(rank), KIDS), fault) for rank in (0, 1)
    ]


def test_a_fault_for_itself_is_its_own():
    assert ready().handle(Envelope(ALICE.actor, ME, CauseFault("raise", "boom")), 0) == [Fail(Generic("boom"))]


def test_every_failure_is_passed_on_and_handled():
    failure = MeshFailure(KIDS, 0, BOOM)

    commands = ready().handle(Envelope(CONTROLLER, ME, MeshFailed(failure)), 0)

    heard = Heard(ME, "owner", "kids", 0, "Failed", "failed: boom", actor(0), failure)
    assert commands == [heard, Envelope(ME, BOSS.actor, PassedOn(failure), BOSS.index)]


def waiting():
    """One that was asked for the next failure, and the commands of that."""
    machine = ready()
    return machine, machine.handle(Envelope(ALICE.actor, ME, NextSupervisionFailure(BOSS)), 0)


def test_the_next_failure_of_its_mesh_is_waited_for():
    """Nothing else is handled meanwhile; the answer is the failure's text."""
    machine, commands = waiting()
    (port,) = (envelope.message.port for envelope in of_type(Envelope, commands))
    busy = machine.busy
    failure = MeshFailure(KIDS, 0, BOOM)

    told = machine.handle(Envelope(CONTROLLER, ME, MeshFailed(failure), port.index), 5 * S)

    assert busy
    assert not machine.busy
    assert [timer.after_ns for timer in of_type(SetTimer, commands) if timer.key.startswith("operation")] == [20 * S]
    assert told[-1] == Envelope(ME, BOSS.actor, Answer(ME, failure_text(failure)), BOSS.index)


def test_a_wait_for_a_failure_is_over_after_20_s():
    machine, commands = waiting()
    (key,) = (timer.key for timer in of_type(SetTimer, commands) if timer.key.startswith("operation"))

    told = machine.handle(TimerFired(ME, key), 20 * S)

    assert told[-1] == Envelope(ME, BOSS.actor, Answer(ME, "none"), BOSS.index)
    assert not machine.busy


def test_without_children_it_only_handles():
    """As an owner of what the scenario tells it to own."""
    machine = WrapperActor.construct(Setting(ME, 1, CONFIG, 7), {})
    failure = MeshFailure(MESH, 0, BOOM)

    assert machine.handle(Started(), 0) == []
    assert len(machine.handle(Envelope(CONTROLLER, ME, MeshFailed(failure)), 0)) == 1
    assert of_type(Fail, machine.handle(ChildFailed(BOOM), 0)) == []


def test_who_is_told_hears_it_as_a_supervisor():
    """A test actor as well as a client; the mesh is known by its name."""
    machine = WrapperActor.construct(Setting(ME, 1, CONFIG, 7), {})
    failure = MeshFailure("kids-1aaaaaaaaaaa", 0, BOOM)

    (heard,) = machine.handle(Envelope(ActorId("other"), ME, PassedOn(failure)), 0)

    assert (heard.role, heard.mesh, heard.rank) == ("supervisor", "kids", 0)


def test_its_own_kind_of_error_is_not_the_default_one():
    """It never fails of what it owns."""
    commands = ready().handle(ChildFailed(BOOM), 0)

    assert UnhandledSupervisionEvent(BOOM) not in [command.error for command in of_type(Fail, commands)]
