"""No message is swallowed on its way, and the last words of what ends arrive."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from meshsim.model.ids import (
    COMM,
    MESH_AGENT,
    PROC_AGENT,
    ActorId,
    Name,
    Node,
    actor_id,
    actor_name_of,
    address_of_node,
    pid_of,
    proc_id,
    proc_of,
)
from meshsim.model.messages import (
    Envelope,
    ForwardMessage,
    MeshFailed,
    PassOn,
    RankStatus,
    StateReply,
    Undeliverable,
)
from meshsim.model.notes import (
    ActorStatusChanged,
    Bounced,
    EventRecorded,
    Heard,
    OrphanStopped,
    ProcStatusChanged,
)
from meshsim.model.supervision import ActorPhase
from meshsim.oracle.bounds import SLACK_NS
from meshsim.oracle.invariants.base import Invariant
from meshsim.oracle.load import AgentLoad
from meshsim.oracle.verdict import Violation
from meshsim.oracle.world import World
from meshsim.trace.records import InFlight, MessageLost, MessageReturned, ProcessReaped, Record

#: A message that bounced, for its way back: sender, receiver, port and type.
_Sent = tuple[ActorId, ActorId, int, str]
#: One stream of casts between two comm actors: from, to, mesh and caster.
_Edge = tuple[ActorId, ActorId, str, ActorId]


class NothingVanishes(Invariant):
    """A message that somebody has taken over goes on, comes back, or is lost by name; it does not disappear.

    Sends are not recorded: a message is first seen where it arrives, or fails to. What can be judged is what a trace
    shows of those who have one in their hands, without a further record:

    - A message that bounced and is returnable comes back to its sender, as `Undeliverable`; so does one that the
      network gave back (`returned`). Who gets it back may be gone: then the trace says that it is lost.
    - Comm actors say with each forward which one they sent before it to the same peer (mesh_model.md 4.4): that one,
      too, arrived, came back, was lost or is on its way.
    - A comm actor that takes an answer for a split port passes it on: at once if answers are passed on one by one,
      within a second when they are merged (supervision.md 10.2).

    That replies to queries leave those who were asked is `agents-answer`'s. Excused is a comm actor that ended, hangs
    by a fault or whose process was stopped.

    Known holes: overlay_merge_defect (answers that overlap cannot be merged) and error_removes_port.
    """

    id = "nothing-vanishes"
    sentence = "No message disappears without a word."
    needs = "Messages that bounced or came back; casts through comm actors, and the answers to them."
    quirks = ("overlay_merge_defect", "error_removes_port")
    sees = (MessageReturned, Bounced, MessageLost, InFlight)
    takes = (Undeliverable, PassOn, ForwardMessage, StateReply, RankStatus)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        #: Messages that the network gave back, by the number of that record.
        self._returned: dict[int, Record] = {}
        self._bounced: Counter[_Sent] = Counter()
        self._bounces: dict[_Sent, Record] = {}
        #: Numbers of the forwards of each stream that the trace accounts for, and of those that must be among them.
        self._forwards: dict[_Edge, set[int]] = {}
        self._sent_before: dict[_Edge, dict[int, Record]] = {}
        #: Answers that comm actors took to pass on: by comm actor and the record of the step in which that is due.
        self._relayed: dict[tuple[ActorId, int], list[Record]] = {}
        #: The first answer that a comm actor has taken to merge and not passed on.
        self._merging: dict[ActorId, Record] = {}

    def observe(self, record: Record) -> Iterable[Violation]:
        note = record.what
        if isinstance(note, MessageReturned):
            self._returned[record.seq] = record
        elif isinstance(note, Bounced) and note.envelope.returnable:
            key = _sent(note.envelope)
            self._bounced[key] += 1
            self._bounces[key] = record
        elif isinstance(note, MessageLost | InFlight):
            self._end_bounce(note.envelope)  # Lost, or still under way, on its way back.
        assert isinstance(note, MessageReturned | Bounced | MessageLost | InFlight)
        self._account_for(record, note.envelope)
        return ()

    def deliver(self, record: Record, envelope: Envelope) -> Iterable[Violation]:
        self._account_for(record, envelope)
        kind = type(envelope.message)
        if (kind is StateReply or kind is RankStatus) and envelope.port and _is_comm(envelope.dest):
            step = record.seq if record.what is envelope else record.cause
            if kind is StateReply:
                self._relayed.setdefault((envelope.dest, step), []).append(record)
            else:
                self._merging.setdefault(envelope.dest, record)
        return ()

    def finish(self, ended_ns: int) -> Iterable[Violation]:
        for record in self._returned.values():
            assert isinstance(record.what, MessageReturned)
            yield self._vanished(record.what.envelope, "that came back never reached its sender", record)
        for key, count in self._bounced.items():
            if count > 0:
                record = self._bounces[key]
                assert isinstance(record.what, Bounced)
                yield self._vanished(record.what.envelope, "that bounced never came back", record)
        yield from self._gaps()
        for (comm, _), records in self._relayed.items():
            for record in records:
                yield from self._kept(comm, record, ended_ns)
        for comm, record in self._merging.items():
            yield from self._kept(comm, record, ended_ns)

    def _account_for(self, record: Record, envelope: Envelope) -> None:
        """Something became of a message: whoever had it has done his part."""
        message = envelope.message
        if isinstance(message, StateReply):
            due = self._relayed.get((envelope.sender, record.cause)) if self._relayed else None
            if due:
                due.pop()
        elif isinstance(message, RankStatus):
            taken = self._merging.get(envelope.sender)
            sent = None if taken is None else self.world.cause_of(record)
            if taken is not None and sent is not None and sent.at >= taken.at:
                del self._merging[envelope.sender]
        elif isinstance(message, Undeliverable):
            self._returned.pop(record.cause, None)
            self._end_bounce(message.envelope)
        elif isinstance(message, PassOn):
            self._account_for(record, message.envelope)
        elif isinstance(message, ForwardMessage):
            edge = (envelope.sender, envelope.dest, message.cast.mesh, message.cast.caster)
            self._forwards.setdefault(edge, set()).add(message.seq)
            if message.last_seq:
                self._sent_before.setdefault(edge, {})[message.last_seq] = record

    def _end_bounce(self, envelope: Envelope) -> None:
        key = _sent(envelope)
        if self._bounced[key] > 0:
            self._bounced[key] -= 1

    def _gaps(self) -> Iterable[Violation]:
        for edge, before in self._sent_before.items():
            name, to = self.world.name(edge[0]), self.world.name(edge[1])
            for number, record in before.items():
                if number not in self._forwards[edge]:
                    message = f"forward {number} from {name} to {to} disappeared: the next one arrived"
                    yield self.violation(name, message, at=record.at, records=(record.seq,))

    def _kept(self, comm: ActorId, record: Record, ended_ns: int) -> Iterable[Violation]:
        """A comm actor that took an answer has not passed it on."""
        world = self.world
        ended_at = world.ended_at(comm)
        alive = ended_at is None or ended_at > record.at + SLACK_NS
        stalled = world.stalled_ns(Node(record.node), record.at) > 0
        if alive and not stalled and comm not in world.hung and record.at + SLACK_NS <= ended_ns:
            name = world.name(comm)
            message = f"{name} took an answer to pass on, and never did"
            yield self.violation(name, message, at=record.at + SLACK_NS, records=(record.seq,), kind="liveness")

    def _vanished(self, envelope: Envelope, how: str, record: Record) -> Violation:
        sender, dest = self.world.name(envelope.sender), self.world.name(envelope.dest)
        message = f"{type(envelope.message).__name__} from {sender} to {dest} {how}"
        return self.violation(sender, message, at=record.at, records=(record.seq,))


def _is_comm(actor: ActorId) -> bool:
    return actor_name_of(actor).startswith(f"{COMM}-")


def _sent(envelope: Envelope) -> _Sent:
    return envelope.sender, envelope.dest, envelope.port, type(envelope.message).__name__


class LastWords(Invariant):
    """What ends is known at once to whoever stands next to it, under its own name.

    - A root actor that fails on a proc with an agent: the agent records an event of that actor, at once, or when it
      has done what it was told to stop before (`AgentLoad`), unless its process or the agent has ended by then.
    - A proc whose process its host has waited for: the host says how it ended, at that moment.
    - A failure that was delivered to an owner's handler port: the owner, a client, has heard it, in that very step.

    How failures reach owners and subscribers from there is `completeness`'s. Failures of children are their parent's,
    and no record says that it knows.

    Known holes: Q10 (an actor that ends of its child's failure is recorded under the child's id).

    Source: supervision.md 3.3, 4.5 steps 8 to 10, 8.5.
    """

    id = "last-words"
    sentence = "Who ends has its end known next door."
    needs = "Root actors that fail, processes that hosts wait for, or failures delivered to owners."
    quirks = ("Q10",)
    sees = (ActorStatusChanged, EventRecorded, ProcessReaped, ProcStatusChanged, Heard, OrphanStopped)
    takes = (MeshFailed, *AgentLoad.TYPES)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._load = AgentLoad(world.config)
        #: Actors that failed and were not recorded: the record, and by when it had to be.
        self._failed: dict[ActorId, tuple[Record, int]] = {}
        #: Processes whose hosts have waited for them and did not say how they ended.
        self._reaped: dict[Node, Record] = {}
        #: Failures on their way into the ears of owners, by owner and step.
        self._told: dict[tuple[ActorId, int], Record] = {}

    def observe(self, record: Record) -> Iterable[Violation]:
        match record.what:
            case ActorStatusChanged(actor=actor, phase=ActorPhase.FAILED):
                self._on_failed(actor, record)
            case EventRecorded(actor=actor):
                self._failed.pop(actor, None)
            case ProcessReaped(by=by) if by and self.world.directory.kinds.get(Node(record.node)) == "proc":
                self._reaped[Node(record.node)] = record
            case ProcStatusChanged(name=name):
                self._on_proc_status(record, name)
            case Heard(listener=listener, role="owner"):
                self._told.pop((listener, record.cause), None)
            case OrphanStopped(actor=actor):
                self._load.orphan(record, actor)
            case _:
                pass
        return ()

    def deliver(self, record: Record, envelope: Envelope) -> Iterable[Violation]:
        message = envelope.message
        if not isinstance(message, MeshFailed):
            self._load.take(record, envelope)
        elif envelope.port == 0 and message.failure is not None and self._is_client(envelope.dest):
            step = record.seq if record.what is envelope else record.cause
            self._told[envelope.dest, step] = record
        return ()

    def finish(self, ended_ns: int) -> Iterable[Violation]:
        world = self.world
        for actor, (record, due) in self._failed.items():
            deadline = world.extended(due, record.at, world.place_of(actor)[:1])
            agent_ended_at = world.ended_at(_agent_of(world, actor) or actor)
            died_at = self._died_at(actor)
            if deadline <= ended_ns and all(end is None or end > deadline for end in (agent_ended_at, died_at)):
                name = world.name(actor)
                message = f"{name} failed, and its agent recorded no event of it"
                yield self.violation(name, message, at=deadline, records=(record.seq,), kind="liveness")
        for record in self._reaped.values():
            assert isinstance(record.what, ProcessReaped)
            name = world.directory.name_of_node(record.node)
            message = f"{name} {record.what.status}, and {record.what.by} said nothing of it"
            yield self.violation(name, message, at=record.at, records=(record.seq,))
        for (owner, _), record in self._told.items():
            if owner not in world.hung:
                name = world.name(owner)
                message = f"{name} was told of a failure as owner, and did not hear it"
                yield self.violation(name, message, at=record.at, records=(record.seq,))

    def _on_proc_status(self, record: Record, name: Name) -> None:
        node = self.world.directory.node_of_proc(proc_id(address_of_node(record.node), name))
        reaped = None if node is None else self._reaped.get(node)
        # A free-running host says so in the same step, but not at the same instant.
        if node is not None and reaped is not None and (reaped.at == record.at or reaped.seq == record.cause):
            del self._reaped[node]

    def _on_failed(self, actor: ActorId, record: Record) -> None:
        agent = _agent_of(self.world, actor)
        if pid_of(actor) == 0 and agent is not None and agent != actor and self.world.ended_at(agent) is None:
            self._failed.setdefault(actor, (record, self._load.free_at(agent, record.at) + SLACK_NS))

    def _died_at(self, actor: ActorId) -> int | None:
        facts = self.world.facts_of(actor)
        return None if facts is None else facts.died_at

    def _is_client(self, actor: ActorId) -> bool:
        node = self.world.directory.node_of_actor(actor)
        return node is not None and self.world.directory.kinds.get(node) == "client" and pid_of(actor) == 0


def _agent_of(world: World, actor: ActorId) -> ActorId | None:
    """The agent of an actor's proc, of either path; none where there is none (clients, hosts)."""
    proc = proc_of(actor)
    for name in (PROC_AGENT, MESH_AGENT):
        agent = actor_id(proc, name)
        if agent in world.actors:
            return agent
    return None
