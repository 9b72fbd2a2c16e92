"""Who stops one thing stops nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from meshsim.model.alloc.messages import ChaosMonkey, StopActor, StopAlloc, StopAndExit
from meshsim.model.ids import ActorId, Name, Node, ProcId, address_of_node, name_of_host, proc_id, proc_of
from meshsim.model.messages import CauseFault, Drill, Envelope, ShutdownHost, StopAll
from meshsim.model.notes import (
    ActorStatusChanged,
    HostsAllocated,
    MeshSpawned,
    OperationStarted,
    OrphanStopped,
    ProcStatusChanged,
    ReferenceMade,
)
from meshsim.model.supervision import ActorPhase
from meshsim.oracle.invariants.base import Invariant
from meshsim.oracle.verdict import Violation
from meshsim.oracle.world import World
from meshsim.trace.records import FaultStruck, ProcessDied, ProcessStarted, Record


class StopsStayInScope(Invariant):
    """What is stopped was meant: somebody asked for it, for what it lives in, or for what owns it.

    Judged is who is touched, not what was sent: an actor of a mesh that becomes `stopped`, a proc of a mesh that its
    host marks Stopping, a host that is told to shut down, and an actor that is lost because its process exits after a
    StopAll to another proc in it (Q33).

    An *actor* may be stopped when somebody asked to stop its mesh, its proc (`stop_procs`, `stop_all`, a StopAll or
    StopAndExit from whoever may send one) or its host; when owner or controller of its mesh ended or is ending; when
    it was found an orphan (whether that is right is `keepalive-soundness`); or when it was told itself, by an operation
    or a fault, and may have stopped of its own accord. A *proc* may be, when somebody asked to stop its mesh or its
    host, or the owner of its mesh ended or is ending. A *host* may be, when an operation names it, or when a controller
    of hosts whose owner is ending tells it; hosts that the owner has by attaching or allocating are known, and it may
    be no other.

    What belongs to no mesh (yet) is nobody's scope: spawns that failed clean up after themselves.

    Source: supervision.md 5.8, 5.9, 7, 8.3, 8.4, 9.3, 9.4, 9.6, 12.5.
    """

    id = "stops-stay-in-scope"
    sentence = "Stopping one mesh, proc or host touches no other."
    needs = "Stops of actors, procs and hosts, and the operations that ask for them."
    quirks = ("Q33",)
    sees = (
        ActorStatusChanged,
        ProcStatusChanged,
        ProcessDied,
        OperationStarted,
        OrphanStopped,
        FaultStruck,
        ReferenceMade,
        MeshSpawned,
        HostsAllocated,
        ProcessStarted,
    )
    takes = (ShutdownHost, StopAll, StopAndExit, StopAlloc, ChaosMonkey, CauseFault, Drill, StopActor)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._records: dict[type, Callable[[Record], Iterable[Violation]]] = {
            ActorStatusChanged: self._on_actor,
            ProcStatusChanged: self._on_proc,
            ProcessDied: self._on_process_died,
            OperationStarted: self._on_operation,
            OrphanStopped: self._on_told,
            FaultStruck: self._on_told,
            ReferenceMade: self._on_reference,
            MeshSpawned: self._on_spawned,
            HostsAllocated: self._on_hosts_allocated,
            ProcessStarted: self._on_process_started,
        }
        self._messages: dict[type, Callable[[Record, Envelope], None]] = {
            StopAll: self._on_stop_all,
            StopAndExit: self._on_stop_and_exit,
            StopAlloc: self._on_stop_alloc,
            ChaosMonkey: self._on_chaos,
            CauseFault: self._on_order,
            Drill: self._on_order,
            StopActor: self._on_stop_actor,
        }
        #: Meshes of actors and of procs that somebody asked to stop, by label.
        self._asked: set[str] = set()
        #: Hosts that operations are to shut down.
        self._named: set[Node] = set()
        #: Hosts that were told, and by a process: those that it has, where the trace says which.
        self._shut_down: set[Node] = set()
        self._hosts_of: dict[Node, set[Node]] = {}
        #: Procs that were told to end, and processes.
        self._ending: set[ProcId] = set()
        self._exiting: set[Node] = set()
        #: Actors that were told something after which they may stop by themselves.
        self._told: set[ActorId] = set()
        #: The mesh of each proc, by label.
        self._mesh_of: dict[ProcId, str] = {}
        self._references: dict[str, str] = {}

    def observe(self, record: Record) -> Iterable[Violation]:
        return self._records[type(record.what)](record)

    # --- who asks ----------------------------------------------------------------------------------------

    def _on_operation(self, record: Record) -> Iterable[Violation]:
        note, directory = record.what, self.world.directory
        assert isinstance(note, OperationStarted)
        if note.operation in ("stop_actors", "stop_procs"):
            self._asked.add(self._references.get(note.label, note.label))
        elif note.operation in ("shutdown_hosts", "drop_hosts"):
            self._named.update(self._nodes(note.label))
        elif note.operation == "attach_hosts":
            self._hosts_of.setdefault(Node(record.node), set()).update(self._nodes(note.label))
        elif note.operation == "end_self":
            self._told.add(note.by)
        elif note.operation in ("stop_all", "stop_actor"):
            proc = directory.proc(note.label)
            if proc is not None:
                self._ending.add(proc)
        return ()

    def _nodes(self, label: str) -> Iterable[Node]:
        """`host0,host1`, or the name of hosts that somebody made."""
        for name in label.split(","):
            node = self.world.directory.node(name)
            yield Node(name) if node is None else node

    def _on_reference(self, record: Record) -> Iterable[Violation]:
        assert isinstance(record.what, ReferenceMade)
        self._references[record.what.label] = record.what.mesh
        return ()

    def _on_spawned(self, record: Record) -> Iterable[Violation]:
        mesh = record.what
        assert isinstance(mesh, MeshSpawned)
        if mesh.kind == "procs":
            self._mesh_of.update((proc, mesh.label) for proc in map(ProcId, mesh.members))
        return ()

    def _on_hosts_allocated(self, record: Record) -> Iterable[Violation]:
        note = record.what
        assert isinstance(note, HostsAllocated)
        self._hosts_of.setdefault(Node(record.node), set()).update(map(Node, note.hosts))
        return ()

    def _on_process_started(self, record: Record) -> Iterable[Violation]:
        started = record.what
        assert isinstance(started, ProcessStarted)
        if started.kind == "host" and started.parent:
            self._hosts_of.setdefault(Node(started.parent), set()).add(Node(record.node))
        return ()

    def _on_told(self, record: Record) -> Iterable[Violation]:
        match record.what:
            case OrphanStopped(actor=actor):
                self._told.add(actor)
            case FaultStruck(target=target):
                known = self.world.directory.actor(target)
                self._told.add(ActorId(target) if known is None else known)
        return ()

    # --- who is touched ----------------------------------------------------------------------------------

    def deliver(self, record: Record, envelope: Envelope) -> Iterable[Violation]:
        if type(envelope.message) is ShutdownHost:
            return self._on_shutdown(record, envelope)
        self._messages[type(envelope.message)](record, envelope)
        return ()

    def _on_stop_all(self, record: Record, envelope: Envelope) -> None:
        self._ending.add(proc_of(envelope.dest))

    def _on_stop_and_exit(self, record: Record, envelope: Envelope) -> None:
        self._exiting.add(Node(record.node))

    def _on_stop_alloc(self, record: Record, envelope: Envelope) -> None:
        self._ending.update(self._procs_of(envelope.dest))

    def _on_chaos(self, record: Record, envelope: Envelope) -> None:
        assert isinstance(envelope.message, ChaosMonkey)
        rank = envelope.message.rank
        self._ending.update(self._procs_of(envelope.dest)[rank : rank + 1])

    def _on_order(self, record: Record, envelope: Envelope) -> None:
        """To an actor itself, after which it may stop."""
        self._told.add(envelope.dest)

    def _on_stop_actor(self, record: Record, envelope: Envelope) -> None:
        assert isinstance(envelope.message, StopActor)
        self._told.add(envelope.message.actor_id)

    def _on_shutdown(self, record: Record, envelope: Envelope) -> Iterable[Violation]:
        host, sender = Node(record.node), envelope.sender
        self._shut_down.add(host)
        named = name_of_host(host) in map(name_of_host, self._named)  # In whatever life it is.
        if named or self._may_shut_down(host, sender):
            return ()
        message = f"{self.world.name(sender)} told {host} to shut down, and nobody had asked for that"
        return [self.violation(host, message, at=record.at, records=(record.seq,))]

    def _may_shut_down(self, host: Node, controller: ActorId) -> bool:
        """Whether a controller of hosts cleans up after its owner, and the owner had this one."""
        if not self.world.is_ending(controller):
            return False
        owner = self.world.directory.node_of_actor(controller)
        hosts = None if owner is None else self._hosts_of.get(owner)
        return hosts is None or host in hosts

    def _on_proc(self, record: Record) -> Iterable[Violation]:
        note, host = record.what, Node(record.node)
        assert isinstance(note, ProcStatusChanged)
        if note.phase != "Stopping":
            return ()
        proc = proc_id(address_of_node(host), note.name)
        self._ending.add(proc)
        if self._proc_meant(proc, host):
            return ()
        name = self.world.name_of_proc(host, Name(note.name))
        message = f"{name} was stopped, and nobody had stopped {self._mesh_of[proc]}, its host or its owner"
        return [self.violation(name, message, at=record.at, records=(record.seq,))]

    def _on_actor(self, record: Record) -> Iterable[Violation]:
        note = record.what
        assert isinstance(note, ActorStatusChanged)
        if note.phase is not ActorPhase.STOPPED or note.actor not in self.world.ranks:
            return ()
        if self._actor_meant(note.actor):
            return ()
        name, label = self.world.name(note.actor), self.world.ranks[note.actor][0]
        message = f"{name} became {note.text!r}, and nobody had stopped {label}, its proc, its host or its owner"
        return [self.violation(name, message, at=record.at, records=(record.seq,))]

    def _on_process_died(self, record: Record) -> Iterable[Violation]:
        """What shares a process with a proc that was told to end ends with it; only that is judged here."""
        node, died = Node(record.node), record.what
        assert isinstance(died, ProcessDied)
        told = [proc for proc in sorted(self._ending) if self.world.directory.node_of_proc(proc) == node]
        if died.why != "exit" or not told or node in self._exiting or node in self._shut_down:
            return
        for label, rank in self.world.ranks_in.get(node, ()):
            actor = ActorId(self.world.meshes[label].mesh.members[rank])
            own = self.world.actors.get(actor)
            lives = own is None or own.ended_at is None
            if lives and proc_of(actor) not in self._ending and not self._actor_meant(actor):
                name, stopped = self.world.name(actor), self.world.directory.name_of_proc(told[0])
                message = f"{name} was lost with its process, in which {stopped} was stopped"
                yield self.violation(name, message, at=record.at, records=(record.seq,))

    # --- who was meant -----------------------------------------------------------------------------------

    def _proc_meant(self, proc: ProcId, host: Node) -> bool:
        label = self._mesh_of.get(proc)
        if label is None or label in self._asked or host in self._shut_down:
            return True
        return self._over(self.world.meshes[label].mesh.by)

    def _actor_meant(self, actor: ActorId) -> bool:
        world = self.world
        mesh = world.meshes[world.ranks[actor][0]].mesh
        if mesh.label in self._asked or actor in self._told or proc_of(actor) in self._ending:
            return True
        if self._over(mesh.by) or (mesh.controller is not None and self._over(mesh.controller)):
            return True
        places = world.place_of(actor)
        return any(place in self._exiting or place in self._shut_down for place in places)

    def _procs_of(self, keeper: ActorId) -> tuple[ProcId, ...]:
        """The procs of an alloc, if they have become a mesh."""
        meshes = (spawned.mesh for spawned in self.world.meshes.values())
        return tuple(ProcId(proc) for mesh in meshes if mesh.alloc == keeper for proc in mesh.members)

    def _over(self, actor: ActorId) -> bool:
        return self.world.is_ending(actor) or self.world.ended_at(actor) is not None
