"""Faults of controllers, which are named by the mesh that they watch."""

from __future__ import annotations

from typing import Annotated

import msgspec

from meshsim.faults.kinds.base import FaultBase


class ControllerExit(FaultBase, frozen=True, kw_only=True, tag="controller_exit"):
    """The process in which the controller of the target mesh lives calls `_exit(code)`."""

    code: Annotated[int, msgspec.Meta(ge=0, le=255)] = 1


class ControllerKill(FaultBase, frozen=True, kw_only=True, tag="controller_kill"):
    """The process in which the controller of the target mesh lives gets a signal."""

    signal: str = "SIGKILL"
