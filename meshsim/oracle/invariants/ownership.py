"""Hosts are there for somebody: when he has ended they are shut down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshsim.model.ids import ActorId, Node
from meshsim.model.messages import Ack, Envelope, SetClientConfig
from meshsim.model.notes import ActorStatusChanged, HostsAllocated, OperationEnded, OperationStarted
from meshsim.model.supervision import ActorPhase
from meshsim.oracle.bounds import SLACK_NS
from meshsim.oracle.invariants.base import Invariant
from meshsim.oracle.verdict import Violation
from meshsim.oracle.world import World
from meshsim.trace.records import ProcessStarted, Record
from meshsim.units import format_duration

#: Operations that make somebody the owner of hosts, beside those that allocate them, which say so themselves.
_OWNING = ("attach_hosts", "spawn_hosts")


class HostsEndWithTheirOwner(Invariant):
    """The hosts of a host mesh are shut down when the actor that made the mesh has ended.

    An owner allocates, starts or attaches hosts, by an operation that ends well. When it has stopped or failed, which
    includes that its children have cleaned up, each of these hosts has been told to shut down, by whomever, within d.
    That it then ends its procs is `stop-happens`'s. An owner whose process dies has nobody to clean up.

    One host is shut down after the other, and a cleanup is cut when its time is over: nothing is due of hosts that are
    not told yet while one that was told has not acknowledged, nor when a message between the owner and one of his
    hosts was lost or struck by a fault. Nor is it of a host whose process or agent has ended, or hangs by a fault.

    Known holes: Q29 (hosts that are attached or started have nobody who shuts them down).

    Source: supervision.md 7, 9.4.
    """

    id = "hosts-end-with-their-owner"
    sentence = "Hosts are shut down when their owner has ended."
    needs = "An actor that allocates, starts or attaches hosts, and its end."
    quirks = ("Q29",)
    sees = (OperationStarted, OperationEnded, ProcessStarted, HostsAllocated, ActorStatusChanged)
    takes = (SetClientConfig, Ack)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        #: By the step in which it began: who owns what an operation starts.
        self._by_step: dict[int, tuple[ActorId, int]] = {}
        #: Hosts that operations have started or attached, by owner and number of the operation.
        self._asked: dict[tuple[ActorId, int], list[Node]] = {}
        self._owned: dict[ActorId, dict[Node, None]] = {}
        #: Owners that ended by themselves.
        self._ended: dict[ActorId, Record] = {}
        #: Hosts that have acknowledged something since they were told to shut down.
        self._acknowledged: set[Node] = set()

    def observe(self, record: Record) -> Iterable[Violation]:
        match record.what:
            case OperationStarted(index=index, by=by, operation=operation) if operation in _OWNING:
                self._by_step[record.cause] = (by, index)
            case OperationEnded(index=index, by=by, operation=operation, error=None) if operation in _OWNING:
                self._owned.setdefault(by, {}).update(dict.fromkeys(self._asked.get((by, index), ())))
            case ProcessStarted(kind="host") if record.cause in self._by_step:
                self._asked.setdefault(self._by_step[record.cause], []).append(Node(record.node))
            case HostsAllocated(by=by, hosts=hosts):
                self._owned.setdefault(by, {}).update(dict.fromkeys(map(Node, hosts)))
            case ActorStatusChanged(actor=actor, phase=ActorPhase.STOPPED | ActorPhase.FAILED):
                if actor in self._owned and self.world.ended_at(actor) == record.at:
                    self._ended.setdefault(actor, record)
            case _:
                pass
        return ()

    def deliver(self, record: Record, envelope: Envelope) -> Iterable[Violation]:
        if isinstance(envelope.message, SetClientConfig):
            if record.cause in self._by_step:
                self._asked.setdefault(self._by_step[record.cause], []).append(Node(record.node))
            return ()
        host = self.world.directory.node_of_actor(envelope.sender)
        if host is not None and host in self.world.shutdowns:
            self._acknowledged.add(host)
        return ()

    def finish(self, ended_ns: int) -> Iterable[Violation]:
        for owner, record in self._ended.items():
            hosts = list(self._owned[owner])
            if not self._is_held_up(owner, hosts):
                for host in hosts:
                    yield from self._judged(owner, host, record, ended_ns)

    def _is_held_up(self, owner: ActorId, hosts: list[Node]) -> bool:
        """Whether one host may be what the others wait for."""
        world, near = self.world, self.world.directory.node_of_actor(owner)
        if near is None:
            return True
        waits = any(host in world.shutdowns and host not in self._acknowledged for host in hosts)
        return waits or any(world.lost_between(near, host, 0) for host in hosts)

    def _judged(self, owner: ActorId, host: Node, record: Record, ended_ns: int) -> Iterator[Violation]:
        world = self.world
        agent = world.directory.actor(host)
        facts = world.nodes.get(host)
        deadline = world.extended(record.at + SLACK_NS, record.at, [host])
        if agent is None or facts is None or host in world.shutdowns or deadline > ended_ns or agent in world.hung:
            return
        if any(end is not None and end <= deadline for end in (facts.died_at, world.ended_at(agent))):
            return
        name = world.directory.name_of_node(host)
        message = (
            f"{name} was not told to shut down within {format_duration(SLACK_NS)} of the end of {world.name(owner)}"
        )
        yield self.violation(name, message, at=deadline, records=(record.seq,), kind="liveness")
