"""Whoever watches a mesh is told when it is stopped as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from meshsim.model.ids import ActorId
from meshsim.model.messages import Envelope, MeshFailed, Stop, Subscribe, Unsubscribe
from meshsim.model.notes import Bounced, MonitoringEnded, PollEnded, PollStarted, SubscriberRemoved
from meshsim.model.supervision import ActorPhase
from meshsim.oracle.bounds import SLACK_NS
from meshsim.oracle.invariants.base import Invariant
from meshsim.oracle.verdict import Violation
from meshsim.oracle.world import World
from meshsim.trace.records import MessageLost, MessageReturned, Record
from meshsim.units import format_duration

#: A subscription, as its controller knows it: who keeps it, the listener and his port.
_Key = tuple[ActorId, ActorId, int]


class _Due(msgspec.Struct, frozen=True):
    """A listener has to be told that his mesh is stopped."""

    at: int
    seq: int
    bound_ns: int
    #: That the controller cleans up says its own record, and what it sends goes out with it.
    is_cleanup: bool


class StoppedMeshIsTold(Invariant):
    """Who subscribes to a mesh hears that it was stopped, whatever had become of its ranks before.

    When a `Stop` reaches a controller for the first time, and when a controller stops its mesh in its cleanup, each of
    its subscribers is told within d that the mesh is stopped: a notice of no rank, with the status Stopped. A stop
    that comes while a poll runs may wait for its end. Who is not told takes the silence that follows for the death of
    the controller.

    It counts as told when the message reaches the process of the listener. Nothing is due to who has ended by then,
    has unsubscribed or was forgotten, whom something that the controller sent him did not reach, or whom a fault of the
    network kept from it; nor of a controller that hangs by a fault, or that has ended before it could (its process,
    when it cleans up). Time in which either process is stopped does not count. In a revision whose controllers do not
    monitor nobody subscribes.

    Known holes: Q13 (a stop of a mesh whose ranks are all terminal does nothing), Q14 (a controller that cleans up
    tells nobody).

    Source: supervision.md 5.8, 5.9, 12.3; that a cleanup is announced as a stop is chosen here.
    """

    id = "stopped-mesh-is-told"
    sentence = "Who subscribes to a mesh hears that it was stopped."
    needs = "A subscriber, and a Stop of its mesh or the end of its controller."
    quirks = ("Q14", "Q13")
    sees = (MonitoringEnded, PollStarted, PollEnded, SubscriberRemoved, MessageLost, MessageReturned, Bounced)
    takes = (Subscribe, Unsubscribe, Stop, MeshFailed)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._subscribed: dict[_Key, None] = {}
        self._due: dict[_Key, _Due] = {}
        #: When each subscriber was told of the stop.
        self._told: dict[_Key, int] = {}
        self._polling: set[ActorId] = set()
        self._stopped: set[ActorId] = set()
        #: Subscribers that something sent to them did not reach: their controllers, and they.
        self._missed: set[tuple[ActorId, ActorId]] = set()

    def observe(self, record: Record) -> Iterable[Violation]:
        match record.what:
            case PollStarted(controller=controller):
                self._polling.add(controller)
            case PollEnded(controller=controller):
                self._polling.discard(controller)
            case MonitoringEnded(controller=controller, why="cleanup"):
                self._owe(controller, _Due(record.at, record.seq, SLACK_NS, is_cleanup=True))
            case SubscriberRemoved(controller=controller, subscriber=subscriber):
                for key in [key for key in self._subscribed if key[:2] == (controller, subscriber)]:
                    self._forget(key, record.at)
            case MessageLost(envelope=envelope) | MessageReturned(envelope=envelope) | Bounced(envelope=envelope):
                if envelope.subscriber:
                    self._missed.add((envelope.sender, envelope.dest))
            case _:
                pass
        return ()

    def deliver(self, record: Record, envelope: Envelope) -> Iterable[Violation]:
        match envelope.message:
            case Subscribe(port=port):
                self._subscribed[envelope.dest, port.actor, port.index] = None
            case Unsubscribe(port=port):
                self._forget((envelope.dest, port.actor, port.index), record.at)
            case Stop() if envelope.dest in self.world.watched_by and not self.world.may_wait_for_others(envelope):
                self._on_stop(envelope.dest, record)
            case MeshFailed(failure=failure) if envelope.subscriber and failure is not None and failure.rank is None:
                if failure.event.actor_status.phase is ActorPhase.STOPPED:
                    self._told.setdefault((envelope.sender, envelope.dest, envelope.port), record.at)
            case _:
                pass
        return ()

    def _on_stop(self, controller: ActorId, record: Record) -> None:
        if controller not in self._stopped:
            self._stopped.add(controller)
            ranks = len(self.world.watched_by[controller].mesh.members)
            bound_ns = self.world.bounds.poll_ns(ranks) if controller in self._polling else SLACK_NS
            self._owe(controller, _Due(record.at, record.seq, bound_ns, is_cleanup=False))

    def _owe(self, controller: ActorId, due: _Due) -> None:
        for key in self._subscribed:
            if key[0] == controller:
                self._due.setdefault(key, due)

    def _forget(self, key: _Key, at: int) -> None:
        """A subscription is over. Who gives up because he was not told in time was not told all the same."""
        self._subscribed.pop(key, None)
        due = self._due.get(key)
        if due is not None and at <= due.at + due.bound_ns:
            del self._due[key]

    def finish(self, ended_ns: int) -> Iterable[Violation]:
        for key, due in self._due.items():
            yield from self._judged(key, due, ended_ns)

    def _judged(self, key: _Key, due: _Due, ended_ns: int) -> Iterator[Violation]:
        world, (controller, listener, _) = self.world, key
        places = [*world.place_of(controller), *world.place_of(listener)]
        deadline = world.extended(due.at + due.bound_ns, due.at, places)
        told_at = self._told.get(key)
        if deadline > ended_ns or (told_at is not None and told_at <= deadline):
            return
        if self._could_not(controller, listener, due, deadline):
            return
        mesh, name = world.watched_by[controller].mesh.label, world.name(listener)
        what = f"the cleanup of {mesh} by its controller" if due.is_cleanup else f"the stop of {mesh}"
        message = f"{name} was not told of {what} within {format_duration(due.bound_ns)}"
        yield self.violation(name, message, at=deadline, records=(due.seq,), kind="liveness")

    def _could_not(self, controller: ActorId, listener: ActorId, due: _Due, deadline: int) -> bool:
        """Whether the controller could not tell, or the listener not hear."""
        world = self.world
        near, far = (world.directory.node_of_actor(actor) for actor in (controller, listener))
        if near is None or far is None or near not in world.nodes:
            return True
        if controller in world.hung or (controller, listener) in self._missed:
            return True
        if world.kept_apart(near, listener, 0):
            return True
        gone_at = world.nodes[near].died_at if due.is_cleanup else world.ended_at(controller)
        return any(at is not None and at <= deadline for at in (gone_at, world.ended_at(listener)))
