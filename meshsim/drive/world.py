"""The world of one run while it runs: its time, its trace, its nodes, and what nodes ask for.

One event at a time is fed to a node and recorded; the commands that come back carry the number of that record as
their cause. Messages are the business of `Post`, processes that of `Processes`; timers are kept here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import simpy
from msgspec import UNSET, UnsetType

from meshsim.drive.agenda import Agenda, Entry, TieOrder
from meshsim.drive.backend import Backend
from meshsim.drive.deciding import DecidedOrder
from meshsim.drive.delays import Delays, TimerKey
from meshsim.drive.network import Network
from meshsim.drive.post import Post
from meshsim.drive.processes import Processes
from meshsim.faults.links import Hop
from meshsim.model.commands import (
    CancelTimer,
    CloseServer,
    ExitProcess,
    NodeCommand,
    SetTimer,
    SignalProcess,
    SignalSelf,
    SpawnAllocated,
    SpawnProcess,
    StartHost,
)
from meshsim.model.events import Event, TimerFired
from meshsim.model.ids import ActorId, Node, proc_of
from meshsim.model.messages import Envelope
from meshsim.model.notes import NOTE_TYPES, OperationEnded, ProcPlaced, ProcStatusChanged
from meshsim.scenario.decisions import First
from meshsim.scenario.plan import Plan
from meshsim.trace.digest import TraceWriter
from meshsim.trace.directory import DIRECTORY_TYPES, Directory
from meshsim.trace.records import NO_CAUSE, WORLD, Body, DecisionTaken, Diverted, Record


class World:
    """State of one run of one plan on one backend. Time is a SimPy environment in integer nanoseconds."""

    def __init__(self, plan: Plan, backend: Backend, tie_order: TieOrder | None = None) -> None:
        self.plan = plan
        self.env = simpy.Environment(initial_time=0)
        self.directory = Directory()
        self._backend = backend
        self._writer = TraceWriter()
        #: Everything that was recorded so far.
        self.records: list[Record] = self._writer.records
        #: Called with every record, for triggers.
        self.watchers: list[Callable[[Record], None]] = []
        #: Called when an operation has ended, for the stage.
        self.on_operation_ended: Callable[[OperationEnded], None] = lambda _: None
        decisions = () if plan.decisions is UNSET else plan.decisions
        if tie_order is None and any(isinstance(decision, First) for decision in decisions):
            tie_order = DecidedOrder(decisions, self._on_decision)
        self._agenda = Agenda(self.env, tie_order, self._lane)
        self.processes = Processes(plan, backend, self._agenda, self.record, self._step)
        self.table = self.processes.table
        self.network = Network(plan, self._on_decision)
        self.post = Post(
            plan=plan,
            network=self.network,
            backend=backend,
            agenda=self._agenda,
            processes=self.processes,
            records=self.records,
            watchers=self.watchers,
            record=self.record,
            carry_out=self._carry_out_all,
        )
        self.processes.on_return = self._on_return
        #: When a timer is due, and what set it.
        self._timers: dict[TimerKey, tuple[int, int]] = {}
        #: Timers that fire late: by how much, and how often yet (none: always).
        self._late = Delays()
        #: When the agenda looks at a timer next, and in which process: not after it is due, perhaps before.
        self._looks: dict[TimerKey, tuple[int, Node]] = {}

    @property
    def now_ns(self) -> int:
        return int(self.env.now)

    def digest(self) -> str:
        """Digest of the trace so far."""
        return self._writer.digest()

    def pending(self) -> tuple[list[tuple[int, Entry]], dict[TimerKey, int]]:
        """All that is still to come, and when; of timers, when each is due as it is set now."""
        return list(self._agenda.due()), {timer: due_ns for timer, (due_ns, _) in self._timers.items()}

    def due_now(self) -> tuple[Entry, ...]:
        """All that is still to come at the present instant."""
        return self._agenda.due_now()

    def record(self, node: str, cause: int, what: Body) -> int:
        """Append a record at the present instant; its number."""
        records = self.records
        seq = len(records)
        record = Record(seq, self.env._now, node, cause, what)  # type: ignore[arg-type]  # an int, without the property
        records.append(record)
        if type(what) in DIRECTORY_TYPES:
            self.directory.observe(record)
        for watcher in self.watchers:
            watcher(record)
        return seq

    def _on_decision(self, index: int, what: str, diverted: Diverted | UnsetType = UNSET) -> None:
        self.record(WORLD, NO_CAUSE, DecisionTaken(index, what, diverted))

    def _on_return(self, former: Node, node: Node) -> None:
        """A host is about to come back: what its former process had set up is gone with it, or finds another one."""
        self.post.come_back(former, node)
        for timer in [timer for timer in self._timers if self.processes.of_proc.get(proc_of(timer[0])) == former]:
            del self._timers[timer]
            self._looks.pop(timer, None)

    def _lane(self, entry: Entry) -> Hop | None:
        return self.post.lane(entry)

    # --- what nodes ask for ----------------------------------------------------------------------------------

    def _step(self, node: Node, event: Event, cause: int) -> None:
        """Feed one event to a running node and carry out what it asks for."""
        self._carry_out_all(node, self._backend.step(node, event, self._agenda.instant), cause)

    def _carry_out_all(self, node: Node, commands: list[NodeCommand], cause: int) -> None:
        network, post = self.network, self.post
        if network.uniform_ns is None or post.closed or post.is_strict:
            for command in commands:
                if type(command) is Envelope:
                    post.send(node, command, cause)
                else:
                    self._carry_out(node, command, cause)
            return
        # The common case, kept short: every message of this step arrives at the same instant.
        routes, deliver = post.routes, post.deliver
        now_ns = self._agenda.instant
        arrivals: deque[Entry] | None = None
        for command in commands:
            if type(command) is Envelope:
                dst = routes.get(command.dest) or post.route(command.dest)
                if dst is None:
                    post.send(node, command, cause)
                    continue
                if arrivals is None:
                    arrivals = self._agenda.at(now_ns + network.uniform_ns)
                arrivals.append((deliver, (node, dst, command, cause, now_ns)))
            else:
                self._carry_out(node, command, cause)

    def _carry_out(self, node: Node, command: NodeCommand, cause: int) -> None:
        if type(command) in NOTE_TYPES:
            if self.processes.never_started and self._is_of_nobody(command):
                return
            self.record(node, cause, command)  # type: ignore[arg-type]  # the line above says that it fits
            if type(command) is ProcPlaced:
                self.network.place(command.proc, command.place)
            if type(command) is OperationEnded:
                self.on_operation_ended(command)
            return
        match command:
            case SetTimer(actor=actor, key=key, after_ns=after_ns):
                timer = (actor, key)
                due_ns = self._agenda.instant + after_ns
                if self._late:
                    due_ns += self._late.take(timer)
                self._timers[timer] = (due_ns, cause)
                look = self._looks.get(timer)
                if look is None or look[0] > due_ns or look[1] != node:
                    self._look_at(node, timer, due_ns)
            case CancelTimer(actor=actor, key=key):
                self._timers.pop((actor, key), None)
            case SpawnProcess():
                self.processes.spawn(node, command, cause)
            case StartHost(host=host):
                self.processes.start_host(node, Node(host), cause)
            case SpawnAllocated():
                self.processes.spawn_allocated(node, command, cause)
            case SignalProcess(name=name, signal=signal):
                self.processes.signal_child(node, name, signal, cause)
            case CloseServer():
                self.post.close_server(node)
            case ExitProcess(code=code):
                self.processes.exit(node, code, cause)
            case SignalSelf(signal=signal):
                self.processes.signal_itself(node, signal, cause)
            case _:
                raise AssertionError(f"{command!r} is not carried out here")

    def _is_of_nobody(self, note: NodeCommand) -> bool:
        """Whether a host notes that a process runs which the kernel refused it: it could not know yet."""
        return type(note) is ProcStatusChanged and note.name in self.processes.never_started

    # --- timers --------------------------------------------------------------------------------------------
    #
    # A limit that is set and cancelled at every poll would leave an entry in the agenda each time. So there is one
    # entry for each timer: one that comes early, as its timer was set anew meanwhile, looks again when that is due.

    def delay(self, actor: ActorId, key: str, by_ns: int, times: int | None) -> None:
        """A timer fires later than asked for, the one that is set now first; so often, or from now on."""
        timer = (actor, key)
        self._late.begin(timer, by_ns, times)
        if timer in self._timers:
            due_ns, cause = self._timers[timer]
            self._timers[timer] = (due_ns + self._late.take(timer), cause)

    def _look_at(self, node: Node, timer: TimerKey, at_ns: int) -> None:
        self._looks[timer] = (at_ns, node)
        self._agenda.post(at_ns, self._look, node, timer)

    def _look(self, node: Node, timer: TimerKey) -> None:
        if self._looks.get(timer) != (self._agenda.now_ns, node):
            return  # It was set to an earlier time, and looked at then, or by another process with the same actor.
        del self._looks[timer]
        due_ns, _ = self._timers.get(timer, (None, None))
        if due_ns is None:
            return
        if due_ns > self._agenda.now_ns:
            self._look_at(node, timer, due_ns)
        else:
            self._fire(node, timer)

    def _fire(self, node: Node, timer: TimerKey) -> None:
        if timer not in self._timers:
            return  # Cancelled while its process was stopped.
        if not self.processes.running[node]:
            self.processes.hold(node, self._fire, node, timer)
            return
        _, cause = self._timers.pop(timer)
        fired = TimerFired(*timer)
        self._step(node, fired, self.record(node, cause, fired))
