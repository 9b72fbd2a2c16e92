"""Faults of allocs."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from meshsim.faults.kinds.base import FaultBase


class AllocStop(FaultBase, frozen=True, kw_only=True, tag="alloc_stop"):
    """The alloc in the process of the client stops one of its procs, for any reason (its chaos monkey)."""

    #: What the alloc says of it.
    reason: Literal["stopped", "exited", "killed", "watchdog", "host_watchdog", "unknown"] = "watchdog"
    #: Exit code of `exited`, signal number of `killed`.
    number: Annotated[int, msgspec.Meta(ge=0, le=255)] = 0


class AllocFail(FaultBase, frozen=True, kw_only=True, tag="alloc_fail"):
    """The alloc of the target procs fails: from now on it starts nothing and will never be complete."""

    #: What the alloc says of it.
    text: str = "injected alloc failure"
