"""How a client watches an actor mesh whose controller does not: it asks the agents itself, again and again.

A poll begins one period after the one before was over. Each asks every agent for its actor and waits for the next
answer no longer than an idle limit; a rank that stays silent counts as stopped. A rank that has ended is told of once,
with the first event of its actor.

    WAITING ──period──▶ ASKING ──last answer, idle limit, error──▶ WAITING

It looks at agents alone: how a process ended is not seen, only that its agent is silent.

Source: supervision.md 10.9 (row "Who detects failures"), mesh_model.md 2.9.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from meshsim.model.clients.waits import IdleLimit, Progress, StateQuery
from meshsim.model.commands import Command, SetTimer
from meshsim.model.config import Config
from meshsim.model.controllers.health import silent_agent
from meshsim.model.ids import ActorId, PortRef
from meshsim.model.mapping import actor_state_to_events
from meshsim.model.messages import GetState, StateReply
from meshsim.model.messaging.casting import CastError, agents_of, cast
from meshsim.model.operations import ActorMeshRef
from meshsim.model.status import RUNNING, State, Status
from meshsim.model.supervision import ActorSupervisionEvent, Generic, MeshFailure, actor_failed
from meshsim.model.wall_clock import TRUE_CLOCK, WallClock


class MeshPollPhase(Enum):
    WAITING = "waiting"
    ASKING = "asking"
    CLOSED = "closed"


#: It ends when the reference to the mesh is dropped, or the mesh is stopped.
TRANSITIONS: dict[MeshPollPhase, frozenset[MeshPollPhase]] = {
    MeshPollPhase.WAITING: frozenset({MeshPollPhase.ASKING, MeshPollPhase.CLOSED}),
    MeshPollPhase.ASKING: frozenset({MeshPollPhase.WAITING, MeshPollPhase.CLOSED}),
    MeshPollPhase.CLOSED: frozenset(),
}


class MeshPoll(msgspec.Struct):
    """State of the polling of one mesh by one actor."""

    me: ActorId
    mesh: ActorMeshRef
    config: Config
    port: int
    key: str
    phase: MeshPollPhase = MeshPollPhase.WAITING
    #: Last known status by rank; a rank that was never heard of was Running when its spawn was over.
    statuses: dict[int, Status] = {}
    query: StateQuery | None = None
    #: The last failure: casts to the mesh are refused from then on.
    unhealthy: MeshFailure | None = None
    clock: WallClock = TRUE_CLOCK

    def accepts(self, port: int) -> bool:
        return port == self.port and self.phase is MeshPollPhase.ASKING

    def start(self) -> list[Command]:
        return [SetTimer(self.me, self.key, self.config.supervision_poll_frequency)]

    def close(self) -> None:
        if self.phase is not MeshPollPhase.CLOSED:
            self._move_to(MeshPollPhase.CLOSED)

    def on_timer(self, now_ns: int) -> tuple[list[Command], list[MeshFailure]]:
        """The period is over, or the idle limit. Returns what to do and what was found."""
        if self.phase is MeshPollPhase.CLOSED:
            return [], []
        if self.query is None:
            return self._ask(now_ns)
        rest = self.query.idle.fired(now_ns)
        return (rest, []) if rest else self._conclude(now_ns)

    def _ask(self, now_ns: int) -> tuple[list[Command], list[MeshFailure]]:
        self._move_to(MeshPollPhase.ASKING)
        procs = self.mesh.procs
        idle = IdleLimit.of(self.config, self.me, self.key, self.config.get_actor_state_max_idle)
        message = GetState(self.mesh.name, PortRef(self.me, self.port))
        try:
            asks = cast(self.me, agents_of(procs), message, self.config)
        except CastError as error:
            return self._again(), [self._query_error(error.debug, now_ns)]
        self.query = StateQuery(self.port, idle, len(procs.procs), counts_copies=self.config.has("Q44"))
        return [*asks, *idle.start(now_ns)], []

    def on_reply(self, reply: StateReply, now_ns: int) -> tuple[list[Command], list[MeshFailure]]:
        assert self.query is not None
        query = self.query
        progress = query.take(reply, now_ns)
        if progress is Progress.WAITING:
            return [], []
        if progress is Progress.COMPLETE:
            commands, failures = self._conclude(now_ns)
        else:
            commands, failures = self._again(), [self._query_error(f'NotExist(Name("{reply.state.name}"))', now_ns)]
        return [query.idle.cancel(), *commands], failures

    def _conclude(self, now_ns: int) -> tuple[list[Command], list[MeshFailure]]:
        """Compare with what was known; silent ranks are padded."""
        assert self.query is not None
        failures: list[MeshFailure] = []
        wall_ns = self.clock.at(now_ns)
        for rank in range(self.query.count):
            state = self.query.received.get(rank) or self._silent(rank, wall_ns)
            event = self._compare(rank, state, wall_ns)
            if event is not None:
                failures.append(MeshFailure(self.mesh.name, rank, event))
        self.unhealthy = failures[-1] if failures else self.unhealthy
        return self._again(), failures

    def _compare(self, rank: int, state: State, wall_ns: int) -> ActorSupervisionEvent | None:
        known = self.statuses.get(rank, RUNNING)
        if known.is_terminating or state.status == known:
            return None  # Chosen here: a rank ends once. What that revision made of a second end is not described.
        _, events = actor_state_to_events(state, wall_ns, bare_failures=False)
        if not events:
            return None
        self.statuses[rank] = state.status
        return events[0]

    def _silent(self, rank: int, wall_ns: int) -> State:
        return silent_agent(self.config, self.mesh.name, self.mesh.procs.procs[rank].agent, rank, wall_ns)

    def _query_error(self, why: str, now_ns: int) -> MeshFailure:
        """A rank answered without a state (Q24), or nobody was asked: an error of rank 0, and of who asked."""
        text = f"unable to query for actor states: {why}"
        event = ActorSupervisionEvent(self.me, None, self.clock.at(now_ns), actor_failed(Generic(text)))
        self.unhealthy = MeshFailure(self.mesh.name, 0, event)
        return self.unhealthy

    def _again(self) -> list[Command]:
        self.query = None
        self._move_to(MeshPollPhase.WAITING)
        return self.start()

    def _move_to(self, phase: MeshPollPhase) -> None:
        assert phase in TRANSITIONS[self.phase], f"{self.me}: {self.phase.value} -> {phase.value}"
        self.phase = phase
