"""Messages that cannot be delivered: the errors that hops write on them, and the text their sender fails with.

Source: supervision.md 4.6, mesh_model.md 3.2 and 3.5.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b

import msgspec
from msgspec import UNSET

from meshsim.model.commands import Command, Fail, Panic
from meshsim.model.ids import ActorId
from meshsim.model.messages import SUBSCRIBER_HEADER, Envelope, Undeliverable
from meshsim.model.supervision import ActorPhase, ActorStatus, Generic, error_text

#: Added by the process that found out, when it sends the message back to another one.
RETURNED = "broken link: message was undeliverable"

#: Marks the index of a handler port.
_HANDLER_BIT = 1 << 63

_PAYLOAD = msgspec.json.Encoder(order="deterministic")


@lru_cache(maxsize=256)
def handler_port(message_type: str) -> int:
    """Index of the port on which every actor takes messages of this type: a hash with bit 63 set.

    The reference's own hash is not reproduced. Source: mesh_model.md 3.1.
    """
    digest = blake2b(message_type.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") | _HANDLER_BIT


def port_id(envelope: Envelope) -> str:
    """Where a message goes: `{actor}[{index}]`, for handler ports `{actor}[{index}<{type}>]` (mesh_model.md 7)."""
    if envelope.port:
        return f"{envelope.dest}[{envelope.port}]"
    message_type = type(envelope.message).__name__
    return f"{envelope.dest}[{handler_port(message_type)}<{message_type}>]"


def restore_sender(undeliverable: Undeliverable) -> Undeliverable:
    """A cast that comes back as if its caster had sent it himself; anything else as it is (mesh_model.md 4.6).

    Comm actors return it with themselves as its sender and the caster in a header.
    """
    envelope = undeliverable.envelope
    if envelope.cast_sender is UNSET or envelope.cast_sender == envelope.sender:
        return undeliverable
    restored = msgspec.structs.replace(envelope, sender=envelope.cast_sender)
    return Undeliverable(restored, undeliverable.errors)


def default_undeliverable(me: ActorId, undeliverable: Undeliverable) -> list[Command]:
    """What an actor does with a message that comes back, unless it knows better: it fails.

    A message that somebody else sent breaks an assertion, which is a panic. Source: supervision.md 4.6.
    """
    envelope = undeliverable.envelope
    if envelope.sender != me:
        return [Panic(f"assertion `left == right` failed\n  left: {me}\n right: {envelope.sender}")]
    return [Fail(Generic(undeliverable_text(envelope, undeliverable.errors)))]


def envelope_text(envelope: Envelope, errors: tuple[str, ...]) -> str:
    """A message in one line: who to whom, what, and why it did not arrive."""
    data = _PAYLOAD.encode(envelope.message).decode()
    return f"{envelope.sender} > {port_id(envelope)}: {data}: delivery error: {'; '.join(errors) or '<none>'}"


def monitored_text(envelope: Envelope, errors: tuple[str, ...]) -> str:
    """The line in the log for a message that came back where nobody takes such messages (mesh_model.md 3.5 step 2)."""
    return f"message not delivered, {envelope_text(envelope, errors)}"


def undeliverable_text(envelope: Envelope, errors: tuple[str, ...]) -> str:
    """What the sender of a message that came back fails with."""
    return _text("delivery of message from sender to dest failed", "", envelope, errors)


def return_failed_text(envelope: Envelope, errors: tuple[str, ...]) -> str:
    """The second form: the message could not even be given back to whom it came from."""
    return _text("returning undeliverable message to original sender failed", "original ", envelope, errors)


def _text(description: str, prefix: str, envelope: Envelope, errors: tuple[str, ...]) -> str:
    headers = ",".join(f"{key}={value}" for key, value in _headers(envelope))
    return (
        "undeliverable message error:\n"
        f"\tdescription: {description}\n"
        f"\t{prefix}sender: {envelope.sender}\n"
        f"\t{prefix}dest: {port_id(envelope)}\n"
        f"\theaders: {headers}\n"
        f"\tdata: {_PAYLOAD.encode(envelope.message).decode()}\n"
        f"\terror: {'; '.join(errors) or '<none>'}"
    )


def _headers(envelope: Envelope) -> Iterator[tuple[str, str]]:
    """In the order in which they were set. Keys are full paths; what is on every message is left out.

    That is the time at which it was sent, the name of its type, and its number while receivers do not reorder.
    Source: mesh_model.md 3.8.
    """
    if envelope.subscriber:
        yield SUBSCRIBER_HEADER, "true"
    if envelope.cast_point is not UNSET:
        yield "hyperactor_mesh::comm::multicast::cast_point", envelope.cast_point
    if envelope.cast_sender is not UNSET:
        yield "hyperactor_mesh::comm::multicast::cast_originating_sender", envelope.cast_sender
    if envelope.cast_mesh is not UNSET:
        yield "hyperactor_mesh::casting::cast_actor_mesh_id", envelope.cast_mesh
    if envelope.seq is not None:
        yield "hyperactor::ordering::seq_info", str(envelope.seq)


# --- delivery errors inside a process, mesh_model.md 3.2 --------------------------------------------------


def no_mailbox_error(actor: ActorId) -> str:
    """The proc is there, the actor is not."""
    return f"address not routable: no mailbox for actor {actor} registered in muxer"


def port_not_bound_error(envelope: Envelope) -> str:
    """The actor is there, the port is not (any more)."""
    message_type = type(envelope.message).__name__
    port = envelope.port or handler_port(message_type)
    return f"address not routable: port not bound in mailbox; port id: {port}; message type: {message_type}"


def mailbox_closed_error(actor: ActorId, status: ActorStatus) -> str:
    """The actor has ended; its mailbox answers with how."""
    if status.phase is ActorPhase.FAILED:
        assert status.error is not None, "a failed actor has an error"
        return f"mailbox error: mailbox owner {actor} failed: {error_text(status.error)}"
    reason = "" if status.reason is None else f": {status.reason}"
    return f"mailbox error: mailbox owner {actor} is stopped{reason}"


def wrong_type_error(envelope: Envelope) -> str:
    """The port is there, and is for something else. Our own words: the reference names types of its language."""
    return f"mailbox error: {port_id(envelope)}: unexpected message type: {type(envelope.message).__name__}"


def port_closed_error(envelope: Envelope) -> str:
    """The actor's task is gone without having closed its mailbox: nobody receives at this port any more."""
    return f"mailbox error: {port_id(envelope)}: port closed"
