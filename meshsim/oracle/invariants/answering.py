"""Who is asked answers, and who has to ask goes on asking."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from meshsim.model.alloc.messages import AgentStatus, Configure, QueryStatus
from meshsim.model.ids import HOST_AGENT, MESH_AGENT, PROC_AGENT, ActorId, Node, actor_id, actor_name_of, proc_of
from meshsim.model.messages import (
    CreateOrUpdate,
    Envelope,
    GetRankStatus,
    GetState,
    GetSubscriberCount,
    KeepaliveGetState,
    ListResources,
    PassOn,
    RankStatus,
    ResourceNames,
    ShutdownHost,
    StateReply,
    SubscriberCount,
)
from meshsim.model.notes import (
    Bounced,
    MeshSpawned,
    MonitoringEnded,
    OrphanStopped,
    PollEnded,
    PollStarted,
    ProcStatusChanged,
)
from meshsim.model.supervision import ActorPhase
from meshsim.oracle.bounds import FOREVER_NS, SLACK_NS
from meshsim.oracle.invariants.base import Invariant
from meshsim.oracle.load import AgentLoad, HostLoad
from meshsim.oracle.verdict import Violation
from meshsim.oracle.world import World
from meshsim.trace.records import InFlight, MessageLost, MessageReturned, Record
from meshsim.units import format_duration

_Ask = GetState | KeepaliveGetState | GetRankStatus | ListResources | GetSubscriberCount | QueryStatus
_QUERIES = (GetState, KeepaliveGetState, GetRankStatus, ListResources, GetSubscriberCount, QueryStatus)
_REPLIES = (StateReply, RankStatus, ResourceNames, SubscriberCount, AgentStatus)

#: Who answers, and the port it answers to.
_Exchange = tuple[ActorId, ActorId, int]


class _Query(msgspec.Struct, frozen=True, gc=False):
    """A query that waits for its answer."""

    what: str
    #: The process that was asked; a host that comes back answers nothing of before.
    node: Node
    at: int
    seq: int
    #: When it has to be answered at the latest, stalls left out.
    due: int
    #: Whether whoever was asked had nothing else to do, so that the answer leaves at that moment.
    at_once: bool


class AgentsAnswer(Invariant):
    """A query that was delivered to an agent or a controller is answered in time, however the answer then fares.

    An answer counts from the moment it was sent; that it was lost, came back or is still on its way is as good. An
    agent of a proc answers at once, or when it has done what it was told to stop before (`AgentLoad`). An agent of a
    host answers behind its procs that start, R for each (`HostLoad`); while Q1 is off it answers for a proc that stops
    when its process has ended, within 2 X. A controller answers behind the longest poll and a stop, n + 1 times the
    idle limit of a spawn.

    Nothing is due from who ended by then, hangs by a fault, or was made to answer wrongly; nor from a host that was
    told to shut down: afterwards it may be deaf (9.3 step 5). An agent that had nothing else to do when it was asked,
    and lived on beyond that moment, has answered: these last words count although it died before the bound. While
    Q31 is off an agent answers for an actor whose init runs when that is over; such a query is not judged, nor is one
    to an agent of the allocated path that was not configured: it sends nothing; nor one that may wait for an earlier
    message of its stream that was lost. Time in which the process is stopped does not count.

    Source: supervision.md 2.3, 5.7, 8.3, 8.6, 9.3.
    """

    id = "agents-answer"
    sentence = "Who is alive and is asked answers in time."
    needs = "Deliveries of queries to agents and controllers, and what became of the replies."
    sees = (OrphanStopped, ProcStatusChanged, MeshSpawned, MessageLost, MessageReturned, Bounced, InFlight)
    takes = (*_QUERIES, *_REPLIES, PassOn, Configure, ShutdownHost, *AgentLoad.TYPES, *HostLoad.TYPES)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._open: dict[_Exchange, list[_Query]] = {}
        self._load = AgentLoad(world.config)
        self._starts = HostLoad(world.config)
        self._configured: set[ActorId] = set()
        #: Agents of hosts that were told to shut down.
        self._shut_down: set[ActorId] = set()
        self._slowest: tuple[int, int, ActorId, int] = (0, 1, ActorId(""), -1)

    def observe(self, record: Record) -> Iterable[Violation]:
        note = record.what
        if isinstance(note, OrphanStopped):
            self._load.orphan(record, note.actor)
        elif isinstance(note, ProcStatusChanged):
            self._starts.status(record.node, note)
        elif isinstance(note, MeshSpawned):
            self._starts.spawned(note)
        elif isinstance(note, MessageLost | MessageReturned | Bounced | InFlight):
            return self._on_reply(record, note.envelope)
        return ()

    def deliver(self, record: Record, envelope: Envelope) -> Iterable[Violation]:
        message = envelope.message
        if type(message) in _REPLIES or isinstance(message, PassOn):
            return self._on_reply(record, envelope)
        if isinstance(message, _Ask):
            if self.world.has_reached(record, envelope.dest) and not self.world.may_wait_for_others(envelope):
                self._on_query(record, envelope.dest, message)
        elif isinstance(message, Configure):
            self._configured.add(envelope.dest)
        elif isinstance(message, ShutdownHost):
            self._shut_down.add(envelope.dest)
        elif isinstance(message, CreateOrUpdate):
            self._starts.take(record.node, message)
        else:
            self._load.take(record, envelope)
        return ()

    def finish(self, ended_ns: int) -> Iterable[Violation]:
        for (asked, _, _), queries in self._open.items():
            for query in queries:
                yield from self._unanswered(asked, query, ended_ns)
        took, bound, asked, seq = self._slowest
        if took:
            self.margin("wait", self.world.name(asked), took_ns=took, bound_ns=bound, record=seq)

    def _on_query(self, record: Record, asked: ActorId, message: _Ask) -> None:
        due = self._due(record, asked, message)
        if due is not None:
            agent = actor_name_of(asked) in (PROC_AGENT, MESH_AGENT)
            at_once = agent and self._load.free_at(asked, record.at) == record.at
            query = _Query(type(message).__name__, Node(record.node), record.at, record.seq, due, at_once)
            self._open.setdefault((asked, message.reply.actor, message.reply.index), []).append(query)

    def _due(self, record: Record, asked: ActorId, message: _Ask) -> int | None:
        """When a query has to be answered; None when whoever is asked is not judged."""
        world, name = self.world, actor_name_of(asked)
        if name == MESH_AGENT and asked not in self._configured:
            return None
        if name in (PROC_AGENT, MESH_AGENT):
            if isinstance(message, GetRankStatus) and not world.config.has("Q31"):
                about = world.actors.get(actor_id(proc_of(asked), message.name))
                if about is not None and about.phase is ActorPhase.INITIALIZING:
                    return None
            return self._load.free_at(asked, record.at) + SLACK_NS
        if name == HOST_AGENT:
            waits = isinstance(message, GetRankStatus) and not world.config.has("Q1")
            due = record.at + self._starts.bound_ns(record.node) + (world.bounds.proc_exit_ns if waits else SLACK_NS)
            return min(due, FOREVER_NS)
        spawned = world.watched_by.get(asked)
        if spawned is None or not world.config.revision.monitors:
            return None
        ranks = len(spawned.mesh.members)
        return record.at + world.bounds.poll_ns(ranks) + (ranks + 1) * world.config.actor_spawn_max_idle

    def _on_reply(self, record: Record, envelope: Envelope) -> Iterable[Violation]:
        """The first open query to this port is the one that is answered: their order is that of the mailbox. Answers
        may overtake one another: one that left at once is for the query of that instant. What was asked of the process
        before is not answered by a host that came back.

        An allocated proc may hand its answer to the process of its creator; then it has left.
        """
        if isinstance(envelope.message, PassOn):
            envelope = envelope.message.envelope
        if type(envelope.message) not in _REPLIES:
            return
        key = (envelope.sender, envelope.dest, envelope.port)
        queries = self._open.get(key)
        if not queries:
            return
        sent = self.world.cause_of(record)
        if sent is not None and sent.what == envelope:
            return  # It came back from where it was delivered, and counted there.
        sent_ns = record.at if sent is None else sent.at
        query = queries.pop(self._answered(envelope.sender, sent_ns, queries))
        if not queries:
            del self._open[key]
        if sent_ns == query.at:
            return
        asked, bound = envelope.sender, query.due - query.at
        took = sent_ns - query.at - self.world.stalled_between(query.node, query.at, sent_ns)
        if took * self._slowest[1] > self._slowest[0] * bound:
            self._slowest = (took, bound, asked, query.seq)
        if took > bound and self._is_judged(asked):
            yield self._late(asked, query, f"it took {format_duration(took)}", query.at + bound)

    def _answered(self, asked: ActorId, sent_ns: int, queries: list[_Query]) -> int:
        """Which of the open queries to one port an answer is for."""
        node = self.world.directory.node_of_actor(asked)
        same = [index for index, query in enumerate(queries) if query.node == node] or [0]
        return next((index for index in same if queries[index].at == sent_ns), same[0])

    def _unanswered(self, asked: ActorId, query: _Query, ended_ns: int) -> Iterable[Violation]:
        world, node = self.world, query.node
        deadline = world.extended(query.due, query.at, [node])
        ends = [world.ended_at(asked), world.nodes[node].died_at if node in world.nodes else None]
        ended_at = min((end for end in ends if end is not None), default=None)
        if not self._is_judged(asked) or deadline > ended_ns:
            return
        if ended_at is None or ended_at > deadline:
            yield self._late(asked, query, "it never did", deadline)
        elif query.at_once and ended_at > query.at and world.stalled_ns(node, query.at) == 0:
            yield self._late(asked, query, "it lived on, and never did", query.at)

    def _is_judged(self, asked: ActorId) -> bool:
        world = self.world
        return asked not in world.hung and asked not in world.misreporting and asked not in self._shut_down

    def _late(self, asked: ActorId, query: _Query, how: str, at: int) -> Violation:
        name = self.world.name(asked)
        message = f"{name} had to answer {query.what} within {format_duration(query.due - query.at)}, {how}"
        return self.violation(name, message, at=at, records=(query.seq,), kind="liveness")


class ControllersPoll(Invariant):
    """A controller begins its next poll P after the last one ended, and its first P after its start, until it ends.

    Its polling ends when every rank has ended, when it is told to stop or when it ends itself; the record that says
    so releases it. A poll itself is bounded by `every-wait-bounded`. Nothing is due from a controller that has ended
    or hangs by a fault, or whose polls a fault makes late; time in which its process is stopped does not count. In a
    revision whose controllers do not poll nothing is judged.

    Source: supervision.md 5.2, 5.10.
    """

    id = "controllers-poll"
    sentence = "A controller goes on polling until its mesh has ended."
    needs = "The spawn of an actor mesh with a controller, and the controller's polls."
    sees = (MeshSpawned, PollStarted, PollEnded, MonitoringEnded)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        #: Since when each controller owes a poll, and the record that began it.
        self._owes: dict[ActorId, tuple[int, int]] = {}
        self._done: set[ActorId] = set()

    def observe(self, record: Record) -> Iterable[Violation]:
        note = record.what
        match note:
            case MeshSpawned(kind="actors", controller=str() as controller) if self.world.config.revision.monitors:
                self._owe(ActorId(controller), record)
            case PollStarted(controller=controller):
                return self._on_poll(controller, record)
            case PollEnded(controller=controller, monitoring=True):
                self._owe(controller, record)
            case MonitoringEnded(controller=controller):
                self._done.add(controller)
                self._owes.pop(controller, None)
            case _:
                pass
        return ()

    def finish(self, ended_ns: int) -> Iterable[Violation]:
        for controller, (at, seq) in self._owes.items():
            deadline = self._deadline(controller, at)
            ended_at = self.world.ended_at(controller)
            if deadline <= ended_ns and (ended_at is None or ended_at > deadline):
                yield from self._overdue(controller, at, seq, "none followed")

    def _owe(self, controller: ActorId, record: Record) -> None:
        if controller not in self._done:
            self._owes[controller] = (record.at, record.seq)

    def _on_poll(self, controller: ActorId, record: Record) -> Iterable[Violation]:
        at, seq = self._owes.pop(controller, (record.at, record.seq))
        if record.at > self._deadline(controller, at):
            return self._overdue(controller, at, seq, f"it came after {format_duration(record.at - at)}")
        return ()

    @property
    def _bound(self) -> int:
        return self.world.config.supervision_poll_frequency + SLACK_NS

    def _deadline(self, controller: ActorId, at: int) -> int:
        node = self.world.directory.node_of_actor(controller)
        return self.world.extended(at + self._bound, at, [] if node is None else [node])

    def _overdue(self, controller: ActorId, at: int, seq: int, how: str) -> Iterable[Violation]:
        if self.world.is_kept_from_polling(controller):
            return
        name = self.world.name(controller)
        message = f"{name} had to begin a poll within {format_duration(self._bound)}, {how}"
        deadline = self._deadline(controller, at)
        yield self.violation(name, message, at=deadline, records=(seq,), kind="liveness")
