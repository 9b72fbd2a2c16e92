"""What this machine can do for a run on real processes. Nothing is started to find out."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median_low
from typing import NamedTuple

import msgspec

#: Below this many descriptors a mesh of 256 procs does not fit: three for each process, and some to live on.
_DESCRIPTORS_MIN = 1_024
#: Smaller cores are not begun: a page on every architecture (`min_coredump` in Linux).
CORE_SIZE = 1 << 16
#: A clock whose steps are longer could not tell what came first. Source: chosen here.
_RESOLUTION_MAX_NS = 10_000
#: How often, and for how long, this process waits to see when it wakes up.
_WAKINGS = 10
_WAKING_NS = 2_000_000
#: Half of the waits may be later than this. Source: chosen here, a fifth of a poll period of 50 ms.
_LATE_MAX_US = 10_000
_PR_GET_PDEATHSIG = 2
_PR_GET_CHILD_SUBREAPER = 37


class Capability(msgspec.Struct, frozen=True):
    """One thing a machine can or cannot do."""

    name: str
    ok: bool
    #: What was found: a value, or why it is not there.
    detail: str
    needed_for: str
    #: Whether runs on real processes are impossible without it.
    required: bool = True
    #: The only backend that uses it; empty: `lockstep` and `live` do.
    only: str = ""


class _Check(NamedTuple):
    """How a capability is found out: `attempt` returns what it found, or raises what is missing."""

    name: str
    attempt: Callable[[], str]
    needed_for: str
    required: bool = True
    only: str = ""

    def tried(self) -> Capability:
        try:
            ok, detail = True, self.attempt()
        except (OSError, AttributeError, ImportError, _LackingError) as error:
            ok, detail = False, str(error)
        return Capability(self.name, ok, detail, self.needed_for, self.required, self.only)


def probe() -> list[Capability]:
    """Everything that the real-process backends use, in the order `meshsim doctor` shows it."""
    return [check.tried() for check in _checks()]


def missing_for(backend: str) -> list[str]:
    """One clear line for each thing without which `lockstep` or `live` cannot work; empty on a machine that will do."""
    needed = [check.tried() for check in _checks() if check.required and check.only in ("", backend)]
    return [f"{c.name} ({c.needed_for}): {c.detail}" for c in needed if not c.ok]


def _checks() -> list[_Check]:
    return [
        _Check("Linux", _linux, "processes with pidfd, prctl and /proc"),
        _Check("pidfd_open", _pidfd_open, "knowing when a process is dead"),
        _Check("pidfd_send_signal", _pidfd_send_signal, "signals that cannot hit another process"),
        _Check("waitid", _waitid, "how a process ended, in the kernel's words"),
        _Check("parent-death signal", lambda: _prctl_get(_PR_GET_PDEATHSIG), "a host crash takes its procs"),
        _Check("subreaper", lambda: _prctl_get(_PR_GET_CHILD_SUBREAPER), "nothing is left when anything dies"),
        _Check("memfd_create", _memfd_create, "output of nodes without temporary files"),
        _Check("descriptor passing", _descriptor_passing, "the runner's hold on procs that hosts start"),
        _Check("/proc", _proc, "seeing that a process is stopped"),
        _Check("epoll of a pidfd", _epoll, "a host that hears of a child's death by itself", only="live"),
        _Check("monotonic clock", _clock, "one time in all processes, finer than what is measured", only="live"),
        _Check("waking up in time", _waking, "faults and timers on the wall clock", required=False, only="live"),
        _Check("core affinity", _affinity, "fast steps: runner and nodes on one core", required=False),
        _Check("open files", _open_files, "256 procs and more", required=False),
        _Check("processes", _processes, "how many procs fit", required=False),
        _Check("core pattern", _core_pattern, "the same core-dump flag everywhere", required=False),
        _Check("core dumps", _core_dump, "a core-dump flag that a fault asks for", required=False),
    ]


def missing_for_core_dumps() -> str:
    """Why no process can dump core without leaving it somewhere; empty on a machine where it can."""
    try:
        _core_dump()
    except (OSError, ImportError, _LackingError) as error:
        return str(error)
    return ""


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


def _epoll() -> str:
    pidfd = os.pidfd_open(os.getpid())
    try:
        with select.epoll() as epoll:
            epoll.register(pidfd, select.EPOLLIN)
            # Of a process that lives: a kernel that cannot wait for it refuses to register it.
            if epoll.poll(0):
                raise _LackingError("it says that this process is dead")
    finally:
        os.close(pidfd)
    return "yes"


def _clock() -> str:
    ns = round(time.get_clock_info("monotonic").resolution * 1e9)
    if ns > _RESOLUTION_MAX_NS:
        raise _LackingError(f"its steps are {ns} ns")
    return f"steps of {ns} ns"


def _waking() -> str:
    late_us = []
    for _ in range(_WAKINGS):
        due_ns = time.monotonic_ns() + _WAKING_NS
        select.select((), (), (), _WAKING_NS / 1e9)
        late_us.append((time.monotonic_ns() - due_ns) // 1000)
    said = f"{_WAKINGS} waits of 2 ms: {median_low(late_us)} us late, at worst {max(late_us)} us"
    if median_low(late_us) > _LATE_MAX_US:
        raise _LackingError(f"{said}; runs will be inconclusive")
    return said


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
