"""What nodes asked for, as the trace holds it: a message or a note is the number of its record, the rest is itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from meshsim.drive.timing import Input, Output
from meshsim.model.commands import NodeCommand
from meshsim.model.messages import Envelope
from meshsim.model.notes import Bounced
from meshsim.trace.records import InFlight, MessageLost, MessageReturned, Record


def envelope_in(record: Record) -> Envelope | None:
    """The message whose end, or way, a record is about; none for others, and for a note of something inside a node."""
    what = record.what
    if isinstance(what, Envelope):
        return what
    return what.envelope if isinstance(what, MessageLost | MessageReturned | InFlight | Bounced) else None


def recorded_inputs(
    inputs: Iterable[Input], asked_for: Iterable[Sequence[NodeCommand]], records: Sequence[Record]
) -> list[Input]:
    """The inputs of a run with what each had its node ask for. The records hold the very objects that were asked for:
    two messages may be equal.
    """
    places: dict[int, int] = {}
    for record in records:
        places.setdefault(id(record.what), record.seq)
        envelope = envelope_in(record)
        if envelope is not None:
            places.setdefault(id(envelope), record.seq)

    def output(command: NodeCommand) -> Output:
        return places.get(id(command), command)

    return [
        msgspec.structs.replace(each, outputs=tuple(map(output, commands)))
        for each, commands in zip(inputs, asked_for, strict=True)
    ]
