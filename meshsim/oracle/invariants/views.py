"""What agents, hosts, controllers and listeners say about the same rank can be true at the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from meshsim.model.ids import ActorId, Node, ProcId, mesh_agent_id, proc_agent_id, proc_of
from meshsim.model.messages import Envelope, MeshFailed, StateReply, Unsubscribe
from meshsim.model.notes import (
    Heard,
    MonitoringEnded,
    PollEnded,
    PollStarted,
    ReferenceMade,
    SubscriberRemoved,
)
from meshsim.model.status import ActorState, MeshState, ProcState, State, Status, StatusKind
from meshsim.oracle.bounds import SLACK_NS
from meshsim.oracle.health import rank_impaired
from meshsim.oracle.invariants.base import Invariant
from meshsim.oracle.verdict import Violation
from meshsim.oracle.world import Spawned, World
from meshsim.trace.records import Record
from meshsim.units import format_duration

_ENDED = (StatusKind.STOPPED, StatusKind.FAILED)


class ViewsAgree(Invariant):
    """No two views of one rank contradict each other for good: none has it running where another has its end.

    *Agent.* Asked after an actor of its proc has ended, it may not answer Running (Q10: a failure under a child's id,
    Q55: an actor that stopped itself). What it calls Stopped or Failed has ended S + C later (Q32: it runs on).
    *Host.* Asked at a later instant than that at which a process died, or at which the host itself runs again if it was
    stopped then, it may not answer Running, and what it calls Stopped or Failed is gone 2 X, or 2 T for each batch,
    later.

    *Controller.* Asked how its mesh is, it may not have a rank Running that had ended before the last poll that is
    over began (Q18: a dead proc is never recorded), nor have one terminal that is well and has been for the detection
    bound (Q54). *Listener.* A subscriber that was told a failure of a mesh of which every rank has been well for the
    detection bound has been told that, too (Q25). Owners act on what they hear and are told no more.

    *Slice.* What is heard through a reference concerns one of its ranks, as the mesh numbers them (Q17). That it hears
    all of them is `completeness`.

    An agent's answer is its own message, not the copies that comm actors pass on. Time in which the process or the host
    of a rank is stopped does not count; agents that a fault makes answer wrongly are not judged. Answers about ranks
    without names (`RankStatus`) are not matched with anybody.

    Source: supervision.md 2.2, 3.9, 5.7, 5.11, 6.3, 12.4.
    """

    id = "views-agree"
    sentence = "No two views of a rank contradict each other for good."
    needs = "Answers to queries of agents, hosts and controllers; notices to subscribers; ends of actors and processes."
    quirks = ("Q18", "Q10", "Q55", "Q54", "Q25", "Q17", "Q32")
    sees = (
        PollStarted,
        PollEnded,
        MonitoringEnded,
        SubscriberRemoved,
        ReferenceMade,
        Heard,
    )
    takes = (StateReply, MeshFailed, Unsubscribe)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._records: dict[type, Callable[[Record], Iterable[Violation]]] = {
            PollStarted: self._on_poll_started,
            PollEnded: self._on_poll_ended,
            MonitoringEnded: self._on_monitoring_ended,
            SubscriberRemoved: self._on_subscriber_removed,
            ReferenceMade: self._on_reference,
            Heard: self._on_heard,
        }
        #: The first record that calls an actor or a proc ended while it lives, and what it says.
        self._called_ended: dict[ActorId | ProcId, tuple[Record, Status]] = {}
        #: By controller: when the poll that runs began, and when the last one began that is over.
        self._poll_began: dict[ActorId, int] = {}
        self._looked_at: dict[ActorId, int] = {}
        self._stopping: set[ActorId] = set()
        #: The last notice of a failure by controller, listener and port, until it is taken back.
        self._told: dict[tuple[ActorId, ActorId, int], Record] = {}
        self._references: dict[str, ReferenceMade] = {}
        #: What was found once, by its subject.
        self._found: set[tuple[str, str]] = set()

    def observe(self, record: Record) -> Iterable[Violation]:
        return self._records[type(record.what)](record)

    def deliver(self, record: Record, envelope: Envelope) -> Iterable[Violation]:
        message = envelope.message
        if type(message) is StateReply:
            return self._on_answer(record, envelope.sender, message.state)
        if type(message) is MeshFailed:
            self._on_notice(record, envelope, message)
        elif type(message) is Unsubscribe:
            self._told.pop((envelope.dest, message.port.actor, message.port.index), None)
        return ()

    # --- agents and hosts --------------------------------------------------------------------------------

    def _on_answer(self, record: Record, sender: ActorId, state: State) -> Iterable[Violation]:
        known = state.state
        if type(known) is ActorState:
            if sender in (proc_agent_id(proc_of(known.actor_id)), mesh_agent_id(proc_of(known.actor_id))):
                return self._on_agents_answer(record, sender, state.status, known.actor_id)
        elif type(known) is ProcState:
            return self._on_hosts_answer(record, sender, state.status, ProcId(known.proc_id))
        elif type(known) is MeshState:
            return self._on_controllers_answer(record, sender, known.statuses)
        return ()

    def _on_agents_answer(self, record: Record, agent: ActorId, status: Status, actor: ActorId) -> Iterable[Violation]:
        facts = self.world.actors.get(actor)
        if facts is None or agent in self.world.misreporting:
            return ()
        if status.kind is StatusKind.RUNNING:
            if facts.ended_at is not None and record.cause > facts.seq:
                what = f"Running of {self.world.name(actor)}, which had {facts.phase.value}"
                return self._said(agent, what, actor, record, facts.seq)
        elif status.kind in _ENDED and facts.ended_at is None:
            self._called_ended.setdefault(actor, (record, status))
        return ()

    def _on_hosts_answer(self, record: Record, host: ActorId, status: Status, proc: ProcId) -> Iterable[Violation]:
        node = self.world.directory.node_of_proc(proc)
        facts = None if node is None else self.world.nodes.get(node)
        if facts is None or node not in self.world.directory.hosts:
            return ()  # Nothing is known of it, or it shares a process with others.
        if status.kind is StatusKind.RUNNING:
            sent = self.world.cause_of(record)
            knew = facts.died_at is not None and sent is not None and sent.at > self._seen_at(node, facts.died_at)
            if facts.reaped is not None and knew:
                name = self.world.directory.name_of_proc(proc)
                return self._said(host, f"Running of {name}, whose process had died", proc, record, facts.died_seq)
        elif status.kind in _ENDED and facts.died_at is None:
            self._called_ended.setdefault(proc, (record, status))
        return ()

    def _seen_at(self, node: Node, died_at: int) -> int:
        """When a host could see that a process of its had died: when it runs again, if it was stopped then."""
        stalls = self.world.nodes[self.world.directory.hosts[node]].stalls
        return next((end for begin, end in stalls if begin <= died_at < end), died_at)

    def finish(self, ended_ns: int) -> Iterable[Violation]:
        for subject, (record, status) in self._called_ended.items():
            yield from self._not_ended(subject, record, status, ended_ns)
        yield from self._never_taken_back(ended_ns)

    def _not_ended(
        self, subject: ActorId | ProcId, record: Record, status: Status, ended_ns: int
    ) -> Iterable[Violation]:
        world, config = self.world, self.world.config
        if subject in world.actors:
            actor = ActorId(subject)
            bound = config.stop_actor_timeout + config.cleanup_timeout + SLACK_NS
            name, places, died_at = world.name(actor), world.place_of(actor), world.ended_at(actor)
        else:
            node = world.directory.node_of_proc(ProcId(subject))
            assert node is not None, "an answer about an unknown proc is not kept"
            children = len(world.children(world.directory.hosts[node]))
            grace = config.mesh_terminate_timeout, children, config.mesh_terminate_concurrency
            bound = max(world.bounds.proc_exit_ns, world.bounds.termination_ns(*grace))
            name, died_at = world.directory.name_of_proc(ProcId(subject)), world.nodes[node].died_at
            places = [world.directory.hosts[node]]
        deadline = world.extended(record.at + bound, record.at, places)
        stalled_ns = deadline - bound - record.at
        if died_at is not None:
            took_ns = max(0, died_at - record.at - stalled_ns)
            self.margin("stop", name, took_ns=took_ns, bound_ns=bound, record=record.seq)
        if deadline <= ended_ns and (died_at is None or died_at > deadline):
            after = format_duration(bound)
            message = f"{name} was called {status.kind.value}, and {after} later it was still there"
            yield self.violation(name, message, at=deadline, records=(record.seq,), kind="liveness")

    # --- controllers -------------------------------------------------------------------------------------

    def _on_controllers_answer(
        self, record: Record, controller: ActorId, statuses: tuple[Status, ...]
    ) -> Iterable[Violation]:
        looked_at = self._looked_at.get(controller)
        label = next((each.mesh.label for each in self.world.meshes.values() if each.mesh.controller == controller), "")
        if not label or looked_at is None:
            return
        spawned = self.world.meshes[label]
        for rank, status in enumerate(statuses):
            actor = ActorId(spawned.mesh.members[rank])
            ended_at, name = self.world.ended_at(actor), f"{label}[{rank}]"
            if status.kind is StatusKind.RUNNING:
                if ended_at is not None and ended_at < looked_at:
                    yield from self._said(controller, f"Running of {name}, which had ended", actor, record)
            elif status.is_terminating and not rank_impaired(self.world, spawned, rank, record.at):
                yield from self._said(controller, f"{status} of {name}, which was well", actor, record)

    def _on_poll_started(self, record: Record) -> Iterable[Violation]:
        assert isinstance(record.what, PollStarted)
        self._poll_began[record.what.controller] = record.at
        return ()

    def _on_poll_ended(self, record: Record) -> Iterable[Violation]:
        poll = record.what
        assert isinstance(poll, PollEnded)
        if poll.outcome != "abandoned" and poll.controller in self._poll_began:
            self._looked_at[poll.controller] = self._poll_began[poll.controller]
        return ()

    def _on_monitoring_ended(self, record: Record) -> Iterable[Violation]:
        assert isinstance(record.what, MonitoringEnded)
        if record.what.why != "all_terminal":
            self._stopping.add(record.what.controller)
        return ()

    def _said(
        self, who: ActorId, what: str, subject: ActorId | ProcId, record: Record, *before: int
    ) -> Iterable[Violation]:
        """Said what is not so: one finding for each speaker and subject, however often it is said."""
        if (who, subject) in self._found:
            return []
        self._found.add((who, subject))
        name = self.world.name(who)
        message = self.world.directory.shortened(f"{name} said {what}")
        return [self.violation(name, message, at=record.at, records=(*before, record.seq))]

    # --- listeners and slices ----------------------------------------------------------------------------

    def _on_notice(self, record: Record, envelope: Envelope, message: MeshFailed) -> None:
        if message.failure is None or not envelope.subscriber:
            return
        key = (envelope.sender, envelope.dest, envelope.port)
        if not message.failure.event.actor_status.is_terminal:
            self._told.pop(key, None)  # All is well again.
        elif message.failure.rank is not None:
            self._told[key] = record

    def _on_subscriber_removed(self, record: Record) -> Iterable[Violation]:
        note = record.what
        assert isinstance(note, SubscriberRemoved)
        for key in [key for key in self._told if key[:2] == (note.controller, note.subscriber)]:
            del self._told[key]
        return ()

    def _never_taken_back(self, ended_ns: int) -> Iterable[Violation]:
        """Subscribers that were told of a failure where every rank is well, and has been for long enough."""
        world = self.world
        meshes = {spawned.mesh.controller: spawned for spawned in world.meshes.values() if spawned.mesh.controller}
        for (controller, listener, _), record in self._told.items():
            spawned = meshes.get(controller)
            over = any(world.ended_at(each) is not None for each in (controller, listener))
            if spawned is None or over or controller in self._stopping or controller in world.hung:
                continue
            if record.at + world.bounds.detection_ns <= ended_ns and self._all_well(spawned, ended_ns):
                label, name = spawned.mesh.label, world.name(listener)
                message = f"{name} was told of a failure of {label}, and never that every rank of it was well again"
                due = record.at + world.bounds.detection_ns
                yield self.violation(name, message, at=due, records=(record.seq,), kind="liveness")

    def _all_well(self, spawned: Spawned, at: int) -> bool:
        return not any(rank_impaired(self.world, spawned, rank, at) for rank in range(len(spawned.mesh.members)))

    def _on_reference(self, record: Record) -> Iterable[Violation]:
        assert isinstance(record.what, ReferenceMade)
        self._references[record.what.label] = record.what
        return ()

    def _on_heard(self, record: Record) -> Iterable[Violation]:
        heard = record.what
        assert isinstance(heard, Heard)
        made, spawned = self._references.get(heard.ref), self.world.meshes.get(heard.mesh)
        if made is None or spawned is None or heard.rank is None:
            return []
        procs = spawned.mesh.procs
        if heard.rank < len(procs) and procs[heard.rank] in made.procs:
            return []
        name = self.world.name(heard.listener)
        message = f"{name} heard through {heard.ref} of {heard.mesh}[{heard.rank}], which is none of its ranks"
        return [self.violation(name, message, at=record.at, records=(record.seq,))]
