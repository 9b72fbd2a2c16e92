import pytest

from meshsim.model.hosts import process
from meshsim.model.hosts.ladder import CAREFUL, LADDERS, Act, Ladder, LadderKind, Moment, Rung, beginning
from meshsim.model.hosts.process import STARTING, ProcPhase, ProcStatus
from meshsim.units import S

READY = process.ready(0, "a", "b")
RUNNING = process.running(0)
STOPPING = process.stopping(0)
GONE = ProcStatus(ProcPhase.STOPPED, exit_code=0)

A, B, C = LadderKind.REQUEST_STOP, LadderKind.TERMINATE, LadderKind.KILL


@pytest.mark.parametrize(
    ("kind", "status", "acts", "rung"),
    [
        (A, READY, (Act.STOP_ALL, Act.MARK_STOPPING, Act.ARM), Rung.AGENT),
        (A, RUNNING, (Act.MARK_STOPPING, Act.ARM), Rung.AGENT),
        (A, STARTING, (Act.MARK_STOPPING, Act.ARM), Rung.AGENT),
        (A, STOPPING, (), Rung.DONE),
        (A, GONE, (), Rung.DONE),
        (B, READY, (Act.STOP_ALL, Act.ARM), Rung.AGENT),
        (B, RUNNING, (Act.MARK_STOPPING, Act.SIGTERM, Act.ARM), Rung.TERM),
        (B, STOPPING, (Act.MARK_STOPPING, Act.SIGTERM, Act.ARM), Rung.TERM),
        (B, GONE, (), Rung.DONE),
        (C, READY, (Act.SIGKILL,), Rung.KILL),
        (C, RUNNING, (Act.SIGKILL,), Rung.KILL),
        (C, STOPPING, (Act.SIGKILL,), Rung.KILL),
        (C, GONE, (), Rung.DONE),
    ],
)
def test_a_ladder_begins_where_the_process_is(kind, status, acts, rung):
    """supervision.md 3.8: A marks Stopping at once, B leaves Ready alone (Q4) and shows no grace to Stopping (Q63)."""
    ladder = Ladder(kind, "r", 10 * S)

    assert (ladder.begin(status), ladder.rung) == (acts, rung)


@pytest.mark.parametrize("kind", [A, B])
def test_a_stuck_process_is_asked_then_terminated_then_killed(kind):
    """Two grace periods until SIGKILL, and no timer after it."""
    ladder = Ladder(kind, "r", 10 * S)
    ladder.begin(READY)

    climbed = [(ladder.climb(moment), ladder.rung) for moment in (Moment.TIMEOUT, Moment.TIMEOUT, Moment.EXITED)]

    assert climbed == [
        ((Act.MARK_STOPPING, Act.SIGTERM, Act.ARM), Rung.TERM),
        ((Act.SIGKILL,), Rung.KILL),
        ((), Rung.DONE),
    ]


@pytest.mark.parametrize(("timeouts", "acts"), [(0, (Act.DISARM,)), (1, (Act.DISARM,)), (2, ())])
def test_the_end_of_the_process_ends_the_ladder_on_every_rung(timeouts, acts):
    """A timer that is armed is taken away."""
    ladder = Ladder(A, "r", 10 * S)
    ladder.begin(READY)
    for _ in range(timeouts):
        ladder.climb(Moment.TIMEOUT)

    assert (ladder.climb(Moment.EXITED), ladder.done) == (acts, True)
    assert ladder.climb(Moment.TIMEOUT) == ()


@pytest.mark.parametrize("kind", list(LadderKind))
def test_every_ladder_ends_from_every_rung_it_reaches(kind):
    """No rung without a way out: the tables are complete for every beginning, for exits, and for armed timers."""
    table = LADDERS[kind]
    reached = {step.to for step in table.values()} - {Rung.DONE}
    armed = {step.to for step in table.values() if Act.ARM in step.acts}

    assert {moment for rung, moment in table if rung is Rung.START} == {
        Moment.BEGIN_READY,
        Moment.BEGIN_UNREADY,
        Moment.BEGIN_STOPPING,
        Moment.BEGIN_EXITED,
    }
    assert [rung for rung in reached if table[rung, Moment.EXITED].to is not Rung.DONE] == []
    assert [rung for rung in armed if (rung, Moment.TIMEOUT) not in table] == []


def test_every_phase_of_a_process_has_a_beginning():
    """None can be forgotten."""
    statuses = [ProcStatus(phase) for phase in ProcPhase]

    assert [beginning(status) for status in statuses] == [
        Moment.BEGIN_UNREADY,
        Moment.BEGIN_UNREADY,
        Moment.BEGIN_READY,
        Moment.BEGIN_STOPPING,
        Moment.BEGIN_EXITED,
        Moment.BEGIN_EXITED,
        Moment.BEGIN_EXITED,
    ]


@pytest.mark.parametrize(
    ("quirk", "status", "acts"),
    [
        ("Q4", READY, (Act.STOP_ALL, Act.MARK_STOPPING, Act.ARM)),
        ("Q63", STOPPING, (Act.ARM,)),
        ("Q63", READY, (Act.STOP_ALL, Act.ARM)),
        ("Q4", STOPPING, (Act.MARK_STOPPING, Act.SIGTERM, Act.ARM)),
    ],
)
def test_quirks_that_are_off_have_steps_of_their_own(quirk, status, acts):
    """Each for the beginning that it is about; an agent has its grace then."""
    ladder = Ladder(B, "r", 10 * S, quirks_off=(quirk,))

    assert ladder.begin(status) == acts


def test_steps_that_replace_others_replace_some_that_exist():
    """Otherwise a switch would do nothing."""
    assert [(quirk, key) for quirk, steps in CAREFUL.items() for key in steps if key[1:] not in LADDERS[key[0]]] == []


@pytest.mark.parametrize(("quirks_off", "waits"), [((), (10 * S, 10 * S)), (("Q5",), (11 * S, 10 * S))])
def test_without_q5_an_agent_has_more_time_than_its_actors(quirks_off, waits):
    """One second; the grace after SIGTERM stays what it was."""
    ladder = Ladder(A, "r", 10 * S, quirks_off=quirks_off)
    ladder.begin(READY)
    first = ladder.wait_ns
    ladder.climb(Moment.TIMEOUT)

    assert (first, ladder.wait_ns) == waits
