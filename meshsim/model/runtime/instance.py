"""A client instance: a mailbox without a loop, which code outside of any actor drives.

It has the status Client until it is dropped. Its user looks into the ports it opened when it likes; it has
no handlers, so what comes back to it is logged and dropped. No signal reaches it, and a child of
it that fails has nobody to tell.

Source: supervision.md 4.1, 4.5 step 10; mesh_model.md 6.2, 6.4.
"""

from __future__ import annotations

import msgspec

from meshsim.model.commands import Command
from meshsim.model.events import Event
from meshsim.model.ids import ActorId
from meshsim.model.messages import Envelope, Message


class Instance(msgspec.Struct):
    """The mailbox: what has arrived, until its user takes it."""

    me: ActorId
    received: list[Envelope] = []

    @property
    def busy(self) -> bool:
        return False

    def accepts(self, port: int) -> bool:
        return True

    def takes(self, port: int, message: Message) -> bool:
        return True

    def binds(self, message: Message) -> bool:
        return False

    def handle(self, event: Event, now_ns: int) -> list[Command]:
        assert isinstance(event, Envelope), f"{self.me} has no loop that could take {event!r}"
        self.received.append(event)
        return []
