"""What must follow from each signal, exit and death: the table that real processes are held to."""

from __future__ import annotations

import signal

import pytest

from meshsim.drive.kernel import Change, Process, ProcessState, ProcessTable
from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import Node

HOST, A, B, CLIENT = Node("host0"), Node("host0/a"), Node("host0/b"), Node("client")
RUNNING, STOPPED, DEAD, REAPED = ProcessState
KILLED = ExitStatus(signal=9)

STOP_SIGNALS = [signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU]
IGNORED_SIGNALS = [0, signal.SIGCHLD, signal.SIGURG, signal.SIGWINCH]
FATAL_SIGNALS = [signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGSEGV, signal.SIGPIPE, signal.SIGIO, 34, 64]


@pytest.fixture
def table() -> ProcessTable:
    """A client, and a host with two procs; the second one outlives the host."""
    table = ProcessTable()
    table.add(Process(HOST, "host", None, "", pdeathsig=True))
    table.add(Process(A, "proc", HOST, "a", pdeathsig=True))
    table.add(Process(B, "proc", HOST, "b", pdeathsig=False))
    table.add(Process(CLIENT, "client", None, "", pdeathsig=True))
    return table


def stopped(table: ProcessTable, *pending: int) -> ProcessTable:
    """`a` is stopped, and these signals wait for it."""
    for number in (signal.SIGSTOP, *pending):
        table.signal(A, number)
    return table


@pytest.mark.parametrize("number", FATAL_SIGNALS)
def test_a_running_process_dies_of_a_signal_it_does_not_handle(table: ProcessTable, number: int) -> None:
    """The dispositions are the default ones, for real-time signals too."""
    changes = table.signal(A, number)

    assert changes == [Change(A, DEAD, "signal")]
    assert table.processes[A].status == ExitStatus(signal=number)


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_a_stop_signal_stops_a_running_process_once(table: ProcessTable, number: int) -> None:
    """A second stop signal finds it stopped, and waits for nothing."""
    assert table.signal(A, number) == [Change(A, STOPPED, "stop")]
    assert table.signal(A, number) == []
    assert table.signal(A, signal.SIGCONT) == [Change(A, RUNNING, "continue")]
    assert table.state(A) is RUNNING


@pytest.mark.parametrize("number", [*IGNORED_SIGNALS, signal.SIGCONT])
def test_signals_that_are_ignored_by_default_change_nothing(table: ProcessTable, number: int) -> None:
    """A SIGWINCH is no fault. SIGCONT is for stopped processes only."""
    assert table.signal(A, number) == []
    assert table.processes[A] == Process(A, "proc", HOST, "a", pdeathsig=True)


@pytest.mark.parametrize("number", FATAL_SIGNALS)
def test_a_stopped_process_dies_of_a_signal_when_it_continues(table: ProcessTable, number: int) -> None:
    """SIGTERM does not end what is stopped: a stop ladder has to go on to SIGKILL."""
    stopped(table)

    assert table.signal(A, number) == []
    assert table.state(A) is STOPPED
    assert table.signal(A, signal.SIGCONT) == [Change(A, DEAD, "signal")]
    assert table.processes[A].status == ExitStatus(signal=number)


@pytest.mark.parametrize("number", IGNORED_SIGNALS)
def test_ignored_signals_do_not_wait_for_a_stopped_process(table: ProcessTable, number: int) -> None:
    """The kernel drops them when they are sent."""
    stopped(table, number)

    assert table.signal(A, signal.SIGCONT) == [Change(A, RUNNING, "continue")]


def test_a_stopped_process_dies_of_sigkill_at_once(table: ProcessTable) -> None:
    """SIGKILL wakes whom it kills, whatever else is pending."""
    stopped(table, signal.SIGTERM)

    assert table.signal(A, signal.SIGKILL) == [Change(A, DEAD, "signal")]
    assert table.processes[A].status == KILLED


@pytest.mark.parametrize(
    ("pending", "first"),
    [
        ([signal.SIGTERM, signal.SIGHUP], signal.SIGHUP),
        ([signal.SIGTERM, signal.SIGTERM], signal.SIGTERM),
        ([40, signal.SIGTERM], signal.SIGTERM),
        ([signal.SIGHUP, signal.SIGSEGV], signal.SIGSEGV),
        ([signal.SIGSEGV, signal.SIGBUS], signal.SIGBUS),
        ([signal.SIGQUIT, signal.SIGABRT, signal.SIGSYS], signal.SIGSYS),
    ],
)
def test_of_several_pending_signals_one_kills(table: ProcessTable, pending: list[int], first: int) -> None:
    """The lowest number, but the synchronous ones (a thread's own faults) before all others: as Linux does it."""
    stopped(table, *pending)

    assert table.signal(A, signal.SIGCONT) == [Change(A, DEAD, "signal")]
    assert table.processes[A].status == ExitStatus(signal=first)


def test_sigcont_takes_away_stop_signals_that_came_meanwhile(table: ProcessTable) -> None:
    """A SIGTSTP to a stopped process does not stop it again after it was continued."""
    stopped(table, signal.SIGTSTP)

    assert table.signal(A, signal.SIGCONT) == [Change(A, RUNNING, "continue")]
    assert table.signal(A, signal.SIGCONT) == []


@pytest.mark.parametrize(
    ("order", "first"),
    [
        ([signal.SIGTERM, signal.SIGSTOP], Change(A, DEAD, "signal")),
        ([signal.SIGSTOP, signal.SIGTERM], Change(A, STOPPED, "stop")),
    ],
)
def test_sigterm_and_sigstop_depend_on_who_comes_first(table: ProcessTable, order: list[int], first: Change) -> None:
    """The dead cannot be stopped; the stopped do not die of SIGTERM."""
    assert [table.signal(A, number) for number in order] == [[first], []]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT, signal.SIGTERM])
@pytest.mark.parametrize("state", [DEAD, REAPED])
def test_signals_to_the_dead_change_nothing(table: ProcessTable, state: ProcessState, number: int) -> None:
    """A zombie takes signals without a word."""
    table.exit(A, 0)
    table.processes[A].state = state

    assert table.signal(A, number) == []
    assert (table.state(A), table.processes[A].status) == (state, ExitStatus(code=0))


@pytest.mark.parametrize(("code", "seen"), [(0, 0), (7, 7), (255, 255), (256, 0), (259, 3)])
def test_an_exit_code_keeps_its_low_eight_bits(table: ProcessTable, code: int, seen: int) -> None:
    assert table.exit(A, code) == [Change(A, DEAD, "exit")]
    assert table.processes[A].status == ExitStatus(code=seen)


def test_a_dead_host_takes_the_children_that_asked_for_it(table: ProcessTable) -> None:
    """The parent-death signal is each child's own request; one without it lives on as an orphan."""
    changes = table.signal(HOST, signal.SIGSEGV)

    assert changes == [Change(HOST, DEAD, "signal"), Change(A, DEAD, "parent_death")]
    assert [table.processes[node].status for node in (HOST, A, B)] == [ExitStatus(signal=11), KILLED, None]
    assert table.alive() == [B, CLIENT]


def test_the_parent_death_signal_kills_a_stopped_child(table: ProcessTable) -> None:
    """It is SIGKILL: nothing has to be continued."""
    stopped(table)

    assert table.exit(HOST, 0) == [Change(HOST, DEAD, "exit"), Change(A, DEAD, "parent_death")]


def test_a_child_that_died_before_keeps_its_own_status(table: ProcessTable) -> None:
    """A zombie is not killed once more by the death of its parent."""
    table.exit(A, 3)

    assert table.signal(HOST, signal.SIGKILL) == [Change(HOST, DEAD, "signal")]
    assert table.processes[A].status == ExitStatus(code=3)


def test_death_goes_down_from_child_to_child(table: ProcessTable) -> None:
    """Parents before children, one branch after the other; below an orphan everything lives."""
    below_a, below_b = Node("host0/a/x"), Node("host0/b/y")
    table.add(Process(below_a, "proc", A, "x", pdeathsig=True))
    table.add(Process(below_b, "proc", B, "y", pdeathsig=True))

    changes = table.signal(HOST, signal.SIGKILL)

    assert [change.node for change in changes] == [HOST, A, below_a]
    assert table.alive() == [B, CLIENT, below_b]


def test_a_process_that_dumps_its_core_takes_its_children_along(table: ProcessTable) -> None:
    """As any death, with one flag more in its status."""
    changes = table.dump_core(HOST, signal.SIGSEGV)

    assert [change.why for change in changes] == ["signal", "parent_death"]
    assert table.processes[HOST].status == ExitStatus(signal=11, core_dumped=True)


def test_stopping_a_host_stops_nobody_else(table: ProcessTable) -> None:
    """SIGSTOP goes to one process: its children run on."""
    table.signal(HOST, signal.SIGSTOP)

    assert [table.state(node) for node in (HOST, A, B)] == [STOPPED, RUNNING, RUNNING]
    assert table.alive() == [HOST, A, B, CLIENT]
