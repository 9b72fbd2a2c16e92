"""The controller of one actor mesh: polls its health, tells owner and subscribers, stops it.

Theory of operation. The controller lives as a child of the actor that spawned the mesh. Every poll period it asks
the hosts how the procs are, then the agents how the actors are (and keeps the actors alive by asking), compares with
what it knew, and tells whoever has to know. It is a polling machine: nothing reaches it by itself.

    IDLE ──CheckState──▶ QUERYING_PROCS ──▶ QUERYING_ACTORS ──▶ IDLE     (one poll)
    IDLE ──Stop──▶ STOPPING ──▶ IDLE
    any ──(the runtime ends the actor)──▶ CLEANING_UP

While a poll or a stop is in flight every other message waits in the mailbox (Q27). `monitoring` says whether another
poll will follow; once it is false it stays false.

Here is the poll; what any controller does is in `meshsim.model.controllers.keeper`, what it makes of answers in
`meshsim.model.controllers.health`. Where a quirk can be off, one method has both ways side by side (`Config.has`).

Source: supervision.md 5 and 6. Quirks: Q11 to Q28, Q54, Q57.
"""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import UNSET

from meshsim.model.clients.waits import (
    IdleLimit,
    PaddingError,
    Progress,
    StateQuery,
    actor_states_timeout,
    proc_states_timeout,
)
from meshsim.model.commands import Command, Fail, Panic, SetTimer
from meshsim.model.controllers.health import (
    fate_of,
    is_old_news,
    may_come_back,
    missing_actor,
    missing_proc,
    silent_agent,
    silent_proc,
)
from meshsim.model.controllers.keeper import ControllerPhase, MeshKeeper
from meshsim.model.events import ChildFailed, CleanupStarted, ClockSet, Event, Started, TimerFired
from meshsim.model.ids import PortRef, proc_name_of, proc_of
from meshsim.model.mapping import NoActorError, actor_state_to_events
from meshsim.model.messages import (
    CheckState,
    CreateOrUpdate,
    Envelope,
    GetState,
    GetSubscriberCount,
    KeepaliveGetState,
    Message,
    RankStatus,
    StateReply,
    Stop,
    Subscribe,
    SubscriberCount,
    Undeliverable,
    Unsubscribe,
    reply_to,
)
from meshsim.model.messaging.casting import CastError, agents_of, cast
from meshsim.model.messaging.delayed import CHECK_TIMER
from meshsim.model.notes import ControllerStalled, PollEnded, PollStarted, Warned
from meshsim.model.status import RUNNING, State, Status, StatusKind
from meshsim.model.supervision import (
    ActorPhase,
    ActorStatus,
    ActorSupervisionEvent,
    Generic,
    MeshFailure,
    UnhandledSupervisionEvent,
)
from meshsim.units import S

PROC_IDLE_TIMER = "proc_idle"
ACTOR_IDLE_TIMER = "actor_idle"


#: Looked up once: in Python 3.11 a member of an Enum costs several times a global, and these are asked for at every
#: reply of a poll.
_IDLE = ControllerPhase.IDLE
_WAITING = Progress.WAITING

#: Types of messages that it takes at its handler ports.
_BOUND = frozenset(
    {CheckState, Subscribe, Unsubscribe, GetSubscriberCount, CreateOrUpdate, GetState, Stop, Undeliverable}
)


class ActorMeshController(MeshKeeper):
    """Machine of supervision.md 5. One for each actor mesh that is not a system mesh."""

    @property
    def busy(self) -> bool:
        return self.phase is not _IDLE

    @property
    def is_sliced(self) -> bool:
        """Whether the mesh lives on a slice of procs, whose create ranks go up, but are not 0, 1, 2, …"""
        procs = self.mesh.procs.procs
        return procs[-1].create_rank != len(procs) - 1

    def accepts(self, port: int) -> bool:
        if self.query is not None:
            return port == self.query.port
        return port == self.abandoned or (self.stop is not None and self.stop.accepts(port))

    def interrupts(self, envelope: Envelope) -> bool:
        """Q27: nothing does. Off: a Stop that is carried out ends the poll that runs.

        Q16 off: heartbeats go out while a poll waits, so word that nobody takes them comes in, too.
        """
        if self.query is None:
            return False
        if isinstance(envelope.message, Undeliverable):
            return envelope.message.envelope.subscriber and not self.config.has("Q16")
        return isinstance(envelope.message, Stop) and not (self.config.has("Q27") or self._is_duplicate_stop())

    def takes(self, port: int, message: Message) -> bool:
        is_answer = self.query is not None or port == self.abandoned
        return type(message) is (StateReply if is_answer else RankStatus)

    def binds(self, message: Message) -> bool:
        return type(message) in _BOUND

    def handle(self, event: Event, now_ns: int) -> list[Command]:
        """Take one event and return what the runtime must do."""
        if type(event) is Envelope:
            return self._on_reply(event, now_ns) if event.port else self._on_message(event, now_ns)
        match event:
            case TimerFired(key=key):
                return self._on_timer(key, now_ns)
            case Started():
                self.monitoring = True
                return [*self._reschedule(now_ns), *self._next_heartbeat(), *self._next_keepalive()]
            case CleanupStarted():
                return self._on_cleanup(now_ns)
            case ClockSet():
                self.clock = event.clock
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
                return self._on_unsubscribe(port)
            case GetSubscriberCount(reply=reply):
                return [reply_to(reply, self.me, SubscriberCount(len(self.subscribers)))]
            case CreateOrUpdate():
                return []
            case GetState(name=name, reply=reply):
                return self._on_get_state(name, reply)
            case Stop(reason=reason):
                return [*self._abandon_poll(), *self._on_stop(reason, now_ns)]
            case Undeliverable() as undeliverable:
                return self._on_undeliverable(undeliverable)
            case message:
                raise AssertionError(f"{self.me} cannot handle {message!r}")

    def _on_reply(self, envelope: Envelope, now_ns: int) -> list[Command]:
        message = envelope.message
        if envelope.port == self.abandoned:
            return []
        if isinstance(message, StateReply):
            if self.phase is ControllerPhase.QUERYING_PROCS:
                return self._on_proc_state(envelope, message, now_ns)
            return self._on_actor_state(envelope, message, now_ns)
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
            case "heartbeat":
                return [*self._tell_subscribers(None), *self._next_heartbeat()]
            case "keepalive":
                return self._on_keepalive_due(now_ns)
            case _:
                raise AssertionError(f"unknown timer {key}")

    # --- the poll (5.10) -----------------------------------------------------------------------------------

    def _reschedule(self, now_ns: int) -> list[Command]:
        if not self.monitoring:
            return []
        self.expected_ns = self._wall(now_ns) + self.config.supervision_poll_frequency
        return [SetTimer(self.me, CHECK_TIMER, self.config.supervision_poll_frequency)]

    def _on_check_state(self, expected_ns: int, now_ns: int) -> list[Command]:
        """Steps 1 and 2. `monitoring` is not looked at: a poll that was scheduled runs (Q15)."""
        if not self.monitoring and not self.config.has("Q15"):
            return []
        self.polls += 1
        self.news = False
        commands: list[Command] = [PollStarted(self.me, self.mesh.label, self.polls)]
        if self._wall(now_ns) > expected_ns + self.config.supervision_poll_frequency:
            self.stalls += 1
            commands += [ControllerStalled(self.me, expected_ns), Warned(self.me, _stall_warning(expected_ns))]
        self._move_to(ControllerPhase.QUERYING_PROCS)
        if any(proc.host_agent is None for proc in self.mesh.procs.procs):
            return [*commands, *self._query_actors(now_ns)]  # Allocated procs: nobody is there to be asked (step 3).
        count = len(self.mesh.procs.procs)
        query = self._begin_query(PROC_IDLE_TIMER, self.config.get_proc_state_max_idle, count)
        port = PortRef(self.me, query.port, returnable=False)
        commands += [
            Envelope(self.me, proc.on_host, GetState(proc_name_of(proc.proc_id), port))
            for proc in self.mesh.procs.procs
        ]
        return commands + query.idle.start(now_ns)

    def _begin_query(self, key: str, limit_ns: int, count: int) -> StateQuery:
        idle = IdleLimit.of(self.config, self.me, key, limit_ns)
        self.query = StateQuery(self._open_port(), idle, count, counts_copies=self.config.has("Q44"))
        return self.query

    def _on_proc_state(self, envelope: Envelope, reply: StateReply, now_ns: int) -> list[Command]:
        query = self.query
        assert query is not None
        sliced = self.is_sliced and not self.config.has("Q44")
        progress = query.take(reply, now_ns, self._rank_of(envelope, reply.state.name) if sliced else None)
        if progress is Progress.NOT_EXIST and not self.config.has("Q24"):
            progress = query.put(self._rank_of(envelope, reply.state.name), missing_proc(reply.state), now_ns)
        if progress is _WAITING:
            return []
        if progress is Progress.NOT_EXIST:
            return [query.idle.cancel(), *self._on_query_error("proc", _not_exist(reply.state), None, now_ns)]
        return [query.idle.cancel(), *self._on_proc_states(query.states(), now_ns)]

    def _on_procs_idle(self, now_ns: int) -> list[Command]:
        """Ranks that did not answer count as Timeout. A mesh on a slice of procs may be the end of it (Q44)."""
        assert self.query is not None
        rest = self.query.idle.fired(now_ns)
        if rest:
            return rest
        try:
            states = self.query.padded(self._silent_proc)
        except PaddingError as error:
            return [Panic(str(error))]
        warning = Warned(self.me, proc_states_timeout(self.config.get_proc_state_max_idle))
        return [warning, *self._on_proc_states(states, now_ns)]

    def _silent_proc(self, rank: int) -> State:
        return silent_proc(self.mesh.procs.procs[rank].proc_id, self.config.get_proc_state_max_idle)

    def _on_proc_states(self, states: list[State], now_ns: int) -> list[Command]:
        """Step 4: tell of procs that are terminating. Nothing else is done then (Q19); off: they are left out."""
        self.query = None
        dead = {rank: state for rank, state in enumerate(states) if state.status.is_terminating}
        commands = self._tell_of_procs(dead, now_ns)
        if not dead or not (self.config.has("Q19") or len(dead) == len(states)):
            return [*commands, *self._query_actors(now_ns)]
        self._move_to(ControllerPhase.IDLE)
        if not self.config.has("Q18"):
            commands += self._end_if_all_terminal()
        return [*commands, self._poll_ended("proc_dead"), *self._reschedule(now_ns)]

    def _tell_of_procs(self, dead: dict[int, State], now_ns: int) -> list[Command]:
        """Q18: of the lowest rank alone, with every poll, and nothing is remembered. Off: of each rank once."""
        if self.config.has("Q18"):
            told = list(dead)[:1]
        else:
            news = {rank: state.status for rank, state in dead.items() if not self._failed_before(rank, state.status)}
            told = [rank for rank in news if rank not in self.dead]
            self.statuses.update(news)
        self.dead = {rank: state.status for rank, state in dead.items()}
        commands: list[Command] = []
        for rank in told:
            event = ActorSupervisionEvent(
                actor_id=self._actor(rank),
                display_name=f"{self._ranked_name(rank)} was running on a process which",
                occurred_at_ns=self._wall(now_ns),
                actor_status=fate_of(self.config, dead[rank]),
            )
            commands += self._state_change(rank, event, proc_stopped=True)
        return commands

    def _failed_before(self, rank: int, status: Status) -> bool:
        """Whether a proc is merely silent, and its rank has failed: nothing more can be wrong with that (Q21 off)."""
        entry = self.statuses.get(rank)
        silent = status.kind is StatusKind.TIMEOUT
        return silent and entry is not None and is_old_news(self.config, entry, status, stop_asked=self.stop_asked)

    def _query_actors(self, now_ns: int) -> list[Command]:
        """Step 5: ask the agents, and keep the actors alive by asking."""
        self._move_to(ControllerPhase.QUERYING_ACTORS)
        count = len(self.mesh.procs.procs) - len(self.dead)
        query = self._begin_query(ACTOR_IDLE_TIMER, self.config.get_actor_state_max_idle, count)
        port = PortRef(self.me, query.port)
        name, orphan_timeout = self.mesh.name, self.config.mesh_orphan_timeout
        message: KeepaliveGetState | GetState = (
            KeepaliveGetState(self._wall(now_ns) + orphan_timeout, name, port)
            if orphan_timeout
            else GetState(name, port)
        )
        try:
            casts = cast(self.me, agents_of(self.mesh.procs, tuple(self.dead)), message, self.config)
        except CastError as error:
            return self._on_query_error("actor", error.debug, self.display_name, now_ns)
        return [*casts, *query.idle.start(now_ns)]

    def _on_actor_state(self, envelope: Envelope, reply: StateReply, now_ns: int) -> list[Command]:
        query = self.query
        assert query is not None
        progress = query.take(reply, now_ns)
        if progress is Progress.NOT_EXIST and not self.config.has("Q24"):
            replier = envelope.sender if envelope.replier is UNSET else envelope.replier
            rank = self._rank_of(envelope, proc_name_of(proc_of(replier)))
            actor, wall_ns = self._actor(rank), self._wall(now_ns)
            progress = query.put(rank, missing_actor(self.config, reply.state, actor, rank, wall_ns), now_ns)
        if progress is _WAITING:
            return []
        if progress is Progress.NOT_EXIST:
            return [
                query.idle.cancel(),
                *self._on_query_error("actor", _not_exist(reply.state), self.display_name, now_ns),
            ]
        return [query.idle.cancel(), *self._on_all_answered(now_ns)]

    def _on_actors_idle(self, now_ns: int) -> list[Command]:
        assert self.query is not None
        rest = self.query.idle.fired(now_ns)
        if rest:
            return rest
        warning = Warned(self.me, actor_states_timeout(self.config.get_actor_state_max_idle))
        return [warning, *self._on_all_answered(now_ns)]

    def _on_all_answered(self, now_ns: int) -> list[Command]:
        """Q23: a rank that ended and has no state ends the controller; only while Q24 is off does one come this far."""
        try:
            return self._on_actor_states(now_ns)
        except NoActorError as error:
            return [Panic(str(error))]

    def _silent(self, rank: int, now_ns: int) -> State:
        agent = self.mesh.procs.procs[rank].agent
        return silent_agent(self.config, self.mesh.name, agent, rank, self._wall(now_ns))

    def _on_actor_states(self, now_ns: int) -> list[Command]:
        """Steps 6 to 8: compare with what was known, tell of each change, and decide whether to go on."""
        assert self.query is not None
        query, self.query = self.query, None
        commands: list[Command] = []
        is_terminal = bool(self.dead)
        for rank in range(len(self.mesh.procs.procs)):
            if rank in self.dead:
                continue
            state = query.received.get(rank) or self._silent(rank, now_ns)
            if state.status == RUNNING == self.statuses.get(rank):
                continue  # As `_compare` says; most ranks of most polls.
            change, was_terminal = self._compare(rank, state, now_ns)
            if change is not None:
                commands += self._state_change(*change, proc_stopped=False)
            is_terminal = is_terminal or was_terminal
        outcome = "changed" if self.news else "terminal" if is_terminal else "healthy"
        if outcome == "healthy" and self.config.has("Q16"):
            commands += self._tell_subscribers(None)
        self._move_to(ControllerPhase.IDLE)
        commands += self._announce_recovery(now_ns)
        commands += self._end_if_all_terminal()
        return [*commands, self._poll_ended(outcome), *self._reschedule(now_ns)]

    def _announce_recovery(self, now_ns: int) -> list[Command]:
        """Q25: never. Off: when every rank is well again; a status that is no end clears the health (12.4 step 4)."""
        if self.unhealthy_event is None or self.stop_asked or self.config.has("Q25"):
            return []
        if self.dead or self.news or any(status != RUNNING for status in self.statuses.values()):
            return []
        self.unhealthy_event = None
        event = ActorSupervisionEvent(self._actor(0), None, self._wall(now_ns), ActorStatus(ActorPhase.IDLE))
        return self._tell_subscribers(MeshFailure(self.mesh.name, None, event))

    def _end_if_all_terminal(self) -> list[Command]:
        """Step 8."""
        for status in self.statuses.values():
            if not status.is_terminating or may_come_back(self.config, status):
                return []
        return self._end_monitoring("all_terminal")

    def _compare(self, rank: int, state: State, now_ns: int) -> tuple[tuple[int, ActorSupervisionEvent] | None, bool]:
        """One rank of step 6: create rank and event to tell of, if any, and whether it was terminal before."""
        entry = self.statuses.get(rank)
        if entry == state.status:
            return None, entry.is_terminating
        bare_failures = not self.config.has("Q22")
        create_rank, events = actor_state_to_events(state, self._wall(now_ns), bare_failures=bare_failures)
        if entry is None:
            self.statuses[rank] = state.status
            was_terminal = state.status.is_terminating
        else:
            was_terminal = entry.is_terminating
            if is_old_news(self.config, entry, state.status, stop_asked=self.stop_asked):
                if state.status.kind is entry.kind:
                    self.statuses[rank] = state.status  # Its text has grown.
                return None, was_terminal
            # Q22, Q54: without events the entry stays as it is.
            if events or may_come_back(self.config, entry):
                self.statuses[rank] = state.status
        return ((create_rank, events[0]) if events else None), was_terminal

    def _rank_of(self, reply: Envelope, proc: str) -> int:
        """The rank that a reply is about which does not say so itself: that of the proc with this name."""
        for rank, ref in enumerate(self.mesh.procs.procs):
            if proc_name_of(ref.proc_id) == proc:
                return rank
        raise AssertionError(f"{self.me} asked nobody about {proc}: {reply!r}")

    def _on_query_error(self, what: str, error: str, display_name: str | None, now_ns: int) -> list[Command]:
        """The whole query is an error, blamed on rank 0: a rank answered without a state (Q24), or nobody was asked."""
        self.query = None
        self._move_to(ControllerPhase.IDLE)
        text = f"unable to query for {what} states: {error}"
        event = ActorSupervisionEvent(
            actor_id=self.me,
            display_name=display_name,
            occurred_at_ns=self._wall(now_ns),
            actor_status=ActorStatus(ActorPhase.FAILED, error=Generic(text)),
        )
        notices = self._state_change(0, event, proc_stopped=False)
        return [*notices, self._poll_ended(f"{what}_query_error"), *self._reschedule(now_ns)]

    def _abandon_poll(self) -> list[Command]:
        """The poll that a Stop interrupts. Answers to it may still come: they are taken, and mean nothing any more."""
        if self.query is None:
            return []
        assert not self.config.has("Q27"), f"{self.me}: nothing interrupts a poll"
        cancel, self.abandoned = self.query.idle.cancel(), self.query.port
        self.query = None
        self._move_to(ControllerPhase.IDLE)
        return [cancel, self._poll_ended("abandoned")]

    def _poll_ended(self, outcome: str) -> PollEnded:
        return PollEnded(self.me, self.mesh.label, self.polls, outcome, self.monitoring)


def _not_exist(state: State) -> str:
    return f'NotExist(Name("{state.name}"))'


def _stall_warning(expected_ns: int) -> str:
    """The time in the text is UTC here; the reference prints its local time (supervision.md 5.10 step 1)."""
    expected = datetime.fromtimestamp(expected_ns // S, tz=UTC)
    return f"Handler<CheckState> is being stalled, expected at {expected:%Y-%m-%d %H:%M:%S}"
