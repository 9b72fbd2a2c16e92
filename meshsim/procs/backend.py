"""Backend `lockstep`: every node is an OS process, fed one event at a time.

    runner ── zygote ──┬── host0 ──┬── host0/workers_0
                       │           └── host0/workers_1
                       └── client

Parents are true parents. The runner has a socket, a pidfd and the output of each process, but it is nobody's parent
except the zygote's: statuses come from waitid in the process that really is the parent. What ends a run:

- `close`, in good order or after anything else: SIGKILL through the pidfds, then the zygote sweeps what is left;
- the runner's death: the zygote sees its socket end and sweeps; nodes see theirs end and leave;
- the zygote's death: the kernel kills the roots (parent-death signal), and with them their children.

One run at a time in a process: core affinity and descriptor limit are the runner's while its run is open.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import errorcode
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from meshsim.drive.backend import BackendError
from meshsim.drive.kernel import ProcessState
from meshsim.model.hosts.process import ExitStatus
from meshsim.procs.capabilities import missing_for, missing_for_core_dumps
from meshsim.procs.diary import Diary
from meshsim.procs.launcher import Zygote
from meshsim.procs.linux import ProcessFacts, current_cpu, facts_of, soft_limit_of
from meshsim.procs.peer import EndedError, NodePeer, Peer
from meshsim.procs.wire import (
    COMMANDS,
    COMMANDS_OF_EACH,
    REPLIES,
    SPAWNED_DESCRIPTORS,
    Done,
    DumpCore,
    ExhaustMemory,
    Exit,
    Kill,
    LeaveParent,
    Limit,
    Ping,
    Reap,
    Reaped,
    Refused,
    Reply,
    SignalYourself,
    Spawn,
    Spawned,
    Step,
    StepThrough,
    Write,
)

if TYPE_CHECKING:
    from meshsim.drive.backend import Resource
    from meshsim.model.boot import NodeBoot, Program
    from meshsim.model.commands import NodeCommand
    from meshsim.model.events import Event
    from meshsim.model.ids import Node
    from meshsim.model.messages import Envelope
    from meshsim.procs.child import NodeType

_T = TypeVar("_T")

#: How long to sleep between two looks at a process's state, at first and at most.
_LOOK_PAUSE_S = 20e-6
_LOOK_PAUSE_S_MAX = 1e-3

#: What /proc calls the limits that a fault sets.
_LIMITS: dict[Resource, str] = {"descriptors": "Max open files", "processes": "Max processes"}


class LockstepBackend:
    """Nodes as processes of this machine. See `meshsim.drive.backend.Backend` for what the methods promise."""

    name = "lockstep"
    #: Whether nodes run freely.
    is_live = False
    #: A round trip costs more than what it carries.
    steps_through = True

    def __init__(
        self,
        program: Program,
        *,
        run_id: str,
        deadline_s: float = 30.0,
        answer_s: float | None = None,
        pin: bool = True,
        scratch: Path | None = None,
        node_type: NodeType | None = None,
    ) -> None:
        """Start the zygote and load the program into it.

        Args:
            program: code that nodes need; its modules must be importable in a fresh interpreter with this `sys.path`.
            run_id: marks every process of the run in its environment.
            deadline_s: wall time that anything asked of a process may take.
            answer_s: the same for nodes alone, if it is less.
            pin: keep the runner and all processes on one core, as only one of them is awake at a time.
            scratch: a directory, there or still to be made, that is removed if the runner dies before `close`; its name
                must contain the run id.
            node_type: what is stepped; the model's `NodeMachine` by default.

        Raises:
            BackendError: this machine cannot do it, or the program cannot be loaded.
        """
        if missing := missing_for(self.name):
            raise BackendError(f"the {self.name} backend cannot work on this machine: " + "; ".join(missing))
        if scratch is not None and not (scratch.is_absolute() and run_id in scratch.name):
            raise ValueError(f"expected an absolute path whose last part contains {run_id!r}, got {str(scratch)!r}")
        if node_type is None:
            from meshsim.model.runtime.node import NodeMachine

            node_type = NodeMachine
        self._deadline_s = deadline_s
        self._answer_s = deadline_s if answer_s is None else min(answer_s, deadline_s)
        #: Where cores go for the moment that they are needed; made when one is.
        self._scratch = scratch or Path(tempfile.gettempdir(), f"meshsim-{run_id}")
        self._keeps_scratch = scratch is not None
        self._diary = Diary()
        self._log = self._diary.log
        self._peers: dict[Node, NodePeer] = {}
        self._closed = False
        self._settings = _RunnerSettings(pin=pin)
        try:
            self._zygote = Zygote(run_id=run_id, scratch=self._scratch, deadline_s=deadline_s)
        except BaseException:
            self._settings.restore()
            raise
        try:
            self._zygote.load(node_type, program, live=self.is_live)
        except BaseException:
            with suppress(BackendError):  # Says the same again.
                self.close()
            raise

    def start(self, boot: NodeBoot) -> None:
        self._spawn(self._zygote, boot, pdeathsig=True)

    def spawn(self, parent: Node, boot: NodeBoot, *, pdeathsig: bool) -> None:
        self._spawn(self._peers[parent], boot, pdeathsig=pdeathsig)

    def step(self, node: Node, event: Event, now_ns: int) -> list[NodeCommand]:
        commands: list[NodeCommand] = self._peers[node].ask(Step(event, now_ns), COMMANDS, "a step")
        return commands

    def step_through(self, node: Node, messages: list[Envelope], now_ns: int) -> list[list[NodeCommand]]:
        request = StepThrough(messages, now_ns)
        answers: list[list[NodeCommand]] = self._peers[node].ask(request, COMMANDS_OF_EACH, "steps")
        return answers

    def exit(self, node: Node, code: int) -> None:
        peer = self._peers[node]
        self._log.info("told to exit", node=node, pid=peer.pid, code=code)
        peer.tell(Exit(code), "the request to exit")
        if not peer.has_ended(wait_s=self._deadline_s):
            raise BackendError(f"{node} did not exit within {self._deadline_s:g}s{peer.tail()}")

    def signal_itself(self, node: Node, signal: int) -> None:
        peer = self._peers[node]
        self._log.info("told to bring a signal upon itself", node=node, pid=peer.pid, signal=signal)
        peer.tell(SignalYourself(signal), "the request to die")
        if not peer.has_ended(wait_s=self._deadline_s):
            raise BackendError(f"{node} survived signal {signal} for {self._deadline_s:g}s{peer.tail()}")

    def dump_core(self, node: Node, signal: int) -> None:
        if missing := missing_for_core_dumps():
            raise BackendError(f"{node} cannot dump its core on this machine: {missing}")
        peer = self._peers[node]
        directory = self._scratch / "core"
        self._log.info("told to dump its core", node=node, pid=peer.pid, signal=signal)
        try:
            directory.mkdir(parents=True)
            peer.tell(DumpCore(signal, str(directory)), "the request to dump its core")
            if not peer.has_ended(wait_s=self._deadline_s):
                raise BackendError(f"{node} survived signal {signal} for {self._deadline_s:g}s{peer.tail()}")
        except OSError as error:
            raise BackendError(f"there is no place for a core: {error}") from error
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def exhaust_memory(self, node: Node) -> str:
        reply = self._peers[node].ask(ExhaustMemory(), REPLIES, "the request to take all memory")
        error = "ENOMEM" if isinstance(reply, Done) else ""
        self._log.info("took memory", node=node, limit="RLIMIT_AS", error=error)
        return error

    def limit(self, node: Node, resource: Resource, *, on: bool) -> None:
        reply = self._peers[node].ask(Limit(resource, on), REPLIES, f"a limit of {resource}")
        _granted(reply, Done, f"{node} cannot be limited")
        limit = _LIMITS[resource]
        found = soft_limit_of(self._peers[node].pid, limit)
        self._log.info("limited" if on else "unlimited", node=node, limit=limit, found=found)

    def spawn_in_vain(self, parent: Node, boot: NodeBoot, *, expected: str) -> str:
        """What the host's system call failed with. `expected` plays no part, as in `reap`."""
        request = Spawn(boot, pdeathsig=True)
        reply, descriptors = self._peers[parent].ask_for_descriptors(
            request, REPLIES, SPAWNED_DESCRIPTORS, f"the request to start {boot.node}"
        )
        for descriptor in descriptors:
            os.close(descriptor)
        error = errorcode.get(reply.errno, "another error") if isinstance(reply, Refused) else ""
        self._log.info("refused a child", node=parent, child=boot.node, error=error, reply=str(reply))
        return error

    def leave_parent(self, node: Node) -> None:
        self._peers[node].ask(LeaveParent(), REPLIES, "the request to outlive its parent")
        self._log.info("gave up its parent-death signal", node=node)

    def write(self, node: Node, lines: tuple[str, ...]) -> None:
        self._peers[node].ask(Write(lines), REPLIES, "lines to write")

    def written(self, node: Node, expected: tuple[str, ...]) -> tuple[str, ...]:
        """Among whatever else the process printed."""
        printed = self.stderr_of(node).decode(errors="replace").split("\n")
        rest = iter(printed)
        return expected if all(line in rest for line in expected) else tuple(printed)

    def signal(self, node: Node, signal: int, *, by: Node | None, group: bool = False) -> None:
        peer = self._peers[node]
        self._log.info("signal", node=node, pid=peer.pid, signal=signal, by=by or ("group" if group else "pidfd"))
        if group:
            peer.signal_group(signal)
        elif by is None:
            peer.signal(signal)
        else:
            self._peers[by].ask(Kill(peer.pid, signal), REPLIES, f"the request to signal {node}")

    def observe(self, node: Node, expected: ProcessState) -> ProcessState:
        """The state after it became `expected`, or, if the process ended or the deadline passed, what it is instead.

        A process that should be running is asked: one that answers has dealt with every signal sent before.
        """
        peer = self._peers[node]
        if expected is ProcessState.RUNNING and peer.state() is ProcessState.RUNNING and not self._answers(peer):
            peer.has_ended(wait_s=self._deadline_s)
        until = time.perf_counter() + self._deadline_s
        pause_s = _LOOK_PAUSE_S
        while True:
            state = peer.state()
            left_s = until - time.perf_counter()
            if state in (expected, ProcessState.DEAD, ProcessState.REAPED) or left_s <= 0:
                self._log.info("seen", node=node, pid=peer.pid, state=state.value, expected=expected.value)
                return state
            if expected is ProcessState.DEAD:
                peer.has_ended(wait_s=left_s)
            else:
                time.sleep(pause_s)
                pause_s = min(2 * pause_s, _LOOK_PAUSE_S_MAX)

    @staticmethod
    def _answers(peer: NodePeer) -> bool:
        """Whether the process answers; False when it ended instead."""
        try:
            peer.ask(Ping(), REPLIES, "a ping")
        except EndedError:
            return False
        return True

    def reap(self, node: Node, *, by: Node | None, expected: ExitStatus) -> ExitStatus:
        """What waitid says. `expected` plays no part: what the kernel says may be a finding."""
        peer = self._peers[node]
        parent: Peer = self._zygote if by is None else self._peers[by]
        if not peer.has_ended(wait_s=self._deadline_s):
            raise BackendError(f"{node} did not end within {self._deadline_s:g}s and cannot be reaped{peer.tail()}")
        reply = parent.ask(Reap(peer.pid), REPLIES, f"the request to reap {node}")
        reaped = _granted(reply, Reaped, f"{parent.name} cannot reap {node}")
        peer.release()
        status = exit_status(reaped)
        self._log.info("waited for", node=node, pid=peer.pid, by=by or "zygote", status=str(status))
        return status

    def close(self) -> None:
        """End every process of the run and free everything. May be called at any time, and twice.

        Raises:
            BackendError: something is left, by name; all that could be freed is freed all the same.
        """
        with _undisturbed():
            if self._closed:
                return
            self._closed = True
            try:
                for peer in self._peers.values():
                    peer.signal(signal.SIGKILL)
                self._zygote.close()
            finally:
                left = [node for node, peer in self._peers.items() if not peer.has_ended(wait_s=self._deadline_s)]
                for peer in self._peers.values():
                    peer.release()
                self._settings.restore()
                if not self._keeps_scratch:
                    shutil.rmtree(self._scratch, ignore_errors=True)
        if left:
            raise BackendError(f"killed and still there after {self._deadline_s:g}s: {', '.join(left)}")

    def stderr_of(self, node: Node) -> bytes:
        """All that a node printed so far, stdout and stderr; also after its end and after `close`."""
        return self._peers[node].printed()

    def diary(self) -> bytes:
        """What was done to processes, as JSON lines with pids and wall times."""
        return self._diary.text()

    def pid_of(self, node: Node) -> int:
        return self._peers[node].pid

    def facts(self, node: Node) -> ProcessFacts:
        """What /proc says of a node's process now.

        Raises:
            FileNotFoundError, ProcessLookupError: it has been reaped.
        """
        return facts_of(self._peers[node].pid)

    def _spawn(self, parent: Peer, boot: NodeBoot, *, pdeathsig: bool) -> None:
        assert boot.node not in self._peers, f"{boot.node} exists already"
        reply, descriptors = parent.ask_for_descriptors(
            Spawn(boot, pdeathsig), REPLIES, SPAWNED_DESCRIPTORS, f"the request to start {boot.node}"
        )
        spawned = _granted(reply, Spawned, f"{parent.name} cannot start {boot.node}")
        if len(descriptors) != SPAWNED_DESCRIPTORS:
            for descriptor in descriptors:
                os.close(descriptor)
            raise BackendError(f"the runner has no descriptors left for {boot.node} (RLIMIT_NOFILE)")
        peer = self._met(boot.node, spawned.pid, descriptors)
        self._log.info("started", node=boot.node, pid=peer.pid, by=parent.name, pdeathsig=pdeathsig)

    def _met(self, node: Node, pid: int, descriptors: list[int]) -> NodePeer:
        """A new process, among the peers from now on, once it can be asked."""
        peer = self._peers[node] = NodePeer(node, pid, descriptors, self._answer_s)
        peer.hear(REPLIES, "that it is ready")
        return peer


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ctrl-C and its like wait: one that came in the middle would leave processes behind, and then wait for them.

    SIGALRM is pytest-timeout's way to interrupt a test.
    """
    interrupts = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, interrupts)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _RunnerSettings:
    """What a run changes in the runner's own process: core affinity and the limit of open files."""

    def __init__(self, *, pin: bool) -> None:
        self._cores: set[int] | None = None
        if pin and hasattr(os, "sched_setaffinity"):
            self._cores = os.sched_getaffinity(0)
            os.sched_setaffinity(0, {current_cpu()})
        self._files = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (self._files[1], self._files[1]))

    def restore(self) -> None:
        if self._cores is not None:
            os.sched_setaffinity(0, self._cores)
        resource.setrlimit(resource.RLIMIT_NOFILE, self._files)


def _granted(reply: Reply, kind: type[_T], refusal: str) -> _T:
    if isinstance(reply, Refused):
        raise BackendError(f"{refusal}: {reply.reason}")
    assert isinstance(reply, kind), f"expected {kind.__name__}, got {reply}"
    return reply


def exit_status(reaped: Reaped) -> ExitStatus:
    if reaped.code == os.CLD_EXITED:
        return ExitStatus(code=reaped.status)
    return ExitStatus(signal=reaped.status, core_dumped=reaped.code == os.CLD_DUMPED)
