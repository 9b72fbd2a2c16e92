"""Whoever is made to end has the time that the configuration promises."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from meshsim.model.hosts.ladder import AGENT_MARGIN_NS, SIGKILL, SIGTERM
from meshsim.model.ids import (
    HOST_AGENT,
    MESH_AGENT,
    PROC_AGENT,
    ActorId,
    Node,
    ProcId,
    actor_id,
    actor_name_of,
    address_of,
    address_of_node,
    host_agent_id,
    pid_of,
    proc_id,
    proc_of,
)
from meshsim.model.messages import CauseFault, Envelope, RankStatus, ShutdownHost, StateReply, Stop, StopAll
from meshsim.model.notes import ActorStatusChanged, OrphanStopped, ProcStatusChanged
from meshsim.model.runtime.ending import DROPPED
from meshsim.model.supervision import ActorPhase
from meshsim.oracle.invariants.base import Invariant
from meshsim.oracle.load import AgentLoad
from meshsim.oracle.verdict import Violation
from meshsim.oracle.world import World
from meshsim.trace.records import FaultStruck, ProcessDied, ProcessReaped, ProcessSignalled, Record
from meshsim.units import format_duration

#: How long an agent may be told late, and how long it may take to exit when its actors' time is over. Source: chosen
#: here, so that both fit into what it has beside its actors while Q5 is off.
_TO_EXIT_NS = AGENT_MARGIN_NS // 2


class _Climb(msgspec.Struct):
    """What one process was put through: when each ladder began for it, and what it was sent."""

    #: Ladder A (`Stop` at its host): since when it is Stopping.
    stopped_at: int | None = None
    #: Whether a `Stop` has reached its host, so that Stopping means ladder A.
    is_told: bool = False
    #: Ladder B (shutdown of its host): since when its agent knows, and whether there is an agent to ask.
    terminated_at: int | None = None
    grace_ns: int = 0
    has_agent: bool = False
    termed_at: int | None = None


class GracePeriods(Invariant):
    """No process gets SIGTERM or SIGKILL from its host, no actor is aborted, before its time is over, or out of order.

    SIGTERM, where the first counts: X after the proc became Stopping by a `Stop`; T, as the shutdown says, after its
    host was told to shut down or, if it was its turn later, after its agent was told; at once when the host shuts down
    and the proc never called back. SIGKILL: the same grace after the SIGTERM; or at once when a proc is late to be
    Ready (R after its start, Q39 off), or when its host's agent ends and drops its launcher. Without any of these a
    host sends no signal.

    Nor does it send SIGTERM while the agent that it told to stop all still has time, which is S for its actors and
    half of m to exit: an agent that keeps its time would be killed at its work. That is so where the grace is at least
    S, and the agent was told within half of m and is not stopped.

    An agent that is told to stop an actor aborts it no sooner than S later, and answers nobody before that time is
    over or the actor has ended; judged when the agent was free, as what waits in its mailbox may be older. One that is
    told to stop all aborts and exits no sooner than S later, unless every root actor has ended.

    Known holes: Q63 (shutdown cuts the grace of a stop short), Q5 (SIGTERM comes as the agent aborts its actors).

    Source: supervision.md 3.8, 8.3, 8.4.
    """

    id = "grace-periods"
    sentence = "Nobody is terminated, killed or aborted before his time is over."
    needs = "Signals that hosts send, or agents that are told to stop actors."
    quirks = ("Q63", "Q5")
    sees = (ProcStatusChanged, ProcessSignalled, ActorStatusChanged, ProcessDied, ProcessReaped, OrphanStopped)
    takes = (Stop, StopAll, ShutdownHost, StateReply, RankStatus)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._climbs: dict[Node, _Climb] = {}
        self._load = AgentLoad(world.config)
        #: When each actor, or each proc as a whole, was told to stop by its agent.
        self._stops: dict[ActorId, int] = {}
        self._stop_alls: dict[ProcId, Record] = {}
        #: Agents that wait for one actor: which, and the delivery that made them.
        self._waiting: dict[ActorId, tuple[ActorId, Record]] = {}
        #: Processes that ended themselves while somebody in them still had time, with his name.
        self._hasty: dict[str, tuple[Record, str]] = {}

    def observe(self, record: Record) -> Iterable[Violation]:
        match record.what:
            case ProcStatusChanged():
                self._on_proc_status(record, record.what)
            case ProcessSignalled(signal=number, by=by) if by and by != record.node:
                return self._on_signal(record, number, Node(by))
            case ActorStatusChanged(phase=ActorPhase.STOPPED, text=text) if text.endswith(DROPPED):
                return self._on_aborted(record, record.what.actor)
            case ProcessDied(why="exit"):
                self._on_exit(record)
            case ProcessReaped(status=status):
                died = self._hasty.pop(record.node, None)
                if died is not None and status.code == 0:
                    return [self._hasty_exit(*died)]
            case OrphanStopped(actor=actor):
                self._load.orphan(record, actor)
                self._stops[actor] = record.at
            case _:
                pass
        return ()

    def deliver(self, record: Record, envelope: Envelope) -> Iterable[Violation]:
        message, dest = envelope.message, envelope.dest
        match message:
            case StateReply() | RankStatus():
                return self._on_reply(record, envelope) if envelope.sender in self._waiting else ()
            case ShutdownHost(timeout_ns=grace_ns):
                for node in self.world.children(Node(record.node)):
                    self._terminate(node, record.at, grace_ns)
            case StopAll():
                self._on_stop_all(record, envelope)
            case Stop(name=name) if actor_name_of(dest) == HOST_AGENT:
                told = self.world.directory.node_of_proc(proc_id(address_of(proc_of(dest)), name))
                if told is not None:
                    self._climb(told).is_told = True
            case Stop(name=name) if actor_name_of(dest) in (PROC_AGENT, MESH_AGENT):
                self._on_stop(record, envelope, actor_id(proc_of(dest), name))
            case _:
                pass
        return ()

    # --- ladders of hosts ------------------------------------------------------------------------------------

    def _climb(self, node: Node) -> _Climb:
        return self._climbs.setdefault(node, _Climb())

    def _on_proc_status(self, record: Record, note: ProcStatusChanged) -> None:
        node = self.world.directory.node_of_proc(proc_id(address_of_node(record.node), note.name))
        if node is None:
            return
        if note.phase == "Ready":
            self._climb(node).has_agent = True
        elif note.phase == "Stopping" and self._climb(node).is_told:
            self._climb(node).stopped_at = record.at

    def _terminate(self, node: Node, at: int, grace_ns: int) -> None:
        climb = self._climb(node)
        climb.terminated_at, climb.grace_ns = at, grace_ns

    def _on_stop_all(self, record: Record, envelope: Envelope) -> None:
        self._load.take(record, envelope)
        self._stop_alls.setdefault(proc_of(envelope.dest), record)
        climb = self._climbs.get(Node(record.node))
        sent = self.world.cause_of(record)
        if climb is not None and sent is not None and climb.terminated_at is not None and climb.stopped_at is None:
            climb.terminated_at = max(climb.terminated_at, sent.at)

    def _on_signal(self, record: Record, number: int, host: Node) -> Iterable[Violation]:
        node = Node(record.node)
        if self.world.directory.hosts.get(node) != host:
            return  # Not a proc of a host: what an allocator starts has ladders of its own.
        climb = self._climb(node)
        if number == SIGTERM:
            climb.termed_at = record.at if climb.termed_at is None else climb.termed_at
            left = self._left(climb, record.at)
            if left is None:
                yield self._early(record, "SIGTERM", "nobody had asked for its end")
            elif left > 0:
                yield self._early(record, "SIGTERM", f"{format_duration(left)} of its time were left")
            else:
                yield from self._agent_cut_short(climb, record)
        elif number == SIGKILL:
            yield from self._on_kill(record, climb, host)

    def _left(self, climb: _Climb, now_ns: int) -> int | None:
        """How much of its grace a process still has; None when no ladder was begun for it."""
        ends = []
        if climb.stopped_at is not None:
            ends.append(climb.stopped_at + self.world.config.process_exit_timeout)
        if climb.terminated_at is not None:
            ends.append(climb.terminated_at + (climb.grace_ns if climb.has_agent else 0))
        return min(ends) - now_ns if ends else None

    def _agent_cut_short(self, climb: _Climb, record: Record) -> Iterable[Violation]:
        """An agent that was told to stop all still has time for its actors: where that can be known, and in time for
        the grace of its process.
        """
        node = Node(record.node)
        told = next((told for told in self._stop_alls.values() if told.node == node), None)
        sent = None if told is None else self.world.cause_of(told)
        stop_ns = self.world.config.stop_actor_timeout
        graces = [self.world.config.process_exit_timeout] if climb.stopped_at is not None else []
        graces += [climb.grace_ns] if climb.terminated_at is not None else []
        if told is None or sent is None or min(graces, default=0) < stop_ns:
            return
        if told.at - sent.at > _TO_EXIT_NS or self.world.stalled_ns(node, sent.at, record.at) > 0:
            return
        left = told.at + stop_ns + _TO_EXIT_NS - record.at
        if left > 0:
            yield self._early(record, "SIGTERM", f"{format_duration(left)} of its agent's time were left", told.seq)

    def _on_kill(self, record: Record, climb: _Climb, host: Node) -> Iterable[Violation]:
        config, started = self.world.config, self.world.nodes[Node(record.node)]
        is_late = not climb.has_agent and record.at >= started.at + config.host_spawn_ready_timeout
        if is_late or self.world.is_ending(host_agent_id(host)):
            return
        if climb.termed_at is not None:
            graces = [config.process_exit_timeout] if climb.stopped_at is not None else []
            graces += [climb.grace_ns] if climb.terminated_at is not None else []
            left = climb.termed_at + min(graces, default=0) - record.at
            if left > 0:
                yield self._early(record, "SIGKILL", f"{format_duration(left)} of its time after SIGTERM were left")
        else:
            yield self._early(record, "SIGKILL", "it had not been sent SIGTERM before")

    def _early(self, record: Record, signal: str, why: str, *before: int) -> Violation:
        name = self.world.directory.name_of_node(record.node)
        message = f"the process of {name} was sent {signal}, but {why}"
        return self.violation(name, message, at=record.at, records=(*before, record.seq))

    # --- agents and their actors -----------------------------------------------------------------------------

    def _on_stop(self, record: Record, envelope: Envelope, actor: ActorId) -> None:
        agent = envelope.dest
        facts = self.world.actors.get(actor)
        if facts is None or self.world.ended_at(actor) is not None or actor in self._stops:
            return
        self._stops[actor] = record.at
        if self._load.free_at(agent, record.at) == record.at and not self._initializes(agent):
            self._waiting[agent] = (actor, record)
        self._load.take(record, envelope)

    def _initializes(self, agent: ActorId) -> bool:
        """Whether an actor's init runs: while Q31 is off, who asks about it is answered when that is over."""
        proc, actors = proc_of(agent), self.world.actors
        return any(proc_of(each) == proc and actors[each].phase is ActorPhase.INITIALIZING for each in actors)

    def _on_reply(self, record: Record, envelope: Envelope) -> Iterable[Violation]:
        actor, stop = self._waiting[envelope.sender]
        sent = self.world.cause_of(record)
        if sent is None or sent.seq <= stop.seq:
            return
        ended_at, left = self.world.ended_at(actor), stop.at + self.world.config.stop_actor_timeout - sent.at
        del self._waiting[envelope.sender]
        if left > 0 and (ended_at is None or ended_at > sent.at):
            agent, name = self.world.name(envelope.sender), self.world.name(actor)
            message = f"{agent} did not wait for {name} to stop: {format_duration(left)} of its time were left"
            yield self.violation(agent, message, at=sent.at, records=(stop.seq, record.seq))

    def _on_aborted(self, record: Record, actor: ActorId) -> Iterable[Violation]:
        told = self._stop_alls.get(proc_of(actor))
        asked = [at for at in (self._stops.get(actor), None if told is None else told.at) if at is not None]
        if not asked or pid_of(actor) != 0:
            return
        left = min(asked) + self.world.config.stop_actor_timeout - record.at
        if left > 0:
            name = self.world.name(actor)
            message = f"{name} was aborted, but {format_duration(left)} of its time to stop were left"
            yield self.violation(name, message, at=record.at, records=(record.seq,))

    def _on_exit(self, record: Record) -> None:
        """Whether somebody in a process that was told to stop all, and ends itself, still had time."""
        cause = self.world.cause_of(record)
        if cause is None or isinstance(cause.what, FaultStruck) or _is_fault(cause):
            return
        for proc, told in self._stop_alls.items():
            in_time = record.at < told.at + self.world.config.stop_actor_timeout
            if told.node == record.node and in_time:
                for actor, facts in self.world.actors.items():
                    live = proc_of(actor) == proc and pid_of(actor) == 0 and facts.ended_at is None
                    if live and actor_name_of(actor) not in (PROC_AGENT, MESH_AGENT):
                        self._hasty[record.node] = (record, self.world.name(actor))

    def _hasty_exit(self, record: Record, actor: str) -> Violation:
        name = self.world.directory.name_of_node(record.node)
        message = f"the process of {name} exited although {actor} still had time to stop"
        return self.violation(name, message, at=record.at, records=(record.seq,))


def _is_fault(record: Record) -> bool:
    return isinstance(record.what, Envelope) and isinstance(record.what.message, CauseFault)
