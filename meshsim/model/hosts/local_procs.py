"""Procs of an in-process host: no child processes, every proc lives in the host's own.

What the process manager is to other hosts. There is no `ProcStatus`, so a proc's state never has one, and nobody can
tell how a proc ended. A local status is kept from the moment a stop is asked for; before that, and of a proc nobody
knows, it is Running.

    (none: Running) ──stop, terminate──▶ Stopping ──torn down──▶ Stopped

Nobody sends `StopAll` to such a proc: its agent would end the whole process (Q33).

Source: supervision.md 3.10, 9.3.
"""

from __future__ import annotations

import msgspec

from meshsim.model import status as resource
from meshsim.model.agents.agent_v0 import AgentMode, AgentV0
from meshsim.model.agents.proc_agent import ProcAgent
from meshsim.model.commands import BootProc, Command, DestroyProc
from meshsim.model.config import Config
from meshsim.model.hosts.process import ProcStatus
from meshsim.model.ids import ActorId, Name, Node, ProcId, address_of_node, proc_agent_id, proc_id
from meshsim.model.messages import ProcSpec
from meshsim.model.notes import ProcStatusChanged
from meshsim.model.status import Status, StatusKind
from meshsim.model.wall_clock import TRUE_CLOCK, WallClock

#: Where a local status may lead. None yet counts as Running.
TRANSITIONS: dict[StatusKind, frozenset[StatusKind]] = {
    StatusKind.RUNNING: frozenset({StatusKind.STOPPING, StatusKind.STOPPED}),
    StatusKind.STOPPING: frozenset({StatusKind.STOPPED}),
    StatusKind.STOPPED: frozenset(),
}


class LocalProcs(msgspec.Struct):
    """The procs of one in-process host. `me` is its HostAgent."""

    me: ActorId
    host: Node
    config: Config
    #: Procs that were started and not asked to stop, in order.
    live: list[Name] = []
    #: Only of those that were asked to stop, or are gone.
    statuses: dict[Name, Status] = {}
    clock: WallClock = TRUE_CLOCK

    #: Nothing was started to make a proc.
    bootstrap_command: str | None = None

    def start(self, name: Name, spec: ProcSpec, now_ns: int, rank: int = 0) -> list[Command]:
        """Boot a proc and its agent. It runs on the process's own configuration: there is nothing to install it in."""
        proc = self.proc_id(name)
        self.live.append(name)
        me = proc_agent_id(proc)
        agent = ProcAgent(
            me=me,
            proc=proc,
            config=self.config,
            address=address_of_node(self.host),
            name=name,
            in_process=True,
            v0=AgentV0(me, AgentMode.V1, rank=rank, recording=True),
        )
        return [BootProc(agent)]

    # --- questions -------------------------------------------------------------------------------------------

    def names(self) -> list[Name]:
        """What a shutdown goes through: a proc that is being stopped already is not waited for."""
        return list(self.live)

    def is_stopping(self, name: Name) -> bool:
        return self.status(name) == resource.STOPPING

    def has_ended(self, name: Name) -> bool:
        return self.status(name) == resource.STOPPED

    def status(self, name: Name) -> Status:
        return self.statuses.get(name, resource.RUNNING)

    def proc_status(self, name: Name) -> ProcStatus | None:
        return None

    @staticmethod
    def in_flight_limit(asked: int) -> int:
        """How many procs are torn down at a time: what was asked for, whatever it is."""
        return asked

    # --- ending ----------------------------------------------------------------------------------------------

    def stop(self, name: Name, reason: str, now_ns: int) -> list[Command]:
        """`request_stop`: once for each proc, in the background, with the grace of ladder A."""
        return self._tear_down(name, reason, self.config.process_exit_timeout)

    def terminate(self, name: Name, reason: str, grace_ns: int, now_ns: int) -> list[Command]:
        """For a host that shuts down."""
        return self._tear_down(name, reason, grace_ns)

    def on_gone(self, name: Name) -> list[Command]:
        """The proc was torn down, or its agent ended it (Q33 off)."""
        if name in self.live:
            self.live.remove(name)
        return self._mark(name, resource.STOPPED)

    def _tear_down(self, name: Name, reason: str, timeout_ns: int) -> list[Command]:
        if name not in self.live:
            return []
        self.live.remove(name)
        return [*self._mark(name, resource.STOPPING), DestroyProc(self.proc_id(name), timeout_ns, reason)]

    def _mark(self, name: Name, status: Status) -> list[Command]:
        before = self.status(name)
        assert status.kind in TRANSITIONS[before.kind], f"{name}: {before} -> {status}"
        self.statuses[name] = status
        return [ProcStatusChanged(name, before.kind.value, status.kind.value, str(status))]

    def proc_id(self, name: Name) -> ProcId:
        return proc_id(address_of_node(self.host), name)
