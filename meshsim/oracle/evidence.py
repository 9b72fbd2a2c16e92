"""What a run showed that expectations ask about: what was heard, done and struck, and how it ended."""

from __future__ import annotations

from collections.abc import Callable

from meshsim.model.ids import ActorId
from meshsim.model.notes import (
    Heard,
    MonitoringEnded,
    OperationEnded,
    OperationStarted,
    QueueTaken,
    ReferenceMade,
    SubscriberRemoved,
)
from meshsim.oracle.world import World
from meshsim.trace.records import DecisionTaken, FaultMissed, FaultStruck, Record, RunEnded

#: How the error of an operation begins that its actor was never asked for.
NOT_BEGUN = "not begun: "

#: Operations about a subscription, and what they leave.
_SUBSCRIBING = {"subscribe_to": "active", "unsubscribe": "given_up", "drop_ref": "given_up"}


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
        #: All strikes of each fault; the end of a stall, which has its number, is none.
        self.strike_records: dict[int, list[Record]] = {}
        self.missed: dict[int, FaultMissed] = {}
        #: What an actor did last about its subscription to a mesh.
        self.subscriptions: dict[tuple[ActorId, str], tuple[Record, str]] = {}
        #: By controller and subscriber: when the one forgot the other.
        self.removed: dict[tuple[ActorId, ActorId], Record] = {}
        #: When a controller stopped watching for good.
        self.unwatched: dict[ActorId, Record] = {}
        #: The mesh of each slice and each copy, by their names.
        self.references: dict[str, str] = {}
        #: Decisions of the plan that came up, by number.
        self.decided: set[int] = set()
        self.end: tuple[Record, RunEnded] | None = None
        self.handlers: dict[type, Callable[[Record], None]] = {
            Heard: self._on_heard,
            MonitoringEnded: self._on_monitoring_ended,
            SubscriberRemoved: self._on_subscriber_removed,
            ReferenceMade: self._on_reference_made,
            OperationStarted: self._on_operation_started,
            OperationEnded: self._on_operation_ended,
            FaultStruck: self._on_fault_struck,
            FaultMissed: self._on_fault_missed,
            DecisionTaken: self._on_decision,
            QueueTaken: self._on_decision,
            RunEnded: self._on_run_ended,
        }

    def _on_heard(self, record: Record) -> None:
        assert isinstance(record.what, Heard)
        self.heard.append((record, record.what))

    def _on_decision(self, record: Record) -> None:
        assert isinstance(record.what, DecisionTaken | QueueTaken)
        self.decided.add(record.what.decision)

    def _on_operation_started(self, record: Record) -> None:
        assert isinstance(record.what, OperationStarted)
        self.operations.append((record, record.what))

    def _on_operation_ended(self, record: Record) -> None:
        assert isinstance(record.what, OperationEnded)
        ended = record.what
        self.ends[ended.by, ended.index] = (record, ended)
        if ended.operation in _SUBSCRIBING and ended.error is None:
            self.subscriptions[ended.by, ended.label] = (record, _SUBSCRIBING[ended.operation])

    def _on_monitoring_ended(self, record: Record) -> None:
        assert isinstance(record.what, MonitoringEnded)
        self.unwatched[record.what.controller] = record

    def _on_subscriber_removed(self, record: Record) -> None:
        assert isinstance(record.what, SubscriberRemoved)
        self.removed[record.what.controller, record.what.subscriber] = record

    def _on_reference_made(self, record: Record) -> None:
        assert isinstance(record.what, ReferenceMade)
        self.references[record.what.label] = record.what.mesh

    def _on_fault_struck(self, record: Record) -> None:
        assert isinstance(record.what, FaultStruck)
        strikes = self.strike_records.setdefault(record.what.index, [])
        first = self.struck.setdefault(record.what.index, record).what
        if isinstance(first, FaultStruck) and first.kind == record.what.kind:
            strikes.append(record)

    def _on_fault_missed(self, record: Record) -> None:
        assert isinstance(record.what, FaultMissed)
        self.missed.setdefault(record.what.index, record.what)

    def _on_run_ended(self, record: Record) -> None:
        assert isinstance(record.what, RunEnded)
        self.end = (record, record.what)
