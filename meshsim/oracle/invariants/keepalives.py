"""Who is kept alive lives: agents reap orphans, and nobody else."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from meshsim.model.events import ClockSet
from meshsim.model.ids import ActorId, Node, actor_id, proc_agent_id, proc_of
from meshsim.model.messages import Envelope, KeepAlive, KeepaliveGetState
from meshsim.model.notes import MonitoringEnded, OrphanStopped
from meshsim.oracle.invariants.base import Invariant
from meshsim.oracle.verdict import Violation
from meshsim.oracle.world import World
from meshsim.trace.records import MessageLost, MessageReturned, Record
from meshsim.units import format_duration


class KeepaliveSoundness(Invariant):
    """An actor that its agent stops as an orphan has no controller that could have kept it alive.

    Judged for each actor of a mesh with a controller at the moment it is called an orphan. That is right when the
    controller or the owner has ended, is ending or hangs, or somebody asked for the stop of the mesh; and when the
    actor was not healthy: it failed or hangs.

    It is excused when the controller could not: since the last keepalive that the agent took (since the spawn, if it
    took none), the process or the host of the controller or of the actor was stopped (what goes to a proc passes its
    host), the host of the actor died and left it behind, a fault struck the network between them, its agent hung or was
    made to answer wrongly, or a message between the controller and the procs of the mesh was lost or came back although
    the receiver's process lived. What is lost because another process is gone excuses nothing: the others are well. Nor
    is a controller judged whose polls a fault makes late.

    Known holes: a dead proc ends the keepalives of all (Q19), as does a silent host for as long as it is waited for
    (Q56) and rank 0, through whose proc casts go (Q45); and expiries are times of another clock (Q37). An orphan
    timeout that is shorter than a poll period reaps whatever the controller does: that is a matter of the
    configuration, and not judged.

    Source: supervision.md 5.12, 8.8, 14.3.
    """

    id = "keepalive-soundness"
    sentence = "No healthy actor is reaped while its controller lives."
    needs = "Orphans, keepalives, and a revision that has both."
    quirks = ("Q19", "Q56", "Q45", "Q37", "Q54")
    sees = (MessageLost, MessageReturned, MonitoringEnded, OrphanStopped, ClockSet)
    takes = (KeepaliveGetState, KeepAlive)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._records: dict[type, Callable[[Record], Iterable[Violation]]] = {
            MessageLost: self._on_missed,
            MessageReturned: self._on_missed,
            MonitoringEnded: self._on_monitoring_ended,
            OrphanStopped: self._on_orphan,
            ClockSet: self._on_clock_set,
        }
        #: When an agent last took a keepalive for an actor, and by which record.
        self._kept_at: dict[ActorId, tuple[int, int]] = {}
        #: Messages that did not arrive though their receiver lived: when, and between whom.
        self._missed: list[tuple[int, Node, Node]] = []
        #: By which records the wall clock of a node was set.
        self._clocks: dict[Node, list[int]] = {}
        #: Controllers that were asked to stop their mesh.
        self._stopping: set[ActorId] = set()
        config = world.config
        self._is_judged = config.mesh_orphan_timeout > config.supervision_poll_frequency

    def observe(self, record: Record) -> Iterable[Violation]:
        return self._records[type(record.what)](record)

    def deliver(self, record: Record, envelope: Envelope) -> Iterable[Violation]:
        message = envelope.message
        assert isinstance(message, KeepaliveGetState | KeepAlive)
        self._kept_at[actor_id(proc_of(envelope.dest), message.name)] = (record.at, record.seq)
        return ()

    def _on_monitoring_ended(self, record: Record) -> Iterable[Violation]:
        assert isinstance(record.what, MonitoringEnded)
        if record.what.why == "stop":
            self._stopping.add(record.what.controller)
        return ()

    def _on_clock_set(self, record: Record) -> Iterable[Violation]:
        self._clocks.setdefault(Node(record.node), []).append(record.seq)
        return ()

    def _on_missed(self, record: Record) -> Iterable[Violation]:
        assert isinstance(record.what, MessageLost | MessageReturned)
        envelope, world = record.what.envelope, self.world
        sender, dest = (world.directory.node_of_actor(actor) for actor in (envelope.sender, envelope.dest))
        if sender is not None and dest is not None and dest in world.nodes and world.nodes[dest].is_alive:
            self._missed.append((record.at, sender, dest))
        return ()

    def _on_orphan(self, record: Record) -> Iterable[Violation]:
        assert isinstance(record.what, OrphanStopped)
        actor, world = record.what.actor, self.world
        if actor not in world.ranks or not self._is_judged:
            return []
        spawned = world.meshes[world.ranks[actor][0]]
        controller = spawned.mesh.controller
        if controller is None or self._is_gone(controller) or self._is_gone(spawned.mesh.by):
            return []
        if controller in self._stopping or actor in world.hung or world.is_ending(actor):
            return []
        if controller in world.late:
            return []
        since, seq = self._kept_at.get(actor, (spawned.at, spawned.seq))
        if self._disturbed(actor, controller, since):
            return []
        # A keepalive that was still good by the time that passed: whose clocks differ is part of the finding.
        clocks = self._clocks_of(actor, controller) if record.at - since < world.config.mesh_orphan_timeout else ()
        name = world.name(actor)
        ago = format_duration(record.at - since)
        message = (
            f"{name} was stopped as an orphan {ago} after its last keepalive, "
            f"but {world.name(controller)} was alive and could reach it"
        )
        return [self.violation(name, message, at=record.at, records=(seq, *clocks, record.seq))]

    def _clocks_of(self, actor: ActorId, controller: ActorId) -> tuple[int, ...]:
        """The records that set the clock of an actor's process, or of its controller's."""
        nodes = (self.world.directory.node_of_actor(each) for each in (actor, controller))
        return tuple(sorted(seq for node in nodes if node is not None for seq in self._clocks.get(node, ())))

    def _is_gone(self, actor: ActorId) -> bool:
        world = self.world
        return actor in world.hung or world.is_ending(actor) or world.ended_at(actor) is not None

    def _disturbed(self, actor: ActorId, controller: ActorId, since: int) -> bool:
        """Whether something kept the controller from being heard by this actor's agent."""
        world, directory = self.world, self.world.directory
        own, watcher = directory.node_of_actor(actor), directory.node_of_actor(controller)
        agent = proc_agent_id(proc_of(actor))
        if own is None or watcher is None or agent in world.hung or agent in world.misreporting:
            return True
        if world.kept_apart(watcher, actor, since):
            return True
        if any(place in world.nodes and not world.nodes[place].is_alive for place in world.place_of(actor)):
            return True
        if any(world.stalled_ns(place, since) > 0 for place in (*world.place_of(actor), *world.place_of(controller))):
            return True
        mesh = world.meshes[world.ranks[actor][0]].mesh
        nodes = {watcher, *(directory.node_of_actor(ActorId(member)) for member in mesh.members)}
        return any(at >= since and a in nodes and b in nodes for at, a, b in self._missed)
