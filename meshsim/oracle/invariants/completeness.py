"""Every failure of a watched rank reaches those who watch it, and so does the end of the watching."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import Literal

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
from meshsim.oracle.bounds import SLACK_NS
from meshsim.oracle.invariants.base import Invariant
from meshsim.oracle.verdict import Violation
from meshsim.oracle.world import Spawned, World
from meshsim.trace.records import ProcessDied, ProcessReaped, Record

#: Who listens through which reference to a mesh: a slice has some of its ranks, and health of its own.
_Ear = tuple[ActorId, str]


class _Failure(msgspec.Struct, frozen=True):
    """The first thing that went wrong with a rank, or with a controller (rank None), and who had to hear of it."""

    rank: int | None
    what: str
    at: int
    seq: int
    subscribers: tuple[_Ear, ...]


class _Watched(msgspec.Struct):
    """An actor mesh that a controller polls."""

    spawned: Spawned
    controller: ActorId
    subscribers: dict[_Ear, None] = {}
    failures: dict[int | None, _Failure] = {}
    #: Start, end and last record of the polls that are over; start of the one that runs.
    polls: list[tuple[int, int, int]] = []
    poll_started_at: int | None = None
    #: Whether monitoring has ended; record in which somebody asked for it (`stop`, `cleanup`), and when.
    is_unwatched: bool = False
    stopped: Record | None = None
    #: When any process of the mesh was stopped; complete when the run is over.
    stalls: list[tuple[int, int]] = []


class Completeness(Invariant):
    """Every failure of a rank of a monitored mesh reaches its owner and its subscribers in time.

    A failure of a rank is the first of: its actor fails; its process ends with a non-zero code or by a signal, unasked
    for. An exit with code 0 is none (Q58 makes that a rule). Ranks that failed before their mesh was spawned count
    from the spawn.

    It has reached a listener that was told anything of this rank, before or after. Due is the end of the first poll
    that began after the failure; while a process of the mesh is stopped, or no such poll ends, it is P + 2 (H + A)
    after the failure (`Bounds.detection_ns`). A streaming controller owes it at once when the stream told it so; what
    the stream did not bring is due as from any other. Time in which the controller's, the listener's or the rank's
    processes are stopped does not count. Nothing is due to a listener that has ended by then, nor when the mesh was
    asked to stop, or its controller ended, before such a poll was over. A controller that ends after it has had its
    chance, and its child failure heard by the owner, excuse nothing: they do not name the rank.

    The end of a controller (it fails, or its process dies) is a failure that each subscriber hears as its watchdog,
    within W, unless the mesh was stopped before.

    In a revision whose controllers do not monitor nothing is due to anybody.

    Known holes: Q10 (event under a child's id), Q18 and Q19 (only the lowest dead proc is reported, and nothing else
    is looked at), Q28 (a crashed host looks like a clean stop), Q49 (a slow waiter misses what is overwritten), Q17 (a
    mesh on a slice of procs).

    Who subscribes through a slice or a copy has to hear of the ranks of that reference, through it.
    """

    id = "completeness"
    quirks = ("Q28", "Q19", "Q18", "Q10", "Q17")
    sentence = "Every failure reaches owner and subscribers in time."
    needs = "A monitored mesh with an owner or subscribers, and a rank or a controller of it that fails."
    sees = (
        ActorStatusChanged,
        ProcessDied,
        ProcessReaped,
        MeshSpawned,
        Heard,
        PollStarted,
        PollEnded,
        MonitoringEnded,
        OperationStarted,
        OperationEnded,
        SubscriberRemoved,
        ReferenceMade,
    )

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._watched: dict[str, _Watched] = {}
        self._controllers: dict[ActorId, str] = {}
        #: Ranks (None: the controller) of which a listener was told, by listener and reference.
        self._told: dict[_Ear, set[int | None]] = {}
        self._subscriptions: dict[str, dict[_Ear, None]] = {}
        #: References with names of their own, by name.
        self._references: dict[str, ReferenceMade] = {}

    def observe(self, record: Record) -> Iterable[Violation]:
        match record.what:
            case ActorStatusChanged(actor=actor, phase=ActorPhase.FAILED, text=text):
                self._on_actor_failed(actor, text, record)
            case ProcessReaped(status=status):
                self._on_process_ended(Node(record.node), status, record)
            case ProcessDied():
                self._on_process_died(Node(record.node), record)
            case Heard():
                self._on_heard(record.what)
            case PollStarted(controller=controller):
                if controller in self._controllers:
                    self._watched[self._controllers[controller]].poll_started_at = record.at
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
        return ()

    def finish(self, ended_ns: int) -> Iterable[Violation]:
        for label, watched in self._watched.items():
            watched.stalls = list(self._stalls(watched))
            for failure in watched.failures.values():
                listeners: list[tuple[_Ear, Literal["owner", "subscriber"]]] = []
                if failure.rank is not None:
                    listeners.append(((watched.spawned.mesh.by, label), "owner"))
                listeners += [(subscriber, "subscriber") for subscriber in failure.subscribers]
                for ear, role in listeners:
                    listener, told = ear[0], self._told.get(ear, set())
                    if failure.rank in told or (None in told and role == "subscriber"):
                        continue
                    deadline = self._deadline(watched, failure, listener)
                    if deadline is not None and deadline <= ended_ns:
                        yield self._unheard(label, failure, listener, role, deadline)

    # --- what happened -----------------------------------------------------------------------------------

    def _on_spawned(self, mesh: MeshSpawned, record: Record) -> None:
        if mesh.kind != "actors" or mesh.controller is None or not self.world.config.revision.monitors:
            return
        subscribers = self._subscriptions.setdefault(mesh.label, {})
        watched = _Watched(Spawned(mesh, record.at, record.seq), mesh.controller, subscribers)
        self._watched[mesh.label] = watched
        self._controllers[mesh.controller] = mesh.label
        for rank, member in enumerate(mesh.members):
            self._take_stock(watched, rank, ActorId(member), record)

    def _take_stock(self, watched: _Watched, rank: int, actor: ActorId, record: Record) -> None:
        """What had happened to a rank before its spawn was over."""
        own, node = self.world.actors.get(actor), self.world.directory.node_of_actor(actor)
        facts = None if node is None else self.world.nodes.get(node)
        if own is not None and own.phase is ActorPhase.FAILED:
            self._fail(watched, rank, f"became {own.text!r}", record)
        elif facts is not None and facts.reaped is not None and _is_abnormal(facts.reaped):
            self._fail(watched, rank, f"lost its process, which {_ended(facts.reaped)}", record)

    def _on_actor_failed(self, actor: ActorId, text: str, record: Record) -> None:
        if actor in self._controllers:
            watched = self._watched[self._controllers[actor]]
            self._fail(watched, None, f"became {text!r}", record)
        elif actor in self.world.ranks:
            label, rank = self.world.ranks[actor]
            if label in self._watched:
                self._fail(self._watched[label], rank, f"became {text!r}", record)

    def _on_process_ended(self, node: Node, status: ExitStatus, record: Record) -> None:
        facts = self.world.nodes.get(node)
        if not _is_abnormal(status) or facts is None or facts.stop_asked_at is not None:
            return
        for label, rank in self.world.ranks_in.get(node, ()):
            if label in self._watched:
                self._fail(self._watched[label], rank, f"lost its process, which {_ended(status)}", record)

    def _on_process_died(self, node: Node, record: Record) -> None:
        for controller, label in self._controllers.items():
            if self.world.directory.node_of_actor(controller) == node:
                self._fail(self._watched[label], None, "lost its process", record)

    def _fail(self, watched: _Watched, rank: int | None, what: str, record: Record) -> None:
        over = watched.is_unwatched if rank is not None else watched.stopped is not None
        if not over and watched.spawned.mesh.label not in self.world.stop_asked:
            ears = tuple(ear for ear in watched.subscribers if self._concerns(ear[1], watched, rank))
            failure = _Failure(rank, what, record.at, record.seq, ears)
            watched.failures.setdefault(rank, failure)

    def _on_heard(self, heard: Heard) -> None:
        mesh, rank = heard.mesh, heard.rank
        if heard.role == "parent":
            mesh = self._controllers.get(heard.actor, "")
        elif heard.role == "watchdog":
            rank = None
            self._unsubscribe(heard.ref or mesh, heard.listener)
        elif rank is None:
            return
        self._told.setdefault((heard.listener, heard.ref or mesh), set()).add(rank)

    def _on_poll_ended(self, controller: ActorId, record: Record) -> None:
        watched = self._watched.get(self._controllers.get(controller, ""))
        if watched is not None and watched.poll_started_at is not None:
            watched.polls.append((watched.poll_started_at, record.at, record.seq))
            watched.poll_started_at = None

    def _on_monitoring_ended(self, note: MonitoringEnded, record: Record) -> None:
        watched = self._watched.get(self._controllers.get(note.controller, ""))
        if watched is not None:
            watched.is_unwatched = True
            if note.why != "all_terminal" and watched.stopped is None:
                watched.stopped = record

    def _on_operation(self, note: OperationStarted | OperationEnded, record: Record) -> None:
        if note.operation == "subscribe_to" and isinstance(note, OperationEnded) and note.error is None:
            self._subscriptions.setdefault(self._mesh_of(note.label), {})[note.by, note.label] = None
        elif note.operation in ("drop_ref", "unsubscribe"):
            self._unsubscribe(note.label, note.by)
        elif note.operation == "stop_actors" and note.label in self._watched:
            watched = self._watched[note.label]
            if watched.stopped is None:
                watched.stopped = record

    def _unsubscribe(self, label: str, listener: ActorId) -> None:
        self._subscriptions.get(self._mesh_of(label), {}).pop((listener, label), None)

    def _forget(self, mesh: str, listener: ActorId) -> None:
        """The controller dropped a subscriber; through which reference it does not say."""
        subscriptions = self._subscriptions.get(mesh, {})
        for ear in [ear for ear in subscriptions if ear[0] == listener]:
            del subscriptions[ear]

    def _mesh_of(self, label: str) -> str:
        """The mesh that a reference is to; itself if it has no other name."""
        made = self._references.get(label)
        return label if made is None else made.mesh

    def _concerns(self, label: str, watched: _Watched, rank: int | None) -> bool:
        """Whether a rank is one of a reference; a controller concerns all."""
        made = self._references.get(label)
        return made is None or rank is None or watched.spawned.mesh.procs[rank] in made.procs

    # --- what had to follow ------------------------------------------------------------------------------

    def _deadline(self, watched: _Watched, failure: _Failure, listener: ActorId) -> int | None:
        """When this listener had to know; None when nothing was due to it."""
        world = self.world
        node = world.directory.node_of_actor(listener)
        own = [] if node is None else [node]
        if failure.rank is None:
            due = world.extended(failure.at + world.bounds.watchdog_ns, failure.at, own)
            return due if self._is_due(listener, due) else None
        places = [*own, *world.place_of(watched.controller)]
        pushed_at, pushed_in = world.pushed.get((watched.controller, failure.rank), (-1, -1))
        if pushed_at >= failure.at:
            due = world.extended(pushed_at + SLACK_NS, failure.at, places)
            stopped_before = watched.stopped is not None and watched.stopped.seq < pushed_in
            return due if not stopped_before and self._is_due(listener, due) else None
        poll = self._first_poll_after(watched, failure.at)
        if poll is not None and not any(begin < poll[1] and end > failure.at for begin, end in watched.stalls):
            due = world.extended(poll[1] + SLACK_NS, failure.at, places)
            stopped_before = watched.stopped is not None and watched.stopped.seq < poll[2]
            return due if not stopped_before and self._is_due(listener, due) else None
        rank_places = world.place_of(ActorId(watched.spawned.mesh.members[failure.rank]))
        due = world.extended(failure.at + world.bounds.detection_ns, failure.at, [*places, *rank_places])
        if watched.stopped is not None and watched.stopped.at <= due:
            return None
        return due if self._is_due(listener, due) and self._is_due(watched.controller, due) else None

    @staticmethod
    def _first_poll_after(watched: _Watched, at: int) -> tuple[int, int, int] | None:
        index = bisect_right(watched.polls, at, key=itemgetter(0))
        return watched.polls[index] if index < len(watched.polls) else None

    def _is_due(self, actor: ActorId, deadline: int) -> bool:
        """Whether an actor still lived at the deadline, and could do its part."""
        ended_at = self.world.ended_at(actor)
        return actor not in self.world.hung and (ended_at is None or ended_at > deadline)

    def _stalls(self, watched: _Watched) -> Iterator[tuple[int, int]]:
        for member in watched.spawned.mesh.members:
            for node in self.world.place_of(ActorId(member)):
                if node in self.world.nodes:
                    yield from self.world.nodes[node].stalls

    def _unheard(self, label: str, failure: _Failure, listener: ActorId, role: str, deadline: int) -> Violation:
        name = self.world.name(listener)
        subject = f"{label}.controller" if failure.rank is None else f"{label}[{failure.rank}]"
        what = self.world.directory.shortened(failure.what)
        message = f"{subject} {what}, and {name} ({role}) never heard of it"
        return self.violation(subject, message, at=deadline, records=(failure.seq,), kind="liveness")


def _is_abnormal(status: ExitStatus) -> bool:
    return status.signal is not None or status.code != 0


def _ended(status: ExitStatus) -> str:
    return f"was {status}" if status.signal is not None else str(status)
