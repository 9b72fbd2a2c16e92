"""The actor with which the runtime itself is tested: it spawns children, replies, waits, fails and panics on request.

Source: supervision.md 15.1 (last row), 15.7.
"""

from __future__ import annotations

import msgspec

from meshsim.model.actors.plain import misbehaviour
from meshsim.model.boot import Setting
from meshsim.model.commands import Command, DropInstance, Fail, OpenInstance, Panic, SpawnChild
from meshsim.model.events import (
    ActorEnded,
    ActorSpawned,
    ChildFailed,
    CleanupStarted,
    ClockSet,
    Event,
    Started,
    TimerFired,
)
from meshsim.model.ids import ActorId, PortRef
from meshsim.model.messages import Answer, CauseFault, Drill, Envelope, Message, Undeliverable, Work, reply_to
from meshsim.model.messaging.undeliverable import default_undeliverable
from meshsim.model.supervision import Generic, UnhandledSupervisionEvent


class RuntimeTestActor(msgspec.Struct):
    """Does what a `Drill` says. Does not handle the events of its children, unless it was spawned to."""

    me: ActorId
    handles: bool = False
    #: Its handler waits and never comes back.
    waiting: bool = False
    #: Who wants to know about the children that are being spawned, in order.
    asked: list[PortRef | None] = []
    instance: ActorId | None = None

    @classmethod
    def construct(cls, setting: Setting, params: dict[str, object]) -> RuntimeTestActor:
        return cls(setting.me, handles=params.get("handles") is True)

    @property
    def busy(self) -> bool:
        return self.waiting

    def accepts(self, port: int) -> bool:
        return False

    def takes(self, port: int, message: Message) -> bool:
        return False

    def binds(self, message: Message) -> bool:
        return type(message) in (Drill, CauseFault, Work, Undeliverable)

    def handle(self, event: Event, now_ns: int) -> list[Command]:
        """Take one event and return what the runtime must do."""
        match event:
            case Envelope(message=Drill() as drill):
                return self._drill(drill)
            case Envelope(message=CauseFault(kind="hang")):
                self.waiting = True
                return []
            case Envelope(message=CauseFault() as fault):
                return misbehaviour(type(self).__name__, fault)
            case Envelope(message=Work()):
                return []
            case Envelope(message=Undeliverable() as undeliverable):
                return default_undeliverable(self.me, undeliverable)
            case ActorSpawned():
                return self._on_spawned(event)
            case ChildFailed(event=child_event):
                return [] if self.handles else [Fail(UnhandledSupervisionEvent(child_event))]
            case Started() | TimerFired() | ActorEnded() | ClockSet() | CleanupStarted():
                return []
            case _:
                raise AssertionError(f"unexpected event {event!r}")

    def _drill(self, drill: Drill) -> list[Command]:
        match drill.do:
            case "reply":
                return self._answer(drill.reply, drill.text)
            case "wait":
                self.waiting = True
                return self._answer(drill.reply, drill.text)
            case "forward" if drill.to is not None:
                return [Envelope(self.me, drill.to, Drill("noop", drill.text))]
            case "noop":
                return []
            case "fail":
                return [Fail(Generic(drill.text))]
            case "panic":
                return [Panic(f"panic at {type(self).__name__}: {drill.text}")]
            case "spawn":
                self.asked.append(drill.reply)
                return [SpawnChild(drill.name, RuntimeTestActor(ActorId(""), handles=drill.handles))]
            case "open":
                self.asked.append(drill.reply)
                return [OpenInstance(drill.name)]
            case "drop" if self.instance is not None:
                return [DropInstance(self.instance)]
            case _:
                raise AssertionError(f"{self.me} cannot do {drill!r}")

    def _on_spawned(self, spawned: ActorSpawned) -> list[Command]:
        """Answered in the order in which they were asked for: with the id, or with why there is none."""
        reply = self.asked.pop(0)
        if spawned.actor_id is not None and spawned.is_instance:
            self.instance = spawned.actor_id
        return self._answer(reply, spawned.actor_id or spawned.error or "")

    def _answer(self, port: PortRef | None, text: str) -> list[Command]:
        return [] if port is None else [reply_to(port, self.me, Answer(self.me, text))]
