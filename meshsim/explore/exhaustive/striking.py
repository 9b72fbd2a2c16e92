"""When a fault finds its target as it was not before, other than right before and right behind what happens."""

from __future__ import annotations

from collections.abc import Sequence

from meshsim.explore.exhaustive.timeless import is_timeless
from meshsim.faults.kinds import Fault, targets_of
from meshsim.model.ids import Node
from meshsim.model.messages import Envelope
from meshsim.oracle.bounds import FOREVER_NS
from meshsim.trace.directory import Directory
from meshsim.trace.records import ProcessDied, Record


class Targets:
    """Whom faults could have struck in a run, and when that would have made a difference."""

    def __init__(self, directory: Directory, records: Sequence[Record], ack_ns: int) -> None:
        """`ack_ns`: how long a process waits before it acknowledges what it took."""
        self._directory = directory
        self._died = {record.node: record.at for record in records if isinstance(record.what, ProcessDied)}
        self._acknowledged: dict[str | None, set[int]] = {}
        first: dict[tuple[str | None, str | None], int] = {}
        for record in records:
            if not isinstance(record.what, Envelope):
                continue
            src = directory.node_of_actor(record.what.sender)
            for receiver in (record.node, directory.hosts.get(Node(record.node))):
                if record.at >= first.get((src, receiver), -ack_ns) + ack_ns:
                    first[src, receiver] = record.at
                    self._acknowledged.setdefault(receiver, set()).add(record.at + ack_ns)

    def gone_since(self, fault: Fault) -> int:
        """When everybody was gone whom a fault of an actor or a process could strike: behind that it is missed."""
        if not is_timeless((fault,)):
            return FOREVER_NS
        return max(self._died.get(node or "", FOREVER_NS) for node in self._nodes(fault))

    def acknowledged_at(self, fault: Fault) -> set[int]:
        """When the process of a target acknowledges what it took; nothing is recorded then.

        What it has not acknowledged comes back when it dies, and waits when it is stopped. It acknowledges a while
        after the first message of a channel that it has not acknowledged yet (mesh_model.md 3.3). A host takes what is
        for its procs as well.
        """
        return {at_ns for node in self._nodes(fault) for at_ns in self._acknowledged.get(node, ())}

    def _nodes(self, fault: Fault) -> set[Node | None]:
        return {self._directory.node(target) for target in targets_of(fault)}
