"""Drives a `live` run: the same world, with its SimPy environment paced by the wall clock.

The loop waits for what nodes say until the next event of the environment is due; nothing sleeps inside an event. What
is due (deliveries, operations, faults) happens at the instant it was planned for, as the trace says; how much later it
really was is measured. What nodes report is recorded when the router learns of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from meshsim.drive.backend import Backend, BackendError
from meshsim.drive.conductor import Conductor
from meshsim.drive.kernel import Change, ProcessState
from meshsim.drive.outputs import recorded_inputs
from meshsim.drive.timing import Input, Lateness, TimerDelayed, Timing
from meshsim.model.commands import CancelTimer, ExitProcess, NodeCommand, SetTimer, SignalSelf
from meshsim.model.events import ChildExited, SpawnFailed
from meshsim.model.ids import ActorId, Node, proc_of
from meshsim.trace.records import FaultMissed, FaultStruck, ProcessContinued, Record

if TYPE_CHECKING:
    from meshsim.model.events import Event
    from meshsim.procs.live import LiveBackend
    from meshsim.procs.live_wire import Took
    from meshsim.scenario.plan import Plan


class LiveConductor(Conductor):
    """One run of one plan on free-running processes."""

    def __init__(self, plan: Plan, backend: Backend, live: LiveBackend) -> None:
        """`backend` is `live` itself, or what limits it."""
        self._live = live
        #: Record that leads to the event which is about to be handed over; None: the last one is its own.
        self._leads: int | None = None
        super().__init__(plan, backend)
        live.record_of_event = self._record_of_event
        self.lateness = Lateness()
        #: What every node took, in the order in which it took it.
        self.inputs: list[Input] = []
        #: Records of what each node took, by the number that the node gives it.
        self._inputs_of: dict[Node, list[int]] = {}
        #: What was handed over and no record holds, by node and the record that led to it.
        self._unrecorded: dict[tuple[Node, int], ChildExited | SpawnFailed] = {}
        #: What every input had its node ask for, in the order of `inputs`.
        self._asked_for: list[list[NodeCommand]] = []
        self._delays: list[TimerDelayed] = []
        #: Since when a node runs again, after the run had stopped it.
        self._running_since: dict[Node, int] = {}
        self.watchers.append(self._watch)
        #: Nodes that had ended themselves, or were about to, in the moment in which the run ended them.
        self._own_ends: set[Node] = set()
        self._post_on_change = self.processes.on_change
        self.processes.on_change = self._on_change
        self.processes.why_ended = self._why_ended

    # --- time ------------------------------------------------------------------------------------------------

    def _pass_time(self, until_ns: int) -> None:
        """Let wall time pass to the horizon: do what is due, take what is said."""
        live, env = self._live, self.env
        live.begin()
        while (now_ns := live.clock.now_ns()) < until_ns:
            if env.peek() <= now_ns:
                self.lateness.add("router", "what was due in the router", now_ns - int(env.peek()))
                env.step()
            elif live.reports:
                self._agenda.post(max(self.now_ns, now_ns), self._take_all)
            else:
                live.collect(int(min(env.peek(), until_ns)))
                if why := live.unexplained(self.processes.is_gone):
                    raise BackendError(why)
        env.run(until=until_ns)
        self._miss_what_is_left(until_ns)

    def _take_all(self) -> None:
        while self._live.reports:
            self._take(*self._live.reports.popleft())

    def timing(self) -> Timing:
        inputs = recorded_inputs(self.inputs, self._asked_for, self.records)
        untaken = {node: len(handed) for node, handed in self._live.outstanding.items() if handed}
        return Timing(self._live.clock.time_scale, self.lateness.by_kind(), inputs, self._delays, untaken)

    def _finish(self, why: str) -> None:
        """What the kernel does otherwise than the model expects may be a race here, and is no finding."""
        if why == "kernel_disagreed":
            raise BackendError(f"the kernel did something else: {self.records[-1].what}")
        super()._finish(why)

    # --- events and reports ----------------------------------------------------------------------------------

    def _step(self, node: Node, event: Event, cause: int) -> None:
        self._leads = cause
        if isinstance(event, ChildExited | SpawnFailed):
            self._unrecorded[node, cause] = event
        super()._step(node, event, cause)

    def _record_of_event(self) -> int:
        """Messages are recorded when they are handed over; what leads to another event is known."""
        seq, self._leads = self._leads, None
        return len(self.records) - 1 if seq is None else seq

    def _take(self, node: Node, took: Took) -> None:
        """A node took something: record what is not recorded yet, and carry out what it asks for."""
        inputs = self._inputs_of.setdefault(node, [])
        since_ns = self._running_since.get(node, 0)
        if took.timer is None:
            seq = took.record
            handed_ns = self._live.outstanding[node].popleft()
            self.lateness.add("node", f"{node} took an event", took.at_ns - max(handed_ns, since_ns))
        else:
            seq = self.record(node, inputs[took.set_by], took.timer)
            self.lateness.add("timer", f"timer {took.timer.key} in {node}", took.at_ns - max(took.due_ns, since_ns))
        # From before the node handled it: what handling takes is late, too, where the model has it take no time.
        back_ns = self._live.clock.now_ns() - max(took.at_ns, since_ns)
        self.lateness.add("way_back", f"a report of {node}", back_ns)
        inputs.append(seq)
        self.inputs.append(Input(node, seq, took.at_ns, self._unrecorded.get((node, seq), UNSET)))
        self._asked_for.append(took.commands)
        self._carry_out_all(node, took.commands, seq)

    def _carry_out(self, node: Node, command: NodeCommand, cause: int) -> None:
        match command:
            case SetTimer() | CancelTimer():
                return  # The node has done it.
            case ExitProcess() | SignalSelf() if self.processes.is_gone(node):
                self._own_ends.add(node)
            case _:
                super()._carry_out(node, command, cause)

    def delay(self, actor: ActorId, key: str, by_ns: int, times: int | None) -> None:
        node = self.processes.of_proc[proc_of(actor)]
        taken = self._live.delay(node, actor, key, by_ns, times)
        self._delays.append(TimerDelayed(node, taken, actor, key, by_ns, times))

    # --- processes -------------------------------------------------------------------------------------------

    def _on_change(self, node: Node, state: ProcessState) -> None:
        """What a dead process had said comes before its death."""
        if state is ProcessState.DEAD:
            for took in self._live.last_words(node):
                self._take(node, took)
        self._post_on_change(node, state)

    def _why_ended(self, change: Change) -> str:
        """The kernel knows which of two ends was first; while its parent is stopped nobody is told."""
        process = self.table.processes[change.node]
        parent = process.parent
        if change.node not in self._own_ends or (parent is not None and self.processes.is_stopped(parent)):
            return change.why
        by = None if parent is None or self.processes.is_gone(parent) else parent
        assert process.status is not None
        process.status = self._live.how_ended(change.node, by=by, expected=process.status)
        return change.why if process.status.code is None else "exit"

    def _watch(self, record: Record) -> None:
        match record.what:
            case FaultStruck() | FaultMissed():
                self.lateness.add("fault", f"fault {record.what.index}", self._live.clock.now_ns() - record.at)
            case ProcessContinued():
                self._running_since[Node(record.node)] = self._live.clock.now_ns()
            case _:
                pass

    def _miss_what_is_left(self, now_ns: int) -> None:
        """What a running node was handed and has not taken is late, too."""
        for node, handed in self._live.outstanding.items():
            if handed and self.processes.running[node]:
                self.lateness.add(
                    "node", f"{node} took an event", now_ns - max(handed[0], self._running_since.get(node, 0))
                )
