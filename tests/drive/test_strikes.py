"""Faults that limit, hold, delay or refuse: what strikes, what ends it, and what the trace says of both."""

from __future__ import annotations

import signal
from collections.abc import Sequence

import pytest
from small_worlds import at, found, mesh, run_on, run_sim, times

from meshsim.drive.output import flood
from meshsim.faults.kinds import (
    AgentCrash,
    CleanupFails,
    ControllerRaises,
    ControllerStall,
    CoreDump,
    DescriptorsExhausted,
    Exit,
    Fault,
    HostCrash,
    IgnoresStop,
    LatePolls,
    NeverReady,
    OutOfMemory,
    ProcessesExhausted,
    Resume,
    Shout,
    Signal,
    SlowStart,
    SpawnRefused,
    Stall,
    StartFails,
    When,
)
from meshsim.model.actors.registry import default_program
from meshsim.model.boot import NodeBoot
from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import Node
from meshsim.model.notes import ControllerStalled, OperationEnded, PollStarted, ProcStatusChanged
from meshsim.scenario.schema import SpawnProcsOp, StopActorsOp
from meshsim.sim import SimBackend
from meshsim.trace.records import (
    FaultMissed,
    FaultStruck,
    KernelDisagreed,
    ProcessContinued,
    ProcessDied,
    ProcessLeftParent,
    ProcessNotStarted,
    ProcessReaped,
    ProcessStarted,
    ProcessStopped,
    Record,
    RunEnded,
)

WORKER = "host0/workers_1"
OTHERS = [SpawnProcsOp(name="others", at=at(6)), SpawnProcsOp(name="third", at=at(12))]


def run(*faults: Fault, horizon_s: float = 20, **keys: object) -> list[Record]:
    return run_sim(mesh(faults=list(faults), horizon_s=horizon_s, **keys)).records


def struck(records: Sequence[Record]) -> list[tuple[float, str, str, str]]:
    """When, kind, target and detail of all that struck."""
    whens = times(records, FaultStruck)
    return [(when, s.kind, s.target, s.detail) for when, s in zip(whens, found(records, FaultStruck), strict=True)]


def ends(records: Sequence[Record], node: str) -> list[ExitStatus]:
    return [reaped.status for reaped in found(records, ProcessReaped, node)]


# --- stalls that overlap -----------------------------------------------------------------------------------------


def test_a_process_goes_on_when_the_last_of_its_stalls_ends() -> None:
    """Each stall ends its own; what the first one ends, the second one still holds."""
    records = run(Stall(target="workers[1]", at=at(5), for_=at(4)), Stall(target="trainer[1]", at=at(7), for_=at(6)))

    assert struck(records) == [
        (5.0, "stall", WORKER, "SIGSTOP"),
        (7.0, "stall", WORKER, "SIGSTOP"),
        (9.0, "resume", WORKER, "still stopped by another stall"),
        (13.0, "resume", WORKER, "SIGCONT"),
    ]
    assert (times(records, ProcessStopped), times(records, ProcessContinued)) == ([5.0], [13.0])


def test_a_stall_inside_another_changes_nothing() -> None:
    """The inner one is over long before the outer one."""
    records = run(Stall(target="workers[1]", at=at(5), for_=at(8)), Stall(target="workers[1]", at=at(7), for_=at(1)))

    assert (times(records, ProcessStopped), times(records, ProcessContinued)) == ([5.0], [13.0])


@pytest.mark.parametrize(
    "end", [Resume(target="workers[1]", at=at(8)), Signal(target="workers[1]", signal="SIGCONT", at=at(8))]
)
def test_sigcont_ends_all_stalls_at_once(end: Fault) -> None:
    """As the kernel has it; their own ends find a process that runs."""
    stalls = [Stall(target="workers[1]", at=at(5), for_=at(5)), Stall(target="workers[1]", at=at(6), for_=at(5))]

    records = run(*stalls, end)

    assert times(records, ProcessContinued) == [8.0]


def test_a_stall_of_a_controller_is_one_of_its_process() -> None:
    records = run(ControllerStall(target="trainer", at=at(5), for_=at(3)), Stall(target="client", at=at(6), for_=at(6)))

    assert (times(records, ProcessStopped, "client"), times(records, ProcessContinued, "client")) == ([5.0], [12.0])


# --- ends of processes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "detail", "status"),
    [
        (CoreDump(target="workers[1]", at=at(5)), "SIGABRT with a core", ExitStatus(signal=6, core_dumped=True)),
        (
            CoreDump(target="workers[1]", signal="SIGSEGV", at=at(5)),
            "SIGSEGV with a core",
            ExitStatus(signal=11, core_dumped=True),
        ),
        (OutOfMemory(target="workers[1]", at=at(5)), "ENOMEM, SIGABRT", ExitStatus(signal=signal.SIGABRT)),
        (
            Signal(target="workers[1]", signal="SIGTERM", group=True, at=at(5)),
            "SIGTERM to its group",
            ExitStatus(signal=15),
        ),
    ],
)
def test_a_process_ends_as_it_is_said(fault: Fault, detail: str, status: ExitStatus) -> None:
    records = run(fault)

    assert [(when, target, what) for when, _, target, what in struck(records)] == [(5.0, WORKER, detail)]
    assert ends(records, WORKER) == [status]


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (CoreDump(target="workers[1]", at=at(6)), "dump its core"),
        (OutOfMemory(target="workers[1]", at=at(6)), "take memory"),
    ],
)
def test_a_stopped_process_does_nothing_to_itself(fault: Fault, why: str) -> None:
    records = run(Stall(target="workers[1]", at=at(5)), fault)

    assert [missed.why for missed in found(records, FaultMissed)] == [f"{WORKER} is stopped: it cannot {why}"]


def test_a_signal_to_the_group_of_a_host_leaves_its_procs_alone() -> None:
    """They lead groups of their own; what takes them along is the death of their parent."""
    records = run(Signal(target="host0", signal="SIGSTOP", group=True, at=at(5)))

    assert [record.node for record in records if isinstance(record.what, ProcessStopped)] == ["host0"]


def test_what_the_kernel_does_not_refuse_is_a_finding() -> None:
    """A limit that limits nothing would make every scenario about it green."""

    class Generous(SimBackend):
        def exhaust_memory(self, node: Node) -> str:
            return ""

        def spawn_in_vain(self, parent: Node, boot: NodeBoot, *, expected: str) -> str:
            return "EPERM"

    for fault, node, disagreed in (
        (OutOfMemory(target="workers[1]", at=at(5)), WORKER, KernelDisagreed("ENOMEM", "no error")),
        (SpawnRefused(target="workers[1]"), "host0", KernelDisagreed("EAGAIN", "EPERM")),
    ):
        records = run_on(Generous(default_program()), mesh(faults=[fault], horizon_s=20)).records

        assert found(records, KernelDisagreed, node) == [disagreed]
        assert found(records, RunEnded)[0].why == "kernel_disagreed"


# --- starts ------------------------------------------------------------------------------------------------------


def test_a_slow_start_is_late_by_its_time() -> None:
    records = run(SlowStart(target="workers[1]", after=at(3)))

    ready = [what for what in found(records, ProcStatusChanged) if what.phase == "Ready"]
    assert [when for when, *_ in struck(records)] == [0.012]
    assert len(ready) == 2
    assert times(records, ProcStatusChanged)[-1] == pytest.approx(3.013)


def test_a_slow_start_that_is_stopped_meanwhile_takes_its_step_when_it_goes_on() -> None:
    """Once: it is not slow again."""
    records = run(SlowStart(target="workers[1]", after=at(3)), Stall(target="workers[1]", at=at(1), for_=at(6)))

    assert [kind for _, kind, _, _ in struck(records)] == ["slow_start", "stall", "resume"]
    assert times(records, ProcStatusChanged)[-1] == pytest.approx(7.001)


def test_a_proc_that_is_never_ready_is_there_and_silent() -> None:
    records = run(NeverReady(target="workers[1]"), config={"host_spawn_ready_timeout": "5s"})

    assert "failed to configure process: Timeout" in str(found(records, OperationEnded)[0].error)
    assert WORKER in found(records, RunEnded)[0].alive


@pytest.mark.parametrize(
    ("errno", "text"),
    [("EAGAIN", "Resource temporarily unavailable (os error 11)"), ("EMFILE", "Too many open files (os error 24)")],
)
def test_a_refused_spawn_leaves_no_process(errno: str, text: str) -> None:
    """Nor the status of one: a process that never was is not Running."""
    records = run(SpawnRefused(target="workers[1]", errno=errno))  # type: ignore[arg-type]

    (refused,) = found(records, ProcessNotStarted, "host0")
    assert (refused.error, refused.name.rpartition("-")[0]) == (errno, "workers_1")
    assert struck(records) == [(pytest.approx(0.007), "spawn_refused", WORKER, errno)]
    assert WORKER not in [record.node for record in records if isinstance(record.what, ProcessStarted)]
    assert refused.name not in [changed.name for changed in found(records, ProcStatusChanged)]
    assert f"failed to spawn process: {text}" in str(found(records, OperationEnded)[0].error)


@pytest.mark.parametrize(
    ("fault", "errno"),
    [
        (DescriptorsExhausted(target="host0", at=at(5), for_=at(5)), "EMFILE"),
        (ProcessesExhausted(target="host0", at=at(5), for_=at(5)), "EAGAIN"),
    ],
)
def test_a_host_without_resources_starts_nothing_until_it_has_them_back(fault: Fault, errno: str) -> None:
    records = run(fault, operations=OTHERS)

    others, third = found(records, OperationEnded)[-2:]
    assert "failed to spawn process" in str(others.error)
    assert third.error is None
    assert [refused.error for refused in found(records, ProcessNotStarted)] == [errno]
    assert [when for when, *_ in struck(records)] == [5.0, 10.0]


def test_descriptors_are_missed_before_processes() -> None:
    """A child needs a socket before it needs a process."""
    faults = [ProcessesExhausted(target="host0", at=at(4)), DescriptorsExhausted(target="host0", at=at(5))]

    records = run(*faults, operations=OTHERS[:1])

    assert [refused.error for refused in found(records, ProcessNotStarted)] == ["EMFILE"]


def test_what_two_faults_took_is_back_when_both_have_ended() -> None:
    """And a refusal in between gives nothing back that it did not take."""
    faults = [
        DescriptorsExhausted(target="host0", at=at(3), for_=at(4)),
        DescriptorsExhausted(target="host0", at=at(5), for_=at(6)),
        SpawnRefused(target="others[0]", errno="EMFILE"),
    ]
    between = SpawnProcsOp(name="between", at=at(8))

    records = run(*faults, operations=[OTHERS[0], between, OTHERS[1]])

    assert [refused.name.rpartition("_")[0] for refused in found(records, ProcessNotStarted)] == ["others", "between"]
    assert [ended.error is None for ended in found(records, OperationEnded)[-3:]] == [False, False, True]


def test_a_host_that_is_stopped_hears_of_the_refusal_when_it_goes_on() -> None:
    """Asked for and refused in one instant; who is stopped in that instant is told later."""
    stall = Stall(target="host0", when=When(record="process_not_started"), for_=at(4))

    records = run(SpawnRefused(target="others[0]"), stall, operations=OTHERS[:1])

    assert "failed to spawn process" in str(found(records, OperationEnded)[-1].error)
    assert times(records, OperationEnded)[-1] > 10


def test_a_start_may_fail_by_a_signal() -> None:
    records = run(StartFails(target="workers[1]", signal="SIGILL", lines=["bad binary"]))

    assert [detail for *_, detail in struck(records)] == ["1 line to stderr, SIGILL"]
    assert ends(records, WORKER) == [ExitStatus(signal=signal.SIGILL)]
    assert "Killed { signal: 4, core_dumped: false }" in str(found(records, OperationEnded)[0].error)


# --- output ------------------------------------------------------------------------------------------------------


def test_a_flood_is_as_long_as_it_says() -> None:
    """Numbered lines of one length: who has the last ones can tell how many came before."""
    lines = flood("64KiB")

    assert sum(len(line) + 1 for line in lines) == 64 << 10
    assert (lines[0].rstrip("."), lines[-1].rstrip(".")) == ("line 0 ", "line 1023 ")


def test_the_parent_keeps_the_tail_of_a_flood() -> None:
    """The last lines that were configured, without the one that was still on its way (Q3)."""
    fault = Shout(target="workers[1]", flood="1MiB", lines=["the end"], exit=3, at=at(5))

    records = run(fault, config={"tail_log_lines": 3}, operations=[])

    assert [detail for *_, detail in struck(records)] == ["16385 lines to stderr, _exit(3)"]
    assert ends(records, WORKER) == [ExitStatus(code=3)]


# --- hosts, agents, controllers, actors ----------------------------------------------------------------------------


def test_a_host_that_crashes_without_a_parent_death_signal_leaves_its_procs() -> None:
    records = run(HostCrash(target="host0", pdeathsig=False, at=at(5)))

    assert [record.node for record in records if isinstance(record.what, ProcessDied)] == ["host0"]
    assert len(found(records, ProcessLeftParent)) == 2
    assert found(records, RunEnded)[0].alive == ("client", "host0/workers_0", WORKER)


def test_a_proc_that_is_stopped_cannot_give_up_its_parent_death_signal() -> None:
    """Then nobody does, and the host lives."""
    records = run(Stall(target="workers[1]", at=at(4)), HostCrash(target="host0", pdeathsig=False, at=at(5)))

    assert [missed.why for missed in found(records, FaultMissed)] == [
        f"{WORKER} is stopped: it cannot give up its parent-death signal"
    ]
    assert found(records, ProcessDied) == []


def test_a_proc_that_is_gone_has_nothing_to_give_up() -> None:
    records = run(Exit(target="workers[1]", at=at(4)), HostCrash(target="host0", pdeathsig=False, at=at(5)))

    assert found(records, RunEnded)[0].alive == ("client", "host0/workers_0")


@pytest.mark.parametrize(("target", "node"), [("host0", "host0"), ("workers[1]", WORKER)])
def test_a_process_does_not_outlive_its_agent(target: str, node: str) -> None:
    """Nobody is above it: the runtime ends the process with 1."""
    records = run(AgentCrash(target=target, at=at(5)))

    assert ends(records, node) == [ExitStatus(code=1)]


def test_a_controller_that_raises_stops_its_mesh() -> None:
    records = run(ControllerRaises(target="trainer", at=at(5)))

    assert times(records, PollStarted)[-1] < 5
    assert ends(records, "client") == []


@pytest.mark.parametrize(("often", "late"), [(None, [4, 10, 16]), (1, [4, 10, 12, 14, 16, 18])])
def test_polls_begin_late(often: int | None, late: list[int]) -> None:
    """The one that is due next is late first; the following ones count from there."""
    records = run(LatePolls(target="trainer", by=at(4), times=often, at=at(5)))

    polls = [round(when) for when in times(records, PollStarted)]
    assert [when for when in polls if when > 3] == late
    assert len(found(records, ControllerStalled)) == (2 if often is None else 1)


def test_an_actor_that_ignores_stops_for_a_time_stops_then() -> None:
    fault = IgnoresStop(target="trainer[1]", at=at(5), for_=at(4))

    records = run(fault, operations=[StopActorsOp(mesh="trainer", at=at(6))])

    assert round(times(records, OperationEnded)[-1], 1) == 9.0


def test_a_cleanup_that_works_too_long_is_cut() -> None:
    """After `CLEANUP_TIMEOUT`, with other words."""
    fault = CleanupFails(target="trainer[1]", at=at(5), after=at(30))

    records = run(fault, operations=[StopActorsOp(mesh="trainer", at=at(6))])

    texts = [str(getattr(record.what, "text", "")) for record in records]
    assert "failed: cleanup error: deadline has elapsed" in texts
