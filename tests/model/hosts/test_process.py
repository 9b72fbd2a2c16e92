import pytest

from meshsim.model.hosts import process
from meshsim.model.hosts.process import (
    STARTING,
    ExitStatus,
    Mark,
    Marked,
    ProcPhase,
    ProcStatus,
    classify,
    debug,
    display,
    display_plain,
    mark,
)
from meshsim.units import S

EARLIER, NOW = 5 * S, 67 * S
ADDR, AGENT = "unix:@host0/w", "unix:@host0,w,proc_agent[0]"

STATUSES = {
    "Starting": STARTING,
    "Running": process.running(EARLIER),
    "Ready": process.ready(EARLIER, ADDR, AGENT),
    "Stopping": process.stopping(EARLIER),
    "Stopped": ProcStatus(ProcPhase.STOPPED, exit_code=3),
    "Killed": ProcStatus(ProcPhase.KILLED, signal=9),
    "Failed": process.failed("oom"),
}
ASKED = {
    Mark.RUNNING: process.running(NOW),
    Mark.READY: process.ready(NOW, ADDR, AGENT),
    Mark.STOPPING: process.stopping(NOW),
    Mark.STOPPED: ProcStatus(ProcPhase.STOPPED, exit_code=0),
    Mark.KILLED: ProcStatus(ProcPhase.KILLED, signal=11, core_dumped=True),
    Mark.FAILED: process.failed("wait failed: x"),
}
#: The table of supervision.md 3.2: what a mark leads to; "=" refused in silence, "w" refused with a warning.
ROWS = {
    #            running    ready    stopping    stopped    killed    failed
    "Starting": ("Running", "Ready", "Stopping", "Stopped", "Killed", "Failed"),
    "Running": ("w", "Ready", "Stopping", "Stopped", "Killed", "Failed"),
    "Ready": ("w", "w", "Stopping", "Stopped", "Killed", "Failed"),
    "Stopping": ("w", "w", "=", "Stopped", "Killed", "Failed"),
    "Stopped": ("w", "w", "=", "w", "w", "w"),
    "Killed": ("w", "w", "=", "w", "w", "w"),
    "Failed": ("w", "w", "=", "w", "w", "w"),
}
CELLS = [(phase, asked, cell) for phase, row in ROWS.items() for asked, cell in zip(Mark, row, strict=True)]


@pytest.mark.parametrize(("phase", "asked", "cell"), CELLS, ids=[f"{p}-{m.value}" for p, m, _ in CELLS])
def test_a_mark_moves_a_process_as_the_table_says(phase, asked, cell):
    """supervision.md 3.2, cell by cell: what is refused leaves the status as it was."""
    before = STATUSES[phase]

    marked = mark(before, ASKED[asked])

    if cell == "=":
        assert marked == Marked(before, accepted=False)
    elif cell == "w":
        to = asked.value.capitalize()
        warning = f"illegal transition: {debug(before)} -> {to}; leaving status unchanged"
        assert marked == Marked(before, accepted=False, warning=warning)
    else:
        assert (marked.status.phase.value, marked.accepted, marked.warning) == (cell, True, "")


@pytest.mark.parametrize(
    ("before", "asked", "after"),
    [
        (STARTING, ASKED[Mark.READY], process.ready(NOW, ADDR, AGENT)),
        (STARTING, ASKED[Mark.STOPPING], process.stopping(NOW)),
        (STATUSES["Running"], ASKED[Mark.READY], process.ready(EARLIER, ADDR, AGENT)),
        (STATUSES["Running"], ASKED[Mark.STOPPING], process.stopping(EARLIER)),
        (STATUSES["Ready"], ASKED[Mark.STOPPING], process.stopping(EARLIER)),
        (STATUSES["Stopping"], ASKED[Mark.KILLED], ASKED[Mark.KILLED]),
    ],
)
def test_the_start_of_a_process_is_kept_once_it_is_known(before, asked, after):
    """handle_ready_allows_waiters: Ready keeps started_at; from Starting it is the time of the mark."""
    assert mark(before, asked) == Marked(after, accepted=True)


def test_every_pair_of_phase_and_mark_has_a_cell():
    """A new phase or mark cannot be forgotten."""
    assert set(process.TRANSITIONS) == {(phase, asked) for phase in ProcPhase for asked in Mark}


@pytest.mark.parametrize(
    ("exit_status", "status"),
    [
        (ExitStatus(code=0), ProcStatus(ProcPhase.STOPPED, exit_code=0)),
        (ExitStatus(code=7), ProcStatus(ProcPhase.STOPPED, exit_code=7)),
        (ExitStatus(signal=9), ProcStatus(ProcPhase.KILLED, signal=9)),
        (ExitStatus(signal=11, core_dumped=True), ProcStatus(ProcPhase.KILLED, signal=11, core_dumped=True)),
        (ExitStatus(code=1, signal=15), ProcStatus(ProcPhase.KILLED, signal=15)),
        (ExitStatus(), ProcStatus(ProcPhase.FAILED, reason="unknown exit status")),
    ],
)
def test_exits_are_classified_signal_first(exit_status, status):
    """supervision.md 3.4."""
    assert classify(exit_status) == status


def test_failures_of_the_process_manager_have_the_reference_texts():
    """supervision.md 3.3 and 3.4."""
    assert [
        process.callback_failed("closed").reason,
        process.EXIT_CHANNEL_CLOSED.reason,
        process.wait_failed("ECHILD").reason,
    ] == ["bootstrap callback failed: closed", "exit_rx sender dropped unexpectedly", "wait failed: ECHILD"]


@pytest.mark.parametrize(
    ("status", "text", "plain"),
    [
        (STARTING, "Starting", "Starting"),
        (STATUSES["Running"], "Running up 1m 2s", "Running"),
        (STATUSES["Ready"], f"Ready at {ADDR} up 1m 2s", f"Ready at {ADDR}"),
        (STATUSES["Stopping"], "Stopping up 1m 2s", "Stopping"),
        (STATUSES["Stopped"], "Stopped(exit=3)", "Stopped(exit=3)"),
        (STATUSES["Killed"], "Killed(sig=9)", "Killed(sig=9)"),
        (ASKED[Mark.KILLED], "Killed(sig=11, core)", "Killed(sig=11, core)"),
        (STATUSES["Failed"], "Failed(oom)", "Failed(oom)"),
    ],
)
def test_statuses_print_with_their_age(status, text, plain):
    """supervision.md 3.1; the stderr tail is no part of it."""
    assert (display(status, NOW), display_plain(status)) == (text, plain)


def test_a_clock_that_went_backwards_takes_the_age_away():
    """A negative age would be nonsense."""
    assert display(STATUSES["Running"], EARLIER - 1) == "Running"


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (STARTING, "Starting"),
        (STATUSES["Running"], "Running { started_at: SystemTime { tv_sec: 5, tv_nsec: 0 } }"),
        (
            STATUSES["Ready"],
            f'Ready {{ started_at: SystemTime {{ tv_sec: 5, tv_nsec: 0 }}, addr: "{ADDR}", agent: "{AGENT}" }}',
        ),
        (STATUSES["Stopping"], "Stopping { started_at: SystemTime { tv_sec: 5, tv_nsec: 0 } }"),
        (
            ProcStatus(ProcPhase.STOPPED, exit_code=1, stderr_tail=("a", 'b"')),
            'Stopped { exit_code: 1, stderr_tail: ["a", "b\\""] }',
        ),
        (STATUSES["Killed"], "Killed { signal: 9, core_dumped: false }"),
        (STATUSES["Failed"], 'Failed { reason: "oom" }'),
    ],
)
def test_statuses_have_a_debug_form(status, text):
    """Error texts of a failed creation embed it (test_failing_proc_allocation)."""
    assert debug(status) == text


@pytest.mark.parametrize(
    ("exit_status", "status", "text"),
    [
        (ExitStatus(signal=9), ProcStatus(ProcPhase.STOPPED, signal=9), "Stopped(sig=9)"),
        (ExitStatus(code=7), ProcStatus(ProcPhase.STOPPED, exit_code=7), "Stopped(exit=7)"),
    ],
)
def test_a_signal_that_was_asked_for_is_a_stop(exit_status, status, text):
    """While Q6 is off; an exit code is what it always was."""
    classified = classify(exit_status, asked_to=True)

    assert (classified, process.display_plain(classified)) == (status, text)


def test_a_stop_by_signal_has_a_debug_form():
    """Goes into the error of a proc that was stopped before it was ready."""
    assert process.debug(classify(ExitStatus(signal=15), asked_to=True)) == "Stopped { signal: 15 }"
