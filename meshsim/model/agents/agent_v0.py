"""What an agent of the allocated path does: be configured once, say that it lives, spawn and stop single actors.

    UNCONFIGURED_V0 ──Configure──▶ CONFIGURED_V0
    any other ──Configure──▶ INVALID (and the agent fails)

An agent of the owned path (mode V1) takes the same messages and fails of most of them.

Source: supervision.md 8.1, 8.5, 8.7. Quirk: Q35.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from meshsim.model.alloc.messages import AgentStatus, Configure, Configured, GspawnResult, StopActor, StopActorResult
from meshsim.model.commands import (
    CancelTimer,
    Command,
    ExitProcess,
    Fail,
    HoldMessages,
    ReleaseMessages,
    SetTimer,
    SignalActor,
    SpawnActor,
)
from meshsim.model.config import Config
from meshsim.model.events import ActorSpawned
from meshsim.model.ids import ActorId, PortRef
from meshsim.model.messages import ActorEvent, Gspawn, reply_to
from meshsim.model.supervision import ActorSupervisionEvent, Generic

RECONFIGURED = "mesh agent cannot be (re-)configured"
STATUS_UNSUPPORTED = "status unsupported in v1/owned path (no rank)"
NOT_CONFIGURED = "mesh agent is not configured"

STOP_ACTOR_TIMER = "stop_actor"


class AgentMode(Enum):
    UNCONFIGURED_V0 = "unconfigured_v0"
    CONFIGURED_V0 = "configured_v0"
    V1 = "v1"
    INVALID = "invalid"


#: An agent of the owned path is V1 all its life; what Configure does to it is the same as to a configured one.
TRANSITIONS: dict[AgentMode, frozenset[AgentMode]] = {
    AgentMode.UNCONFIGURED_V0: frozenset({AgentMode.CONFIGURED_V0}),
    AgentMode.CONFIGURED_V0: frozenset({AgentMode.INVALID}),
    AgentMode.V1: frozenset({AgentMode.INVALID}),
    AgentMode.INVALID: frozenset({AgentMode.INVALID}),
}


class AgentV0(msgspec.Struct):
    """The part of an agent that knows the allocated path."""

    me: ActorId
    mode: AgentMode = AgentMode.UNCONFIGURED_V0
    rank: int = 0
    #: Where supervision events go, beside the agent's own memory.
    supervisor: PortRef | None = None
    recording: bool = False
    #: Actors that Gspawn spawned.
    spawned: list[ActorId] = []
    #: The Gspawn and the StopActor that this agent is at.
    gspawn: Gspawn | None = None
    stopping: StopActor | None = None

    @property
    def busy(self) -> bool:
        return self.gspawn is not None or self.stopping is not None

    def on_started(self) -> list[Command]:
        """What leaves the proc waits for Configure."""
        return [HoldMessages()]

    def on_configure(self, configure: Configure) -> list[Command]:
        """Once; the second time it fails the agent, and with it the process."""
        if self.mode is not AgentMode.UNCONFIGURED_V0:
            self._move_to(AgentMode.INVALID)
            return [Fail(Generic(RECONFIGURED))]
        self._move_to(AgentMode.CONFIGURED_V0)
        self.rank = configure.rank
        self.supervisor = configure.supervisor
        self.recording = configure.record
        book = tuple(proc for proc, _ in configure.address_book)
        return [ReleaseMessages(configure.forwarder, book), reply_to(configure.reply, self.me, Configured(self.rank))]

    def on_query_status(self, reply: PortRef, config: Config) -> list[Command]:
        """Q35: only a configured agent of the allocated path can say so. Off: one of the owned path says so, too."""
        known = self.mode is AgentMode.CONFIGURED_V0 or (self.mode is AgentMode.V1 and not config.has("Q35"))
        if not known:
            return [Fail(Generic(STATUS_UNSUPPORTED))]
        return [reply_to(reply, self.me, AgentStatus(self.rank, alive=True))]

    def on_gspawn(self, gspawn: Gspawn) -> list[Command]:
        if self.mode is not AgentMode.CONFIGURED_V0:
            return [Fail(Generic(NOT_CONFIGURED))]
        self.gspawn = gspawn
        return [SpawnActor(gspawn.name, gspawn.spec, 0)]  # Of no mesh: the one rank of an extent without dimensions.

    def on_spawned(self, spawned: ActorSpawned) -> list[Command]:
        """The answer to `on_gspawn`. A spawn that failed is told, and then fails the agent."""
        assert self.gspawn is not None
        reply, self.gspawn = self.gspawn.reply, None
        if spawned.actor_id is not None:
            self.spawned.append(spawned.actor_id)
            return [reply_to(reply, self.me, GspawnResult(self.rank, spawned.actor_id))]
        error = f"gspawn failed: {spawned.error}"
        return [reply_to(reply, self.me, GspawnResult(self.rank, None, error)), Fail(Generic(error))]

    def on_event(self, event: ActorSupervisionEvent) -> list[Command]:
        """Step 2 and 3 of 8.5: to the supervisor; an event that nobody wants is the end of the process."""
        if self.supervisor is not None:
            return [reply_to(self.supervisor, self.me, ActorEvent(event))]
        return [] if self.recording else [ExitProcess(1)]

    def on_stop_actor(self, stop: StopActor, *, known: bool) -> list[Command]:
        """Signal it and wait in the handler, in any mode. `known` says whether this proc has such an actor."""
        if not known:
            return [reply_to(stop.reply, self.me, StopActorResult("NotFound"))]
        self.stopping = stop
        return [
            SignalActor(stop.actor_id, "drain_and_stop", stop.reason),
            SetTimer(self.me, STOP_ACTOR_TIMER, stop.timeout_ns),
        ]

    def on_ended(self, actor: ActorId) -> list[Command]:
        """An actor of the proc ended; perhaps the one that is waited for."""
        if self.stopping is None or self.stopping.actor_id != actor:
            return []
        return [CancelTimer(self.me, STOP_ACTOR_TIMER), *self._answer_stop("Success")]

    def on_timer(self) -> list[Command]:
        """The actor that is waited for did not end in time. Nothing is aborted."""
        return self._answer_stop("Timeout")

    def _answer_stop(self, result: str) -> list[Command]:
        assert self.stopping is not None
        reply, self.stopping = self.stopping.reply, None
        return [reply_to(reply, self.me, StopActorResult(result))]

    def _move_to(self, mode: AgentMode) -> None:
        assert mode in TRANSITIONS[self.mode], f"{self.me}: {self.mode.value} -> {mode.value}"
        self.mode = mode
