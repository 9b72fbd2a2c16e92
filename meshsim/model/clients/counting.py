"""Asking all ranks of a mesh at once and adding up what they say: replies that relays may reduce on their way.

Each rank answers 1. By default the answers go to a port that takes one message: what arrives is the sum over all
ranks, which the comm actors made, and it never arrives if one rank does not answer. Otherwise the port accumulates
whatever arrives, in as many messages as the relays make of it, until the sum is complete.

Without comm actors nobody reduces, so that a port which takes one message would take one rank's: then the port
accumulates, too.

Source: mesh_model.md 3.6, B.4; supervision.md 12.2.
"""

from __future__ import annotations

import msgspec

from meshsim.model.clients.stopping import Outcome
from meshsim.model.commands import Command
from meshsim.model.config import Config
from meshsim.model.events import ActorSpawned, TimerFired
from meshsim.model.ids import ActorId, PortRef
from meshsim.model.messages import Envelope, HowMany, Number
from meshsim.model.messaging.accumulators import U64, Sum
from meshsim.model.messaging.casting import CastError, actors_of, cast
from meshsim.model.operations import ActorMeshRef


class TallyRun(msgspec.Struct):
    """Counts the ranks of a mesh that answer. Without a limit."""

    me: ActorId
    mesh: ActorMeshRef
    once: bool
    config: Config
    port: int
    total: Sum = Sum(U64)
    #: Messages that arrived.
    updates: int = 0
    outcome: Outcome | None = None

    def accepts(self, port: int) -> bool:
        return port == self.port

    @property
    def _takes_one(self) -> bool:
        return self.once and self.config.has("Q45") and self.mesh.procs.root_comm is not None

    def start(self, now_ns: int) -> list[Command]:
        reply = PortRef(self.me, self.port, reducer="sum_u64", once=self._takes_one)
        try:
            return [*cast(self.me, actors_of(self.mesh), HowMany(reply), self.config)]
        except CastError as error:
            self.outcome = Outcome(error=str(error))
            return []

    def handle(self, event: Envelope | TimerFired | ActorSpawned, now_ns: int) -> list[Command]:
        assert isinstance(event, Envelope)
        assert isinstance(event.message, Number)
        self.total = self.total.join(Sum(U64, event.message.value))
        self.updates += 1
        if self._takes_one or self.total.value >= self.mesh.procs.region.num_ranks:
            messages = "1 message" if self.updates == 1 else f"{self.updates} messages"
            self.outcome = Outcome(result=f"{self.total.value} in {messages}")
        return []
