"""The runtime of one actor as tables: these events, exactly these commands (supervision.md 4.5)."""

import pytest
from machines import ALICE, Puppet, actor, event_of

from meshsim.model.commands import (
    AbortSelf,
    ActorFinished,
    CancelTimer,
    Fail,
    InitOver,
    Panic,
    SetTimer,
    SignalActor,
    StopSelf,
    UnlinkChildren,
)
from meshsim.model.events import ChildFailed, ChildStopped, CleanupStarted, SignalReceived, Started, TimerFired
from meshsim.model.messages import Ack, Envelope, HandlerFails, Work
from meshsim.model.notes import ActorStatusChanged, Warned
from meshsim.model.runtime.actor import ActorCell
from meshsim.model.runtime.ending import CHILDREN_TIMER, CLEANUP_TIMER, TRANSITIONS, InvalidTransitionError
from meshsim.model.supervision import (
    Aborted,
    ActorPhase,
    ErrorDuringHandlingSupervision,
    Generic,
    UnhandledSupervisionEvent,
    actor_failed,
    actor_stopped,
    event_text,
)
from meshsim.units import MS, S

ME, CHILD, SIBLING = actor(0), actor(1), actor(2)
BOOM = Generic("boom")
CHILD_EVENT = event_of(CHILD, actor_failed(Generic("child died")))
SIBLING_EVENT = event_of(SIBLING, actor_failed(Generic("sibling died")))
SEND = Envelope(ME, CHILD, Ack())
STOP = SignalReceived("stop", "enough")
DRAIN = SignalReceived("drain_and_stop", "enough")
ABORT = SignalReceived("abort", "now")


def cell_of(puppet=None, *, children=(), started=True, **fields):
    """An idle actor with this behaviour, display name and children."""
    puppet = puppet or Puppet()
    puppet.me = ME
    cell = ActorCell(ME, puppet, 3 * S, display_name="trainer", children=list(children), **fields)
    if started:
        cell.handle(Started(), 0)
    return cell


def work(text):
    return Envelope(ALICE.actor, ME, Work(text))


def note(phase, text=None):
    return ActorStatusChanged(ME, phase, text or phase.value)


STOPPING = note(ActorPhase.STOPPING)


def finished(status, event=None):
    phase, text = (
        (ActorPhase.STOPPED, f"stopped: {status.reason}")
        if status.phase is ActorPhase.STOPPED
        else (ActorPhase.FAILED, f"failed: {status.error.text}")
    )
    return [note(phase, text), ActorFinished(ME, status, event)]


def stopped(reason):
    return [STOPPING, CancelTimer(ME, CLEANUP_TIMER), *finished(actor_stopped(reason))]


def own_event(text, at_ns=0):
    return event_of(ME, actor_failed(Generic(text)), at_ns=at_ns, name="trainer")


def failed(text, at_ns=0, *, cleaned=True):
    """The commands of an actor that fails by itself; a panic skips the cleanup."""
    cancel = [CancelTimer(ME, CLEANUP_TIMER)] if cleaned else []
    return [STOPPING, *cancel, *finished(actor_failed(Generic(text)), own_event(text, at_ns))]


# --- start -------------------------------------------------------------------------------------------------


def test_an_actor_starts_through_initializing_to_idle():
    cell = cell_of(Puppet(init=[SEND]), started=False)

    assert cell.handle(Started(), 0) == [note(ActorPhase.INITIALIZING), SEND, note(ActorPhase.IDLE)]
    assert cell.phase is ActorPhase.IDLE


@pytest.mark.parametrize(
    ("answer", "text", "cleaned"),
    [(Fail(BOOM), "initialization error: boom", True), (Panic("at x: boom"), "panic: at x: boom", False)],
)
def test_an_init_that_fails_ends_the_actor(answer, text, cleaned):
    cell = cell_of(Puppet(init=[answer]), started=False)

    assert cell.handle(Started(), 0) == [note(ActorPhase.INITIALIZING), *failed(text, cleaned=cleaned)]
    assert cell.machine.heard == (["cleanup after failure"] if cleaned else [])


def test_messages_wait_until_init_is_over():
    """They may be sent from the moment of the spawn; replies reach the waiting init."""
    cell = cell_of(Puppet(busy_in_init=True), started=False)
    cell.handle(work("early"), 0)
    cell.handle(Started(), 0)
    waiting = list(cell.machine.heard)

    commands = cell.handle(TimerFired(ME, "done"), 1 * S)

    assert waiting == []
    assert cell.machine.heard == ["timer done", "early"]
    assert commands == [note(ActorPhase.IDLE)]


# --- the loop ----------------------------------------------------------------------------------------------


def test_one_message_is_handled_at_a_time_in_order():
    """A handler at work holds back everything but replies and timers."""
    cell = cell_of(Puppet(slow=["long"], answers={"second": [SEND]}))
    for event in (work("long"), work("second"), Envelope(CHILD, ME, Ack(), 1024)):
        cell.handle(event, 0)
    waiting = list(cell.machine.heard)

    commands = cell.handle(TimerFired(ME, "done"), 1 * S)

    assert waiting == ["long", "Ack"]
    assert cell.machine.heard == ["long", "Ack", "timer done", "second"]
    assert commands == [SEND]


class Interrupted(Puppet):
    """Makes way for one text."""

    def interrupts(self, envelope):
        return envelope.message == Work("urgent")


def test_a_handler_that_waits_can_make_way_for_a_message():
    """It is taken before all that waits, and the rest goes on waiting; an actor that is not busy keeps the order."""
    cell = cell_of(Interrupted(slow=["long", "urgent"]))
    for event in (work("long"), work("second"), work("urgent")):
        cell.handle(event, 0)
    waiting = list(cell.machine.heard)

    cell.handle(TimerFired(ME, "done"), 1 * S)

    assert waiting == ["long", "urgent"]
    assert cell.machine.heard == ["long", "urgent", "timer done", "second"]


def test_no_message_gets_in_the_way_of_an_init_or_of_the_end():
    cell = cell_of(Interrupted(busy_in_init=True), started=False)
    cell.handle(Started(), 0)
    cell.handle(work("urgent"), 0)
    waiting = list(cell.machine.heard)

    cell.handle(TimerFired(ME, "done"), 1 * S)

    assert (waiting, cell.machine.heard) == ([], ["timer done", "urgent"])


def test_signals_come_before_supervision_events_and_those_before_work():
    """Our choice among ready queues, where the modelled system's is random."""
    cells = [cell_of(Puppet(slow=["long"])) for _ in range(2)]
    for cell, signals in zip(cells, ([], [STOP]), strict=True):
        for event in (work("long"), work("rest"), ChildFailed(CHILD_EVENT), *signals):
            cell.handle(event, 0)
        cell.handle(TimerFired(ME, "done"), 1 * S)

    assert [cell.machine.heard for cell in cells] == [
        ["long", "timer done", f"failed {CHILD}", "rest"],
        ["long", "timer done", "cleanup"],
    ]


def test_a_stuck_handler_makes_an_actor_unstoppable():
    """A signal is only seen between messages."""
    cell = cell_of(Puppet(slow=["hang"]))
    cell.handle(work("hang"), 0)

    assert [cell.handle(signal, 1 * S) for signal in (STOP, ABORT)] == [[], []]
    assert cell.phase is ActorPhase.IDLE


# --- how it ends: signals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("signal", "commands", "heard"),
    [
        (STOP, stopped("enough"), ["long", "timer done", "cleanup"]),
        (DRAIN, [SEND, *stopped("enough")], ["long", "timer done", "queued", "cleanup"]),
        (ABORT, failed("actor explicitly aborted due to: now", 1 * S), ["long", "timer done", "cleanup after failure"]),
    ],
)
def test_signals_end_an_actor_with_or_without_its_queued_work(signal, commands, heard):
    """Q7: the structure of an abort is flattened to text at the end."""
    cell = cell_of(Puppet(slow=["long"], answers={"queued": [SEND]}))
    for event in (work("long"), work("queued"), signal):
        cell.handle(event, 0)

    assert cell.handle(TimerFired(ME, "done"), 1 * S) == commands
    assert cell.machine.heard == heard


def test_an_error_while_draining_fails_the_actor():
    """And child events that are queued are not offered any more."""
    cell = cell_of(Puppet(slow=["long"], answers={"bad": [Fail(BOOM)]}, hook=[[Fail(Generic("never asked"))]]))
    for event in (work("long"), work("bad"), DRAIN, ChildFailed(CHILD_EVENT)):
        cell.handle(event, 0)

    assert cell.handle(TimerFired(ME, "done"), 0) == failed("boom")


def test_an_actor_that_stops_itself_finishes_its_handler_first():
    """What it says after that in the same handler is still said before the end."""
    cell = cell_of(Puppet(answers={"bye": [StopSelf("my time"), SEND]}))

    assert cell.handle(work("bye"), 0) == [SEND, *stopped("my time")]


def test_an_actor_that_aborts_itself_finishes_its_handler_first():
    """The call succeeds; the signal comes before the work that is queued."""
    cell = cell_of(Puppet(slow=["long"], answers={"abort": [AbortSelf("my time"), SEND]}))
    for event in (work("long"), work("abort"), work("rest")):
        cell.handle(event, 0)

    commands = cell.handle(TimerFired(ME, "done"), 0)

    assert commands == [SEND, *failed("actor explicitly aborted due to: my time")]
    assert cell.machine.heard == ["long", "timer done", "abort", "cleanup after failure"]


@pytest.mark.parametrize("signal", [STOP, DRAIN])
def test_an_idle_actor_stops_at_once(signal):
    assert cell_of().handle(signal, 0) == stopped("enough")


# --- how it ends: errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "text", "cleaned"),
    [
        (Fail(BOOM), "boom", True),
        (Fail(Aborted("x")), "actor explicitly aborted due to: x", True),
        (
            Fail(ErrorDuringHandlingSupervision("worse", CHILD_EVENT)),
            f"worse while handling {event_text(CHILD_EVENT)}",
            True,
        ),
        (Panic("panic at trainer.rs:1:1: for testing"), "panic: panic at trainer.rs:1:1: for testing", False),
    ],
)
def test_a_handler_that_fails_ends_the_actor(answer, text, cleaned):
    """Q7: every kind but the unhandled event becomes text. After a panic there is no cleanup."""
    cell = cell_of(Puppet(answers={"bad": [SEND, answer]}))

    assert cell.handle(work("bad"), 2 * S) == [SEND, *failed(text, 2 * S, cleaned=cleaned)]
    assert cell.machine.heard == (["bad", "cleanup after failure"] if cleaned else ["bad"])


@pytest.mark.parametrize(
    ("hook", "commands"),
    [
        ([[], []], failed("boom")),
        ([[Fail(Generic("hook"))], [Fail(Generic("not asked"))]], failed("hook")),
        ([[SEND], [Fail(Generic("hook"))]], [SEND, *failed("hook")]),
        ([[Panic("hook")], [Fail(Generic("not asked"))]], failed("panic: hook", cleaned=False)),
    ],
)
def test_queued_child_events_are_offered_before_a_handlers_error_counts(hook, commands):
    """Step 2: the first that the hook does not handle is the error."""
    cell = cell_of(Puppet(slow=["bad"], answers={"timer done": [Fail(BOOM)]}, hook=hook))
    for event in (work("bad"), ChildFailed(CHILD_EVENT), ChildFailed(SIBLING_EVENT)):
        cell.handle(event, 0)

    assert cell.handle(TimerFired(ME, "done"), 0) == commands


def test_an_event_that_the_hook_handles_costs_nothing():
    cell = cell_of(Puppet(hook=[[SEND]]), children=[CHILD])

    assert cell.handle(ChildFailed(CHILD_EVENT), 0) == [SEND]
    assert cell.handle(ChildStopped(CHILD), 0) == []
    assert (cell.phase, cell.children) == (ActorPhase.IDLE, [])


def test_an_unhandled_event_goes_up_unchanged():
    """Q10: this actor takes the child's status, and the event keeps the child's id."""
    cell = cell_of(Puppet(hook=[[Fail(UnhandledSupervisionEvent(CHILD_EVENT))]]))

    commands = cell.handle(ChildFailed(CHILD_EVENT), 5 * S)

    assert commands == [
        STOPPING,
        CancelTimer(ME, CLEANUP_TIMER),
        *finished(CHILD_EVENT.actor_status, CHILD_EVENT),
    ]
    assert cell.status == CHILD_EVENT.actor_status


def test_the_first_unhandled_event_is_the_one_that_counts():
    """The hook is not asked about what is queued behind it."""
    cell = cell_of(Puppet(slow=["long"], hook=[[Fail(UnhandledSupervisionEvent(CHILD_EVENT))]]))
    for event in (work("long"), ChildFailed(CHILD_EVENT), ChildFailed(SIBLING_EVENT)):
        cell.handle(event, 0)

    commands = cell.handle(TimerFired(ME, "done"), 1 * S)

    assert commands[-1] == ActorFinished(ME, CHILD_EVENT.actor_status, CHILD_EVENT)
    assert cell.machine.heard == ["long", "timer done", f"failed {CHILD}", "cleanup after failure"]


def test_a_hook_that_fails_itself_is_told_with_both_texts():
    error = ErrorDuringHandlingSupervision("bad handler", CHILD_EVENT)
    cell = cell_of(Puppet(hook=[[Fail(error)]]))

    commands = cell.handle(ChildFailed(CHILD_EVENT), 0)

    assert commands == failed(
        "bad handler while handling "
        f"The actor {CHILD} and all its descendants have failed.\n"
        "This occurred because the actor itself failed.\n"
        "The error was:\n"
        " child died"
    )


# --- how it ends: children ---------------------------------------------------------------------------------

TELL_CHILDREN = [SignalActor(CHILD, "stop", "parent stopping"), SignalActor(SIBLING, "stop", "parent stopping")]
WAIT = SetTimer(ME, CHILDREN_TIMER, 500 * MS)


@pytest.mark.parametrize("cause", [STOP, work("bad"), work("panic")])
def test_children_are_stopped_and_waited_for_before_cleanup(cause):
    """Whatever ends the parent; every child that stops gives the others another 500 ms."""
    cell = cell_of(Puppet(answers={"bad": [Fail(BOOM)], "panic": [Panic("boom")]}), children=[CHILD, SIBLING])

    begun = cell.handle(cause, 0)
    first = cell.handle(ChildStopped(SIBLING), 100 * MS)
    last = cell.handle(ChildStopped(CHILD), 200 * MS)

    assert begun == [STOPPING, *TELL_CHILDREN, WAIT]
    assert first == [WAIT]
    assert last[0] == CancelTimer(ME, CHILDREN_TIMER)
    assert isinstance(last[-1], ActorFinished)
    assert cell.is_terminal


@pytest.mark.parametrize("event", [STOP, DRAIN, ABORT])
def test_other_signals_are_ignored_but_buy_the_children_time(event):
    cell = cell_of(children=[CHILD])
    cell.handle(STOP, 0)

    assert cell.handle(event, 300 * MS) == [WAIT]


def test_slow_children_are_abandoned():
    """Q9: what becomes of them later goes to the proc."""
    cell = cell_of(children=[CHILD, SIBLING])
    cell.handle(STOP, 0)

    commands = cell.handle(TimerFired(ME, CHILDREN_TIMER), 500 * MS)

    assert commands == [
        Warned(ME, "timed out waiting for 2 children to stop"),
        UnlinkChildren((CHILD, SIBLING)),
        CancelTimer(ME, CLEANUP_TIMER),
        *finished(actor_stopped("enough")),
    ]


def test_the_failure_of_a_child_is_lost_while_its_parent_stops():
    """Q59."""
    cell = cell_of(Puppet(hook=[[Fail(BOOM)]]), children=[CHILD])
    cell.handle(STOP, 0)

    commands = [cell.handle(ChildFailed(CHILD_EVENT), 100 * MS), cell.handle(ChildStopped(CHILD), 100 * MS)]

    assert commands == [
        [],
        [CancelTimer(ME, CHILDREN_TIMER), CancelTimer(ME, CLEANUP_TIMER), *finished(actor_stopped("enough"))],
    ]


def test_nothing_of_the_actor_runs_between_its_loop_and_its_cleanup():
    """Messages, replies and timers of its own are left alone while it waits for its children."""
    cell = cell_of(children=[CHILD])
    cell.handle(STOP, 0)

    commands = [cell.handle(event, 1) for event in (work("x"), Envelope(CHILD, ME, Ack(), 1024), TimerFired(ME, "y"))]

    assert commands == [[], [], []]
    assert cell.machine.heard == []


# --- how it ends: cleanup ----------------------------------------------------------------------------------


def test_a_cleanup_may_take_its_time_within_a_limit():
    """Replies and timers reach it; the limit goes when it is over."""
    cell = cell_of(Puppet(busy_in_cleanup=True, cleanup=[SEND]))

    begun = cell.handle(STOP, 0)
    done = cell.handle(TimerFired(ME, "done"), 1 * S)

    assert begun == [STOPPING, SEND, SetTimer(ME, CLEANUP_TIMER, 3 * S)]
    assert done == [CancelTimer(ME, CLEANUP_TIMER), *finished(actor_stopped("enough"))]


@pytest.mark.parametrize("event", [STOP, ABORT, ChildFailed(CHILD_EVENT), ChildStopped(CHILD), work("late")])
def test_nothing_gets_in_the_way_of_a_cleanup(event):
    """Signals, children and messages are ignored; the limit stays where it was."""
    cell = cell_of(Puppet(busy_in_cleanup=True))
    cell.handle(STOP, 0)

    assert cell.handle(event, 1 * S) == []
    assert (cell.cleaning, cell.machine.heard) == (True, ["cleanup"])


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (TimerFired(ME, CLEANUP_TIMER), "cleanup error: deadline has elapsed"),
        (TimerFired(ME, "broken"), "cleanup error: boom"),
    ],
)
def test_a_cleanup_that_fails_or_takes_too_long_fails_a_clean_actor(event, text):
    cell = cell_of(Puppet(busy_in_cleanup=True, answers={"timer broken": [Fail(BOOM)]}))
    cell.handle(STOP, 0)

    assert cell.handle(event, 3 * S) == finished(actor_failed(Generic(text)), own_event(text, 3 * S))


@pytest.mark.parametrize(
    ("event", "warning"),
    [
        (TimerFired(ME, CLEANUP_TIMER), "cleanup error: deadline has elapsed"),
        (TimerFired(ME, "broken"), "cleanup error: too"),
    ],
)
def test_after_a_failure_the_error_of_the_cleanup_is_only_logged(event, warning):
    puppet = Puppet(busy_in_cleanup=True, answers={"bad": [Fail(BOOM)], "timer broken": [Fail(Generic("too"))]})
    cell = cell_of(puppet)
    cell.handle(work("bad"), 0)

    commands = cell.handle(event, 3 * S)

    assert commands == [Warned(ME, warning), *finished(actor_failed(BOOM), own_event("boom", 3 * S))]


def test_a_cleanup_that_fails_at_once():
    cell = cell_of(Puppet(cleanup=[SEND, Fail(BOOM)]))

    text = "cleanup error: boom"
    assert cell.handle(STOP, 0) == [STOPPING, SEND, *finished(actor_failed(Generic(text)), own_event(text))]


def test_a_panic_in_cleanup_looks_like_an_abort_of_the_task():
    """No event, and a status that says stopped (mesh_model.md 6.3)."""
    cell = cell_of(Puppet(cleanup=[Panic("in cleanup")], answers={"bad": [Fail(BOOM)]}))

    commands = cell.handle(work("bad"), 0)

    assert commands == [STOPPING, note(ActorPhase.STOPPED, "stopped: instance is dropped")]
    assert cell.status == actor_stopped("instance is dropped")


# --- the end is final --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "event",
    [
        work("late"),
        STOP,
        ABORT,
        ChildFailed(CHILD_EVENT),
        ChildStopped(CHILD),
        TimerFired(ME, CLEANUP_TIMER),
        TimerFired(ME, CHILDREN_TIMER),
        TimerFired(ME, "done"),
    ],
)
@pytest.mark.parametrize("cause", [STOP, work("bad")])
def test_a_terminal_status_is_final(cause, event):
    """Timers, answers and children that were on their way change nothing."""
    cell = cell_of(Puppet(answers={"bad": [Fail(BOOM)]}))
    cell.handle(cause, 0)
    status = cell.status

    assert cell.handle(event, 1 * S) == []
    assert cell.status == status
    assert cell.kill_task() == []


@pytest.mark.parametrize("children", [(), (CHILD,)])
def test_a_task_can_be_aborted_in_any_phase(children):
    """It then looks like a clean stop: nobody is told (mesh_model.md 6.3)."""
    fresh, idle, stopping = cell_of(started=False), cell_of(children=children), cell_of(children=[CHILD])
    stopping.handle(STOP, 0)

    commands = [cell.kill_task() for cell in (fresh, idle, stopping)]

    assert commands == [[note(ActorPhase.STOPPED, "stopped: instance is dropped")]] * 3
    assert {cell.status for cell in (fresh, idle, stopping)} == {actor_stopped("instance is dropped")}


def test_the_table_of_phases_ends_in_terminal_ones_only():
    """Every phase that is reachable is a row, every row but the terminal ones leads on, and those lead nowhere."""
    reachable = {phase for targets in TRANSITIONS.values() for phase in targets}
    final = {phase for phase, targets in TRANSITIONS.items() if not targets}

    assert reachable <= set(TRANSITIONS)
    assert final == {ActorPhase.STOPPED, ActorPhase.FAILED}


@pytest.mark.parametrize("event", [Started(), CleanupStarted(failed=False), SignalReceived("kill", "")])
def test_what_cannot_happen_is_an_assertion(event):
    """A second start, a cleanup from outside, a signal that does not exist."""
    with pytest.raises((AssertionError, InvalidTransitionError)):
        cell_of().handle(event, 0)


# --- quirks that are turned off ----------------------------------------------------------------------------


def test_without_q10_a_parent_fails_under_its_own_id():
    """The child's event is the cause that its own names."""
    error = UnhandledSupervisionEvent(CHILD_EVENT)
    cell = cell_of(Puppet(hook=[[Fail(error)]]), quirks_off=("Q10",))

    commands = cell.handle(ChildFailed(CHILD_EVENT), 5 * S)

    own = event_of(ME, actor_failed(error), at_ns=5 * S, name="trainer")
    assert commands[-1] == ActorFinished(ME, actor_failed(error), own)
    assert event_text(own).splitlines()[:2] == [
        "The actor trainer and all its descendants have failed.",
        f"This occurred because the actor {CHILD} failed.",
    ]


def test_without_q10_an_event_that_is_the_actors_own_gets_no_second_level():
    """An owner that does not handle a mesh failure has put its id on the chain already."""
    own = event_of(ME, actor_failed(UnhandledSupervisionEvent(CHILD_EVENT)))
    cell = cell_of(Puppet(answers={"bad": [Fail(UnhandledSupervisionEvent(own))]}), quirks_off=("Q10",))

    assert cell.handle(work("bad"), 0)[-1] == ActorFinished(ME, own.actor_status, own)


@pytest.mark.parametrize("error", [Aborted("now"), ErrorDuringHandlingSupervision("bad handler", CHILD_EVENT)])
def test_without_q7_an_error_keeps_its_structure(error):
    cell = cell_of(Puppet(answers={"bad": [Fail(error)]}), quirks_off=("Q7",))

    assert cell.handle(work("bad"), 0)[-1].status == actor_failed(error)


def test_without_q9_children_have_the_time_that_their_cleanup_may_take():
    cell = cell_of(children=[CHILD], quirks_off=("Q9",))

    assert cell.handle(STOP, 0)[-1] == SetTimer(ME, CHILDREN_TIMER, 3 * S + 500 * MS)


def test_without_q59_the_failure_of_a_child_ends_a_stopping_parent():
    """Its hook is asked as at any other time."""
    cell = cell_of(Puppet(hook=[[SEND, Fail(BOOM)]]), children=[CHILD], quirks_off=("Q59",))
    cell.handle(STOP, 0)

    commands = [cell.handle(ChildFailed(CHILD_EVENT), 0), cell.handle(ChildStopped(CHILD), 0)]

    assert commands == [
        [SEND],
        [
            CancelTimer(ME, CHILDREN_TIMER),
            CancelTimer(ME, CLEANUP_TIMER),
            *finished(actor_failed(BOOM), own_event("boom")),
        ],
    ]


def test_without_q59_a_parent_that_failed_before_logs_it():
    """The first error counts."""
    cell = cell_of(
        Puppet(answers={"bad": [Fail(BOOM)]}, hook=[[Fail(Generic("not asked"))]]),
        children=[CHILD],
        quirks_off=("Q59",),
    )
    cell.handle(work("bad"), 0)

    commands = [cell.handle(ChildFailed(CHILD_EVENT), 0), cell.handle(ChildStopped(CHILD), 0)]

    assert commands[0] == [Warned(ME, f"a child failed while its parent was stopping: {event_text(CHILD_EVENT)}")]
    assert commands[1][-1] == ActorFinished(ME, actor_failed(BOOM), own_event("boom"))


def test_without_q31_an_actor_says_when_its_init_is_over():
    cell = cell_of(Puppet(busy_in_init=True), started=False, quirks_off=("Q31",))
    begun = cell.handle(Started(), 0)

    assert begun == [note(ActorPhase.INITIALIZING)]
    assert cell.handle(TimerFired(ME, "done"), 1 * S) == [note(ActorPhase.IDLE), InitOver(ME)]


# --- faults that the runtime itself takes ----------------------------------------------------------------------


class Mule(Puppet):
    """Leaves requests to stop where they are, as long as it is told to."""

    ignores_stop: bool = True


@pytest.mark.parametrize("signal", [STOP, DRAIN], ids=lambda signal: signal.kind)
def test_a_stubborn_actor_stops_when_it_has_had_enough(signal):
    """What it was asked for is not forgotten: the next thing that happens to it finds the signal."""
    cell = cell_of(Mule())

    assert cell.handle(signal, S) == []
    assert cell.phase is ActorPhase.IDLE
    cell.machine.ignores_stop = False
    cell.handle(TimerFired(ME, "enough"), 2 * S)

    assert cell.phase is ActorPhase.STOPPED


def test_an_abort_overtakes_what_a_stubborn_actor_ignores():
    """It is no request: the actor ends, and the stop before it is of no interest any more."""
    cell = cell_of(Mule())
    cell.handle(STOP, S)

    cell.handle(ABORT, 2 * S)

    assert cell.phase is ActorPhase.FAILED


def test_a_stubborn_actor_goes_on_with_its_work():
    """It is not busy: messages are handled between the request to stop and its end."""
    cell = cell_of(Mule(answers={"more": [SEND]}))
    cell.handle(STOP, S)

    assert list(cell.handle(work("more"), 2 * S)) == [SEND]


def test_a_failing_handler_fails_any_actor_in_its_turn():
    """The machine is never asked; what was in the mailbox before is handled first."""
    cell = cell_of(Puppet(answers={"first": [SEND]}, slow=["long"]))
    cell.handle(work("long"), S)
    cell.handle(work("first"), S)
    cell.fail_handler(Envelope(ALICE.actor, ME, HandlerFails("lost its mind")), S)

    commands = list(cell.handle(TimerFired(ME, "over"), 2 * S))

    assert commands[0] == SEND
    assert cell.status == actor_failed(Generic("lost its mind"))
