"""ProcRef.actor_state: the agent of one proc is asked for one actor, without limit. Only the revision of 2025-11 can.

Source: mesh_model.md Appendix A (single-proc queries), supervision.md 10.9.
"""

from __future__ import annotations

import msgspec

from meshsim.model.clients.stopping import Outcome
from meshsim.model.commands import Command
from meshsim.model.config import Config
from meshsim.model.events import ActorSpawned, TimerFired
from meshsim.model.ids import ActorId, PortRef
from meshsim.model.messages import Envelope, GetState, StateReply
from meshsim.model.operations import AskActor
from meshsim.model.status import ActorState

#: Of a revision that has no such query.
NO_SINGLE_QUERY = "a single actor cannot be asked for in this revision"


class AskActorRun(msgspec.Struct):
    """Ask, and believe the agent only if it is the one of the right rank."""

    me: ActorId
    operation: AskActor
    config: Config
    port: int
    outcome: Outcome | None = None

    def accepts(self, port: int) -> bool:
        return port == self.port

    def start(self, now_ns: int) -> list[Command]:
        if not self.config.revision.single_actor_query:
            self.outcome = Outcome(error=NO_SINGLE_QUERY)
            return []
        return [Envelope(self.me, self._agent, GetState(self.operation.mesh.name, PortRef(self.me, self.port)))]

    @property
    def _agent(self) -> ActorId:
        return self.operation.mesh.procs.procs[self.operation.rank].agent

    def handle(self, event: Envelope | TimerFired | ActorSpawned, now_ns: int) -> list[Command]:
        assert isinstance(event, Envelope)
        assert isinstance(event.message, StateReply)
        name, state = self.operation.mesh.name, event.message.state
        expected = self.operation.mesh.procs.procs[self.operation.rank].create_rank
        if not isinstance(state.state, ActorState):
            self._fail(f"Actor {name} does not exist")
        elif state.state.create_rank != expected:
            returned = state.state.create_rank
            self._fail(f"Rank on mesh agent not matching for Actor {name}: returned {returned}, expected {expected}")
        else:
            self.outcome = Outcome(result=str(state.status))
        return []

    def _fail(self, text: str) -> None:
        self.outcome = Outcome(error=f"error while calling actor {self._agent}: {text}")
