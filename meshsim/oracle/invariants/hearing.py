"""What listeners are told must be true, told once, and told to those whom it concerns."""

from __future__ import annotations

from collections.abc import Iterable

from meshsim.model.ids import ActorId, Node, proc_agent_id, proc_of
from meshsim.model.messages import Envelope, MeshFailed
from meshsim.model.notes import Heard, OperationEnded, SubscriberRemoved
from meshsim.oracle.health import CONCLUDED, rank_impaired
from meshsim.oracle.invariants.base import Invariant
from meshsim.oracle.verdict import Violation
from meshsim.oracle.world import Spawned, World
from meshsim.trace.records import Record


def sentence_of(world: World, heard: Heard) -> str:
    """What was heard, in words: `trainer rank 2 Failed "failed: boom"`."""
    rank = "" if heard.rank is None else f" rank {heard.rank}"
    about = f"{heard.mesh}{rank}" if heard.mesh else world.name(heard.actor)
    return f'{about} {heard.status} "{world.directory.shortened(heard.text)}"'


#: Listener, role, reference, rank or actor, text of the status.
_Thing = tuple[ActorId, str, str, int | ActorId, str]


class Accuracy(Invariant):
    """A failure is heard only of something that failed, stopped, died, stalled, hung or could not be reached.

    A *rank* (heard by owner or subscriber) may be reported when at that moment its actor is ending or has ended, its
    agent recorded an event for it, a fault made it, its agent or its host's agent hang, or its agent answer wrongly,
    its process or its host died or was asked to stop, its mesh was asked to stop or its owner has ended; or when its
    process or its host was stopped, or messages between them and the controller were lost, within the last detection
    bound. Reports without a rank say that the whole mesh is stopped: somebody must have asked
    for that, or its owner or its controller must be ending. That everything is well again is no failure.

    A *watchdog* concludes that a controller is dead. True when the controller has ended or its process died; excused
    when that process was stopped, or messages between it and the listener were lost, within the watchdog time (that in
    which the listener itself was stopped does not count), or when the controller has forgotten the listener, as its
    messages came back. Else it is a false alarm (Q16 makes them: one terminal rank silences heartbeats for all).

    Known holes: Q44 (a controller counts replies: those of one rank that come twice leave no place for another's), and
    whoever was stopped while it waited (`stopped_asker_hears_silence`).

    A *child* (heard by its parent) must have ended, or a recorded event must say so.
    """

    id = "accuracy"
    quirks = ("Q16", "Q44", "stopped_asker_hears_silence")
    sentence = "No failure is reported of what is healthy."
    needs = "Somebody who hears of a failure."
    sees = (Heard, SubscriberRemoved, OperationEnded)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        #: Controllers and subscribers that they took off their lists: an alarm of theirs has its cause.
        self._forgotten: set[tuple[ActorId, ActorId]] = set()

    def observe(self, record: Record) -> Iterable[Violation]:
        heard = record.what
        match heard:
            case SubscriberRemoved(controller=controller, subscriber=subscriber):
                self._forgotten.add((controller, subscriber))
            case OperationEnded(operation="subscribe_to", error=None, by=by):
                self._forgotten = {forgotten for forgotten in self._forgotten if forgotten[1] != by}
        if not isinstance(heard, Heard):
            return ()
        spawned = self.world.meshes.get(heard.mesh)
        if heard.role == "parent":
            true = self._child_ended(heard.actor)
        elif spawned is None:
            return ()
        elif heard.role == "watchdog":
            true = self._controller_gone(heard, spawned, record.at)
        else:
            true = self._rank_failed(heard, spawned, record.at)
        if true:
            return ()
        listener = self.world.name(heard.listener)
        message = f"{listener} heard as {heard.role}: {sentence_of(self.world, heard)}, but {self._denial(heard)}"
        return [self.violation(self._subject(heard), message, at=record.at, records=(record.seq,))]

    def _rank_failed(self, heard: Heard, spawned: Spawned, at: int) -> bool:
        if heard.rank is not None:
            return heard.status == "Recovered" or rank_impaired(self.world, spawned, heard.rank, at)
        if heard.status == "Recovered" or spawned.mesh.label in self.world.stop_asked:
            return True
        keepers = (spawned.mesh.by, spawned.mesh.controller)
        return any(keeper is not None and self._is_over(keeper) for keeper in keepers)

    def _is_over(self, actor: ActorId) -> bool:
        return self.world.is_ending(actor) or self.world.ended_at(actor) is not None

    def _subject(self, heard: Heard) -> str:
        if heard.role == "parent":
            return self.world.name(heard.actor)
        if heard.role == "watchdog":
            return f"{heard.mesh}.controller"
        return heard.mesh if heard.rank is None else f"{heard.mesh}[{heard.rank}]"

    def _denial(self, heard: Heard) -> str:
        if heard.role == "watchdog":
            return "the controller and its process are alive and were reachable"
        if heard.rank is None and heard.role != "parent":
            return "nobody had stopped it"
        return f"{self._subject(heard)} is alive" if heard.role == "parent" else "actor and process are healthy"

    def _child_ended(self, actor: ActorId) -> bool:
        world = self.world
        known = actor in world.actors and world.facts_of(actor) is not None
        return not known or world.ended_at(actor) is not None or actor in world.recorded

    def _controller_gone(self, heard: Heard, spawned: Spawned, at: int) -> bool:
        world, controller = self.world, spawned.mesh.controller
        if controller is None or world.ended_at(controller) is not None or controller in world.hung:
            return True
        if (controller, heard.listener) in self._forgotten:
            return True
        node, own = world.directory.node_of_actor(controller), world.directory.node_of_actor(heard.listener)
        if node is None or own is None:
            return True
        since = self._unstalled_before(own, at, world.bounds.watchdog_ns)
        return world.stalled_ns(node, since) > 0 or world.lost_between(node, own, since)

    def _unstalled_before(self, node: Node, at: int, time_ns: int) -> int:
        """So long before, time in which a process was stopped aside: what it heard before that is longer ago."""
        since = at - time_ns
        while (earlier := at - time_ns - self.world.stalled_ns(node, since)) < since:
            since = earlier
        return since


class AtMostOnce(Invariant):
    """The same listener hears the same thing at most once.

    The same is: role, reference, rank (or actor, when there is no rank), text of the status. An owner that is
    subscribed as well is told twice, once in each role. One violation for each thing, with every record that said it.
    Who subscribes once more, or took the controller for dead meanwhile, may be told of all again. So may who was told
    what is concluded from silence, or from a bare status, of a rank whose process or host was stopped, died, or was
    asked to end since, or kept from the controller by a fault of the network, unless by a cut that was there all the
    time: what is silent again fails again. An end that somebody told of is the same for ever, unless a fault made the
    agent of the rank answer wrongly since. That all ranks are well is news again when the controller told anybody of a
    failure since. Not judged is who is sent copies by a fault of the network. Q18: a dead process is reported with
    every poll. What owners pass on (`supervisor`) does not count: several may own one mesh.
    """

    id = "at-most-once"
    quirks = ("Q18", "Q21", "Q20")
    sentence = "Nobody hears the same failure twice."
    needs = "Somebody who hears of a failure."
    sees = (Heard, OperationEnded)
    takes = (MeshFailed,)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        #: The records that said each thing; a list for each time at which it was news.
        self._heard: dict[_Thing, list[list[Record]]] = {}
        #: Of listener and reference: where in the trace it began to know nothing, as a subscriber and as a watchdog.
        self._blank: dict[tuple[ActorId, str, str], int] = {}
        #: Where in the trace a controller's last word of a failure arrived.
        self._unwell: dict[ActorId, int] = {}

    def deliver(self, record: Record, envelope: Envelope) -> Iterable[Violation]:
        message = envelope.message
        assert isinstance(message, MeshFailed)
        if message.failure is not None and message.failure.event.actor_status.is_terminal:
            self._unwell[envelope.sender] = record.seq
        return ()

    def observe(self, record: Record) -> Iterable[Violation]:
        match record.what:
            case OperationEnded(operation="subscribe_to", error=None, by=by, label=label):
                self._blank[by, label, "subscriber"] = self._blank[by, label, "watchdog"] = record.seq
            case Heard(role=role) as heard if role != "supervisor":
                self._on_heard(heard, record)
        return ()

    def _on_heard(self, heard: Heard, record: Record) -> None:
        if self._is_sent_copies(heard):
            return
        reference = heard.ref or heard.mesh
        about = heard.actor if heard.rank is None else heard.rank
        times = self._heard.setdefault((heard.listener, heard.role, reference, about, heard.text), [])
        blank = self._blank.get((heard.listener, reference, heard.role), -1)
        if not times or times[-1][-1].seq < blank or self._is_news_since(heard, times[-1][-1]):
            times.append([])
        times[-1].append(record)
        if heard.role == "watchdog":
            self._blank[heard.listener, reference, "subscriber"] = record.seq

    def _is_sent_copies(self, heard: Heard) -> bool:
        """Whether a fault of the network sends a listener twice what the controller says once."""
        spawned = self.world.meshes.get(heard.mesh)
        controller = None if spawned is None else spawned.mesh.controller
        sender = None if controller is None else self.world.directory.node_of_actor(controller)
        return sender is not None and self.world.sent_copies(sender, heard.listener)

    def _is_news_since(self, heard: Heard, before: Record) -> bool:
        """Whether something has happened since that makes the same words mean something else."""
        spawned = self.world.meshes.get(heard.mesh)
        if spawned is None:
            return False
        if heard.status == "Recovered":
            return spawned.mesh.controller is not None and self._unwell.get(spawned.mesh.controller, -1) > before.seq
        if heard.rank is None or heard.rank >= len(spawned.mesh.members):
            return False
        member = ActorId(spawned.mesh.members[heard.rank])
        misreported_at = self.world.misreporting.get(proc_agent_id(proc_of(member)), -1)
        if misreported_at > before.at:
            return True
        is_concluded = heard.text.partition(": ")[2].startswith(CONCLUDED)
        return is_concluded and self._fell_silent_since(spawned, member, before.at)

    def _fell_silent_since(self, spawned: Spawned, actor: ActorId, at: int) -> bool:
        """Whether a process on which the rank depends ended, was stopped anew, or was kept from the controller."""
        controller = spawned.mesh.controller
        watcher = None if controller is None else self.world.directory.node_of_actor(controller)
        if watcher is not None and self.world.kept_apart_anew(watcher, actor, at):
            return True
        nodes = self.world.place_of(actor)
        facts = [self.world.nodes[node] for node in nodes if node in self.world.nodes]
        ends = [end for each in facts for end in (each.died_at, each.stop_asked_at) if end is not None]
        return any(begin > at for begin in [*ends, *(begin for each in facts for begin, _ in each.stalls)])

    def finish(self, ended_ns: int) -> Iterable[Violation]:
        for records in (records for times in self._heard.values() for records in times):
            if len(records) > 1:
                heard = records[0].what
                assert isinstance(heard, Heard)
                listener = self.world.name(heard.listener)
                said = sentence_of(self.world, heard)
                yield self.violation(
                    listener,
                    f"{listener} heard as {heard.role} {len(records)} times: {said}",
                    at=records[1].at,
                    records=tuple(record.seq for record in records),
                )


class OwnerHearsErrorsOnly(Invariant):
    """An owner is told of failures; that something stopped is for subscribers.

    Judged is what it hears in the role of the owner. As a subscriber of its own mesh it hears of stops like any other.

    Source: supervision.md 5.10, 5.11.
    """

    id = "owner-hears-errors-only"
    sentence = "An owner hears of failures, not of stops."
    needs = "An owner that hears of something."
    sees = (Heard,)

    def observe(self, record: Record) -> Iterable[Violation]:
        heard = record.what
        assert isinstance(heard, Heard)
        if heard.role != "owner" or heard.status == "Failed":
            return ()
        listener = self.world.name(heard.listener)
        message = f"{listener} heard as owner: {sentence_of(self.world, heard)}"
        return [self.violation(listener, message, at=record.at, records=(record.seq,))]
