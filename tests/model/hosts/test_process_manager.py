"""The children of a host without their agent: marks, callbacks, the pid table. Ladders are in `test_ladder`."""

import pytest

from meshsim.model import status
from meshsim.model.commands import SignalProcess, SpawnProcess
from meshsim.model.config import Config
from meshsim.model.events import ChildExited
from meshsim.model.hosts import process
from meshsim.model.hosts.process import ExitStatus
from meshsim.model.hosts.process_manager import ProcessManager
from meshsim.model.ids import Name, Node, PortRef, host_agent_id, proc_agent_id
from meshsim.model.messages import ProcReady, ProcSpec
from meshsim.model.notes import MarkRejected, ProcStatusChanged
from meshsim.units import S

ME = host_agent_id("host0")
EXITED = ExitStatus(code=1)
W0, W1, W2 = Name("w_0-1a"), Name("w_1-1b"), Name("w_2-1c")


@pytest.fixture
def manager():
    return ProcessManager(ME, Node("host0"), Config.of({}))


def ready(manager, name, port, now_ns=0):
    return manager.on_ready(port, ProcReady(name, "unix:/w", proc_agent_id(manager.proc_id(name))), now_ns)


def test_watch_notifies_on_status_changes(manager):
    """Starting is never seen from outside: Running is marked before the handle is published."""
    started = manager.start(W0, ProcSpec(), 1 * S)
    over = manager.on_exited(ChildExited(W0, ExitStatus(code=0)), 2 * S)

    assert started == [
        SpawnProcess(W0, PortRef(ME, 1024), {}, True),
        ProcStatusChanged(W0, "Starting", "Running", "Running"),
    ]
    assert over == [ProcStatusChanged(W0, "Running", "Stopped", "Stopped(exit=0)")]
    assert manager.proc_status(W0) == process.classify(ExitStatus(code=0))


def test_ready_keeps_the_time_of_the_start(manager):
    """handle_ready_allows_waiters: started_at is that of the process."""
    manager.start(W0, ProcSpec(), 1 * S)

    name, commands = ready(manager, W0, 1024, 5 * S)

    assert (name, [note.phase for note in commands]) == (W0, ["Ready"])
    assert (manager.is_ready(W0), manager.children[W0].status.started_at_ns) == (True, 1 * S)
    assert manager.status(W0) == status.RUNNING


def test_a_stop_before_the_callback_leaves_the_proc_unready(manager):
    """Stopping to Ready is refused aloud."""
    manager.start(W0, ProcSpec(), 0)
    manager.stop(W0, "enough", 0)

    _, commands = ready(manager, W0, 1024)

    assert [type(command) for command in commands] == [MarkRejected]
    assert (manager.is_ready(W0), manager.is_stopping(W0)) == (False, True)


def test_kill_results_in_signaled_and_the_table_entry_is_removed(manager):
    """SIGKILL at once, no Stopping; what was killed is not killed again."""
    manager.start(W0, ProcSpec(), 0)

    commands = manager.kill(W0, "x", 0)
    manager.on_exited(ChildExited(W0, ExitStatus(signal=9)), 0)

    assert commands == [SignalProcess(W0, 9)]
    assert manager.drop() == []
    assert manager.has_ended(W0)


def test_a_launcher_that_goes_kills_what_is_in_its_table(manager):
    """Every group whose leader has not been waited for, whatever its status."""
    for name in (W0, W1, W2):
        manager.start(name, ProcSpec(), 0)
    manager.on_exited(ChildExited(W1, ExitStatus(code=1)), 0)
    manager.stop(W2, "enough", 0)

    assert manager.drop() == [SignalProcess(W0, 9), SignalProcess(W2, 9)]


def test_a_name_nobody_knows_is_not_stopping(manager):
    assert not manager.is_stopping(W0)
    assert manager.names() == []


@pytest.mark.parametrize(("asked", "limit"), [(0, 1), (16, 16), (257, 256)])
def test_children_in_flight_are_clamped(manager, asked, limit):
    assert manager.in_flight_limit(asked) == limit


# --- output (3.5) ----------------------------------------------------------------------------------------------


def tail(lines, *, off=(), unread=0, host=0, spec=None, status=EXITED):
    """The tail of a child that wrote these lines, where host and spawner are configured so."""
    manager = ProcessManager(ME, Node("host0"), Config.of({"MESH_TAIL_LOG_LINES": host}, off))
    manager.start(W0, ProcSpec({} if spec is None else {"MESH_TAIL_LOG_LINES": spec}), 0)
    manager.on_exited(ChildExited(W0, status, tuple(lines), unread), 0)
    return manager.proc_status(W0).stderr_tail


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({}, ()),
        ({"host": 2}, ("b", "c")),
        ({"host": 9}, ("a", "b", "c")),
        ({"host": 9, "spec": 1}, ("c",)),
        ({"spec": 2}, ("b", "c")),
        ({"host": 9, "unread": 1}, ("a", "b")),
        ({"host": 2, "unread": 1}, ("a", "b")),
        ({"host": 9, "unread": 1, "off": ("Q3",)}, ("a", "b", "c")),
        ({"off": ("Q2",)}, ("a", "b", "c")),
        ({"off": ("Q2",), "host": 1}, ("c",)),
        ({"host": 9, "status": ExitStatus(signal=9)}, ()),
    ],
)
def test_the_last_lines_that_are_not_empty_are_kept(settings, kept):
    """None by default (Q2), not what came last (Q3), and only of a child that was not killed."""
    assert tail(["a", "", "b", "c"], **settings) == kept


def test_no_more_lines_are_kept_than_promised():
    assert tail([str(number) for number in range(150)], off=("Q2",)) == tuple(str(number) for number in range(50, 150))
