"""How one actor ends: its children are stopped, its cleanup runs, its status becomes final, its end is reported.

Part of an actor's runtime (`meshsim.model.runtime.actor` has the loop before it). An end begins when the loop is
left, with a reason or with an error; from then on nothing but children and cleanup counts.

    CREATED ──▶ INITIALIZING ──▶ IDLE ──▶ STOPPING ──▶ STOPPED
       └──▶ CLIENT (no loop)               └─────────▶ FAILED

A task can be aborted in any phase: no cleanup, no event, nobody is told, and it looks like a clean stop.

Source: supervision.md 4.5 steps 6 to 10, mesh_model.md 6.3 to 6.5.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from meshsim.model.commands import (
    AbortSelf,
    ActorFinished,
    CancelTimer,
    Fail,
    Panic,
    RuntimeCommand,
    SetTimer,
    SignalActor,
    StopSelf,
    UnlinkChildren,
)
from meshsim.model.config import CHILD_STOP_WAIT_NS
from meshsim.model.events import ChildFailed, CleanupStarted, SignalReceived
from meshsim.model.ids import ActorId
from meshsim.model.machine import Machine
from meshsim.model.messages import Envelope
from meshsim.model.messaging.sequencing import ReorderBuffer, Sequencer
from meshsim.model.messaging.undeliverable import mailbox_closed_error, port_closed_error, port_not_bound_error
from meshsim.model.notes import ActorStatusChanged, Warned
from meshsim.model.runtime.choices import Choices
from meshsim.model.supervision import (
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
from meshsim.model.wall_clock import TRUE_CLOCK, WallClock

CHILDREN_TIMER = "runtime:children"
CLEANUP_TIMER = "runtime:cleanup"

#: What every task that is aborted, and every client instance that is dropped, gives as its reason.
DROPPED = "instance is dropped"

#: Legal changes of a cell's phase. Terminal phases are final (supervision.md 4.1); a task abort leads to STOPPED from
#: everywhere else.
TRANSITIONS: dict[ActorPhase, frozenset[ActorPhase]] = {
    ActorPhase.CREATED: frozenset({ActorPhase.INITIALIZING, ActorPhase.CLIENT, ActorPhase.STOPPED}),
    ActorPhase.INITIALIZING: frozenset({ActorPhase.IDLE, ActorPhase.STOPPING, ActorPhase.STOPPED}),
    ActorPhase.CLIENT: frozenset({ActorPhase.STOPPED}),
    ActorPhase.IDLE: frozenset({ActorPhase.STOPPING, ActorPhase.STOPPED}),
    ActorPhase.STOPPING: frozenset({ActorPhase.STOPPED, ActorPhase.FAILED}),
    ActorPhase.STOPPED: frozenset(),
    ActorPhase.FAILED: frozenset(),
}


class InvalidTransitionError(AssertionError):
    """A machine of the model was moved where its table does not lead: a bug in meshsim."""


#: What a cell answers, in order. Not always a fresh list: nobody changes it.
Commands = Sequence[RuntimeCommand]

ENDS = frozenset({Fail, Panic, StopSelf, AbortSelf})


class EndingCell(msgspec.Struct):
    """State of one actor's runtime, and everything from the moment it leaves its loop."""

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
    #: The event of its failure: there before the status says so (supervision.md 4.5 steps 8 and 9).
    event: ActorSupervisionEvent | None = None
    #: Its task was aborted: nobody closed its mailbox, and these ports have been found without a receiver.
    aborted: bool = False
    dead_ports: list[str] = []
    #: Ports that it opened and a message of the wrong type has closed (quirk `error_removes_port`).
    closed_ports: list[int] = []
    #: What decides among queues that are ready at once; none for the fixed order.
    choices: Choices | None = None
    #: Quirks that are turned off.
    quirks_off: tuple[str, ...] = ()
    #: Whether the status Stopped tells why (`Revision.stop_reasons`).
    stop_reasons: bool = True
    #: Wall clock of its process.
    clock: WallClock = TRUE_CLOCK
    #: Numbers what it posts, and puts in order what it is sent; none unless the configuration asks for it.
    sequencer: Sequencer | None = None
    reorder: ReorderBuffer | None = None

    @property
    def is_terminal(self) -> bool:
        return self.phase is ActorPhase.STOPPED or self.phase is ActorPhase.FAILED

    @property
    def has_loop(self) -> bool:
        """Whether signals and events of children reach it: not a client instance, not an actor that has ended."""
        return self.phase is not ActorPhase.CLIENT and not self.is_terminal

    def refusal(self, envelope: Envelope) -> str:
        """Why a message to this actor, which has ended, bounces.

        A mailbox that was closed tells of the end. That of an aborted task was not: each of its ports finds out by
        itself that nobody receives any more, and is gone then (mesh_model.md 6.3).
        """
        if not self.aborted:
            # Ports that it opened itself went with their receivers.
            return port_not_bound_error(envelope) if envelope.port else mailbox_closed_error(self.me, self.status)
        port = str(envelope.port or type(envelope.message).__name__)
        if port in self.dead_ports:
            return port_not_bound_error(envelope)
        self.dead_ports.append(port)
        return port_closed_error(envelope)

    # --- what the machine's commands mean to the runtime -----------------------------------------------------

    def _absorb(self, commands: Commands, now_ns: int) -> Commands:
        """Take the machine's own end out of its commands; everything else goes on to the node."""
        for command in commands:
            if type(command) in ENDS:
                return self._absorb_end(commands, now_ns)
        return commands

    def _absorb_end(self, commands: Commands, now_ns: int) -> Commands:
        kept: list[RuntimeCommand] = []
        for command in commands:
            match command:
                case StopSelf(reason=reason):
                    # Taken when the handler is over: whoever passed the event on looks at the signals next.
                    self.signals.append(SignalReceived("drain_and_stop", reason))
                case AbortSelf(reason=reason):
                    self.signals.append(SignalReceived("abort", reason))
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
        match self.error:
            case None:
                self.status = self._stopped(self.reason)
            case UnhandledSupervisionEvent(event=inner) if self._passes_on(inner):
                self.status = inner.actor_status
                self.event = inner
            case error:
                self.status = ActorStatus(ActorPhase.FAILED, error=flatten(error, self.quirks_off))
                self.event = ActorSupervisionEvent(self.me, self.display_name, self.clock.at(now_ns), self.status)
        self._move_to(self.status.phase)
        self.cleaning = False
        self.work.clear()
        return [self._note(), ActorFinished(self.me, self.status, self.event)]

    def _stopped(self, reason: str) -> ActorStatus:
        return ActorStatus(ActorPhase.STOPPED, reason=reason if self.stop_reasons else None)

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
        self.status = self._stopped(DROPPED)
        self.aborted = True
        self.work.clear()
        return [self._note()]

    def _move_to(self, phase: ActorPhase) -> None:
        if phase not in TRANSITIONS[self.phase]:
            raise InvalidTransitionError(f"{self.me}: {self.phase.value} -> {phase.value}")
        self.phase = phase

    def _note(self) -> ActorStatusChanged:
        return ActorStatusChanged(self.me, self.phase, status_text(self.status, 0, self.quirks_off))
