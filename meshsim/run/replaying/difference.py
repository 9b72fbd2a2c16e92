"""Where a recording and the model part, in words."""

from __future__ import annotations

import msgspec

from meshsim.model.commands import CancelTimer, NodeCommand, SetTimer
from meshsim.model.ids import Node
from meshsim.model.messages import Envelope
from meshsim.model.notes import NOTE_TYPES
from meshsim.model.tags import tag_of
from meshsim.trace.directory import Directory
from meshsim.trace.records import NO_CAUSE, Record
from meshsim.trace.story import describe
from meshsim.units import format_duration

#: Bytes of JSON that are shown on either side of where two outputs part. Source: chosen here.
_AROUND = 60

_ENCODER = msgspec.json.Encoder(order="deterministic")


class Difference(msgspec.Struct, frozen=True):
    """The first place at which the recording of a node is not what the model does."""

    node: Node
    #: Number of the input among those of this node, from 0.
    input: int
    #: Number of the record of that input, or of the record that nothing accounts for.
    record: int
    #: Time of the node's own clock, virtual nanoseconds.
    at_ns: int
    #: What is wrong, in a sentence.
    problem: str
    #: One line each; empty where there is nothing to show.
    expected: str
    recorded: str
    #: What led there, oldest first, the record itself included.
    story: tuple[Record, ...]


def encoded(value: object) -> bytes:
    """The canonical bytes of an output: equal outputs have equal ones."""
    return _ENCODER.encode(value)


def in_words(command: object, node: Node, directory: Directory) -> str:
    """An output as one line, short names, no uuids; `nothing` for none."""
    match command:
        case None:
            return "nothing"
        case SetTimer(actor=actor, key=key, after_ns=after_ns):
            return f"sets timer {key} of {directory.name_of_actor(actor)}, due in {format_duration(after_ns)}"
        case CancelTimer(actor=actor, key=key):
            return f"cancels timer {key} of {directory.name_of_actor(actor)}"
        case _ if isinstance(command, Envelope) or type(command) in NOTE_TYPES:
            return describe(Record(0, 0, node, NO_CAUSE, command), directory)  # type: ignore[arg-type]  # as above
        case _:
            return f"{tag_of(command)} {encoded(command).decode()}"  # type: ignore[arg-type]  # a command


def both_in_words(expected: NodeCommand | None, recorded: object, node: Node, directory: Directory) -> tuple[str, str]:
    """Two different outputs; where short names hide what differs, the bytes around it."""
    words = in_words(expected, node, directory), in_words(recorded, node, directory)
    if words[0] != words[1]:
        return words
    left, right = encoded(expected), encoded(recorded)
    first = next(i for i, (a, b) in enumerate(zip(left + b"\0", right + b"\0", strict=False)) if a != b)
    return f"{words[0]}: …{_around(left, first)}…", f"{words[1]}: …{_around(right, first)}…"


def _around(text: bytes, place: int) -> str:
    return text[max(0, place - _AROUND) : place + _AROUND].decode(errors="replace")
