"""Host mesh operations of the client side, each a small machine that waits for replies (see `procedures`).

Source: supervision.md 9.3, 9.4.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from meshsim.model.alloc.messages import StopAlloc
from meshsim.model.clients.stopping import Outcome, shutdown_host
from meshsim.model.commands import CancelTimer, Command, SetTimer, SpawnChild, StartHost
from meshsim.model.config import Config, overrides
from meshsim.model.controllers.mesh_controllers import HostMeshController
from meshsim.model.events import ActorSpawned, TimerFired
from meshsim.model.ids import ActorId, Name, PortRef, host_agent_id
from meshsim.model.messages import Ack, Envelope, ListResources, ResourceNames, SetClientConfig
from meshsim.model.notes import Warned

#: Why the procs of allocated hosts are stopped with these.
SHUTDOWN = "host mesh shutdown"


class ShutdownRun(msgspec.Struct):
    """HostMesh.shutdown (9.4): one host after the other, each until it acknowledges; no limit.

    Then the procs of hosts that were allocated are stopped, with their alloc.
    """

    me: ActorId
    hosts: tuple[str, ...]
    config: Config
    port: int
    alloc: ActorId | UnsetType = UNSET
    done: int = 0
    outcome: Outcome | None = None

    def accepts(self, port: int) -> bool:
        return port == self.port

    def start(self, now_ns: int) -> list[Command]:
        if self.done == len(self.hosts) and self.alloc is not UNSET:
            return [Envelope(self.me, self.alloc, StopAlloc(PortRef(self.me, self.port), SHUTDOWN))]
        if self.done >= len(self.hosts):
            self.outcome = Outcome()
            return []
        return [shutdown_host(self.me, self.hosts[self.done], self.config, self.port)]

    def handle(self, event: Envelope | TimerFired | ActorSpawned, now_ns: int) -> list[Command]:
        assert isinstance(event, Envelope)
        assert isinstance(event.message, Ack)
        self.done += 1
        return self.start(now_ns)

    def on_returned(self, why: str, now_ns: int) -> list[Command]:
        """A host that is gone is logged, and the next one is told; the whole ends well all the same (9.4)."""
        self.done += 1
        return self.start(now_ns)


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

    def on_returned(self, why: str, now_ns: int) -> list[Command]:
        self.outcome = Outcome(error=why)
        return []


class _HostMesh(msgspec.Struct):
    """A host mesh that an operation makes. Q29: it has no controller. Off: one that shuts its hosts down."""

    me: ActorId
    hosts: tuple[str, ...]
    config: Config
    port: int
    key: str
    #: Full name of the mesh; only its controller is named after it.
    name: Name
    outcome: Outcome | None = None

    def accepts(self, port: int) -> bool:
        return port == self.port and self.outcome is None

    def _own(self, result: str = "") -> list[Command]:
        if self.config.has("Q29"):
            self.outcome = Outcome(result=result)
            return []
        controller = HostMeshController(me=ActorId(""), config=self.config, hosts=self.hosts)
        return [SpawnChild(Name(f"host_mesh_controller_{self.name}"), controller)]

    def _on_controller(self, error: str | None, result: str = "") -> list[Command]:
        text = None if error is None else f"error spawning controller actor for mesh {self.name}: {error}"
        self.outcome = Outcome(error=text, result=result)
        return []


class SpawnHostsRun(_HostMesh):
    """HostMesh.process (9.4): start the processes, and do not wait until they are ready."""

    def start(self, now_ns: int) -> list[Command]:
        return [*(StartHost(host) for host in self.hosts), *self._own()]

    def handle(self, event: Envelope | TimerFired | ActorSpawned, now_ns: int) -> list[Command]:
        assert isinstance(event, ActorSpawned)
        return self._on_controller(event.error)


class AttachRun(_HostMesh):
    """HostMesh.attach (9.4): push this process's configuration to every host, as far as that goes in time.

    A host that does not answer is attached all the same; the limit is one for all of them.
    """

    answered: int = 0

    def start(self, now_ns: int) -> list[Command]:
        message = SetClientConfig(overrides(self.config), PortRef(self.me, self.port))
        pushes: list[Command] = [Envelope(self.me, host_agent_id(host), message) for host in self.hosts]
        return [*pushes, SetTimer(self.me, self.key, self.config.mesh_attach_config_timeout)]

    def handle(self, event: Envelope | TimerFired | ActorSpawned, now_ns: int) -> list[Command]:
        match event:
            case Envelope(message=Ack()):
                self.answered += 1
                if self.answered < len(self.hosts):
                    return []
                return [CancelTimer(self.me, self.key), *self._own(self._result)]
            case TimerFired():
                silent = len(self.hosts) - self.answered
                warning = f"timed out pushing the configuration to {silent} of {len(self.hosts)} hosts"
                return [Warned(self.me, warning), *self._own(self._result)]
            case ActorSpawned(error=error):
                return self._on_controller(error, self._result)
            case _:
                raise AssertionError(f"unexpected event {event!r}")

    @property
    def _result(self) -> str:
        return f"{self.answered} of {len(self.hosts)} hosts configured"
