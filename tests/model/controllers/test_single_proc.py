"""A mesh on one given proc: no hosts behind it, no comm actor in it (supervision.md 10.4, the third kind).

No operation of a scenario makes one. What a controller does with such a reference is held here.
"""

import pytest
from machines import CLIENT, CONFIG, CONTROLLER, MESH, PROCS, agent, proc

from meshsim.model.clients.state_queries import ProcStatesRun
from meshsim.model.clients.stopping import Outcome
from meshsim.model.controllers.controller import ActorMeshController
from meshsim.model.events import Started, TimerFired
from meshsim.model.ids import PortRef
from meshsim.model.messages import CheckState, Envelope, KeepaliveGetState, MeshFailed, Stop
from meshsim.model.notes import MonitoringEnded
from meshsim.model.operations import ActorMeshRef, ProcMeshRef, ProcRef
from meshsim.model.shapes.extent import Extent
from meshsim.model.shapes.region import Region
from meshsim.model.status import RUNNING, timeout
from meshsim.units import S

P, A = CONFIG.supervision_poll_frequency, CONFIG.get_actor_state_max_idle

SCALAR = Region.of(Extent((), ()))
THIS_PROC = ProcMeshRef("w", PROCS, SCALAR, (ProcRef(proc(0), 0, agent(0), None),))


@pytest.fixture
def controller():
    mesh = ActorMeshRef("a", MESH, THIS_PROC, None)
    machine = ActorMeshController(CONTROLLER, mesh, CONFIG, "trainer", CLIENT, {0: RUNNING})
    machine.handle(Started(), 0)
    return machine


def poll(controller):
    commands = controller.handle(Envelope(CONTROLLER, CONTROLLER, CheckState(P)), P)
    return [command for command in commands if isinstance(command, Envelope)], controller.query.port


def test_nobody_is_asked_about_its_proc_and_the_agent_is_asked_directly(controller):
    """The reply comes straight to the controller, and goes back to the agent when nobody waits for it any more."""
    asks, port = poll(controller)

    keepalive = KeepaliveGetState(P + CONFIG.mesh_orphan_timeout, MESH, PortRef(CONTROLLER, port, returnable=True))
    assert [(ask.dest, ask.message) for ask in asks] == [(agent(0), keepalive)]


def test_a_silent_agent_ends_the_watch_and_its_late_answer_finds_no_port(controller):
    """n = 1: its only rank is terminal. What comes back fails the agent, as anything does (Q60's like)."""
    _, port = poll(controller)
    commands = controller.handle(TimerFired(CONTROLLER, "actor_idle"), P + A)

    [told] = [command.message for command in commands if isinstance(command, Envelope)]
    assert isinstance(told, MeshFailed)
    assert told.failure.event.actor_id == agent(0)
    assert (controller.statuses, controller.accepts(port)) == ({0: timeout(A)}, False)
    assert [command.why for command in commands if isinstance(command, MonitoringEnded)] == ["all_terminal"]


def test_its_stop_goes_to_the_agent_too(controller):
    commands = controller.handle(Envelope(CLIENT, CONTROLLER, Stop(MESH, "done")), 1 * S)

    stops = [c for c in commands if isinstance(c, Envelope) and isinstance(c.message, Stop)]
    assert [(stop.dest, stop.message) for stop in stops] == [(agent(0), Stop(MESH, "done"))]


def test_its_proc_states_are_unavailable():
    run = ProcStatesRun(CLIENT, THIS_PROC, CONFIG, 1024, "operation:1024")

    assert run.start(0) == []
    assert run.outcome == Outcome(result="unavailable")
