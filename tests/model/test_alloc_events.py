"""What an alloc says, in the reference's words, and how the caller waits until all of it runs (mesh_model.md 5.2)."""

import pytest

from meshsim.model.alloc.events import (
    HOST_WATCHDOG,
    STOPPED,
    UNKNOWN,
    WATCHDOG,
    Created,
    Failed,
    ReasonKind,
    Running,
    Stopped,
    StopReason,
    reason_of,
)
from meshsim.model.alloc.initialize import ZERO_RANKS, AllocatedProc, Initialization, InitPhase
from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import ActorId, ProcId

PROCS = [ProcId(f"unix:@p{rank},_1a_{rank}") for rank in range(3)]
AGENTS = [ActorId(f"{proc},mesh[0]") for proc in PROCS]


def created(rank, key):
    return Created(key, rank, f"replicas={rank}/3", 7)


def running(rank, key):
    return Running(key, PROCS[rank], AGENTS[rank], f"unix:@p{rank}")


@pytest.mark.parametrize(
    ("what", "text"),
    [
        (Created("_1k", 3, "hosts=1/2,gpus=1/2", 42), "_1k: created at (hosts=1/2,gpus=1/2) with PID 42"),
        (Created("_1k", 0, "", 42), "_1k: created at () with PID 42"),
        (running(0, "_1k"), "unix:@p0,_1a_0: running at unix:@p0"),
        (Stopped("_1k", STOPPED), "_1k: stopped: stopped"),
        (Stopped("_1k", StopReason(ReasonKind.EXITED, code=3)), "_1k: stopped: exited with code 3"),
        (
            Stopped("_1k", StopReason(ReasonKind.EXITED, code=3, stderr="out of luck")),
            "_1k: stopped: exited with code 3: out of luck",
        ),
        (
            Stopped("_1k", StopReason(ReasonKind.KILLED, signal=9)),
            "_1k: stopped: killed with signal 9 (core dumped=false)",
        ),
        (
            Stopped("_1k", StopReason(ReasonKind.KILLED, signal=11, core_dumped=True)),
            "_1k: stopped: killed with signal 11 (core dumped=true)",
        ),
        (Stopped("_1k", WATCHDOG), "_1k: stopped: proc watchdog failure"),
        (Stopped("_1k", HOST_WATCHDOG), "_1k: stopped: host watchdog failure"),
        (Stopped("_1k", UNKNOWN), "_1k: stopped: unknown"),
        (Failed("_1a", "no luck"), "_1a: failed: no luck"),
    ],
)
def test_an_event_prints_as_the_reference_prints_it(what, text):
    assert str(what) == text


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (ExitStatus(code=0), STOPPED),
        (ExitStatus(code=3), StopReason(ReasonKind.EXITED, code=3)),
        (ExitStatus(signal=9), StopReason(ReasonKind.KILLED, signal=9)),
        (ExitStatus(signal=6, core_dumped=True), StopReason(ReasonKind.KILLED, signal=6, core_dumped=True)),
        (None, UNKNOWN),
    ],
)
def test_the_end_of_a_process_is_a_reason(status, reason):
    assert reason_of(status) == reason


# --- initialization ----------------------------------------------------------------------------------------


def begun(count=2):
    return Initialization(f"{{replicas: {count}}}", count)


def test_it_is_complete_when_every_rank_runs():
    """In any order; the result is by rank."""
    wait = begun()

    for event in (created(0, "_a"), created(1, "_b"), running(1, "_b")):
        assert wait.take(event) == []
        assert wait.phase is InitPhase.COLLECTING
    assert wait.take(running(0, "_a")) == []

    assert wait.phase is InitPhase.COMPLETE
    assert wait.procs == (
        AllocatedProc("_a", PROCS[0], AGENTS[0], "unix:@p0"),
        AllocatedProc("_b", PROCS[1], AGENTS[1], "unix:@p1"),
    )


def test_what_nobody_created_is_not_counted():
    wait = begun(1)

    assert wait.take(running(0, "_z")) == [f"proc id {PROCS[0]} with create key _z is running, but was not created"]
    assert wait.phase is InitPhase.COLLECTING


def test_the_newest_key_of_a_rank_counts():
    wait = begun(1)
    wait.take(created(0, "_old"))

    assert wait.take(created(0, "_new")) == ["rank 0 reassigned from _old to _new"]
    assert wait.take(running(0, "_old")) != []
    assert wait.phase is InitPhase.COLLECTING
    assert wait.take(running(0, "_new")) == []
    assert wait.phase is InitPhase.COMPLETE


def test_a_rank_that_runs_twice_is_worth_a_warning():
    wait = begun(2)
    wait.take(created(0, "_a"))
    wait.take(running(0, "_a"))

    assert wait.take(running(0, "_a")) == ["duplicate running notifications for rank 0"]


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (Stopped("_a", StopReason(ReasonKind.EXITED, code=1)), "exited with code 1"),
        (Failed("_1a", "exec failed"), "exec failed"),
    ],
)
def test_what_stops_or_fails_meanwhile_ends_it(event, error):
    wait = begun()
    wait.take(created(0, "_a"))

    assert wait.take(event) == []

    assert (wait.phase, wait.error) == (InitPhase.FAILED, error)


def test_events_that_end_too_early_are_an_incomplete_allocation():
    wait = begun()

    wait.end()

    assert (wait.phase, wait.error) == (InitPhase.FAILED, "incomplete allocation; expected: {replicas: 2}")


def test_zero_ranks_cannot_be_allocated():
    with pytest.raises(AssertionError, match=ZERO_RANKS):
        begun(0)
