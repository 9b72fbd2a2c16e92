"""What did not come about leaves nothing behind: of a mesh whose spawn failed nothing lives on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from meshsim.model.ids import ActorId, Node, ProcId, actor_id, address_of, base_of, proc_id, proc_of
from meshsim.model.messages import CreateOrUpdate, Envelope, ProcSpec, Stop
from meshsim.model.notes import MeshSpawned, OperationEnded, OperationStarted, OrphanStopped, ProcStatusChanged
from meshsim.oracle.bounds import SLACK_NS
from meshsim.oracle.invariants.base import Invariant
from meshsim.oracle.load import HostLoad
from meshsim.oracle.verdict import Violation
from meshsim.oracle.world import World
from meshsim.trace.records import Record
from meshsim.units import format_duration

#: Operations that are judged, and whether they make procs; the others make actors.
_SPAWNS = {"spawn_procs": True, "spawn_actors": False}


class _Creation(msgspec.Struct, frozen=True):
    """Somebody was told to create a proc or an actor."""

    record: Record
    envelope: Envelope
    message: CreateOrUpdate

    @property
    def is_proc(self) -> bool:
        return isinstance(self.message.spec, ProcSpec)

    @property
    def subject(self) -> ProcId | ActorId:
        """Who was to be created."""
        place = proc_of(self.envelope.dest)
        return proc_id(address_of(place), self.message.name) if self.is_proc else actor_id(place, self.message.name)


class _Failure(msgspec.Struct, frozen=True):
    """A spawn that ended with an error: the record of its end, when it began, and what its hosts are busy with."""

    record: Record
    ended: OperationEnded
    began_at: int
    #: How long each host may go on starting procs, by its node.
    starting_ns: dict[Node, int]


class _Due(msgspec.Struct, frozen=True):
    """Something that has to end."""

    name: str
    since: int
    ended_at: int | None
    bound_ns: int
    #: Processes whose stalls excuse it.
    places: list[Node]


class FailedSpawnLeavesNothing(Invariant):
    """What a spawn made that ended with an error ends, too: nobody has a reference to it, so nobody else can stop it.

    `spawn_procs`: each proc that a host was told to create for it ends within 2 X, behind the procs that the host is
    starting (`HostLoad`). `spawn_actors`: each actor that an agent was told to create for it ends within S,
    and S for each other actor that the agent stops, as it does that one by one. Both from the end of the operation, or
    from the creation if that comes later.
    What belongs to which operation is told by the causes of the messages.

    Nothing is due where nobody could do it: of what lives in a process or on a host whose agent has ended or hangs by
    a fault, on a host that was told to shut down, or of what was cut off from its creator since the operation
    began. Time in which the process or the host is stopped does not count. Actors of a service go by a name that
    others may use: they are left alone.

    Source: supervision.md 9.5, 10.7; that a failed spawn is undone is chosen here: its caller cannot.
    """

    id = "failed-spawn-leaves-nothing"
    sentence = "What a spawn made that failed ends."
    needs = "A spawn_procs or spawn_actors that ends with an error after something was created for it."
    quirks = ("Q43", "Q47", "Q39", "Q32")
    sees = (OperationStarted, OperationEnded, ProcStatusChanged, MeshSpawned, OrphanStopped)
    takes = (CreateOrUpdate, Stop)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        #: By the record whose handling began it: the operation, and when.
        self._began: dict[int, tuple[OperationStarted, int]] = {}
        self._failed: dict[tuple[ActorId, int], _Failure] = {}
        self._created: list[_Creation] = []
        #: By proc: the actors that its agent was told to stop, or stops as orphans.
        self._stops: dict[ProcId, set[ActorId]] = {}
        self._starts = HostLoad(world.config)

    def observe(self, record: Record) -> Iterable[Violation]:
        note = record.what
        match note:
            case OperationStarted(operation=operation) if operation in _SPAWNS:
                self._began[record.cause] = (note, record.at)
            case OperationEnded(operation=operation, error=str()) if operation in _SPAWNS:
                self._on_failed(record, note)
            case ProcStatusChanged():
                self._starts.status(record.node, note)
            case MeshSpawned():
                self._starts.spawned(note)
            case OrphanStopped(actor=actor):
                self._stops.setdefault(proc_of(actor), set()).add(actor)
            case _:
                pass
        return ()

    def deliver(self, record: Record, envelope: Envelope) -> Iterable[Violation]:
        message, place = envelope.message, proc_of(envelope.dest)
        if isinstance(message, CreateOrUpdate):
            self._starts.take(record.node, message)
            self._created.append(_Creation(record, envelope, message))
        elif isinstance(message, Stop):
            self._stops.setdefault(place, set()).add(actor_id(place, message.name))
        return ()

    def _on_failed(self, record: Record, ended: OperationEnded) -> None:
        key = ended.by, ended.index
        began = next((at for note, at in self._began.values() if (note.by, note.index) == key), None)
        if began is not None:
            hosts = [node for node, facts in self.world.nodes.items() if facts.started.kind == "host"]
            starting_ns = {host: self._starts.bound_ns(host) for host in hosts}
            self._failed[key] = _Failure(record, ended, began, starting_ns)

    # --- at the end -----------------------------------------------------------------------------------------

    def finish(self, ended_ns: int) -> Iterable[Violation]:
        if not self._failed:
            return
        judged: set[str] = set()
        for creation in self._created:
            failure = self._failure_of(creation)
            if failure is None or creation.subject in judged:
                continue
            judged.add(creation.subject)
            due = self._due_proc(creation, failure) if creation.is_proc else self._due_actor(creation, failure)
            if due is not None:
                yield from self._judged(due, creation, failure, ended_ns)

    def _failure_of(self, creation: _Creation) -> _Failure | None:
        """The spawn that failed and that a creation belongs to: the operation that its causes go back to."""
        seq = creation.record.cause
        while seq >= 0:
            if seq in self._began:
                note, _ = self._began[seq]
                is_its = _SPAWNS[note.operation] is creation.is_proc
                return self._failed.get((note.by, note.index)) if is_its else None
            seq = self.world.records[seq].cause
        return None

    def _due_proc(self, creation: _Creation, failure: _Failure) -> _Due | None:
        world, host, proc = self.world, Node(creation.record.node), ProcId(creation.subject)
        if host in world.shutdowns:
            return None
        bound_ns = failure.starting_ns.get(host, 0) + world.bounds.proc_exit_ns
        node = world.directory.node_of_proc(proc)
        if node is not None and world.directory.kinds[node] == "proc":
            facts = world.nodes[node]
            since = max(failure.record.at, facts.at)
            return _Due(world.directory.name_of_node(node), since, facts.died_at, bound_ns, [host])
        ends = [world.ended_at(actor) for actor in world.actors if proc_of(actor) == proc]
        if not ends:
            return None  # It was never there.
        ended_at = max(end for end in ends if end is not None) if None not in ends else None
        since = max(failure.record.at, creation.record.at)
        return _Due(world.directory.name_of_proc(proc), since, ended_at, bound_ns, [host])

    def _due_actor(self, creation: _Creation, failure: _Failure) -> _Due | None:
        world, actor = self.world, ActorId(creation.subject)
        is_service = base_of(creation.message.name) == creation.message.name
        if actor not in world.actors or is_service:
            return None
        others = self._stops.get(proc_of(actor), set()) - {actor}
        bound_ns = (1 + len(others)) * world.config.stop_actor_timeout + SLACK_NS
        since = max(failure.record.at, creation.record.at)
        return _Due(world.name(actor), since, world.ended_at(actor), bound_ns, world.place_of(actor))

    def _judged(self, due: _Due, creation: _Creation, failure: _Failure, ended_ns: int) -> Iterator[Violation]:
        if due.ended_at is not None and due.ended_at < due.since:
            return
        world, record = self.world, failure.record
        deadline = world.extended(due.since + due.bound_ns, due.since, due.places)
        if due.ended_at is not None:
            took_ns = max(0, world.took_ns(due.since, due.ended_at, due.places))
            self.margin("stop", due.name, took_ns=took_ns, bound_ns=due.bound_ns, record=record.seq)
        is_late = deadline <= ended_ns and (due.ended_at is None or due.ended_at > deadline)
        if is_late and not self._out_of_reach(creation, failure, deadline):
            if due.ended_at is None:
                self.overdue("stop", due.name, bound_ns=due.bound_ns, record=record.seq)
            operation = f"the {failure.ended.operation} of {failure.ended.label}"
            message = f"{due.name} was still there {format_duration(due.bound_ns)} after {operation} had failed"
            yield self.violation(due.name, message, at=deadline, records=(record.seq,), kind="liveness")

    def _out_of_reach(self, creation: _Creation, failure: _Failure, deadline: int) -> bool:
        """Whether the agent that made it could not be told by then, or could not do anything any more."""
        world, agent, place = self.world, creation.envelope.dest, Node(creation.record.node)
        ends = [world.ended_at(agent), world.nodes[place].died_at]
        if agent in world.hung or any(end is not None and end <= deadline for end in ends):
            return True
        asker, host = world.directory.node_of_actor(failure.ended.by), world.directory.hosts.get(place)
        if asker is None:
            return True
        # A message of a stream may wait for any that was lost before it.
        since = failure.began_at if creation.envelope.seq is None else 0
        ways = [(asker, place)] if host is None else [(asker, place), (asker, host), (host, place)]
        return any(world.lost_between(a, b, since) for a, b in ways)
