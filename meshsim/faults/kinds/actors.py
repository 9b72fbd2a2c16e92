"""Faults of actors: most strike inside a handler of the target."""

from __future__ import annotations

from typing import Annotated

import msgspec

from meshsim.faults.kinds.base import FaultBase
from meshsim.units import Duration, duration

#: What an abort or a stop gives as its reason when none was said. Source: mesh_model.md 9.2.
NO_REASON = "(no reason provided)"


class Raise(FaultBase, frozen=True, kw_only=True, tag="raise"):
    """A handler of the target actor returns an error with this text."""

    #: What the error says.
    text: str = "injected error"


class Panic(FaultBase, frozen=True, kw_only=True, tag="panic"):
    """A handler of the target actor panics."""

    #: What the panic says.
    text: str = "for testing"
    #: Not the target: every actor of the mesh that the target, a WrapperActor, made at its start.
    send_to_children: bool = False


class SigSegv(FaultBase, frozen=True, kw_only=True, tag="sigsegv"):
    """A handler of the target actor writes to a null pointer: its process dies of SIGSEGV."""

    #: As in `panic`.
    send_to_children: bool = False


class ProcessExit(FaultBase, frozen=True, kw_only=True, tag="process_exit"):
    """A handler of the target actor ends its process with a code."""

    #: What it exits with.
    code: Annotated[int, msgspec.Meta(ge=0, le=255)] = 1
    #: As in `panic`.
    send_to_children: bool = False


class SelfFail(FaultBase, frozen=True, kw_only=True, tag="self_fail"):
    """The target actor ends itself with an error."""

    #: What the error says.
    text: str = "self fail"


class SelfUngracefulFail(FaultBase, frozen=True, kw_only=True, tag="self_ungraceful_fail"):
    """A handler of the target actor calls `os._exit(1)`."""


class KillPid(FaultBase, frozen=True, kw_only=True, tag="kill_pid"):
    """A handler of the target actor sends a signal to its own pid."""

    #: One that ends the process, by name or number as text.
    signal: str = "SIGKILL"


class Abort(FaultBase, frozen=True, kw_only=True, tag="abort"):
    """The target actor aborts itself, with a reason."""

    #: What it says of it.
    reason: str = NO_REASON


class ExitProcess(FaultBase, frozen=True, kw_only=True, tag="exit_process"):
    """A handler of the target actor ends its process in good order, with a code."""

    #: What it exits with.
    code: Annotated[int, msgspec.Meta(ge=0, le=255)] = 0


class Hang(FaultBase, frozen=True, kw_only=True, tag="hang"):
    """A handler of the target actor is busy for a time, or for ever."""

    #: How long; for ever when not given.
    for_: Duration | None = msgspec.field(name="for", default=None)


class StopItself(FaultBase, frozen=True, kw_only=True, tag="stop_itself"):
    """The target actor ends cleanly by itself."""


class CleanupFails(FaultBase, frozen=True, kw_only=True, tag="cleanup_fails"):
    """The cleanup of the target actor returns an error, whenever the actor comes to it."""

    #: What the error says.
    text: str = "injected cleanup error"
    #: How long the cleanup works before it fails. The runtime cuts it after `CLEANUP_TIMEOUT`.
    after: Duration = duration(0)


class IgnoresStop(FaultBase, frozen=True, kw_only=True, tag="ignores_stop"):
    """The target actor leaves requests to stop where they are, for a time or for ever, and goes on with its work.

    It is not busy: messages are handled. An abort still ends it.
    """

    #: How long; for ever when not given.
    for_: Duration | None = msgspec.field(name="for", default=None)


class InitFails(FaultBase, frozen=True, kw_only=True, tag="init_fails"):
    """The init of the target actor returns an error. Strikes when it is spawned: no `at`, no `when`."""

    #: What the error says.
    text: str = "injected init error"
    #: How long the init works before it fails. The spawn finds out only when it fails at once (Q31).
    after: Duration = duration(0)
