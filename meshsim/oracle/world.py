"""The state of the run at the record that is being judged: what every invariant would otherwise keep for itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from msgspec import UNSET

from meshsim.faults.kinds import Fault
from meshsim.model.config import Config
from meshsim.model.events import ClockSet
from meshsim.model.hosts.process import EXITED, ExitStatus
from meshsim.model.ids import ActorId, Name, Node, ProcId, address_of_node, proc_id, proc_of
from meshsim.model.messages import ActorStateChanged, Envelope, ShutdownHost
from meshsim.model.notes import (
    ActorStatusChanged,
    Bounced,
    EventRecorded,
    MeshSpawned,
    OperationStarted,
    ProcStatusChanged,
)
from meshsim.model.status import ActorState, State, StatusKind
from meshsim.model.supervision import ActorPhase
from meshsim.oracle.bounds import FOREVER_NS, Bounds
from meshsim.oracle.link_faults import LEAVE_LINKS_ALONE, LinkFaults
from meshsim.trace.directory import Directory
from meshsim.trace.records import (
    DecisionTaken,
    FaultEnded,
    FaultStruck,
    MessageLost,
    MessageReturned,
    ProcessContinued,
    ProcessDied,
    ProcessLeftParent,
    ProcessReaped,
    ProcessStarted,
    ProcessStopped,
    Record,
)

_TERMINAL = frozenset({ActorPhase.STOPPED, ActorPhase.FAILED})
_ENDING = _TERMINAL | {ActorPhase.STOPPING}
_EXITED = frozenset(phase.value for phase in EXITED)


class NodeFacts(msgspec.Struct):
    """One process, as the trace tells it. Times are None for what has not happened."""

    started: ProcessStarted
    at: int = 0
    died_at: int | None = None
    died_seq: int = -1
    reaped: ExitStatus | None = None
    #: [stopped, continued) in order; FOREVER_NS while it is stopped.
    stalls: list[tuple[int, int]] = []
    #: Somebody asked for its end: its host marked it stopping, or is shutting down.
    stop_asked_at: int | None = None

    @property
    def is_alive(self) -> bool:
        return self.died_at is None

    @property
    def is_stalled(self) -> bool:
        return self.is_alive and bool(self.stalls) and self.stalls[-1][1] == FOREVER_NS


class ActorFacts(msgspec.Struct):
    """Latest status of an actor; `ended_at` when it became terminal, or its process died and another one has its id."""

    phase: ActorPhase
    text: str
    seq: int
    node: str
    ended_at: int | None = None


class Spawned(msgspec.Struct, frozen=True):
    """A mesh and when its spawn completed."""

    mesh: MeshSpawned
    at: int
    seq: int


class World:
    """Facts of a run, updated record by record through `handlers` before any invariant sees the record."""

    def __init__(
        self, config: Config, directory: Directory, records: Sequence[Record], faults: Sequence[Fault] = ()
    ) -> None:
        """`faults` are those of the plan, for what their records do not say."""
        self.config = config
        #: The whole trace, to look up what led to a record.
        self.records = records
        self.bounds = Bounds(config)
        #: Knows the whole run, so that a message can use names that were given later.
        self.directory = directory
        self.nodes: dict[Node, NodeFacts] = {}
        self.actors: dict[ActorId, ActorFacts] = {}
        #: Last status of each proc by host and full name.
        self.procs: dict[tuple[Node, Name], ProcStatusChanged] = {}
        self.meshes: dict[str, Spawned] = {}
        #: Meshes by the controller that watches them.
        self.watched_by: dict[ActorId, Spawned] = {}
        #: Label and rank of each actor of a mesh.
        self.ranks: dict[ActorId, tuple[str, int]] = {}
        #: Labels and ranks of the actors in each node.
        self.ranks_in: dict[Node, list[tuple[str, int]]] = {}
        #: Hosts that were told to shut down: when, and what they were told.
        self.shutdowns: dict[Node, tuple[int, ShutdownHost, ActorId]] = {}
        #: Actors that a fault made hang; taken to hang for the rest of the run.
        self.hung: set[ActorId] = set()
        #: Controllers whose polls a fault makes late; see `is_kept_from_polling`.
        self.late: set[ActorId] = set()
        #: Agents that a fault made answer wrongly, and when one did last.
        self.misreporting: dict[ActorId, int] = {}
        #: Whether messages may have been held back on their way, by a fault or by a network that loses some.
        self.links_disturbed = False
        #: Meshes that somebody asked to stop.
        self.stop_asked: set[str] = set()
        #: Actors with a recorded supervision event.
        self.recorded: set[ActorId] = set()
        #: When a streaming controller was told that a rank had failed, and by which record; by controller and rank.
        self.pushed: dict[tuple[ActorId, int], tuple[int, int]] = {}
        #: Last time a message between two nodes was lost or came back.
        self._lost_at: dict[tuple[Node, Node], int] = {}
        self._link_faults = LinkFaults(directory, config.message_delivery_timeout, faults)
        self._children: dict[Node, list[Node]] = {}
        self._started_procs: set[ProcId] = set()
        #: When the wall clock of a node was set by a fault, in order.
        self._clock_set_at: dict[Node, list[int]] = {}
        self.handlers: dict[type, Callable[[Record], None]] = {
            Envelope: self._on_delivery,
            ProcessStarted: self._on_process_started,
            ProcessLeftParent: self._on_process_left_parent,
            ProcessDied: self._on_process_died,
            ProcessReaped: self._on_process_reaped,
            ProcessStopped: self._on_process_stopped,
            ProcessContinued: self._on_process_continued,
            ActorStatusChanged: self._on_actor_status,
            ProcStatusChanged: self._on_proc_status,
            MeshSpawned: self._on_mesh_spawned,
            OperationStarted: self._on_operation_started,
            EventRecorded: self._on_event_recorded,
            FaultStruck: self._on_fault,
            FaultEnded: self._on_fault_ended,
            DecisionTaken: self._on_decision,
            ClockSet: self._on_clock_set,
            MessageLost: self._on_lost,
            MessageReturned: self._on_lost,
            Bounced: self._on_lost,
        }

    # --- questions ---------------------------------------------------------------------------------------

    def name(self, actor: ActorId) -> str:
        return self.directory.name_of_actor(actor)

    def name_of_proc(self, host: Node, name: Name) -> str:
        """`workers[2]` for the proc that a host knows by this full name."""
        return self.directory.name_of_proc(proc_id(address_of_node(host), name))

    def facts_of(self, actor: ActorId) -> NodeFacts | None:
        """The process that an actor lives in."""
        node = self.directory.node_of_actor(actor)
        return None if node is None else self.nodes.get(node)

    def ended_at(self, actor: ActorId) -> int | None:
        """When an actor became terminal or its process died; None while it lives."""
        facts, own = self.facts_of(actor), self.actors.get(actor)
        died_at = None if facts is None else facts.died_at
        ended_at = None if own is None else own.ended_at
        return min((end for end in (died_at, ended_at) if end is not None), default=None)

    def cause_of(self, record: Record) -> Record | None:
        """The record whose handling led to this one: of a message, the step that sent it, at that moment."""
        return self.records[record.cause] if record.cause >= 0 else None

    def stalled_ns(self, node: Node, start: int, until: int = FOREVER_NS) -> int:
        """How long a process was stopped from `start` to `until`; to the end of the run FOREVER_NS if it still is."""
        facts = self.nodes.get(node)
        if facts is None:
            return 0
        overlaps = (min(end, until) - max(begin, start) for begin, end in facts.stalls if end > start and begin < until)
        return min(FOREVER_NS, sum(overlaps))

    def took_ns(self, start: int, end: int, nodes: list[Node]) -> int:
        """How long something took from `start` to `end`, without the time that these processes were stopped."""
        return end - start - sum(self.stalled_ns(node, start, end) for node in dict.fromkeys(nodes))

    def stalled_between(self, node: Node, start: int, end: int) -> int:
        """How long a process was stopped from `start` to `end`."""
        facts = self.nodes.get(node)
        stalls = [] if facts is None else facts.stalls
        return sum(min(until, end) - max(since, start) for since, until in stalls if until > start and since < end)

    def extended(self, deadline: int, start: int, nodes: list[Node]) -> int:
        """A deadline, later by the time that these processes were stopped, or cut from others, since `start`."""
        stalled_ns = sum(self.stalled_ns(node, start) for node in dict.fromkeys(nodes))
        return min(FOREVER_NS, deadline + stalled_ns + self._link_faults.cut_ns(nodes, start))

    def place_of(self, actor: ActorId) -> list[Node]:
        """The node an actor lives in and, for a proc, its host's."""
        node = self.directory.node_of_actor(actor)
        if node is None:
            return []
        host = self.directory.hosts.get(node)
        return [node] if host is None else [node, host]

    def lost_between(self, a: Node, b: Node, since: int) -> bool:
        """Whether what two nodes say to each other, either way, was lost or struck by a fault at or after `since`."""
        if self._link_faults.disturbed_between(a, b, since):
            return True
        return max(self._lost_at.get((a, b), -1), self._lost_at.get((b, a), -1)) >= max(since, 0)

    def cut_between(self, a: Node, b: Node, since: int) -> bool:
        """Whether a fault stopped messages between two nodes, in either direction, at or after `since`."""
        return self._link_faults.cut_between(a, b, since)

    def kept_apart(self, watcher: Node, actor: ActorId, since: int, until: int = FOREVER_NS) -> bool:
        """Whether a fault of the network was about messages between a process and an actor's at or after `since` and
        before `until`: on the way to it, past its host, or from it.
        """
        return any(self._link_faults.disturbed_between(a, b, since, until) for a, b in self._ways(watcher, actor))

    def kept_apart_anew(self, watcher: Node, actor: ActorId, since: int) -> bool:
        """As `kept_apart`, but for a cut that was there all the time since."""
        return any(self._link_faults.changed_between(a, b, since) for a, b in self._ways(watcher, actor))

    def sent_copies(self, sender: Node, actor: ActorId) -> bool:
        """Whether a fault ever copied messages on one of these ways."""
        return any(self._link_faults.copied_between(a, b) for a, b in self._ways(sender, actor))

    def is_kept_from_polling(self, controller: ActorId) -> bool:
        """Whether a fault has made it hang, or its polls late: when it looks is not its own doing."""
        return controller in self.hung or controller in self.late

    def sent_late(self, sender: Node, actor: ActorId) -> bool:
        """Whether a fault ever delayed or copied messages on one of these ways, or put them in another order."""
        return any(self._link_faults.held_back_between(a, b) for a, b in self._ways(sender, actor))

    def _ways(self, watcher: Node, actor: ActorId) -> list[tuple[Node, Node]]:
        places = self.place_of(actor)
        return [*((watcher, place) for place in places), *((host, places[0]) for host in places[1:])]

    def clock_moved(self, node: Node, since: int) -> bool:
        """Whether a fault set the wall clock that a node reads, at or after `since`."""
        return any(at >= since for at in self._clock_set_at.get(node, ()))

    def is_there(self, actor: ActorId) -> bool:
        """Whether an actor is one of the process that its proc is now."""
        facts = self.actors.get(actor)
        return facts is not None and facts.node == self.directory.node_of_actor(actor)

    def has_reached(self, record: Record, actor: ActorId) -> bool:
        """Whether a delivery is to the process that an actor lives in: a host has messages for procs that it lost."""
        return self.directory.node_of_actor(actor) == record.node

    def may_wait_for_others(self, envelope: Envelope) -> bool:
        """Whether a message that was delivered may wait for an earlier one of its stream, which was lost."""
        src, dst = (self.directory.node_of_actor(actor) for actor in (envelope.sender, envelope.dest))
        return envelope.seq is not None and src is not None and dst is not None and self.lost_between(src, dst, 0)

    def children(self, host: Node) -> list[Node]:
        """Nodes of the procs that a host started so far."""
        return self._children.get(host, [])

    def is_ending(self, actor: ActorId) -> bool:
        """Whether an actor is stopping, stopped or failed."""
        facts = self.actors.get(actor)
        return facts is not None and (facts.phase in _ENDING or facts.ended_at is not None)

    def proc_is_ending(self, node: Node) -> bool:
        """Whether a proc was asked to stop, or its host says that it ended."""
        facts = self.nodes.get(node)
        host, name = self.directory.hosts.get(node), self.directory.proc_names.get(node)
        if facts is not None and facts.stop_asked_at is not None:
            return True
        status = None if host is None or name is None else self.procs.get((host, name))
        return status is not None and status.phase in _EXITED

    # --- learning ----------------------------------------------------------------------------------------

    def _on_delivery(self, record: Record) -> None:
        envelope = record.what
        assert isinstance(envelope, Envelope)
        message = envelope.message
        if type(message) is ActorStateChanged:
            self._on_pushed(envelope.dest, message.state, record)
        if type(message) is not ShutdownHost:
            return
        host = Node(record.node)
        self.shutdowns[host] = (record.at, message, envelope.sender)
        for node in (host, *self.children(host)):
            self._ask_stop(node, record.at)

    def _on_pushed(self, controller: ActorId, state: State, record: Record) -> None:
        if state.status.kind is StatusKind.FAILED and isinstance(state.state, ActorState):
            self.pushed.setdefault((controller, state.state.create_rank), (record.at, record.seq))

    def _on_process_started(self, record: Record) -> None:
        started, node = record.what, Node(record.node)
        assert isinstance(started, ProcessStarted)
        # The address of a host that comes back is that of the new process from here on, and not before.
        self.directory.observe(record)
        if node in self.nodes:
            return  # Nobody comes back; `terminal-is-final` says so.
        if started.kind == "proc":
            self._begin_life(proc_id(address_of_node(started.parent), started.name), record.at)
        self.nodes[node] = NodeFacts(started, record.at)
        if started.parent:
            self._children.setdefault(Node(started.parent), []).append(node)

    def _begin_life(self, proc: ProcId, at: int) -> None:
        """A host that comes back soon is sent again what the one before had not acknowledged, creations included, and
        starts a proc again under the id that it had (mesh_model.md 3.3). The actors of its former life ended with it.
        """
        if proc in self._started_procs:
            self._end_actors(proc, at)
        self._started_procs.add(proc)

    def _end_actors(self, proc: ProcId, at: int) -> None:
        """Those of the new life have yet to begin."""
        for actor, facts in self.actors.items():
            if facts.ended_at is None and proc_of(actor) == proc:
                died_at = self.nodes[Node(facts.node)].died_at
                facts.ended_at = at if died_at is None else died_at

    def _on_process_left_parent(self, record: Record) -> None:
        facts = self.nodes[Node(record.node)]
        facts.started = msgspec.structs.replace(facts.started, pdeathsig=False)

    def _on_process_died(self, record: Record) -> None:
        facts = self.nodes.get(Node(record.node))
        if facts is not None and facts.died_at is None:
            facts.died_at, facts.died_seq = record.at, record.seq
            self._end_stall(facts, record.at)

    def _on_process_reaped(self, record: Record) -> None:
        assert isinstance(record.what, ProcessReaped)
        facts = self.nodes.get(Node(record.node))
        if facts is not None and facts.reaped is None:
            facts.reaped = record.what.status

    def _on_process_stopped(self, record: Record) -> None:
        facts = self.nodes.get(Node(record.node))
        if facts is not None and facts.is_alive and not facts.is_stalled:
            facts.stalls.append((record.at, FOREVER_NS))

    def _on_process_continued(self, record: Record) -> None:
        facts = self.nodes.get(Node(record.node))
        if facts is not None:
            self._end_stall(facts, record.at)

    def _end_stall(self, facts: NodeFacts, at: int) -> None:
        if facts.stalls and facts.stalls[-1][1] == FOREVER_NS:
            facts.stalls[-1] = (facts.stalls[-1][0], at)

    def _on_actor_status(self, record: Record) -> None:
        note = record.what
        assert isinstance(note, ActorStatusChanged)
        before = self.actors.get(note.actor)
        ended_at = before.ended_at if before is not None and before.node == record.node else None
        if ended_at is None and note.phase in _TERMINAL:
            ended_at = record.at
        self.actors[note.actor] = ActorFacts(note.phase, note.text, record.seq, record.node, ended_at)

    def _on_proc_status(self, record: Record) -> None:
        note = record.what
        assert isinstance(note, ProcStatusChanged)
        host = Node(record.node)
        self.procs[host, note.name] = note
        node = self.directory.node_of_proc(proc_id(address_of_node(host), note.name))
        if note.phase == "Stopping" and node is not None and node in self.directory.hosts:
            self._ask_stop(node, record.at)

    def _ask_stop(self, node: Node, at: int) -> None:
        facts = self.nodes.get(node)
        if facts is not None and facts.stop_asked_at is None:
            facts.stop_asked_at = at

    def _on_mesh_spawned(self, record: Record) -> None:
        mesh = record.what
        assert isinstance(mesh, MeshSpawned)
        self.meshes[mesh.label] = Spawned(mesh, record.at, record.seq)
        if mesh.controller is not None:
            self.watched_by[mesh.controller] = self.meshes[mesh.label]
        if mesh.kind != "actors":
            return
        for rank, member in enumerate(mesh.members):
            actor = ActorId(member)
            self.ranks[actor] = (mesh.label, rank)
            node = self.directory.node_of_actor(actor)
            if node is not None:
                self.ranks_in.setdefault(node, []).append((mesh.label, rank))

    def _on_operation_started(self, record: Record) -> None:
        note = record.what
        assert isinstance(note, OperationStarted)
        if note.operation == "stop_actors":
            self.stop_asked.add(note.label)

    def _on_event_recorded(self, record: Record) -> None:
        assert isinstance(record.what, EventRecorded)
        self.recorded.add(record.what.actor)

    def _on_fault(self, record: Record) -> None:
        fault = record.what
        assert isinstance(fault, FaultStruck)
        self.links_disturbed |= fault.kind not in LEAVE_LINKS_ALONE
        if fault.kind == "hang":
            target = self.directory.actor(fault.target)
            self.hung.add(ActorId(fault.target) if target is None else target)
        elif fault.kind == "late_polls":
            self.late.add(ActorId(fault.target))
        elif fault.kind == "misreport":
            self.misreporting[ActorId(fault.target)] = record.at
        else:
            self._link_faults.on_struck(fault, record.at)

    def _on_fault_ended(self, record: Record) -> None:
        assert isinstance(record.what, FaultEnded)
        self._link_faults.on_ended(record.what, record.at)

    def _on_decision(self, record: Record) -> None:
        assert isinstance(record.what, DecisionTaken)
        diverted = record.what.diverted
        if diverted is not UNSET:
            self.links_disturbed = True
            self._link_faults.on_diverted(diverted, record.at)

    def _on_clock_set(self, record: Record) -> None:
        self._clock_set_at.setdefault(Node(record.node), []).append(record.at)

    def _on_lost(self, record: Record) -> None:
        what = record.what
        assert isinstance(what, MessageLost | MessageReturned | Bounced)
        self.links_disturbed |= isinstance(what, MessageLost)
        sender = self.directory.node_of_actor(what.envelope.sender)
        dest = self.directory.node_of_actor(what.envelope.dest)
        if sender is not None and dest is not None:
            self._lost_at[sender, dest] = record.at
