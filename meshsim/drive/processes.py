"""The processes of a run: started, signalled, ended, waited for, and held to what the kernel must do.

Whatever is done to a process goes through the process table first, which says what must follow; then the backend does
it, and says what did follow. A difference is recorded and ends the run: it is a finding about the model or the machine.

A stopped process takes nothing. What is meant for it waits in its inbox and is due, in order, when it continues.
"""

from __future__ import annotations

from collections.abc import Callable
from signal import SIGABRT, SIGCONT
from typing import Any

from msgspec import UNSET

from meshsim.drive.agenda import Agenda, Entry
from meshsim.drive.backend import Backend
from meshsim.drive.boots import allocated_boot, proc_boot, root_boot
from meshsim.drive.clocks import Clocks, machine_of
from meshsim.drive.false_starts import false_starts
from meshsim.drive.kernel import ERRORS, Change, Process, ProcessState, ProcessTable
from meshsim.drive.output import Output, shouted
from meshsim.drive.refusals import Refusals
from meshsim.faults.kinds import NeverReady, SlowStart, SpawnRefused, StartFails
from meshsim.faults.signals import signal_name, signal_number
from meshsim.model.boot import NodeBoot
from meshsim.model.commands import SpawnAllocated, SpawnProcess
from meshsim.model.events import ChildExited, ClockSet, Event, SpawnFailed, Started
from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import (
    LOCAL_PROC,
    SERVICE_PROC,
    Name,
    Node,
    ProcId,
    address_of_node,
    base_of,
    name_of_host,
    proc_id,
)
from meshsim.model.wall_clock import WallClock
from meshsim.scenario.plan import Plan, allocating_hosts
from meshsim.trace.records import (
    NO_CAUSE,
    WORLD,
    Body,
    FaultMissed,
    FaultStruck,
    KernelDisagreed,
    ProcessContinued,
    ProcessDied,
    ProcessLeftParent,
    ProcessNotStarted,
    ProcessReaped,
    ProcessSignalled,
    ProcessStarted,
    ProcessStopped,
)
from meshsim.units import format_duration

#: What a program of the modelled system prints when it gets no memory. Source: the Rust standard library; the size is
#: that of the pieces in which a process takes its memory here.
ALLOCATION_FAILED = "memory allocation of 1048576 bytes failed"

#: Appends a record (node, cause, body) and returns its number.
Recorder = Callable[[str, int, Body], int]

#: Feeds an event to a running node and carries out what it asks for; the number is that of the causing record.
Stepper = Callable[[Node, Event, int], None]


class AbandonedError(Exception):
    """The kernel did something else than the model expects: the rest of the run would mean nothing."""


class Processes:
    """All processes of one run, and what waits for those that are stopped."""

    def __init__(self, plan: Plan, backend: Backend, agenda: Agenda, record: Recorder, step: Stepper) -> None:
        self.table = ProcessTable()
        self.running: dict[Node, bool] = {}
        #: Running, and so is the host in front of it: what a message needs to be taken.
        self.reachable: dict[Node, bool] = {}
        #: The host whose front end every message to this process passes, if it is a proc.
        self.front: dict[Node, Node | None] = {}
        #: Which process serves a proc.
        self.of_proc: dict[ProcId, Node] = {}
        #: Which process serves a front-end address.
        self.of_address: dict[str, Node] = {}
        #: Child processes by parent and name.
        self._of_child: dict[tuple[Node | None, str], Node] = {}
        self.clocks = Clocks(plan)
        self._plan = plan
        self._backend = backend
        self._agenda = agenda
        self._record = record
        self._step = step
        self._inbox: dict[Node, list[Entry]] = {}
        self._output: dict[Node, Output] = {}
        self._false_starts = false_starts(plan)
        self._refusals = Refusals(self._false_starts, backend, record, self._agree)
        self.limit = self._refusals.limit
        self.is_limited = self._refusals.is_limited
        #: Children that the kernel refused.
        self.never_started: set[Name] = set()
        #: Stalls that keep a process stopped, each until its own end.
        self.stalls: dict[Node, list[object]] = {}
        #: Hosts that have an allocator, and forward to what it started.
        self._allocating = allocating_hosts(plan)
        #: Called when a host is about to come back, with its former process and its next one.
        self.on_return: Callable[[Node, Node], None] = lambda *_: None
        #: Called when a process is stopped, goes on or has ended, before anything that follows from it.
        self.on_change: Callable[[Node, ProcessState], None] = lambda *_: None
        #: Asked why a process has ended; it may have been about to end itself, which nobody knew yet.
        self.why_ended: Callable[[Change], str] = _why

    def is_gone(self, node: Node) -> bool:
        return self.table.state(node) in (ProcessState.DEAD, ProcessState.REAPED)

    def is_stopped(self, node: Node) -> bool:
        return self.table.state(node) is ProcessState.STOPPED

    # --- waiting for a stopped process ---------------------------------------------------------------------

    def hold(self, node: Node, function: Callable[..., None], *arguments: Any) -> None:  # noqa: ANN401  as Agenda.post
        """Keep something for a stopped process until it continues or dies; a dead one needs nothing."""
        if self.is_stopped(node):
            self._inbox.setdefault(node, []).append((function, arguments))

    def held(self) -> list[Entry]:
        """All that waits for a stopped process."""
        return [entry for entries in self._inbox.values() for entry in entries]

    def _let_go(self, node: Node) -> None:
        """What waited for a stopped process is due now, before anything that arrives at this instant."""
        held = self._inbox.pop(node, [])
        if held:
            self._agenda.at(self._agenda.instant).extendleft(reversed(held))

    # --- starting ------------------------------------------------------------------------------------------

    def start(self, node: Node, kind: str) -> None:
        """Start a process of the topology: a host or a client."""
        self._add(Process(node, kind, None, "", pdeathsig=True))
        self._backend.start(self._root_boot(node, kind))
        seq = self._record(node, NO_CAUSE, ProcessStarted(kind, "", "", pdeathsig=True))
        self._step(node, Started(), seq)

    def restart(self, former: Node, cause: int) -> None:
        """A host comes back as another process: `host0~2`, at the same address, where nobody knows the former procs."""
        node = self._next_node(Node(name_of_host(former)))
        self.on_return(former, node)
        children = self.table.processes[former].children
        self.of_proc = {proc: each for proc, each in self.of_proc.items() if each not in children}
        self._add(Process(node, "host", None, "", pdeathsig=True))
        self._backend.start(self._root_boot(node, "host"))
        seq = self._record(node, cause, ProcessStarted("host", "", "", pdeathsig=True))
        self._step(node, Started(), seq)

    def start_host(self, client: Node, node: Node, cause: int) -> None:
        """A client starts a host, which does not die with it (supervision.md 9.4, `process`)."""
        self._add(Process(node, "host", client, "", pdeathsig=False))
        self._backend.spawn(client, self._root_boot(node, "host"), pdeathsig=False)
        seq = self._record(node, cause, ProcessStarted("host", client, "", pdeathsig=False))
        self._agenda.post(self._agenda.instant + int(self._plan.network.spawn), self._boot, node, seq)

    def _root_boot(self, node: Node, kind: str) -> NodeBoot:
        return root_boot(self._plan, node, kind, self.clocks.of(node))

    def spawn(self, host: Node, command: SpawnProcess, cause: int) -> None:
        """A host starts a child, which takes its first step a little later; or the kernel refuses it one."""
        node = self._child_node(host, command.name)
        boot = proc_boot(self._plan, host, node, command, self.clocks.of(host))
        refusal = self._refusals.why(host, boot, cause)
        if refusal is None:
            # A host that came back may be asked again for what its former process was refused.
            self.never_started.discard(boot.proc_name)
            self._add(Process(node, "proc", host, command.name, command.pdeathsig))
            self._spawn(host, boot, cause, pdeathsig=command.pdeathsig)
        else:
            error, why = refusal
            seq = self._record(host, why, ProcessNotStarted(boot.proc_name, error))
            self.never_started.add(boot.proc_name)
            refused = SpawnFailed(boot.proc_name, ERRORS[error])
            self._agenda.post(self._agenda.instant, self._tell_refused, host, refused, seq)

    def _tell_refused(self, host: Node, refused: SpawnFailed, cause: int) -> None:
        if self.running[host]:
            self._step(host, refused, cause)
        else:
            self.hold(host, self._tell_refused, host, refused, cause)

    def _agree(self, node: Node, cause: int, expected: str, observed: str) -> None:
        """Hold the kernel to the error that must follow."""
        if observed != expected:
            self._disagree(node, cause, expected, observed or "no error")

    def spawn_allocated(self, parent: Node, command: SpawnAllocated, cause: int) -> None:
        """An allocator starts a child, which serves an address of its own and outlives its parent."""
        node = Node(f"{parent}/{command.node}")
        self._add(Process(node, "allocated", parent, command.name, pdeathsig=False))
        boot = allocated_boot(self._plan, node, command, self.clocks.of(parent))
        self._spawn(parent, boot, cause, pdeathsig=False)

    def _spawn(self, parent: Node, boot: NodeBoot, cause: int, *, pdeathsig: bool) -> None:
        self._backend.spawn(parent, boot, pdeathsig=pdeathsig)
        name = self.table.processes[boot.node].name
        seq = self._record(boot.node, cause, ProcessStarted(boot.kind, parent, name, pdeathsig))
        self._agenda.post(self._agenda.instant + int(self._plan.network.spawn), self._boot, boot.node, seq)

    def _child_node(self, host: Node, name: str) -> Node:
        """Readable and the same in every run: `host0/workers_1`; a second one of that name gets `~2`."""
        return self._next_node(Node(f"{host}/{base_of(name)}"))

    def _next_node(self, base: Node) -> Node:
        node, count = base, 1
        while node in self.table.processes:
            count += 1
            node = Node(f"{base}~{count}")
        return node

    def _add(self, process: Process) -> None:
        node = process.node
        self.table.add(process)
        self._of_child[process.parent, process.name] = node
        host = process.parent if process.kind == "proc" else None
        host_forwards = process.kind == "allocated" and process.parent in self._allocating
        self.front[node] = process.parent if host_forwards else host
        self._set_running(node, running=True)
        address = address_of_node(host or node)
        if host is None:
            self.of_address[address] = node
        for name in [process.name] if process.name else [SERVICE_PROC, LOCAL_PROC]:
            self.of_proc[proc_id(address, name)] = node

    def _set_running(self, node: Node, *, running: bool) -> None:
        self.running[node] = running
        for each in (node, *self.table.processes[node].children):
            front = self.front[each]
            self.reachable[each] = self.running[each] and (front is None or self.running[front])

    def _boot(self, node: Node, cause: int) -> None:
        """A new process is about to take its first step, unless a fault has it otherwise."""
        if not self.running[node]:
            self.hold(node, self._boot, node, cause)
            return
        if node not in self._false_starts:
            self._step(node, Started(), cause)
            return
        index, fault = self._false_starts[node]
        match fault:
            case StartFails(after=after):
                self._agenda.post(self._agenda.instant + int(after), self._fail_start, node, index, fault, cause)
            case SlowStart(after=after):
                seq = self._record(WORLD, cause, FaultStruck(index, "slow_start", node, format_duration(after)))
                self._agenda.post(self._agenda.instant + int(after), self._take_first_step, node, seq)
            case NeverReady():
                self._record(WORLD, cause, FaultStruck(index, "never_ready", node))
            case SpawnRefused():
                raise AssertionError(f"{node} was refused")

    def _take_first_step(self, node: Node, cause: int) -> None:
        if self.running[node]:
            self._step(node, Started(), cause)
        else:
            self.hold(node, self._take_first_step, node, cause)

    def _fail_start(self, node: Node, index: int, fault: StartFails, cause: int) -> None:
        """A process that was to boot a proc ends instead."""
        if self.is_stopped(node):
            self.hold(node, self._fail_start, node, index, fault, cause)
        elif self.is_gone(node):
            self._record(WORLD, cause, FaultMissed(index, "start_fails", fault.target, f"{node} is gone"))
        else:
            lines = tuple(fault.lines)
            number = None if fault.signal is UNSET else signal_number(fault.signal)
            detail = shouted(lines, fault.code if number is None else None)
            by = "" if number is None else signal_name(number)
            struck = FaultStruck(index, "start_fails", node, ", ".join(filter(None, (detail, by))))
            seq = self._record(WORLD, cause, struck)
            self.write(node, lines)
            if number is None:
                self.exit(node, fault.code, seq)
            else:
                self.signal_itself(node, number, seq)

    # --- clocks ----------------------------------------------------------------------------------------------

    def set_clock(self, machine: Node, clock: WallClock, cause: int) -> None:
        """The wall clock of a machine is another one from now on; each of its processes reads it when it runs."""
        self.clocks.set(machine, clock)
        for node in list(self.table.processes):
            if machine_of(node) == machine:
                self._read_clock(node, cause)

    def _read_clock(self, node: Node, cause: int) -> None:
        if self.is_stopped(node):
            self.hold(node, self._read_clock, node, cause)
        elif self.running[node]:
            read = ClockSet.to(self.clocks.of(node))
            self._step(node, read, self._record(node, cause, read))

    # --- output --------------------------------------------------------------------------------------------

    def write(self, node: Node, lines: tuple[str, ...]) -> None:
        """The process writes these lines to stderr."""
        if lines:
            self._backend.write(node, lines)
            self._output.setdefault(node, Output()).write(lines, self._agenda.instant)

    def _read_all(self, node: Node, cause: int) -> Output:
        """What a dead process had written, held against what the machine says it printed."""
        output = self._output.get(node) or Output()
        expected = tuple(output.lines)
        if expected:
            written = self._backend.written(node, expected)
            if written != expected:
                self._disagree(node, cause, "\n".join(expected), "\n".join(written))
        return output

    # --- ending, stopping, continuing ------------------------------------------------------------------------

    def exit(self, node: Node, code: int, cause: int) -> None:
        """The process ends itself."""
        changes = self.table.exit(node, code)
        self._backend.exit(node, code)
        self._follow(changes, cause)
        self._check(self.table.processes[node].children, cause)

    def signal(self, node: Node, signal: int, cause: int, *, by: Node | None = None, group: bool = False) -> None:
        """A signal to a process: from outside, where it may be for its whole group, or from the host that owns it.

        Its group is the process itself: what it starts has groups of its own (supervision.md 3.6).
        """
        seq = self._record(node, cause, ProcessSignalled(signal, by or ""))
        if signal == SIGCONT:
            self.stalls.pop(node, None)
        changes = self.table.signal(node, signal)
        self._backend.signal(node, signal, by=by, group=group)
        self._follow(changes, seq)
        self._check([node, *self.table.processes[node].children], seq)

    def signal_itself(self, node: Node, signal: int, cause: int) -> None:
        """A process gets a deadly signal of its own making, from inside a handler."""
        seq = self._record(node, cause, ProcessSignalled(signal, node))
        changes = self.table.signal(node, signal)
        assert changes, f"signal {signal} is not deadly"
        self._backend.signal_itself(node, signal)
        self._follow(changes, seq)
        self._check(self.table.processes[node].children, seq)

    def dump_core(self, node: Node, signal: int, cause: int) -> None:
        """As `signal_itself`, by a process that dumps its core."""
        seq = self._record(node, cause, ProcessSignalled(signal, node))
        changes = self.table.dump_core(node, signal)
        self._backend.dump_core(node, signal)
        self._follow(changes, seq)
        self._check(self.table.processes[node].children, seq)

    def exhaust_memory(self, node: Node, cause: int) -> None:
        """The process takes memory until it gets no more, and aborts as a Rust program does."""
        self._agree(node, cause, "ENOMEM", self._backend.exhaust_memory(node))
        self.write(node, (ALLOCATION_FAILED,))
        self.signal_itself(node, SIGABRT, cause)

    def leave_parent(self, node: Node, cause: int) -> None:
        """The process gives up its parent-death signal."""
        self._record(node, cause, ProcessLeftParent())
        self.table.processes[node].pdeathsig = False
        self._backend.leave_parent(node)

    def signal_child(self, host: Node, name: str, signal: int, cause: int) -> None:
        """As the host does it: a child that is gone already counts as success (supervision.md 3.6)."""
        node = self._of_child[host, name]
        if not self.is_gone(node):
            self.signal(node, signal, cause, by=host)

    def _follow(self, changes: list[Change], cause: int) -> None:
        """Hold the kernel to what must follow, record it, and let the model find out."""
        for change in changes:
            observed = self._backend.observe(change.node, change.state)
            if observed is not change.state:
                self._disagree(change.node, cause, change.state.value, observed.value)
            match change.state:
                case ProcessState.STOPPED:
                    self._set_running(change.node, running=False)
                    self.on_change(change.node, change.state)
                    self._record(change.node, cause, ProcessStopped())
                case ProcessState.RUNNING:
                    self._set_running(change.node, running=True)
                    self.on_change(change.node, change.state)
                    self._record(change.node, cause, ProcessContinued())
                    self._let_go(change.node)
                case ProcessState.DEAD:
                    self._set_running(change.node, running=False)
                    self.on_change(change.node, change.state)
                    if change.node in self._output:
                        self._output[change.node].end(self._agenda.instant)
                    seq = self._record(change.node, cause, ProcessDied(self.why_ended(change)))
                    self._wait_for(change.node, seq)
                case ProcessState.REAPED:
                    raise AssertionError("reaping is done here")

    def check_all(self) -> None:
        """At the end of a run: the kernel has to agree with the table about every process that should be there."""
        self._check(list(self.table.processes), NO_CAUSE)

    def _check(self, nodes: list[Node], cause: int) -> None:
        """What should have survived must have: a process that is gone without a reason is a finding too."""
        for node in nodes:
            expected = self.table.state(node)
            if expected in (ProcessState.RUNNING, ProcessState.STOPPED):
                observed = self._backend.observe(node, expected)
                if observed is not expected:
                    self._disagree(node, cause, expected.value, observed.value)

    # --- waiting for the dead --------------------------------------------------------------------------------

    def _wait_for(self, node: Node, cause: int) -> None:
        """The true parent waits for the dead process and learns how it ended."""
        parent = self.table.processes[node].parent
        if parent is None or self.is_gone(parent):
            self._reap(node, None, cause)
        else:
            self._agenda.post(self._agenda.instant, self._reap_by_parent, node, parent, cause)
        self._let_go(node)

    def _reap_by_parent(self, node: Node, parent: Node, cause: int) -> None:
        if self.is_stopped(parent):
            self.hold(parent, self._reap_by_parent, node, parent, cause)
        elif self.running[parent]:
            seq, status = self._reap(node, parent, cause)
            process = self.table.processes[node]
            if process.kind != "host":  # Who started a host does not ask what became of it.
                output = self._read_all(node, seq)
                exited = ChildExited(Name(process.name), status, tuple(output.lines), output.unread)
                self._step(parent, exited, seq)
        else:
            self._reap(node, None, cause)

    def _reap(self, node: Node, by: Node | None, cause: int) -> tuple[int, ExitStatus]:
        process = self.table.processes[node]
        assert process.status is not None
        status = self._backend.reap(node, by=by, expected=process.status)
        process.state = ProcessState.REAPED
        seq = self._record(node, cause, ProcessReaped(by or "", status))
        if status != process.status:
            self._disagree(node, seq, str(process.status), str(status))
        return seq, status

    def _disagree(self, node: Node, cause: int, expected: str, observed: str) -> None:
        self._record(node, cause, KernelDisagreed(expected, observed))
        raise AbandonedError


def _why(change: Change) -> str:
    return change.why
