"""The baseline for hearing of a death: a child that does nothing is killed, and its pidfd says so."""

from __future__ import annotations

import os
import select
import signal
import time
from types import TracebackType

import multiprocess
from multiprocess.connection import Connection

from meshsim.procs.linux import die_with_parent


def wake_up_ns() -> int:
    """From just before the kill until `poll` on the pidfd returns, wall nanoseconds. The child is waited for.

    The child is a fork of this process: the kernel frees its memory first, so how big it is counts.
    """
    ready, written = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            die_with_parent(parent)
            os.write(written, b"x")
            while True:
                signal.pause()
        finally:
            os._exit(1)
    pidfd = os.pidfd_open(pid)
    try:
        os.read(ready, 1)
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        began_ns = time.monotonic_ns()
        os.kill(pid, signal.SIGKILL)
        poll.poll()
        return time.monotonic_ns() - began_ns
    finally:
        os.kill(pid, signal.SIGKILL)  # Not waited for yet, so the pid is still its own.
        os.waitid(os.P_PID, pid, os.WEXITED)
        for descriptor in (ready, written, pidfd):
            os.close(descriptor)


class WakeUps:
    """A process of its own that measures wake-ups again and again, beside whatever goes on. Use as a context.

    After it `found` has when each began (CLOCK_MONOTONIC, ns) and how long it took (ns).
    """

    def __init__(self, gap_s: float) -> None:
        """`gap_s` lies between two wake-ups."""
        self.found: list[tuple[int, int]] = []
        context = multiprocess.get_context("fork")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_measure, args=(self._connection, theirs, gap_s, os.getpid()))

    def __enter__(self) -> WakeUps:
        self._process.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self._connection.send("enough")
            self.found = self._connection.recv()
        self._connection.close()
        if kind is not None:
            self._process.kill()
        self._process.join()

    def nearest(self, at_ns: int, count: int) -> list[int]:
        """So many that began nearest to a time."""
        return [took_ns for _, took_ns in sorted(self.found, key=lambda each: abs(each[0] - at_ns))[:count]]


def _measure(ours: Connection, theirs: Connection, gap_s: float, parent: int) -> None:
    die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    ours.close()
    found = []
    while not theirs.poll(gap_s):
        at_ns = time.monotonic_ns()
        found.append((at_ns, wake_up_ns()))
    theirs.send(found)
