"""Who is told of an actor's changes: the part of a ProcAgent that streams to controllers.

A controller that watches an actor gives the agent a port. From then on the agent sends it what it would answer to a
GetState, each time that answer changes, and once at the beginning. Every answer about a watched actor has a
*generation*: 1 when the actor is there, one more with every change. Whoever is told twice, or out of order, can tell
by it.

A port that cannot be reached is forgotten; answers then come without a generation, which is how its controller sees
that it has to watch again.

Source: supervision.md 17 (2026-03-19), design.md 4. Nothing here runs unless a controller asks for it.
"""

from __future__ import annotations

import msgspec

from meshsim.model.commands import Command
from meshsim.model.ids import ActorId, Name, PortRef
from meshsim.model.messages import ActorStateChanged, Envelope, reply_to
from meshsim.model.status import State


class Watcher(msgspec.Struct):
    """One port that is told, and the generation that it was told last."""

    port: PortRef
    told: int = 0


class AgentWatch(msgspec.Struct):
    """The watchers of each actor of one agent, in the order in which they came."""

    watchers: dict[Name, list[Watcher]] = {}

    def begin(self, name: Name, port: PortRef) -> None:
        """Tell this port from now on; one that is known begins anew."""
        self._forget(name, port.actor, port.index)
        self.watchers.setdefault(name, []).append(Watcher(port))

    def returned(self, envelope: Envelope) -> bool:
        """Forget the port that a message could not be brought to. False when it was none of ours."""
        message = envelope.message
        if not isinstance(message, ActorStateChanged):
            return False
        self._forget(Name(message.state.name), envelope.dest, envelope.port)
        return True

    def is_due(self, name: Name, generation: int) -> bool:
        return any(watcher.told < generation for watcher in self.watchers.get(name, ()))

    def tell(self, me: ActorId, name: Name, generation: int, state: State) -> list[Command]:
        """The state of a watched actor, to each port that has not heard of this generation."""
        due = [watcher for watcher in self.watchers[name] if watcher.told < generation]
        for watcher in due:
            watcher.told = generation
        return [reply_to(watcher.port, me, ActorStateChanged(state)) for watcher in due]

    def _forget(self, name: Name, actor: ActorId, index: int) -> None:
        kept = [w for w in self.watchers.get(name, ()) if (w.port.actor, w.port.index) != (actor, index)]
        self.watchers.pop(name, None)
        if kept:
            self.watchers[name] = kept
