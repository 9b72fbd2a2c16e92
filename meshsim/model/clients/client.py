"""The root client of a client process: where a scenario's script runs.

It owns meshes, subscribes, waits, and never fails: failures of its meshes and of its children are heard and
absorbed. A message that comes back is logged, and told to the *sink*: the agent of the first rank of the newest proc
mesh of the process, which records it as a failure of whoever the message was for (Q34).

Other kinds of root clients are in `meshsim.model.clients.root_clients`.

Source: supervision.md 1.1 (global root client), 4.6, 8.5, 12. Quirk: Q34.
"""

from __future__ import annotations

import msgspec

from meshsim.model.clients.context import Context, binds_as_owner
from meshsim.model.commands import Command
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
from meshsim.model.ids import ActorId
from meshsim.model.messages import (
    ActorEvent,
    Envelope,
    MeshFailed,
    MeshRefSent,
    Message,
    Operate,
    PassedOn,
    Undeliverable,
    Work,
)
from meshsim.model.messaging.undeliverable import envelope_text
from meshsim.model.notes import Warned
from meshsim.model.supervision import ActorSupervisionEvent, Generic, MeshFailure, actor_failed

#: Types of messages that it takes at its handler ports.
_BOUND = frozenset({Operate, MeshRefSent, MeshFailed, PassedOn, Undeliverable, Work})


class Client(msgspec.Struct):
    """Machine of a root client."""

    me: ActorId
    context: Context

    @property
    def busy(self) -> bool:
        return False

    def accepts(self, port: int) -> bool:
        return self.context.accepts(port)

    def takes(self, port: int, message: Message) -> bool:
        return self.context.takes(port, message)

    def binds(self, message: Message) -> bool:
        return binds_as_owner(_BOUND, message)

    def handle(self, event: Event, now_ns: int) -> list[Command]:
        """Take one event and return what the runtime must do."""
        match event:
            case Envelope(port=0):
                return self._on_message(event, now_ns)
            case Envelope():
                return self.context.on_port(event, now_ns)
            case TimerFired():
                return self.context.on_timer(event, now_ns)
            case ActorSpawned():
                return self.context.on_spawned(event, now_ns)
            case ChildFailed(event=child_event):
                return [self.context.hears("parent", MeshFailure(None, None, child_event))]
            case ClockSet():
                self.context.set_clock(event.clock)
                return []
            case Started() | CleanupStarted() | ActorEnded():
                return []
            case _:
                raise AssertionError(f"unexpected event {event!r}")

    def _on_message(self, envelope: Envelope, now_ns: int) -> list[Command]:
        match envelope.message:
            case Operate() as operate:
                return self.context.operate(operate, now_ns)
            case MeshRefSent(mesh=mesh):
                self.context.refs.receive(mesh)
                return []
            case MeshFailed(failure=MeshFailure() as failure):
                return self._on_failure(failure, now_ns)
            case PassedOn(failure=failure):
                return [self.context.hears("supervisor", failure)]
            case Undeliverable() as undeliverable:
                return self._on_undeliverable(undeliverable, now_ns)
            case Work():
                return []
            case message:
                raise AssertionError(f"{self.me} cannot handle {message!r}")

    def _on_failure(self, failure: MeshFailure, now_ns: int) -> list[Command]:
        return [self.context.hears("owner", failure)]

    def _on_undeliverable(self, undeliverable: Undeliverable, now_ns: int) -> list[Command]:
        """Logged, and told to the sink if there is one; off (Q34): logged alone. Q57 off: it ends who waited for it."""
        returned, errors = undeliverable.envelope, undeliverable.errors
        logged = Warned(self.me, f"message not delivered: to {returned.dest}: {'; '.join(errors)}")
        over = self.context.on_returned(undeliverable, now_ns)
        sink = self.context.sink
        config = self.context.config
        if sink is None or not (config.has("Q34") and config.revision.supervision_sink):
            return [logged, *over]
        status = actor_failed(Generic(f"message not delivered: {envelope_text(returned, errors)}"))
        event = ActorSupervisionEvent(returned.dest, None, self.context.clock.at(now_ns), status)
        # Not returnable: what the sink itself does not get would be told to the sink.
        return [logged, Envelope(self.me, sink, ActorEvent(event), returnable=False), *over]
