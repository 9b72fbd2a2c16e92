"""What leaves a proc whose agent was not configured yet: it waits, and goes in order when the agent is.

    queueing ──configure──▶ passing on (once; a second configure changes nothing and says so)

Source: supervision.md 8.7, 10.3 step 1 (`ReconfigurableMailboxSender` of the reference).
"""

from __future__ import annotations

import msgspec

from meshsim.model.messages import Envelope


class ReconfigurableMailboxSender(msgspec.Struct):
    """The way out of one proc."""

    queue: list[Envelope] = []
    is_configured: bool = False

    def post(self, envelope: Envelope) -> list[Envelope]:
        """What goes out now that this is to be sent: nothing, or just this."""
        if self.is_configured:
            return [envelope]
        self.queue.append(envelope)
        return []

    def configure(self) -> list[Envelope] | None:
        """What waited, in order; none at all when it was configured before."""
        if self.is_configured:
            return None
        self.is_configured = True
        waiting, self.queue = self.queue, []
        return waiting
