"""Resource limits of this process alone, which a fault sets. They are inherited, so nothing must be forked under them;
they die with the process.

Source of what each does: setrlimit(2), core(5), fork(2).
"""

from __future__ import annotations

import ctypes
import os
import resource
from functools import cache

from meshsim.drive.backend import Resource
from meshsim.procs.capabilities import CORE_SIZE

#: Memory is taken in pieces of this size; beyond what the process has, it gets so many of them and no more.
_PIECE = 1 << 20
_PIECES_MAX = 32

_CAP_SYS_ADMIN = 21
_CAP_SYS_RESOURCE = 24
#: Version 3 of the interface: two words of capabilities.
_CAPABILITY_VERSION = 0x20080522
#: Nobody: a user whose processes count, as those of root do not.
_NOBODY = 65534


def dump_core_into(directory: str) -> None:
    """The next deadly signal that dumps core does so, into this directory, and only its beginning."""
    os.chdir(directory)
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (CORE_SIZE, hard))


def exhaust_memory() -> bool:
    """Take memory until the kernel gives no more (RLIMIT_AS), and let go of it. False: it gave more than it may."""
    with open("/proc/self/statm", "rb") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (size + _PIECES_MAX * _PIECE, hard))
    try:
        # What the allocator has in reserve comes on top.
        hoard = [bytearray(_PIECE) for _ in range(4 * _PIECES_MAX)]
    except MemoryError:
        return True
    hoard.clear()
    return False


def take(what: Resource) -> None:
    """Have no more of it. What is open stays open, and what was started lives on.

    Raises:
        OSError: this process may not be limited.
    """
    if what == "descriptors":
        _set_soft(resource.RLIMIT_NOFILE, 0)
        return
    _set_soft(resource.RLIMIT_NPROC, 0)
    if os.getuid() == 0:
        # Processes of root do not count, and whoever may raise limits is not held to them (fork(2), EAGAIN).
        os.setresuid(_NOBODY, -1, -1)
        _set_effective(without=1 << _CAP_SYS_ADMIN | 1 << _CAP_SYS_RESOURCE)


def give_back(what: Resource) -> None:
    """Have it again."""
    if what == "descriptors":
        _set_soft(resource.RLIMIT_NOFILE, None)
        return
    if os.geteuid() == 0:
        _set_effective(without=0)
        os.setresuid(0, -1, -1)
    _set_soft(resource.RLIMIT_NPROC, None)


def _set_soft(limit: int, value: int | None) -> None:
    """The hard limit stays, so that the soft one can be raised to it again (`None`)."""
    _, hard = resource.getrlimit(limit)
    resource.setrlimit(limit, (hard if value is None else value, hard))


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Words(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def _set_effective(*, without: int) -> None:
    """Make effective what is permitted, but for these: they are all below 32, in the first word."""
    header = _Header(_CAPABILITY_VERSION, 0)
    words = (_Words * 2)()
    _call("capget", header, words)
    for word in words:
        word.effective = word.permitted
    words[0].effective &= ~without
    _call("capset", header, words)


def _call(name: str, header: _Header, words: ctypes.Array[_Words]) -> None:
    if getattr(_libc(), name)(ctypes.byref(header), words) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
