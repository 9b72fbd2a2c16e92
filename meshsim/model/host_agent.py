"""The HostAgent: creates, stops and reports the procs of one host.

Two things live here that the modelled system keeps apart. The *actor* handles one message at a time: while it
creates a proc (Q38) or shuts the host down, everything else waits in its mailbox. The *process manager* beside it
never waits: exits, callbacks and the timers of stop ladders reach it at once, whatever the actor is doing.

    actor:    idle ──CreateOrUpdate──▶ creating ──ready, time-out, exit──▶ idle
              idle ──ShutdownHost──▶ shutting down ──last child gone──▶ gone (idle again, deaf, or exit: `HostMode`)
    manager:  one `Child` for each process, never forgotten (Q39): its status (`meshsim.model.process`) and at most one
              ladder of each kind (`meshsim.model.ladder`)

How processes really start and end is the conductor's business: `SpawnProcess` and `SignalProcess` go out,
`ProcReady` and `ChildExited` come back.

Source: supervision.md 3 and 9.1 to 9.3. Quirks: Q1, Q4 to Q6, Q38 to Q41, Q60, Q63.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from meshsim.model import process
from meshsim.model import status as resource
from meshsim.model.commands import CancelTimer, Command, ExitProcess, Fail, Panic, SetTimer, SignalProcess, SpawnProcess
from meshsim.model.config import Config, Value, clamped_concurrency
from meshsim.model.events import ChildExited, ChildFailed, CleanupStarted, ClockSet, Event, Started, TimerFired
from meshsim.model.ids import (
    FIRST_EPHEMERAL_PORT,
    ActorId,
    Name,
    Node,
    PortRef,
    ProcId,
    address_of_node,
    proc_agent_id,
    proc_id,
    proc_of,
)
from meshsim.model.ladder import SIGKILL, SIGTERM, Act, Ladder, LadderKind, Moment
from meshsim.model.mapping import to_resource_status
from meshsim.model.messages import (
    Ack,
    CreateOrUpdate,
    Envelope,
    GetRankStatus,
    GetState,
    ListResources,
    ProcReady,
    ProcSpec,
    RankStatus,
    ResourceNames,
    SetClientConfig,
    ShutdownHost,
    StateReply,
    Stop,
    StopAll,
    Undeliverable,
    reply_to,
)
from meshsim.model.notes import MarkRejected, ProcStatusChanged, Warned
from meshsim.model.process import ProcStatus
from meshsim.model.status import ProcState, State, Status
from meshsim.model.supervision import Generic, UnhandledSupervisionEvent
from meshsim.model.undeliverable import default_undeliverable

SHUTDOWN_REASON = "shutdown host"
ALREADY_SHUT_DOWN = "HostAgent has already shut down"
#: Stands for the command line that starts a child.
BOOTSTRAP_COMMAND = "bootstrap"

_READY_TIMER = "ready"


class HostMode(Enum):
    """What a host is after its shutdown (supervision.md 9.3, ShutdownHost step 5)."""

    #: Alive, idle and deaf: nothing is answered any more. A host process started for a host mesh.
    PROCESS = "process"
    #: Gone, with exit code 0 (`exit_on_shutdown`).
    EXITING_PROCESS = "exiting_process"
    #: Goes on serving: what it made is Stopped. A host without a shutdown channel.
    SERVING = "serving"


class Created(msgspec.Struct, frozen=True):
    """What came of creating one proc; never forgotten."""

    rank: int
    #: Where its agent said it is; absent when creation failed.
    agent: ActorId | None
    error: str = ""


class Child(msgspec.Struct):
    """One process, as the process manager keeps it."""

    status: ProcStatus = process.STARTING
    #: Ladders by kind; A and B can climb side by side.
    ladders: dict[LadderKind, Ladder] = {}


class Shutdown(msgspec.Struct):
    """A ShutdownHost in its handler: children whose turn has not come, and those being terminated."""

    grace_ns: int
    max_in_flight: int
    waiting: list[Name]
    in_flight: list[Name] = []


class HostAgent(msgspec.Struct):
    """Machine of supervision.md 9.3."""

    me: ActorId
    host: Node
    config: Config
    mode: HostMode = HostMode.PROCESS
    #: False from the moment a shutdown begins.
    host_present: bool = True
    created: dict[Name, Created] = {}
    children: dict[Name, Child] = {}
    #: Rank of each proc that has not called back yet. One at a time, unless Q38 is off.
    creating: dict[Name, int] = {}
    #: Who asked for the status of a proc that is on its way to another one, and has no answer yet.
    waiting: dict[Name, list[PortRef]] = {}
    shutdown: Shutdown | None = None
    deaf: bool = False
    #: Callback ports on which nobody has called yet. They outlive the wait for Ready.
    callbacks: dict[int, Name] = {}
    next_port: int = FIRST_EPHEMERAL_PORT
    #: Where the latest shutdown was acknowledged: that this may come back is no failure.
    shutdown_ack: PortRef | None = None
    #: The ClientOverride layer that was set last. A host process runs on a full Runtime layer, which is stronger.
    client_config: dict[str, Value] = {}
    clock_offset_ns: int = 0

    @property
    def busy(self) -> bool:
        """Q38: creating a proc keeps everybody waiting. Off: only who asks about that proc."""
        return self.shutdown is not None or self.deaf or (bool(self.creating) and self.config.has("Q38"))

    def accepts(self, port: int) -> bool:
        return port in self.callbacks

    def handle(self, event: Event, now_ns: int) -> list[Command]:
        """Take one event and return what is to be done, in order."""
        if type(event) is Envelope and event.port == 0:
            return self._on_message(event, now_ns)
        match event:
            case Envelope(port=port, message=ProcReady() as ready):
                return self._on_proc_ready(port, ready, now_ns)
            case ChildExited(name=name, status=status):
                return self._on_child_exited(name, self._classified(name, status), now_ns)
            case TimerFired(key=key):
                return self._on_timer_fired(key, now_ns)
            case ClockSet(offset_ns=offset_ns):
                self.clock_offset_ns = offset_ns
                return []
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
            case CreateOrUpdate(name=name, rank=rank, spec=ProcSpec() as spec):
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
            return [Panic("host present")]
        self.creating[name] = rank
        self.children[name] = Child()
        port, self.next_port = self.next_port, self.next_port + 1
        self.callbacks[port] = name
        pdeathsig = Config.of(spec.config).mesh_bootstrap_enable_pdeathsig
        commands: list[Command] = [SpawnProcess(name, PortRef(self.me, port), spec.config, pdeathsig)]
        commands += self._mark(name, process.running(self._wall(now_ns)))
        if self.config.host_spawn_ready_timeout:
            commands.append(SetTimer(self.me, _timer(_READY_TIMER, name), self.config.host_spawn_ready_timeout))
        return commands

    def _on_proc_ready(self, port: int, ready: ProcReady, now_ns: int) -> list[Command]:
        """The callback counts whenever it comes; the creation may have been given up by then (Q39)."""
        name = self.callbacks.pop(port)
        commands = self._mark(name, process.ready(self._wall(now_ns), ready.addr, ready.agent))
        if name in self.creating and self.children[name].status.phase is process.ProcPhase.READY:
            commands += [*self._cancel_ready_timer(name), *self._end_creation(name, ready.agent)]
        return commands

    def _on_not_ready(self, name: Name, now_ns: int) -> list[Command]:
        """Q39: a child that is late is neither killed nor forgotten. Off: it is killed."""
        commands = self._fail_creation(name, "Timeout")
        if not self.config.has("Q39"):
            commands += self._begin(name, Ladder(LadderKind.KILL, "not ready in time", 0), now_ns)
        return commands

    def _fail_creation(self, name: Name, why: str) -> list[Command]:
        """`why` is the debug form of what went wrong (supervision.md 9.1)."""
        proc = self._proc_id(name)
        return self._end_creation(name, None, f"proc '{proc}' failed to configure process: {why}")

    def _end_creation(self, name: Name, agent: ActorId | None, error: str = "") -> list[Command]:
        self.created[name] = Created(self.creating.pop(name), agent, error)
        return self._answer_waiting(name)

    def _cancel_ready_timer(self, name: Name) -> list[Command]:
        return [CancelTimer(self.me, _timer(_READY_TIMER, name))] if self.config.host_spawn_ready_timeout else []

    # --- stop (9.3, ladder A) --------------------------------------------------------------------------------

    def _on_stop(self, name: Name, reason: str, now_ns: int) -> list[Command]:
        """Q40: after a shutdown it fails this agent, and the host process ends. Off: there is nothing left to stop."""
        if not self.host_present:
            return [Fail(Generic(ALREADY_SHUT_DOWN))] if self.config.has("Q40") else []
        created = self.created.get(name)
        if name not in self.creating and (created is None or created.agent is None):
            return []
        return self._begin(
            name, self._ladder(LadderKind.REQUEST_STOP, reason, self.config.process_exit_timeout), now_ns
        )

    def _ladder(self, kind: LadderKind, reason: str, grace_ns: int) -> Ladder:
        return Ladder(kind, reason, grace_ns, quirks_off=self.config.quirks_off)

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
        if name in self.creating:
            return True
        child = self.children.get(name)
        return child is not None and child.status.phase is process.ProcPhase.STOPPING and not self.config.has("Q1")

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
        return to_resource_status(self.children[name].status)

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
                bootstrap_command=BOOTSTRAP_COMMAND if self.host_present else None,
                proc_status=self.children[name].status if self.host_present else None,
            ),
        )

    # --- shutdown (9.3, ladder B) ----------------------------------------------------------------------------

    def _on_shutdown(self, shutdown: ShutdownHost, now_ns: int) -> list[Command]:
        """Q41: acknowledged before anything is done. Off: when the last child has ended."""
        self.shutdown_ack = shutdown.ack
        if not self.host_present:
            return self._acknowledge()
        self.host_present = False
        self.shutdown = Shutdown(
            grace_ns=shutdown.timeout_ns,
            max_in_flight=clamped_concurrency(shutdown.max_in_flight),
            waiting=list(self.children),
        )
        early = self._acknowledge() if self.config.has("Q41") else []
        return early + self._terminate_more(now_ns)

    def _acknowledge(self) -> list[Command]:
        assert self.shutdown_ack is not None
        return [reply_to(self.shutdown_ack, self.me, Ack())]

    def _terminate_more(self, now_ns: int) -> list[Command]:
        """Begin with as many children as may be in flight; end the shutdown when none is left."""
        assert self.shutdown is not None
        commands: list[Command] = []
        while self.shutdown.waiting and len(self.shutdown.in_flight) < self.shutdown.max_in_flight:
            name = self.shutdown.waiting.pop(0)
            ladder = self._ladder(LadderKind.TERMINATE, SHUTDOWN_REASON, self.shutdown.grace_ns)
            commands += self._begin(name, ladder, now_ns)
            if not ladder.done:
                self.shutdown.in_flight.append(name)
        if not self.shutdown.in_flight:
            commands += self._end_shutdown()
        return commands

    def _end_shutdown(self) -> list[Command]:
        self.shutdown = None
        self.deaf = self.mode is not HostMode.SERVING
        late = [] if self.config.has("Q41") else self._acknowledge()
        return [*late, ExitProcess(0)] if self.mode is HostMode.EXITING_PROCESS else late

    def _on_undeliverable(self, undeliverable: Undeliverable) -> list[Command]:
        """Q60: anything that comes back, but for the ack of a shutdown, is the end of the agent and its process.

        Off: an asker that is gone is no failure of the agent's.
        """
        envelope = undeliverable.envelope
        ack = self.shutdown_ack
        if ack is not None and (envelope.dest, envelope.port) == (ack.actor, ack.index):
            return [Warned(self.me, "failed to send ack")]
        if not self.config.has("Q60"):
            return [Warned(self.me, f"message not delivered: to {envelope.dest}: {'; '.join(undeliverable.errors)}")]
        return default_undeliverable(self.me, undeliverable)

    # --- the process manager (3) -----------------------------------------------------------------------------

    def _classified(self, name: Name, status: process.ExitStatus) -> ProcStatus:
        """Q6: a proc that a ladder had to kill failed. Off: it ended as it was asked to.

        Q58: code 0 is a clean end. Off: only when somebody asked for it.
        """
        if status.code == 0 and not self.children[name].ladders and not self.config.has("Q58"):
            return process.failed("exited with code 0 without being asked to")
        signalled = any(ladder.has_signalled for ladder in self.children[name].ladders.values())
        sent = signalled and status.signal in (SIGTERM, SIGKILL)
        return process.classify(status, asked_to=sent and not self.config.has("Q6"))

    def _on_child_exited(self, name: Name, ended: ProcStatus, now_ns: int) -> list[Command]:
        commands = self._mark(name, ended)
        for ladder in self.children[name].ladders.values():
            commands += self._carry_out(name, ladder, ladder.climb(Moment.EXITED), now_ns)
        if name in self.creating:
            commands += self._fail_creation(name, f"Ready(Terminal({process.debug(ended)}))")
            commands += self._cancel_ready_timer(name)
        commands += self._answer_waiting(name)
        if self.shutdown is not None and name in self.shutdown.in_flight:
            self.shutdown.in_flight.remove(name)
            commands += self._terminate_more(now_ns)
        return commands

    def _on_timer_fired(self, key: str, now_ns: int) -> list[Command]:
        kind, _, text = key.partition(":")
        name = Name(text)
        if kind == _READY_TIMER:
            return self._on_not_ready(name, now_ns)
        ladder = self.children[name].ladders[LadderKind(kind)]
        return self._carry_out(name, ladder, ladder.climb(Moment.TIMEOUT), now_ns)

    def _begin(self, name: Name, ladder: Ladder, now_ns: int) -> list[Command]:
        child = self.children[name]
        acts = ladder.begin(child.status)
        if not ladder.done:
            child.ladders[ladder.kind] = ladder
        return self._carry_out(name, ladder, acts, now_ns)

    def _carry_out(self, name: Name, ladder: Ladder, acts: tuple[Act, ...], now_ns: int) -> list[Command]:
        commands: list[Command] = []
        timer = _timer(ladder.kind.value, name)
        for act in acts:
            match act:
                case Act.STOP_ALL:
                    agent = proc_agent_id(self._proc_id(name))
                    commands.append(Envelope(self.me, agent, StopAll(ladder.reason), returnable=False))
                case Act.MARK_STOPPING:
                    commands += self._mark(name, process.stopping(self._wall(now_ns)))
                case Act.SIGTERM:
                    commands.append(SignalProcess(name, SIGTERM))
                case Act.SIGKILL:
                    commands.append(SignalProcess(name, SIGKILL))
                case Act.ARM:
                    commands.append(SetTimer(self.me, timer, ladder.wait_ns))
                case Act.DISARM:
                    commands.append(CancelTimer(self.me, timer))
        return commands

    def _mark(self, name: Name, asked: ProcStatus) -> list[Command]:
        """Ask for a transition of a child's status and say what came of it."""
        child = self.children[name]
        before = child.status
        marked = process.mark(before, asked)
        child.status = marked.status
        if marked.accepted:
            after = marked.status
            return [ProcStatusChanged(name, before.phase.value, after.phase.value, process.display_plain(after))]
        if marked.warning:
            return [MarkRejected(name, before.phase.value, asked.phase.value, marked.warning)]
        return []

    def _proc_id(self, name: Name) -> ProcId:
        return proc_id(address_of_node(self.host), name)

    def _wall(self, now_ns: int) -> int:
        return now_ns + self.clock_offset_ns


def _timer(kind: str, name: Name) -> str:
    return f"{kind}:{name}"
