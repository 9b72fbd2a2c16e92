"""The injector: each kind of fault strikes what it says, when it says, or says why it missed."""

from __future__ import annotations

import signal
from collections.abc import Sequence

import msgspec
import pytest
from small_worlds import at, found, mesh, run_sim, times

from meshsim.drive.strikes import STRIKES
from meshsim.faults.kinds import (
    Abort,
    ControllerExit,
    ControllerKill,
    Exit,
    ExitProcess,
    Fault,
    Hang,
    HostCrash,
    InitFails,
    KillPid,
    Misreport,
    Panic,
    ProcessExit,
    Raise,
    Resume,
    SelfFail,
    SelfUngracefulFail,
    Shout,
    Signal,
    SigSegv,
    Stall,
    StartFails,
    StopItself,
    SubscriberGone,
    When,
)
from meshsim.model import messages
from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import ActorId
from meshsim.model.messages import CauseFault, Envelope, Operate
from meshsim.model.notes import ActorStatusChanged, LocalDelivery, OperationEnded, PollStarted
from meshsim.model.operations import DropRef
from meshsim.model.status import failed, timeout
from meshsim.scenario.plan import Plan
from meshsim.scenario.schema import SubscribeOp
from meshsim.trace.directory import Directory
from meshsim.trace.records import (
    FaultMissed,
    FaultStruck,
    ProcessContinued,
    ProcessReaped,
    ProcessSignalled,
    ProcessStopped,
    Record,
)

KILLED = ExitStatus(signal=signal.SIGKILL)
Struck = list[tuple[float, FaultStruck]]


def with_faults(*faults: Fault, horizon_s: float = 20) -> Plan:
    """Two workers, a trainer on each, and an observer who has subscribed to them."""
    operations = [SubscribeOp(mesh="trainer", by="observer")]
    return mesh(clients=["observer"], operations=operations, faults=list(faults), horizon_s=horizon_s)


def struck(records: Sequence[Record]) -> Struck:
    return list(zip(times(records, FaultStruck), found(records, FaultStruck), strict=True))


def test_every_kind_of_fault_has_a_strike() -> None:
    """All but the failing init and the failing start, which strike with the spawn."""
    kinds = set(Fault.__args__)  # type: ignore[attr-defined] # a Union

    assert set(STRIKES) == kinds - {InitFails, StartFails}


@pytest.mark.parametrize(
    ("fault", "node", "detail", "status"),
    [
        (Exit(target="workers[1]", code=7, at=at(5)), "host0/workers_1", "_exit(7)", ExitStatus(code=7)),
        (Exit(target="trainer[0]", code=0, at=at(5)), "host0/workers_0", "_exit(0)", ExitStatus(code=0)),
        (Signal(target="workers[1]", signal="SIGABRT", at=at(5)), "host0/workers_1", "SIGABRT", ExitStatus(signal=6)),
        (Signal(target="observer", signal="9", at=at(5)), "observer", "SIGKILL", KILLED),
        (Signal(target="workers[0]", signal="40", at=at(5)), "host0/workers_0", "40", ExitStatus(signal=40)),
        (HostCrash(target="host0", at=at(5)), "host0", "SIGKILL", KILLED),
        (ControllerExit(target="trainer", code=3, at=at(5)), "client", "_exit(3)", ExitStatus(code=3)),
        (ControllerKill(target="trainer", signal="SIGTERM", at=at(5)), "client", "SIGTERM", ExitStatus(signal=15)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, msgspec.Struct) else "",
)
def test_a_fault_of_a_process_ends_it(fault: Fault, node: str, detail: str, status: ExitStatus) -> None:
    """At its time, in the process that the target is, lives in, or is controlled from."""
    records = run_sim(with_faults(fault)).records

    tag = str(type(fault).__struct_config__.tag)
    assert struck(records) == [(5.0, FaultStruck(0, tag, node, detail))]
    assert [(record.at, record.what.status) for record in records if reaped_of(record, node)] == [(at(5), status)]


def reaped_of(record: Record, node: str) -> bool:
    return record.node == node and isinstance(record.what, ProcessReaped)


@pytest.mark.parametrize(
    ("fault", "message", "text"),
    [
        (Raise(target="trainer[1]", text="oh no", at=at(5)), CauseFault("raise", "oh no"), "failed: oh no"),
        (
            Panic(target="trainer[1]", text="oh no", at=at(5)),
            CauseFault("panic", "oh no"),
            "panic at TestActor: oh no",
        ),
        (StopItself(target="trainer[1]", at=at(5)), CauseFault("stop", "stopped by itself"), "stopped: "),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Fault) else "",
)
def test_a_fault_of_an_actor_is_done_by_its_own_handler(fault: Fault, message: CauseFault, text: str) -> None:
    """The scenario sends it a message; the status it ends in is its runtime's doing."""
    records = run_sim(with_faults(fault)).records

    ((when, what),) = struck(records)
    actor = Directory.of(records).actor("trainer[1]")
    assert (when, what.target) == (5.0, actor)
    told = [record.what.message for record in records if is_told(record)]
    assert told == [message]
    status = [s.text for s in found(records, ActorStatusChanged) if s.actor == actor][-1]
    assert text in status


@pytest.mark.parametrize(
    ("fault", "message", "detail"),
    [
        (
            Misreport(
                target="workers[1]", mesh="trainer", status="Failed", text="oh no", state=False, times=3, at=at(5)
            ),
            messages.Misreport("trainer", failed("oh no"), state=False, times=3),
            "trainer: Failed(oh no)",
        ),
        (
            Misreport(target="workers[1]", mesh="trainer", status="Timeout", ranks=(0, 2), at=at(5)),
            messages.Misreport("trainer", timeout(1_000_000_000), ranks=(0, 2)),
            "trainer: Timeout(1s)",
        ),
    ],
)
def test_an_agent_is_told_what_to_say(fault: Fault, message: messages.Misreport, detail: str) -> None:
    """A text is a failure's, a time is a time-out's."""
    records = run_sim(with_faults(fault)).records

    ((when, what),) = struck(records)
    assert (when, what.target, what.detail) == (5.0, Directory.of(records).actor("workers[1]"), detail)
    assert [record.what.message for record in records if is_told(record)] == [message]


def is_told(record: Record) -> bool:
    """A message of the scenario itself that is no operation of the plan."""
    what = record.what
    return (
        isinstance(what, Envelope)
        and what.sender == ActorId("scenario")
        and not (isinstance(what.message, Operate) and what.message.index >= 0)
    )


def test_a_hang_keeps_the_actor_busy_for_its_time() -> None:
    """Zero is for ever."""
    records = run_sim(with_faults(Hang(target="trainer[0]", at=at(5), for_=at(3)), Hang(target="trainer[1]", at=at(6))))

    told = [record.what.message for record in records.records if is_told(record)]
    assert told == [CauseFault("hang", busy_ns=at(3)), CauseFault("hang")]


def test_a_failing_init_is_a_parameter_of_the_spawn() -> None:
    """It needs no striking: the actor at that rank fails when it is made, the other lives."""
    records = run_sim(with_faults(InitFails(target="trainer[1]", text="no luck"), horizon_s=60)).records

    assert found(records, FaultStruck) == []
    failed = [status.text for status in found(records, ActorStatusChanged) if "no luck" in status.text]
    assert len(failed) == 1
    assert "no luck" in str(found(records, OperationEnded)[1].error)


@pytest.mark.parametrize(
    ("code", "detail", "ends"),
    [(None, "2 lines to stderr", []), (0, "2 lines to stderr, _exit(0)", [ExitStatus(code=0)])],
)
def test_a_shout_is_lines_and_perhaps_an_exit(code: int | None, detail: str, ends: list[ExitStatus]) -> None:
    records = run_sim(with_faults(Shout(target="workers[1]", lines=["a", "b"], exit=code, at=at(5)))).records

    assert struck(records) == [(5.0, FaultStruck(0, "shout", "host0/workers_1", detail))]
    assert [record.what.status for record in records if reaped_of(record, "host0/workers_1")] == ends


def test_a_stopped_process_cannot_shout() -> None:
    faults = [Stall(target="workers[1]", at=at(5)), Shout(target="workers[1]", lines=["a"], at=at(6))]

    records = run_sim(with_faults(*faults)).records

    assert [missed.why for missed in found(records, FaultMissed)] == ["host0/workers_1 is stopped: it cannot write"]


def test_a_start_that_fails_ends_the_process_in_its_first_step() -> None:
    """Or later, by so much: here in the second that follows the start of both procs, one after the other."""
    fault = StartFails(target="workers[1]", code=4, after=at(1))

    records = run_sim(with_faults(fault)).records

    assert struck(records) == [(1.012, FaultStruck(0, "start_fails", "host0/workers_1", "_exit(4)"))]
    assert "exit_code: 4" in str(found(records, OperationEnded)[0].error)


def test_a_subscriber_that_is_gone_has_dropped_its_reference_without_a_word() -> None:
    """An operation of the fault's own, numbered so that none of the plan's is taken for it."""
    records = run_sim(with_faults(SubscriberGone(target="observer", mesh="trainer", at=at(5)))).records

    (message,) = [record.what.message for record in records if is_told(record)]
    assert isinstance(message, Operate)
    assert (message.index, type(message.operation)) == (-1, DropRef)
    assert message.operation.mesh.label == "trainer"


def test_a_stall_ends_after_its_time() -> None:
    """Two strikes of one fault: the second is its end."""
    records = run_sim(with_faults(Stall(target="workers[1]", at=at(5), for_=at(2)))).records

    node = "host0/workers_1"
    assert struck(records) == [
        (5.0, FaultStruck(0, "stall", node, "SIGSTOP")),
        (7.0, FaultStruck(0, "resume", node, "SIGCONT")),
    ]
    assert (times(records, ProcessStopped, node), times(records, ProcessContinued, node)) == ([5.0], [7.0])


def test_a_stall_without_a_time_ends_with_a_resume() -> None:
    """Two faults, each with its own number."""
    faults = [Stall(target="host0", at=at(5)), Resume(target="host0", at=at(8))]

    records = run_sim(with_faults(*faults)).records

    assert [(when, what.index, what.kind) for when, what in struck(records)] == [(5.0, 0, "stall"), (8.0, 1, "resume")]
    assert times(records, ProcessContinued, "host0") == [8.0]


# --- when something is seen --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "after_s"), [(1, 0.0), (3, 0.0), (2, 0.25)])
def test_a_condition_strikes_at_the_nth_record_that_matches(count: int, after_s: float) -> None:
    """`count` matches, then `after`; the record that matched is the cause."""
    when = When(record="poll_started", where={"mesh": "trainer"}, count=count, after=at(after_s))

    records = run_sim(with_faults(Signal(target="workers[1]", signal="SIGKILL", when=when))).records

    poll = [record for record in records if isinstance(record.what, PollStarted)][count - 1]
    strike = next(record for record in records if isinstance(record.what, FaultStruck))
    assert (strike.cause, strike.at) == (poll.seq, poll.at + at(after_s))


def test_a_condition_strikes_once() -> None:
    """Later matches are of no interest."""
    when = When(record="poll_started")

    records = run_sim(with_faults(Signal(target="workers[1]", signal="SIGWINCH", when=when))).records

    assert len(found(records, PollStarted)) > 3
    assert len(found(records, ProcessSignalled)) == 1


def test_a_condition_wants_all_of_its_values() -> None:
    """Who and what: `node` may be a target, `envelope`'s parts are reached by dotted paths."""
    where: dict[str, str | int | bool] = {"node": "workers[1]", "envelope.message.type": "keepalive_get_state"}
    when = When(record="local", where=where)

    records = run_sim(with_faults(Exit(target="workers[0]", code=1, when=when))).records

    strike = next(record for record in records if isinstance(record.what, FaultStruck))
    cause = records[strike.cause]
    assert isinstance(cause.what, LocalDelivery)
    tag = type(cause.what.envelope.message).__struct_config__.tag
    assert (cause.node, tag) == ("host0/workers_1", "keepalive_get_state")


def test_a_condition_that_never_matches_leaves_no_record() -> None:
    """The verdict says so: a run without its fault is inconclusive."""
    when = When(record="poll_started", count=1000)

    records = run_sim(with_faults(Exit(target="workers[0]", code=1, when=when))).records

    assert found(records, FaultStruck) == []
    assert found(records, FaultMissed) == []


def test_faults_of_one_instant_strike_in_the_order_they_are_written() -> None:
    """SIGTERM before SIGSTOP ends the process; the stop finds it gone."""
    faults = [Signal(target="workers[1]", signal=name, at=at(5)) for name in ("SIGTERM", "SIGSTOP")]

    records = run_sim(with_faults(*faults)).records

    assert [what.index for _, what in struck(records)] == [0]
    assert found(records, FaultMissed) == [FaultMissed(1, "signal", "workers[1]", "the process of workers[1] is gone")]


# --- faults that miss --------------------------------------------------------------------------------------------

DEAD = Signal(target="workers[1]", signal="SIGKILL", at=at(5))


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Exit(target="workers[1]", at=at(6)), "the process of workers[1] is gone"),
        (Stall(target="trainer[1]", at=at(6)), "the process of trainer[1] is gone"),
        (Raise(target="trainer[1]", at=at(6)), "the process of trainer[1] is gone"),
        (Exit(target="trainer[0]", at=at(0.001)), "trainer[0] does not exist, or not yet"),
        (Panic(target="trainer[0]", at=at(0.001)), "trainer[0] does not exist, or not yet"),
        (ControllerKill(target="trainer", at=at(0.001)), "the controller of trainer does not exist, or not yet"),
        (SubscriberGone(target="observer", mesh="trainer", at=at(0.001)), "trainer was not spawned"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Fault) else "",
)
def test_a_fault_without_its_target_is_recorded_as_missed(fault: Fault, why: str) -> None:
    """Never in silence: whoever reads the trace must see that the fault did not happen."""
    records = run_sim(with_faults(DEAD, fault)).records

    tag = str(type(fault).__struct_config__.tag)
    assert found(records, FaultMissed) == [FaultMissed(1, tag, fault.target, why)]
    assert [what.index for _, what in struck(records)] == [0]


def test_a_controller_whose_process_is_gone_is_missed() -> None:
    """Killed twice: the second time there is nobody left."""
    faults = [ControllerKill(target="trainer", at=at(5)), ControllerExit(target="trainer", at=at(6))]

    records = run_sim(with_faults(*faults)).records

    why = "the process of the controller of trainer is gone"
    assert found(records, FaultMissed) == [FaultMissed(1, "controller_exit", "trainer", why)]


def test_a_stopped_process_cannot_call_exit() -> None:
    """Its code does not run; a signal would be another fault."""
    faults = [Stall(target="workers[1]", at=at(5)), Exit(target="workers[1]", at=at(6))]

    records = run_sim(with_faults(*faults)).records

    why = "host0/workers_1 is stopped: it cannot call _exit"
    assert found(records, FaultMissed) == [FaultMissed(1, "exit", "workers[1]", why)]


def test_the_end_of_a_stall_misses_a_process_that_died_meanwhile() -> None:
    """Killed while it was stopped: there is nothing to resume."""
    faults = [Stall(target="workers[1]", at=at(4), for_=at(3)), DEAD]

    records = run_sim(with_faults(*faults)).records

    assert found(records, FaultMissed) == [FaultMissed(0, "resume", "workers[1]", "the process of workers[1] is gone")]


@pytest.mark.parametrize(
    ("fault", "message", "detail", "status"),
    [
        (SigSegv(target="trainer[1]", at=at(5)), CauseFault("signal", number=11), "", ExitStatus(signal=11)),
        (KillPid(target="trainer[1]", at=at(5)), CauseFault("signal", number=9), "SIGKILL", KILLED),
        (
            ProcessExit(target="trainer[1]", code=3, at=at(5)),
            CauseFault("exit", number=3),
            "_exit(3)",
            ExitStatus(code=3),
        ),
        (
            SelfUngracefulFail(target="trainer[1]", at=at(5)),
            CauseFault("exit", number=1),
            "_exit(1)",
            ExitStatus(code=1),
        ),
        (ExitProcess(target="trainer[1]", at=at(5)), CauseFault("exit", number=0), "exit(0)", ExitStatus(code=0)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Fault) else "",
)
def test_a_handler_ends_its_own_process(fault: Fault, message: CauseFault, detail: str, status: ExitStatus) -> None:
    """The scenario only sends a message; what kills the process comes out of the process itself."""
    records = run_sim(with_faults(fault)).records

    ((_, what),) = struck(records)
    assert what.detail == detail
    assert [record.what.message for record in records if is_told(record)] == [message]
    assert [record.what.status for record in records if reaped_of(record, "host0/workers_1")] == [status]


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (Abort(target="trainer[1]", at=at(5)), "failed: actor explicitly aborted due to: (no reason provided)"),
        (Abort(target="trainer[1]", reason="x", at=at(5)), "failed: actor explicitly aborted due to: x"),
        (SelfFail(target="trainer[1]", at=at(5)), "failed: self fail"),
    ],
    ids=["Abort", "Abort with a reason", "SelfFail"],
)
def test_an_actor_ends_itself(fault: Fault, text: str) -> None:
    records = run_sim(with_faults(fault)).records

    assert [note.text for note in found(records, ActorStatusChanged)][-1] == text
