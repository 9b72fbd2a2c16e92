"""What led to a record: the chain of causes since the last timer, operation or fault, and the faults behind it.

A chain is told in kinds: which rank of a mesh answered last is not in it, nor how many polls came before. The faults
are those in the past of the record as Lamport has it: what one process did, it did after what it had done and taken
before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from meshsim.model.events import TimerFired
from meshsim.model.messages import Envelope
from meshsim.model.notes import LocalDelivery
from meshsim.model.tags import tag_of
from meshsim.trace.directory import Directory
from meshsim.trace.records import WORLD, FaultStruck, Record

#: Which one of several: `[2]`, the 0 of `host0`.
_WHICH = re.compile(r"\[\d+\]|\d+")


def without_which(name: str) -> str:
    """The kind of a name: `workers` for `workers[2]`, `host` for `host0`."""
    return _WHICH.sub("", name)


class Past:
    """Of every record of one trace."""

    def __init__(self, records: Sequence[Record], directory: Directory) -> None:
        self._records = records
        self._directory = directory
        self._faults: list[frozenset[int]] = []
        self._kinds: dict[str, str] = {}
        before: dict[str, frozenset[int]] = {}
        nothing: frozenset[int] = frozenset()
        for record in records:
            past = before.get(record.node, nothing)
            if record.cause >= 0 and not self._faults[record.cause] <= past:
                past = past | self._faults[record.cause]
            if isinstance(record.what, FaultStruck):
                past = past | {record.what.index}
            if record.node != WORLD:
                before[record.node] = past
            self._faults.append(past)

    def faults(self, record: Record) -> tuple[int, ...]:
        """Numbers of the faults that happened before it, in order."""
        return tuple(sorted(self._faults[record.seq]))

    def chain(self, record: Record) -> str:
        """`timer poll in client, get_state in workers, state in client, heard in client`."""
        links = [self._link(record)]
        while record.cause >= 0 and not isinstance(record.what, TimerFired):
            record = self._records[record.cause]
            link = self._link(record)
            if link != links[-1]:
                links.append(link)
        return ", ".join(reversed(links))

    def _link(self, record: Record) -> str:
        what = record.what
        envelope = what.envelope if isinstance(what, LocalDelivery) else what
        kind = tag_of(envelope.message) if isinstance(envelope, Envelope) else tag_of(what)
        if isinstance(what, TimerFired):
            kind = f"timer {without_which(what.key)}"
        return f"{kind} in {self._kind_of(record.node)}"

    def _kind_of(self, node: str) -> str:
        kind = self._kinds.get(node)
        if kind is None:
            kind = self._kinds[node] = without_which(self._directory.name_of_node(node))
        return kind
