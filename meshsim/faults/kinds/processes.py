"""Faults of processes: hosts, procs and clients alike."""

from __future__ import annotations

from typing import Annotated

import msgspec

from meshsim.faults.kinds.base import FaultBase
from meshsim.units import Duration, duration


class Exit(FaultBase, frozen=True, kw_only=True, tag="exit"):
    """The process of the target calls `_exit(code)`."""

    code: Annotated[int, msgspec.Meta(ge=0, le=255)] = 1


class Signal(FaultBase, frozen=True, kw_only=True, tag="signal"):
    """The process of the target gets a signal, by name (`SIGKILL`) or number as text (`9`)."""

    signal: str


class Stall(FaultBase, frozen=True, kw_only=True, tag="stall"):
    """The process of the target is stopped (SIGSTOP), and continued after `for` if given."""

    for_: Duration | None = msgspec.field(name="for", default=None)


class Resume(FaultBase, frozen=True, kw_only=True, tag="resume"):
    """The process of the target is continued (SIGCONT)."""


class Shout(FaultBase, frozen=True, kw_only=True, tag="shout"):
    """The process of the target writes lines to stderr and, if a code is given, calls `_exit(code)` right after."""

    lines: Annotated[list[str], msgspec.Meta(min_length=1, max_length=1_000)]
    exit: Annotated[int, msgspec.Meta(ge=0, le=255)] | None = None


class StartFails(FaultBase, frozen=True, kw_only=True, tag="start_fails"):
    """The process of the target proc ends instead of starting. Strikes when it is spawned: no `at`, no `when`."""

    code: Annotated[int, msgspec.Meta(ge=0, le=255)] = 1
    #: What it writes to stderr before.
    lines: Annotated[list[str], msgspec.Meta(max_length=1_000)] = msgspec.field(default_factory=list)
    #: How long it takes to end.
    after: Duration = duration(0)
