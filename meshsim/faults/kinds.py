"""What can go wrong, as data. `kind` selects the type; targets are text as scenario files write them.

A fault strikes at a time (`at`), or when a record of the trace matches (`when`, then `count` times, then
`after`). Adding a kind: a struct here, its row in `meshsim.drive.injector`, one scenario.
"""

from __future__ import annotations

from typing import Annotated, Literal, Union

import msgspec

from meshsim.units import Duration, duration

#: What an abort or a stop gives as its reason when none was said. Source: mesh_model.md 9.2.
NO_REASON = "(no reason provided)"

#: A value that a record's field must have; `type` and dotted paths select the field.
Plain = str | int | bool | None


Rank = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class When(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A condition on trace records: `record` is the tag of the record's body, `where` its fields.

    Keys of `where` are `node` or dotted paths into the body (`rank`, `mesh`, `envelope.message.type`). Actors and nodes
    may be written as targets (`trainer[1]`, `workers[0]`, `client`).
    """

    record: str
    where: dict[str, Plain] = {}
    #: Strike at the n-th match.
    count: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    #: Strike this long after the match.
    after: Duration = duration(0)


class _Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    target: str
    at: Duration | None = None
    when: When | None = None


class Exit(_Fault, frozen=True, kw_only=True, tag="exit"):
    """The process of the target calls `_exit(code)`."""

    code: Annotated[int, msgspec.Meta(ge=0, le=255)] = 1


class Signal(_Fault, frozen=True, kw_only=True, tag="signal"):
    """The process of the target gets a signal, by name (`SIGKILL`) or number as text (`9`)."""

    signal: str


class Stall(_Fault, frozen=True, kw_only=True, tag="stall"):
    """The process of the target is stopped (SIGSTOP), and continued after `for` if given."""

    for_: Duration | None = msgspec.field(name="for", default=None)


class Resume(_Fault, frozen=True, kw_only=True, tag="resume"):
    """The process of the target is continued (SIGCONT)."""


class Raise(_Fault, frozen=True, kw_only=True, tag="raise"):
    """A handler of the target actor returns an error with this text."""

    text: str = "injected error"


class Panic(_Fault, frozen=True, kw_only=True, tag="panic"):
    """A handler of the target actor panics."""

    text: str = "for testing"
    #: Not the target: every actor of the mesh that the target, a WrapperActor, made at its start.
    send_to_children: bool = False


class SigSegv(_Fault, frozen=True, kw_only=True, tag="sigsegv"):
    """A handler of the target actor writes to a null pointer: its process dies of SIGSEGV."""

    send_to_children: bool = False


class ProcessExit(_Fault, frozen=True, kw_only=True, tag="process_exit"):
    """A handler of the target actor ends its process with a code."""

    code: Annotated[int, msgspec.Meta(ge=0, le=255)] = 1
    send_to_children: bool = False


class SelfFail(_Fault, frozen=True, kw_only=True, tag="self_fail"):
    """The target actor ends itself with an error."""

    text: str = "self fail"


class SelfUngracefulFail(_Fault, frozen=True, kw_only=True, tag="self_ungraceful_fail"):
    """A handler of the target actor calls `os._exit(1)`."""


class KillPid(_Fault, frozen=True, kw_only=True, tag="kill_pid"):
    """A handler of the target actor sends a signal to its own pid."""

    signal: str = "SIGKILL"


class Abort(_Fault, frozen=True, kw_only=True, tag="abort"):
    """The target actor aborts itself, with a reason."""

    reason: str = NO_REASON


class ExitProcess(_Fault, frozen=True, kw_only=True, tag="exit_process"):
    """A handler of the target actor ends its process in good order, with a code."""

    code: Annotated[int, msgspec.Meta(ge=0, le=255)] = 0


class Hang(_Fault, frozen=True, kw_only=True, tag="hang"):
    """A handler of the target actor is busy for a time, or for ever."""

    for_: Duration | None = msgspec.field(name="for", default=None)


class StopItself(_Fault, frozen=True, kw_only=True, tag="stop_itself"):
    """The target actor ends cleanly by itself."""


class InitFails(_Fault, frozen=True, kw_only=True, tag="init_fails"):
    """The init of the target actor returns an error. Strikes when it is spawned: no `at`, no `when`."""

    text: str = "injected init error"
    #: How long the init works before it fails. The spawn finds out only when it fails at once (Q31).
    after: Duration = duration(0)


class Shout(_Fault, frozen=True, kw_only=True, tag="shout"):
    """The process of the target writes lines to stderr and, if a code is given, calls `_exit(code)` right after."""

    lines: Annotated[list[str], msgspec.Meta(min_length=1, max_length=1_000)]
    exit: Annotated[int, msgspec.Meta(ge=0, le=255)] | None = None


class StartFails(_Fault, frozen=True, kw_only=True, tag="start_fails"):
    """The process of the target proc ends instead of starting. Strikes when it is spawned: no `at`, no `when`."""

    code: Annotated[int, msgspec.Meta(ge=0, le=255)] = 1
    #: What it writes to stderr before.
    lines: Annotated[list[str], msgspec.Meta(max_length=1_000)] = []
    #: How long it takes to end.
    after: Duration = duration(0)


class HostCrash(_Fault, frozen=True, kw_only=True, tag="host_crash"):
    """The host's process is killed; the kernel's parent-death signal takes its procs."""


class ControllerExit(_Fault, frozen=True, kw_only=True, tag="controller_exit"):
    """The process in which the controller of the target mesh lives calls `_exit(code)`."""

    code: Annotated[int, msgspec.Meta(ge=0, le=255)] = 1


class ControllerKill(_Fault, frozen=True, kw_only=True, tag="controller_kill"):
    """The process in which the controller of the target mesh lives gets a signal."""

    signal: str = "SIGKILL"


class SubscriberGone(_Fault, frozen=True, kw_only=True, tag="subscriber_gone"):
    """The target drops its reference to `mesh` without unsubscribing."""

    mesh: str


class Misreport(_Fault, frozen=True, kw_only=True, tag="misreport"):
    """The agent of the target proc answers about its actor of `mesh` with this status, which has no events.

    It stands for an agent of another version, or with a defect. It may strike before the mesh is there.
    """

    mesh: str
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


class AllocStop(_Fault, frozen=True, kw_only=True, tag="alloc_stop"):
    """The alloc in the process of the client stops one of its procs, for any reason (its chaos monkey)."""

    reason: Literal["stopped", "exited", "killed", "watchdog", "host_watchdog", "unknown"] = "watchdog"
    #: Exit code of `exited`, signal number of `killed`.
    number: Annotated[int, msgspec.Meta(ge=0, le=255)] = 0


class AllocFail(_Fault, frozen=True, kw_only=True, tag="alloc_fail"):
    """The alloc of the target procs fails: from now on it starts nothing and will never be complete."""

    text: str = "injected alloc failure"


Fault = Union[
    Exit,
    Signal,
    Stall,
    Resume,
    Raise,
    Panic,
    SigSegv,
    ProcessExit,
    SelfFail,
    SelfUngracefulFail,
    KillPid,
    Abort,
    ExitProcess,
    Hang,
    StopItself,
    InitFails,
    Shout,
    StartFails,
    HostCrash,
    ControllerExit,
    ControllerKill,
    SubscriberGone,
    Misreport,
    AllocStop,
    AllocFail,
]
