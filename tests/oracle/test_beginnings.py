"""`configured-first`: who acts before its time, in each of the ways there are."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from trace_builder import (
    CLIENT,
    COMMS,
    CONTROLLER,
    HOSTS,
    NODES,
    PROCS,
    TraceBuilder,
    found,
    spawned,
)

from meshsim.model.alloc.messages import Configure
from meshsim.model.ids import Name, PortRef, ProcId, actor_id, mesh_agent_id, proc_id
from meshsim.model.messages import CommMeshConfig, Envelope, HowMany, Number, Undeliverable, Work
from meshsim.model.notes import LocalDelivery, PollStarted, ProcStatusChanged
from meshsim.trace.records import ProcessStarted

COMM = COMMS[0]
NEW = actor_id(PROCS[0], "new-1eeeeeeeeeee")
ALLOCATED = proc_id("unix:@client/workers_7", "p7-1fffffffffff")
MESH_AGENT = mesh_agent_id(ALLOCATED)


@pytest.fixture
def trace() -> TraceBuilder:
    return TraceBuilder().bring_up()


def work(sender: str, dest: str = CLIENT) -> Envelope:
    return Envelope(sender, dest, Work("hello"))  # type: ignore[arg-type]


def messages(trace: TraceBuilder) -> list[str]:
    return [message for _, message, _ in found(trace.end(60), "configured-first")]


def _comm_is_told(trace: TraceBuilder) -> None:
    trace.actor(COMM, "initializing", at=2)
    trace.actor(COMM, "idle")
    trace.add(Envelope(CLIENT, COMM, CommMeshConfig(0, ())), node=NODES[0])
    trace.add(work(COMM, COMMS[1]), node=NODES[1])


def _comm_is_not_told(trace: TraceBuilder) -> None:
    trace.actor(COMM, "initializing", at=2)
    trace.actor(COMM, "idle")
    trace.add(work(COMM, COMMS[1]), node=NODES[1])
    trace.add(work(COMM, COMMS[1]), node=NODES[1], at=3)


def _nobody_sends(trace: TraceBuilder) -> None:
    trace.add(work(NEW), node="client", at=2)


def _nobody_gives_back(trace: TraceBuilder) -> None:
    trace.add(Envelope(NEW, CLIENT, Undeliverable(work(CLIENT, NEW), ("no mailbox",))), node="client", at=2)


def _asked_in_init(trace: TraceBuilder, *, port: int) -> None:
    trace.actor(NEW, "initializing", at=2)
    asked = trace.add(Envelope(CLIENT, NEW, HowMany(PortRef(CLIENT, 1024)), port), node=NODES[0])
    trace.add(Envelope(NEW, CLIENT, Number(1), 1024), node="client", cause=asked)


def _asks_in_init(trace: TraceBuilder) -> None:
    """What comes back to a port that its init has opened is part of the init."""
    _asked_in_init(trace, port=1024)


def _answers_in_init(trace: TraceBuilder) -> None:
    _asked_in_init(trace, port=0)


def _allocated(trace: TraceBuilder) -> None:
    trace.add(ProcessStarted("allocated", "client", "workers_7", False), node="client/workers_7", at=2)
    trace.actor(MESH_AGENT, "initializing", node="client/workers_7")
    trace.actor(MESH_AGENT, "idle", node="client/workers_7")


def _allocated_and_configured(trace: TraceBuilder) -> None:
    _allocated(trace)
    configure = Configure(0, "unix:@client", None, (), PortRef(CLIENT, 1024), record=True)
    trace.add(Envelope(CLIENT, MESH_AGENT, configure), node="client/workers_7")
    trace.add(work(MESH_AGENT), node="client")


def _allocated_and_not_configured(trace: TraceBuilder) -> None:
    _allocated(trace)
    trace.add(LocalDelivery(work(MESH_AGENT, MESH_AGENT)), node="client/workers_7")
    trace.add(work(MESH_AGENT), node="client")


def _host_does_not_wait(trace: TraceBuilder) -> None:
    trace.add(ProcStatusChanged(Name("workers_1-1aaaaaaaaaaa"), "Running", "Ready", "Ready"), node=HOSTS[0], at=2)


def _poll_after_the_spawn(trace: TraceBuilder) -> None:
    trace.poll(1, at=11, end=12)


def _poll_before_the_spawn(trace: TraceBuilder) -> None:
    trace.add(PollStarted(CONTROLLER, "late", 1), node="client", at=2)


def _procs_count_too_early(trace: TraceBuilder) -> None:
    proc = ProcId(f"{PROCS[0].rsplit(',', 1)[0]},more_0-1aaaaaaaaaaa")
    trace.add(ProcessStarted("proc", HOSTS[0], "more_0-1aaaaaaaaaaa", True), node="host0/more_0", at=2)
    trace.add(spawned("procs", "more", (proc,), None, CLIENT), node="client")


@pytest.mark.parametrize(
    ("happens", "message"),
    [
        (_comm_is_told, None),
        (_comm_is_not_told, "workers[0].comm sent Work hello before it was told its rank"),
        (_nobody_sends, "workers[0].new sent Work hello before it was there"),
        (_nobody_gives_back, None),
        (_asks_in_init, None),
        (_answers_in_init, "workers[0].new sent Number 1 in answer to a request before its init was over"),
        (_allocated_and_configured, None),
        (_allocated_and_not_configured, "p7.mesh sent Work hello before its proc was configured"),
        (_host_does_not_wait, "host0 called workers_1 Ready before it had called back"),
        (_poll_after_the_spawn, None),
        (_poll_before_the_spawn, "trainer.controller polled late before it was spawned"),
        (_procs_count_too_early, "more counted as spawned before more[0] was Ready"),
    ],
)
def test_who_acts_before_its_time_is_found(
    trace: TraceBuilder, happens: Callable[[TraceBuilder], None], message: str | None
) -> None:
    """Comm actors, inits, allocated procs, hosts, controllers, spawns: each once in time and once too early."""
    happens(trace)
    assert messages(trace) == ([] if message is None else [message])


def test_the_small_world_itself_begins_in_order(trace: TraceBuilder) -> None:
    """Every other test here starts from it."""
    assert messages(trace) == []
