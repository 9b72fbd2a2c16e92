"""The actor that turns an allocated process into a host, and stays behind.

A system actor of a mesh on allocated procs. In its init it makes a host in its process (the agent serves at the
process's own address, its procs are child processes) and tells who allocated where the agent is. Such a host has no
shutdown channel: it serves on after its shutdown.

Source: supervision.md 9.3 (ShutdownHost step 5), 9.4 (allocate).
"""

from __future__ import annotations

import msgspec

from meshsim.model.alloc.messages import HostReady
from meshsim.model.boot import Setting
from meshsim.model.commands import BootProc, Command, Fail
from meshsim.model.config import Config
from meshsim.model.events import ChildFailed, CleanupStarted, ClockSet, Event, ProcDestroyed, Started
from meshsim.model.hosts.host_agent import HostAgent, HostMode
from meshsim.model.ids import ActorId, Node, PortRef, address_of, host_agent_id, proc_of
from meshsim.model.messages import Envelope, Message, Undeliverable, reply_to
from meshsim.model.messaging.undeliverable import default_undeliverable
from meshsim.model.supervision import UnhandledSupervisionEvent

#: Name of the type in the registry.
TRAMPOLINE = "HostMeshTrampoline"

#: Base of the names of trampoline meshes.
TRAMPOLINE_BASE = "host_mesh_trampoline"


class HostMeshTrampoline(msgspec.Struct):
    """Machine of the trampoline actor of one process."""

    me: ActorId
    config: Config
    #: Where the agent's id goes.
    reply: PortRef

    @classmethod
    def construct(cls, setting: Setting, params: dict[str, object]) -> HostMeshTrampoline:
        return cls(setting.me, setting.config, msgspec.convert(params["reply"], PortRef))

    @property
    def busy(self) -> bool:
        return False

    def accepts(self, port: int) -> bool:
        return False

    def takes(self, port: int, message: Message) -> bool:
        return False

    def binds(self, message: Message) -> bool:
        return type(message) is Undeliverable

    def handle(self, event: Event, now_ns: int) -> list[Command]:
        """Take one event and return what the runtime must do."""
        match event:
            case Started():
                return self._make_host()
            case Envelope(message=Undeliverable() as undeliverable):
                return default_undeliverable(self.me, undeliverable)
            case ChildFailed(event=child_event):
                return [Fail(UnhandledSupervisionEvent(child_event))]
            case CleanupStarted() | ClockSet() | ProcDestroyed():
                return []
            case _:
                raise AssertionError(f"unexpected event {event!r}")

    def _make_host(self) -> list[Command]:
        host = Node(address_of(proc_of(self.me)).removeprefix("unix:@"))
        agent = host_agent_id(host)
        machine = HostAgent(me=agent, host=host, config=self.config, mode=HostMode.SERVING)
        return [BootProc(machine, coordinates=False), reply_to(self.reply, self.me, HostReady(agent))]
