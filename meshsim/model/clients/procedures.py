"""Mesh operations of the client side, each a small machine that waits for replies.

A procedure belongs to a context (`meshsim.model.clients.context`) or to a mesh controller's cleanup. It is started
once, takes the replies that arrive on its ports and its own timers, and is over when `outcome` is set.

Those that spawn have modules of their own (`spawn_procs`, `spawn_actors`), as have those of hosts and allocs; here are
those that ask or stop, and the list of all.

Source: supervision.md 5.5, 5.7, 12.5.
"""

from __future__ import annotations

import msgspec

from meshsim.model.clients.allocating import AllocateRun, GspawnRun, QueryProcsRun, StopActorRun, StopAllocatedRun
from meshsim.model.clients.asking import AskRun, DrillRun
from meshsim.model.clients.counting import TallyRun
from meshsim.model.clients.host_operations import AttachRun, ListProcsRun, ShutdownRun, SpawnHostsRun
from meshsim.model.clients.single_actor import AskActorRun
from meshsim.model.clients.spawn_actors import SpawnActorsRun
from meshsim.model.clients.spawn_procs import SpawnProcsRun
from meshsim.model.clients.stop_by_name import StopByNameRun
from meshsim.model.clients.stopping import Outcome, StopProcsRun
from meshsim.model.commands import Command
from meshsim.model.config import Config
from meshsim.model.events import ActorSpawned, TimerFired
from meshsim.model.ids import (
    ActorId,
    PortRef,
)
from meshsim.model.messages import (
    Envelope,
    GetState,
    GetSubscriberCount,
    StateReply,
    Stop,
    SubscriberCount,
)
from meshsim.model.operations import ActorMeshRef
from meshsim.model.status import MeshState, Status, StatusKind, inverted

#: How many ports and which timer key one procedure may use.
PORTS_EACH = 2


class StopActorsRun(msgspec.Struct):
    """ActorMesh.stop (12.5): tell the controller, then ask it. The wait has no limit."""

    me: ActorId
    mesh: ActorMeshRef
    reason: str
    config: Config
    port: int
    outcome: Outcome | None = None

    def accepts(self, port: int) -> bool:
        return port == self.port

    def start(self, now_ns: int) -> list[Command]:
        assert self.mesh.controller is not None
        controller, name = self.mesh.controller, self.mesh.name
        return [
            Envelope(self.me, controller, Stop(name, self.reason)),
            Envelope(self.me, controller, GetState(name, PortRef(self.me, self.port))),
        ]

    def handle(self, event: Envelope | TimerFired | ActorSpawned, now_ns: int) -> list[Command]:
        assert isinstance(event, Envelope)
        assert isinstance(event.message, StateReply)
        match event.message.state.state:
            case MeshState(statuses=statuses):
                stopped = all(self._counts_as_stopped(status) for status in statuses)
                text = inverted(statuses)
                error = None if stopped else f"error stopping actor mesh: statuses: {text}"
                self.outcome = Outcome(error=error, result=text)
            case _:
                error = f"non-existent state in GetState reply from controller: {self.mesh.controller}"
                self.outcome = Outcome(error=error)
        return []

    def on_returned(self, why: str, now_ns: int) -> list[Command]:
        self.outcome = Outcome(error=why)
        return []

    def _counts_as_stopped(self, status: Status) -> bool:
        """Q53: silence does, too. Off: nobody knows what a silent actor does."""
        return status.is_terminating and (status.kind is not StatusKind.TIMEOUT or self.config.has("Q53"))


class QueryRun(msgspec.Struct):
    """Ask a controller for the state of its mesh (5.7)."""

    me: ActorId
    mesh: ActorMeshRef
    port: int
    outcome: Outcome | None = None

    def accepts(self, port: int) -> bool:
        return port == self.port

    def start(self, now_ns: int) -> list[Command]:
        assert self.mesh.controller is not None
        port = PortRef(self.me, self.port)
        return [Envelope(self.me, self.mesh.controller, GetState(self.mesh.name, port))]

    def handle(self, event: Envelope | TimerFired | ActorSpawned, now_ns: int) -> list[Command]:
        assert isinstance(event, Envelope)
        assert isinstance(event.message, StateReply)
        state = event.message.state
        ranks = inverted(state.state.statuses) if isinstance(state.state, MeshState) else ""
        self.outcome = Outcome(result=f"{state.status}; {ranks}")
        return []

    def on_returned(self, why: str, now_ns: int) -> list[Command]:
        self.outcome = Outcome(error=why)
        return []


class CountRun(msgspec.Struct):
    """Ask a controller how many subscribe to its mesh (5.5)."""

    me: ActorId
    mesh: ActorMeshRef
    port: int
    outcome: Outcome | None = None

    def accepts(self, port: int) -> bool:
        return port == self.port

    def start(self, now_ns: int) -> list[Command]:
        assert self.mesh.controller is not None
        return [Envelope(self.me, self.mesh.controller, GetSubscriberCount(PortRef(self.me, self.port)))]

    def handle(self, event: Envelope | TimerFired | ActorSpawned, now_ns: int) -> list[Command]:
        assert isinstance(event, Envelope)
        assert isinstance(event.message, SubscriberCount)
        self.outcome = Outcome(result=str(event.message.count))
        return []

    def on_returned(self, why: str, now_ns: int) -> list[Command]:
        self.outcome = Outcome(error=why)
        return []


Procedure = (
    SpawnProcsRun
    | AllocateRun
    | SpawnActorsRun
    | StopActorsRun
    | StopByNameRun
    | StopProcsRun
    | StopAllocatedRun
    | QueryRun
    | CountRun
    | QueryProcsRun
    | AskActorRun
    | GspawnRun
    | StopActorRun
    | ShutdownRun
    | ListProcsRun
    | SpawnHostsRun
    | AttachRun
    | AskRun
    | DrillRun
    | TallyRun
)
