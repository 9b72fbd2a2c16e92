"""What this machine can do for a run on real processes. Nothing is started to find out."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

#: Below this many descriptors a mesh of 256 procs does not fit: three for each process, and some to live on.
_DESCRIPTORS_MIN = 1_024
#: Smaller cores are not begun: a page on every architecture (`min_coredump` in Linux).
CORE_SIZE = 1 << 16
_PR_GET_PDEATHSIG = 2
_PR_GET_CHILD_SUBREAPER = 37


class Capability(msgspec.Struct, frozen=True):
    """One thing a machine can or cannot do."""

    name: str
    ok: bool
    #: What was found: a value, or why it is not there.
    detail: str
    needed_for: str
    #: Whether `lockstep` is impossible without it.
    required: bool = True


def probe() -> list[Capability]:
    """Everything that the real-process backends use, in the order `meshsim doctor` shows it."""
    return [
        _tried("Linux", _linux, "processes with pidfd, prctl and /proc"),
        _tried("pidfd_open", _pidfd_open, "knowing when a process is dead"),
        _tried("pidfd_send_signal", _pidfd_send_signal, "signals that cannot hit another process"),
        _tried("waitid", _waitid, "how a process ended, in the kernel's words"),
        _tried("parent-death signal", lambda: _prctl_get(_PR_GET_PDEATHSIG), "a host crash takes its procs"),
        _tried("subreaper", lambda: _prctl_get(_PR_GET_CHILD_SUBREAPER), "nothing is left when anything dies"),
        _tried("memfd_create", _memfd_create, "output of nodes without temporary files"),
        _tried("descriptor passing", _descriptor_passing, "the runner's hold on procs that hosts start"),
        _tried("/proc", _proc, "seeing that a process is stopped"),
        _tried("core affinity", _affinity, "fast steps: runner and nodes on one core", required=False),
        _tried("open files", _open_files, "256 procs and more", required=False),
        _tried("processes", _processes, "how many procs fit", required=False),
        _tried("core pattern", _core_pattern, "the same core-dump flag everywhere", required=False),
        _tried("core dumps", _core_dump, "a core-dump flag that a fault asks for", required=False),
    ]


def missing_for_lockstep() -> list[str]:
    """One clear line for each thing without which `lockstep` cannot work; empty on a machine that will do."""
    return [f"{c.name} ({c.needed_for}): {c.detail}" for c in probe() if c.required and not c.ok]


def missing_for_core_dumps() -> str:
    """Why no process can dump core without leaving it somewhere; empty on a machine where it can."""
    try:
        _core_dump()
    except (OSError, ImportError, _LackingError) as error:
        return str(error)
    return ""


def _tried(name: str, attempt: Callable[[], str], needed_for: str, *, required: bool = True) -> Capability:
    """`attempt` returns what it found; that it raises is the finding of what is missing."""
    try:
        return Capability(name, ok=True, detail=attempt(), needed_for=needed_for, required=required)
    except (OSError, AttributeError, ImportError, _LackingError) as error:
        return Capability(name, ok=False, detail=str(error), needed_for=needed_for, required=required)


class _LackingError(Exception):
    """It is there, and is not enough."""


def _linux() -> str:
    if sys.platform != "linux":
        raise _LackingError(f"this is {sys.platform}")
    return os.uname().release


def _pidfd_open() -> str:
    os.close(os.pidfd_open(os.getpid()))
    return "yes"


def _pidfd_send_signal() -> str:
    pidfd = os.pidfd_open(os.getpid())
    try:
        signal.pidfd_send_signal(pidfd, 0)
    finally:
        os.close(pidfd)
    return "yes"


def _waitid() -> str:
    try:
        # This process is no child of its own: that is the answer of a kernel that understands the question.
        os.waitid(os.P_PID, os.getpid(), os.WEXITED | os.WNOHANG)
    except ChildProcessError:
        return "yes"
    raise _LackingError("waitid waited for a process that is no child")


def _prctl_get(option: int) -> str:
    value = ctypes.c_int()
    if ctypes.CDLL(None, use_errno=True).prctl(option, ctypes.byref(value), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return "yes"


def _memfd_create() -> str:
    os.close(os.memfd_create("meshsim"))
    return "yes"


def _descriptor_passing() -> str:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        socket.send_fds(ours, [b"."], [ours.fileno()])
        _, descriptors, _, _ = socket.recv_fds(theirs, 1, 1)
    for descriptor in descriptors:
        os.close(descriptor)
    if len(descriptors) != 1:
        raise _LackingError("the descriptor did not arrive")
    return "yes"


def _proc() -> str:
    Path("/proc/self/stat").read_bytes()
    return "yes"


def _affinity() -> str:
    return f"{len(os.sched_getaffinity(0))} cores"


def _open_files() -> str:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < _DESCRIPTORS_MIN:
        raise _LackingError(f"at most {hard}")
    return f"{_limit(soft)}, can be raised to {_limit(hard)}"


def _processes() -> str:
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    return f"{_limit(soft)} of this user, pids up to {Path('/proc/sys/kernel/pid_max').read_text().strip()}"


def _core_pattern() -> str:
    pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
    if pattern.startswith("@"):
        raise _LackingError(f"{pattern}: the kernel may dump into this socket whatever the limit is")
    return pattern


def _core_dump() -> str:
    """A core must go into the working directory of its process, where it is removed."""
    import resource

    pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
    if not pattern or pattern[0] in "|@" or "/" in pattern:
        raise _LackingError(f"core_pattern is {pattern!r}: the kernel would keep the core elsewhere")
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    if 0 <= hard < CORE_SIZE:
        raise _LackingError(f"RLIMIT_CORE can be raised to {hard} bytes only")
    return f"into {pattern}, removed at once"


def _limit(value: int) -> str:
    return "no limit" if value < 0 else str(value)
