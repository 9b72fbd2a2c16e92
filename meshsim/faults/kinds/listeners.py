"""Faults of those who listen, and of what they are told."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from meshsim.faults.kinds.base import FaultBase, Rank
from meshsim.units import Duration, duration


class SubscriberGone(FaultBase, frozen=True, kw_only=True, tag="subscriber_gone"):
    """The target drops its reference to `mesh` without unsubscribing."""

    #: The actor mesh that it refers to.
    mesh: str


class Misreport(FaultBase, frozen=True, kw_only=True, tag="misreport"):
    """The agent of the target proc answers about its actor of `mesh` with this status, which has no events.

    It stands for an agent of another version, or with a defect. It may strike before the mesh is there.
    """

    #: The actor mesh that it is asked about.
    mesh: str
    #: What it says.
    status: Literal["NotExist", "Initializing", "Running", "Stopping", "Stopped", "Failed", "Timeout", "Unknown"]
    #: What went wrong, for Failed.
    text: str = "injected status"
    #: How long was waited, for Timeout.
    elapsed: Duration = duration(1_000_000_000)
    #: Whether a reply to a state query carries a state.
    state: bool = True
    #: Ranks start <= r < end that a status reply is about; the actor's own when not given.
    ranks: tuple[Rank, Rank] | None = None
    #: How many answers; all from then on when not given.
    times: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None
