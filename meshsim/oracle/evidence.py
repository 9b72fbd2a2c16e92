"""What a run showed that expectations ask about: what was heard, done and struck, and how it ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from meshsim.model.ids import ActorId
from meshsim.model.notes import Heard, OperationEnded, OperationStarted
from meshsim.oracle.world import World
from meshsim.trace.records import FaultMissed, FaultStruck, Record, RunEnded


class Evidence:
    """Filled record by record through `handlers`; complete when the trace is."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.heard: list[tuple[Record, Heard]] = []
        #: Operations in the order they began, each with its end, if it ended.
        self.operations: list[tuple[Record, OperationStarted]] = []
        self.ends: dict[tuple[ActorId, int], tuple[Record, OperationEnded]] = {}
        #: First record of each fault that struck, by number.
        self.struck: dict[int, Record] = {}
        #: How often each struck, by number and kind: the end of a stall has the number of the stall.
        self.strikes: Counter[tuple[int, str]] = Counter()
        self.missed: dict[int, FaultMissed] = {}
        self.end: tuple[Record, RunEnded] | None = None
        self.handlers: dict[type, Callable[[Record], None]] = {
            Heard: self._on_heard,
            OperationStarted: self._on_operation_started,
            OperationEnded: self._on_operation_ended,
            FaultStruck: self._on_fault_struck,
            FaultMissed: self._on_fault_missed,
            RunEnded: self._on_run_ended,
        }

    def _on_heard(self, record: Record) -> None:
        assert isinstance(record.what, Heard)
        self.heard.append((record, record.what))

    def _on_operation_started(self, record: Record) -> None:
        assert isinstance(record.what, OperationStarted)
        self.operations.append((record, record.what))

    def _on_operation_ended(self, record: Record) -> None:
        assert isinstance(record.what, OperationEnded)
        self.ends[record.what.by, record.what.index] = (record, record.what)

    def _on_fault_struck(self, record: Record) -> None:
        assert isinstance(record.what, FaultStruck)
        self.struck.setdefault(record.what.index, record)
        self.strikes[record.what.index, record.what.kind] += 1

    def _on_fault_missed(self, record: Record) -> None:
        assert isinstance(record.what, FaultMissed)
        self.missed.setdefault(record.what.index, record.what)

    def _on_run_ended(self, record: Record) -> None:
        assert isinstance(record.what, RunEnded)
        self.end = (record, record.what)
