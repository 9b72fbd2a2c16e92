"""Faults of processes: hosts, procs and clients alike; and of the start of procs."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from meshsim.faults.kinds.base import FaultBase
from meshsim.units import Duration, duration

#: A number of bytes as text: `"64KiB"`, `"1MiB"`.
Bytes = Annotated[str, msgspec.Meta(pattern=r"^[1-9][0-9]{0,3}(KiB|MiB)$")]


class Exit(FaultBase, frozen=True, kw_only=True, tag="exit"):
    """The process of the target calls `_exit(code)`."""

    #: What it exits with.
    code: Annotated[int, msgspec.Meta(ge=0, le=255)] = 1


class Signal(FaultBase, frozen=True, kw_only=True, tag="signal"):
    """The process of the target gets a signal, by name (`SIGKILL`) or number as text (`9`)."""

    #: By name (`SIGKILL`) or number as text (`9`).
    signal: str
    #: Whether it goes to the whole process group of the target. A proc is in one of its own, not in its host's.
    group: bool | UnsetType = UNSET


class CoreDump(FaultBase, frozen=True, kw_only=True, tag="core_dump"):
    """The process of the target brings a signal upon itself that dumps its core, and is allowed to."""

    #: One that dumps core.
    signal: str = "SIGABRT"


class OutOfMemory(FaultBase, frozen=True, kw_only=True, tag="out_of_memory"):
    """The process of the target takes memory until it gets no more (RLIMIT_AS), and aborts as a Rust program does:
    a line on stderr, then SIGABRT.
    """


class Stall(FaultBase, frozen=True, kw_only=True, tag="stall"):
    """The process of the target is stopped (SIGSTOP), and continued after `for` if given.

    Stalls of one process may overlap: it goes on when the last of them ends, or at a SIGCONT.
    """

    #: How long; until a SIGCONT when not given.
    for_: Duration | None = msgspec.field(name="for", default=None)


class Resume(FaultBase, frozen=True, kw_only=True, tag="resume"):
    """The process of the target is continued (SIGCONT)."""


class Shout(FaultBase, frozen=True, kw_only=True, tag="shout"):
    """The process of the target writes lines to stderr and, if a code is given, calls `_exit(code)` right after."""

    #: What it writes, line by line.
    lines: Annotated[list[str], msgspec.Meta(max_length=1_000)] = msgspec.field(default_factory=list)
    #: What it exits with; it goes on when not given.
    exit: Annotated[int, msgspec.Meta(ge=0, le=255)] | None = None
    #: So much is written before the lines, in numbered lines of 64 bytes.
    flood: Bytes | UnsetType = UNSET


class StartFails(FaultBase, frozen=True, kw_only=True, tag="start_fails"):
    """The process of the target proc ends instead of starting. Strikes when it is spawned: no `at`, no `when`."""

    #: What it exits with.
    code: Annotated[int, msgspec.Meta(ge=0, le=255)] = 1
    #: What it writes to stderr before.
    lines: Annotated[list[str], msgspec.Meta(max_length=1_000)] = msgspec.field(default_factory=list)
    #: How long it takes to end.
    after: Duration = duration(0)
    #: Ends it in place of the code.
    signal: str | UnsetType = UNSET


class SlowStart(FaultBase, frozen=True, kw_only=True, tag="slow_start"):
    """The process of the target proc takes its first step so much later. Strikes when it is spawned."""

    #: How much later.
    after: Duration


class NeverReady(FaultBase, frozen=True, kw_only=True, tag="never_ready"):
    """The process of the target proc never takes its first step. Strikes when it is spawned."""


class SpawnRefused(FaultBase, frozen=True, kw_only=True, tag="spawn_refused"):
    """The kernel refuses the host the process of the target proc. Strikes when it is spawned.

    EAGAIN for want of processes, EMFILE for want of descriptors.
    """

    #: What the system call fails with.
    errno: Literal["EAGAIN", "EMFILE"] = "EAGAIN"
