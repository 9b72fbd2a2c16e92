import pytest

from meshsim.model import status
from meshsim.model.hosts import process
from meshsim.model.hosts.process import STARTING, ProcPhase, ProcStatus
from meshsim.model.ids import ActorId
from meshsim.model.mapping import (
    NoActorError,
    actor_state_to_events,
    agent_view_to_status,
    proc_status_to_actor_status,
    to_resource_status,
)
from meshsim.model.status import ActorState, State
from meshsim.model.supervision import (
    ActorSupervisionEvent,
    Generic,
    actor_failed,
    actor_stopped,
    debug_events,
    status_text,
)
from meshsim.units import S

ACTOR = ActorId("unix:@host0,w,trainer[0]")
EVENT = ActorSupervisionEvent(ACTOR, "trainer", 3 * S, actor_failed(Generic("boom")))
LATER = ActorSupervisionEvent(ACTOR, "trainer", 4 * S, actor_stopped("orphaned"))

STOPPED_0 = ProcStatus(ProcPhase.STOPPED, exit_code=0)
STOPPED_1 = ProcStatus(ProcPhase.STOPPED, exit_code=1)
KILLED = ProcStatus(ProcPhase.KILLED, signal=9)
DUMPED = ProcStatus(ProcPhase.KILLED, signal=11, core_dumped=True)


@pytest.mark.parametrize(
    ("proc", "resource"),
    [
        (STARTING, status.INITIALIZING),
        (process.running(1), status.RUNNING),
        (process.ready(1, "a", "b"), status.RUNNING),
        (process.stopping(1), status.STOPPING),
        (STOPPED_0, status.STOPPED),
        (STOPPED_1, status.STOPPED),
        (process.failed("oom"), status.failed("oom")),
        (KILLED, status.failed("Killed(sig=9)")),
        (DUMPED, status.failed("Killed(sig=11, core)")),
        (None, status.UNKNOWN),
    ],
)
def test_process_statuses_become_resource_statuses(proc, resource):
    """supervision.md 3.9; a non-zero exit is Stopped here."""
    assert to_resource_status(proc) == resource


# --- 6.2, with the six tests of the reference under their names (15.3) ---------------------------------------


def test_proc_status_to_actor_status_stopped_cleanly():
    """Exit code 0 is a clean stop: the owner is never told (Q58)."""
    assert proc_status_to_actor_status(STOPPED_0) == actor_stopped("process exited cleanly")


def test_proc_status_to_actor_status_stopped_nonzero():
    """A worker that exits with another code has failed."""
    actor = proc_status_to_actor_status(STOPPED_1)

    assert actor == actor_failed(Generic("process exited with non-zero code 1"))


def test_proc_status_to_actor_status_stopping_is_not_a_failure():
    """A proc mesh that is being stopped is no news for the owner."""
    assert proc_status_to_actor_status(process.stopping(1)) == actor_stopped("process is stopping")


def test_proc_status_to_actor_status_none():
    """Nobody answered: the host may have crashed, and still it counts as a stop (Q28)."""
    assert proc_status_to_actor_status(None) == actor_stopped("no status received from process")


def test_proc_status_to_actor_status_killed():
    """A signal is a failure, requested or not (Q6)."""
    assert proc_status_to_actor_status(KILLED) == actor_failed(Generic("process failure: Killed(sig=9)"))
    assert proc_status_to_actor_status(DUMPED) == actor_failed(Generic("process failure: Killed(sig=11, core)"))


def test_proc_status_to_actor_status_failed():
    """Anything else that ended it."""
    actor = proc_status_to_actor_status(process.failed("oom"))

    assert actor == actor_failed(Generic("process failure: Failed(oom)"))


@pytest.mark.parametrize(
    ("proc", "text"),
    [
        (STARTING, "failed: process failure: Starting"),
        (process.running(1 * S), "failed: process failure: Running up 2s"),
        (process.ready(1 * S, "unix:@a", "b"), "failed: process failure: Ready at unix:@a up 2s"),
    ],
)
def test_processes_that_live_would_count_as_failed(proc, text):
    """Last row of 6.2: not reached, as they are not terminating."""
    assert status_text(proc_status_to_actor_status(proc, 3 * S), 0) == text


# --- 6.1 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reported",
    [status.NOT_EXIST, status.STOPPED, status.timeout(30 * S), status.failed("because")],
    ids=lambda reported: reported.kind.value,
)
def test_recorded_events_of_an_ended_actor_are_its_events(reported):
    """Oldest first, as recorded; the controller takes the first (Q20)."""
    state = State("t", reported, ActorState(ACTOR, 3, (EVENT, LATER)))

    assert actor_state_to_events(state, 9 * S) == (3, (EVENT, LATER))


@pytest.mark.parametrize(
    ("reported", "reason"),
    [
        (status.NOT_EXIST, "actor status is NotExist; actor may have been killed"),
        (status.STOPPED, "actor status is Stopped; actor may have been killed"),
        (status.timeout(30 * S), "actor status is Timeout(30s); actor may have been killed"),
    ],
)
def test_an_ended_actor_without_events_gets_one_that_is_no_error(reported, reason):
    """So the owner is not told."""
    state = State("t", reported, ActorState(ACTOR, 3))

    rank, events = actor_state_to_events(state, 9 * S)

    assert (rank, events) == (3, (ActorSupervisionEvent(ACTOR, None, 9 * S, actor_stopped(reason)),))
    assert not events[0].is_error


def test_a_failed_actor_without_events_has_none():
    """Q22: the controller looks at it anew at every poll."""
    assert actor_state_to_events(State("t", status.failed("x"), ActorState(ACTOR, 3)), 0) == (3, ())


@pytest.mark.parametrize(
    "reported",
    [status.INITIALIZING, status.RUNNING, status.STOPPING, status.UNKNOWN],
    ids=lambda reported: reported.kind.value,
)
def test_recorded_events_of_a_living_actor_are_ignored(reported):
    """Only an end is news."""
    assert actor_state_to_events(State("t", reported, ActorState(ACTOR, 3, (EVENT,))), 0) == (3, ())


def test_a_state_that_is_absent_counts_for_rank_0():
    """And one that should have made up an event panics (Q23)."""
    assert actor_state_to_events(State("t", status.RUNNING), 0) == (0, ())
    assert actor_state_to_events(State("t", status.failed("x")), 0) == (0, ())
    with pytest.raises(NoActorError, match="actor_id is None"):
        actor_state_to_events(State("t", status.STOPPED), 0)


# --- 6.3 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "spawn_error", "stopped", "events", "reported"),
    [
        (False, None, False, (), status.NOT_EXIST),
        (True, "test failure", False, (), status.failed("test failure")),
        (True, "test failure", True, (EVENT,), status.failed("test failure")),
        (True, None, True, (EVENT,), status.STOPPED),
        (True, None, False, (EVENT,), status.failed(f"because of supervision events: {debug_events((EVENT,))}")),
        (True, None, False, (), status.RUNNING),
    ],
)
def test_an_agent_reports_the_first_condition_that_holds(known, spawn_error, stopped, events, reported):
    """supervision.md 6.3, row by row."""
    view = agent_view_to_status(known=known, spawn_error=spawn_error, stopped=stopped, events=events)

    assert view == reported


def test_a_second_event_changes_the_text_of_the_status():
    """Q20 begins here: the debug form of the whole list is part of the status."""
    one = agent_view_to_status(known=True, spawn_error=None, stopped=False, events=(EVENT,))
    two = agent_view_to_status(known=True, spawn_error=None, stopped=False, events=(EVENT, LATER))

    assert one != two


def test_a_proc_that_was_stopped_with_a_signal_is_stopped():
    """Only while Q6 is off: neither a failure nor an exit code."""
    proc = ProcStatus(ProcPhase.STOPPED, signal=9)

    assert to_resource_status(proc) == status.STOPPED
    assert proc_status_to_actor_status(proc) == actor_stopped("process was stopped with signal 9")
