"""The conductor: causes, timers, processes, and what happens when the machine does something else."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from small_worlds import (
    HOST0,
    INSTANT,
    at,
    bare,
    found,
    mesh,
    of_proc,
    run_on,
    run_script,
    run_sim,
    times,
    work,
)

from meshsim.drive.agenda import Entry
from meshsim.drive.backend import BackendError
from meshsim.drive.kernel import ProcessState
from meshsim.faults.kinds import Exit, Fault, HostCrash, Shout, Signal, Stall
from meshsim.model.actors.registry import default_program
from meshsim.model.commands import CancelTimer, ExitProcess, NodeCommand, SetTimer, SignalProcess, SpawnProcess
from meshsim.model.events import ChildExited, Event, TimerFired
from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import ActorId, Name, Node, PortRef
from meshsim.model.messages import Envelope
from meshsim.model.notes import Bounced, Heard, LocalDelivery
from meshsim.oracle.judge import judge
from meshsim.run import Limits, run_plan
from meshsim.run.execute import brief_of
from meshsim.scenario.plan import Plan
from meshsim.scenario.schema import Link, Network, SubscribeOp
from meshsim.sim import SimBackend
from meshsim.trace.records import (
    NO_CAUSE,
    FaultStruck,
    KernelDisagreed,
    MessageReturned,
    ProcessDied,
    ProcessReaped,
    ProcessSignalled,
    ProcessStarted,
    Record,
    RunEnded,
    RunStarted,
)

CLIENT = ActorId("unix:@client,local,client[0]")
P = Name("p-1aaaaaaaaaaa")
SPAWN = SpawnProcess(P, PortRef(HOST0, 1024), {}, pdeathsig=True)


class Newest:
    """Turns the order of equal times around."""

    def choose(self, at_ns: int, entries: Sequence[Entry]) -> int:
        return len(entries) - 1


def eventful() -> Plan:
    """Two hosts, a subscriber, a stall, a killed proc and a crashed host."""
    faults: list[Fault] = [
        Stall(target="workers[0]", at=at(9), for_=at(3)),
        Signal(target="workers[1]", signal="SIGSEGV", at=at(14)),
        HostCrash(target="host1", at=at(20)),
    ]
    subscribe = SubscribeOp(mesh="trainer", by="observer")
    config = {"message_delivery_timeout": "10s"}
    return mesh(hosts=2, horizon_s=60, clients=["observer"], operations=[subscribe], faults=faults, config=config)


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return run_sim(eventful()).records


# --- records and causes ------------------------------------------------------------------------------------------


def test_a_trace_begins_and_ends_with_the_run(records: list[Record]) -> None:
    """Numbered without a gap, never back in time, and the last record knows who lives."""
    assert isinstance(records[0].what, RunStarted)
    assert records[-1].what == RunEnded("horizon", ("host0", "client", "observer", "host0/workers_0"))
    assert [record.seq for record in records] == list(range(len(records)))
    assert all(before.at <= after.at for before, after in pairwise(records))


def test_every_cause_is_an_earlier_record(records: list[Record]) -> None:
    """A story is read backwards: it must not lead forward, nor in a circle."""
    assert [record.seq for record in records if not NO_CAUSE <= record.cause < record.seq] == []


def test_only_the_world_begins_something(records: list[Record]) -> None:
    """Without a cause: the run, its roots, faults by time, what the scenario says to actors, and the end."""
    without = {type(record.what) for record in records if record.cause == NO_CAUSE}

    assert without == {RunStarted, ProcessStarted, FaultStruck, Envelope, RunEnded}
    assert {
        record.what.sender for record in records if record.cause == NO_CAUSE and isinstance(record.what, Envelope)
    } == {"scenario"}


def test_what_is_heard_leads_back_to_the_scenario(records: list[Record]) -> None:
    """The chain of each `heard` ends at something the scenario said or did."""

    def origin(record: Record) -> Record:
        while record.cause != NO_CAUSE:
            record = records[record.cause]
        return record

    heard = [record for record in records if isinstance(record.what, Heard)]
    assert len(heard) > 3
    assert {type(origin(record).what) for record in heard} <= {Envelope, FaultStruck, ProcessStarted}


def test_every_message_ends_once() -> None:
    """Delivered, lost, given back or in flight at the end: by identity, nothing vanishes and nothing doubles."""
    sent: list[Envelope] = []

    class Noting(SimBackend):
        def step(self, node: Node, event: Event, now_ns: int) -> list[NodeCommand]:
            commands = super().step(node, event, now_ns)
            sent.extend(command for command in commands if isinstance(command, Envelope))
            return commands

    records = run_on(Noting(default_program()), eventful()).records

    ends: dict[int, list[type]] = {id(envelope): [] for envelope in sent}
    for record in records:
        envelope = getattr(record.what, "envelope", record.what)
        if isinstance(envelope, Envelope) and not isinstance(record.what, LocalDelivery | Bounced):
            ends.setdefault(id(envelope), []).append(type(record.what))
    assert {len(kinds) for kinds in (ends[id(envelope)] for envelope in sent)} == {1}
    assert {kinds[0] for kinds in ends.values()} >= {Envelope, MessageReturned}


# --- timers ------------------------------------------------------------------------------------------------------


def test_a_timer_fires_once_unless_it_was_cancelled_or_replaced() -> None:
    """A cancelled timer leaves nothing, and a replaced one fires at its new time alone."""
    script = {
        "host0": {
            1: [SetTimer(HOST0, "kept", at(2)), SetTimer(HOST0, "cancelled", at(2)), SetTimer(HOST0, "moved", at(2))],
            2: [CancelTimer(HOST0, "cancelled"), SetTimer(HOST0, "moved", at(5)), CancelTimer(HOST0, "never set")],
        }
    }

    backend, _ = run_script(bare(), script)

    assert backend.taken == [(3.0, "host0", TimerFired(HOST0, "kept")), (7.0, "host0", TimerFired(HOST0, "moved"))]


def test_a_timer_of_a_stalled_process_fires_when_it_goes_on_and_one_of_a_dead_one_never() -> None:
    """Its code does not run while it is stopped."""
    script = {"host0": {1: [SetTimer(HOST0, "late", at(1)), SetTimer(HOST0, "never", at(9))]}}
    faults = [Stall(target="host0", at=at(1.5), for_=at(4)), HostCrash(target="host0", at=at(9))]

    backend, _ = run_script(bare(faults=faults), script)

    assert backend.taken == [(5.5, "host0", TimerFired(HOST0, "late"))]


# --- processes ---------------------------------------------------------------------------------------------------


def test_a_proc_takes_its_first_step_after_the_networks_spawn_time() -> None:
    """The host goes on at once; what it says to its child before that waits for nobody."""
    _, records = run_script(bare(), {"host0": {1: [SPAWN]}, "host0/p": {0.5: [work("born", HOST0, of_proc(P))]}})

    started = next(record for record in records if record.node == "host0/p")
    assert (started.at, started.what) == (at(1), ProcessStarted("proc", "host0", P, pdeathsig=True))
    assert times(records, TimerFired, "host0/p") == [1.505]


def test_a_second_proc_of_the_same_base_name_gets_a_name_of_its_own() -> None:
    """Names of nodes are for people; full names differ by their suffix."""
    again = SpawnProcess(Name("p-1bbbbbbbbbbb"), PortRef(HOST0, 1024), {}, pdeathsig=True)

    _, records = run_script(bare(), {"host0": {1: [SPAWN, again]}})

    assert found(records, RunEnded)[0].alive == ("host0", "host1", "client", "host0/p", "host0/p~2")


def test_a_host_learns_how_its_child_ended_and_a_signal_to_it_is_on_record() -> None:
    """From the host's command to what waiting for the child returned: each step caused by the one before."""
    backend, records = run_script(bare(), {"host0": {1: [SPAWN], 2: [SignalProcess(P, signal.SIGTERM)]}})

    story = [record for record in records if record.node == "host0/p" and record.at >= at(2)]
    status = ExitStatus(signal=signal.SIGTERM)
    assert [record.what for record in story] == [
        ProcessSignalled(signal.SIGTERM, "host0"),
        ProcessDied("signal"),
        ProcessReaped("host0", status),
    ]
    assert [record.cause for record in story[1:]] == [record.seq for record in story[:-1]]
    assert backend.taken == [(2.0, "host0", ChildExited(P, status))]


def test_a_signal_to_a_child_that_is_gone_is_nothing() -> None:
    """Supervision.md 3.6: it already counts as success."""
    script = {"host0": {1: [SPAWN], 2: [SignalProcess(P, signal.SIGKILL)], 3: [SignalProcess(P, signal.SIGKILL)]}}

    _, records = run_script(bare(), script)

    assert times(records, ProcessSignalled) == [2.0]


def test_a_process_that_ends_itself_carries_out_nothing_more() -> None:
    """What it had asked for before is done; its timers are gone."""
    script = {"host0/p": {1: [work("last words", HOST0, of_proc(P)), ExitProcess(300)], 2: [work("ghost", HOST0)]}}

    backend, _ = run_script(bare(network=INSTANT), {"host0": {1: [SPAWN]}, **script})

    assert backend.texts("host0") == [(2.0, "last words")]
    assert [event for _, _, event in backend.taken if isinstance(event, ChildExited)] == [
        ChildExited(P, ExitStatus(code=44))
    ]


def test_a_child_that_dies_while_its_host_is_stalled_is_waited_for_afterwards() -> None:
    """A zombie until its parent goes on."""
    faults = [Stall(target="host0", at=at(2), for_=at(3)), Exit(target="host0/p", code=4, at=at(3))]

    backend, records = run_script(bare(faults=faults), {"host0": {1: [SPAWN]}})

    assert (times(records, ProcessDied), times(records, ProcessReaped)) == ([3.0], [5.0])
    assert backend.taken == [(5.0, "host0", ChildExited(P, ExitStatus(code=4)))]


def test_a_child_that_nobody_waited_for_goes_to_the_subreaper() -> None:
    """Its parent died while it was stopped."""
    faults = [
        Stall(target="host0", at=at(2)),
        Exit(target="host0/p", code=4, at=at(3)),
        HostCrash(target="host0", at=at(4)),
    ]

    backend, records = run_script(bare(faults=faults), {"host0": {1: [SPAWN]}})

    assert found(records, ProcessReaped, "host0/p") == [ProcessReaped("", ExitStatus(code=4))]
    assert backend.taken == []


# --- the order of equal times ------------------------------------------------------------------------------------


def test_the_order_of_equal_times_is_a_parameter() -> None:
    """Turned around it makes another trace; whether the mesh is supervised well does not depend on it."""
    plan = mesh(hosts=2, horizon_s=11, faults=[Signal(target="workers[1]", signal="SIGKILL", at=at(9))])

    fifo, again, turned = run_sim(plan), run_sim(plan), run_sim(plan, Newest())

    assert fifo.digest() == again.digest() != turned.digest()
    verdicts = [judge(brief_of(plan), conductor.records) for conductor in (fifo, turned)]
    assert [verdict.outcome for verdict in verdicts] == ["passed", "passed"]
    assert verdicts[0].known == verdicts[1].known


def test_no_order_of_equal_times_makes_messages_of_one_link_overtake() -> None:
    """Channels keep order: only messages of different links may change places."""
    script = {
        "host0": {1: [work("a", CLIENT), work("b", CLIENT)]},
        "host1": {0.5: [work("c", CLIENT), work("d", CLIENT)]},
    }
    links = [Link(src="host0", latency=at(1)), Link(src="host1", latency=at(1.5))]
    plan = bare(network=Network(links=links))

    in_turn, _ = run_script(plan, script)
    turned, _ = run_script(plan, script, Newest())

    assert in_turn.texts("client") == [(2.0, text) for text in "cdab"]
    assert turned.texts("client") == [(2.0, text) for text in "abcd"]


# --- a machine that does something else --------------------------------------------------------------------------


class OtherStatus(SimBackend):
    def reap(self, node: Node, *, by: Node | None, expected: ExitStatus) -> ExitStatus:
        return ExitStatus(signal=9)


class OtherWords(SimBackend):
    def written(self, node: Node, expected: tuple[str, ...]) -> tuple[str, ...]:
        return ("well", "well")


class OtherState(SimBackend):
    def observe(self, node: Node, expected: ProcessState) -> ProcessState:
        return ProcessState.RUNNING


@pytest.mark.parametrize(
    ("backend", "finding"),
    [
        (OtherStatus, KernelDisagreed("exited with code 3", "killed by signal 9")),
        (OtherState, KernelDisagreed("dead", "running")),
        (OtherWords, KernelDisagreed("oh\nno", "well\nwell")),
    ],
)
def test_a_kernel_that_disagrees_ends_the_run_and_is_a_violation(
    backend: Callable[..., SimBackend], finding: KernelDisagreed
) -> None:
    """It is a finding about the model and no retry: what came after would mean nothing."""
    plan = mesh(horizon_s=60, faults=[Shout(target="workers[1]", lines=["oh", "no"], exit=3, at=at(9))])

    records = run_on(backend(default_program()), plan).records

    end = records[-1]
    assert isinstance(end.what, RunEnded)
    assert (end.at, end.what.why) == (at(9), "kernel_disagreed")
    assert [(record.node, record.what) for record in records if isinstance(record.what, KernelDisagreed)] == [
        ("host0/workers_1", finding)
    ]
    verdict = judge(brief_of(plan), records)
    assert verdict.outcome == "violated"
    assert "kernel" in verdict.violations[0].invariant


@pytest.mark.parametrize("method", ["start", "spawn", "step", "exit", "signal", "observe", "reap"])
def test_a_backend_that_cannot_go_on_makes_the_run_inconclusive(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    """Whatever the machine could not do: no verdict about the model, the reason, and the trace so far."""

    def failing(*arguments: object, **keys: object) -> None:
        raise BackendError(f"no {method} today")

    monkeypatch.setattr(SimBackend, method, failing)
    faults = [
        Exit(target="workers[0]", code=3, at=at(9)),
        Signal(target="workers[1]", signal="SIGKILL", at=at(10)),
    ]

    result = run_plan(mesh(horizon_s=20, faults=faults), "sim")

    assert (result.verdict.outcome, result.verdict.reason) == ("inconclusive", f"no {method} today")
    assert isinstance(result.records[0].what, RunStarted)
    assert found(result.records, RunEnded) == []


def test_a_run_over_its_wall_limit_is_inconclusive() -> None:
    """A limit of the machine's time; virtual time goes on for as long as the horizon says."""
    result = run_plan(mesh(horizon_s=20), "sim", limits=Limits(wall_s=-1))

    assert result.verdict.outcome == "inconclusive"
    assert result.verdict.reason == "limit reached: -1 s of wall time, at 0.000s of virtual time"
