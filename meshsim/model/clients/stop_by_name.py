"""Stopping an actor mesh without its controller: what a client does in a revision whose controllers take no Stop.

Source: supervision.md 10.6, 10.9.
"""

from __future__ import annotations

import msgspec

from meshsim.model.clients.stopping import Outcome
from meshsim.model.clients.waits import IdleLimit, Progress, StatusWait
from meshsim.model.commands import Command
from meshsim.model.config import Config
from meshsim.model.events import ActorSpawned, TimerFired
from meshsim.model.ids import ActorId
from meshsim.model.messages import Envelope, GetRankStatus, RankStatus, Stop
from meshsim.model.messaging.casting import CastError, agents_of, cast
from meshsim.model.operations import ActorMeshRef
from meshsim.model.status import Status, inverted


class StopByNameRun(msgspec.Struct):
    """Each agent is told to stop its actor, then asked how it is. Returns how, where stops return anything."""

    me: ActorId
    mesh: ActorMeshRef
    reason: str
    config: Config
    port: int
    key: str
    wait: StatusWait | None = None
    outcome: Outcome | None = None

    def accepts(self, port: int) -> bool:
        return self.wait is not None and self.wait.accepts(port)

    def start(self, now_ns: int) -> list[Command]:
        agents, name = agents_of(self.mesh.procs), self.mesh.name
        idle = IdleLimit.of(self.config, self.me, self.key, self.config.actor_spawn_max_idle)
        self.wait = StatusWait.over(len(self.mesh.procs.procs), self.port, idle, self.config)
        reply = self.wait.port.ref(self.me, returnable=True)
        try:
            stops = cast(self.me, agents, Stop(name, self.reason), self.config)
            asks = cast(self.me, agents, GetRankStatus(name, reply), self.config)
        except CastError as error:
            self.outcome = Outcome(error=str(error))
            return []
        return [*stops, *asks, *idle.start(now_ns)]

    def handle(self, event: Envelope | TimerFired | ActorSpawned, now_ns: int) -> list[Command]:
        assert self.wait is not None
        match event:
            case Envelope(message=RankStatus() as overlay):
                refused = self.wait.refuse(event)
                if refused or self.wait.take(overlay, now_ns) is Progress.WAITING:
                    return refused
                cancel = self.wait.idle.cancel()
                self._end(self.wait.statuses, timed_out=False)
                return [cancel]
            case TimerFired():
                rest = self.wait.idle.fired(now_ns)
                if not rest:
                    self._end(self.wait.timed_out(now_ns), timed_out=True)
                return rest
            case _:
                raise AssertionError(f"unexpected event {event!r}")

    def _end(self, statuses: list[Status], *, timed_out: bool) -> None:
        stopped = not timed_out and all(status.is_terminating for status in statuses)
        error = None if stopped else f"error stopping actor mesh: statuses: {inverted(statuses)}"
        result = inverted(statuses) if self.config.revision.stop_returns_statuses else ""
        self.outcome = Outcome(error=error, result=result)
        self.wait = None
