"""Numbers on messages, and putting messages back in their order.

Every actor numbers what it posts: from 1, with one counter for all handler ports of an actor and one for each port that
an actor opened itself. The receiver may hold back what comes early until the numbers before it have come, for each
sender apart; what comes again is dropped. A number that never comes holds back everything behind it, for ever.

Only messages to handler ports are held back: they wait for their turn in the receiver's queue anyway, whereas a reply
may be what a handler is waiting for. What is not posted by an actor's own code has no number and is never held back
("direct"): timers, reports of the runtime, returned messages, replies that relays pass on.

It is off unless `HYPERACTOR_ENABLE_DEST_ACTOR_REORDERING_BUFFER` says so. Source: mesh_model.md 3.7.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

import msgspec

from meshsim.model.commands import RuntimeCommand
from meshsim.model.ids import ActorId
from meshsim.model.messages import Envelope, SeqInfo


@lru_cache(maxsize=1 << 12)
def session_of(actor: ActorId) -> str:
    """The session under which an actor posts: a uuid of its own, in the form of version 7.

    The reference draws it when the actor begins; here it follows from the id, which is not used twice.
    """
    digits = blake2b(actor.encode(), digest_size=16).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-7{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


class Sequencer(msgspec.Struct):
    """Numbers the messages of one actor."""

    session: str
    #: Messages posted so far, by destination: an actor, or a port that it opened.
    posted: dict[str, int] = {}

    def numbered_all(self, commands: Sequence[RuntimeCommand]) -> list[RuntimeCommand]:
        """What its actor asks for, with a number on each message. Those to itself are direct."""
        return [
            self._numbered(command) if isinstance(command, Envelope) and command.dest != command.sender else command
            for command in commands
        ]

    def _numbered(self, envelope: Envelope) -> Envelope:
        """The same message with the next number of its stream."""
        stream = f"{envelope.dest}[{envelope.port}]" if envelope.port else envelope.dest
        number = self.posted[stream] = self.posted.get(stream, 0) + 1
        return msgspec.structs.replace(envelope, seq=SeqInfo(self.session, number))


class Stream(msgspec.Struct):
    """What a receiver knows of one sender."""

    #: Number of the last message that had its turn.
    last: int = 0
    #: Messages that are early, by number.
    early: dict[int, Envelope] = {}


class ReorderBuffer(msgspec.Struct):
    """Holds back what comes early, for one receiver."""

    #: By session of the sender.
    streams: dict[str, Stream] = {}

    def take(self, envelope: Envelope) -> list[Envelope] | None:
        """Messages whose turn it is now, this one or others; none at all if it came before: it is to be dropped."""
        seq = envelope.seq
        if seq is None or envelope.port:
            return [envelope]
        stream = self.streams.setdefault(seq.session, Stream())
        if seq.number <= stream.last or seq.number in stream.early:
            return None
        stream.early[seq.number] = envelope
        ready: list[Envelope] = []
        while stream.last + 1 in stream.early:
            stream.last += 1
            ready.append(stream.early.pop(stream.last))
        return ready


def duplicate_warning(envelope: Envelope) -> str:
    """For the log, when a message is dropped."""
    return f"duplicate message {envelope.seq} from {envelope.sender} is dropped"
