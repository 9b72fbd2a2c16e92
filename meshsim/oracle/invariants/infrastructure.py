"""What watches over others does not die of what happens to them."""

from __future__ import annotations

from collections.abc import Iterable

from meshsim.model.events import TimerFired
from meshsim.model.ids import (
    COMM,
    HOST_AGENT,
    MESH_AGENT,
    PROC_AGENT,
    REMOTE_ALLOCATOR,
    ActorId,
    Node,
    actor_name_of,
    base_of,
)
from meshsim.model.messages import Envelope, Undeliverable
from meshsim.model.notes import ActorStatusChanged, LocalDelivery
from meshsim.model.supervision import ActorPhase
from meshsim.oracle.invariants.base import Invariant
from meshsim.oracle.verdict import Violation
from meshsim.oracle.world import World
from meshsim.trace.records import ProcessDied, Record

_NAMES = frozenset({HOST_AGENT, PROC_AGENT, MESH_AGENT, COMM, REMOTE_ALLOCATOR, "client", "host_mesh_trampoline"})
_CONTROLLERS = ("actor_mesh_controller_", "proc_mesh_controller_", "host_mesh_controller_")
_RETURNED = "failed: undeliverable message error"
_PANIC = "failed: panic: "


def is_infrastructure(actor: ActorId) -> bool:
    """Whether an actor is an agent, a controller, a comm actor, a client, or helps to allocate: by its name."""
    name = base_of(actor_name_of(actor))
    return name in _NAMES or name.startswith(_CONTROLLERS)


class InfrastructureSurvives(Invariant):
    """No agent, controller, comm actor or client fails, and no host, proc or client exits, of what befell others.

    Others are known to be gone or silent in two ways. A message comes back: whoever handles it and fails (its error is
    the message's, or it panics over it), or whose process exits over it without such a failure, has died of its
    receiver. And time runs out while an answer is awaited: whoever panics over that has died of a silent peer.

    Not judged: failures for any other reason, among them those that a fault makes; an owner that ends of an unhandled
    failure of its mesh, or of its child, since that is what supervision is for; a cleanup that failed, since its actor
    was ending; actors of user meshes; and the bootstrap of an allocated process, which ends when its allocator is gone
    because it is meant to.

    Known holes: Q57 (controllers), Q60 (agents whose asker is gone), Q44 (who asks a slice), Q62 (casts that come
    back).

    Source: supervision.md 2.3, 4.6, 5.9, 9.6, 9.7.
    """

    id = "infrastructure-survives"
    sentence = "No host, agent, controller or client dies of another's death."
    needs = "Actors of the infrastructure that fail, or processes that exit, with the record that made them."
    quirks = ("Q57", "Q60", "Q44", "Q62")
    sees = (ActorStatusChanged, ProcessDied)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        #: What an actor was at when it left its loop; its end may come later.
        self._left: dict[ActorId, Record] = {}
        #: Processes in which something was found already: that they end is its consequence.
        self._found: set[str] = set()

    def observe(self, record: Record) -> Iterable[Violation]:
        note = record.what
        if isinstance(note, ProcessDied):
            return self._on_exit(record) if note.why == "exit" else ()
        assert isinstance(note, ActorStatusChanged)
        if note.phase is ActorPhase.STOPPING:
            self._left[note.actor] = record
        elif note.phase is ActorPhase.FAILED and is_infrastructure(note.actor) and note.actor not in self.world.ranks:
            return self._on_failure(note, record)
        return ()

    def _on_failure(self, note: ActorStatusChanged, record: Record) -> Iterable[Violation]:
        left = self._left.get(note.actor, record)
        handled = self.world.cause_of(left)
        if note.text.startswith(_RETURNED) or (note.text.startswith(_PANIC) and _returned(handled) is not None):
            why = "of a message that came back"
        elif note.text.startswith(_PANIC) and handled is not None and _is_timer(handled):
            why = "of an answer that did not come"
        else:
            return
        self._found.add(record.node)
        name = self.world.name(note.actor)
        text = self.world.directory.shortened(" ".join(note.text.split()))
        records = (record.seq,) if handled is None else (handled.seq, record.seq)
        yield self.violation(name, f"{name} died {why}: {text}", at=record.at, records=records)

    def _on_exit(self, record: Record) -> Iterable[Violation]:
        envelope = _returned(self.world.cause_of(record))
        kind = self.world.directory.kinds.get(Node(record.node))
        if envelope is None or kind == "allocated" or record.node in self._found:
            return
        name = self.world.directory.name_of_node(record.node)
        what = f"{type(envelope.message).__name__} to {self.world.name(envelope.dest)}"
        message = f"the process of {name} exited because a message came back: {what}"
        yield self.violation(name, message, at=record.at, records=(record.cause, record.seq))


def _returned(record: Record | None) -> Envelope | None:
    """The message that this record brings back to its sender, if it does."""
    what = None if record is None else record.what
    envelope = what.envelope if isinstance(what, LocalDelivery) else what
    if isinstance(envelope, Envelope) and isinstance(envelope.message, Undeliverable):
        return envelope.message.envelope
    return None


def _is_timer(record: Record) -> bool:
    return isinstance(record.what, TimerFired)
