"""The runtime of one actor: its queues, its children, and how it ends.

A cell wraps a machine (the actor's own behaviour) and gives it what every actor has: one message at a time, signals
and supervision events on queues of their own, a terminal status that is reported to the parent or to the proc's
coordinator, and a cleanup hook with a limit.

    INITIALIZING ──▶ IDLE ◀──▶ (the machine is busy) ──▶ STOPPING ──▶ STOPPED
                                                     children, cleanup ──▶ FAILED

The choice among ready queues is random in the modelled system; here it is signals, then supervision events, then work.

Source: supervision.md 4.5, mesh_model.md 6.2 to 6.5.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from meshsim.model.commands import (
    ActorFinished,
    CancelTimer,
    Fail,
    InitOver,
    Panic,
    RuntimeCommand,
    SetTimer,
    SignalActor,
    StopSelf,
    UnlinkChildren,
)
from meshsim.model.config import CHILD_STOP_WAIT_NS
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
    Started,
    TimerFired,
)
from meshsim.model.ids import ActorId
from meshsim.model.machine import Machine
from meshsim.model.messages import Envelope
from meshsim.model.notes import ActorStatusChanged, Warned
from meshsim.model.supervision import (
    Aborted,
    ActorErrorKind,
    ActorPhase,
    ActorStatus,
    ActorSupervisionEvent,
    UnhandledSupervisionEvent,
    cleanup_error,
    error_text,
    event_text,
    flatten,
    init_error,
    panic_error,
    status_text,
)

CHILDREN_TIMER = "runtime:children"
CLEANUP_TIMER = "runtime:cleanup"

#: Legal changes of a cell's phase. Terminal phases are final (supervision.md 4.1); a task abort leads to STOPPED from
#: everywhere else.
TRANSITIONS: dict[ActorPhase, frozenset[ActorPhase]] = {
    ActorPhase.CREATED: frozenset({ActorPhase.INITIALIZING, ActorPhase.STOPPED}),
    ActorPhase.INITIALIZING: frozenset({ActorPhase.IDLE, ActorPhase.STOPPING, ActorPhase.STOPPED}),
    ActorPhase.IDLE: frozenset({ActorPhase.STOPPING, ActorPhase.STOPPED}),
    ActorPhase.STOPPING: frozenset({ActorPhase.STOPPED, ActorPhase.FAILED}),
    ActorPhase.STOPPED: frozenset(),
    ActorPhase.FAILED: frozenset(),
}


class InvalidTransitionError(AssertionError):
    """A machine of the model was moved where its table does not lead: a bug in meshsim."""


#: What a cell answers, in order. Not always a fresh list: nobody changes it.
Commands = Sequence[RuntimeCommand]

#: Looked up once: in Python 3.11 a member of an Enum costs several times a global.
_IDLE = ActorPhase.IDLE

_ENDS = frozenset({Fail, Panic, StopSelf})


class ActorCell(msgspec.Struct):
    """State of one actor's runtime. Change it through `handle` alone."""

    me: ActorId
    machine: Machine
    cleanup_timeout_ns: int
    parent: ActorId | None = None
    display_name: str | None = None
    phase: ActorPhase = ActorPhase.CREATED
    status: ActorStatus = ActorStatus(ActorPhase.CREATED)
    work: list[Envelope] = []
    signals: list[SignalReceived] = []
    supervision: list[ActorSupervisionEvent] = []
    children: list[ActorId] = []
    #: Set while leaving: queued work is still handled before the actor stops.
    draining: str | None = None
    #: Why it ends: a reason (clean) or an error.
    reason: str = ""
    error: ActorErrorKind | None = None
    panicked: bool = False
    cleaning: bool = False
    #: Quirks that are turned off.
    quirks_off: tuple[str, ...] = ()

    @property
    def is_terminal(self) -> bool:
        return self.phase is ActorPhase.STOPPED or self.phase is ActorPhase.FAILED

    def handle(self, event: RuntimeEvent, now_ns: int) -> Commands:
        """Take one event and return what the node must do."""
        if self.phase is _IDLE and not self.work:
            # The common case, kept short: an actor of which nothing else is wanted takes a message or a timer.
            machine = self.machine
            kind = type(event)
            if (event.port or not machine.busy) if kind is Envelope else kind is TimerFired:  # type: ignore[union-attr]
                commands: Commands = machine.handle(event, now_ns)  # type: ignore[arg-type]
                for command in commands:
                    if type(command) in _ENDS:
                        commands = self._absorb_end(commands, now_ns)
                        break
                if (self.signals or self.supervision or self.draining is not None) and not machine.busy:
                    return [*commands, *self._advance(now_ns)]
                return commands
        if self.is_terminal:
            return []  # Timers, exits and answers that were on their way when the actor ended.
        match event:
            case Envelope(port=0):
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
                | ProcDestroyed()
                | ClockSet()
            ):
                return self._pass_on(event, now_ns)
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

    def _pass_on(self, event: Event, now_ns: int) -> Commands:
        """Replies, timers and answers reach the machine even while a handler waits."""
        if self.phase is ActorPhase.STOPPING and not self.cleaning:
            return []  # Out of the loop: nothing of the actor's own runs until its cleanup.
        commands = self._absorb(self.machine.handle(event, now_ns), now_ns)
        if self.cleaning:
            return [*commands, *self._finish_if_clean(now_ns)]
        return [*commands, *self._advance(now_ns)]

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
            elif self.draining is None and self.signals:
                commands += self._take_signal(now_ns)
            elif self.draining is None and self.supervision:
                commands += self._take_supervision_event(now_ns)
            elif self.work:
                commands += self._absorb(self.machine.handle(self.work.pop(0), now_ns), now_ns)
            elif self.draining is not None:
                commands += self._leave(now_ns)
            else:
                break
        return commands

    def _on_signal(self, signal: SignalReceived, now_ns: int) -> Commands:
        if self.phase is ActorPhase.STOPPING:
            return self._rearm_children_timer()
        self.signals.append(signal)
        return self._advance(now_ns)

    def _take_signal(self, now_ns: int) -> Commands:
        signal = self.signals.pop(0)
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

    def _on_late_child_event(self, event: ActorSupervisionEvent, now_ns: int) -> Commands:
        """Q59: accepted and never read. Off: the hook decides, and what it does not handle ends this actor with it.

        An error that there was before counts more; the event is then logged.
        """
        if "Q59" not in self.quirks_off:
            return []
        if self.error is not None:
            text = event_text(event, self.quirks_off)
            return [Warned(self.me, f"a child failed while its parent was stopping: {text}")]
        self.supervision.append(event)
        return self._offer_supervision_events(now_ns)

    # --- what the machine's commands mean to the runtime -----------------------------------------------------

    def _absorb(self, commands: Commands, now_ns: int) -> Commands:
        """Take the machine's own end out of its commands; everything else goes on to the node."""
        for command in commands:
            if type(command) in _ENDS:
                return self._absorb_end(commands, now_ns)
        return commands

    def _absorb_end(self, commands: Commands, now_ns: int) -> Commands:
        kept: list[RuntimeCommand] = []
        for command in commands:
            match command:
                case StopSelf(reason=reason):
                    # Taken when the handler is over: whoever passed the event on looks at the signals next.
                    self.signals.append(SignalReceived("drain_and_stop", reason))
                case Fail(error=error):
                    kept += self._fail(error, now_ns)
                case Panic() if self.cleaning:
                    kept += self.kill_task()  # Not caught there: the task is gone (mesh_model.md 6.3).
                case Panic(info=info):
                    self.panicked = True
                    kept += self._fail(panic_error(info), now_ns)
                case _:
                    kept.append(command)
        return kept

    def _fail(self, error: ActorErrorKind, now_ns: int) -> Commands:
        if self.cleaning:
            return self._fail_cleanup(error_text(error, self.quirks_off), now_ns)
        if self.phase is ActorPhase.INITIALIZING and not self.panicked:
            self.error = init_error(error_text(error, self.quirks_off))
            return self._leave(now_ns)
        self.error = error
        offered = [] if self.panicked or self.draining is not None else self._offer_supervision_events(now_ns)
        return [*offered, *self._leave(now_ns)]

    def _offer_supervision_events(self, now_ns: int) -> list[RuntimeCommand]:
        """After a handler's error: one of the queued events that is not handled is the error that counts."""
        kept: list[RuntimeCommand] = []
        while self.supervision:
            for command in self.machine.handle(ChildFailed(self.supervision.pop(0)), now_ns):
                match command:
                    case Fail(error=error):
                        self.error = error
                        self.supervision.clear()
                    case Panic(info=info):
                        self.error = panic_error(info)
                        self.panicked = True
                        self.supervision.clear()
                    case _:
                        kept.append(command)
        return kept

    # --- the end -------------------------------------------------------------------------------------------

    def _leave(self, now_ns: int) -> Commands:
        """Out of the loop: tell the children, wait for them, then clean up."""
        self._move_to(ActorPhase.STOPPING)
        self.status = ActorStatus(ActorPhase.STOPPING)
        commands: list[RuntimeCommand] = [self._note()]
        if not self.children:
            return [*commands, *self._clean_up(now_ns)]
        commands += [SignalActor(child, "stop", "parent stopping") for child in self.children]
        return [*commands, *self._rearm_children_timer()]

    def _rearm_children_timer(self) -> Commands:
        if self.cleaning or not self.children:
            return []
        return [SetTimer(self.me, CHILDREN_TIMER, self._child_stop_wait_ns)]

    @property
    def _child_stop_wait_ns(self) -> int:
        """Q9: a fixed short time. Off: as long as the children may take to clean up, and that time beyond it."""
        return CHILD_STOP_WAIT_NS + (self.cleanup_timeout_ns if "Q9" in self.quirks_off else 0)

    def _on_child_stopped(self, child: ActorId, now_ns: int) -> Commands:
        if child in self.children:
            self.children.remove(child)
        if self.phase is not ActorPhase.STOPPING or self.cleaning:
            return self._advance(now_ns)
        if self.children:
            return self._rearm_children_timer()
        return [CancelTimer(self.me, CHILDREN_TIMER), *self._clean_up(now_ns)]

    def _on_children_silent(self, now_ns: int) -> Commands:
        """Children that are slow to stop are abandoned; what becomes of them goes to the proc."""
        abandoned = tuple(self.children)
        self.children = []
        warning = Warned(self.me, f"timed out waiting for {len(abandoned)} children to stop")
        return [warning, UnlinkChildren(abandoned), *self._clean_up(now_ns)]

    def _clean_up(self, now_ns: int) -> Commands:
        if self.panicked:
            return self._finish(now_ns)
        self.cleaning = True
        commands = self.machine.handle(CleanupStarted(failed=self.error is not None), now_ns)
        absorbed = self._absorb(commands, now_ns)
        if self.machine.busy and not self.is_terminal:
            return [*absorbed, SetTimer(self.me, CLEANUP_TIMER, self.cleanup_timeout_ns)]
        return [*absorbed, *self._finish_if_clean(now_ns)]

    def _finish_if_clean(self, now_ns: int) -> Commands:
        if self.is_terminal or self.machine.busy:
            return []
        return [CancelTimer(self.me, CLEANUP_TIMER), *self._finish(now_ns)]

    def _on_cleanup_timeout(self, now_ns: int) -> Commands:
        return self._fail_cleanup("deadline has elapsed", now_ns)

    def _fail_cleanup(self, text: str, now_ns: int) -> Commands:
        """Counts only when there was no error before; otherwise it is logged."""
        error = cleanup_error(text)
        commands: list[RuntimeCommand] = []
        if self.error is None:
            self.error = error
        else:
            commands.append(Warned(self.me, error.text))
        return [*commands, *self._finish(now_ns)]

    def _finish(self, now_ns: int) -> Commands:
        """The terminal status, and the event that tells of it (supervision.md 4.5 steps 8 to 10)."""
        event: ActorSupervisionEvent | None = None
        match self.error:
            case None:
                self.status = ActorStatus(ActorPhase.STOPPED, reason=self.reason)
            case UnhandledSupervisionEvent(event=inner) if self._passes_on(inner):
                self.status = inner.actor_status
                event = inner
            case error:
                self.status = ActorStatus(ActorPhase.FAILED, error=flatten(error, self.quirks_off))
                event = ActorSupervisionEvent(self.me, self.display_name, now_ns, self.status)
        self._move_to(self.status.phase)
        self.cleaning = False
        self.work.clear()
        return [self._note(), ActorFinished(self.me, self.status, event)]

    def _passes_on(self, event: ActorSupervisionEvent) -> bool:
        """Whether an unhandled event goes on as it is, with its status.

        Q10: always, under the child's id. Off: only one that is this actor's own already; any other is its cause.
        """
        return "Q10" not in self.quirks_off or event.actor_id == self.me

    def kill_task(self) -> Commands:
        """Task abort: no cleanup, no event, and it looks like a clean stop (mesh_model.md 6.3)."""
        if self.is_terminal:
            return []
        self._move_to(ActorPhase.STOPPED)
        self.status = ActorStatus(ActorPhase.STOPPED, reason="instance is dropped")
        self.work.clear()
        return [self._note()]

    def _move_to(self, phase: ActorPhase) -> None:
        if phase not in TRANSITIONS[self.phase]:
            raise InvalidTransitionError(f"{self.me}: {self.phase.value} -> {phase.value}")
        self.phase = phase

    def _note(self) -> ActorStatusChanged:
        return ActorStatusChanged(self.me, self.phase, status_text(self.status, 0, self.quirks_off))
