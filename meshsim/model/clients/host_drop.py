"""What is left of a host mesh when its owner drops it: a task that shuts its hosts down, one after the other.

The task runs in a throw-away proc beside the owner's. It does not know whether the hosts were shut down before: a host
that is deaf, or gone, never acknowledges, and the task waits for it for ever.

Source: supervision.md 9.4, drop.
"""

from __future__ import annotations

import msgspec

from meshsim.model.clients.stopping import shutdown_host
from meshsim.model.commands import Command
from meshsim.model.config import Config
from meshsim.model.events import ClockSet, Event, Started
from meshsim.model.ids import FIRST_EPHEMERAL_PORT, ActorId
from meshsim.model.messages import Ack, Envelope, Message, Undeliverable
from meshsim.model.messaging.undeliverable import monitored_text
from meshsim.model.notes import Warned

#: Base name of the throw-away proc, and the name of its only actor.
DROP_PROC = "host_mesh_drop"
DROP_ACTOR = "client"

#: What is logged when nothing can run the task.
NO_RUNTIME = "host mesh dropped without an async runtime: its hosts are not shut down"


class HostMeshDrop(msgspec.Struct):
    """Machine of the task. `current` is the host that is waited for; the number of hosts when it is over."""

    me: ActorId
    config: Config
    hosts: tuple[str, ...]
    current: int = 0

    @property
    def busy(self) -> bool:
        return False

    def accepts(self, port: int) -> bool:
        return port == FIRST_EPHEMERAL_PORT

    def takes(self, port: int, message: Message) -> bool:
        return type(message) is Ack

    def binds(self, message: Message) -> bool:
        return type(message) is Undeliverable

    def handle(self, event: Event, now_ns: int) -> list[Command]:
        match event:
            case Started():
                return self._shut_down()
            case Envelope(message=Ack()):
                self.current += 1
                return self._shut_down()
            case Envelope(message=Undeliverable(envelope=returned, errors=errors)):
                return [Warned(self.me, monitored_text(returned, errors))]
            case ClockSet():
                return []
            case _:
                raise AssertionError(f"{self.me} cannot handle {event!r}")

    def _shut_down(self) -> list[Command]:
        if self.current == len(self.hosts):
            return []
        return [shutdown_host(self.me, self.hosts[self.current], self.config, FIRST_EPHEMERAL_PORT)]
