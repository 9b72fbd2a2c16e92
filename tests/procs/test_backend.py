"""Nodes as real processes: who is whose parent, how they end, and what the kernel says of it."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import psutil
import pytest
from echo_node import EchoNode, work
from leftovers import processes_of, wait_until
from process_checks import MakeBackend, boot

import meshsim
from meshsim.drive.backend import BackendError
from meshsim.drive.kernel import ProcessState
from meshsim.model.boot import Program
from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import ActorId, Node
from meshsim.model.notes import Warned
from meshsim.procs.backend import LockstepBackend
from meshsim.procs.peer import NodePeer

pytestmark = pytest.mark.procs

HOST = Node("host0")
A = Node("host0/a")
B = Node("host0/b")
CLIENT = Node("client")
KILLED = ExitStatus(signal=signal.SIGKILL)


def run_python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Another interpreter that finds this meshsim."""
    environment = {**os.environ, "PYTHONPATH": str(Path(meshsim.__file__).parent.parent)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment)


def warned(node: Node, text: str) -> list[Warned]:
    return [Warned(actor=ActorId(node), text=text)]


# --- processes are real ------------------------------------------------------------------------------------


def test_procs_are_children_of_their_host(backend: LockstepBackend) -> None:
    """The host process itself forks its procs: no runner stands in as their parent."""
    children = {child.pid for child in psutil.Process(backend.pid_of(HOST)).children()}

    assert children == {backend.pid_of(A), backend.pid_of(B)}


def test_roots_come_from_the_zygote_which_is_the_runners_only_child(backend: LockstepBackend) -> None:
    """Hosts and clients have one parent, whose parent is this process."""
    zygote = psutil.Process(backend.pid_of(HOST)).parent()

    assert zygote is not None
    assert {child.pid for child in zygote.children()} == {backend.pid_of(HOST), backend.pid_of(CLIENT)}
    assert zygote.ppid() == os.getpid()


def test_every_node_leads_its_own_process_group_in_the_runs_session(backend: LockstepBackend) -> None:
    """A host signals one proc's group without hitting itself, and the terminal's Ctrl-C hits none of them."""
    facts = [backend.facts(node) for node in (HOST, A, B, CLIENT)]

    assert [f.group for f in facts] == [f.pid for f in facts]
    assert {f.session for f in facts} == {facts[0].parent}
    assert facts[0].session != os.getsid(0)


def test_a_step_is_taken_in_the_nodes_own_process(make_backend: MakeBackend) -> None:
    """The commands come from another process, which has the shipped program and keeps its state between steps."""
    backend = make_backend(program=Program({"echo": EchoNode}))
    backend.start(boot("client", "client"))

    first = backend.step(CLIENT, work("who"), 1)
    second = backend.step(CLIENT, work("who"), 2)

    pid = backend.pid_of(CLIENT)
    assert first + second == warned(CLIENT, f"{pid} ['echo'] 1") + warned(CLIENT, f"{pid} ['echo'] 2")


def test_answers_larger_than_any_buffer_arrive_whole(backend: LockstepBackend) -> None:
    """Twenty thousand commands in one answer, and the same text a megabyte long, take more than one read."""
    long = "x" * (1 << 20)

    many = backend.step(A, work("repeat 20000"), 1)
    echoed = backend.step(A, work(long), 7)

    assert many == warned(A, "repeat 20000") * 20_000
    assert echoed == warned(A, f"{long} at 7")


def test_lines_are_really_written(backend: LockstepBackend) -> None:
    """Each in its own process, also after its end; what is among other lines in this order counts as written."""
    backend.write(A, ("one", "two"))
    backend.write(A, ("", "three"))
    backend.write(B, ("other",))
    backend.exit(A, 3)

    assert backend.stderr_of(A) == b"one\ntwo\n\nthree\n"
    assert backend.written(A, ("one", "three")) == ("one", "three")
    assert backend.written(A, ("two", "one")) == ("one", "two", "", "three", "")
    assert backend.written(B, ("other",)) == ("other",)


def test_nodes_have_no_descriptor_but_their_own(backend: LockstepBackend) -> None:
    """An inherited copy of a sibling's socket would hide that sibling's death. Hosts hold one pidfd a child."""
    (of_a,) = backend.step(A, work("descriptors"), 0)
    (of_host,) = backend.step(HOST, work("descriptors"), 0)

    own = ["/dev/null", "/memfd:host0/a (deleted)", "/memfd:host0/a (deleted)", "socket"]
    assert of_a == Warned(actor=ActorId(A), text=repr(own))
    assert of_host.text.count("anon_inode") == 2
    assert of_host.text.count("socket") == 1


def test_nodes_have_default_signal_dispositions(backend: LockstepBackend) -> None:
    """Python ignores SIGPIPE and catches SIGINT; the modelled processes do neither."""
    assert backend.step(B, work("dispositions"), 0) == warned(B, "[]")


def test_output_is_kept_for_each_node_beyond_its_end(backend: LockstepBackend) -> None:
    """What a node printed before it was killed is what people look for; it is there after close, too."""
    backend.step(A, work("print last words"), 0)
    backend.signal(A, signal.SIGKILL, by=None)

    backend.close()

    assert backend.stderr_of(A) == b"last words\nLAST WORDS\n"
    assert backend.stderr_of(B) == b""


# --- ends --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "seen"), [(0, 0), (1, 1), (7, 7), (255, 255), (259, 3)])
def test_exit_code_comes_from_the_true_parent(backend: LockstepBackend, code: int, seen: int) -> None:
    """The host waits for its proc; the kernel keeps the low eight bits of the code."""
    backend.exit(A, code)

    assert backend.observe(A, ProcessState.DEAD) is ProcessState.DEAD
    assert backend.reap(A, by=HOST, expected=ExitStatus(code=seen)) == ExitStatus(code=seen)
    assert backend.observe(A, ProcessState.REAPED) is ProcessState.REAPED


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGABRT, signal.SIGPIPE])
@pytest.mark.parametrize("by", [None, HOST])
def test_death_by_signal_comes_from_the_true_parent(
    backend: LockstepBackend, number: signal.Signals, by: Node | None
) -> None:
    """From outside and by the host's killpg alike: the signal is in the status, and no core flag on any machine."""
    backend.signal(A, number, by=by)

    assert backend.observe(A, ProcessState.DEAD) is ProcessState.DEAD
    assert backend.reap(A, by=HOST, expected=KILLED) == ExitStatus(signal=number)


def test_kernel_status_wins_over_the_expected_one(backend: LockstepBackend) -> None:
    """Whatever the model expected, the status is what waitid said: a difference is a finding, not an error."""
    backend.exit(A, 5)

    assert backend.reap(A, by=HOST, expected=KILLED) == ExitStatus(code=5)


def test_a_root_is_reaped_by_the_zygote(backend: LockstepBackend) -> None:
    """Nobody in the modelled world is the parent of a client."""
    backend.signal(CLIENT, signal.SIGTERM, by=None)

    assert backend.reap(CLIENT, by=None, expected=KILLED) == ExitStatus(signal=signal.SIGTERM)


def test_only_the_parent_can_reap(backend: LockstepBackend) -> None:
    """The zygote is no parent of a proc whose host lives: the kernel refuses, and the run hears of it."""
    backend.signal(A, signal.SIGKILL, by=None)

    with pytest.raises(BackendError, match="the zygote cannot reap host0/a: it is no child of this process"):
        backend.reap(A, by=None, expected=KILLED)


def test_signals_to_the_dead_and_the_reaped_are_ignored(backend: LockstepBackend) -> None:
    """A child that is gone already counts as success (supervision.md 3.6); its number may be another's by now."""
    backend.signal(A, signal.SIGKILL, by=None)
    backend.observe(A, ProcessState.DEAD)
    backend.signal(A, signal.SIGTERM, by=HOST)
    backend.signal(A, signal.SIGTERM, by=None)
    backend.reap(A, by=HOST, expected=KILLED)
    backend.signal(A, signal.SIGTERM, by=HOST)
    backend.signal(A, signal.SIGTERM, by=None)

    assert backend.observe(A, ProcessState.DEAD) is ProcessState.REAPED


def test_many_procs_come_and_go_under_one_host(backend: LockstepBackend) -> None:
    """Each is waited for once; multiprocess, which looks at its children at every start, steals no status."""
    statuses = []
    for index in range(20):
        node = Node(f"host0/worker{index}")
        backend.spawn(HOST, boot(node), pdeathsig=True)
        backend.exit(node, index)
        backend.spawn(HOST, boot(f"{node}/next"), pdeathsig=True)
        statuses.append(backend.reap(node, by=HOST, expected=KILLED))

    assert statuses == [ExitStatus(code=index) for index in range(20)]


# --- stalls ------------------------------------------------------------------------------------------------


def test_stop_is_state_t_until_continued(backend: LockstepBackend) -> None:
    """SIGSTOP is confirmed by /proc, and the node goes on where it was."""
    backend.signal(A, signal.SIGSTOP, by=None)
    stopped = backend.observe(A, ProcessState.STOPPED)
    letter = psutil.Process(backend.pid_of(A)).status()
    backend.signal(A, signal.SIGCONT, by=None)

    assert stopped is ProcessState.STOPPED
    assert letter == psutil.STATUS_STOPPED
    assert backend.observe(A, ProcessState.RUNNING) is ProcessState.RUNNING
    assert backend.step(A, work("awake"), 3) == warned(A, "awake at 3")


def test_sigterm_to_a_stopped_process_waits_for_sigcont(backend: LockstepBackend) -> None:
    """Escalation against a stalled proc: SIGTERM stays pending, and acts as soon as the proc runs again."""
    backend.signal(A, signal.SIGSTOP, by=None)
    backend.observe(A, ProcessState.STOPPED)
    backend.signal(A, signal.SIGTERM, by=HOST)
    pending = backend.observe(A, ProcessState.STOPPED)
    backend.signal(A, signal.SIGCONT, by=None)

    assert pending is ProcessState.STOPPED
    assert backend.reap(A, by=HOST, expected=KILLED) == ExitStatus(signal=signal.SIGTERM)


def test_sigkill_does_not_wait_for_sigcont(backend: LockstepBackend) -> None:
    """The last step of the ladder reaches a stalled proc."""
    backend.signal(A, signal.SIGSTOP, by=None)
    backend.observe(A, ProcessState.STOPPED)
    backend.signal(A, signal.SIGKILL, by=HOST)

    assert backend.reap(A, by=HOST, expected=KILLED) == KILLED


def test_what_did_not_happen_is_reported_after_the_deadline(make_backend: MakeBackend) -> None:
    """Nobody stopped the client: `observe` says that it runs, and leaves the judgement to the conductor."""
    backend = make_backend(deadline_s=2.5)
    backend.start(boot("client", "client"))

    assert backend.observe(CLIENT, ProcessState.STOPPED) is ProcessState.RUNNING
    assert backend.observe(CLIENT, ProcessState.DEAD) is ProcessState.RUNNING


def test_what_cannot_happen_any_more_is_reported_at_once(backend: LockstepBackend) -> None:
    """A process that died instead of stopping is not waited for."""
    backend.signal(A, signal.SIGKILL, by=None)
    backend.observe(A, ProcessState.DEAD)

    assert backend.observe(A, ProcessState.STOPPED) is ProcessState.DEAD


# --- host crash --------------------------------------------------------------------------------------------


def test_host_crash_takes_its_procs_through_the_parent_death_signal(backend: LockstepBackend) -> None:
    """The kernel kills the procs, a stalled one included, and the subreaper inherits their statuses."""
    backend.signal(B, signal.SIGSTOP, by=None)
    backend.observe(B, ProcessState.STOPPED)
    backend.signal(HOST, signal.SIGKILL, by=None)

    observed = [backend.observe(node, ProcessState.DEAD) for node in (HOST, A, B)]
    reaped = [backend.reap(node, by=None, expected=KILLED) for node in (HOST, A, B)]

    assert observed == [ProcessState.DEAD] * 3
    assert reaped == [KILLED] * 3


def test_procs_without_parent_death_signal_survive_their_host(backend: LockstepBackend) -> None:
    """They go on working as children of the subreaper, and close ends them."""
    survivor = Node("host0/survivor")
    backend.spawn(HOST, boot(survivor), pdeathsig=False)
    backend.signal(HOST, signal.SIGKILL, by=None)
    backend.reap(HOST, by=None, expected=KILLED)

    zygote = backend.facts(CLIENT).parent
    assert wait_until(lambda: backend.facts(survivor).parent == zygote)
    assert backend.step(survivor, work("alive"), 9) == warned(survivor, "alive at 9")


def test_an_orphan_is_reaped_by_the_subreaper(backend: LockstepBackend) -> None:
    """Its exact status is not lost with its host."""
    survivor = Node("host0/survivor")
    backend.spawn(HOST, boot(survivor), pdeathsig=False)
    backend.exit(HOST, 1)
    backend.reap(HOST, by=None, expected=KILLED)
    backend.exit(survivor, 42)

    assert backend.reap(survivor, by=None, expected=KILLED) == ExitStatus(code=42)


def test_a_stopped_orphan_stays_stopped(backend: LockstepBackend) -> None:
    """The kernel continues stopped groups that are orphaned; these are not, as subreaper and procs share a session."""
    survivor = Node("host0/survivor")
    backend.spawn(HOST, boot(survivor), pdeathsig=False)
    backend.signal(survivor, signal.SIGSTOP, by=None)
    backend.observe(survivor, ProcessState.STOPPED)
    backend.signal(HOST, signal.SIGKILL, by=None)
    backend.reap(HOST, by=None, expected=KILLED)

    zygote = backend.facts(CLIENT).parent
    assert wait_until(lambda: backend.facts(survivor).parent == zygote)
    assert backend.observe(survivor, ProcessState.STOPPED) is ProcessState.STOPPED


# --- failures of the machine -------------------------------------------------------------------------------


def test_a_step_that_never_returns_meets_the_deadline(make_backend: MakeBackend) -> None:
    """The error says who, what, how long and in which state; the node is not asked again."""
    backend = make_backend(deadline_s=2.5)
    backend.start(boot("client", "client"))
    backend.step(CLIENT, work("print before"), 0)

    with pytest.raises(BackendError) as first:
        backend.step(CLIENT, work("hang"), 0)
    with pytest.raises(BackendError) as second:
        backend.step(CLIENT, work("again"), 0)

    assert str(first.value) == "client did not answer a step within 2.5s (state S); it said:\nbefore\nBEFORE"
    assert str(second.value) == "client left an earlier request without an answer and cannot be asked for a step"


def test_a_node_that_fails_is_an_error_with_its_traceback(backend: LockstepBackend) -> None:
    """A bug in a node is seen with the line it happened in, not as a hang."""
    with pytest.raises(BackendError, match="host0/a ended instead of answering a step; it said:") as caught:
        backend.step(A, work("raise kaput"), 0)

    assert str(caught.value).endswith("RuntimeError: kaput")
    assert backend.reap(A, by=HOST, expected=KILLED) == ExitStatus(code=1)


def test_a_node_that_is_killed_in_a_step_is_an_error(backend: LockstepBackend) -> None:
    """Somebody else's SIGKILL (the OOM killer's) makes the run inconclusive, and does not hang it."""
    with pytest.raises(BackendError, match=r"^host0/a ended instead of answering a step$"):
        backend.step(A, work("die 9"), 0)


def test_a_node_that_cannot_be_built_is_an_error(backend: LockstepBackend) -> None:
    """A constructor that raises ends the child before it is ready."""
    with pytest.raises(BackendError, match="host0/c ended instead of answering that it is ready") as caught:
        backend.spawn(HOST, boot("host0/c", refuse=1), pdeathsig=True)

    assert str(caught.value).endswith("ValueError: this node cannot be built")


def test_a_program_that_a_fresh_interpreter_cannot_load_is_an_error(
    make_backend: MakeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An actor class of a module that only the runner has: the error names the module."""
    module = ModuleType("module_of_the_runner_alone")
    module.Hidden = type("Hidden", (), {"__module__": module.__name__})
    monkeypatch.setitem(sys.modules, module.__name__, module)

    with pytest.raises(BackendError) as caught:
        make_backend(program=Program({"hidden": module.Hidden}))

    assert str(caught.value) == (
        "the program cannot be loaded in a fresh interpreter: "
        "ModuleNotFoundError: No module named 'module_of_the_runner_alone'; "
        "actor classes must come from modules that can be imported"
    )


def test_a_program_that_cannot_be_pickled_is_an_error(make_backend: MakeBackend) -> None:
    """A generator cannot travel; nothing of the half-made run stays."""
    with pytest.raises(
        BackendError, match="the program cannot be pickled: TypeError: cannot pickle 'generator' object"
    ):
        make_backend(program=Program({"generator": (number for number in range(3))}))


def test_classes_of_a_script_travel_with_the_globals_they_use(run_id: str) -> None:
    """Someone tries out an actor in a script: its class is in `__main__`, which no other process can import."""
    script = Path(__file__).parent / "script_with_node.py"

    done = run_python(str(script), run_id)

    assert (done.stdout, done.stderr) == ("global of the script\n", "")


# --- nothing left ------------------------------------------------------------------------------------------


def test_close_ends_running_stopped_dead_and_orphaned_processes(backend: LockstepBackend, run_id: str) -> None:
    """One of each kind, and the run's marker is nowhere to be found. A second close does nothing."""
    backend.spawn(HOST, boot("host0/orphan"), pdeathsig=False)
    backend.start(boot("host1", "host"))
    backend.spawn(Node("host1"), boot("host1/a"), pdeathsig=True)
    backend.signal(Node("host1/a"), signal.SIGSTOP, by=None)
    backend.signal(CLIENT, signal.SIGKILL, by=None)
    backend.signal(HOST, signal.SIGKILL, by=None)
    before = len(processes_of(run_id))

    backend.close()
    backend.close()

    assert before >= 3
    assert processes_of(run_id) == []


def test_close_after_a_step_that_hangs_ends_the_node(make_backend: MakeBackend, run_id: str) -> None:
    """The run is over for its user; the node that hangs must not need to be asked."""
    backend = make_backend(deadline_s=5)
    backend.start(boot("client", "client"))
    backend.signal(CLIENT, signal.SIGSTOP, by=None)
    backend.observe(CLIENT, ProcessState.STOPPED)

    backend.close()

    assert processes_of(run_id) == []


def test_close_after_ctrl_c_in_a_step_leaves_nothing(backend: LockstepBackend, run_id: str) -> None:
    """SIGINT reaches the runner while a node works, and that node never answers."""
    with pytest.raises(KeyboardInterrupt):
        backend.step(A, work(f"interrupt {os.getpid()}"), 0)

    backend.close()

    assert processes_of(run_id) == []


def test_close_after_the_zygote_was_killed_leaves_nothing(make_backend: MakeBackend, run_id: str) -> None:
    """The kernel takes the roots, close takes a proc that nothing else would, and says that something was wrong."""
    backend = make_backend()
    backend.start(boot("host0", "host"))
    backend.spawn(HOST, boot("host0/a"), pdeathsig=False)
    os.kill(backend.facts(HOST).parent, signal.SIGKILL)

    with pytest.raises(BackendError, match="the zygote ended with -9"):
        backend.close()

    assert wait_until(lambda: not processes_of(run_id))


def test_descriptors_limits_and_cores_are_given_back(make_backend: MakeBackend) -> None:
    """Twenty runs in one process: no descriptor is lost, and affinity and limits are as they were."""

    def held() -> tuple[int, set[int], tuple[int, int]]:
        files = len(list(Path("/proc/self/fd").iterdir()))
        return files, os.sched_getaffinity(0), resource.getrlimit(resource.RLIMIT_NOFILE)

    before = held()
    for _ in range(20):
        backend = make_backend()
        backend.start(boot("host0", "host"))
        backend.spawn(HOST, boot("host0/a"), pdeathsig=True)
        backend.exit(Node("host0/a"), 0)
        backend.reap(Node("host0/a"), by=HOST, expected=KILLED)
        backend.close()

    assert held() == before


def test_the_zygote_imports_neither_simpy_nor_drawing_nor_the_console() -> None:
    """Every process of a run carries what the zygote has loaded: only what nodes need."""
    script = "import sys, meshsim.procs.zygote; print({'simpy', 'rich', 'matplotlib', 'numpy'} & {*sys.modules})"

    loaded = run_python("-c", script)

    assert (loaded.stdout, loaded.stderr) == ("set()\n", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM])
def test_what_interrupts_a_run_waits_until_its_processes_have_ended(
    backend: LockstepBackend, run_id: str, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """Ctrl-C, a shell's end, pytest-timeout: in the middle of ending processes it would leave some behind."""

    class Interruption(Exception):  # noqa: N818  no error, as KeyboardInterrupt is none
        pass

    def interrupt(*_: object) -> None:
        raise Interruption

    killed = NodePeer.signal

    def signal_and_interrupt(peer: NodePeer, which: int) -> None:
        killed(peer, which)
        signal.raise_signal(number)

    monkeypatch.setattr(NodePeer, "signal", signal_and_interrupt)
    before = signal.signal(number, interrupt)
    try:
        with pytest.raises(Interruption):
            backend.close()
    finally:
        signal.signal(number, before)

    assert processes_of(run_id) == []
