"""Faults of controllers, which are named by the mesh that they watch."""

from __future__ import annotations

from typing import Annotated

import msgspec

from meshsim.faults.kinds.base import FaultBase
from meshsim.units import Duration


class ControllerExit(FaultBase, frozen=True, kw_only=True, tag="controller_exit"):
    """The process in which the controller of the target mesh lives calls `_exit(code)`."""

    #: What it exits with.
    code: Annotated[int, msgspec.Meta(ge=0, le=255)] = 1


class ControllerKill(FaultBase, frozen=True, kw_only=True, tag="controller_kill"):
    """The process in which the controller of the target mesh lives gets a signal."""

    #: By name (`SIGKILL`) or number as text (`9`).
    signal: str = "SIGKILL"


class ControllerRaises(FaultBase, frozen=True, kw_only=True, tag="controller_raises"):
    """A handler of the controller of the target mesh returns an error; one that waits is over first."""

    #: What the error says.
    text: str = "injected controller error"


class ControllerStall(FaultBase, frozen=True, kw_only=True, tag="controller_stall"):
    """The process in which the controller of the target mesh lives is stopped (SIGSTOP), and continued after `for`."""

    #: How long; until a SIGCONT when not given.
    for_: Duration | None = msgspec.field(name="for", default=None)


class LatePolls(FaultBase, frozen=True, kw_only=True, tag="late_polls"):
    """Polls of the controller of the target mesh begin later than they are due, the next one first."""

    #: How much later.
    by: Duration
    #: How many of them; all from then on when not given.
    times: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None
