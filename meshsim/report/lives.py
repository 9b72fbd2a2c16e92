"""What each rank's life was: where it ran, from when to when, what ended it, and who heard of that when."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import ActorId, Node
from meshsim.model.notes import ActorStatusChanged, Heard, MeshSpawned
from meshsim.model.supervision import ActorPhase
from meshsim.trace.directory import Directory
from meshsim.trace.records import ProcessDied, ProcessReaped, Record

_ENDS = frozenset({ActorPhase.STOPPED, ActorPhase.FAILED})


class Hearing(msgspec.Struct, frozen=True):
    """What one listener was told of a rank."""

    listener: str
    role: str
    first_ns: int
    times: int


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """One rank of an actor mesh. Times are those of the run, in nanoseconds from its start."""

    rank: str
    #: The proc that it ran in.
    proc: str
    #: When its actor was made; none of one that never was.
    begun_ns: int | None
    #: When the actor had ended, or its process; none of one that lived to the end of the run.
    ended_ns: int | None
    #: `stopped: orphaned`, `process gone: signal 9`; empty while it lives.
    end: str
    heard: tuple[Hearing, ...]


def lives_of(records: Sequence[Record]) -> tuple[Life, ...]:
    """The lives of all ranks of all actor meshes that a scenario spawned, mesh by mesh in order of spawning."""
    directory = Directory.of(records)
    meshes = [
        record.what
        for record in records
        if isinstance(record.what, MeshSpawned) and record.what.kind == "actors" and not record.what.system
    ]
    chronicle = _Chronicle()
    for record in records:
        chronicle.take(record)
    return tuple(
        _life(mesh, rank, ActorId(member), directory, chronicle)
        for mesh in meshes
        for rank, member in enumerate(mesh.members)
    )


class _Chronicle:
    """When actors and processes began and ended, and who heard of whom."""

    def __init__(self) -> None:
        self.begun: dict[ActorId, int] = {}
        self.ended: dict[ActorId, tuple[int, str]] = {}
        self.died: dict[str, tuple[int, str]] = {}
        self.heard: dict[ActorId, list[tuple[int, Heard]]] = {}

    def take(self, record: Record) -> None:
        what = record.what
        match what:
            case ActorStatusChanged(actor=actor, phase=phase, text=text):
                self.begun.setdefault(actor, record.at)
                if phase in _ENDS:
                    self.ended.setdefault(actor, (record.at, text))
            case ProcessDied(why=why):
                self.died[record.node] = (record.at, why.replace("_", " "))
            case ProcessReaped(status=status):
                at = self.died[record.node][0] if record.node in self.died else record.at
                self.died[record.node] = (at, _status_text(status))
            case Heard(actor=actor):
                self.heard.setdefault(actor, []).append((record.at, what))
            case _:
                pass


def _life(mesh: MeshSpawned, rank: int, actor: ActorId, directory: Directory, chronicle: _Chronicle) -> Life:
    node = directory.node_of_actor(actor)
    ended_ns, end = _end(actor, node, chronicle)
    return Life(
        rank=f"{mesh.label}[{rank}]",
        proc=directory.name_of_node(node) if node is not None else "",
        begun_ns=chronicle.begun.get(actor),
        ended_ns=ended_ns,
        end=end,
        heard=_hearings(chronicle.heard.get(actor, []), directory),
    )


def _end(actor: ActorId, node: Node | None, chronicle: _Chronicle) -> tuple[int | None, str]:
    """The first of: the end of the actor, the end of its process."""
    of_actor = chronicle.ended.get(actor)
    of_process = chronicle.died.get(node) if node is not None else None
    if of_process is not None and (of_actor is None or of_process[0] < of_actor[0]):
        return of_process[0], f"process gone: {of_process[1]}"
    return of_actor if of_actor is not None else (None, "")


def _hearings(heard: Sequence[tuple[int, Heard]], directory: Directory) -> tuple[Hearing, ...]:
    """One for each listener and role, in order of the first time."""
    grouped: dict[tuple[str, str], list[int]] = {}
    for at, what in heard:
        grouped.setdefault((directory.name_of_actor(what.listener), what.role), []).append(at)
    return tuple(Hearing(listener, role, times[0], len(times)) for (listener, role), times in grouped.items())


def _status_text(status: ExitStatus) -> str:
    return f"signal {status.signal}" if status.signal is not None else f"exit {status.code}"
