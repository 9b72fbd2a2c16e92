"""The HostAgent: creates, stops and reports the procs of one host.

The *actor* handles one message at a time: while it creates a proc (Q38) or shuts the host down, everything else waits
in its mailbox. What has the procs beside it never waits: child processes (`meshsim.model.hosts.process_manager`), or
procs in the host's own process (`meshsim.model.hosts.local_procs`).

    idle ──CreateOrUpdate──▶ creating ──ready, time-out, exit──▶ idle      (in-process: ready at once)
    idle ──ShutdownHost──▶ shutting down ──last proc gone──▶ gone (idle again, deaf, or exit: `HostMode`)

Source: supervision.md 3.10 and 9.1 to 9.3. Quirks: Q1, Q38 to Q41, Q60.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from meshsim.model import status as resource
from meshsim.model.attributes import Value
from meshsim.model.commands import CancelTimer, CloseServer, Command, ExitProcess, Fail, Panic, SetTimer
from meshsim.model.config import Config
from meshsim.model.events import (
    ChildExited,
    ChildFailed,
    CleanupStarted,
    ClockSet,
    Event,
    ProcDestroyed,
    SpawnFailed,
    Started,
    TimerFired,
)
from meshsim.model.hosts import host_errors, readiness
from meshsim.model.hosts.local_procs import LocalProcs
from meshsim.model.hosts.process_manager import ProcessManager, timer_key
from meshsim.model.ids import (
    LOCAL_PROC,
    SERVICE_PROC,
    ActorId,
    Name,
    Node,
    PortRef,
    proc_agent_id,
    proc_name_of,
    proc_of,
)
from meshsim.model.messages import (
    Ack,
    CreateOrUpdate,
    Envelope,
    GetRankStatus,
    GetState,
    ListResources,
    Message,
    ProcReady,
    ProcSpec,
    RankStatus,
    ResourceNames,
    SetClientConfig,
    ShutdownHost,
    StateReply,
    Stop,
    Undeliverable,
    reply_to,
)
from meshsim.model.messaging.undeliverable import default_undeliverable
from meshsim.model.notes import Warned
from meshsim.model.status import ProcState, State, Status
from meshsim.model.supervision import Generic, UnhandledSupervisionEvent

SHUTDOWN_REASON = "shutdown host"
ALREADY_SHUT_DOWN = "HostAgent has already shut down"
_READY_TIMER = "ready"


class HostMode(Enum):
    """What a host is after its shutdown (supervision.md 9.3, ShutdownHost step 5)."""

    #: Alive, idle and deaf: nothing is answered any more. A host process started for a host mesh.
    PROCESS = "process"
    #: Gone, with exit code 0 (`exit_on_shutdown`).
    EXITING_PROCESS = "exiting_process"
    #: Goes on serving: what it made is Stopped. A host without a shutdown channel.
    SERVING = "serving"


class HostPhase(Enum):
    """What a host's agent is at. It follows from the rest of its state."""

    IDLE = "idle"
    #: A proc is on its way. Messages wait for it (Q38).
    CREATING = "creating"
    SHUTTING_DOWN = "shutting_down"
    #: Shut down, and serving on.
    GONE = "gone"
    #: Shut down, and nothing is answered any more.
    DEAF = "deaf"


class Created(msgspec.Struct, frozen=True):
    """What came of creating one proc; never forgotten."""

    rank: int
    #: Where its agent said it is; absent when creation failed.
    agent: ActorId | None
    error: str = ""


class Shutdown(msgspec.Struct):
    """A ShutdownHost in its handler: procs whose turn has not come, and those being terminated."""

    grace_ns: int
    max_in_flight: int
    waiting: list[Name]
    in_flight: list[Name] = []


#: Types of messages that it takes at its handler ports, beside the one that creates procs.
_BOUND = frozenset({GetState, Stop, GetRankStatus, ListResources, SetClientConfig, ShutdownHost, Undeliverable})


class HostAgent(msgspec.Struct):
    """Machine of supervision.md 9.3."""

    me: ActorId
    host: Node
    config: Config
    mode: HostMode = HostMode.PROCESS
    #: Made by `__post_init__` for a host with child processes.
    manager: ProcessManager | LocalProcs = None  # type: ignore[assignment]
    #: False from the moment a shutdown begins.
    host_present: bool = True
    created: dict[Name, Created] = {}
    #: Rank of each proc that has not called back yet. One at a time, unless Q38 is off.
    creating: dict[Name, int] = {}
    #: Who asked for the status of a proc that is on its way to another one, and has no answer yet.
    waiting: dict[Name, list[PortRef]] = {}
    shutdown: Shutdown | None = None
    deaf: bool = False
    #: Where shutdowns were asked to be acknowledged: that an ack comes back is no failure.
    shutdown_acks: list[PortRef] = []
    #: The ClientOverride layer that was set last. A host process runs on a full Runtime layer, which is stronger.
    client_config: dict[str, Value] = {}

    def __post_init__(self) -> None:
        if self.manager is None:
            self.manager = ProcessManager(self.me, self.host, self.config)

    @property
    def phase(self) -> HostPhase:
        if self.deaf:
            return HostPhase.DEAF
        if self.shutdown is not None:
            return HostPhase.SHUTTING_DOWN
        if self.creating:
            return HostPhase.CREATING
        return HostPhase.IDLE if self.host_present else HostPhase.GONE

    @property
    def busy(self) -> bool:
        """Q38: creating a proc keeps everybody waiting. Off: only who asks about that proc.

        A deaf agent is not busy: what waited in its mailbox when the server closed is answered (9.3).
        """
        return self.shutdown is not None or (bool(self.creating) and self.config.has("Q38"))

    def accepts(self, port: int) -> bool:
        return isinstance(self.manager, ProcessManager) and port in self.manager.callbacks

    def takes(self, port: int, message: Message) -> bool:
        return type(message) is ProcReady

    def binds(self, message: Message) -> bool:
        """It creates procs, not actors."""
        if type(message) is CreateOrUpdate:
            return isinstance(message.spec, ProcSpec) and message.rank is not None
        return type(message) in _BOUND

    def handle(self, event: Event, now_ns: int) -> list[Command]:
        """Take one event and return what is to be done, in order."""
        if type(event) is Envelope and event.port == 0:
            return self._on_message(event, now_ns)
        match event:
            case Envelope(port=port, message=ProcReady() as ready):
                return self._on_proc_ready(port, ready, now_ns)
            case ChildExited():
                return self._on_child_exited(event, now_ns)
            case SpawnFailed():
                return self._on_spawn_failed(event)
            case ProcDestroyed(proc=proc):
                return self._on_proc_gone(proc_name_of(proc), now_ns)
            case TimerFired(key=key):
                return self._on_timer_fired(key, now_ns)
            case ClockSet():
                self.manager.clock = event.clock
                return []
            case CleanupStarted(failed=False) if isinstance(self.manager, ProcessManager):
                return self.manager.drop()
            case Started() | CleanupStarted():
                return []
            case ChildFailed(event=failure):
                return [Fail(UnhandledSupervisionEvent(failure))]
            case _:
                raise AssertionError(f"{self.me} cannot handle {event!r}")

    def _on_message(self, envelope: Envelope, now_ns: int) -> list[Command]:
        assert not self.busy, f"{self.me} was given {envelope!r} while busy"
        match envelope.message:
            case GetState(name=name, reply=reply):
                return [reply_to(reply, self.me, StateReply(self._state(name)))]
            case CreateOrUpdate(name=name, rank=int() as rank, spec=ProcSpec() as spec):
                return self._on_create(name, rank, spec, now_ns)
            case Stop(name=name, reason=reason):
                return self._on_stop(name, reason, now_ns)
            case GetRankStatus(name=name, reply=reply):
                return self._on_rank_status(name, reply)
            case ListResources(reply=reply):
                return [reply_to(reply, self.me, ResourceNames(tuple(self.created)))]
            case SetClientConfig(config=config, reply=reply):
                self.client_config = dict(config)
                return [reply_to(reply, self.me, Ack())]
            case ShutdownHost() as shutdown:
                return self._on_shutdown(shutdown, now_ns)
            case Undeliverable() as undeliverable:
                return self._on_undeliverable(undeliverable)
            case message:
                raise AssertionError(f"{self.me} cannot handle {message!r}")

    # --- create (9.3): the handler ends when the proc is ready, or cannot be ---------------------------------

    def _on_create(self, name: Name, rank: int, spec: ProcSpec, now_ns: int) -> list[Command]:
        if name in self.created or name in self.creating:
            return []  # Also when the first try failed.
        if not self.host_present:
            return self._refuse(name, rank)
        if name in (SERVICE_PROC, LOCAL_PROC):
            self.created[name] = Created(rank, None, host_errors.already_exists(name))
            return []
        commands = self.manager.start(name, spec, now_ns, rank)
        if isinstance(self.manager, LocalProcs):
            self.created[name] = Created(rank, proc_agent_id(self.manager.proc_id(name)))
            return commands
        self.creating[name] = rank
        if self.config.host_spawn_ready_timeout:
            commands.append(SetTimer(self.me, timer_key(_READY_TIMER, name), self.config.host_spawn_ready_timeout))
        return commands

    def _refuse(self, name: Name, rank: int) -> list[Command]:
        """After a shutdown there is no host to create it on, which ends the process. Q40 off: the creation fails."""
        if self.config.has("Q40"):
            return [Panic("host present")]
        self.created[name] = Created(rank, None, ALREADY_SHUT_DOWN)
        return []

    def _on_proc_ready(self, port: int, ready: ProcReady, now_ns: int) -> list[Command]:
        """The callback counts whenever it comes; the creation may have been given up by then (Q39)."""
        manager = self._processes
        name, commands = manager.on_ready(port, ready, now_ns)
        if name in self.creating and manager.is_ready(name):
            missing = readiness.missing_of(ready)
            commands += self._cancel_ready_timer(name)
            commands += self._fail_creation(name, missing) if missing else self._end_creation(name, ready.agent)
        return commands

    def _on_not_ready(self, name: Name, now_ns: int) -> list[Command]:
        """Q39: a child that is late is neither killed nor forgotten. Off: it is killed."""
        commands = self._fail_creation(name, host_errors.TIMEOUT)
        if not self.config.has("Q39"):
            commands += self._processes.kill(name, "not ready in time", now_ns)
        return commands

    def _fail_creation(self, name: Name, why: str) -> list[Command]:
        return self._end_creation(name, None, host_errors.failed_to_configure(self.manager.proc_id(name), why))

    def _end_creation(self, name: Name, agent: ActorId | None, error: str = "") -> list[Command]:
        self.created[name] = Created(self.creating.pop(name), agent, error)
        return self._answer_waiting(name)

    def _cancel_ready_timer(self, name: Name) -> list[Command]:
        return [CancelTimer(self.me, timer_key(_READY_TIMER, name))] if self.config.host_spawn_ready_timeout else []

    # --- stop (9.3, ladder A) --------------------------------------------------------------------------------

    def _on_stop(self, name: Name, reason: str, now_ns: int) -> list[Command]:
        """Q40: after a shutdown it fails this agent, and the host process ends. Off: there is nothing left to stop."""
        if not self.host_present:
            return [Fail(Generic(ALREADY_SHUT_DOWN))] if self.config.has("Q40") else []
        created = self.created.get(name)
        if name not in self.creating and (created is None or created.agent is None):
            return []
        return self.manager.stop(name, reason, now_ns)

    # --- queries (9.3, 3.9) ----------------------------------------------------------------------------------

    def _on_rank_status(self, name: Name, reply: PortRef) -> list[Command]:
        if self._will_change(name):
            self.waiting.setdefault(name, []).append(reply)
            return []
        return [reply_to(reply, self.me, RankStatus(self._runs(name)))]

    def _will_change(self, name: Name) -> bool:
        """Whether an asker waits until a proc is where it is going.

        Q1: a proc that is stopping is as good as stopped. Off: the answer comes when its process has ended. A proc
        that is being created is asked about only while Q38 is off; the agent was busy otherwise.
        """
        return name in self.creating or (self.manager.is_stopping(name) and not self.config.has("Q1"))

    def _answer_waiting(self, name: Name) -> list[Command]:
        status = RankStatus(self._runs(name))
        return [reply_to(reply, self.me, status) for reply in self.waiting.pop(name, ())]

    def _runs(self, name: Name) -> tuple[tuple[int, int, Status], ...]:
        created = self.created.get(name)
        if created is None:
            return ()
        return ((created.rank, created.rank + 1, self._status(name, created)),)

    def _status(self, name: Name, created: Created) -> Status:
        if created.agent is None:
            return resource.failed(created.error)
        if not self.host_present:
            return resource.STOPPED
        return self.manager.status(name)

    def _state(self, name: Name) -> State:
        created = self.created.get(name)
        if created is None:
            return State(name, resource.INITIALIZING if name in self.creating else resource.NOT_EXIST)
        status = self._status(name, created)
        if created.agent is None:
            return State(name, status)
        return State(
            name,
            status,
            ProcState(
                proc_id=proc_of(created.agent),
                create_rank=created.rank,
                mesh_agent=created.agent,
                bootstrap_command=self.manager.bootstrap_command if self.host_present else None,
                proc_status=self.manager.proc_status(name) if self.host_present else None,
            ),
        )

    # --- shutdown (9.3, ladder B) ----------------------------------------------------------------------------

    def _on_shutdown(self, shutdown: ShutdownHost, now_ns: int) -> list[Command]:
        """Q41: acknowledged before anything is done. Off: when the last child has ended."""
        self.shutdown_acks.append(shutdown.ack)
        if not self.host_present:
            return self._acknowledge()
        self.host_present = False
        self.shutdown = Shutdown(
            grace_ns=shutdown.timeout_ns,
            max_in_flight=self.manager.in_flight_limit(shutdown.max_in_flight),
            waiting=self.manager.names(),
        )
        early = self._acknowledge() if self.config.has("Q41") else []
        return early + self._terminate_more(now_ns)

    def _acknowledge(self) -> list[Command]:
        return [reply_to(self.shutdown_acks[-1], self.me, Ack())]

    def _terminate_more(self, now_ns: int) -> list[Command]:
        """Begin with as many procs as may be in flight; end the shutdown when none is left."""
        assert self.shutdown is not None
        commands: list[Command] = []
        while self.shutdown.waiting and len(self.shutdown.in_flight) < self.shutdown.max_in_flight:
            name = self.shutdown.waiting.pop(0)
            commands += self.manager.terminate(name, SHUTDOWN_REASON, self.shutdown.grace_ns, now_ns)
            if not self.manager.has_ended(name):
                self.shutdown.in_flight.append(name)
        if not self.shutdown.in_flight and not self.shutdown.waiting:
            commands += self._end_shutdown()
        return commands

    def _end_shutdown(self) -> list[Command]:
        self.shutdown = None
        self.deaf = self.mode is not HostMode.SERVING
        commands = [] if self.config.has("Q41") else self._acknowledge()
        if self.deaf:
            commands.append(CloseServer())
        if self.mode is HostMode.EXITING_PROCESS:
            commands.append(ExitProcess(0))
        return commands

    def _on_undeliverable(self, undeliverable: Undeliverable) -> list[Command]:
        """Q60: anything that comes back, but for the ack of a shutdown, is the end of the agent and its process.

        Off: an asker that is gone is no failure of the agent's.
        """
        envelope = undeliverable.envelope
        if any((envelope.dest, envelope.port) == (ack.actor, ack.index) for ack in self.shutdown_acks):
            return [Warned(self.me, "failed to send ack")]
        if not self.config.has("Q60"):
            return [Warned(self.me, f"message not delivered: to {envelope.dest}: {'; '.join(undeliverable.errors)}")]
        return default_undeliverable(self.me, undeliverable)

    # --- what becomes of procs -------------------------------------------------------------------------------

    @property
    def _processes(self) -> ProcessManager:
        assert isinstance(self.manager, ProcessManager), f"{self.me} has no child processes"
        return self.manager

    def _on_child_exited(self, exited: ChildExited, now_ns: int) -> list[Command]:
        manager, name = self._processes, exited.name
        commands = manager.on_exited(exited, now_ns)
        if name in self.creating:
            commands += self._fail_creation(name, host_errors.terminal(manager.children[name].status))
            commands += self._cancel_ready_timer(name)
        return [*commands, *self._after_end(name, now_ns)]

    def _on_spawn_failed(self, failed: SpawnFailed) -> list[Command]:
        """Nothing was started: there is no handle to keep, and nothing to wait for."""
        name = failed.name
        self._processes.forget(name)
        error = host_errors.failed_to_spawn(self.manager.proc_id(name), failed.error)
        return [*self._end_creation(name, None, error), *self._cancel_ready_timer(name)]

    def _on_proc_gone(self, name: Name, now_ns: int) -> list[Command]:
        """A proc of this very process was torn down."""
        assert isinstance(self.manager, LocalProcs)
        return [*self.manager.on_gone(name), *self._after_end(name, now_ns)]

    def _after_end(self, name: Name, now_ns: int) -> list[Command]:
        """Who waits for the end of a proc, and the shutdown if it does."""
        commands = self._answer_waiting(name)
        if self.shutdown is not None and name in self.shutdown.in_flight:
            self.shutdown.in_flight.remove(name)
            commands += self._terminate_more(now_ns)
        return commands

    def _on_timer_fired(self, key: str, now_ns: int) -> list[Command]:
        kind, _, text = key.partition(":")
        name = Name(text)
        if kind == _READY_TIMER:
            return self._on_not_ready(name, now_ns)
        return self._processes.on_timer(kind, name, now_ns)


def shared_host(me: ActorId, host: Node, config: Config, *, in_process: bool) -> HostAgent:
    """The agent of a host that shares its process with others, and so has no shutdown channel: it serves on."""
    manager = LocalProcs(me, host, config) if in_process else ProcessManager(me, host, config)
    return HostAgent(me=me, host=host, config=config, mode=HostMode.SERVING, manager=manager)
