"""A controller that restarts: for an actor that failed it starts another one of the same kind on the same proc.

The modelled system has no restart. The actors of a mesh have one name, and a name stays taken for the life of its proc.
So a restart is a *stand-in* with a name of its own. It is started once for each rank, after a pause, one at a time; it
is kept alive, and stopped with the mesh. Nobody restarts a stand-in. Owner and subscribers hear of the failure as from
any controller.

`Restarting` has a bug, the one that everybody writes first. `MendedRestarting` is the same without it.
"""

from __future__ import annotations

from typing import Self

import msgspec

from meshsim.model.boot import ConstructorError, ControllerSetting
from meshsim.model.commands import Command
from meshsim.model.controllers.own import Change, OwnController
from meshsim.model.ids import Name
from meshsim.model.messages import CreateOrUpdate, GetRankStatus, KeepAlive, Message, Stop
from meshsim.model.notes import Warned
from meshsim.units import S

#: Alarms: the pause is over; the agent took too long to start the stand-in; the stand-ins want to be kept alive.
PAUSED = "paused"
LATE = "late"
ALIVE = "alive"


class Restarting(OwnController):
    """One restart at a time."""

    pause_ns: int = 15 * S
    #: The rank that is being restarted, and the port for the answer; 0 before it is asked for.
    restarting: int | None = None
    port: int = 0
    #: Ranks that have a stand-in, or were to have one.
    stand_ins: list[int] = msgspec.field(default_factory=list)

    @classmethod
    def for_mesh(cls, setting: ControllerSetting) -> Self:
        made = super().for_mesh(setting)
        pause = made.params.get("pause", 15)
        if not isinstance(pause, int) or pause < 1:
            raise ConstructorError(f"pause: expected a number of seconds, got {pause!r}")
        made.pause_ns = pause * S
        return made

    @property
    def stand_in(self) -> Name:
        return Name(f"{self.mesh.name}_again")

    # --- what it does beside the poll ------------------------------------------------------------------------

    def on_begin(self, now_ns: int) -> list[Command]:
        return [self.alarm(ALIVE, self.config.supervision_poll_frequency)]

    def on_change(self, change: Change) -> list[Command]:
        if self.restarting is not None:
            return []  # One at a time: the next poll finds this one again.
        return [*self.tell(change), *self.restart(change)]

    def on_answer(self, port: int, message: Message, now_ns: int) -> list[Command]:
        """The agent has the stand-in, as far as it knows."""
        return [self.cancel(LATE), *self.done()]

    def on_alarm(self, key: str, now_ns: int) -> list[Command]:
        match key:
            case "paused":
                return self.create()
            case "late":
                return [Warned(self.me, f"no stand-in for rank {self.restarting}"), *self.done()]
            case _:
                return self.keep_alive(now_ns)

    def on_end(self, reason: str) -> list[Command]:
        stops = [self.send(rank, Stop(self.stand_in, reason)) for rank in self.stand_ins]
        return [*(self.cancel(key) for key in (PAUSED, LATE, ALIVE)), *stops]

    # --- a restart -------------------------------------------------------------------------------------------

    def restart(self, change: Change) -> list[Command]:
        """Nothing for an actor that was stopped, or whose proc is gone, or which had its stand-in."""
        if self.over or change.proc_stopped or not change.event.is_error or change.rank in self.stand_ins:
            return []
        self.restarting = change.rank
        return [self.alarm(PAUSED, self.pause_ns)]

    def create(self) -> list[Command]:
        assert self.restarting is not None, f"{self.me} paused for nobody"
        rank, reply = self.restarting, self.open_port()
        self.port = reply.index
        self.stand_ins.append(rank)
        return [
            self.send(rank, CreateOrUpdate(self.stand_in, rank, self.spec)),
            self.send(rank, GetRankStatus(self.stand_in, reply)),
            self.alarm(LATE, self.config.actor_spawn_max_idle),
        ]

    def done(self) -> list[Command]:
        self.close_port(self.port)
        self.restarting = None
        return []

    def keep_alive(self, now_ns: int) -> list[Command]:
        expires_ns = self.wall_ns(now_ns) + self.config.mesh_orphan_timeout
        alive = [self.send(rank, KeepAlive(expires_ns, self.stand_in)) for rank in self.stand_ins]
        return [*alive, self.alarm(ALIVE, self.config.supervision_poll_frequency)]


class MendedRestarting(Restarting):
    """Tells of every change when the poll finds it, and keeps the restarts that have to wait."""

    waiting: list[Change] = msgspec.field(default_factory=list)

    def on_change(self, change: Change) -> list[Command]:
        self.waiting.append(change)
        return [*self.tell(change), *self.go_on()]

    def done(self) -> list[Command]:
        super().done()
        return self.go_on()

    def go_on(self) -> list[Command]:
        """The next restart; what needs none is passed over."""
        commands: list[Command] = []
        while self.waiting and self.restarting is None:
            commands += self.restart(self.waiting.pop(0))
        return commands
