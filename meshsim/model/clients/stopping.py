"""Stopping a whole proc mesh, or a host: what a client does, and mesh controllers in their cleanup.

Source: supervision.md 9.4, 9.6.
"""

from __future__ import annotations

import msgspec

from meshsim.model.clients.waits import IdleLimit, Progress, StatusWait
from meshsim.model.commands import Command
from meshsim.model.config import Config, clamped_concurrency
from meshsim.model.events import ActorSpawned, TimerFired
from meshsim.model.ids import ActorId, PortRef, host_agent_id, proc_name_of
from meshsim.model.messages import Envelope, GetRankStatus, RankStatus, ShutdownHost, Stop
from meshsim.model.operations import ProcMeshRef
from meshsim.model.status import inverted


class Outcome(msgspec.Struct, frozen=True):
    """How a procedure ended: an error text as a caller would see it, or none, and what it returned."""

    error: str | None = None
    result: str = ""


class StopProcsRun(msgspec.Struct):
    """Stop each proc through its host's agent; over when every agent has said something.

    Q1: an agent says Stopping at once, which counts, so this is over before the processes are. Q60: the reply port is
    returnable.
    """

    me: ActorId
    mesh: ProcMeshRef
    reason: str
    config: Config
    port: int
    key: str
    wait: StatusWait | None = None
    outcome: Outcome | None = None

    def accepts(self, port: int) -> bool:
        return self.wait is not None and self.wait.accepts(port)

    def start(self, now_ns: int) -> list[Command]:
        idle = IdleLimit.of(self.config, self.me, self.key, self.config.proc_stop_max_idle)
        self.wait = StatusWait.over(len(self.mesh.procs), self.port, idle, self.config)
        reply = self.wait.port.ref(self.me, returnable=True)
        commands: list[Command] = []
        for proc in self.mesh.procs:
            name = proc_name_of(proc.proc_id)
            commands.append(Envelope(self.me, proc.on_host, Stop(name, self.reason)))
            commands.append(Envelope(self.me, proc.on_host, GetRankStatus(name, reply)))
        return commands + idle.start(now_ns)

    def handle(self, event: Envelope | TimerFired | ActorSpawned, now_ns: int) -> list[Command]:
        match event:
            case Envelope(message=RankStatus() as overlay):
                return self._on_overlay(event, overlay, now_ns)
            case TimerFired():
                return self._on_timer(now_ns)
            case _:
                raise AssertionError(f"unexpected event {event!r}")

    def _on_overlay(self, envelope: Envelope, overlay: RankStatus, now_ns: int) -> list[Command]:
        assert self.wait is not None
        refused = self.wait.refuse(envelope)
        if refused or self.wait.take(overlay, now_ns) is Progress.WAITING:
            return refused
        wait, self.wait = self.wait, None
        text = inverted(wait.statuses)
        stopped = all(status.is_terminating for status in wait.statuses)
        error = None if stopped else f"failed to terminate proc mesh: {text}"
        self.outcome = Outcome(error=error, result=text)
        return [wait.idle.cancel()]

    def _on_timer(self, now_ns: int) -> list[Command]:
        assert self.wait is not None
        rest = self.wait.idle.fired(now_ns)
        if not rest:
            text = inverted(self.wait.timed_out(now_ns))
            self.wait = None
            self.outcome = Outcome(error=f"failed to terminate proc mesh {self.mesh.name} before timeout: {text}")
        return rest


def shutdown_host(me: ActorId, host: str, config: Config, port: int) -> Envelope:
    """The order to shut down, to be acknowledged on this port."""
    message = ShutdownHost(
        timeout_ns=config.mesh_terminate_timeout,
        max_in_flight=clamped_concurrency(config.mesh_terminate_concurrency),
        ack=PortRef(me, port),
    )
    return Envelope(me, host_agent_id(host), message)
