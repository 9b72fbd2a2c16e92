"""One node of a recording: the model's machine takes what the node took, and is compared with it.

What the node can have taken follows from its event loop (`meshsim.procs.live_child`): what was handed to it comes in
that order; a timer that is due fires before anything else is taken, the earliest first, one in a turn. So of two
things in a row that are no timers, the second cannot have been taken while a timer was due at the time of the first.
"""

from __future__ import annotations

from itertools import zip_longest

from msgspec import UNSET

from meshsim.drive.kernel import ERRORS
from meshsim.drive.outputs import envelope_in
from meshsim.drive.timing import Input, Output
from meshsim.model.boot import NodeBoot, Program
from meshsim.model.commands import CancelTimer, ExitProcess, NodeCommand, SetTimer, SignalSelf
from meshsim.model.events import ChildExited, ClockSet, Event, SpawnFailed, Started, TimerFired
from meshsim.model.ids import Node
from meshsim.model.messages import Envelope
from meshsim.model.notes import NOTE_TYPES
from meshsim.procs.live_timers import Timers
from meshsim.run.replaying.difference import Difference, both_in_words, encoded
from meshsim.run.replaying.recording import Recording, outputs_of
from meshsim.sim import SimBackend
from meshsim.trace.records import FaultStruck, ProcessNotStarted, ProcessReaped, ProcessStarted, Record
from meshsim.trace.story import time_text


class _DiffersError(Exception):
    """The recording is not what the model does: what is wrong, what the model does, and what was recorded."""

    def __init__(self, problem: str, expected: str = "", recorded: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.expected = expected
        self.recorded = recorded


class ReplayedNode:
    """The model's machine of one node, and where it is in the recording."""

    def __init__(self, node: Node, boot: NodeBoot | None, program: Program, recording: Recording) -> None:
        """Without a boot there is nothing to compare."""
        self.node = node
        #: Inputs that were fed, and outputs that were compared and equal.
        self.taken = 0
        self.compared = 0
        self.difference: Difference | None = None
        self._recording = recording
        self._backend = SimBackend(program)
        self._is_over = boot is None
        self._has_started = False
        self._has_ended = False
        if boot is not None:
            self._backend.start(boot)
        self._timers = Timers()
        #: Records of what it took so far.
        self._inputs: list[int] = []
        #: How much of what it was handed it has taken.
        self._handed = 0
        self._last_ns = 0
        self._last_was_timer = True

    def take(self, each: Input) -> None:
        """Feed one input and compare what the model asks for, unless the node differs already."""
        if self._is_over:
            return
        number = self.taken
        self._delay_timers()
        try:
            self._take(each)
        except _DiffersError as differs:
            self._is_over = True
            self.difference = self._recording.difference(
                each, number, differs.problem, expected=differs.expected, recorded=differs.recorded
            )

    def _take(self, each: Input) -> None:
        record = self._recording.record(each.record)
        event = None if record is None else self._event(each, record)
        if record is None or event is None:
            raise _DiffersError(f"record {each.record} is nothing that it could take")
        if self._has_ended:
            raise _DiffersError("it took something after it had ended itself")
        if each.at_ns < self._last_ns:
            raise _DiffersError(f"it took this at {time_text(each.at_ns)}, before what it took before")
        if isinstance(event, TimerFired):
            self._check_timer(event, each.at_ns, record)
        else:
            self._check_handed(event, each.at_ns, record)
        self._last_ns, self._last_was_timer = each.at_ns, isinstance(event, TimerFired)
        try:
            commands = self._backend.step(self.node, event, each.at_ns)
        except Exception as error:
            raise _DiffersError(f"the model raised {type(error).__name__}: {error}") from None
        self._compare(commands, each)
        self._do(commands, each.at_ns)
        self._inputs.append(each.record)
        self.taken += 1

    # --- what it can have taken --------------------------------------------------------------------------------

    def _event(self, each: Input, record: Record) -> Event | None:
        """What an input was; None for a record that this node could not take."""
        what, event = record.what, each.event
        match what:
            case ProcessReaped(by=by, status=status) if by == self.node and isinstance(event, ChildExited):
                return event if event.status == status and event.name == self._child(record.node) else None
            case ProcessNotStarted(name=name, error=error) if isinstance(event, SpawnFailed):
                is_it = record.node == self.node and event.name == name and event.error == ERRORS[error]
                return event if is_it else None
            case _ if event is not UNSET:
                return None
            case FaultStruck(kind="slow_start", target=target) if target == self.node:
                return Started()
            case ProcessStarted() if record.node == self.node:
                return Started()
            case Envelope() | TimerFired() | ClockSet() if record.node == self.node:
                return what
            case _:
                return None

    def _child(self, node: str) -> str | None:
        """The name by which its parent knows a process."""
        started = self._recording.started.get(Node(node))
        return started.what.name if started is not None and isinstance(started.what, ProcessStarted) else None

    def _check_timer(self, fired: TimerFired, at_ns: int, record: Record) -> None:
        due_ns = self._timers.next_ns()
        if due_ns is None:
            raise _DiffersError(f"timer {fired.key} fired, and the model has none set")
        timer, due_ns, set_by = self._timers.take()
        if timer != (fired.actor, fired.key):
            expected = f"timer {timer[1]} of {self._recording.directory.name_of_actor(timer[0])}"
            raise _DiffersError("the model has another timer set that is due before", expected, f"timer {fired.key}")
        if at_ns < due_ns:
            raise _DiffersError(
                f"timer {fired.key} fired before it was due",
                f"at {time_text(due_ns)} or later",
                f"at {time_text(at_ns)}",
            )
        if record.cause != self._inputs[set_by]:
            raise _DiffersError(
                f"timer {fired.key} was set by something else",
                f"record {self._inputs[set_by]}",
                f"record {record.cause}",
            )

    def _check_handed(self, event: Event, at_ns: int, record: Record) -> None:
        if at_ns < record.at:
            raise _DiffersError(
                "it took this before it was handed to it",
                f"at {time_text(record.at)} or later",
                f"at {time_text(at_ns)}",
            )
        due_ns = self._timers.next_ns()
        if due_ns is not None and due_ns <= self._last_ns and not self._last_was_timer:
            timer, _, _ = self._timers.take()
            raise _DiffersError("it took this while a timer was due", f"timer {timer[1]}, due at {time_text(due_ns)}")
        if isinstance(event, Started):
            if self._has_started:
                raise _DiffersError("it started twice")
            self._has_started = True
        elif not isinstance(event, SpawnFailed):
            self._check_order(record.seq)

    def _check_order(self, seq: int) -> None:
        """What a node is handed goes through one socket."""
        handed = self._recording.handed.get(self.node, [])
        due = handed[self._handed] if self._handed < len(handed) else None
        if due != seq:
            raise _DiffersError("it took what it was handed in another order", f"record {due} first", f"record {seq}")
        self._handed += 1

    @property
    def left(self) -> list[int]:
        """Records of what it was handed and did not take."""
        return self._recording.handed.get(self.node, [])[self._handed :]

    # --- what it asked for -------------------------------------------------------------------------------------

    def _compare(self, commands: list[NodeCommand], each: Input) -> None:
        for place, (command, output) in enumerate(zip_longest(commands, outputs_of(each))):
            recorded = self._recorded(command, output, each)
            if command is None or recorded is None or encoded(command) != encoded(recorded):
                words = both_in_words(command, recorded, self.node, self._recording.directory)
                raise _DiffersError(f"output {place} differs", *words)
            self.compared += 1

    def _recorded(self, command: NodeCommand | None, output: Output | None, each: Input) -> object:
        """What was recorded in the place of a command; None where there is nothing."""
        if not isinstance(output, int):
            return output
        record = self._recording.record(output)
        if record is None:
            return None
        is_note = type(command) in NOTE_TYPES
        if record.cause != each.record or (is_note and record.node != self.node):
            raise _DiffersError(
                f"record {output} is recorded as an output, and is none of this input",
                f"a record of {self.node} that record {each.record} led to",
                f"a record of {record.node or 'the world'} that record {record.cause} led to",
            )
        return envelope_in(record) if isinstance(command, Envelope) else record.what

    # --- its timers --------------------------------------------------------------------------------------------

    def _do(self, commands: list[NodeCommand], now_ns: int) -> None:
        """As the node does: its timers are its own, and it ends itself."""
        for command in commands:
            match command:
                case SetTimer(actor=actor, key=key, after_ns=after_ns):
                    self._timers.set((actor, key), now_ns + after_ns, self.taken)
                case CancelTimer(actor=actor, key=key):
                    self._timers.cancel((actor, key))
                case ExitProcess() | SignalSelf():
                    self._has_ended = True
                case _:
                    pass

    def _delay_timers(self) -> None:
        for delay in self._recording.delays.get(self.node, ()):
            if delay.taken == self.taken:
                self._timers.delay((delay.actor, delay.key), delay.by_ns, delay.times)
