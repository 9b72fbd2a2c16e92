"""The agent of one proc: creates and stops its actors, remembers what went wrong, reaps orphans.

Theory of operation. Every actor of a mesh on this proc is an `Entry`. The agent answers state queries at once and
from memory alone; nothing is pushed anywhere, a controller has to ask (one that streams has it told:
`meshsim.model.agents.agent_watch`). Three things make it wait, and while it waits its mailbox waits: constructing an
actor, stopping one (until the actor ends or `STOP_ACTOR_TIMEOUT`), and stopping all. A keepalive moves an entry's
expiry; `SelfCheck` stops what expired.

    IDLE ──CreateOrUpdate──▶ CONSTRUCTING ──▶ IDLE
    IDLE ──Stop / SelfCheck──▶ STOPPING ──▶ IDLE
    IDLE ──StopAll──▶ STOPPING_ALL ──▶ the process exits

What belongs to the allocated path alone is in `meshsim.model.agents.agent_v0`.

Source: supervision.md 8, 6.3. Quirks: Q10, Q30, Q31, Q32, Q33, Q36, Q37, Q55, Q60.
"""

from __future__ import annotations

from enum import Enum

import msgspec
from msgspec import UNSET, UnsetType

from meshsim.model.agents.agent_v0 import AgentMode, AgentV0
from meshsim.model.agents.agent_watch import AgentWatch
from meshsim.model.agents.entry import Entry, running
from meshsim.model.agents.misreport import Misreports
from meshsim.model.alloc.messages import Configure, QueryStatus, StopActor
from meshsim.model.commands import (
    CancelTimer,
    CloseServer,
    Command,
    DestroyProc,
    ExitProcess,
    Fail,
    KillTask,
    Panic,
    SetTimer,
    SignalActor,
    SpawnActor,
)
from meshsim.model.config import Config
from meshsim.model.events import (
    ActorEnded,
    ActorInitialized,
    ActorSpawned,
    ChildFailed,
    CleanupStarted,
    ClockSet,
    Event,
    Started,
    TimerFired,
)
from meshsim.model.ids import ActorId, Name, PortRef, ProcId
from meshsim.model.mapping import agent_view_to_status
from meshsim.model.messages import (
    ActorEvent,
    ActorSpec,
    CreateOrUpdate,
    Envelope,
    GetRankStatus,
    GetState,
    Gspawn,
    KeepAlive,
    KeepaliveGetState,
    Message,
    Misreport,
    ProcReady,
    RankStatus,
    SelfCheck,
    StateReply,
    Stop,
    StopAll,
    Undeliverable,
    WatchActor,
    reply_to,
)
from meshsim.model.messaging.delayed import SELF_CHECK_TIMER
from meshsim.model.messaging.undeliverable import default_undeliverable
from meshsim.model.notes import EventRecorded, KeepaliveTaken, OrphanStopped, Warned
from meshsim.model.status import NOT_EXIST, ActorState, State, Status
from meshsim.model.supervision import (
    ActorStatus,
    ActorSupervisionEvent,
    UnhandledSupervisionEvent,
    error_text,
    status_text,
)
from meshsim.model.wall_clock import TRUE_CLOCK, WallClock

POISONED = "Cannot spawn new actors on mesh with supervision events"

STOP_TIMER = "stop"
STOP_ALL_TIMER = "stop_all"


class AgentPhase(Enum):
    IDLE = "idle"
    CONSTRUCTING = "constructing"
    STOPPING = "stopping"
    STOPPING_ALL = "stopping_all"


#: Which waits may follow which. Everything returns to IDLE, except the end of the process.
TRANSITIONS: dict[AgentPhase, frozenset[AgentPhase]] = {
    AgentPhase.IDLE: frozenset({AgentPhase.CONSTRUCTING, AgentPhase.STOPPING, AgentPhase.STOPPING_ALL}),
    AgentPhase.CONSTRUCTING: frozenset({AgentPhase.IDLE}),
    AgentPhase.STOPPING: frozenset({AgentPhase.IDLE, AgentPhase.STOPPING}),
    AgentPhase.STOPPING_ALL: frozenset(),
}


#: Looked up once: in Python 3.11 a member of an Enum costs several times a global.
_IDLE = AgentPhase.IDLE


#: Types of messages that it takes at its handler ports, beside the one that creates actors.
_BOUND = frozenset(
    {
        KeepaliveGetState,
        KeepAlive,
        GetState,
        GetRankStatus,
        Stop,
        StopAll,
        SelfCheck,
        ActorEvent,
        Configure,
        QueryStatus,
        Gspawn,
        StopActor,
        WatchActor,
        Misreport,
        Undeliverable,
    }
)


class ProcAgent(msgspec.Struct):
    """Root actor `proc_agent` of every proc, and its proc's supervision coordinator."""

    me: ActorId
    proc: ProcId
    config: Config
    #: Where to report readiness; none for procs that nobody waits for.
    callback: PortRef | None = None
    address: str = ""
    name: Name = Name("")
    #: Whether its proc shares a process with others.
    in_process: bool = False
    actor_states: dict[Name, Entry] = {}
    supervision_events: dict[ActorId, list[ActorSupervisionEvent]] = {}
    phase: AgentPhase = AgentPhase.IDLE
    #: Actors whose init runs, and who asked how they are meanwhile (only while Q31 is off).
    initializing: dict[ActorId, Name] = {}
    waiting: dict[Name, list[PortRef]] = {}
    #: STOPPING: the actor that is waited for, and the orphans that come after it.
    stopping: ActorId | None = None
    orphans: list[Name] = []
    self_checking: bool = False
    #: STOPPING_ALL: actors that have not ended yet.
    remaining: list[ActorId] = []
    clock: WallClock = TRUE_CLOCK
    #: Controllers that are told of changes, instead of asking alone.
    watch: AgentWatch = msgspec.field(default_factory=AgentWatch)
    #: What a fault makes it say of actors.
    misreports: Misreports = msgspec.field(default_factory=Misreports)
    #: Its mode, and what belongs to the allocated path. Without it: an agent of the owned path.
    v0: AgentV0 = msgspec.field(default_factory=lambda: AgentV0(ActorId(""), mode=AgentMode.V1, recording=True))

    def __post_init__(self) -> None:
        self.v0.me = self.me

    @property
    def busy(self) -> bool:
        return self.phase is not _IDLE or self.v0.busy

    def accepts(self, port: int) -> bool:
        return False

    def takes(self, port: int, message: Message) -> bool:
        return False

    def binds(self, message: Message) -> bool:
        """It creates actors, not procs."""
        if type(message) is CreateOrUpdate:
            return isinstance(message.spec, ActorSpec)
        return type(message) in _BOUND

    def handle(self, event: Event, now_ns: int) -> list[Command]:
        """Take one event and return what the runtime must do."""
        commands = self._on_message(event, now_ns) if type(event) is Envelope else self._on_event(event, now_ns)
        return [*commands, *self._news()] if self.watch.watchers else commands

    def _on_event(self, event: Event, now_ns: int) -> list[Command]:
        match event:
            case ActorSpawned():
                return self._on_spawned(event)
            case ActorEnded(actor_id=actor, status=status):
                return [*self._note_end(actor, status), *self._on_ended(actor), *self.v0.on_ended(actor)]
            case ActorInitialized(actor_id=actor):
                # What Gspawn spawns is no entry, and nobody waits for its init.
                return self._on_init_over(actor, "") if actor in self.initializing else []
            case TimerFired(key=key):
                return self._on_timer(key, now_ns)
            case Started():
                return self._on_started()
            case ChildFailed(event=child_event):
                return [Fail(UnhandledSupervisionEvent(child_event))]
            case ClockSet():
                self.clock = event.clock
                return []
            case CleanupStarted():
                return []
            case _:
                raise AssertionError(f"unexpected event {event!r}")

    def _on_message(self, envelope: Envelope, now_ns: int) -> list[Command]:
        match envelope.message:
            case KeepaliveGetState(expires_after_ns=expires, name=name, reply=reply):
                return [*self._on_keepalive(name, expires, now_ns), self._state_reply(name, reply)]
            case KeepAlive(expires_after_ns=expires, name=name):
                return self._on_keepalive(name, expires, now_ns)
            case GetState(name=name, reply=reply):
                return [self._state_reply(name, reply)]
            case GetRankStatus(name=name, reply=reply):
                return self._on_rank_status(name, reply)
            case CreateOrUpdate(name=name, rank=rank, spec=ActorSpec() as spec):
                return self._on_create(name, rank, spec, now_ns)
            case Stop(name=name, reason=reason):
                return self._on_stop(name, reason)
            case StopAll(reason=reason):
                return self._on_stop_all(reason)
            case SelfCheck():
                return self._on_self_check(now_ns)
            case ActorEvent(event=actor_event):
                return self._on_actor_event(actor_event)
            case Configure() as configure:
                return self.v0.on_configure(configure)
            case QueryStatus(reply=reply):
                return self.v0.on_query_status(reply, self.config)
            case Gspawn() as gspawn:
                return self.v0.on_gspawn(gspawn)
            case StopActor(actor_id=actor) as stop:
                return self.v0.on_stop_actor(stop, known=self._has(actor))
            case WatchActor(name=name, port=port):
                self.watch.begin(name, port)
                return []
            case Misreport() as misreport:
                self.misreports.begin(misreport)
                return []
            case Undeliverable() as undeliverable:
                return self._on_undeliverable(undeliverable)
            case message:
                raise AssertionError(f"{self.me} cannot handle {message!r}")

    # --- boot ----------------------------------------------------------------------------------------------

    def _on_started(self) -> list[Command]:
        if self.v0.mode is AgentMode.UNCONFIGURED_V0:
            return self.v0.on_started()  # Nobody is reaped on the allocated path (8.1).
        commands: list[Command] = []
        if self.config.mesh_orphan_timeout > 0:
            commands.append(SetTimer(self.me, SELF_CHECK_TIMER, self.config.mesh_orphan_timeout))
        if self.callback is not None:
            commands.append(reply_to(self.callback, self.me, ProcReady(self.name, self.address, self.me)))
        return commands

    # --- queries (6.3, 8.6) --------------------------------------------------------------------------------

    def _state_reply(self, name: Name, reply: PortRef) -> Envelope:
        entry = self.actor_states.get(name)
        if self.misreports.told and (wrong := self.misreports.state(name, entry)) is not None:
            return reply_to(reply, self.me, wrong)
        if entry is not None and entry.actor is not None and not entry.stopped and not self.supervision_events:
            # As `_state` says of a proc where nothing ever went wrong: most answers of most runs.
            message = running(name, entry.actor, entry.create_rank, self._generation(name, entry))
        else:
            message = StateReply(self._state(name))
        return Envelope(self.me, reply.actor, message, reply.index, reply.returnable)

    def _state(self, name: Name) -> State:
        entry = self.actor_states.get(name)
        if entry is None:
            return State(name, NOT_EXIST)
        status = self._status(entry)
        if entry.actor is None:
            return State(name, status)
        generation = self._generation(name, entry)
        return State(name, status, ActorState(entry.actor, entry.create_rank, self._events(entry), generation))

    def _generation(self, name: Name, entry: Entry) -> int | UnsetType:
        """How often the answer about a watched actor has changed, its first one included."""
        if name not in self.watch.watchers:
            return UNSET
        return 1 + len(self._events(entry)) + entry.stopped

    def _news(self) -> list[Command]:
        """What watchers have not been told of yet. An actor that could not be made is left to the poll."""
        commands: list[Command] = []
        for name in self.watch.watchers:
            entry = self.actor_states.get(name)
            generation = UNSET if entry is None or entry.actor is None else self._generation(name, entry)
            if generation is not UNSET and self.watch.is_due(name, generation):
                commands += self.watch.tell(self.me, name, generation, self._state(name))
        return commands

    def _status(self, entry: Entry) -> Status:
        """What was recorded counts, not what the actor really does."""
        return agent_view_to_status(
            known=True,
            spawn_error=(entry.error or "") if entry.actor is None else None,
            stopped=entry.stopped,
            events=self._events(entry),
        )

    def _events(self, entry: Entry) -> tuple[ActorSupervisionEvent, ...]:
        """Those recorded under exactly the id of the entry's actor (Q10)."""
        if entry.actor is None or not self.supervision_events:
            return ()
        return tuple(self.supervision_events.get(entry.actor, ()))

    def _on_rank_status(self, name: Name, reply: PortRef) -> list[Command]:
        """Q31: Running as soon as it is constructed. Off: an answer waits for the end of the init."""
        if (wrong := self.misreports.rank_status(name, self.actor_states.get(name))) is not None:
            return [reply_to(reply, self.me, wrong)]
        if name in self.initializing.values():
            self.waiting.setdefault(name, []).append(reply)
            return []
        return [reply_to(reply, self.me, RankStatus(self._rank_status(name)))]

    def _rank_status(self, name: Name) -> tuple[tuple[int, int, Status], ...]:
        entry = self.actor_states.get(name)
        if entry is None:
            return ()
        return ((entry.create_rank, entry.create_rank + 1, self._status(entry)),)

    def _on_keepalive(self, name: Name, expires_ns: int, now_ns: int) -> list[Command]:
        """Q37: the expiry is a time of the controller's clock. Off: it is counted from its arrival."""
        entry = self.actor_states.get(name)
        if entry is None:
            return []
        first = entry.expires_ns is None
        entry.expires_ns = expires_ns if self.config.has("Q37") else self._expiry(now_ns)
        return [KeepaliveTaken(entry.actor, entry.expires_ns)] if first and entry.actor is not None else []

    # --- create (8.2) --------------------------------------------------------------------------------------

    def _on_create(self, name: Name, rank: int | None, spec: ActorSpec, now_ns: int) -> list[Command]:
        if name in self.actor_states:
            return []
        if rank is None:
            return [Panic("a cast came without a rank")]
        entry = Entry(create_rank=rank)
        self.actor_states[name] = entry
        if self.supervision_events and self.config.has("Q30"):
            entry.error = POISONED  # For ever, whatever the event was.
            return []
        entry.expires_ns = self._first_expiry(spec, now_ns)
        self._move_to(AgentPhase.CONSTRUCTING)
        return [SpawnActor(name, spec, rank)]

    def _first_expiry(self, spec: ActorSpec, now_ns: int) -> int | None:
        """Q36: none until a keepalive comes. Off: an actor that is to be kept alive has a time-out to begin with."""
        return self._expiry(now_ns) if spec.kept_alive is True else None

    def _expiry(self, now_ns: int) -> int:
        """When somebody who is wanted now is wanted no more."""
        return self._reading(now_ns) + self.config.mesh_orphan_timeout

    def _reading(self, now_ns: int) -> int:
        """What expiries are compared with: this node's wall clock, whosever they are (Q37).

        Off: its monotonic clock, which nobody else reads and no jump moves.
        """
        return self.clock.at(now_ns) if self.config.has("Q37") else now_ns

    def _on_spawned(self, spawned: ActorSpawned) -> list[Command]:
        if self.v0.gspawn is not None:
            return self.v0.on_spawned(spawned)
        entry = self.actor_states[spawned.name]
        entry.actor = spawned.actor_id
        entry.error = spawned.error
        self._move_to(AgentPhase.IDLE)
        if spawned.actor_id is not None and not self.config.has("Q31"):
            self.initializing[spawned.actor_id] = spawned.name
        return []

    def _on_init_over(self, actor: ActorId, error: str) -> list[Command]:
        """An init that failed is a spawn that failed, and whoever waits for the spawn is told."""
        name = self.initializing.pop(actor)
        if error:
            self.actor_states[name].actor = None
            self.actor_states[name].error = error
        status = RankStatus(self._rank_status(name))
        return [reply_to(reply, self.me, status) for reply in self.waiting.pop(name, ())]

    # --- stop (8.3), orphans (8.8) --------------------------------------------------------------------------

    def _on_stop(self, name: Name, reason: str) -> list[Command]:
        entry = self.actor_states.get(name)
        if entry is None or entry.actor is None or entry.stopped:
            return []
        return self._stop(entry, entry.actor, reason)

    def _stop(self, entry: Entry, actor: ActorId, reason: str) -> list[Command]:
        entry.stopped = True  # Before the actor has stopped, and even if it never does (Q32).
        self._move_to(AgentPhase.STOPPING)
        self.stopping = actor
        return [
            SignalActor(actor, "drain_and_stop", reason),
            SetTimer(self.me, STOP_TIMER, self.config.stop_actor_timeout),
        ]

    def _note_end(self, actor: ActorId, status: ActorStatus) -> list[Command]:
        """Q55: an actor that stopped by itself leaves no trace here. Off: it counts as stopped."""
        if not status.is_failed and not self.config.has("Q55"):
            for entry in self.actor_states.values():
                entry.stopped |= entry.actor == actor
        if actor not in self.initializing:
            return []
        return self._on_init_over(
            actor, "" if status.error is None else error_text(status.error, self.config.quirks_off)
        )

    def _on_ended(self, actor: ActorId) -> list[Command]:
        if self.phase is AgentPhase.STOPPING and actor == self.stopping:
            return [CancelTimer(self.me, STOP_TIMER), *self._stopped()]
        if self.phase is AgentPhase.STOPPING_ALL and actor in self.remaining:
            self.remaining.remove(actor)
            if not self.remaining:
                return self._end_process()
        return []

    def _stopped(self) -> list[Command]:
        """One stop is over, in time or not; its result is discarded. The next orphan, or back to work."""
        self.stopping = None
        while self.orphans:
            name = self.orphans.pop(0)
            entry = self.actor_states[name]
            if entry.actor is not None and not entry.stopped:
                return self._stop_orphan(entry, entry.actor)
        self._move_to(AgentPhase.IDLE)
        if not self.self_checking:
            return []
        self.self_checking = False
        return [SetTimer(self.me, SELF_CHECK_TIMER, self.config.mesh_orphan_timeout)]

    def _stop_orphan(self, entry: Entry, actor: ActorId) -> list[Command]:
        return [OrphanStopped(actor, entry.expires_ns or 0), *self._stop(entry, actor, "orphaned")]

    def _on_self_check(self, now_ns: int) -> list[Command]:
        """Whoever has expired is stopped, one after the other."""
        reading_ns = self._reading(now_ns)
        self.orphans = [
            name
            for name, entry in self.actor_states.items()
            if entry.expires_ns is not None
            and entry.expires_ns < reading_ns
            and not entry.stopped
            and entry.actor is not None
        ]
        if not self.orphans:
            return [SetTimer(self.me, SELF_CHECK_TIMER, self.config.mesh_orphan_timeout)]
        self.self_checking = True
        entry = self.actor_states[self.orphans.pop(0)]
        assert entry.actor is not None
        return self._stop_orphan(entry, entry.actor)

    def _on_stop_all(self, reason: str) -> list[Command]:
        """Every root actor gets its time, all at once; then the process ends, whatever happened (8.4).

        Q33: also a process that other procs live in. Off: such a proc is torn down alone.
        """
        if self.in_process and not self.config.has("Q33"):
            return [DestroyProc(self.proc, self.config.stop_actor_timeout, reason)]
        self._move_to(AgentPhase.STOPPING_ALL)
        self.remaining = [entry.actor for entry in self.actor_states.values() if entry.actor is not None]
        self.remaining += self.v0.spawned
        if not self.remaining:
            return self._end_process()
        signals: list[Command] = [SignalActor(actor, "drain_and_stop", reason) for actor in self.remaining]
        return [*signals, SetTimer(self.me, STOP_ALL_TIMER, self.config.stop_actor_timeout)]

    def _end_process(self) -> list[Command]:
        """A process of the proc's own stops and drains its mailbox server first (3.7 step 4)."""
        return [ExitProcess(0)] if self.in_process else [CloseServer(), ExitProcess(0)]

    def _on_timer(self, key: str, now_ns: int) -> list[Command]:
        match key:
            case "self_check":
                return [Envelope(self.me, self.me, SelfCheck(), returnable=False)]
            case "stop":
                return [*self._end_stuck(), *self._stopped()]
            case "stop_actor":
                return self.v0.on_timer()
            case "stop_all":
                kills: list[Command] = [KillTask(actor) for actor in self.remaining]
                return [*kills, *self._end_process()]
            case _:
                raise AssertionError(f"unknown timer {key}")

    def _end_stuck(self) -> list[Command]:
        """Q32: an actor that outlives its time runs on, and is called Stopped all the same. Off: it is aborted."""
        if self.config.has("Q32") or self.stopping is None:
            return []
        return [KillTask(self.stopping)]

    # --- supervision events (8.5) ----------------------------------------------------------------------------

    def _on_undeliverable(self, undeliverable: Undeliverable) -> list[Command]:
        """A reply that finds nobody ends the agent, as it ends that of a host (Q60). Off: it is logged."""
        returned = undeliverable.envelope
        if self.watch.returned(returned):
            return []
        if not self.config.has("Q60"):
            return [Warned(self.me, f"message not delivered: to {returned.dest}: {'; '.join(undeliverable.errors)}")]
        return default_undeliverable(self.me, undeliverable)

    def _on_actor_event(self, event: ActorSupervisionEvent) -> list[Command]:
        """Recorded under the event's own actor id (Q10), and passed on to a supervisor, if there is one."""
        passed_on = self.v0.on_event(event)
        if not self.v0.recording:
            return passed_on
        self.supervision_events.setdefault(event.actor_id, []).append(event)
        text = status_text(event.actor_status, event.occurred_at_ns, self.config.quirks_off)
        return [EventRecorded(self.me, event.actor_id, text), *passed_on]

    def _has(self, actor: ActorId) -> bool:
        """Whether an actor was spawned here: a root, for a mesh or by Gspawn."""
        return actor in self.v0.spawned or any(entry.actor == actor for entry in self.actor_states.values())

    def _move_to(self, phase: AgentPhase) -> None:
        assert phase in TRANSITIONS[self.phase], f"{self.me}: {self.phase.value} -> {phase.value}"
        self.phase = phase
