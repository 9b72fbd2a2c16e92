"""Host mesh operations of the client side, each a small machine that waits for replies (see `procedures`).

Source: supervision.md 9.3, 9.4.
"""

from __future__ import annotations

import msgspec

from meshsim.model.commands import Command
from meshsim.model.config import Config, clamped_concurrency
from meshsim.model.events import ActorSpawned, TimerFired
from meshsim.model.ids import ActorId, PortRef, host_agent_id
from meshsim.model.messages import Ack, Envelope, ListResources, ResourceNames, ShutdownHost
from meshsim.model.stopping import Outcome


class ShutdownRun(msgspec.Struct):
    """HostMesh.shutdown (9.4): one host after the other, each until it acknowledges; no limit."""

    me: ActorId
    hosts: tuple[str, ...]
    config: Config
    port: int
    done: int = 0
    outcome: Outcome | None = None

    def accepts(self, port: int) -> bool:
        return port == self.port

    def start(self, now_ns: int) -> list[Command]:
        if self.done == len(self.hosts):
            self.outcome = Outcome()
            return []
        return [shutdown_host(self.me, self.hosts[self.done], self.config, self.port)]

    def handle(self, event: Envelope | TimerFired | ActorSpawned, now_ns: int) -> list[Command]:
        assert isinstance(event, Envelope)
        assert isinstance(event.message, Ack)
        self.done += 1
        return self.start(now_ns)


def shutdown_host(me: ActorId, host: str, config: Config, port: int) -> Envelope:
    """The order to shut down, to be acknowledged on this port."""
    message = ShutdownHost(
        timeout_ns=config.mesh_terminate_timeout,
        max_in_flight=clamped_concurrency(config.mesh_terminate_concurrency),
        ack=PortRef(me, port),
    )
    return Envelope(me, host_agent_id(host), message)


class ListProcsRun(msgspec.Struct):
    """Ask a host for the names of its procs; the wait has no limit."""

    me: ActorId
    host: str
    port: int
    outcome: Outcome | None = None

    def accepts(self, port: int) -> bool:
        return port == self.port

    def start(self, now_ns: int) -> list[Command]:
        return [Envelope(self.me, host_agent_id(self.host), ListResources(PortRef(self.me, self.port)))]

    def handle(self, event: Envelope | TimerFired | ActorSpawned, now_ns: int) -> list[Command]:
        assert isinstance(event, Envelope)
        assert isinstance(event.message, ResourceNames)
        self.outcome = Outcome(result=", ".join(event.message.names))
        return []
