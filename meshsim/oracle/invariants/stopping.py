"""A stop that succeeded has happened, and one that was asked for leads to an end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from meshsim.model.alloc.messages import StopActor
from meshsim.model.ids import (
    HOST_AGENT,
    MESH_AGENT,
    PROC_AGENT,
    ActorId,
    Name,
    Node,
    ProcId,
    actor_id,
    actor_name_of,
    address_of,
    pid_of,
    proc_id,
    proc_of,
)
from meshsim.model.messages import Ack, CreateOrUpdate, Envelope, ShutdownHost, StateReply, Stop, StopAll
from meshsim.model.notes import (
    MeshSpawned,
    MonitoringEnded,
    OperationEnded,
    OrphanStopped,
    PollEnded,
    PollStarted,
    ProcStatusChanged,
    ReferenceMade,
)
from meshsim.model.status import MeshState, Status, StatusKind
from meshsim.oracle.bounds import FOREVER_NS, SLACK_NS
from meshsim.oracle.invariants.base import Invariant
from meshsim.oracle.load import AgentLoad, HostLoad
from meshsim.oracle.verdict import Violation
from meshsim.oracle.world import World
from meshsim.trace.records import Record
from meshsim.units import format_duration

_AGENTS = (PROC_AGENT, MESH_AGENT)


class StopIsTrue(Invariant):
    """Whoever was told that actors, procs or a host are stopped can rely on it.

    `stop_actors` that ends without error: every actor of the mesh has ended by then, or its process has; the agents
    answer only when they have. Of an actor that runs on although its controller said Timeout the asker is to blame: he
    took silence for an answer. `stop_procs` that ends without error: every actor on the procs of the mesh has ended
    within 2 X, those of procs that have no process of their own included (the processes are `no-process-left`'s).
    A host that acknowledges its shutdown: the processes that it started were gone when it did.

    Known holes: Q53 and Q32 (actors that do not answer, or run on, count as stopped), Q13 (nothing is done for a mesh
    whose ranks are all terminal), Q41 (a shutdown is acknowledged as it begins).

    Source: supervision.md 8.3, 9.3, 10.6, 12.5; that an acknowledgement says that the work is done is chosen here.
    """

    id = "stop-is-true"
    sentence = "What was stopped successfully has stopped."
    needs = "The end of stop_actors or stop_procs without error and the actors of the mesh, or a host that shuts down."
    quirks = ("Q53", "Q32", "Q41", "Q13")
    sees = (OperationEnded, ReferenceMade)
    takes = (StateReply, Ack)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        #: Mesh of each slice or copy.
        self._mesh_of: dict[str, str] = {}
        #: Procs that were stopped: when, and in which record.
        self._stopped: list[tuple[ProcId, int, int]] = []
        #: What each actor was told last of the ranks of a mesh, by itself and the controller.
        self._told: dict[tuple[ActorId, ActorId], tuple[Status, ...]] = {}

    def observe(self, record: Record) -> Iterable[Violation]:
        note = record.what
        if isinstance(note, ReferenceMade):
            self._mesh_of[note.label] = note.mesh
            return ()
        assert isinstance(note, OperationEnded)
        spawned = self.world.meshes.get(self._mesh_of.get(note.label, note.label))
        if note.error is not None or spawned is None:
            return ()
        if note.operation == "stop_actors":
            return self._on_actors_stopped(spawned.mesh, note.by, record)
        if note.operation == "stop_procs":
            self._stopped += [(ProcId(proc), record.at, record.seq) for proc in spawned.mesh.procs]
        return ()

    def deliver(self, record: Record, envelope: Envelope) -> Iterable[Violation]:
        message = envelope.message
        if type(message) is Ack:
            return self._on_ack(record, envelope)
        if type(message) is StateReply and type(message.state.state) is MeshState:
            self._told[envelope.dest, envelope.sender] = message.state.state.statuses
        return ()

    def _on_ack(self, record: Record, envelope: Envelope) -> Iterator[Violation]:
        host = self.world.directory.node_of_actor(envelope.sender)
        told = None if host is None else self.world.shutdowns.get(host)
        if host is None or told is None or (told[1].ack.actor, told[1].ack.index) != (envelope.dest, envelope.port):
            return
        sent = self.world.cause_of(record) or record
        deaths = {node: self.world.nodes[node].died_at for node in self.world.children(host)}
        left = [node for node, died_at in deaths.items() if died_at is None or died_at > sent.at]
        if left:
            names = ", ".join(self.world.directory.name_of_node(node) for node in left)
            message = f"{host} acknowledged its shutdown while processes of it were there: {names}"
            yield self.violation(host, message, at=record.at, records=(record.seq,))

    def finish(self, ended_ns: int) -> Iterable[Violation]:
        if not self._stopped:
            return
        on_proc: dict[ProcId, list[ActorId]] = {}
        for actor in self.world.actors:
            on_proc.setdefault(proc_of(actor), []).append(actor)
        bound = self.world.bounds.proc_exit_ns
        for proc, at, seq in self._stopped:
            for actor in on_proc.get(proc, ()):
                yield from self._still_there(actor, at, seq, bound, ended_ns)

    def _on_actors_stopped(self, mesh: MeshSpawned, by: ActorId, record: Record) -> Iterator[Violation]:
        told = () if mesh.controller is None else self._told.get((by, mesh.controller), ())
        for rank, member in enumerate(mesh.members):
            actor = ActorId(member)
            if actor not in self.world.actors or self.world.ended_at(actor) is not None:
                continue
            name, asker = self.world.name(actor), self.world.name(by)
            if rank < len(told) and told[rank].kind is StatusKind.TIMEOUT:
                message = f"{asker} took the silence of {name} for its end"
                yield self.violation(asker, message, at=record.at, records=(record.seq,))
            else:
                message = f"{name} was not stopped when the stop of its mesh ended well"
                yield self.violation(name, message, at=record.at, records=(record.seq,))

    def _still_there(self, actor: ActorId, at: int, seq: int, bound: int, ended_ns: int) -> Iterator[Violation]:
        host = self.world.directory.node_of_address(address_of(proc_of(actor)))
        deadline = self.world.extended(at + bound, at, [] if host is None else [host])
        ended_at = self.world.ended_at(actor)
        if deadline <= ended_ns and (ended_at is None or ended_at > deadline):
            name = self.world.name(actor)
            message = f"{name} was still there {format_duration(bound)} after the stop of its proc ended well"
            yield self.violation(name, message, at=deadline, records=(seq,), kind="liveness")


class _Asked(msgspec.Struct, frozen=True):
    """A request to stop something that has reached whoever must carry it out."""

    by: ActorId
    kind: Literal["actor", "proc", "procs", "mesh"]
    #: What must end: a root actor, a proc, all procs of a host, or the polling of a controller (itself).
    about: str
    at: int
    seq: int
    #: How long it may take; of a shutdown, what comes before its batches.
    bound: int
    #: What a host was told for its procs: grace, and how many at a time.
    grace_ns: int = 0
    in_flight: int = 1
    #: The process that it was in then: a host that was off may give another one its id.
    node: Node | None = None


class StopHappens(Invariant):
    """A stop that has reached who must carry it out leads to an end, in time.

    `Stop` of an actor at its agent: the actor ends within S, behind what the agent was told to stop before
    (`AgentLoad`). `StopAll` at an agent: its process, or each actor of a proc in a process of others, ends within
    the same time. `Stop` of a proc at its host's agent: within R for each proc that it is starting (`HostLoad`), then
    2 X. `ShutdownHost`: 2 T for each batch after that, with the T and the batch size that the host was told. `Stop` at
    a controller: it ends its polling, at once or behind the poll that runs.

    Nothing is due from an agent or controller that ended before, or hangs by a fault; nor of a proc whose start
    failed, nor of a message that may wait for an earlier one of its stream, which was lost. Time in which the process
    of the agent is stopped does not count; a proc that is stopped is no excuse, since SIGKILL ends it.

    Known holes: Q32 (an actor that outlives its time to stop runs on), Q39 (a child that was late is not stopped).

    Source: supervision.md 3.8, 5.8, 8.3, 8.4, 9.3.
    """

    id = "stop-happens"
    sentence = "What is told to stop ends in time."
    needs = "Deliveries of Stop, StopAll or ShutdownHost to agents, hosts and controllers."
    quirks = ("Q32", "Q39")
    sees = (MonitoringEnded, PollStarted, PollEnded, ProcStatusChanged, MeshSpawned, OrphanStopped)
    takes = (*AgentLoad.TYPES, *HostLoad.TYPES, ShutdownHost)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._asked: list[_Asked] = []
        self._unwatched_at: dict[ActorId, int] = {}
        #: Procs that were Ready once: whose start did not fail.
        self._ready: set[tuple[str, Name]] = set()
        self._load = AgentLoad(world.config)
        self._starts = HostLoad(world.config)
        #: Controllers in a poll.
        self._polling: set[ActorId] = set()
        #: Agents of hosts that were told to shut down.
        self._shut_down: set[ActorId] = set()

    def observe(self, record: Record) -> Iterable[Violation]:
        match record.what:
            case MonitoringEnded(controller=controller):
                self._unwatched_at.setdefault(controller, record.at)
            case PollStarted(controller=controller):
                self._polling.add(controller)
            case PollEnded(controller=controller):
                self._polling.discard(controller)
            case ProcStatusChanged():
                self._starts.status(record.node, record.what)
                if record.what.phase == "Ready":
                    self._ready.add((record.node, record.what.name))
            case MeshSpawned():
                self._starts.spawned(record.what)
            case OrphanStopped(actor=actor):
                self._load.orphan(record, actor)
            case _:
                pass
        return ()

    def deliver(self, record: Record, envelope: Envelope) -> Iterable[Violation]:
        by, message = envelope.dest, envelope.message
        name = actor_name_of(by)
        if self.world.may_wait_for_others(envelope) or not self.world.has_reached(record, by):
            return ()
        match message:
            case ShutdownHost(timeout_ns=grace_ns, max_in_flight=in_flight):
                behind = self._starts.bound_ns(record.node)
                asked = _Asked(by, "procs", record.node, record.at, record.seq, behind, grace_ns, in_flight)
                self._asked.append(asked)
                self._shut_down.add(by)
            case StopAll():
                self._ask_agent(record, envelope, "proc", proc_of(by))
            case StopActor():
                self._load.take(record, envelope)
            case Stop(name=stopped) if name in _AGENTS:
                self._ask_agent(record, envelope, "actor", actor_id(proc_of(by), stopped))
            case Stop(name=stopped) if name == HOST_AGENT:
                if (record.node, stopped) in self._ready and by not in self._shut_down:
                    proc = proc_id(address_of(proc_of(by)), stopped)
                    bound = self._starts.bound_ns(record.node) + self.world.bounds.proc_exit_ns
                    node = self.world.directory.node_of_proc(proc)
                    self._asked.append(_Asked(by, "proc", proc, record.at, record.seq, bound, node=node))
            case Stop() if by in self.world.watched_by:
                ranks = len(self.world.watched_by[by].mesh.members)
                bound = self.world.bounds.poll_ns(ranks) if by in self._polling else SLACK_NS
                self._asked.append(_Asked(by, "mesh", by, record.at, record.seq, bound))
            case CreateOrUpdate():
                self._starts.take(record.node, message)
        return ()

    def _ask_agent(self, record: Record, envelope: Envelope, kind: Literal["actor", "proc"], about: str) -> None:
        bound = self._load.take(record, envelope) - record.at + SLACK_NS
        node = Node(record.node)
        self._asked.append(_Asked(envelope.dest, kind, about, record.at, record.seq, bound, node=node))

    def finish(self, ended_ns: int) -> Iterable[Violation]:
        for asked in self._asked:
            bound = self._bound(asked)
            for name, places, end in self._ends(asked):
                deadline = self.world.extended(asked.at + bound, asked.at, places)
                if end is not None and end < asked.at:
                    continue
                if end is not None and end <= ended_ns:
                    took = end - asked.at - sum(self.world.stalled_between(node, asked.at, end) for node in places)
                    self.margin("stop", name, took_ns=max(took, 0), bound_ns=bound, record=asked.seq)
                late = deadline <= ended_ns and (end is None or end > deadline)
                if late and self._could(asked.by, deadline):
                    asker = self.world.name(asked.by)
                    message = f"{name} had to end within {format_duration(bound)} after {asker} was told to stop it"
                    yield self.violation(name, message, at=deadline, records=(asked.seq,), kind="liveness")

    def _bound(self, asked: _Asked) -> int:
        """How long it may take; never more than what a run lasts."""
        if asked.kind != "procs":
            return min(asked.bound, FOREVER_NS)
        children = max(len(self.world.children(Node(asked.about))), 1)
        batches = self.world.bounds.termination_ns(asked.grace_ns, children, asked.in_flight)
        return min(asked.bound + batches, FOREVER_NS)

    def _ends(self, asked: _Asked) -> Iterator[tuple[str, list[Node], int | None]]:
        """What must end: its name, the processes whose stalls excuse it, and when it ended."""
        world = self.world
        agent = world.directory.node_of_actor(asked.by)
        place = [] if agent is None else [agent]
        if asked.kind == "mesh":
            yield world.name(asked.by), place, self._unwatched_at.get(asked.by)
        elif asked.kind == "actor":
            actor = ActorId(asked.about)
            if actor in world.actors:
                facts = None if asked.node is None else world.nodes.get(asked.node)
                ends = (world.ended_at(actor), None if facts is None else facts.died_at)
                yield world.name(actor), place, min((end for end in ends if end is not None), default=None)
        elif asked.kind == "procs":
            for node in world.children(Node(asked.about)):
                if world.directory.kinds[node] == "proc":
                    yield world.directory.name_of_node(node), place, world.nodes[node].died_at
        else:
            yield from self._proc_ends(asked, place)

    def _proc_ends(self, asked: _Asked, place: list[Node]) -> Iterator[tuple[str, list[Node], int | None]]:
        """The process of a proc; or its actors but for the agent, when it has none of its own."""
        world, node = self.world, asked.node
        if node is not None and world.directory.kinds[node] in ("proc", "allocated"):
            yield world.directory.name_of_node(node), place, world.nodes[node].died_at
            return
        for actor in world.actors:
            if proc_of(actor) == asked.about and actor != asked.by and pid_of(actor) == 0:
                yield world.name(actor), place, world.ended_at(actor)

    def _could(self, by: ActorId, deadline: int) -> bool:
        ended_at = self.world.ended_at(by)
        return by not in self.world.hung and (ended_at is None or ended_at > deadline)
