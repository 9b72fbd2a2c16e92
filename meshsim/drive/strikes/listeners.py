"""Faults of those who listen, and of what they are told."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import UNSET

from meshsim.drive.stage import MissingError, References
from meshsim.drive.strikes.base import MissedError, Strike
from meshsim.faults.kinds import (
    Misreport,
    SubscriberGone,
)
from meshsim.model import messages
from meshsim.model.messages import Operate
from meshsim.model.operations import DropRef
from meshsim.model.status import Status, StatusKind


def _subscriber_gone(strike: Strike, fault: SubscriberGone) -> None:
    """Operations are numbered from 0; those of faults count down, so that neither is taken for the other."""
    references = References(strike.world.plan, strike.world.directory)
    try:
        mesh = references.actors(fault.mesh)
    except MissingError as missing:
        raise MissedError(str(missing)) from None
    strike.tell(strike.actor(fault.target), Operate(-1 - strike.index, DropRef(mesh)))


def _misreport(strike: Strike, fault: Misreport) -> None:
    kind = StatusKind(fault.status)
    text = fault.text if kind is StatusKind.FAILED else ""
    status = Status(kind, text, int(fault.elapsed) if kind is StatusKind.TIMEOUT else 0)
    ranks = UNSET if fault.ranks is None else fault.ranks
    message = messages.Misreport(fault.mesh, status, fault.state, ranks, fault.times or 0)
    strike.tell(strike.actor(fault.target), message, f"{fault.mesh}: {status}")


STRIKES: dict[type, Callable[..., None]] = {
    SubscriberGone: _subscriber_gone,
    Misreport: _misreport,
}
