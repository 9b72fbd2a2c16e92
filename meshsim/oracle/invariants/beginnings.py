"""Nobody acts before its time: what is not configured yet is not asked, not polled and not counted on."""

from __future__ import annotations

from collections.abc import Iterable

from meshsim.model.alloc.messages import Configure
from meshsim.model.ids import COMM, FORWARDER, MESH_AGENT, ActorId, Node, ProcId, actor_name_of, base_of, proc_of
from meshsim.model.messages import ActorEvent, CommMeshConfig, CommMode, Envelope, ProcReady, Undeliverable
from meshsim.model.notes import ActorStatusChanged, LocalDelivery, MeshSpawned, PollStarted, ProcStatusChanged
from meshsim.model.supervision import ActorPhase
from meshsim.oracle.invariants.base import Invariant, delivered
from meshsim.oracle.verdict import Violation
from meshsim.oracle.world import World
from meshsim.trace.records import Record
from meshsim.trace.wording import message_words


class ConfiguredFirst(Invariant):
    """Whoever acts exists, has initialised and was configured before, each in the way of its kind.

    An *actor* sends nothing before it is there, and answers no request before its init is over; what its init itself
    sends is its own business. A *comm actor* sends nothing before it was told its rank and its peers, but that it fails
    for want of them; and from a proc on the allocated path nothing leaves before its agent was configured
    (`HoldMessages`). What comes back undeliverable is a matter of the process, not of the actor it was for, and is not
    judged.

    A *host* calls a proc Ready only after the proc called back. A *controller* polls only after its mesh was spawned.
    A mesh counts as *spawned* only when each proc was Ready and each actor had got through its init: Q31 and Q48 make
    a spawn succeed before that.

    Source: supervision.md 3.7, 4.1, 5.2, 8.2, 9.3, 10.1, 10.3, 11.3.
    """

    id = "configured-first"
    sentence = "Nobody acts or counts before it is configured."
    needs = "Messages, statuses of actors and procs, spawns and polls."
    quirks = ("Q31", "Q48")
    sees = (Envelope, LocalDelivery, ActorStatusChanged, ProcStatusChanged, PollStarted, MeshSpawned)
    takes = (Configure, CommMeshConfig, CommMode, ProcReady)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._records = {
            Envelope: self._on_message,
            LocalDelivery: self._on_message,
            ActorStatusChanged: self._on_status,
            ProcStatusChanged: self._on_proc,
            PollStarted: self._on_poll,
            MeshSpawned: self._on_spawned,
        }
        #: Senders of whom nothing can be wrong any more: most of them, soon.
        self._clear: set[ActorId] = set()
        #: Actors whose init runs, and requests that they have taken meanwhile: numbers of records.
        self._initializing: dict[ActorId, set[int]] = {}
        self._initialized: set[ActorId] = set()
        self._unconfigured: set[ProcId] = set()
        self._unlinked: set[ActorId] = set()
        self._called_back: set[tuple[Node, str]] = set()
        self._ready: set[tuple[Node, str]] = set()
        #: Actors that were found too early once; what follows from it is not news.
        self._found: set[ActorId] = set()

    def observe(self, record: Record) -> Iterable[Violation]:
        return self._records[type(record.what)](record)

    def deliver(self, record: Record, envelope: Envelope) -> Iterable[Violation]:
        match envelope.message:
            case Configure():
                self._unconfigured.discard(proc_of(envelope.dest))
            case CommMeshConfig() | CommMode():
                self._unlinked.discard(envelope.dest)
            case ProcReady(name=name):
                self._called_back.add((Node(record.node), name))
        return ()

    # --- who acts ----------------------------------------------------------------------------------------

    def _on_message(self, record: Record) -> Iterable[Violation]:
        envelope = delivered(record)
        if self._initializing and envelope.port == 0 and envelope.dest in self._initializing:
            self._initializing[envelope.dest].add(record.seq)
        sender = envelope.sender
        if sender in self._clear or type(envelope.message) is Undeliverable:
            return ()
        why = self._too_early(record, sender)
        if why:
            return self._once(sender, f"sent {message_words(envelope.message)} {why}", record)
        if sender in self._initialized and sender not in self._unlinked and proc_of(sender) not in self._unconfigured:
            self._clear.add(sender)
        return ()

    def _too_early(self, record: Record, sender: ActorId) -> str:
        """What should have come first; empty when nothing is missing."""
        if sender not in self.world.actors:
            return "" if _is_no_actor(sender) else "before it was there"
        if record.cause in self._initializing.get(sender, ()):
            return "in answer to a request before its init was over"
        if sender in self._unlinked and type(delivered(record).message) is not ActorEvent:
            return "before it was told its rank"
        if type(record.what) is Envelope and proc_of(sender) in self._unconfigured:
            return "before its proc was configured"
        return ""

    def _on_status(self, record: Record) -> Iterable[Violation]:
        note = record.what
        assert isinstance(note, ActorStatusChanged)
        actor = note.actor
        if note.phase is ActorPhase.INITIALIZING:
            self._initializing[actor] = set()
            name = actor_name_of(actor)
            if name == MESH_AGENT:
                self._unconfigured.add(proc_of(actor))
            elif base_of(name) == COMM:
                self._unlinked.add(actor)
        else:
            self._initializing.pop(actor, None)
            if note.phase is ActorPhase.IDLE:
                self._initialized.add(actor)
        return ()

    # --- who counts --------------------------------------------------------------------------------------

    def _on_proc(self, record: Record) -> Iterable[Violation]:
        note = record.what
        assert isinstance(note, ProcStatusChanged)
        if note.phase != "Ready":
            return ()
        key = (Node(record.node), note.name)
        self._ready.add(key)
        if key in self._called_back:
            return ()
        name = self.world.name_of_proc(*key)
        message = f"{record.node} called {name} Ready before it had called back"
        return [self.violation(name, message, at=record.at, records=(record.seq,))]

    def _on_poll(self, record: Record) -> Iterable[Violation]:
        poll = record.what
        assert isinstance(poll, PollStarted)
        if poll.mesh in self.world.meshes:
            return ()
        return self._once(poll.controller, f"polled {poll.mesh} before it was spawned", record)

    def _on_spawned(self, record: Record) -> Iterable[Violation]:
        mesh = record.what
        assert isinstance(mesh, MeshSpawned)
        for rank, member in enumerate(mesh.members):
            missing = self._missing_proc(ProcId(member)) if mesh.kind == "procs" else self._missing_actor(member)
            if missing:
                subject = f"{mesh.label}[{rank}]"
                message = f"{mesh.label} counted as spawned before {subject} {missing}"
                yield self.violation(subject, message, at=record.at, records=(record.seq,))

    def _missing_actor(self, member: str) -> str:
        return "" if member in self._initialized else "had got through its init"

    def _missing_proc(self, proc: ProcId) -> str:
        """A proc that shares a process with others is ready as soon as it is there; nobody calls back."""
        if proc in self._unconfigured:
            return "was configured"
        directory = self.world.directory
        node = directory.node_of_proc(proc)
        host = None if node is None else directory.hosts.get(node)
        if node is None or host is None or (host, directory.proc_names[node]) in self._ready:
            return ""
        return "was Ready"

    def _once(self, actor: ActorId, what: str, record: Record) -> Iterable[Violation]:
        """One finding for each actor, however often it goes on."""
        if actor in self._found:
            return []
        self._found.add(actor)
        name = self.world.name(actor)
        message = f"{name} {self.world.directory.shortened(what)}"
        return [self.violation(name, message, at=record.at, records=(record.seq,))]


def _is_no_actor(sender: ActorId) -> bool:
    """The scenario, and what stands for the router of a process."""
    return "," not in sender or actor_name_of(sender) == FORWARDER
