"""`failed-spawn-leaves-nothing`: what belongs to a spawn that failed, how long it may be there, and what excuses it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from trace_builder import AGENTS, CLIENT, HOST_AGENTS, HOSTS, NODES, TraceBuilder, found

from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import Name, PortRef, actor_id, proc_of
from meshsim.model.messages import ActorSpec, CreateOrUpdate, Envelope, ProcSpec, SeqInfo, ShutdownHost, Stop, Work
from meshsim.model.notes import LocalDelivery, OperationEnded, OperationStarted, OrphanStopped
from meshsim.trace.records import FaultStruck, MessageLost, ProcessContinued, ProcessStarted, ProcessStopped
from meshsim.units import S

PROC = Name("extra_0-1eeeeeeeeeee")
HELPER = Name("helper-1ddddddddddd")
SPARE = actor_id(proc_of(AGENTS[0]), "spare-1ddddddddddd")
LATE_ACTOR = [("workers[0].helper", "workers[0].helper was still there 11s after the spawn_actors of more had failed")]
KILLED = ExitStatus(signal=9)

Alter = Callable[[TraceBuilder], object]


@pytest.fixture
def trace() -> TraceBuilder:
    return TraceBuilder().bring_up()


def _begins(trace: TraceBuilder, operation: str) -> int:
    """The client begins an operation at 20 s; the number of the step that causes all of it."""
    step = trace.add(LocalDelivery(Envelope(CLIENT, CLIENT, Work("spawn"))), node="client", at=20)
    trace.add(OperationStarted(7, CLIENT, operation, "more"), node="client", cause=step)
    return step


def _ends(trace: TraceBuilder, operation: str, error: str | None = "no answer") -> None:
    trace.add(OperationEnded(7, CLIENT, operation, "more", error, ""), node="client", at=25)


def _makes_proc(trace: TraceBuilder, cause: int) -> None:
    told = Envelope(CLIENT, HOST_AGENTS[1], CreateOrUpdate(PROC, 0, ProcSpec()))
    trace.add(told, node=HOSTS[1], cause=cause)
    trace.add(ProcessStarted("proc", HOSTS[1], PROC, True), node="host1/extra_0")


def _makes_actor(trace: TraceBuilder, cause: int, name: str = HELPER, seq: SeqInfo | None = None) -> None:
    told = Envelope(CLIENT, AGENTS[0], CreateOrUpdate(Name(name), 0, ActorSpec("TestActor")), seq=seq)
    trace.add(told, node=NODES[0], cause=cause)
    trace.actor(actor_id(proc_of(AGENTS[0]), name), "idle", node=NODES[0])


def _left(trace: TraceBuilder, until: float = 200) -> list[tuple[str, str]]:
    findings = found(trace.end(until), "failed-spawn-leaves-nothing")
    return [(subject, message) for subject, message, _ in findings]


def _spawns_procs(trace: TraceBuilder, error: str | None = "no answer") -> None:
    _makes_proc(trace, _begins(trace, "spawn_procs"))
    _ends(trace, "spawn_procs", error)


def _spawns_actors(trace: TraceBuilder, error: str | None = "no answer") -> None:
    _makes_actor(trace, _begins(trace, "spawn_actors"))
    _ends(trace, "spawn_actors", error)


# --- what belongs to it ---------------------------------------------------------------------------------------


def test_a_proc_has_the_time_of_its_start_and_of_its_stop(trace: TraceBuilder) -> None:
    """R is 30 s while its host starts it; 2 X and a second from the end of the operation."""
    _spawns_procs(trace)
    assert _left(trace, 75.9) == []
    assert [message for _, message in _left(trace, 76.1)] == [
        "host1/extra_0 was still there 51s after the spawn_procs of more had failed"
    ]


@pytest.mark.parametrize(("error", "expected"), [("no answer", LATE_ACTOR), (None, [])])
def test_only_a_spawn_that_failed_promises(
    trace: TraceBuilder, error: str | None, expected: list[tuple[str, str]]
) -> None:
    _spawns_actors(trace, error)
    assert _left(trace) == expected


def test_what_is_told_behind_others_is_its_creation_as_well(trace: TraceBuilder) -> None:
    """A cast goes from comm actor to comm actor: the causes lead back."""
    step = _begins(trace, "spawn_actors")
    forwarded = trace.add(Envelope(CLIENT, AGENTS[1], Work("forward")), node=NODES[1], cause=step)
    _makes_actor(trace, forwarded)
    _ends(trace, "spawn_actors")
    assert _left(trace) == LATE_ACTOR


def test_what_another_operation_made_stays(trace: TraceBuilder) -> None:
    """The comm actors of procs are not those of a spawn of actors, and what nobody asked for is nobody's."""
    step = _begins(trace, "spawn_procs")
    _makes_actor(trace, step)
    _makes_actor(trace, -1, "alone-1ddddddddddd")
    _ends(trace, "spawn_procs")
    assert _left(trace) == []


def test_actors_of_a_service_may_be_somebody_elses(trace: TraceBuilder) -> None:
    _makes_actor(trace, _begins(trace, "spawn_actors"), "logger")
    _ends(trace, "spawn_actors")
    assert _left(trace) == []


# --- how long ---------------------------------------------------------------------------------------------------


def test_a_creation_that_comes_late_counts_from_then_on(trace: TraceBuilder) -> None:
    """It was on its way when the operation ended."""
    step = _begins(trace, "spawn_actors")
    _ends(trace, "spawn_actors")
    trace.now_ns = 40 * S
    _makes_actor(trace, step)
    assert _left(trace, 50.9) == []
    assert _left(trace, 51.1) == LATE_ACTOR


@pytest.mark.parametrize(
    "stops",
    [
        lambda trace: trace.add(Envelope(CLIENT, AGENTS[0], Stop(Name("spare-1ddddddddddd"), "-")), node=NODES[0]),
        lambda trace: trace.add(OrphanStopped(SPARE, 0), node=NODES[0]),
    ],
    ids=["told", "orphan"],
)
def test_an_agent_stops_one_after_the_other(trace: TraceBuilder, stops: Alter) -> None:
    """S more for the one that comes before."""
    trace.actor(SPARE, "idle", at=10)
    stops(trace)
    _spawns_actors(trace)
    assert _left(trace, 45.9) == []
    assert [message for _, message in _left(trace, 46.1)] == [
        "workers[0].helper was still there 21s after the spawn_actors of more had failed"
    ]


def test_a_stall_does_not_count(trace: TraceBuilder) -> None:
    _spawns_actors(trace)
    trace.add(ProcessStopped(), node=NODES[0], at=30)
    trace.add(ProcessContinued(), node=NODES[0], at=50)
    assert _left(trace, 55.9) == []
    assert _left(trace, 56.1) == LATE_ACTOR


# --- who could not ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "excuse",
    [
        lambda trace: trace.add(FaultStruck(0, "hang", AGENTS[0]), at=30),
        lambda trace: trace.actor(AGENTS[0], "failed: boom", at=30),
        lambda trace: trace.dies(NODES[0], KILLED, by="host0", at=30),
        lambda trace: trace.add(MessageLost(Envelope(CLIENT, AGENTS[0], Stop(HELPER, "-")), "loss"), at=26),
        lambda trace: trace.add(FaultStruck(0, "partition", "client <-> host0"), at=24),
    ],
    ids=["hangs", "ended", "died", "lost", "cut off"],
)
def test_an_agent_that_cannot_is_not_blamed_for_its_actors(trace: TraceBuilder, excuse: Alter) -> None:
    _makes_actor(trace, _begins(trace, "spawn_actors"))
    _ends(trace, "spawn_actors")
    trace.now_ns = 24 * S
    excuse(trace)
    assert _left(trace) == []


def test_an_agent_that_fails_behind_the_bound_is_late_all_the_same(trace: TraceBuilder) -> None:
    _spawns_actors(trace)
    trace.actor(AGENTS[0], "failed: boom", at=37)
    assert _left(trace) == LATE_ACTOR


@pytest.mark.parametrize(("seq", "expected"), [(None, LATE_ACTOR), (SeqInfo("s", 2), [])])
def test_what_was_lost_before_holds_up_a_stream_and_nothing_else(
    trace: TraceBuilder, seq: SeqInfo | None, expected: list[tuple[str, str]]
) -> None:
    trace.add(MessageLost(Envelope(CLIENT, AGENTS[0], Work("first")), "loss"), at=5)
    _makes_actor(trace, _begins(trace, "spawn_actors"), seq=seq)
    _ends(trace, "spawn_actors")
    assert _left(trace) == expected


def test_a_host_that_comes_back_was_not_told(trace: TraceBuilder) -> None:
    """It takes the creation that the one before had not acknowledged; the stop was for that one. Drawn."""
    step = _begins(trace, "spawn_procs")
    _ends(trace, "spawn_procs")
    trace.dies("host1", KILLED, at=25)
    trace.add(ProcessStarted("host", "", "", False), node="host1~2", at=26)
    stop = Envelope(CLIENT, HOST_AGENTS[1], Stop(PROC, "-"))
    trace.add(MessageLost(stop, "the receiver is gone"), node="client", at=26)
    told = Envelope(CLIENT, HOST_AGENTS[1], CreateOrUpdate(PROC, 0, ProcSpec()))
    trace.add(told, node="host1~2", cause=step, at=27)
    trace.add(ProcessStarted("proc", "host1~2", PROC, True), node="host1~2/extra_0")
    trace.dies("host1~2", KILLED, at=150)
    trace.add(ProcessStarted("host", "", "", False), node="host1~3", at=151)
    assert _left(trace) == []


def test_a_host_that_shuts_down_has_its_own_time(trace: TraceBuilder) -> None:
    """How long that may take is `stop-happens` to say."""
    _spawns_procs(trace)
    trace.add(Envelope(CLIENT, HOST_AGENTS[1], ShutdownHost(5 * S, 16, PortRef(CLIENT, 1024))), node="host1", at=30)
    assert _left(trace) == []


def test_a_proc_in_a_process_of_others_ends_with_its_actors(trace: TraceBuilder) -> None:
    """An in-process host makes no process: its agent ends the last actor of the proc."""
    step = _begins(trace, "spawn_procs")
    told = Envelope(CLIENT, HOST_AGENTS[1], CreateOrUpdate(PROC, 0, ProcSpec()))
    trace.add(LocalDelivery(told), node=HOSTS[1], cause=step)
    agent = actor_id(proc_of(HOST_AGENTS[1]).rsplit(",", 1)[0] + f",{PROC}", "proc_agent")
    trace.actor(agent, "idle", node=HOSTS[1])
    _ends(trace, "spawn_procs")
    assert [message for _, message in _left(trace)] == [
        "extra_0 was still there 51s after the spawn_procs of more had failed"
    ]
    trace.records.pop()
    trace.actor(agent, "stopped: spawn failed", node=HOSTS[1], at=30)
    assert _left(trace) == []
