"""Whatever somebody waits for, the wait ends."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from meshsim.model.ids import ActorId, Node
from meshsim.model.notes import OperationEnded, OperationStarted, PollEnded, PollStarted
from meshsim.oracle.invariants.base import Invariant
from meshsim.oracle.verdict import Violation
from meshsim.oracle.world import World
from meshsim.trace.records import Record
from meshsim.units import format_duration


class _Wait(msgspec.Struct, frozen=True):
    """An operation or a poll that runs."""

    by: ActorId
    subject: str
    what: str
    at: int
    seq: int
    bound: int


class EveryWaitBounded(Invariant):
    """Operations and polls end within the bound that follows from the idle limits, well or with an error.

    `Bounds.operation` and `Bounds.poll` say how long each may take. Nothing is due from an actor that ended
    or hangs by a fault, and time in which its process is stopped does not count.

    Known holes: the reply to a stop or a query of a dead controller, and the acknowledgement of a dead host, are
    waited for without limit (supervision.md 9.4, 12.5).
    """

    id = "every-wait-bounded"
    sentence = "Every operation and every poll ends."
    needs = "Operations and polls, and enough time for them."
    sees = (OperationStarted, OperationEnded, PollStarted, PollEnded)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._waits: dict[tuple[ActorId, str, int], _Wait] = {}

    def observe(self, record: Record) -> Iterable[Violation]:
        match record.what:
            case OperationStarted(index=index, by=by):
                self._start_operation(record, record.what)
            case PollStarted(controller=by, count=index):
                self._start_poll(record, record.what)
            case OperationEnded(index=index, by=by):
                return self._end((by, "operation", index), record)
            case PollEnded(controller=by, count=index):
                return self._end((by, "poll", index), record)
        return ()

    def finish(self, ended_ns: int) -> Iterable[Violation]:
        for wait in self._waits.values():
            ended_at = self.world.ended_at(wait.by)
            deadline = self._deadline(wait)
            if wait.by not in self.world.hung and deadline <= ended_ns and (ended_at is None or ended_at > deadline):
                self.overdue("wait", wait.what, bound_ns=wait.bound, record=wait.seq)
                yield self._overdue(wait, deadline, "it never ended")

    def _start_operation(self, record: Record, note: OperationStarted) -> None:
        kinds = list(self.world.directory.kinds.values())
        bound = self.world.bounds.operation_ns(note.operation, kinds.count("proc"), kinds.count("host"))
        if bound is not None:
            name = self.world.name(note.by)
            what = f"{name}: {note.operation} {note.label}".rstrip()
            self._waits[note.by, "operation", note.index] = _Wait(note.by, name, what, record.at, record.seq, bound)

    def _start_poll(self, record: Record, note: PollStarted) -> None:
        spawned = self.world.meshes.get(note.mesh)
        ranks = 1 if spawned is None else len(spawned.mesh.members)
        name = self.world.name(note.controller)
        what = f"{name}: poll {note.count}"
        bound = self.world.bounds.poll_ns(ranks)
        self._waits[note.controller, "poll", note.count] = _Wait(
            note.controller, name, what, record.at, record.seq, bound
        )

    def _end(self, key: tuple[ActorId, str, int], record: Record) -> Iterable[Violation]:
        wait = self._waits.pop(key, None)
        if wait is None:
            return ()
        took_ns = self.world.took_ns(wait.at, record.at, self._place(wait))
        self.margin("wait", wait.what, took_ns=took_ns, bound_ns=wait.bound, record=record.seq)
        if took_ns <= wait.bound:
            return ()
        return [self._overdue(wait, record.at, f"it took {format_duration(record.at - wait.at)}")]

    def _deadline(self, wait: _Wait) -> int:
        return self.world.extended(wait.at + wait.bound, wait.at, self._place(wait))

    def _place(self, wait: _Wait) -> list[Node]:
        node = self.world.directory.node_of_actor(wait.by)
        return [] if node is None else [node]

    def _overdue(self, wait: _Wait, at: int, how: str) -> Violation:
        message = f"{wait.what} had to end within {format_duration(wait.bound)}, {how}"
        return self.violation(wait.subject, message, at=at, records=(wait.seq,), kind="liveness")
