"""What every machine of the model has in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshsim.model.commands import Command
    from meshsim.model.events import Event
    from meshsim.model.ids import ActorId
    from meshsim.model.messages import Envelope, Message


@runtime_checkable
class Machine(Protocol):
    """The behaviour of one actor: a struct that is its own state, changed through `handle` alone.

    A machine is a mutable `msgspec.Struct` of plain data: it can be compared, deep-copied and encoded, and its
    fingerprint (`meshsim.model.state`) is a function of its value. It never blocks, sleeps, draws a random
    number, reads a clock or does I/O. A handler that has to wait says so: `busy` is true and the runtime keeps
    further messages to handler ports in the mailbox; replies to its own ports, timers, exits of child
    processes and the ends of watched actors are passed on at once.
    """

    me: ActorId

    @property
    def busy(self) -> bool:
        """Whether a handler (init and cleanup included) is waiting for something."""

    def accepts(self, port: int) -> bool:
        """Whether this ephemeral port is open. A message to a closed one bounces."""

    def takes(self, port: int, message: Message) -> bool:
        """Whether this open port is for messages of this type. Any other bounces, and closes the port."""

    def binds(self, message: Message) -> bool:
        """Whether the actor bound its handler port for messages of this type. Any other message bounces."""

    def handle(self, event: Event, now_ns: int) -> Sequence[Command]:
        """Take one event at monotonic time `now_ns` and return what is to be done, in order."""


@runtime_checkable
class Stubborn(Protocol):
    """What a machine has besides if it may leave requests to stop where they are."""

    @property
    def ignores_stop(self) -> bool:
        """Whether it does so now. An abort is no request."""


@runtime_checkable
class Interruptible(Protocol):
    """What a machine has besides if some messages must not wait in the mailbox while it is busy."""

    def interrupts(self, envelope: Envelope) -> bool:
        """Whether this message to a handler port is taken at once, before all that waits; asked while it is busy."""
