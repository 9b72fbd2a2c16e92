"""The controller of one actor mesh: polls its health, tells owner and subscribers, stops it.

Theory of operation. The controller lives as a child of the actor that spawned the mesh. Every poll period it asks
the hosts how the procs are, then the agents how the actors are (and keeps the actors alive by asking), compares with
what it knew, and tells whoever has to know. It is a polling machine: nothing reaches it by itself.

    IDLE ──CheckState──▶ QUERYING_PROCS ──▶ QUERYING_ACTORS ──▶ IDLE     (one poll)
    IDLE ──Stop──▶ STOPPING ──▶ IDLE
    any ──(the runtime ends the actor)──▶ CLEANING_UP

While a poll or a stop is in flight every other message waits in the mailbox (Q27). `monitoring` says whether another
poll will follow; once it is false it stays false.

Source: supervision.md 5 and 6. Quirks: Q11 to Q28, Q54, Q57.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum

import msgspec

from meshsim.model.commands import Command, Fail, SetTimer
from meshsim.model.config import Config
from meshsim.model.events import ChildFailed, CleanupStarted, ClockSet, Event, Started, TimerFired
from meshsim.model.extent import ranked_display_name
from meshsim.model.ids import FIRST_EPHEMERAL_PORT, ActorId, Name, PortRef, actor_id, proc_name_of
from meshsim.model.mapping import actor_state_to_events, proc_status_to_actor_status
from meshsim.model.messages import (
    CheckState,
    CreateOrUpdate,
    Envelope,
    GetRankStatus,
    GetState,
    GetSubscriberCount,
    KeepaliveGetState,
    MeshFailed,
    RankStatus,
    StateReply,
    Stop,
    Subscribe,
    SubscriberCount,
    Undeliverable,
    Unsubscribe,
    reply_to,
)
from meshsim.model.notes import ControllerStalled, MonitoringEnded, PollEnded, PollStarted, SubscriberRemoved, Warned
from meshsim.model.operations import ActorMeshRef
from meshsim.model.status import (
    RUNNING,
    STOPPED,
    ActorState,
    MeshState,
    ProcState,
    State,
    Status,
    failed,
    inverted,
    timeout,
)
from meshsim.model.supervision import (
    ActorPhase,
    ActorStatus,
    ActorSupervisionEvent,
    Crashed,
    Generic,
    MeshFailure,
    StreamClosed,
    UnhandledSupervisionEvent,
    Unhealthy,
    failure_text,
)
from meshsim.model.undeliverable import default_undeliverable
from meshsim.model.waits import IdleLimit, Progress, StateQuery, StatusWait
from meshsim.units import S

EXPLICIT_STOP = "ActorMeshController received explicit stop request"
CLEANUP_REASON = "actor mesh controller cleanup"

CHECK_TIMER = "check_state"
PROC_IDLE_TIMER = "proc_idle"
ACTOR_IDLE_TIMER = "actor_idle"
STOP_IDLE_TIMER = "stop_idle"


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


#: Looked up once: in Python 3.11 a member of an Enum costs several times a global, and these are asked for at every
#: reply of a poll.
_IDLE = ControllerPhase.IDLE
_WAITING = Progress.WAITING


class ActorMeshController(msgspec.Struct):
    """Machine of supervision.md 5. One for each actor mesh that is not a system mesh."""

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
    #: Ports by text of their id, in order of subscription. Set semantics.
    subscribers: dict[str, PortRef] = {}
    query: StateQuery | None = None
    stop: StatusWait | None = None
    polls: int = 0
    stalls: int = 0
    #: Wall time at which the scheduled poll should begin.
    expected_ns: int = 0
    next_port: int = FIRST_EPHEMERAL_PORT
    clock_offset_ns: int = 0

    @property
    def busy(self) -> bool:
        return self.phase is not _IDLE

    def accepts(self, port: int) -> bool:
        if self.query is not None:
            return port == self.query.port
        return self.stop is not None and self.stop.accepts(port)

    def handle(self, event: Event, now_ns: int) -> list[Command]:
        """Take one event and return what the runtime must do."""
        if type(event) is Envelope:
            return self._on_reply(event, now_ns) if event.port else self._on_message(event, now_ns)
        match event:
            case TimerFired(key=key):
                return self._on_timer(key, now_ns)
            case Started():
                self.monitoring = True
                return self._reschedule(now_ns)
            case CleanupStarted():
                return self._on_cleanup(now_ns)
            case ClockSet(offset_ns=offset):
                self.clock_offset_ns = offset
                return []
            case ChildFailed(event=child_event):
                return [Fail(UnhandledSupervisionEvent(child_event))]
            case _:
                raise AssertionError(f"unexpected event {event!r}")

    def _on_message(self, envelope: Envelope, now_ns: int) -> list[Command]:
        match envelope.message:
            case CheckState(expected_ns=expected):
                return self._on_check_state(expected, now_ns)
            case Subscribe(port=port):
                return self._on_subscribe(port)
            case Unsubscribe(port=port):
                self.subscribers.pop(_key(port), None)
                return []
            case GetSubscriberCount(reply=reply):
                return [reply_to(reply, self.me, SubscriberCount(len(self.subscribers)))]
            case CreateOrUpdate():
                return []
            case GetState(name=name, reply=reply):
                return self._on_get_state(name, reply)
            case Stop(reason=reason):
                return self._on_stop(reason, now_ns)
            case Undeliverable() as undeliverable:
                return self._on_undeliverable(undeliverable)
            case message:
                raise AssertionError(f"{self.me} cannot handle {message!r}")

    def _on_reply(self, envelope: Envelope, now_ns: int) -> list[Command]:
        message = envelope.message
        if isinstance(message, StateReply):
            if self.phase is ControllerPhase.QUERYING_PROCS:
                return self._on_proc_state(message, now_ns)
            return self._on_actor_state(message, now_ns)
        assert isinstance(message, RankStatus), f"{self.me} cannot take {message!r} while {self.phase.value}"
        return self._on_rank_status(envelope, message, now_ns)

    def _on_timer(self, key: str, now_ns: int) -> list[Command]:
        match key:
            case "check_state":
                # The delayed message to itself: it goes through the mailbox, so it may wait there.
                return [Envelope(self.me, self.me, CheckState(self.expected_ns), returnable=False)]
            case "proc_idle":
                return self._on_procs_idle(now_ns)
            case "actor_idle":
                return self._on_actors_idle(now_ns)
            case "stop_idle":
                return self._on_stop_idle(now_ns)
            case _:
                raise AssertionError(f"unknown timer {key}")

    # --- subscribers (5.3 to 5.5, 5.9) -----------------------------------------------------------------------

    def _on_subscribe(self, port: PortRef) -> list[Command]:
        """A subscriber to an unhealthy mesh is told at once, at every subscription."""
        self.subscribers.setdefault(_key(port), port)
        return [] if self.unhealthy_event is None else [self._to_subscriber(port, self.unhealthy_event.failure)]

    def _to_subscriber(self, port: PortRef, failure: MeshFailure | None) -> Envelope:
        return Envelope(self.me, port.actor, MeshFailed(failure), port.index, port.returnable, subscriber=True)

    def _tell_subscribers(self, failure: MeshFailure | None) -> list[Command]:
        return [self._to_subscriber(port, failure) for port in self.subscribers.values()]

    def _on_undeliverable(self, undeliverable: Undeliverable) -> list[Command]:
        """A dead subscriber is forgotten; anything else that comes back is the end of the controller (Q57)."""
        returned = undeliverable.envelope
        if not returned.subscriber:
            return default_undeliverable(self.me, undeliverable)
        removed = self.subscribers.pop(_key(PortRef(returned.dest, returned.port)), None)
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
                return failed(failure_text(failure))

    # --- the poll (5.10) -----------------------------------------------------------------------------------

    def _reschedule(self, now_ns: int) -> list[Command]:
        if not self.monitoring:
            return []
        self.expected_ns = self._wall(now_ns) + self.config.supervision_poll_frequency
        return [SetTimer(self.me, CHECK_TIMER, self.config.supervision_poll_frequency)]

    def _on_check_state(self, expected_ns: int, now_ns: int) -> list[Command]:
        """Steps 1 and 2. `monitoring` is not looked at: a poll that was scheduled runs (Q15)."""
        self.polls += 1
        commands: list[Command] = [PollStarted(self.me, self.mesh.label, self.polls)]
        if self._wall(now_ns) > expected_ns + self.config.supervision_poll_frequency:
            self.stalls += 1
            commands += [ControllerStalled(self.me, expected_ns), Warned(self.me, _stall_warning(expected_ns))]
        self._move_to(ControllerPhase.QUERYING_PROCS)
        query = self._begin_query(PROC_IDLE_TIMER, self.config.get_proc_state_max_idle)
        port = PortRef(self.me, query.port, returnable=False)
        commands += [
            Envelope(self.me, proc.host_agent, GetState(proc_name_of(proc.proc_id), port))
            for proc in self.mesh.procs.procs
        ]
        return commands + query.idle.start(now_ns)

    def _begin_query(self, key: str, limit_ns: int) -> StateQuery:
        self.query = StateQuery(
            port=self._open_port(),
            idle=IdleLimit(self.me, key, limit_ns),
            count=len(self.mesh.procs.procs),
        )
        return self.query

    def _on_proc_state(self, reply: StateReply, now_ns: int) -> list[Command]:
        query = self.query
        assert query is not None
        progress = query.take(reply, now_ns)
        if progress is _WAITING:
            return []
        if progress is Progress.NOT_EXIST:
            return [query.idle.cancel(), *self._on_query_error("proc", reply.state.name, None, now_ns)]
        return [query.idle.cancel(), *self._on_proc_states(now_ns)]

    def _on_procs_idle(self, now_ns: int) -> list[Command]:
        assert self.query is not None
        return self.query.idle.fired(now_ns) or self._on_proc_states(now_ns)

    def _on_proc_states(self, now_ns: int) -> list[Command]:
        """Step 4. Only the first terminating proc is looked at, and nothing else is done then (Q18, Q19)."""
        assert self.query is not None
        query, self.query = self.query, None
        for rank in range(query.count):
            state = query.received.get(rank)
            if state is not None and state.status == RUNNING:
                continue
            # A rank that did not answer counts as Timeout, without a state (9.7 step 3).
            status = timeout(self.config.get_proc_state_max_idle) if state is None else state.status
            if status.is_terminating:
                proc_status = state.state.proc_status if state and isinstance(state.state, ProcState) else None
                return self._on_proc_dead(rank, proc_status_to_actor_status(proc_status), now_ns)
        return self._query_actors(now_ns)

    def _on_proc_dead(self, rank: int, status: ActorStatus, now_ns: int) -> list[Command]:
        event = ActorSupervisionEvent(
            actor_id=self._actor(rank),
            display_name=f"{self._ranked_name(rank)} was running on a process which",
            occurred_at_ns=self._wall(now_ns),
            actor_status=status,
        )
        self._move_to(ControllerPhase.IDLE)
        notices = self._state_change(rank, event, proc_stopped=True)
        return [*notices, self._poll_ended("proc_dead"), *self._reschedule(now_ns)]

    def _query_actors(self, now_ns: int) -> list[Command]:
        """Step 5: ask the agents, and keep the actors alive by asking."""
        self._move_to(ControllerPhase.QUERYING_ACTORS)
        query = self._begin_query(ACTOR_IDLE_TIMER, self.config.get_actor_state_max_idle)
        # The query is cast: a reply that comes too late is lost on the way and costs its agent nothing (2.3).
        port = PortRef(self.me, query.port, returnable=False)
        name, orphan_timeout = self.mesh.name, self.config.mesh_orphan_timeout
        message: KeepaliveGetState | GetState = (
            KeepaliveGetState(self._wall(now_ns) + orphan_timeout, name, port)
            if orphan_timeout
            else GetState(name, port)
        )
        casts: list[Command] = [Envelope(self.me, proc.agent, message) for proc in self.mesh.procs.procs]
        return casts + query.idle.start(now_ns)

    def _on_actor_state(self, reply: StateReply, now_ns: int) -> list[Command]:
        query = self.query
        assert query is not None
        progress = query.take(reply, now_ns)
        if progress is _WAITING:
            return []
        if progress is Progress.NOT_EXIST:
            return [
                query.idle.cancel(),
                *self._on_query_error("actor", reply.state.name, self.display_name, now_ns),
            ]
        return [query.idle.cancel(), *self._on_actor_states(now_ns)]

    def _on_actors_idle(self, now_ns: int) -> list[Command]:
        assert self.query is not None
        return self.query.idle.fired(now_ns) or self._on_actor_states(now_ns)

    def _silent_agent(self, rank: int, now_ns: int) -> State:
        """What stands in for an agent that did not answer (10.5 step 3)."""
        agent = self.mesh.procs.procs[rank].agent
        text = (
            f'timeout waiting for message from proc mesh agent while querying for "{self.mesh.name}". '
            "The process likely crashed"
        )
        status = ActorStatus(ActorPhase.FAILED, error=Generic(text))
        event = ActorSupervisionEvent(agent, None, self._wall(now_ns), status)
        return State(
            self.mesh.name,
            timeout(self.config.get_actor_state_max_idle),
            ActorState(agent, rank, (event,)),
        )

    def _on_actor_states(self, now_ns: int) -> list[Command]:
        """Steps 6 to 8: compare with what was known, tell of each change, and decide whether to go on."""
        assert self.query is not None
        query, self.query = self.query, None
        commands: list[Command] = []
        did_change = is_terminal = False
        for rank in range(query.count):
            state = query.received.get(rank) or self._silent_agent(rank, now_ns)
            if state.status == RUNNING == self.statuses.get(rank):
                continue  # As `_compare` says; most ranks of most polls.
            change, was_terminal = self._compare(rank, state, now_ns)
            if change is not None:
                did_change = True
                commands += self._state_change(*change, proc_stopped=False)
            is_terminal = is_terminal or was_terminal
        outcome = "changed" if did_change else "terminal" if is_terminal else "healthy"
        if outcome == "healthy":
            commands += self._tell_subscribers(None)
        self._move_to(ControllerPhase.IDLE)
        if all(status.is_terminating for status in self.statuses.values()):
            commands += self._end_monitoring("all_terminal")
        return [*commands, self._poll_ended(outcome), *self._reschedule(now_ns)]

    def _compare(self, rank: int, state: State, now_ns: int) -> tuple[tuple[int, ActorSupervisionEvent] | None, bool]:
        """One rank of step 6: create rank and event to tell of, if any, and whether it was terminal before."""
        entry = self.statuses.get(rank)
        if entry == state.status:
            return None, entry.is_terminating
        create_rank, events = actor_state_to_events(state, self._wall(now_ns))
        if entry is None:
            self.statuses[rank] = state.status
            was_terminal = state.status.is_terminating
        else:
            was_terminal = entry.is_terminating
            if events:
                # Q22, Q54: without events the entry stays as it is.
                self.statuses[rank] = state.status
        return ((create_rank, events[0]) if events else None), was_terminal

    def _on_query_error(self, what: str, name: str, display_name: str | None, now_ns: int) -> list[Command]:
        """A rank answered without a state: the whole query is an error, blamed on rank 0 (Q24)."""
        self.query = None
        self._move_to(ControllerPhase.IDLE)
        text = f'unable to query for {what} states: NotExist(Name("{name}"))'
        event = ActorSupervisionEvent(
            actor_id=self.me,
            display_name=display_name,
            occurred_at_ns=self._wall(now_ns),
            actor_status=ActorStatus(ActorPhase.FAILED, error=Generic(text)),
        )
        notices = self._state_change(0, event, proc_stopped=False)
        return [*notices, self._poll_ended(f"{what}_query_error"), *self._reschedule(now_ns)]

    def _state_change(self, rank: int, event: ActorSupervisionEvent, *, proc_stopped: bool) -> list[Command]:
        """Remember it; tell the owner if it is an error, then every subscriber."""
        failure = MeshFailure(self.mesh.name, rank, event)
        self.crashed_ranks[rank] = event
        self.unhealthy_event = StreamClosed(failure) if proc_stopped else Crashed(failure)
        commands: list[Command] = []
        if event.is_error and self.owner is not None:
            commands.append(Envelope(self.me, self.owner, MeshFailed(failure)))
        return commands + self._tell_subscribers(failure)

    def _poll_ended(self, outcome: str) -> PollEnded:
        return PollEnded(self.me, self.mesh.label, self.polls, outcome, self.monitoring)

    def _end_monitoring(self, why: str) -> list[Command]:
        if not self.monitoring:
            return []
        self.monitoring = False
        return [MonitoringEnded(self.me, self.mesh.label, why)]

    # --- stop (5.8) and cleanup (5.9) --------------------------------------------------------------------------

    def _on_stop(self, reason: str, now_ns: int) -> list[Command]:
        """Subscribers are told before anything is stopped; the owner is not told (it asked)."""
        if not self.monitoring:
            return []  # A duplicate, or everything is terminal already (Q13).
        commands = self._end_monitoring("stop")
        status = ActorStatus(ActorPhase.STOPPED, reason=EXPLICIT_STOP)
        event = ActorSupervisionEvent(self._actor(0), None, self._wall(now_ns), status)
        failure = MeshFailure(self.mesh.name, None, event)
        self.unhealthy_event = StreamClosed(failure)
        commands += self._tell_subscribers(failure)
        self._move_to(ControllerPhase.STOPPING)
        return commands + self._stop_actors(reason, now_ns)

    def _stop_actors(self, reason: str, now_ns: int) -> list[Command]:
        """Stop by name on every rank, then ask for the statuses (10.6)."""
        count = len(self.mesh.procs.procs)
        port = self._open_port()
        idle = IdleLimit(self.me, STOP_IDLE_TIMER, self.config.actor_spawn_max_idle)
        self.stop = StatusWait.over(count, port, idle)
        name = self.mesh.name
        agents = [proc.agent for proc in self.mesh.procs.procs]
        stops: list[Command] = [Envelope(self.me, agent, Stop(name, reason)) for agent in agents]
        reply = PortRef(self.me, port, returnable=False)  # Cast, as the poll's query.
        asks: list[Command] = [Envelope(self.me, agent, GetRankStatus(name, reply)) for agent in agents]
        return [*stops, *asks, *idle.start(now_ns)]

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
        """The actor ends: its mesh is stopped, and nobody is told (Q14)."""
        if not self.monitoring:
            return []
        commands = self._end_monitoring("cleanup")
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
        return now_ns + self.clock_offset_ns

    def _actor(self, rank: int) -> ActorId:
        return actor_id(self.mesh.procs.procs[rank].proc_id, self.mesh.name)

    def _ranked_name(self, rank: int) -> str:
        return ranked_display_name(self.display_name, self.mesh.procs.region.extent.point_of_rank(rank))


def _key(port: PortRef) -> str:
    """Subscribers are known by port id alone."""
    return f"{port.actor}[{port.index}]"


def _stall_warning(expected_ns: int) -> str:
    """The time in the text is UTC here; the reference prints its local time (supervision.md 5.10 step 1)."""
    expected = datetime.fromtimestamp(expected_ns // S, tz=UTC)
    return f"Handler<CheckState> is being stalled, expected at {expected:%Y-%m-%d %H:%M:%S}"
