"""The client's side with one quirk turned off: spawns, stops and subscriptions (supervision.md 9.5, 10.7, 12)."""

import pytest
from machines import (
    CLIENT,
    CONTROLLER,
    MESH,
    actor,
    actor_mesh,
    agent,
    event_of,
    host_agent,
    overlay,
    proc_mesh,
)

from meshsim.model.clients.context import Context
from meshsim.model.commands import SetTimer, SpawnChild
from meshsim.model.config import Config
from meshsim.model.events import ActorSpawned, TimerFired
from meshsim.model.ids import NameSource, PortRef
from meshsim.model.messages import Envelope, GetState, MeshFailed, Operate, StateReply, Stop, Subscribe
from meshsim.model.notes import Heard, OperationEnded, OperationStarted
from meshsim.model.operations import CastTo, Operation, SpawnActors, SpawnProcs, StopActors, SubscribeTo
from meshsim.model.status import RUNNING, STOPPED, MeshState, State, failed, timeout
from meshsim.model.supervision import ActorPhase, ActorStatus, Generic, MeshFailure, actor_failed
from meshsim.units import S

PORT = 1024
KEY = f"operation:{PORT}"
BOOM = MeshFailure(MESH, 0, event_of(actor(0), actor_failed(Generic("boom"))))
WELL = MeshFailure(MESH, None, event_of(actor(0), ActorStatus(ActorPhase.IDLE)))


def config(off):
    return Config.of({}, tuple(off.split()))


def context(off):
    return Context(CLIENT, config(off), NameSource(7))


def begun(machine: Context, operation: Operation, now_ns=0):
    return machine.operate(Operate(0, operation), now_ns)


def stops(commands):
    """Who is told to stop what, and why; whoever cannot be reached says nothing."""
    return [
        (c.dest, c.message.name, c.message.reason, c.returnable)
        for c in commands
        if isinstance(c, Envelope) and isinstance(c.message, Stop)
    ]


# --- spawns that fail: Q43, Q47 --------------------------------------------------------------------------------


def procs_of(host_of_rank):
    """Host and name of each proc that a spawn of one proc on each host draws."""
    names = NameSource(7)
    names.draw("w")
    return [(host_agent(rank), names.draw("w_0"), "spawn failed", False) for rank in host_of_rank]


SPAWN_PROCS = SpawnProcs("w", ("host0", "host1"), (("hosts", 2),), ())


@pytest.mark.parametrize(("off", "taken_back"), [("", []), ("Q43", procs_of((0, 1)))])
def test_procs_of_a_spawn_that_timed_out_are_stopped(off, taken_back):
    """Those of silent hosts, too: the message waits for them."""
    machine = context(off)
    begun(machine, SPAWN_PROCS)

    commands = machine.on_timer(TimerFired(CLIENT, KEY), 30 * S)

    assert stops(commands) == taken_back


@pytest.mark.parametrize(("off", "taken_back"), [("", []), ("Q43", procs_of((0, 1)))])
def test_procs_of_a_spawn_with_a_failed_rank_are_stopped(off, taken_back):
    machine = context(off)
    begun(machine, SPAWN_PROCS)
    machine.on_port(overlay(host_agent(0), CLIENT, PORT, (0, 1, RUNNING)), 0)

    commands = machine.on_port(overlay(host_agent(1), CLIENT, PORT, (1, 2, failed("no memory"))), 0)

    assert stops(commands) == taken_back


ACTORS_STOPPED = [(agent(rank), NameSource(7).draw("a"), "spawn failed", False) for rank in (0, 1)]


@pytest.mark.parametrize(("off", "taken_back"), [("", []), ("Q47", ACTORS_STOPPED)])
@pytest.mark.parametrize("is_silent", [False, True])
def test_actors_of_a_spawn_that_failed_are_stopped(is_silent, off, taken_back):
    """One rank runs, the other fails or says nothing."""
    machine = context(off)
    begun(machine, SpawnActors("a", proc_mesh(2), "TestActor"))
    machine.on_port(overlay(agent(0), CLIENT, PORT, (0, 1, RUNNING)), 0)

    if is_silent:
        commands = machine.on_timer(TimerFired(CLIENT, KEY), 30 * S)
    else:
        commands = machine.on_port(overlay(agent(1), CLIENT, PORT, (1, 2, failed("test failure"))), 0)

    assert stops(commands) == taken_back


@pytest.mark.parametrize(("off", "taken_back"), [("", []), ("Q47", ACTORS_STOPPED)])
def test_actors_of_a_mesh_without_a_controller_are_stopped(off, taken_back):
    """All ranks run, and then the controller cannot be spawned: that is a failed spawn as well."""
    machine = context(off)
    begun(machine, SpawnActors("a", proc_mesh(2), "TestActor"))
    commands = machine.on_port(overlay(agent(0), CLIENT, PORT, (0, 2, RUNNING)), 0)
    [name] = [command.name for command in commands if isinstance(command, SpawnChild)]

    assert stops(machine.on_spawned(ActorSpawned(name, None, "no room"), 0)) == taken_back


# --- stops: Q52, Q53 -------------------------------------------------------------------------------------------

HALF = "Stopped=0..1;Timeout(30s)=1..2"


def stopped(machine, *statuses, port=PORT):
    """The mesh is stopped, and this is what its controller says."""
    begun(machine, StopActors(actor_mesh(2), "enough"))
    state = State(MESH, STOPPED, MeshState(statuses))
    return machine.on_port(Envelope(CONTROLLER, CLIENT, StateReply(state), port), 0)


@pytest.mark.parametrize(("off", "error"), [("", None), ("Q53", f"error stopping actor mesh: statuses: {HALF}")])
def test_a_stop_that_an_actor_did_not_answer_is_an_error(off, error):
    commands = stopped(context(off), STOPPED, timeout(30 * S))

    assert commands == [OperationEnded(0, CLIENT, "stop_actors", "a", error, HALF)]


def test_a_stop_that_failed_can_be_tried_again():
    """Q52: as the first one, and when it succeeds the third is Ok at once."""
    machine = context("Q52")
    stopped(machine, STOPPED, RUNNING)
    port = machine.next_port

    second = begun(machine, StopActors(actor_mesh(2), "enough"))
    machine.on_port(
        Envelope(CONTROLLER, CLIENT, StateReply(State(MESH, STOPPED, MeshState((STOPPED, STOPPED)))), port), 0
    )
    third = begun(machine, StopActors(actor_mesh(2), "enough"))

    assert second == [
        OperationStarted(0, CLIENT, "stop_actors", "a"),
        Envelope(CLIENT, CONTROLLER, Stop(MESH, "enough")),
        Envelope(CLIENT, CONTROLLER, GetState(MESH, PortRef(CLIENT, port))),
    ]
    assert third[1:] == [OperationEnded(0, CLIENT, "stop_actors", "a", None)]


# --- waiting for events: Q25, Q50, Q51 -------------------------------------------------------------------------


def watching(off):
    machine = context(off)
    begun(machine, SubscribeTo(actor_mesh(2)))
    return machine


def told(machine, failure, now_ns=0):
    return machine.on_port(Envelope(CONTROLLER, CLIENT, MeshFailed(failure), PORT), now_ns)


def is_refused(machine):
    return begun(machine, CastTo(actor_mesh(2)))[-1].error is not None


def test_what_was_heard_is_not_heard_again():
    """Q50: the current value is looked at once."""
    machine = watching("Q50")
    first = told(machine, BOOM)

    assert len(first) == 1
    assert [type(command) for command in begun(machine, SubscribeTo(actor_mesh(2)))] == [
        OperationStarted,
        OperationEnded,
    ]
    assert is_refused(machine)


def test_waiting_again_after_a_time_out_subscribes_again():
    """Q51: the false alarm is forgotten."""
    machine = watching("Q51")
    limit = machine.config.supervision_watchdog_timeout
    machine.on_timer(TimerFired(CLIENT, f"watchdog:{PORT}"), limit)
    before = is_refused(machine)

    commands = begun(machine, SubscribeTo(actor_mesh(2)), 2 * limit)

    assert commands[1:-1] == [
        Envelope(CLIENT, CONTROLLER, Subscribe(PortRef(CLIENT, PORT))),
        SetTimer(CLIENT, f"watchdog:{PORT}", limit),
    ]
    assert (before, is_refused(machine)) == (True, False)


def test_a_recovery_clears_what_is_known_of_the_mesh():
    """Q25: said by the controller; the rule of 12.4 step 4 for a status that is no end."""
    machine = watching("Q25")
    told(machine, BOOM)

    commands = told(machine, WELL)

    assert commands == [Heard(CLIENT, "subscriber", "a", None, "Recovered", "idle", actor(0), WELL)]
    assert not is_refused(machine)
