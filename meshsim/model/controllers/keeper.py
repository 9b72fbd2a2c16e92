"""What every controller of an actor mesh knows and does, however it comes to know: whom it tells, how it stops.

Source: supervision.md 5.1, 5.3 to 5.9. Quirks: Q11 to Q14, Q16, Q18, Q25, Q52, Q53, Q57.
"""

from __future__ import annotations

from enum import Enum
from typing import Self

import msgspec

from meshsim.model.boot import ControllerSetting
from meshsim.model.clients.waits import IdleLimit, Progress, StateQuery, StatusWait
from meshsim.model.commands import Command, Fail, SetTimer
from meshsim.model.config import Config
from meshsim.model.controllers.health import unhealthy
from meshsim.model.ids import FIRST_EPHEMERAL_PORT, ActorId, Name, PortRef, actor_id
from meshsim.model.messages import (
    Envelope,
    GetRankStatus,
    KeepAlive,
    MeshFailed,
    RankStatus,
    StateReply,
    Stop,
    Undeliverable,
    reply_to,
)
from meshsim.model.messaging.casting import CastError, agents_of, cast
from meshsim.model.messaging.undeliverable import default_undeliverable, restore_sender
from meshsim.model.notes import MonitoringEnded, SubscriberRemoved, Warned
from meshsim.model.operations import ActorMeshRef
from meshsim.model.shapes.extent import ViewRank, ranked_display_name
from meshsim.model.status import (
    RUNNING,
    STOPPED,
    MeshState,
    State,
    Status,
    StatusKind,
    failed,
    inverted,
)
from meshsim.model.supervision import (
    ActorSupervisionEvent,
    Crashed,
    Generic,
    MeshFailure,
    StreamClosed,
    Unhealthy,
    actor_stopped,
    failure_text,
)
from meshsim.model.wall_clock import TRUE_CLOCK, WallClock

EXPLICIT_STOP = "ActorMeshController received explicit stop request"
CLEANUP_REASON = "actor mesh controller cleanup"

STOP_IDLE_TIMER = "stop_idle"
HEARTBEAT_TIMER = "heartbeat"
KEEPALIVE_TIMER = "keepalive"


def keepalive_period_ns(config: Config) -> int:
    """After what time a controller keeps its mesh alive again while a poll waits; the mesh has an orphan timeout.

    The last keepalive may be a whole period old when a poll begins to wait: the next comes within the rest.
    """
    period = config.supervision_poll_frequency
    rest = (config.mesh_orphan_timeout - period) // 2
    return min(period, rest) if rest > 0 else period


class ControllerPhase(Enum):
    IDLE = "idle"
    QUERYING_PROCS = "querying_procs"
    QUERYING_ACTORS = "querying_actors"
    STOPPING = "stopping"
    CLEANING_UP = "cleaning_up"


#: A handler is never interrupted, so cleanup begins from IDLE.
TRANSITIONS: dict[ControllerPhase, frozenset[ControllerPhase]] = {
    ControllerPhase.IDLE: frozenset(
        {ControllerPhase.QUERYING_PROCS, ControllerPhase.STOPPING, ControllerPhase.CLEANING_UP}
    ),
    ControllerPhase.QUERYING_PROCS: frozenset({ControllerPhase.QUERYING_ACTORS, ControllerPhase.IDLE}),
    ControllerPhase.QUERYING_ACTORS: frozenset({ControllerPhase.IDLE}),
    ControllerPhase.STOPPING: frozenset({ControllerPhase.IDLE}),
    ControllerPhase.CLEANING_UP: frozenset({ControllerPhase.IDLE}),
}


class MeshKeeper(msgspec.Struct):
    """State of a controller, its subscribers, and the stop of its mesh."""

    me: ActorId
    mesh: ActorMeshRef
    config: Config
    #: Base of the ranked display names (supervision.md 1.4).
    display_name: str
    owner: ActorId | None
    #: Last known status by local rank.
    statuses: dict[int, Status]
    phase: ControllerPhase = ControllerPhase.IDLE
    monitoring: bool = False
    #: The last failure; never cleared (Q25). StreamClosed for a stop and for a terminating process (Q11),
    #: Crashed for every event of an actor, a plain stop too (Q12).
    unhealthy_event: Unhealthy | None = None
    crashed_ranks: dict[int, ActorSupervisionEvent] = {}
    #: Ranks whose procs the running poll, or the last one, found terminating, with how.
    dead: dict[int, Status] = {}
    #: Whether the running poll has told of anything.
    news: bool = False
    #: A stop was carried out, whatever came of it.
    stop_asked: bool = False
    #: Ports by text of their id, in order of subscription. Set semantics.
    subscribers: dict[str, PortRef] = {}
    query: StateQuery | None = None
    stop: StatusWait | None = None
    #: The port of a poll that a Stop interrupted (Q27 off); 0 for none.
    abandoned: int = 0
    polls: int = 0
    stalls: int = 0
    #: Wall time at which the scheduled poll should begin.
    expected_ns: int = 0
    next_port: int = FIRST_EPHEMERAL_PORT
    clock: WallClock = TRUE_CLOCK

    @classmethod
    def for_mesh(cls, setting: ControllerSetting) -> Self:
        """One that knows what the spawn of its mesh found out. Whoever spawns it gives it its id."""
        return cls(
            me=ActorId(""),
            mesh=setting.mesh,
            config=setting.config,
            display_name=setting.display_name,
            owner=setting.owner,
            statuses=dict(setting.statuses),
        )

    # --- subscribers (5.3 to 5.5, 5.9) -----------------------------------------------------------------------

    def _on_subscribe(self, port: PortRef) -> list[Command]:
        """A subscriber to an unhealthy mesh is told at once, at every subscription."""
        self.subscribers.setdefault(self._key(port), port)
        return [] if self.unhealthy_event is None else [self._to_subscriber(port, self.unhealthy_event.failure)]

    def _on_unsubscribe(self, port: PortRef) -> list[Command]:
        self.subscribers.pop(self._key(port), None)
        return []

    def _to_subscriber(self, port: PortRef, failure: MeshFailure | None) -> Envelope:
        returnable = port.returnable or not self.config.has("port_equality_flag")
        return Envelope(self.me, port.actor, MeshFailed(failure), port.index, returnable, subscriber=True)

    def _tell_subscribers(self, failure: MeshFailure | None) -> list[Command]:
        return [self._to_subscriber(port, failure) for port in self.subscribers.values()]

    def _next_heartbeat(self) -> list[Command]:
        """Q16: polls send the heartbeats. Off: a timer does, since they say how the controller is, not the mesh."""
        if self.config.has("Q16"):
            return []
        return [SetTimer(self.me, HEARTBEAT_TIMER, self.config.supervision_poll_frequency)]

    # --- keepalives beside the poll (14.3) -------------------------------------------------------------------

    def _next_keepalive(self) -> list[Command]:
        """Q56: a poll keeps the actors alive, once every host has answered. Off: a timer does, while a poll waits."""
        if self.config.has("Q56") or not self.config.mesh_orphan_timeout or not self.monitoring:
            return []
        return [SetTimer(self.me, KEEPALIVE_TIMER, keepalive_period_ns(self.config))]

    def _on_keepalive_due(self, now_ns: int) -> list[Command]:
        """Nobody waits for it: whom it does not reach, the poll finds silent."""
        polling = self.phase in (ControllerPhase.QUERYING_PROCS, ControllerPhase.QUERYING_ACTORS)
        agents = agents_of(self.mesh.procs, tuple(self.dead))
        if not polling or len(self.dead) == len(self.mesh.procs.procs):
            return self._next_keepalive()
        message = KeepAlive(self._wall(now_ns) + self.config.mesh_orphan_timeout, self.mesh.name)
        try:
            casts = cast(self.me, agents, message, self.config, returnable=False)
        except CastError as error:
            return [Warned(self.me, str(error)), *self._next_keepalive()]
        return [*casts, *self._next_keepalive()]

    # --- what comes back (5.9) -------------------------------------------------------------------------------

    def _on_undeliverable(self, undeliverable: Undeliverable) -> list[Command]:
        """A dead subscriber is forgotten; anything else that comes back is the end of the controller (Q57)."""
        undeliverable = restore_sender(undeliverable)
        returned = undeliverable.envelope
        if not returned.subscriber:
            if self.config.has("Q57"):
                return default_undeliverable(self.me, undeliverable)
            # Off: the poll or stop that sent it misses the reply, and says what that means.
            return [Warned(self.me, f"message not delivered: to {returned.dest}: {'; '.join(undeliverable.errors)}")]
        removed = self.subscribers.pop(self._key(PortRef(returned.dest, returned.port)), None)
        return [] if removed is None else [SubscriberRemoved(self.me, returned.dest)]

    # --- state of the mesh (5.7) -----------------------------------------------------------------------------

    def _on_get_state(self, name: Name, reply: PortRef) -> list[Command]:
        count = self.mesh.procs.region.num_ranks
        if len(self.statuses) != count:
            text = f"invalid mesh ref: expected {count} ranks, but contains {len(self.statuses)} ranks"
            return [Fail(Generic(text))]
        statuses = tuple(self.statuses[rank] for rank in sorted(self.statuses))
        return [reply_to(reply, self.me, StateReply(State(name, self._mesh_status(), MeshState(statuses))))]

    def _mesh_status(self) -> Status:
        match self.unhealthy_event:
            case None:
                return RUNNING
            case StreamClosed():
                return STOPPED
            case Crashed(failure=failure):
                return failed(failure_text(failure, self.config.quirks_off))

    # --- changes (5.10) ------------------------------------------------------------------------------------

    def _state_change(self, rank: int, event: ActorSupervisionEvent, *, proc_stopped: bool) -> list[Command]:
        """Remember it; tell the owner if it is an error, then every subscriber."""
        failure = MeshFailure(self.mesh.name, rank, event)
        self.news = True
        self.crashed_ranks[rank] = event
        self.unhealthy_event = unhealthy(self.config, failure, proc_stopped=proc_stopped)
        commands: list[Command] = []
        if event.is_error and self.owner is not None:
            commands.append(Envelope(self.me, self.owner, MeshFailed(failure)))
        return commands + self._tell_subscribers(failure)

    def _end_monitoring(self, why: str) -> list[Command]:
        if not self.monitoring:
            return []
        self.monitoring = False
        return [MonitoringEnded(self.me, self.mesh.label, why)]

    # --- stop (5.8) and cleanup (5.9) --------------------------------------------------------------------------

    def _on_stop(self, reason: str, now_ns: int) -> list[Command]:
        """Subscribers are told before anything is stopped; the owner is not told (it asked)."""
        if self._is_duplicate_stop():
            return []
        commands = self._end_monitoring("stop")
        if not self.stop_asked:
            commands += self._tell_of_stop(EXPLICIT_STOP, now_ns)
        self.stop_asked = True
        self._move_to(ControllerPhase.STOPPING)
        return commands + self._stop_actors(reason, now_ns)

    def _is_duplicate_stop(self) -> bool:
        """Q13: also when everything has ended by itself. Q52: also when the first one did not reach every rank."""
        if self.monitoring:
            return False
        if not self.stop_asked:
            return self.config.has("Q13")
        return self.config.has("Q52") or not any(status.kind is StatusKind.TIMEOUT for status in self.statuses.values())

    def _tell_of_stop(self, why: str, now_ns: int) -> list[Command]:
        event = ActorSupervisionEvent(self._actor(0), None, self._wall(now_ns), actor_stopped(why))
        failure = MeshFailure(self.mesh.name, None, event)
        self.unhealthy_event = StreamClosed(failure)
        return self._tell_subscribers(failure)

    def _stop_actors(self, reason: str, now_ns: int) -> list[Command]:
        """Stop by name on every rank, then ask for the statuses (10.6)."""
        gone = self._gone()
        port = self._open_port()
        idle = IdleLimit.of(self.config, self.me, STOP_IDLE_TIMER, self.config.actor_spawn_max_idle)
        self.stop = StatusWait.over(len(self.mesh.procs.procs), port, idle, self.config)
        for rank, status in gone.items():
            self.stop.statuses[rank] = status
        if len(gone) == len(self.mesh.procs.procs):
            return self._on_stop_over(self.stop.statuses, timed_out=False)
        agents, name = agents_of(self.mesh.procs, tuple(gone)), self.mesh.name
        reply = self.stop.port.ref(self.me, returnable=True)
        try:
            stops = cast(self.me, agents, Stop(name, reason), self.config)
            asks = cast(self.me, agents, GetRankStatus(name, reply), self.config)
        except CastError as error:
            return self._on_cast_error(error)
        return [*stops, *asks, *idle.start(now_ns)]

    def _on_cast_error(self, error: CastError) -> list[Command]:
        """The handler returns it (5.8 step 6)."""
        self.stop = None
        self._move_to(ControllerPhase.IDLE)
        return [Fail(Generic(str(error)))]

    def _gone(self) -> dict[int, Status]:
        """Ranks without a process to stop. Q18: a dead proc is never remembered, so its agent is asked."""
        if self.config.has("Q18"):
            return {}
        over = (StatusKind.STOPPED, StatusKind.FAILED)
        return {rank: status for rank, status in self.dead.items() if status.kind in over}

    def _on_rank_status(self, envelope: Envelope, overlay: RankStatus, now_ns: int) -> list[Command]:
        assert self.stop is not None
        refused = self.stop.refuse(envelope)
        if refused or self.stop.take(overlay, now_ns) is Progress.WAITING:
            return refused
        return [self.stop.idle.cancel(), *self._on_stop_over(self.stop.statuses, timed_out=False)]

    def _on_stop_idle(self, now_ns: int) -> list[Command]:
        assert self.stop is not None
        return self.stop.idle.fired(now_ns) or self._on_stop_over(self.stop.timed_out(now_ns), timed_out=True)

    def _on_stop_over(self, statuses: list[Status], *, timed_out: bool) -> list[Command]:
        """What was reported becomes what is known; silent ranks are Timeout, which counts as stopped (Q53)."""
        self.stop = None
        cleaning = self.phase is ControllerPhase.CLEANING_UP
        self._move_to(ControllerPhase.IDLE)
        is_error = timed_out or not all(status.is_terminating for status in statuses)
        if cleaning:
            text = f"error stopping actor mesh: statuses: {inverted(statuses)}"
            return [Fail(Generic(text))] if is_error else []
        for rank, status in enumerate(statuses):
            if rank in self.statuses or (is_error and self.statuses):
                self.statuses[rank] = status
        return []

    def _on_cleanup(self, now_ns: int) -> list[Command]:
        """The actor ends: its mesh is stopped, and nobody is told (Q14); off: the subscribers are."""
        if not self.monitoring:
            return []
        commands = self._end_monitoring("cleanup")
        if not self.config.has("Q14"):
            commands += self._tell_of_stop(CLEANUP_REASON, now_ns)
        self._move_to(ControllerPhase.CLEANING_UP)
        return commands + self._stop_actors(CLEANUP_REASON, now_ns)

    # --- small things ----------------------------------------------------------------------------------------

    def _move_to(self, phase: ControllerPhase) -> None:
        assert phase in TRANSITIONS[self.phase], f"{self.me}: {self.phase.value} -> {phase.value}"
        self.phase = phase

    def _open_port(self) -> int:
        port = self.next_port
        self.next_port += 1
        return port

    def _wall(self, now_ns: int) -> int:
        return self.clock.at(now_ns)

    def _actor(self, rank: int) -> ActorId:
        return actor_id(self.mesh.procs.procs[rank].proc_id, self.mesh.name)

    def _ranked_name(self, rank: int) -> str:
        return ranked_display_name(self.display_name, self.mesh.procs.region.extent.point_of_rank(ViewRank(rank)))

    def _key(self, port: PortRef) -> str:
        """Subscribers are known by the id of their port, and by whether it asks for returns (`port_equality_flag`)."""
        flag = "" if port.returnable or not self.config.has("port_equality_flag") else ":not returnable"
        return f"{port.actor}[{port.index}]{flag}"
