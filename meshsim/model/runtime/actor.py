"""The runtime of one actor: its queues, its loop, and what interrupts it.

A cell wraps a machine (the actor's own behaviour) and gives it what every actor has: one message at a time, signals
and supervision events on queues of their own, a terminal status that is reported to the parent or to the proc's
coordinator, and a cleanup hook with a limit. `meshsim.model.runtime.ending` has what follows when the loop is left.

The choice among queues that are ready at once is random in the modelled system. Here it is signals, then supervision
events, then work; or, with `choices`, any of them, by a hash of seed, actor and number of the choice.

Source: supervision.md 4.5, mesh_model.md 6.2 to 6.5.
"""

from __future__ import annotations

from collections.abc import Callable

from meshsim.model.commands import CancelTimer, Fail, InitOver, RuntimeCommand
from meshsim.model.events import (
    ActorEnded,
    ActorInitialized,
    ActorSpawned,
    ChildExited,
    ChildFailed,
    ChildStopped,
    CleanupStarted,
    ClockSet,
    Event,
    ProcDestroyed,
    RuntimeEvent,
    SignalReceived,
    SpawnFailed,
    Started,
    TimerFired,
)
from meshsim.model.ids import ActorId
from meshsim.model.machine import Interruptible, Stubborn
from meshsim.model.messages import Envelope, HandlerFails
from meshsim.model.notes import QueueTaken
from meshsim.model.runtime.ending import CHILDREN_TIMER, CLEANUP_TIMER, ENDS, Commands, EndingCell
from meshsim.model.supervision import Aborted, ActorPhase, ActorStatus, Generic

#: Looked up once: in Python 3.11 a member of an Enum costs several times a global.
_IDLE = ActorPhase.IDLE

#: Takes one thing from a queue.
Take = Callable[[int], Commands]


class ActorCell(EndingCell):
    """State of one actor's runtime. Change it through `handle` alone."""

    def handle(self, event: RuntimeEvent, now_ns: int) -> Commands:
        """Take one event and return what the node must do."""
        if self.phase is _IDLE and not self.work:
            # The common case, kept short: an actor of which nothing else is wanted takes a message or a timer.
            machine = self.machine
            kind = type(event)
            if (event.port or not machine.busy) if kind is Envelope else kind is TimerFired:  # type: ignore[union-attr]
                commands: Commands = machine.handle(event, now_ns)  # type: ignore[arg-type]
                for command in commands:
                    if type(command) in ENDS:
                        commands = self._absorb_end(commands, now_ns)
                        break
                if (self.signals or self.supervision or self.draining is not None) and not machine.busy:
                    return [*commands, *self._advance(now_ns)]
                return commands
        if self.is_terminal:
            return []  # Timers, exits and answers that were on their way when the actor ended.
        if self.phase is ActorPhase.CLIENT:
            return self._on_instance(event, now_ns)
        match event:
            case Envelope(port=0):
                if self._is_interrupted_by(event):
                    return self._pass_on(event, now_ns)
                self.work.append(event)
                return self._advance(now_ns)
            case TimerFired(key=key) if key == CHILDREN_TIMER:
                return self._on_children_silent(now_ns)
            case TimerFired(key=key) if key == CLEANUP_TIMER:
                return self._on_cleanup_timeout(now_ns)
            case (
                Envelope()
                | TimerFired()
                | ActorSpawned()
                | ActorInitialized()
                | ActorEnded()
                | ChildExited()
                | SpawnFailed()
                | ProcDestroyed()
            ):
                return self._pass_on(event, now_ns)
            case ClockSet():
                return self._set_clock(event, now_ns)
            case SignalReceived():
                return self._on_signal(event, now_ns)
            case ChildStopped(child=child):
                return self._on_child_stopped(child, now_ns)
            case ChildFailed(event=child_event):
                if self.phase is ActorPhase.STOPPING:
                    return self._on_late_child_event(child_event, now_ns)
                self.supervision.append(child_event)
                return self._advance(now_ns)
            case Started():
                return self._on_started(now_ns)
            case CleanupStarted():
                raise AssertionError("cleanup is begun by the cell itself")
            case _:
                raise AssertionError(f"unexpected event {event!r}")

    # --- the loop ------------------------------------------------------------------------------------------

    def _on_started(self, now_ns: int) -> Commands:
        self._move_to(ActorPhase.INITIALIZING)
        self.status = ActorStatus(ActorPhase.INITIALIZING)
        commands: list[RuntimeCommand] = [self._note()]
        commands += self._absorb(self.machine.handle(Started(), now_ns), now_ns)
        return [*commands, *self._advance(now_ns)]

    def open_instance(self) -> Commands:
        """Make it a client instance: a mailbox that its user drives, without init and loop."""
        self._move_to(ActorPhase.CLIENT)
        self.status = ActorStatus(ActorPhase.CLIENT)
        return [self._note()]

    def _on_instance(self, event: RuntimeEvent, now_ns: int) -> Commands:
        """Only messages come to a client instance; what happens to its children is none of its business."""
        if isinstance(event, ChildStopped) and event.child in self.children:
            self.children.remove(event.child)
        return self.machine.handle(event, now_ns) if isinstance(event, Envelope) else []

    def _pass_on(self, event: Event, now_ns: int) -> Commands:
        """Replies, timers and answers reach the machine even while a handler waits."""
        if self.phase is ActorPhase.STOPPING and not self.cleaning:
            return []  # Out of the loop: nothing of the actor's own runs until its cleanup.
        commands = self._absorb(self.machine.handle(event, now_ns), now_ns)
        if self.cleaning:
            return [*commands, *self._finish_if_clean(now_ns)]
        return [*commands, *self._advance(now_ns)]

    def _set_clock(self, event: ClockSet, now_ns: int) -> Commands:
        """What an actor reads when it asks for the time: it need not be in its loop for that to change."""
        self.clock = event.clock
        return self._absorb(self.machine.handle(event, now_ns), now_ns)

    def _advance(self, now_ns: int) -> Commands:
        """Run until there is nothing to take or the machine waits."""
        commands: list[RuntimeCommand] = []
        while not self.machine.busy and self.phase in (ActorPhase.INITIALIZING, ActorPhase.IDLE):
            if self.phase is ActorPhase.INITIALIZING:
                self._move_to(ActorPhase.IDLE)
                self.status = ActorStatus(ActorPhase.IDLE)
                commands.append(self._note())
                if "Q31" in self.quirks_off:
                    commands.append(InitOver(self.me))
            elif ready := self._ready():
                chosen = 0
                if self.choices is not None and len(ready) > 1:
                    chosen, turn = self.choices.pick([queue for queue, _ in ready])
                    if turn is not None:
                        commands.append(QueueTaken(self.me, turn.queue, turn.decision))
                commands += ready[chosen][1](now_ns)
            elif self.draining is not None:
                commands += self._leave(now_ns)
            else:
                break
        return commands

    def _is_interrupted_by(self, envelope: Envelope) -> bool:
        """Whether a handler that waits makes way for this message. None does in the modelled system (Q27)."""
        machine = self.machine
        if self.phase is not _IDLE or not machine.busy:
            return False
        return isinstance(machine, Interruptible) and machine.interrupts(envelope)

    def _ready(self) -> list[tuple[str, Take]]:
        """What can be taken now, in the fixed order, by queue. While draining that is work alone."""
        ready: list[tuple[str, Take]] = []
        if self.draining is None and self._next_signal() is not None:
            ready.append(("signal", self._take_signal))
        if self.draining is None and self.supervision:
            ready.append(("supervision", self._take_supervision_event))
        if self.work:
            ready.append(("work", self._take_work))
        return ready

    def _take_work(self, now_ns: int) -> Commands:
        envelope = self.work.pop(0)
        if type(envelope.message) is HandlerFails:
            return self._absorb([Fail(Generic(envelope.message.text))], now_ns)
        return self._absorb(self.machine.handle(envelope, now_ns), now_ns)

    def fail_handler(self, envelope: Envelope, now_ns: int) -> Commands:
        """A message at which a handler of this actor returns an error; it waits its turn."""
        self.work.append(envelope)
        return self._advance(now_ns)

    def _next_signal(self) -> int | None:
        """Place of the first signal that the actor takes; none if it leaves all where they are."""
        for place, signal in enumerate(self.signals):
            if signal.kind == "abort" or not (isinstance(self.machine, Stubborn) and self.machine.ignores_stop):
                return place
        return None

    def _on_signal(self, signal: SignalReceived, now_ns: int) -> Commands:
        if self.phase is ActorPhase.STOPPING:
            return self._rearm_children_timer()
        self.signals.append(signal)
        return self._advance(now_ns)

    def _take_signal(self, now_ns: int) -> Commands:
        signal = self.signals.pop(self._next_signal() or 0)
        self.reason = signal.reason
        match signal.kind:
            case "stop":
                return self._leave(now_ns)
            case "drain_and_stop":
                self.draining = signal.reason
                return []
            case "abort":
                self.error = Aborted(signal.reason)
                return self._leave(now_ns)
            case kind:
                raise AssertionError(f"unknown signal {kind}")

    def _take_supervision_event(self, now_ns: int) -> Commands:
        """The hook decides. When it does not handle the event, what is queued behind is not offered to it any more."""
        event, *behind = self.supervision
        self.supervision = []
        commands = self._absorb(self.machine.handle(ChildFailed(event), now_ns), now_ns)
        self.supervision = behind
        return commands

    def _on_child_stopped(self, child: ActorId, now_ns: int) -> Commands:
        if child in self.children:
            self.children.remove(child)
        if self.phase is not ActorPhase.STOPPING or self.cleaning:
            return self._advance(now_ns)
        if self.children:
            return self._rearm_children_timer()
        return [CancelTimer(self.me, CHILDREN_TIMER), *self._clean_up(now_ns)]
