"""Who watches which mesh, what went wrong with it, and who had to hear of that: what completeness is judged by."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from operator import itemgetter

import msgspec

from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import ActorId, Node
from meshsim.model.notes import (
    ActorStatusChanged,
    Heard,
    MeshSpawned,
    MonitoringEnded,
    OperationEnded,
    OperationStarted,
    PollEnded,
    PollStarted,
    ReferenceMade,
    SubscriberRemoved,
)
from meshsim.model.supervision import ActorPhase
from meshsim.oracle.world import Spawned, World
from meshsim.trace.records import ProcessDied, ProcessReaped, Record

#: Who listens through which reference to a mesh: a slice has some of its ranks, and health of its own.
Ear = tuple[ActorId, str]


class Failure(msgspec.Struct, frozen=True):
    """The first thing that went wrong with a rank, or with a controller (rank None), and who had to hear of it."""

    rank: int | None
    what: str
    at: int
    seq: int
    subscribers: tuple[Ear, ...]


class Watched(msgspec.Struct):
    """An actor mesh that a controller polls."""

    spawned: Spawned
    controller: ActorId
    subscribers: dict[Ear, None] = {}
    failures: dict[int | None, Failure] = {}
    #: Start, end and last record of the polls that are over; start of the one that runs.
    polls: list[tuple[int, int, int]] = []
    poll_started_at: int | None = None
    #: When monitoring ended; record in which somebody asked for it (`stop`, `cleanup`).
    unwatched_at: int | None = None
    stopped: Record | None = None
    #: When any process of the mesh was stopped; complete when the run is over.
    stalls: list[tuple[int, int]] = []

    def first_poll_after(self, at: int) -> tuple[int, int, int] | None:
        """The first poll that began after an instant, and is over."""
        index = bisect_right(self.polls, at, key=itemgetter(0))
        return self.polls[index] if index < len(self.polls) else None

    def polling_ns(self, at: int) -> int:
        """How much longer the poll took that ran at an instant."""
        index = bisect_right(self.polls, at, key=itemgetter(0))
        return max(self.polls[index - 1][1] - at, 0) if index else 0

    def is_stalled_in(self, start: int, end: int) -> bool:
        return any(begin < end and until > start for begin, until in self.stalls)


class Watching:
    """The part of a run that is about watching, updated record by record."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.watched: dict[str, Watched] = {}
        #: When and by which record a listener was told of a rank (None: the controller), by listener and reference.
        self.told: dict[Ear, dict[int | None, list[tuple[int, int]]]] = {}
        #: When a subscriber gave its reference up, each time that it did.
        self.left: dict[Ear, list[int]] = {}
        self._controllers: dict[ActorId, str] = {}
        self._subscriptions: dict[str, dict[Ear, None]] = {}
        #: References with names of their own, by name.
        self._references: dict[str, ReferenceMade] = {}

    def take(self, record: Record) -> None:
        match record.what:
            case ActorStatusChanged(actor=actor, phase=ActorPhase.FAILED, text=text):
                self._on_actor_failed(actor, text, record)
            case ProcessReaped(status=status):
                self._on_process_ended(Node(record.node), status, record)
            case ProcessDied():
                self._on_process_died(Node(record.node), record)
            case Heard():
                self._on_heard(record.what, record)
            case PollStarted(controller=controller):
                if controller in self._controllers:
                    self.watched[self._controllers[controller]].poll_started_at = record.at
            case PollEnded(controller=controller):
                self._on_poll_ended(controller, record)
            case MonitoringEnded():
                self._on_monitoring_ended(record.what, record)
            case MeshSpawned():
                self._on_spawned(record.what, record)
            case OperationStarted() | OperationEnded():
                self._on_operation(record.what, record)
            case SubscriberRemoved(controller=controller, subscriber=subscriber):
                self._forget(self._controllers.get(controller, ""), subscriber)
            case ReferenceMade(label=label):
                self._references[label] = record.what
            case _:
                pass

    # --- what happened -----------------------------------------------------------------------------------

    def _on_spawned(self, mesh: MeshSpawned, record: Record) -> None:
        if mesh.kind != "actors" or mesh.controller is None or not self.world.config.revision.monitors:
            return
        subscribers = self._subscriptions.setdefault(mesh.label, {})
        watched = Watched(Spawned(mesh, record.at, record.seq), mesh.controller, subscribers)
        self.watched[mesh.label] = watched
        self._controllers[mesh.controller] = mesh.label
        for rank, member in enumerate(mesh.members):
            self._take_stock(watched, rank, ActorId(member), record)

    def _take_stock(self, watched: Watched, rank: int, actor: ActorId, record: Record) -> None:
        """What had happened to a rank before its spawn was over."""
        own, node = self.world.actors.get(actor), self.world.directory.node_of_actor(actor)
        facts = None if node is None else self.world.nodes.get(node)
        if own is not None and own.phase is ActorPhase.FAILED:
            self._fail(watched, rank, f"became {own.text!r}", record)
        elif facts is not None and facts.reaped is not None and _is_abnormal(facts.reaped):
            self._fail(watched, rank, f"lost its process, which {_ended(facts.reaped)}", record)

    def _on_actor_failed(self, actor: ActorId, text: str, record: Record) -> None:
        if actor in self._controllers:
            watched = self.watched[self._controllers[actor]]
            self._fail(watched, None, f"became {text!r}", record)
        elif actor in self.world.ranks:
            label, rank = self.world.ranks[actor]
            if label in self.watched:
                self._fail(self.watched[label], rank, f"became {text!r}", record)

    def _on_process_ended(self, node: Node, status: ExitStatus, record: Record) -> None:
        facts = self.world.nodes.get(node)
        if not _is_abnormal(status) or facts is None or facts.stop_asked_at is not None:
            return
        for label, rank in self.world.ranks_in.get(node, ()):
            if label in self.watched:
                self._fail(self.watched[label], rank, f"lost its process, which {_ended(status)}", record)

    def _on_process_died(self, node: Node, record: Record) -> None:
        for controller, label in self._controllers.items():
            if self.world.directory.node_of_actor(controller) == node:
                self._fail(self.watched[label], None, "lost its process", record)

    def _fail(self, watched: Watched, rank: int | None, what: str, record: Record) -> None:
        over = watched.unwatched_at is not None if rank is not None else watched.stopped is not None
        if not over and watched.spawned.mesh.label not in self.world.stop_asked:
            ears = tuple(ear for ear in watched.subscribers if self._concerns(ear[1], watched, rank))
            failure = Failure(rank, what, record.at, record.seq, ears)
            watched.failures.setdefault(rank, failure)

    def _on_heard(self, heard: Heard, record: Record) -> None:
        mesh, rank = heard.mesh, heard.rank
        if heard.role == "parent":
            mesh = self._controllers.get(heard.actor, "")
        elif heard.role == "watchdog":
            rank = None
            self._unsubscribe(heard.ref or mesh, heard.listener)
        elif rank is None:
            return
        told = self.told.setdefault((heard.listener, heard.ref or mesh), {})
        told.setdefault(rank, []).append((record.at, record.seq))

    def _on_poll_ended(self, controller: ActorId, record: Record) -> None:
        watched = self.watched.get(self._controllers.get(controller, ""))
        if watched is not None and watched.poll_started_at is not None:
            watched.polls.append((watched.poll_started_at, record.at, record.seq))
            watched.poll_started_at = None

    def _on_monitoring_ended(self, note: MonitoringEnded, record: Record) -> None:
        watched = self.watched.get(self._controllers.get(note.controller, ""))
        if watched is not None:
            if watched.unwatched_at is None:
                watched.unwatched_at = record.at
            if note.why != "all_terminal" and watched.stopped is None:
                watched.stopped = record

    def _on_operation(self, note: OperationStarted | OperationEnded, record: Record) -> None:
        if note.operation == "subscribe_to" and isinstance(note, OperationEnded) and note.error is None:
            self._subscriptions.setdefault(self._mesh_of(note.label), {})[note.by, note.label] = None
        elif note.operation in ("drop_ref", "unsubscribe"):
            self._unsubscribe(note.label, note.by)
            self.left.setdefault((note.by, note.label), []).append(record.at)
        elif note.operation == "stop_actors" and note.label in self.watched:
            watched = self.watched[note.label]
            if watched.stopped is None:
                watched.stopped = record

    def _unsubscribe(self, label: str, listener: ActorId) -> None:
        self._subscriptions.get(self._mesh_of(label), {}).pop((listener, label), None)

    def _forget(self, mesh: str, listener: ActorId) -> None:
        """The controller dropped a subscriber; through which reference it does not say."""
        subscriptions = self._subscriptions.get(mesh, {})
        for ear in [ear for ear in subscriptions if ear[0] == listener]:
            del subscriptions[ear]

    def stalls_of(self, watched: Watched) -> Iterator[tuple[int, int]]:
        """When any process of a mesh was stopped."""
        for member in watched.spawned.mesh.members:
            for node in self.world.place_of(ActorId(member)):
                if node in self.world.nodes:
                    yield from self.world.nodes[node].stalls

    def _mesh_of(self, label: str) -> str:
        """The mesh that a reference is to; itself if it has no other name."""
        made = self._references.get(label)
        return label if made is None else made.mesh

    def _concerns(self, label: str, watched: Watched, rank: int | None) -> bool:
        """Whether a rank is one of a reference; a controller concerns all."""
        made = self._references.get(label)
        return made is None or rank is None or watched.spawned.mesh.procs[rank] in made.procs


def _is_abnormal(status: ExitStatus) -> bool:
    return status.signal is not None or status.code != 0


def _ended(status: ExitStatus) -> str:
    return f"was {status}" if status.signal is not None else str(status)
