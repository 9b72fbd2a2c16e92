"""The base of a user's own controller: a polling controller with places to fill.

Theory of operation. Everything that owner, subscribers and agents rely on is done here and in the polling controller
below: the poll with its keepalives, subscriptions, heartbeats, the stop, the cleanup, the notes that invariants read.
A subclass says what it does beside: it fills in some of the five places

    on_begin     it has been spawned
    on_change    the poll found something that nobody was told of yet
    on_answer    an agent answered at a port that this controller opened
    on_alarm     an alarm that it set is due
    on_end       the mesh is to be stopped, or the controller ends: once

each of which returns commands, and for these it has `tell`, `send`, `alarm`, `open_port`. Its state is in its fields,
each with a default. All five places are taken at once, also while a poll or a stop is in flight.

Whoever wants to do without the poll implements the protocol itself: `ControllerType` in `meshsim.model.boot`, `Machine`
in `meshsim.model.machine`. `StreamingController` can be subclassed as any.

Source: chosen here; see docs/own-machines.md. What is inherited: supervision.md 5.
"""

from __future__ import annotations

from typing import Self

import msgspec

from meshsim.model.boot import ControllerSetting
from meshsim.model.commands import CancelTimer, Command, SetTimer
from meshsim.model.controllers.controller import ActorMeshController
from meshsim.model.controllers.keeper import CLEANUP_REASON
from meshsim.model.events import Event, Started, TimerFired
from meshsim.model.ids import PortRef
from meshsim.model.messages import ActorSpec, Envelope, Message
from meshsim.model.supervision import ActorSupervisionEvent

#: What the keys of its own timers begin with, so that they are never those of the poll.
ALARM = "alarm:"


class Change(msgspec.Struct, frozen=True):
    """What a poll found of one rank: a failure, an end, or silence."""

    rank: int
    #: What has to be told.
    event: ActorSupervisionEvent
    #: Its process is gone, and with it the agent that could do something about it.
    proc_stopped: bool


class OwnController(ActorMeshController):
    """A polling controller that does something beside."""

    #: What the actors of the mesh were created from.
    spec: ActorSpec = ActorSpec("")
    #: As the scenario gives them (`controller_params`).
    params: dict[str, object] = msgspec.field(default_factory=dict)
    #: Ports of its own that are open.
    ports: list[int] = msgspec.field(default_factory=list)
    #: It was told that this is the end.
    over: bool = False

    @classmethod
    def for_mesh(cls, setting: ControllerSetting) -> Self:
        """As of any controller. Override it to look at `params`, and raise `ConstructorError` if they are wrong."""
        made = super().for_mesh(setting)
        made.spec = setting.spec
        made.params = dict(setting.params)
        return made

    # --- places to fill --------------------------------------------------------------------------------------

    def on_begin(self, now_ns: int) -> list[Command]:
        return []

    def on_change(self, change: Change) -> list[Command]:
        """What is not told here is told by nobody: a poll finds a change once."""
        return self.tell(change)

    def on_answer(self, port: int, message: Message, now_ns: int) -> list[Command]:
        raise AssertionError(f"{self.me} takes no answers: {message!r}")

    def on_alarm(self, key: str, now_ns: int) -> list[Command]:
        raise AssertionError(f"{self.me} set no alarm: {key}")

    def on_end(self, reason: str) -> list[Command]:
        """Before the mesh is stopped. A mesh whose ranks have all ended is not over: the word comes with the stop."""
        return []

    # --- what they are filled with -----------------------------------------------------------------------------

    def tell(self, change: Change) -> list[Command]:
        """Tell the owner, if it is an error, and every subscriber; remember it for those who subscribe later."""
        return super()._state_change(change.rank, change.event, proc_stopped=change.proc_stopped)

    def send(self, rank: int, message: Message) -> Command:
        """To the agent of a rank. What it does not reach does not come back: set an alarm."""
        return Envelope(self.me, self.mesh.procs.procs[rank].agent, message, returnable=False)

    def alarm(self, key: str, after_ns: int) -> Command:
        """`on_alarm(key)` after this time; instead of one that is set."""
        return SetTimer(self.me, ALARM + key, after_ns)

    def cancel(self, key: str) -> Command:
        return CancelTimer(self.me, ALARM + key)

    def open_port(self) -> PortRef:
        """For answers. What comes late, to a port that was closed, goes unread."""
        index = self._open_port()
        self.ports.append(index)
        return PortRef(self.me, index, returnable=False)

    def close_port(self, index: int) -> None:
        self.ports.remove(index)

    def wall_ns(self, now_ns: int) -> int:
        """What the wall clock of this process shows: expiries of keepalives are by it."""
        return self._wall(now_ns)

    # --- the machine -----------------------------------------------------------------------------------------

    def accepts(self, port: int) -> bool:
        return port in self.ports or super().accepts(port)

    def takes(self, port: int, message: Message) -> bool:
        return port in self.ports or super().takes(port, message)

    def handle(self, event: Event, now_ns: int) -> list[Command]:
        match event:
            case TimerFired(key=key) if key.startswith(ALARM):
                return self.on_alarm(key.removeprefix(ALARM), now_ns)
            case Envelope(port=port, message=message) if port in self.ports:
                return self.on_answer(port, message, now_ns)
            case Started():
                return [*super().handle(event, now_ns), *self.on_begin(now_ns)]
            case _:
                return super().handle(event, now_ns)

    def _state_change(self, rank: int, event: ActorSupervisionEvent, *, proc_stopped: bool) -> list[Command]:
        return self.on_change(Change(rank, event, proc_stopped))

    def _on_stop(self, reason: str, now_ns: int) -> list[Command]:
        return [*self._end(reason), *super()._on_stop(reason, now_ns)]

    def _on_cleanup(self, now_ns: int) -> list[Command]:
        return [*self._end(CLEANUP_REASON), *super()._on_cleanup(now_ns)]

    def _end(self, reason: str) -> list[Command]:
        """A stop may come twice, and be followed by the cleanup."""
        if self.over:
            return []
        self.over = True
        return self.on_end(reason)
