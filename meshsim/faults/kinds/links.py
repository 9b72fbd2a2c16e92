"""Faults of the network between processes.

One side is the target, with those of `with`; the other those of `to`, or everybody else. A host or a client stands for
all processes on its machine, `workers[1]` for one process, and `*` for everybody. What stays on one side is not struck,
nor is what never leaves a process.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from meshsim.faults.kinds.base import FaultBase, targets_of
from meshsim.faults.links import ANY, Sides
from meshsim.units import Duration, duration


class LinkFault(FaultBase, frozen=True, kw_only=True):
    """What all of them have."""

    #: More targets on the side of the target.
    with_: list[str] = msgspec.field(name="with", default_factory=list)
    #: The other side; everybody else when empty.
    to: list[str] = msgspec.field(default_factory=list)
    #: Only what the side of the target sends.
    one_way: bool = False
    #: How long it lasts; to the end of the run when not given.
    for_: Duration | None = msgspec.field(name="for", default=None)

    @property
    def sides(self) -> Sides:
        """Whom it strikes, as traces say it."""
        far = () if ANY in self.to else tuple(self.to)
        return Sides((*targets_of(self), *self.with_), far, self.one_way)


class MessageFault(LinkFault, frozen=True, kw_only=True):
    """One that strikes each message apart."""

    #: Only messages of this kind, as traces call it: `get_state`.
    message: str | None = None
    #: The part of them that it strikes, drawn one by one.
    share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0


class Latency(MessageFault, frozen=True, kw_only=True, tag="latency"):
    """Messages take longer. What one process sends another keeps its order."""

    #: How much longer.
    by: Duration


class JitterFault(MessageFault, frozen=True, kw_only=True, tag="jitter"):
    """Messages take longer by something from 0 to this, drawn one by one; the order is kept."""

    #: At most so much longer.
    by: Duration


class Loss(MessageFault, frozen=True, kw_only=True, tag="loss"):
    """Messages are lost without a word: nothing comes back, and channels do not notice.

    The channels of the modelled system lose nothing (mesh_model.md 3.3). This is what a router in between, or a defect,
    would do; for what a network does to them see `partition`.
    """


class Duplication(MessageFault, frozen=True, kw_only=True, tag="duplication"):
    """Messages arrive again.

    `layer = "message"`: above the session, as if a router had sent them twice. Receivers see each copy, unless they put
    messages in their order: then numbers tell a copy (mesh_model.md 3.7). `layer = "frame"`: below the session, as if
    a connection had broken before an acknowledgement; the receiver drops what it has seen (3.3), so nothing follows.
    """

    #: How many copies.
    times: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1
    #: How long after the one before each copy arrives.
    apart: Duration = duration(0)
    #: Above the session or below it.
    layer: Literal["message", "frame"] = "message"


class Reordering(MessageFault, frozen=True, kw_only=True, tag="reordering"):
    """Messages take longer by something from 0 to `window`, drawn one by one, and others may overtake them.

    Of messages, not of frames: a connection keeps its order, and a gap would end the session (mesh_model.md 3.3).
    Receivers that put messages in their order see nothing of it (3.7).
    """

    #: At most so much longer.
    window: Duration


class Partition(LinkFault, frozen=True, kw_only=True, tag="partition"):
    """Nothing passes between the two sides, no acknowledgement either; what is on its way arrives.

    Channels lose nothing (mesh_model.md 3.3): messages wait, connected or not, and arrive in their order when it is
    over, each once. What has waited for `message_delivery_timeout` by then is given back, and with it everything
    behind it and everything delivered whose acknowledgement is missing; the channel is closed for good. Connections
    survive; who has none dials in vain, for which both directions are needed.

    With `one_way` only what the side of the target sends is cut, acknowledgements for the other side among it.
    """


class DeliveryTimeout(MessageFault, frozen=True, kw_only=True, tag="delivery_timeout"):
    """Messages are written to a connection that stays, and never acknowledged.

    They wait until the channel of their sender gives up and returns them, `message_delivery_timeout` after the oldest;
    then it is closed for good (supervision.md 14, D; mesh_model.md 3.3). If it ends before, they arrive. Other messages
    pass meanwhile: chosen here, so that one kind of message alone can time out.
    """
