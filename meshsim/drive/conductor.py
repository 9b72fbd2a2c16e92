"""The conductor: owns time, deliveries, timers, processes and trace of one run, whatever the backend.

It feeds one event at a time to a node, records it, and carries out what comes back. Time is a SimPy environment
in integer nanoseconds. Faults (`meshsim.drive.injector`) and operations (`meshsim.drive.stage`) are SimPy processes
beside it.

A record's cause is the record whose handling led to it: the commands of one step carry the number of the
record that was fed to it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import simpy

from meshsim.drive.agenda import Agenda, Entry, TieOrder
from meshsim.drive.backend import Backend
from meshsim.drive.kernel import Change, Process, ProcessState, ProcessTable
from meshsim.drive.network import CLOSED, UNROUTABLE, Network, Unacknowledged
from meshsim.model.boot import NodeBoot
from meshsim.model.commands import (
    CancelTimer,
    ExitProcess,
    NodeCommand,
    SetTimer,
    SignalProcess,
    SpawnProcess,
)
from meshsim.model.events import ChildExited, Event, Started, TimerFired
from meshsim.model.ids import (
    LOCAL_PROC,
    SERVICE_PROC,
    ActorId,
    Name,
    Node,
    ProcId,
    address_of_node,
    base_of,
    proc_id,
    proc_of,
)
from meshsim.model.messages import Envelope, Undeliverable
from meshsim.model.notes import MeshSpawned, OperationEnded
from meshsim.model.process import ExitStatus
from meshsim.scenario.plan import Plan, plan_digest
from meshsim.scenario.streams import stream_key
from meshsim.trace.digest import TraceWriter
from meshsim.trace.directory import Directory
from meshsim.trace.records import (
    NO_CAUSE,
    TRACE_SCHEMA,
    WORLD,
    Body,
    InFlight,
    KernelDisagreed,
    MessageLost,
    MessageReturned,
    ProcessContinued,
    ProcessDied,
    ProcessReaped,
    ProcessSignalled,
    ProcessStarted,
    ProcessStopped,
    Record,
    RunEnded,
    RunStarted,
)

#: Why a message that nobody wants back is lost.
RECEIVER_GONE = "the receiver is gone"


#: Arguments of a delivery: from, to, what, cause, and when it was sent.
Delivery = tuple[Node, Node, Envelope, int, int]


class _AbandonedError(Exception):
    """The kernel did something else than the model expects: the rest of the run would mean nothing."""


class Conductor:
    """One run of one plan on one backend."""

    def __init__(self, plan: Plan, backend: Backend, tie_order: TieOrder | None = None) -> None:
        self.plan = plan
        self.env = simpy.Environment(initial_time=0)
        self.directory = Directory()
        self.table = ProcessTable()
        self._backend = backend
        self._agenda = Agenda(self.env, tie_order, self._lane)
        self._network = Network(plan)
        self._writer = TraceWriter()
        #: Everything that was recorded so far.
        self.records: list[Record] = self._writer.records
        self._routes: dict[ActorId, Node] = {}
        self._nodes_of_procs: dict[ProcId, Node] = {}
        #: Host whose front end every message to this proc passes.
        self._front: dict[Node, Node | None] = {}
        self._running: dict[Node, bool] = {}
        #: Running, and so is the host in front of it: what a message needs to be taken.
        self._reachable: dict[Node, bool] = {}
        #: What waits for a stopped process, in order.
        self._inbox: dict[Node, list[tuple[Callable[..., None], tuple[Any, ...]]]] = {}
        #: The bound method, made once: it is in every entry of a delivery.
        self._deliver_ = self._deliver_in_a_row if backend.steps_through else self._deliver
        self._timers: dict[tuple[ActorId, str], int] = {}
        self._timer_count = 0
        #: Called with every record, for triggers.
        self.watchers: list[Callable[[Record], None]] = []
        #: Called when an operation has ended, for the stage.
        self.on_operation_ended: Callable[[OperationEnded], None] = lambda _: None

    @property
    def now_ns(self) -> int:
        return int(self.env.now)

    def digest(self) -> str:
        """Digest of the trace so far."""
        return self._writer.digest()

    def run(self) -> None:
        """Run to the horizon. The trace is in `records` afterwards, whatever happened."""
        from meshsim.drive.injector import inject
        from meshsim.drive.stage import Stage

        plan = self.plan
        self.record(WORLD, NO_CAUSE, RunStarted(TRACE_SCHEMA, plan.scenario, plan.seed, plan_digest(plan)))
        why = "horizon"
        try:
            for host in plan.hosts:
                self._start_root(Node(host), "host")
            for client in plan.clients:
                self._start_root(Node(client), "client")
            Stage(self).begin()
            inject(self)
            self.env.run(until=int(plan.horizon))
        except _AbandonedError:
            why = "kernel_disagreed"
        self._finish(why)

    def _finish(self, why: str) -> None:
        for node, cause, envelope in list(self._under_way()):
            self.record(node, cause, InFlight(envelope))
        self.record(WORLD, NO_CAUSE, RunEnded(why, tuple(self.table.alive())))

    def _under_way(self) -> Iterator[tuple[Node, int, Envelope]]:
        """Messages that are neither delivered nor lost, with where they go and what caused them."""
        held = [entry for entries in self._inbox.values() for entry in entries]
        for function, arguments in [*held, *self._agenda.remaining()]:
            if function is self._deliver_:
                _, dst, envelope, cause, _ = arguments
                yield dst, cause, envelope
            elif function in (self._hand_over, self._give_back):
                node, envelope, cause = arguments[:3]
                yield node, cause, envelope
        for dst, message in self._network.unacknowledged():
            yield dst, message.cause, message.envelope

    # --- records -------------------------------------------------------------------------------------------

    def record(self, node: str, cause: int, what: Body) -> int:
        """Append a record at the present instant; its number."""
        records = self.records
        seq = len(records)
        record = Record(seq, int(self.env.now), node, cause, what)
        records.append(record)
        if type(what) is ProcessStarted or type(what) is MeshSpawned:
            self.directory.observe(record)
        for watcher in self.watchers:
            watcher(record)
        return seq

    # --- stepping nodes --------------------------------------------------------------------------------------

    def _step(self, node: Node, event: Event, cause: int) -> None:
        """Feed one event to a running node and carry out what it asks for."""
        self._carry_out_all(node, self._backend.step(node, event, self._agenda.now_ns), cause)

    def _carry_out_all(self, node: Node, commands: list[NodeCommand], cause: int) -> None:
        network, routes = self._network, self._routes
        if network.uniform_ns is None or network.closed:
            for command in commands:
                if type(command) is Envelope:
                    self._send(node, command, cause)
                else:
                    self._carry_out(node, command, cause)
            return
        # The common case, kept short: every message of this step arrives at the same instant.
        now_ns = self._agenda.now_ns
        arrivals: deque[Entry] | None = None
        for command in commands:
            if type(command) is Envelope:
                dst = routes.get(command.dest) or self._route(command.dest)
                if dst is None:
                    self._give_back(node, command, cause, UNROUTABLE)
                    continue
                if arrivals is None:
                    arrivals = self._agenda.at(now_ns + network.uniform_ns)
                arrivals.append((self._deliver_, (node, dst, command, cause, now_ns)))
            else:
                self._carry_out(node, command, cause)

    def _carry_out(self, node: Node, command: NodeCommand, cause: int) -> None:
        match command:
            case SetTimer(actor=actor, key=key, after_ns=after_ns):
                self._timer_count += 1
                self._timers[(actor, key)] = self._timer_count
                at_ns = int(self.env.now) + after_ns
                self._agenda.post(at_ns, self._fire, node, TimerFired(actor, key), self._timer_count, cause)
            case CancelTimer(actor=actor, key=key):
                self._timers.pop((actor, key), None)
            case SpawnProcess():
                self._spawn(node, command, cause)
            case SignalProcess(name=name, signal=signal):
                self._signal_child(node, name, signal, cause)
            case ExitProcess(code=code):
                self.exit(node, code, cause)
            case Envelope():
                raise AssertionError("messages are sent, not carried out")
            case note:
                self.record(node, cause, note)
                if type(note) is OperationEnded:
                    self.on_operation_ended(note)

    def _fire(self, node: Node, fired: TimerFired, token: int, cause: int) -> None:
        if self._timers.get((fired.actor, fired.key)) != token:
            return
        if not self._running[node]:
            self._hold(node, self._fire, node, fired, token, cause)
            return
        del self._timers[(fired.actor, fired.key)]
        self._step(node, fired, self.record(node, cause, fired))

    def _hold(self, node: Node, function: Callable[..., None], *arguments: Any) -> None:  # noqa: ANN401  as Agenda.post
        """Keep something for a stopped process until it continues; a dead one needs nothing."""
        if self.table.state(node) is ProcessState.STOPPED:
            self._inbox.setdefault(node, []).append((function, arguments))

    # --- messages ------------------------------------------------------------------------------------------

    def _send(self, src: Node, envelope: Envelope, cause: int) -> None:
        now_ns = self.now_ns
        dst = self._routes.get(envelope.dest) or self._route(envelope.dest)
        if dst is None:
            self._give_back(src, envelope, cause, UNROUTABLE)
            return
        if (src, dst) in self._network.closed:
            self._give_back(src, envelope, cause, CLOSED)
            return
        at_ns = self._network.arrival(src, dst, now_ns)
        if at_ns is None:
            self.record(dst, cause, MessageLost(envelope, "the network lost it"))
        else:
            self._agenda.post(at_ns, self._deliver_, src, dst, envelope, cause, now_ns)

    def _route(self, actor: ActorId) -> Node | None:
        node = self._nodes_of_procs.get(proc_of(actor))
        if node is not None:
            self._routes[actor] = node
        return node

    def _deliver_in_a_row(self, src: Node, dst: Node, envelope: Envelope, cause: int, sent_ns: int) -> None:
        """As `_deliver`, with everything that the same process receives next at this instant: one round trip.

        The records are the same: no command of one step changes what the next step of that process is fed, except
        its exit, after which it takes nothing.
        """
        row: list[Delivery] = [(src, dst, envelope, cause, sent_ns)]
        while (following := self._agenda.take_next(self._deliver_, dst)) is not None:
            row.append(following)
        taken = 0
        if len(row) > 1 and self._reachable[dst]:
            messages = [delivery[2] for delivery in row]
            for commands in self._backend.step_through(dst, messages, self._agenda.now_ns):
                seq = self.record(dst, row[taken][3], messages[taken])
                taken += 1
                self._carry_out_all(dst, commands, seq)
        for delivery in row[taken:]:
            self._deliver(*delivery)

    def _deliver(self, src: Node, dst: Node, envelope: Envelope, cause: int, sent_ns: int) -> None:
        if self._reachable[dst]:
            records = self.records
            seq = len(records)
            now_ns = self._agenda.now_ns
            record = Record(seq, now_ns, dst, cause, envelope)
            records.append(record)
            if self.watchers:
                for watcher in self.watchers:
                    watcher(record)
            commands = self._backend.step(dst, envelope, now_ns)
            if commands:
                self._carry_out_all(dst, commands, seq)
        else:
            self._not_taken(src, dst, envelope, cause, sent_ns)

    def _not_taken(self, src: Node, dst: Node, envelope: Envelope, cause: int, sent_ns: int) -> None:
        """The receiver, or the host whose front end it is behind, is stopped or gone."""
        blocker = self._blocker(dst)
        stopped = self.table.state(blocker) is ProcessState.STOPPED
        if not stopped and not envelope.returnable:
            self.record(dst, cause, MessageLost(envelope, RECEIVER_GONE))
            return
        message = Unacknowledged(envelope, sent_ns, cause)
        look_ns = self._network.keep(src, dst, message)
        if look_ns is not None:
            self._agenda.post(max(look_ns, self.now_ns), self._give_up, src, dst)
        if stopped:
            # Written to a socket that nobody reads: it is taken when the process continues, given up or not.
            self._hold(blocker, self._deliver_late, src, dst, message)

    def _blocker(self, dst: Node) -> Node:
        """Whose fault it is that `dst` cannot be reached: its own, or that of the host in front of it."""
        front = self._front[dst]
        return dst if front is None or not self._running[dst] else front

    def _deliver_late(self, src: Node, dst: Node, message: Unacknowledged) -> None:
        """What a stopped process did not take, now that the process continues or is dead."""
        blocker = self._blocker(dst)
        if self._reachable[dst]:
            self._network.acknowledge(src, dst, message)
            self._deliver(src, dst, message.envelope, message.cause, message.sent_ns)
        elif self.table.state(blocker) is ProcessState.STOPPED:
            self._hold(blocker, self._deliver_late, src, dst, message)
        elif not message.envelope.returnable and self._network.acknowledge(src, dst, message):
            self.record(dst, message.cause, MessageLost(message.envelope, RECEIVER_GONE))

    def _lane(self, entry: Entry) -> tuple[Node, Node] | None:
        """Messages of one link keep their order, whatever the tie order."""
        function, arguments = entry
        if function is self._deliver_ or function == self._deliver_late:
            return arguments[0], arguments[1]
        return None

    def _give_up(self, src: Node, dst: Node) -> None:
        """The delivery timeout of a channel: it closes, and everything unacknowledged comes back."""
        result = self._network.give_up(src, dst, self.now_ns)
        if isinstance(result, int):
            self._agenda.post(result, self._give_up, src, dst)
            return
        front = self._front[dst]
        hop = dst if front is None or self._running[front] else front
        connected = self.table.state(hop) is ProcessState.STOPPED
        address = address_of_node(front or dst)
        for waiting in result:
            error = self._network.timeout_error(src, dst, address, connected=connected)
            self._give_back(src, waiting.envelope, waiting.cause, error)

    def _give_back(self, src: Node, envelope: Envelope, cause: int, error: str) -> None:
        """To the sender's own process, without touching the network; its client found out."""
        if self.table.state(src) is ProcessState.STOPPED:
            self._hold(src, self._give_back, src, envelope, cause, error)
        elif not envelope.returnable or not self._running[src]:
            self.record(src, cause, MessageLost(envelope, error))
        else:
            seq = self.record(src, cause, MessageReturned(envelope, (error,)))
            returned = Envelope(envelope.dest, envelope.sender, Undeliverable(envelope, (error,)), returnable=False)
            self._agenda.post(self.now_ns, self._deliver_, src, src, returned, seq, self.now_ns)

    def tell(self, actor: ActorId, envelope: Envelope, cause: int) -> bool:
        """Hand a message of the scenario itself to an actor, now; False when its process is gone."""
        node = self._route(actor)
        if node is None or self.table.state(node) in (ProcessState.DEAD, ProcessState.REAPED):
            return False
        self._agenda.post(self.now_ns, self._hand_over, node, envelope, cause)
        return True

    def _hand_over(self, node: Node, envelope: Envelope, cause: int) -> None:
        if self._running[node]:
            self._step(node, envelope, self.record(node, cause, envelope))
        elif self.table.state(node) is ProcessState.STOPPED:
            self._hold(node, self._hand_over, node, envelope, cause)
        else:
            self.record(node, cause, MessageLost(envelope, RECEIVER_GONE))

    # --- processes -----------------------------------------------------------------------------------------

    def _start_root(self, node: Node, kind: str) -> None:
        self._add(Process(node, kind, None, "", pdeathsig=True))
        boot = NodeBoot(
            node=node,
            kind=kind,
            config=self.plan.config,
            name_key=stream_key(self.plan.seed, "names", node),
            clock_offset_ns=int(self.plan.clocks.get(node, 0)),
        )
        self._backend.start(boot)
        seq = self.record(node, NO_CAUSE, ProcessStarted(kind, "", "", pdeathsig=True))
        self._step(node, Started(), seq)

    def _spawn(self, host: Node, command: SpawnProcess, cause: int) -> None:
        """A host starts a child; it takes its first step a little later."""
        node = self._child_node(host, command.name)
        self._add(Process(node, "proc", host, command.name, command.pdeathsig))
        boot = NodeBoot(
            node=node,
            kind="proc",
            config={**self.plan.config, **command.config},
            name_key=stream_key(self.plan.seed, "names", node),
            clock_offset_ns=int(self.plan.clocks.get(host, 0)),
            proc_name=command.name,
            host=host,
            callback=command.callback,
        )
        self._backend.spawn(host, boot, pdeathsig=command.pdeathsig)
        seq = self.record(node, cause, ProcessStarted("proc", host, command.name, command.pdeathsig))
        self._agenda.post(self.now_ns + int(self.plan.network.spawn), self._boot, node, seq)

    def _child_node(self, host: Node, name: str) -> Node:
        """Readable and the same in every run: `host0/workers_1`; a second one of that name gets `~2`."""
        base = Node(f"{host}/{base_of(name)}")
        node, count = base, 1
        while node in self.table.processes:
            count += 1
            node = Node(f"{base}~{count}")
        return node

    def _add(self, process: Process) -> None:
        node = process.node
        self.table.add(process)
        self._front[node] = process.parent
        self._set_running(node, running=True)
        address = address_of_node(process.parent or node)
        names = [process.name] if process.name else [SERVICE_PROC, LOCAL_PROC]
        for name in names:
            self._nodes_of_procs[proc_id(address, name)] = node

    def _set_running(self, node: Node, *, running: bool) -> None:
        self._running[node] = running
        for each in (node, *self.table.processes[node].children):
            front = self._front[each]
            self._reachable[each] = self._running[each] and (front is None or self._running[front])

    def _boot(self, node: Node, cause: int) -> None:
        if self._running[node]:
            self._step(node, Started(), cause)
        else:
            self._hold(node, self._boot, node, cause)

    def exit(self, node: Node, code: int, cause: int) -> None:
        """The process ends itself."""
        changes = self.table.exit(node, code)
        self._backend.exit(node, code)
        self._follow(changes, cause)

    def signal(self, node: Node, signal: int, cause: int, *, by: Node | None = None) -> None:
        """A signal to a process: from outside, or from the host that owns it."""
        seq = self.record(node, cause, ProcessSignalled(signal, by or ""))
        changes = self.table.signal(node, signal)
        self._backend.signal(node, signal, by=by)
        self._follow(changes, seq)

    def _signal_child(self, host: Node, name: str, signal: int, cause: int) -> None:
        """Supervision.md 3.6: a child that is gone already counts as success."""
        node = self._nodes_of_procs[proc_id(address_of_node(host), name)]
        if self.table.state(node) in (ProcessState.RUNNING, ProcessState.STOPPED):
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
                    self.record(change.node, cause, ProcessStopped())
                case ProcessState.RUNNING:
                    self._continue(change.node, cause)
                case ProcessState.DEAD:
                    self._set_running(change.node, running=False)
                    seq = self.record(change.node, cause, ProcessDied(change.why))
                    self._wait_for(change.node, seq)
                case ProcessState.REAPED:
                    raise AssertionError("reaping is done here")

    def _continue(self, node: Node, cause: int) -> None:
        self._set_running(node, running=True)
        self.record(node, cause, ProcessContinued())
        self._let_go(node)

    def _let_go(self, node: Node) -> None:
        """What waited for a stopped process is due now, before anything that arrives at this instant."""
        held = self._inbox.pop(node, [])
        if held:
            self._agenda.at(self.now_ns).extendleft(reversed(held))

    def _wait_for(self, node: Node, cause: int) -> None:
        """The true parent waits for the dead process and learns how it ended."""
        parent = self.table.processes[node].parent
        if parent is None or self.table.state(parent) in (ProcessState.DEAD, ProcessState.REAPED):
            self._reap(node, None, cause)
        else:
            self._agenda.post(self.now_ns, self._reap_by_parent, node, parent, cause)
        self._let_go(node)

    def _reap_by_parent(self, node: Node, parent: Node, cause: int) -> None:
        if self.table.state(parent) is ProcessState.STOPPED:
            self._hold(parent, self._reap_by_parent, node, parent, cause)
        elif self._running[parent]:
            seq, status = self._reap(node, parent, cause)
            name = self.table.processes[node].name
            self._step(parent, ChildExited(Name(name), status), seq)
        else:
            self._reap(node, None, cause)

    def _reap(self, node: Node, by: Node | None, cause: int) -> tuple[int, ExitStatus]:
        process = self.table.processes[node]
        assert process.status is not None
        status = self._backend.reap(node, by=by, expected=process.status)
        process.state = ProcessState.REAPED
        seq = self.record(node, cause, ProcessReaped(by or "", status))
        if status != process.status:
            self._disagree(node, seq, str(process.status), str(status))
        return seq, status

    def _disagree(self, node: Node, cause: int, expected: str, observed: str) -> None:
        self.record(node, cause, KernelDisagreed(expected, observed))
        raise _AbandonedError
