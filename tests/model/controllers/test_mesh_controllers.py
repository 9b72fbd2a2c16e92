"""The controllers that only act when they end (supervision.md 7)."""

import pytest
from machines import (
    ALICE,
    CLIENT_PROC,
    CONFIG,
    PROCS,
    actor,
    actor_id,
    event_of,
    host_agent,
    overlay,
    proc_mesh,
    proc_name,
    status_port,
)

from meshsim.model.commands import ActorFinished, CancelTimer, Fail, GiveBack, SetTimer
from meshsim.model.controllers.mesh_controllers import HostMeshController, ProcMeshController
from meshsim.model.events import ActorEnded, ChildFailed, CleanupStarted, ClockSet, SignalReceived, Started, TimerFired
from meshsim.model.ids import PortRef
from meshsim.model.messages import Ack, Envelope, GetRankStatus, ShutdownHost, Stop, Undeliverable
from meshsim.model.messaging.undeliverable import undeliverable_text
from meshsim.model.runtime.actor import ActorCell
from meshsim.model.runtime.ending import CLEANUP_TIMER
from meshsim.model.status import RUNNING, STOPPED, STOPPING
from meshsim.model.supervision import Generic, UnhandledSupervisionEvent, actor_failed, actor_stopped
from meshsim.units import S

ME = actor_id(CLIENT_PROC, f"proc_mesh_controller_{PROCS}", 1)
BOOM = event_of(actor(0), actor_failed(Generic("boom")))
CLEANUP = CleanupStarted(failed=False)


def proc_controller():
    return ProcMeshController(ME, CONFIG, proc_mesh(2))


def host_controller():
    return HostMeshController(ME, CONFIG, ("host0", "host1"))


@pytest.mark.parametrize("controller", [proc_controller(), host_controller()])
@pytest.mark.parametrize("event", [Started(), ClockSet(5)])
def test_they_do_nothing_while_their_owner_lives(controller, event):
    """No polling, no subscribers, no messages."""
    assert controller.handle(event, 0) == []
    assert (controller.busy, controller.accepts(1024)) == (False, False)


def test_cleanup_stops_all_procs_of_the_mesh():
    controller = proc_controller()

    commands = controller.handle(CLEANUP, 0)

    reply = status_port(ME, 1024, returnable=True)
    reason = "proc mesh controller cleanup"
    assert commands == [
        Envelope(ME, host_agent(0), Stop(proc_name(0), reason)),
        Envelope(ME, host_agent(0), GetRankStatus(proc_name(0), reply)),
        Envelope(ME, host_agent(1), Stop(proc_name(1), reason)),
        Envelope(ME, host_agent(1), GetRankStatus(proc_name(1), reply)),
        SetTimer(ME, "stop_idle", 30 * S),
    ]
    assert (controller.busy, controller.accepts(1024), controller.accepts(1025)) == (True, True, False)


@pytest.mark.parametrize(
    ("kinds", "commands"),
    [
        ((STOPPING, STOPPED), [CancelTimer(ME, "stop_idle")]),
        (
            (STOPPING, RUNNING),
            [
                CancelTimer(ME, "stop_idle"),
                Fail(Generic("failed to terminate proc mesh: Stopping=0..1;Running=1..2")),
            ],
        ),
    ],
)
def test_the_answers_of_the_hosts_end_the_cleanup(kinds, commands):
    """An error of the stop is the error of the cleanup."""
    controller = proc_controller()
    controller.handle(CLEANUP, 0)
    answers = [overlay(host_agent(rank), ME, 1024, (rank, rank + 1, kind)) for rank, kind in enumerate(kinds)]

    assert [controller.handle(answer, 1 * S) for answer in answers] == [[], commands]
    assert not controller.busy


def test_hosts_that_say_nothing_end_the_cleanup_with_an_error():
    """Reached only with a cleanup limit beyond 30 s."""
    controller = proc_controller()
    controller.handle(CLEANUP, 0)

    commands = controller.handle(TimerFired(ME, "stop_idle"), 30 * S)

    assert commands == [Fail(Generic(f"failed to terminate proc mesh {PROCS} before timeout: Timeout(30s)=0..2"))]
    assert not controller.busy


def test_a_status_beyond_the_mesh_goes_back():
    controller = proc_controller()
    controller.handle(CLEANUP, 0)
    beyond = overlay(host_agent(0), ME, 1024, (2, 3, STOPPED))

    commands = controller.handle(beyond, 1)

    assert commands == [GiveBack(beyond, "mailbox error: range 2..3 exceeds region bounds (len=2)")]
    assert (controller.busy, controller.accepts(1024)) == (True, False)


def test_hosts_are_shut_down_one_after_the_other_in_cleanup():
    """Each until its acknowledgement; those beyond the cleanup limit are never told."""
    controller = host_controller()
    ack = Envelope(host_agent(0), ME, Ack(), 1024)

    commands = [controller.handle(event, 0) for event in (CLEANUP, ack, ack)]

    asks = [Envelope(ME, host_agent(rank), ShutdownHost(10 * S, 16, PortRef(ME, 1024))) for rank in (0, 1)]
    assert commands == [[asks[0]], [asks[1]], []]
    assert (controller.busy, controller.accepts(1024)) == (False, False)


@pytest.mark.parametrize("controller", [proc_controller(), host_controller()])
def test_what_comes_back_fails_the_controller(controller):
    """The default rules, for messages and for children."""
    envelope = Envelope(ME, host_agent(0), Ack())
    returned = Envelope(host_agent(0), ME, Undeliverable(envelope, ("ttl expired",)))

    assert controller.handle(returned, 0) == [Fail(Generic(undeliverable_text(envelope, ("ttl expired",))))]
    assert controller.handle(ChildFailed(BOOM), 0) == [Fail(UnhandledSupervisionEvent(BOOM))]


@pytest.mark.parametrize("controller", [proc_controller(), host_controller()])
@pytest.mark.parametrize("event", [ActorEnded(actor(0), actor_stopped("")), Envelope(ALICE.actor, ME, Ack())])
def test_they_take_nothing_else(controller, event):
    with pytest.raises(AssertionError):
        controller.handle(event, 0)


@pytest.mark.parametrize("controller", [proc_controller(), host_controller()])
def test_a_cleanup_is_cut_when_its_time_is_over(controller):
    """After `CLEANUP_TIMEOUT`, though a single stop may wait 30 s idle. Hosts whose turn has not come are not told."""
    cell = ActorCell(ME, controller, 3 * S)
    cell.handle(Started(), 0)
    begun = cell.handle(SignalReceived("stop", "parent stopping"), 1 * S)

    ended = cell.handle(TimerFired(ME, CLEANUP_TIMER), 4 * S)
    late = cell.handle(Envelope(host_agent(0), ME, Ack(), 1024), 5 * S)

    told = {command.dest for command in begun if isinstance(command, Envelope)}
    assert told == ({host_agent(0)} if isinstance(controller, HostMeshController) else {host_agent(0), host_agent(1)})
    assert begun[-1] == SetTimer(ME, CLEANUP_TIMER, 3 * S)
    [finished] = [command for command in ended if isinstance(command, ActorFinished)]
    assert finished.status == actor_failed(Generic("cleanup error: deadline has elapsed"))
    assert [command for command in (*ended, *late) if isinstance(command, Envelope)] == []
