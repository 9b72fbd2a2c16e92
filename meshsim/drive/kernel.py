"""What the operating system is expected to do with the processes of a run.

The table says, before any signal is sent, what must follow from it: who stops, who dies, of what, and who takes
the children along. In `sim` that is what happens. In `lockstep` it is what the kernel is held to.
"""

from __future__ import annotations

import signal as _signal
from enum import Enum

import msgspec

from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import Node


class ProcessState(Enum):
    RUNNING = "running"
    #: SIGSTOP took effect: /proc says T.
    STOPPED = "stopped"
    #: Gone, but nobody has waited for it.
    DEAD = "dead"
    REAPED = "reaped"


class Process(msgspec.Struct):
    """One process of the run, as the model believes it to be."""

    node: Node
    kind: str
    parent: Node | None
    name: str
    pdeathsig: bool
    state: ProcessState = ProcessState.RUNNING
    status: ExitStatus | None = None
    #: Signals that wait for SIGCONT.
    pending: list[int] = []
    children: list[Node] = []


#: Errors of system calls as a program of the modelled system prints them. Numbers and texts are those of Linux.
ERRORS = {
    "EAGAIN": "Resource temporarily unavailable (os error 11)",
    "EMFILE": "Too many open files (os error 24)",
}

_IGNORED = frozenset({_signal.SIGCHLD, _signal.SIGURG, _signal.SIGWINCH})
_STOPPING = frozenset({_signal.SIGSTOP, _signal.SIGTSTP, _signal.SIGTTIN, _signal.SIGTTOU})
#: Signals of a thread's own making: the kernel takes them before all others. Source: next_signal() in Linux.
_SYNCHRONOUS = frozenset(
    {_signal.SIGSEGV, _signal.SIGBUS, _signal.SIGILL, _signal.SIGTRAP, _signal.SIGFPE, _signal.SIGSYS}
)


class Change(msgspec.Struct, frozen=True):
    """One process that changed state, and why (`exit`, `signal`, `parent_death`, `stop`, `continue`)."""

    node: Node
    state: ProcessState
    why: str


class ProcessTable:
    """All processes of a run. Methods return the changes that must follow, in order."""

    def __init__(self) -> None:
        self.processes: dict[Node, Process] = {}

    def add(self, process: Process) -> None:
        assert process.node not in self.processes, f"{process.node} exists already"
        self.processes[process.node] = process
        if process.parent is not None:
            self.processes[process.parent].children.append(process.node)

    def state(self, node: Node) -> ProcessState:
        return self.processes[node].state

    def alive(self) -> list[Node]:
        return [p.node for p in self.processes.values() if p.state in (ProcessState.RUNNING, ProcessState.STOPPED)]

    def exit(self, node: Node, code: int) -> list[Change]:
        """The process calls `_exit(code)`; the kernel keeps the low eight bits."""
        return self._die(node, ExitStatus(code=code & 0xFF), "exit")

    def signal(self, node: Node, signal: int) -> list[Change]:
        """A signal reaches one process whose dispositions are the default ones."""
        process = self.processes[node]
        if process.state in (ProcessState.DEAD, ProcessState.REAPED) or signal in _IGNORED or signal == 0:
            return []
        if signal == _signal.SIGKILL:
            return self._die(node, ExitStatus(signal=signal), "signal")
        if signal == _signal.SIGCONT:
            return self._continue(process)
        if signal in _STOPPING:
            if process.state is ProcessState.STOPPED:
                return []
            process.state = ProcessState.STOPPED
            return [Change(node, ProcessState.STOPPED, "stop")]
        if process.state is ProcessState.STOPPED:
            process.pending.append(signal)
            return []
        return self._die(node, ExitStatus(signal=signal), "signal")

    def dump_core(self, node: Node, signal: int) -> list[Change]:
        """A running process that may dump its core brings a signal upon itself that does so."""
        return self._die(node, ExitStatus(signal=signal, core_dumped=True), "signal")

    def _continue(self, process: Process) -> list[Change]:
        if process.state is not ProcessState.STOPPED:
            return []
        if process.pending:
            # Of several pending signals the kernel takes the synchronous ones first, then the lowest number.
            first = min(process.pending, key=lambda number: (number not in _SYNCHRONOUS, number))
            return self._die(process.node, ExitStatus(signal=first), "signal")
        process.state = ProcessState.RUNNING
        return [Change(process.node, ProcessState.RUNNING, "continue")]

    def _die(self, node: Node, status: ExitStatus, why: str) -> list[Change]:
        process = self.processes[node]
        process.state = ProcessState.DEAD
        process.status = status
        changes = [Change(node, ProcessState.DEAD, why)]
        for child in process.children:
            child_process = self.processes[child]
            if child_process.pdeathsig and child_process.state in (ProcessState.RUNNING, ProcessState.STOPPED):
                changes += self._die(child, ExitStatus(signal=int(_signal.SIGKILL)), "parent_death")
        return changes
