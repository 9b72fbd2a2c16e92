"""When a stop has to be true, and when it has to happen."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from trace_builder import AGENTS, CLIENT, CONTROLLER, HOST_AGENTS, NODES, PROCS, TRAINERS, TraceBuilder, found

from meshsim.model.config import Config
from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import ActorId, Name, PortRef, actor_name_of, proc_name_of
from meshsim.model.messages import (
    Ack,
    CreateOrUpdate,
    Envelope,
    Message,
    ProcSpec,
    ShutdownHost,
    StateReply,
    Stop,
    StopAll,
)
from meshsim.model.notes import MonitoringEnded, OrphanStopped, ReferenceMade
from meshsim.model.status import STOPPED, MeshState, State, Status, timeout
from meshsim.oracle.load import AgentLoad
from meshsim.trace.records import FaultStruck, ProcessContinued, ProcessStopped
from meshsim.units import S

KILLED = ExitStatus(signal=9)
TRAINER = Stop(actor_name_of(TRAINERS[1]), "enough")
WORKERS = Stop(proc_name_of(PROCS[1]), "enough")
SHUTDOWN = ShutdownHost(5 * S, 16, PortRef(CLIENT, 1024))

Alter = Callable[[TraceBuilder], object]


@pytest.fixture
def trace() -> TraceBuilder:
    return TraceBuilder().bring_up()


def _tell(trace: TraceBuilder, dest: ActorId, message: Message, *, at: float = 20) -> None:
    node = {CONTROLLER: "client", HOST_AGENTS[1]: "host1", AGENTS[0]: NODES[0]}.get(dest, NODES[1])
    trace.add(Envelope(CLIENT, dest, message), node=node, at=at)


@pytest.mark.parametrize(
    ("operation", "label", "error", "subjects"),
    [
        ("stop_actors", "trainer", None, ["trainer[1]"]),
        ("stop_actors", "half", None, ["trainer[1]"]),
        ("stop_actors", "trainer", "timeout", []),
        ("stop_actors", "unknown", None, []),
        ("query_mesh", "trainer", None, []),
    ],
)
def test_only_a_stop_that_ended_well_promises(
    trace: TraceBuilder, operation: str, label: str, error: str | None, subjects: list[str]
) -> None:
    """Through a reference as through the mesh; whoever was told of an error knows."""
    trace.add(ReferenceMade(CLIENT, "half", "trainer", "1", PROCS[1:]), node="client")
    trace.dies(NODES[0], KILLED, by="host0", at=10)
    trace.operation(CLIENT, operation, label, at=20, end=20.1, error=error)
    assert [subject for subject, _, _ in found(trace.end(25), "stop-is-true")] == subjects


@pytest.mark.parametrize(("status", "subject"), [(timeout(30 * S), "client"), (STOPPED, "trainer[1]")])
def test_who_takes_silence_for_an_end_is_to_blame(trace: TraceBuilder, status: Status, subject: str) -> None:
    """The controller said Timeout of rank 1, or that it had stopped; it runs on."""
    said = StateReply(State(Name("trainer"), STOPPED, MeshState((STOPPED, status))))
    trace.actor(TRAINERS[0], "stopped: enough", at=19)
    trace.add(Envelope(CONTROLLER, CLIENT, said, 1024), node="client", at=20)
    trace.operation(CLIENT, "stop_actors", "trainer", at=20, end=20)
    assert [subject for subject, _, _ in found(trace.end(25), "stop-is-true")] == [subject]


@pytest.mark.parametrize(
    ("died_at", "port", "expected"),
    [
        (15, 1024, []),
        (16.5, 1024, ["host1 acknowledged its shutdown while processes of it were there: workers[1]"]),
        (16.5, 1025, []),
    ],
    ids=["done", "too early", "of something else"],
)
def test_a_host_acknowledges_its_shutdown_when_its_processes_are_gone(
    trace: TraceBuilder, died_at: float, port: int, expected: list[str]
) -> None:
    """It is sent at 16 s and takes a second: what counts is what was there when it was."""
    _tell(trace, HOST_AGENTS[1], SHUTDOWN, at=10)
    if died_at <= 16:
        trace.dies(NODES[1], KILLED, by="host1", at=died_at)
    sent = trace.add(Envelope(CLIENT, HOST_AGENTS[1], TRAINER), node="host1", at=16)
    if died_at > 16:
        trace.dies(NODES[1], KILLED, by="host1", at=died_at)
    trace.add(Envelope(HOST_AGENTS[1], CLIENT, Ack(), port), node="client", cause=sent, at=17)
    assert [message for _, message, _ in found(trace.end(25), "stop-is-true")] == expected


def test_actors_on_procs_that_were_stopped_end_with_them(trace: TraceBuilder) -> None:
    """2 X is 20 s; one second for the network."""
    trace.operation(CLIENT, "stop_procs", "workers", at=20, end=20)
    trace.dies(NODES[0], KILLED, by="host0", at=40)
    late = [(subject, message) for subject, message, _ in found(trace.end(60), "stop-is-true")]
    assert late == [
        ("trainer[1]", "trainer[1] was still there 21s after the stop of its proc ended well"),
        ("workers[1].proc_agent", "workers[1].proc_agent was still there 21s after the stop of its proc ended well"),
    ]


@pytest.mark.parametrize(
    ("dest", "message", "subject", "bound"),
    [
        (AGENTS[1], TRAINER, "trainer[1]", "11s"),
        (AGENTS[1], StopAll("enough"), "workers[1]", "11s"),
        (HOST_AGENTS[1], WORKERS, "workers[1]", "21s"),
        (HOST_AGENTS[1], SHUTDOWN, "workers[1]", "11s"),
        (CONTROLLER, TRAINER, "trainer.controller", "1s"),
    ],
    ids=["actor", "proc", "by host", "shutdown", "mesh"],
)
def test_a_stop_that_arrived_has_a_bound(
    trace: TraceBuilder, dest: ActorId, message: Message, subject: str, bound: str
) -> None:
    """S of an agent; 2 X of a host, 2 T when it shuts down; nothing but a second of a controller that is free."""
    _tell(trace, dest, message)
    who = {CONTROLLER: "trainer.controller", HOST_AGENTS[1]: "host1.host_agent"}.get(dest, "workers[1].proc_agent")
    expected = f"{subject} had to end within {bound} after {who} was told to stop it"
    assert [text for _, text, _ in found(trace.end(600), "stop-happens")] == [expected]


@pytest.mark.parametrize(
    ("dest", "message", "end"),
    [
        (AGENTS[1], TRAINER, lambda trace: trace.actor(TRAINERS[1], "stopped: enough", at=31)),
        (AGENTS[1], TRAINER, lambda trace: trace.dies(NODES[1], KILLED, by="host1", at=31)),
        (AGENTS[1], TRAINER, lambda trace: trace.actor(AGENTS[1], "failed: boom", at=25)),
        (AGENTS[1], TRAINER, lambda trace: trace.add(FaultStruck(0, "hang", AGENTS[1]), at=5)),
        (AGENTS[1], StopAll("enough"), lambda trace: trace.dies(NODES[1], KILLED, by="host1", at=31)),
        (HOST_AGENTS[1], WORKERS, lambda trace: trace.dies(NODES[1], KILLED, by="host1", at=41)),
        (HOST_AGENTS[1], SHUTDOWN, lambda trace: trace.dies(NODES[1], KILLED, by="host1", at=31)),
        (CONTROLLER, TRAINER, lambda trace: trace.add(MonitoringEnded(CONTROLLER, "trainer", "stop"), at=20)),
        (AGENTS[0], Stop(actor_name_of(CLIENT), "unknown"), lambda trace: trace),
    ],
    ids=["ends", "dies", "agent ends", "agent hangs", "exits", "by host", "shutdown", "unwatched", "unknown"],
)
def test_a_stop_that_happens_or_cannot(trace: TraceBuilder, dest: ActorId, message: Message, end: Alter) -> None:
    """In time, or nobody is there who could carry it out."""
    _tell(trace, dest, message)
    end(trace)
    assert found(trace.end(600), "stop-happens") == []


def test_a_host_that_starts_a_proc_and_a_controller_in_a_poll_have_more_time(trace: TraceBuilder) -> None:
    """R is 30 s; the longest poll of two ranks three minutes."""
    _tell(trace, HOST_AGENTS[1], CreateOrUpdate(Name("late_0-4ddddddddddd"), 0, ProcSpec()), at=19)
    trace.poll(1, at=19, end=None)
    _tell(trace, HOST_AGENTS[1], WORKERS)
    _tell(trace, CONTROLLER, TRAINER)
    bounds = [message.split(" after ")[0] for _, message, _ in found(trace.end(600), "stop-happens")]
    assert bounds == ["workers[1] had to end within 51s", "trainer.controller had to end within 3m 1s"]


def test_a_stall_of_the_agent_does_not_count(trace: TraceBuilder) -> None:
    """Stopped for 100 s, it has its eleven seconds all the same."""
    _tell(trace, AGENTS[1], TRAINER)
    trace.add(ProcessStopped(), node=NODES[1], at=21)
    trace.add(ProcessContinued(), node=NODES[1], at=121)
    trace.actor(TRAINERS[1], "stopped: enough", at=130)
    assert found(trace.end(200), "stop-happens") == []


def test_a_proc_that_never_was_ready_need_not_be_stopped(trace: TraceBuilder) -> None:
    """Its creation failed, and a host forgets whom it could not create."""
    _tell(trace, HOST_AGENTS[1], Stop(proc_name_of(PROCS[0]), "enough"))
    assert found(trace.end(600), "stop-happens") == []


def test_an_agent_stops_one_after_the_other() -> None:
    """Each stop waits for those before it; an orphan counts as one."""
    load = AgentLoad(Config.of({}))
    trace = TraceBuilder()
    first = trace.add(Envelope(CLIENT, AGENTS[1], TRAINER), at=20)
    orphan = trace.add(OrphanStopped(TRAINERS[1], 0), at=22)
    records = trace.records

    assert load.take(records[first], records[first].what) == 30 * S
    load.orphan(records[orphan], TRAINERS[1])
    assert load.free_at(AGENTS[1], 22 * S) == 40 * S
    assert load.take(records[first], records[first].what) == 50 * S
    assert load.free_at(AGENTS[0], 22 * S) == 22 * S
