"""Ends are ends: for actors, for procs as their hosts see them, and for processes as the kernel sees them."""

from __future__ import annotations

from collections.abc import Iterable

from meshsim.model.hosts.process import EXITED
from meshsim.model.ids import ActorId, Name, Node
from meshsim.model.notes import ActorStatusChanged, ProcStatusChanged
from meshsim.model.supervision import ActorPhase
from meshsim.oracle.invariants.base import Invariant
from meshsim.oracle.verdict import Violation
from meshsim.oracle.world import World
from meshsim.trace.records import (
    KernelDisagreed,
    ProcessContinued,
    ProcessDied,
    ProcessReaped,
    ProcessStarted,
    ProcessStopped,
    Record,
)

_EXITED = frozenset(phase.value for phase in EXITED)


class TerminalIsFinal(Invariant):
    """No actor leaves stopped or failed, no proc leaves Stopped, Killed or Failed, no process comes back.

    Saying the same status once more is allowed (supervision.md 4.1: "terminal → only the identical value"). A process
    that died may not be stopped, continued, die or be waited for a second time, nor be started again; nor may an
    actor inside it change. A host that was off and comes back is another process, and so is each of its procs: their
    actors are new, though they have the ids of those before.

    Source: supervision.md 3.2, 4.1.
    """

    id = "terminal-is-final"
    sentence = "Nothing leaves a terminal state."
    needs = "Statuses of actors and procs, and what happens to processes."
    sees = (
        ActorStatusChanged,
        ProcStatusChanged,
        ProcessStarted,
        ProcessStopped,
        ProcessContinued,
        ProcessDied,
        ProcessReaped,
    )

    def __init__(self, world: World) -> None:
        super().__init__(world)
        #: By process, too: ids of actors outlive it where a host comes back.
        self._actors: dict[tuple[str, ActorId], tuple[str, int]] = {}
        self._procs: dict[tuple[str, Name], tuple[str, int]] = {}
        self._started: dict[str, int] = {}
        self._died: dict[str, int] = {}
        self._reaped: dict[str, int] = {}

    def observe(self, record: Record) -> Iterable[Violation]:
        match record.what:
            case ActorStatusChanged():
                return self._on_actor(record, record.what)
            case ProcStatusChanged():
                return self._on_proc(record, record.what)
            case ProcessStarted():
                return self._once(record, self._started, "started again")
            case ProcessDied():
                return self._once(record, self._died, "died again")
            case ProcessReaped():
                return self._once(record, self._reaped, "was waited for again")
            case _:
                if record.node not in self._died:
                    return ()
                what = "was stopped" if isinstance(record.what, ProcessStopped) else "was continued"
                return [self._about_node(record, self._died[record.node], f"{what} after it died")]

    def _on_actor(self, record: Record, note: ActorStatusChanged) -> Iterable[Violation]:
        name, key = self.world.name(note.actor), (record.node, note.actor)
        text, seq = self._actors.setdefault(key, (note.text, record.seq))
        if seq != record.seq and text != note.text:
            message = f"{name} became {note.text!r} after it was {text!r}"
            yield self.violation(name, message, at=record.at, records=(seq, record.seq))
        if note.phase not in (ActorPhase.STOPPED, ActorPhase.FAILED) and seq == record.seq:
            del self._actors[key]
        if record.node in self._died:
            message = f"{name} became {note.text!r} after its process died"
            yield self.violation(name, message, at=record.at, records=(self._died[record.node], record.seq))

    def _on_proc(self, record: Record, note: ProcStatusChanged) -> Iterable[Violation]:
        key = (record.node, note.name)
        before = self._procs.get(key)
        if before is not None and before[0] != note.text:
            name = self.world.name_of_proc(Node(record.node), note.name)
            message = f"{record.node} made {name} {note.text} after it was {before[0]}"
            yield self.violation(name, message, at=record.at, records=(before[1], record.seq))
        elif note.phase in _EXITED:
            self._procs[key] = (note.text, record.seq)

    def _once(self, record: Record, seen: dict[str, int], again: str) -> Iterable[Violation]:
        before = seen.setdefault(record.node, record.seq)
        return [] if before == record.seq else [self._about_node(record, before, again)]

    def _about_node(self, record: Record, before: int, what: str) -> Violation:
        name = self.world.directory.name_of_node(record.node)
        return self.violation(name, f"the process of {name} {what}", at=record.at, records=(before, record.seq))


class KernelAgrees(Invariant):
    """The operating system does what the model says it does: exits, signals, stops, parent death.

    Only real processes can break it. It is a finding about the model, or about the machine.
    """

    id = "kernel-agrees"
    sentence = "The kernel does what the model expects."
    needs = "Real processes: simulation cannot disagree with itself."
    sees = (KernelDisagreed,)

    def observe(self, record: Record) -> Iterable[Violation]:
        assert isinstance(record.what, KernelDisagreed)
        name = self.world.directory.name_of_node(record.node)
        message = f"{name}: expected {record.what.expected}, the kernel says {record.what.observed}"
        return [self.violation(name, message, at=record.at, records=(record.seq,))]
