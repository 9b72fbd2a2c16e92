"""The way out of a proc of the allocated path: closed until its agent is configured, then by way of its creator.

    queueing ──configure──▶ passing on (once; a second configure changes nothing and says so)

A configured proc dials the procs of its address book and its creator. Any other address that is not remote (the model
has no other kind) is unknown to it, and what goes there goes to the creator's process, which passes it on.

Source: supervision.md 8.7, 10.3 step 1 (`ReconfigurableMailboxSender` of the reference); mesh_model.md 3.2.
"""

from __future__ import annotations

import msgspec

from meshsim.model.ids import FORWARDER, ActorId, ProcId, actor_id, address_of, proc_id, proc_of
from meshsim.model.messages import Envelope, PassOn, Undeliverable


def forwarder_of(address: str) -> ActorId:
    """Who takes what a process is to pass on. There is no such actor: the process itself does it."""
    return actor_id(proc_id(address, FORWARDER), FORWARDER)


class ReconfigurableMailboxSender(msgspec.Struct):
    """The way out of one proc."""

    queue: list[Envelope] = []
    is_configured: bool = False
    #: Address of the creator; empty while there is none.
    forwarder: str = ""
    #: Procs that are dialled, wherever they are served.
    book: frozenset[ProcId] = frozenset()

    def post(self, envelope: Envelope) -> list[Envelope]:
        """What goes out now that this is to be sent: nothing, or just this, in the form in which it travels."""
        if self.is_configured:
            return [self._on_its_way(envelope)]
        self.queue.append(envelope)
        return []

    def configure(self, forwarder: str = "", book: tuple[ProcId, ...] = ()) -> list[Envelope] | None:
        """What waited, in order; none at all when it was configured before."""
        if self.is_configured:
            return None
        self.is_configured, self.forwarder, self.book = True, forwarder, frozenset(book)
        waiting, self.queue = self.queue, []
        return [self._on_its_way(envelope) for envelope in waiting]

    def _on_its_way(self, envelope: Envelope) -> Envelope:
        proc = proc_of(envelope.dest)
        mine = address_of(proc_of(envelope.sender))
        if not self.forwarder or proc in self.book or self.forwarder in (mine, address_of(proc)):
            return envelope
        return Envelope(
            forwarder_of(mine), forwarder_of(self.forwarder), PassOn(envelope), returnable=envelope.returnable
        )


def passed_on(envelope: Envelope) -> Envelope | None:
    """What becomes of a message that a process got for no actor of its own: passed on, if that is what it is for.

    A message that was to be passed on and comes back is one that its own sender has back.
    """
    match envelope.message:
        case PassOn(envelope=inner):
            return inner
        case Undeliverable(envelope=Envelope(message=PassOn(envelope=inner)), errors=errors):
            return Envelope(inner.dest, inner.sender, Undeliverable(inner, errors), returnable=False)
        case _:
            return None
