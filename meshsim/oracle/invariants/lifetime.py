"""Nothing lives longer than it should: actors without owner, procs without host, processes after a stop."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from meshsim.model.ids import ActorId, Node
from meshsim.model.notes import ActorStatusChanged, OperationEnded
from meshsim.model.supervision import ActorPhase
from meshsim.oracle.bounds import SLACK_NS
from meshsim.oracle.invariants.base import Invariant
from meshsim.oracle.verdict import Violation
from meshsim.oracle.world import World
from meshsim.trace.records import ProcessDied, Record
from meshsim.units import format_duration


class NothingOutlivesItsOwner(Invariant):
    """Actors end when the owner of their mesh has ended; procs end when their host has.

    An owner ends when it stops, fails, or its process dies. The actors of its meshes are then stopped by the
    controller's cleanup or, at the latest, as orphans: 2 O + S for each actor of the proc. With O = 0 nothing is due.
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
                    yield from self._orphan(ActorId(member), mesh.by, max(end[0], spawned.at), end[1], ended_ns)

    def _end_of(self, owner: ActorId) -> tuple[int, int] | None:
        node = self.world.directory.node_of_actor(owner)
        death = None if node is None else self._dead_nodes.get(node)
        ends = [self._ended.get(owner), None if death is None else (death.at, death.seq)]
        return min((end for end in ends if end is not None), default=None)

    def _orphan(self, actor: ActorId, owner: ActorId, at: int, seq: int, ended_ns: int) -> Iterable[Violation]:
        node = self.world.directory.node_of_actor(actor)
        bound = self.world.bounds.orphan_stop_ns(1 if node is None else len(self.world.ranks_in.get(node, ())))
        if bound is None:
            return
        deadline = self.world.extended(at + bound, at, self.world.place_of(actor)[:1])
        died_at = self.world.ended_at(actor)
        if deadline <= ended_ns and (died_at is None or died_at > deadline):
            name = self.world.name(actor)
            after = format_duration(bound)
            message = f"{name} was still there {after} after its owner {self.world.name(owner)} had ended"
            yield self.violation(name, message, at=deadline, records=(seq,), kind="liveness")

    def _procs_without_host(self, ended_ns: int) -> Iterable[Violation]:
        for host, death in self._dead_nodes.items():
            for node in self.world.children(host):
                facts = self.world.nodes[node]
                gone = facts.died_at is not None and facts.died_at <= death.at + SLACK_NS
                if facts.started.pdeathsig and not gone and death.at + SLACK_NS <= ended_ns:
                    name = self.world.directory.name_of_node(node)
                    message = f"the process of {name} outlived its host {host}"
                    yield self.violation(name, message, at=death.at + SLACK_NS, records=(death.seq,), kind="liveness")


class _Due(msgspec.Struct, frozen=True):
    """A process that has to end."""

    node: Node
    at: int
    bound: int
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
        bound = self.world.bounds.proc_exit_ns
        for rank in range(len(mesh.procs)):
            node = self.world.directory.node(f"{label}[{rank}]")
            if node is not None and node in self.world.directory.hosts:  # A process of its own.
                self._due.append(_Due(node, record.at, bound, record.seq, f"{label} was stopped"))

    def _on_hosts_shut_down(self, by: ActorId, record: Record) -> None:
        for host, (told_at, message, sender) in self.world.shutdowns.items():
            if sender != by:
                continue
            children = self.world.children(host)
            bound = self.world.bounds.termination_ns(message.timeout_ns, len(children), message.max_in_flight)
            self._due += [_Due(node, told_at, bound, record.seq, f"{host} was shut down") for node in children]

    def finish(self, ended_ns: int) -> Iterable[Violation]:
        for due in self._due:
            host = self.world.directory.hosts.get(due.node)
            deadline = self.world.extended(due.at + due.bound, due.at, [] if host is None else [host])
            died_at = self.world.nodes[due.node].died_at
            if deadline <= ended_ns and (died_at is None or died_at > deadline):
                name = self.world.directory.name_of_node(due.node)
                message = f"the process of {name} was still there {format_duration(due.bound)} after {due.why}"
                yield self.violation(name, message, at=deadline, records=(due.seq,), kind="liveness")
