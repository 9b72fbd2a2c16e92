"""The kernel calls that Python does not have, and what /proc tells about a process. Linux only."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from functools import cache
from pathlib import Path

import msgspec

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36
_SIGKILL = int(signal.SIGKILL)


class ProcessFacts(msgspec.Struct, frozen=True):
    """One line of /proc/PID/stat, as far as anybody here cares (proc(5))."""

    pid: int
    #: `R` running, `S` sleeping, `D` in the kernel, `T` stopped, `t` traced, `Z` dead and not waited for.
    state: str
    parent: int
    group: int
    session: int


def facts_of(pid: int) -> ProcessFacts:
    """What the kernel says of a process now.

    Raises:
        FileNotFoundError, ProcessLookupError: there is no such process.
    """
    with open(f"/proc/{pid}/stat", "rb") as file:
        # The name in the second field may hold anything, brackets and blanks included.
        fields = file.read().rpartition(b")")[2].split(maxsplit=4)
    return ProcessFacts(
        pid=pid, state=fields[0].decode(), parent=int(fields[1]), group=int(fields[2]), session=int(fields[3])
    )


def children_of(parent: int) -> list[int]:
    """Pids whose parent is `parent`, zombies included."""
    children = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                facts = facts_of(int(entry))
            except (FileNotFoundError, ProcessLookupError):
                continue  # Gone since the listing.
            if facts.parent == parent:
                children.append(facts.pid)
    return children


def soft_limit_of(pid: int, what: str) -> str:
    """A soft limit of a process as /proc says it, a number or `unlimited`, by its name there: `Max open files`.

    Raises:
        FileNotFoundError, ProcessLookupError: it has been reaped.
    """
    for line in Path(f"/proc/{pid}/limits").read_text().splitlines():
        if line.startswith(what):
            return line.removeprefix(what).split()[0]
    raise AssertionError(f"/proc/{pid}/limits has no {what}")


def die_with_parent(parent: int) -> None:
    """Ask for SIGKILL when the thread that forked this process ends; end at once if it has ended already.

    The request does not survive fork: each process makes its own. Source of the check: supervision.md 3.7 step 2.
    """
    _prctl(_PR_SET_PDEATHSIG, _SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def outlive_parent() -> None:
    """Take the request of `die_with_parent` back."""
    _prctl(_PR_SET_PDEATHSIG, 0)


def become_subreaper() -> None:
    """Descendants whose parent dies become children of this process instead of init's."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def set_process_name(name: str) -> None:
    """What `ps` and `top` show; the kernel keeps fifteen bytes."""
    _prctl(_PR_SET_NAME, name.encode())


def default_signals() -> None:
    """Every signal does what the kernel does by default, and none is blocked.

    Python ignores SIGPIPE and SIGXFSZ and catches SIGINT, and a runner under nohup ignores SIGHUP: the modelled
    processes do neither, and fork hands dispositions down.
    """
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def forbid_core_dumps() -> None:
    """No process from here on dumps core, so the core flag of a death by signal is the same on every machine.

    A limit of zero does not do: when core_pattern is a pipe the kernel ignores it, dumps into the pipe and sets the
    flag. A limit of one byte is too small for a file and is the kernel's own mark for "not into a pipe" (core(5)).
    Where even that may not be set, the process becomes undumpable, at the price that other users cannot read its
    /proc entries.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    if hard == 0:
        _prctl(_PR_SET_DUMPABLE, 0)
    else:
        resource.setrlimit(resource.RLIMIT_CORE, (1, hard))


def current_cpu() -> int:
    """The core that this thread runs on now."""
    cpu: int = _libc().sched_getcpu()
    return cpu


def _prctl(option: int, value: int | bytes) -> None:
    if _libc().prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}, {value!r}): {os.strerror(number)}")


@cache
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    # Registers wide: what prctl does not use must be zero, and text is passed by its address.
    libc.prctl.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong]
    return libc
