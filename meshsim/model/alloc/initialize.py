"""Waiting until every rank of an alloc runs: the first thing that is done with one.

    COLLECTING ──every rank Running──▶ COMPLETE
    COLLECTING ──Stopped, Failed, end of the events──▶ FAILED

A rank that was given to a new process keeps the newest create key; what an older one says is not heard any more.

Source: mesh_model.md 5.2, "Initialization".
"""

from __future__ import annotations

from enum import Enum

import msgspec

from meshsim.model.alloc.events import AllocEvent, Created, Failed, Running, Stopped
from meshsim.model.ids import ActorId, ProcId

ZERO_RANKS = "cannot allocate zero ranks"


class InitPhase(Enum):
    COLLECTING = "collecting"
    COMPLETE = "complete"
    FAILED = "failed"


TRANSITIONS: dict[InitPhase, frozenset[InitPhase]] = {
    InitPhase.COLLECTING: frozenset({InitPhase.COMPLETE, InitPhase.FAILED}),
    InitPhase.COMPLETE: frozenset(),
    InitPhase.FAILED: frozenset(),
}


class AllocatedProc(msgspec.Struct, frozen=True):
    """One rank of an alloc that is running."""

    create_key: str
    proc_id: ProcId
    agent: ActorId
    #: Where its mailbox is served; the address in its id need not be the same.
    addr: str


class Initialization(msgspec.Struct):
    """The ranks of an alloc while they come up. `extent` is that of the alloc, in words."""

    extent: str
    count: int
    phase: InitPhase = InitPhase.COLLECTING
    keys: dict[int, str] = {}
    running: dict[int, AllocatedProc] = {}
    #: Why it failed, as the caller is told.
    error: str = ""

    def __post_init__(self) -> None:
        assert self.count > 0, ZERO_RANKS

    @property
    def procs(self) -> tuple[AllocatedProc, ...]:
        """Those that run, by rank."""
        return tuple(self.running[rank] for rank in sorted(self.running))

    def take(self, event: AllocEvent) -> list[str]:
        """One event of the alloc; what is worth a warning."""
        match event:
            case Created(create_key=key, rank=rank):
                before = self.keys.get(rank)
                self.keys[rank] = key
                return [] if before is None else [f"rank {rank} reassigned from {before} to {key}"]
            case Running():
                return self._on_running(event)
            case Stopped(reason=reason):
                self._fail(str(reason))
            case Failed(description=description):
                self._fail(description)
        return []

    def end(self) -> None:
        """There are no more events: the alloc has finished before it was complete."""
        self._fail(f"incomplete allocation; expected: {self.extent}")

    def _on_running(self, event: Running) -> list[str]:
        key = event.create_key
        rank = next((rank for rank, known in self.keys.items() if known == key), None)
        if rank is None:
            return [f"proc id {event.proc_id} with create key {key} is running, but was not created"]
        again = rank in self.running
        self.running[rank] = AllocatedProc(key, event.proc_id, event.agent, event.addr)
        if len(self.running) == self.count:
            self._move_to(InitPhase.COMPLETE)
        return [f"duplicate running notifications for rank {rank}"] if again else []

    def _fail(self, error: str) -> None:
        self.error = error
        self._move_to(InitPhase.FAILED)

    def _move_to(self, phase: InitPhase) -> None:
        assert phase in TRANSITIONS[self.phase], f"{self.phase.value} -> {phase.value}"
        self.phase = phase
