"""A simulated world in which things are late, as they are on a machine that has other work to do.

It is `sim` with one thing added: a node takes what it is handed, and its timers, some time after they are due, in the
order in which it was handed them; and what it then asks for is known some time after that, as in `live`. Nothing else
differs, so whatever happens here is something that the modelled system does when nothing is wrong but time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from meshsim.drive.backend import NodeRaisedError
from meshsim.drive.conductor import Conductor
from meshsim.drive.delays import TimerKey
from meshsim.drive.kernel import Change, ProcessState
from meshsim.model.boot import Program
from meshsim.model.commands import CancelTimer, ExitProcess, NodeCommand, SetTimer, SignalSelf
from meshsim.model.events import Event, TimerFired
from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import Node
from meshsim.scenario.plan import Plan
from meshsim.sim.backend import SimBackend

#: What a node took and nobody knows yet: the event, the record that it has or that of its cause, and what it asks for.
_Report = tuple[Event, int, list[NodeCommand]]


class _HandingOver(SimBackend):
    """Hands events over in place of feeding them."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self.hand: Callable[[Node, Event], None] = lambda *_: None

    def step(self, node: Node, event: Event, now_ns: int) -> list[NodeCommand]:
        self.hand(node, event)
        return []


class Lateness(Protocol):
    """How late things are in one run, nanoseconds; asked once about each, in the order in which they come."""

    def take(self, node: Node, event: Event, now_ns: int) -> int:
        """A node takes this so much later than it could."""

    def report(self, node: Node, event: Event, now_ns: int) -> int:
        """What a node asks for when it takes this is known so much later."""


class LateConductor(Conductor):
    """One simulated run in which nodes are late. `run` raises NodeRaisedError when the code of a node does."""

    def __init__(self, plan: Plan, program: Program, lateness: Lateness) -> None:
        self._objects = _HandingOver(program)
        self._lateness = lateness
        #: Until when a node is busy with what it was handed before, and until when all that it said is known.
        self._busy_until: dict[Node, int] = {}
        self._silent_until: dict[Node, int] = {}
        self._reports: dict[Node, deque[_Report]] = {}
        #: Nodes that ended themselves, and how; that may not be known yet.
        self._ended: dict[Node, ExitStatus] = {}
        #: Record that leads to the event which is about to be handed over; None: the last one is its own.
        self._leads: int | None = None
        super().__init__(plan, self._objects)
        self._objects.hand = self._hand
        self._post_on_change = self.processes.on_change
        self.processes.on_change = self._on_change
        self.processes.why_ended = self._why_ended

    # --- taking ----------------------------------------------------------------------------------------------

    def _step(self, node: Node, event: Event, cause: int) -> None:
        self._leads = cause
        super()._step(node, event, cause)

    def _hand(self, node: Node, event: Event) -> None:
        seq, self._leads = self._leads, None
        seq = len(self.records) - 1 if seq is None else seq
        self._agenda.post(self._when_taken(node, event), self._take, node, event, seq)

    def _when_taken(self, node: Node, event: Event) -> int:
        """A node takes what it is handed in order; timers are its own and do not wait behind it."""
        now_ns = self._agenda.instant
        at_ns = max(self._busy_until.get(node, 0), now_ns + self._lateness.take(node, event, now_ns))
        self._busy_until[node] = at_ns
        return at_ns

    def _take(self, node: Node, event: Event, seq: int) -> None:
        if node in self._ended:
            return
        if not self.processes.running[node]:
            self.processes.hold(node, self._take, node, event, seq)
            return
        try:
            commands = self._objects.nodes[node].handle(event, self._agenda.instant)
        except Exception as error:
            raise NodeRaisedError(f"{node}: {type(error).__name__}: {error}") from error
        later: list[NodeCommand] = []
        for command in commands:
            if isinstance(command, SetTimer | CancelTimer):
                self._carry_out(node, command, seq)
            else:
                later.append(command)
            if isinstance(command, ExitProcess):
                self._ended[node] = ExitStatus(code=command.code & 0xFF)
            elif isinstance(command, SignalSelf):
                self._ended[node] = ExitStatus(signal=command.signal)
        self._reports.setdefault(node, deque()).append((event, seq, later))
        now_ns = self._agenda.instant
        at_ns = max(self._silent_until.get(node, 0), now_ns + self._lateness.report(node, event, now_ns))
        self._silent_until[node] = at_ns
        self._agenda.post(at_ns, self._report, node)

    # --- timers ----------------------------------------------------------------------------------------------

    def _fire(self, node: Node, timer: TimerKey) -> None:
        if timer in self._timers:
            now_ns = self._agenda.instant
            at_ns = now_ns + self._lateness.take(node, TimerFired(*timer), now_ns)
            self._agenda.post(at_ns, self._ring, node, timer, self._timers[timer])

    def _ring(self, node: Node, timer: TimerKey, due: tuple[int, int]) -> None:
        """A timer that is still set as it was when it became due."""
        if self._timers.get(timer) != due:
            return
        if self.processes.running[node]:
            del self._timers[timer]
            self._take(node, TimerFired(*timer), due[1])
        else:
            self.processes.hold(node, self._ring, node, timer, due)

    # --- what becomes known ----------------------------------------------------------------------------------

    def _report(self, node: Node) -> None:
        reports = self._reports[node]
        if not reports:
            return  # They were its last words.
        event, seq, commands = reports.popleft()
        if isinstance(event, TimerFired):
            seq = self.record(node, seq, event)
        self._carry_out_all(node, commands, seq)

    def _carry_out(self, node: Node, command: NodeCommand, cause: int) -> None:
        if isinstance(command, ExitProcess | SignalSelf) and self.processes.is_gone(node):
            return  # It is gone: see `_why_ended`.
        super()._carry_out(node, command, cause)

    def _on_change(self, node: Node, state: ProcessState) -> None:
        """What a dead process had said comes before its death."""
        if state is ProcessState.DEAD:
            while self._reports.get(node):
                self._report(node)
        self._post_on_change(node, state)

    def _why_ended(self, change: Change) -> str:
        """What ended itself was first, though nobody knew."""
        status = self._ended.get(change.node)
        if status is None:
            return change.why
        self.table.processes[change.node].status = status
        return change.why if status.code is None else "exit"
