"""Nothing lives longer than it should: actors without owner, procs without host, processes after a stop."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from meshsim.model.ids import ActorId, Node
from meshsim.model.notes import ActorStatusChanged, OperationEnded
from meshsim.model.supervision import ActorPhase
from meshsim.oracle.derivation import Bound
from meshsim.oracle.invariants.base import Invariant
from meshsim.oracle.verdict import Violation
from meshsim.oracle.world import Spawned, World
from meshsim.trace.records import ProcessDied, Record
from meshsim.units import format_duration


class NothingOutlivesItsOwner(Invariant):
    """Actors end when the owner of their mesh has ended; procs end when their host has.

    An owner ends when it stops, fails, or its process dies. The actors of its meshes are then stopped by the
    controller's cleanup or, at the latest, as orphans: `Bounds.reap`, or `Bounds.reap_after_stop` when the process of
    the owner lives on. With O = 0 nothing is due.
    System meshes have no controller and no orphans. Time in which a rank's process is stopped does not count.

    A host's death takes the procs that asked for the parent-death signal with it, at once.

    Known holes: Q32 (a stuck actor is called stopped and runs on), Q36 (no keepalive yet, no expiry), Q37 (clocks of
    different hosts are compared).
    """

    id = "nothing-outlives-its-owner"
    quirks = ("Q36", "Q37", "Q9")
    sentence = "Actors end after their owner, procs with their host."
    needs = "An owner or a host that ends, and enough time after that."
    sees = (ActorStatusChanged, ProcessDied)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        #: Owners that ended: when and in which record.
        self._ended: dict[ActorId, tuple[int, int]] = {}
        self._dead_nodes: dict[Node, Record] = {}

    def observe(self, record: Record) -> Iterable[Violation]:
        note = record.what
        if isinstance(note, ProcessDied):
            self._dead_nodes.setdefault(Node(record.node), record)
        elif isinstance(note, ActorStatusChanged) and note.phase in (ActorPhase.STOPPED, ActorPhase.FAILED):
            self._ended.setdefault(note.actor, (record.at, record.seq))
        return ()

    def finish(self, ended_ns: int) -> Iterable[Violation]:
        yield from self._procs_without_host(ended_ns)
        for spawned in self.world.meshes.values():
            mesh = spawned.mesh
            end = self._end_of(mesh.by)
            if mesh.kind == "actors" and mesh.controller is not None and end is not None:
                for member in mesh.members:
                    yield from self._orphan(ActorId(member), spawned, (max(end[0], spawned.at), end[1]), ended_ns)

    def _end_of(self, owner: ActorId) -> tuple[int, int] | None:
        death = self._death_of(owner)
        ends = [self._ended.get(owner), None if death is None else (death.at, death.seq)]
        return min((end for end in ends if end is not None), default=None)

    def _death_of(self, owner: ActorId) -> Record | None:
        """The record with which an actor's process died."""
        node = self.world.directory.node_of_actor(owner)
        return None if node is None else self._dead_nodes.get(node)

    def _orphan(self, actor: ActorId, spawned: Spawned, end: tuple[int, int], ended_ns: int) -> Iterable[Violation]:
        at, seq = end
        bound = self._bound(actor, spawned, end)
        if bound is None:
            return
        name, places = self.world.name(actor), self.world.place_of(actor)[:1]
        died_at = self.world.ended_at(actor)
        if died_at is not None and died_at >= at:
            took_ns = self.world.took_ns(at, died_at, places)
            self.margin("reap", name, took_ns=took_ns, bound_ns=bound.total_ns, record=seq)
            deadline, is_late = died_at, took_ns > bound.total_ns
        else:
            deadline = self.world.extended(at + bound.total_ns, at, places)
            is_late = died_at is None and deadline <= ended_ns
            if is_late:
                self.overdue("reap", name, bound_ns=bound.total_ns, record=seq)
        if is_late:
            after = format_duration(bound.total_ns)
            message = f"{name} was still there {after} after its owner {self.world.name(spawned.mesh.by)} had ended"
            yield self.violation(name, message, at=deadline, records=(seq,), kind="liveness")

    def _bound(self, actor: ActorId, spawned: Spawned, end: tuple[int, int]) -> Bound | None:
        """A controller whose process lives on may be in a poll, which keeps the actors alive once more."""
        node = self.world.directory.node_of_actor(actor)
        actors = 1 if node is None else len(self.world.ranks_in.get(node, ()))
        death = self._death_of(spawned.mesh.by)
        if death is not None and death.seq == end[1]:
            return self.world.bounds.reap(actors)
        return self.world.bounds.reap_after_stop(actors, len(spawned.mesh.members))

    def _procs_without_host(self, ended_ns: int) -> Iterable[Violation]:
        bound_ns = self.world.bounds.parent_death().total_ns
        for host, death in self._dead_nodes.items():
            for node in self.world.children(host):
                facts, name = self.world.nodes[node], self.world.directory.name_of_node(node)
                if not facts.started.pdeathsig or (facts.died_at is not None and facts.died_at < death.at):
                    continue
                if facts.died_at is not None:
                    took_ns = facts.died_at - death.at
                    self.margin("reap", name, took_ns=took_ns, bound_ns=bound_ns, record=facts.died_seq)
                    if took_ns <= bound_ns:
                        continue
                elif death.at + bound_ns > ended_ns:
                    continue
                else:
                    self.overdue("reap", name, bound_ns=bound_ns, record=death.seq)
                message = f"the process of {name} outlived its host {host}"
                yield self.violation(name, message, at=death.at + bound_ns, records=(death.seq,), kind="liveness")


class _Due(msgspec.Struct, frozen=True):
    """A process that has to end."""

    node: Node
    at: int
    bound_ns: int
    seq: int
    why: str


class NoProcessLeft(Invariant):
    """After a stop that succeeded the processes end, by the grace periods of its ladder.

    `stop_procs` that ends without error: each proc of the mesh within 2 X. `shutdown_hosts` that ends without error:
    each proc of a host that was told, within 2 T for each batch, with the T and the batch size that the host was
    told. Time in which the host's process is stopped does not count; a stopped proc is no excuse, since SIGKILL
    ends it. The host's own process may stay (supervision.md 9.3 step 5).
    """

    id = "no-process-left"
    quirks = ("Q39",)
    sentence = "Procs that were stopped successfully end."
    needs = "A stop of procs or a shutdown of hosts that ends well, and enough time after that."
    sees = (OperationEnded,)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._due: list[_Due] = []

    def observe(self, record: Record) -> Iterable[Violation]:
        note = record.what
        assert isinstance(note, OperationEnded)
        if note.error is None and note.operation == "stop_procs" and note.label in self.world.meshes:
            self._on_procs_stopped(note.label, record)
        elif note.error is None and note.operation == "shutdown_hosts":
            self._on_hosts_shut_down(note.by, record)
        return ()

    def _on_procs_stopped(self, label: str, record: Record) -> None:
        mesh = self.world.meshes[label].mesh
        bound_ns = self.world.bounds.stop().total_ns
        for rank in range(len(mesh.procs)):
            node = self.world.directory.node(f"{label}[{rank}]")
            if node is not None and node in self.world.directory.hosts:  # A process of its own.
                self._due.append(_Due(node, record.at, bound_ns, record.seq, f"{label} was stopped"))

    def _on_hosts_shut_down(self, by: ActorId, record: Record) -> None:
        for host, (told_at, message, sender) in self.world.shutdowns.items():
            if sender != by:
                continue
            children = self.world.children(host)
            bound = self.world.bounds.terminate(len(children), message.timeout_ns, message.max_in_flight)
            why = f"{host} was shut down"
            self._due += [_Due(node, told_at, bound.total_ns, record.seq, why) for node in children]

    def finish(self, ended_ns: int) -> Iterable[Violation]:
        for due in self._due:
            host, facts = self.world.directory.hosts.get(due.node), self.world.nodes[due.node]
            hosts, name = [] if host is None else [host], self.world.directory.name_of_node(due.node)
            if facts.died_at is not None and facts.died_at < due.at:
                continue
            if facts.died_at is not None:
                took_ns = self.world.took_ns(due.at, facts.died_at, hosts)
                self.margin("stop", name, took_ns=took_ns, bound_ns=due.bound_ns, record=facts.died_seq)
                deadline, is_late = facts.died_at, took_ns > due.bound_ns
            else:
                deadline = self.world.extended(due.at + due.bound_ns, due.at, hosts)
                is_late = deadline <= ended_ns
                if is_late:
                    self.overdue("stop", name, bound_ns=due.bound_ns, record=due.seq)
            if is_late:
                message = f"the process of {name} was still there {format_duration(due.bound_ns)} after {due.why}"
                yield self.violation(name, message, at=deadline, records=(due.seq,), kind="liveness")
