"""`stops-stay-in-scope`: who is touched by a stop, and who asked for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from trace_builder import (
    AGENTS,
    CLIENT,
    CONTROLLER,
    HOST_AGENTS,
    HOSTS,
    LOCAL,
    NODES,
    OBSERVER,
    PROCS,
    TRAINERS,
    TraceBuilder,
    found,
    spawned,
)

from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import ActorId, PortRef, actor_id, proc_agent_id, proc_id
from meshsim.model.messages import CauseFault, Envelope, ShutdownHost, StopAll
from meshsim.model.notes import HostsAllocated, OrphanStopped, ReferenceMade
from meshsim.trace.records import FaultStruck
from meshsim.units import S

HOSTS_CONTROLLER = actor_id(LOCAL, "host_mesh_controller_hosts-1ggggggggggg", 3)
ACTOR_LOST = "trainer[1] became 'stopped: done', and nobody had stopped trainer, its proc, its host or its owner"


def messages(trace: TraceBuilder) -> list[str]:
    return [message for _, message, _ in found(trace.end(60), "stops-stay-in-scope")]


def _nobody(trace: TraceBuilder) -> None:
    """Nobody asked for anything."""


def _another_mesh(trace: TraceBuilder) -> None:
    trace.operation(CLIENT, "stop_actors", "backup", at=10, end=10)


def _another_proc(trace: TraceBuilder) -> None:
    trace.add(Envelope(HOST_AGENTS[0], AGENTS[0], StopAll("x")), node=NODES[0], at=10)


def _another_actor(trace: TraceBuilder) -> None:
    trace.add(Envelope(CLIENT, TRAINERS[0], CauseFault("stop")), node=NODES[0], at=10)
    trace.add(OrphanStopped(TRAINERS[0], 0), node=NODES[0])


def _another_owner(trace: TraceBuilder) -> None:
    trace.actor(OBSERVER, "stopped: done", at=10)


def _its_mesh(trace: TraceBuilder) -> None:
    trace.operation(CLIENT, "stop_actors", "trainer", at=10, end=None)


def _a_copy_of_its_mesh(trace: TraceBuilder) -> None:
    trace.add(ReferenceMade(CLIENT, "copy", "trainer", "hosts=2/1", PROCS), node="client", at=9)
    trace.operation(CLIENT, "stop_actors", "copy", at=10, end=None)


def _its_proc(trace: TraceBuilder) -> None:
    trace.add(Envelope(HOST_AGENTS[1], AGENTS[1], StopAll("x")), node=NODES[1], at=10)


def _its_host(trace: TraceBuilder) -> None:
    trace.operation(CLIENT, "shutdown_hosts", "host1", at=10, end=None)
    _shutdown(trace, 1, CLIENT)


def _its_owner(trace: TraceBuilder) -> None:
    trace.actor(CLIENT, "stopping", at=10)


def _its_controller(trace: TraceBuilder) -> None:
    trace.actor(CONTROLLER, "stopping", at=10)


def _its_agent(trace: TraceBuilder) -> None:
    trace.add(OrphanStopped(TRAINERS[1], 0), node=NODES[1], at=10)


def _itself(trace: TraceBuilder) -> None:
    trace.add(FaultStruck(0, "stop", "trainer[1]"), at=10)


@pytest.mark.parametrize(
    ("asks", "is_found"),
    [
        *((asks, True) for asks in (_nobody, _another_mesh, _another_proc, _another_actor, _another_owner)),
        *((asks, False) for asks in (_its_mesh, _a_copy_of_its_mesh, _its_proc, _its_host, _its_owner)),
        *((asks, False) for asks in (_its_controller, _its_agent, _itself)),
    ],
)
def test_an_actor_that_stops_was_meant(asks: Callable[[TraceBuilder], None], is_found: bool) -> None:
    """Its mesh, proc, host, owner, controller, agent or itself; nobody else's."""
    trace = TraceBuilder().bring_up()
    asks(trace)
    trace.actor(TRAINERS[1], "stopped: done", at=11)
    assert messages(trace) == ([ACTOR_LOST] if is_found else [])


def _shutdown(trace: TraceBuilder, host: int, sender: ActorId) -> None:
    message = ShutdownHost(10 * S, 16, PortRef(CLIENT, 1024))
    trace.add(Envelope(sender, HOST_AGENTS[host], message), node=HOSTS[host])


@pytest.mark.parametrize(
    ("operation", "label", "is_found"),
    [
        ("stop_procs", "workers", False),
        ("shutdown_hosts", "host1", False),
        ("stop_procs", "others", True),
        ("shutdown_hosts", "host0", True),
    ],
)
def test_a_proc_that_stops_was_meant(operation: str, label: str, is_found: bool) -> None:
    """Its mesh or its host."""
    trace = TraceBuilder().bring_up()
    trace.operation(CLIENT, operation, label, at=10, end=None)
    if operation == "shutdown_hosts":
        _shutdown(trace, int(label[-1]), CLIENT)
    trace.proc(1, "Ready", "Stopping", at=11)
    lost = "workers[1] was stopped, and nobody had stopped workers, its host or its owner"
    assert messages(trace) == ([lost] if is_found else [])


def test_a_proc_whose_owner_ends_is_meant() -> None:
    """The controller of its mesh cleans up."""
    trace = TraceBuilder().bring_up()
    trace.actor(CLIENT, "stopping", at=10)
    trace.proc(1, "Ready", "Stopping", at=11)
    assert messages(trace) == []


@pytest.mark.parametrize(("host", "is_found"), [(0, False), (1, True)])
def test_a_host_that_is_shut_down_was_named(host: int, is_found: bool) -> None:
    """`shutdown_hosts host0` tells host0."""
    trace = TraceBuilder().bring_up()
    trace.operation(CLIENT, "shutdown_hosts", "host0", at=10, end=None)
    _shutdown(trace, host, CLIENT)
    assert messages(trace) == (["client told host1 to shut down, and nobody had asked for that"] if is_found else [])


@pytest.mark.parametrize(
    ("phase", "host", "is_found"), [("stopping", 0, False), ("stopping", 1, True), ("idle", 0, True)]
)
def test_a_controller_of_hosts_cleans_up_its_own(phase: str, host: int, is_found: bool) -> None:
    """When it ends itself, and only the hosts that its owner allocated."""
    trace = TraceBuilder().bring_up()
    trace.add(HostsAllocated("hosts", spawned("procs", "x", (), None, CLIENT).name, CLIENT, ("host0",)), node="client")
    trace.actor(HOSTS_CONTROLLER, phase, node="client", at=10)
    _shutdown(trace, host, HOSTS_CONTROLLER)
    assert bool(messages(trace)) is is_found


@pytest.mark.parametrize(
    ("why", "host_told", "is_found"), [("exit", False, True), ("exit", True, False), ("signal", False, False)]
)
def test_who_shares_a_process_is_not_stopped_with_another(why: str, host_told: bool, is_found: bool) -> None:
    """Q33: StopAll to the agent of one proc ends the process, and the actors of another proc in it with it."""
    trace = TraceBuilder().bring_up()
    first, second = (proc_id("unix:@host0", name) for name in ("first_0-1aaaaaaaaaaa", "second_0-1aaaaaaaaaaa"))
    lodgers = tuple(actor_id(proc, "lodger-1hhhhhhhhhhh") for proc in (first, second))
    for lodger in lodgers:
        trace.actor(lodger, "idle", node="host0", at=2)
    trace.add(spawned("actors", "lodger", lodgers, None, CLIENT), node="client")
    if host_told:
        trace.operation(CLIENT, "shutdown_hosts", "host0", at=10, end=None)
        _shutdown(trace, 0, CLIENT)
    trace.add(Envelope(CLIENT, proc_agent_id(first), StopAll("x")), node="host0", at=10)
    trace.dies("host0", ExitStatus(code=0), why=why)
    lost = "lodger[1] was lost with its process, in which first_0 was stopped"
    assert messages(trace) == ([lost] if is_found else [])
