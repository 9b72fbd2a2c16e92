"""One subscription of one actor to one mesh: the forwarder, the watch cell and the watchdog.

A forwarder takes what the controller sends and publishes the latest value (Q49; off: failures queue up until somebody
looks); every message, heartbeats included, re-arms the watchdog. Silence longer than its limit means "the controller is
dead", and that is final (Q51; off: whoever waits again subscribes again). Word that the mesh was stopped changes
nothing of that: the end of its controller is an alarm all the same (Q14; off: such word ends the watchdog). Who looks,
and what that changes, is in `meshsim.model.clients.refs`.

    WATCHING ──failure──▶ WATCHING   ──silence──▶ TIMED_OUT ──DropRef──▶ CLOSED,   ──waiting again (Q51 off)──▶ WATCHING
    WATCHING ──DropRef──▶ DROPPED ──next message, silence──▶ CLOSED   (the message after that bounces)
    WATCHING ──the actor stopped the mesh──▶ UNWATCHED ──DropRef──▶ DROPPED, ──silence──▶ CLOSED
    WATCHING ──unsubscribe──▶ CLOSED   (the controller is told)

Source: supervision.md 12.3, 12.4.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from meshsim.model.clients.waits import IdleLimit
from meshsim.model.commands import Command
from meshsim.model.config import Config
from meshsim.model.ids import ActorId, PortRef
from meshsim.model.messages import Envelope, MeshFailed, Subscribe, Unsubscribe
from meshsim.model.notes import Heard, Heartbeat, Warned
from meshsim.model.operations import ActorMeshRef
from meshsim.model.supervision import (
    ActorPhase,
    ActorStatus,
    ActorSupervisionEvent,
    Generic,
    MeshFailure,
    status_text,
)
from meshsim.units import debug_duration

WATCHDOG_ENV = "HYPERACTOR_MESH_SUPERVISION_WATCHDOG_TIMEOUT"


class SubscriptionPhase(Enum):
    WATCHING = "watching"
    TIMED_OUT = "timed_out"
    #: The forwarder goes on, but the reference has no controller any more: nobody looks (12.4 step 1).
    UNWATCHED = "unwatched"
    DROPPED = "dropped"
    CLOSED = "closed"


#: Nothing comes back from a time-out; a dropped reference lives for one more message, or one more silence.
TRANSITIONS: dict[SubscriptionPhase, frozenset[SubscriptionPhase]] = {
    SubscriptionPhase.WATCHING: frozenset(
        {
            SubscriptionPhase.TIMED_OUT,
            SubscriptionPhase.UNWATCHED,
            SubscriptionPhase.DROPPED,
            SubscriptionPhase.CLOSED,
        }
    ),
    SubscriptionPhase.TIMED_OUT: frozenset({SubscriptionPhase.CLOSED, SubscriptionPhase.WATCHING}),
    SubscriptionPhase.UNWATCHED: frozenset({SubscriptionPhase.DROPPED, SubscriptionPhase.CLOSED}),
    SubscriptionPhase.DROPPED: frozenset({SubscriptionPhase.CLOSED}),
    SubscriptionPhase.CLOSED: frozenset(),
}

#: Phases in which the forwarder runs: its port is open, and its watchdog too.
_FORWARDING = (SubscriptionPhase.WATCHING, SubscriptionPhase.UNWATCHED, SubscriptionPhase.DROPPED)


class Subscription(msgspec.Struct):
    """State of a forwarder and of the cell that it publishes to."""

    me: ActorId
    mesh: ActorMeshRef
    config: Config
    port: int
    watchdog: IdleLimit
    #: Whether what cannot be delivered to the port comes back to the controller.
    returnable: bool = True
    phase: SubscriptionPhase = SubscriptionPhase.WATCHING
    #: The watch cell: the latest message, none for a heartbeat.
    latest: MeshFailure | None = None
    #: What was published since somebody looked: at most the latest failure; with Q49 off all of them.
    unseen: list[MeshFailure] = []

    def start(self, now_ns: int) -> list[Command]:
        return [*self._warn_if_short(), *self._subscribe(now_ns)]

    def _subscribe(self, now_ns: int) -> list[Command]:
        assert self.mesh.controller is not None
        subscribe = Envelope(self.me, self.mesh.controller, Subscribe(self._ref))
        return [subscribe, *self.watchdog.start(now_ns)]

    @property
    def _ref(self) -> PortRef:
        return PortRef(self.me, self.port, self.returnable)

    def _warn_if_short(self) -> list[Command]:
        """The rule that the reference checks: the watchdog must outlast the longest poll."""
        config = self.config
        least = config.supervision_poll_frequency + config.get_actor_state_max_idle + config.get_proc_state_max_idle
        limit = config.supervision_watchdog_timeout
        if limit >= least:
            return []
        text = f"{WATCHDOG_ENV}={debug_duration(limit)} is too short. It should be >= {debug_duration(least)}"
        return [Warned(self.me, text)]

    def accepts(self, port: int) -> bool:
        return port == self.port and self.phase in _FORWARDING

    def on_message(self, message: MeshFailed, now_ns: int) -> list[Command]:
        """Publish it. Nobody looks any more once the reference was dropped or has no controller."""
        if self.phase is SubscriptionPhase.DROPPED:
            self._move_to(SubscriptionPhase.CLOSED)
            return []
        self.watchdog.touch(now_ns)
        self.latest = message.failure
        if self.phase is SubscriptionPhase.UNWATCHED:
            return []
        if self.config.has("Q49"):
            self.unseen = []
        if message.failure is None:
            return [Heartbeat(self.me, self.mesh.label)]
        self.unseen.append(message.failure)
        return [self.watchdog.cancel()] if self._is_last_word(message.failure) else []

    def _is_last_word(self, failure: MeshFailure) -> bool:
        """Q14 off: a mesh that was stopped as a whole needs no controller any more."""
        stopped = failure.event.actor_status.phase is ActorPhase.STOPPED
        return stopped and failure.rank is None and not self.config.has("Q14")

    def look(self, wall_ns: int) -> tuple[list[Command], MeshFailure | None]:
        """12.4 steps 2 and 3: the failure that the cell has for this reference, if any; after a time-out always one.

        Q50: a value that was looked at before counts again for as long as it is the current one. Off: it does not.
        """
        if self.phase is SubscriptionPhase.TIMED_OUT:
            return self._conclude(wall_ns)
        if self.phase is not SubscriptionPhase.WATCHING:
            return [], None
        while self.unseen:
            failure = self.unseen.pop(0)
            if self._interesting(failure):
                return [], failure
        if self.latest is not None and self.config.has("Q50") and self._interesting(self.latest):
            return [], self.latest
        return [], None

    def _interesting(self, failure: MeshFailure) -> bool:
        """A failure with a rank counts only when this reference has the rank."""
        return failure.rank is None or self.mesh.concerns(failure.rank, mixed_ranks=self.config.has("Q17"))

    def retry(self, now_ns: int) -> list[Command]:
        """Q51 off: after a time-out it is asked whether the controller lives after all."""
        self._move_to(SubscriptionPhase.WATCHING)
        self.latest, self.unseen = None, []
        return self._subscribe(now_ns)

    @property
    def timed_out(self) -> bool:
        return self.phase is SubscriptionPhase.TIMED_OUT

    def on_timer(self, now_ns: int) -> list[Command]:
        """The watchdog: perhaps there was a sign of life since it was set; else `timed_out` or closed."""
        if self.phase not in _FORWARDING:
            return []
        rest = self.watchdog.fired(now_ns)
        if not rest:
            watched = self.phase is SubscriptionPhase.WATCHING
            self._move_to(SubscriptionPhase.TIMED_OUT if watched else SubscriptionPhase.CLOSED)
        return rest

    def _conclude(self, wall_ns: int) -> tuple[list[Command], MeshFailure]:
        """Silence means that the controller is dead; every look says so again."""
        controller = self.mesh.controller
        assert controller is not None
        text = (
            f"timed out reaching controller {controller} for mesh {self.mesh.name}. Assuming controller's proc is dead"
        )
        status = ActorStatus(ActorPhase.FAILED, error=Generic(text))
        event = ActorSupervisionEvent(controller, None, wall_ns, status)
        return [self._goodbye()], MeshFailure(self.mesh.name, None, event)

    def _goodbye(self) -> Envelope:
        assert self.mesh.controller is not None
        return Envelope(self.me, self.mesh.controller, Unsubscribe(self._ref), returnable=False)

    def unsubscribe(self) -> list[Command]:
        """The forwarder ends at once, and the controller is told; one that ended already said what it had to."""
        if self.phase not in (SubscriptionPhase.WATCHING, SubscriptionPhase.UNWATCHED):
            return []
        self._move_to(SubscriptionPhase.CLOSED)
        return [self._goodbye(), self.watchdog.cancel()]

    def look_away(self) -> None:
        """The reference loses its controller; what still comes is not looked at."""
        if self.phase is SubscriptionPhase.WATCHING:
            self._move_to(SubscriptionPhase.UNWATCHED)

    def drop(self) -> None:
        """The reference goes away without a word."""
        if self.phase in (SubscriptionPhase.WATCHING, SubscriptionPhase.UNWATCHED):
            self._move_to(SubscriptionPhase.DROPPED)
        elif self.phase is SubscriptionPhase.TIMED_OUT:
            self._move_to(SubscriptionPhase.CLOSED)  # Its forwarder ended before.

    def _move_to(self, phase: SubscriptionPhase) -> None:
        assert phase in TRANSITIONS[self.phase], f"{self.me}: {self.phase.value} -> {phase.value}"
        self.phase = phase


def heard(listener: ActorId, role: str, mesh: str, failure: MeshFailure, ref: str = "") -> Heard:
    """The note that somebody was told of a failure; `ref` names a slice or a copy through which it was."""
    status = failure.event.actor_status
    return Heard(
        listener=listener,
        role=role,
        mesh=mesh,
        rank=failure.rank,
        status="Failed" if status.is_failed else "Stopped" if status.is_terminal else "Recovered",
        text=status_text(status, failure.event.occurred_at_ns),
        actor=failure.event.actor_id,
        failure=failure,
        ref=ref,
    )
