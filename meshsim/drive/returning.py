"""Sessions with a host that came back as another process, which knows none of them.

A session numbers its messages from 0, and its sender goes on with the next number when it connects again. The new
process expects 0, so it refuses anything else, which ends the session for good; what its sender writes later comes
back at once while a dead channel is kept for ever (quirk `dead_client_cached_forever`). Who never wrote to the former
process begins at 0, and is understood.

Source: mesh_model.md 3.3.
"""

from __future__ import annotations

import msgspec

from meshsim.drive.channels import Underway
from meshsim.faults.links import Hop
from meshsim.model.ids import Node
from meshsim.model.messaging.channel import closed_error, out_of_sequence, rejection


class Session(msgspec.Struct):
    """One that the receiver does not know, until it has told its sender so."""

    #: Number of the first message that the sender writes.
    number: int
    #: What was written and will come back; a message that is being refused, if there is one.
    written: list[Underway] = []

    @property
    def error(self) -> str:
        """Delivery error of all that was written."""
        return closed_error(rejection(out_of_sequence(0, self.number)))


class Sessions:
    """Those that began with a former process of a host."""

    def __init__(self) -> None:
        self._unknown: dict[Hop, Session] = {}

    def __bool__(self) -> bool:
        return bool(self._unknown)

    def add(self, hop: Hop, number: int) -> None:
        self._unknown[hop] = Session(number)

    def get(self, hop: Hop) -> Session | None:
        return self._unknown.get(hop)

    def end(self, hop: Hop) -> Session:
        """The sender knows now."""
        return self._unknown.pop(hop)

    def inherit(self, former: Node, node: Node) -> dict[Node, int]:
        """Sessions that were unknown to a former process already, and never found out: numbers by sender."""
        hops = [hop for hop, session in self._unknown.items() if hop[1] == former and not session.written]
        return {hop[0]: self._unknown.pop(hop).number for hop in hops}

    def written(self) -> list[Underway]:
        """All that is on its way back."""
        return [message for session in self._unknown.values() for message in session.written]
