"""Child processes: forked through multiprocess, watched by pidfd, waited for exactly once.

The zygote and every host have one `Nursery`. multiprocess takes the status of any child that has ended whenever it
looks at its children (at the next start, in `is_alive`, at exit), and keeps only a number of it; here the kernel's own
words count, so its bookkeeping is told of an end and never finds out by itself.
"""

from __future__ import annotations

import gc
import os
import socket
from collections.abc import Callable
from contextlib import suppress

import multiprocess
from multiprocess import popen_fork

from meshsim.model.boot import NodeBoot
from meshsim.procs.wire import Reaped


class _Popen(popen_fork.Popen):  # type: ignore[misc] # multiprocess has no types
    """Forks, and nothing else: no pipes to keep open, no waiting."""

    def _launch(self, process: NodeProcess) -> None:
        self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                code = process._bootstrap()
            finally:
                os._exit(code)
        self.sentinel = os.pidfd_open(self.pid)

    def poll(self, flag: int = os.WNOHANG) -> int | None:
        """The return code once `ended` has told it; base class and `_cleanup()` would wait for the child here."""
        code: int | None = self.returncode
        return code

    def close(self) -> None:
        os.close(self.sentinel)


class NodeProcess(multiprocess.get_context("fork").Process):  # type: ignore[misc] # multiprocess has no types
    """A multiprocess process whose end is reported by `ended`. Its sentinel is its pidfd."""

    @staticmethod
    def _Popen(process: NodeProcess) -> _Popen:  # noqa: N802 # multiprocess's name for it
        return _Popen(process)

    def ended(self, returncode: int) -> None:
        """Its parent has waited for it: let multiprocess forget it and close the pidfd."""
        self._popen.returncode = returncode
        self.close()


class Nursery:
    """The children of this process.

    `main(boot, connection, output, parent, pdeathsig)` is what a child runs; it must not return before the child ends.
    """

    def __init__(self, main: Callable[[NodeBoot, socket.socket, int, int, bool], None]) -> None:
        self._main = main
        self._children: dict[int, NodeProcess] = {}

    def start(self, boot: NodeBoot, *, pdeathsig: bool) -> tuple[int, list[int]]:
        """Fork a child: its pid, and its socket, output and pidfd for the conductor.

        The pidfd stays open here; `release` the other two when the conductor has its copies.

        Raises:
            OSError: the machine has no more processes, descriptors or memory to give.
        """
        ours, theirs = socket.socketpair()
        with ours, theirs:
            output = os.memfd_create(boot.node)
            try:
                # What lives now is shared with the child for good, as long as no collection writes into it.
                gc.freeze()
                process = NodeProcess(target=self._main, args=(boot, theirs, output, os.getpid(), pdeathsig))
                process.start()
            except BaseException:
                os.close(output)
                raise
            self._children[process.pid] = process
            return process.pid, [ours.detach(), output, process.sentinel]

    def release(self, descriptors: list[int]) -> None:
        """Close this process's copies of a child's socket and output."""
        connection, output, _ = descriptors
        os.close(connection)
        os.close(output)

    def pidfds(self) -> dict[int, int]:
        """The pids of children that nobody has waited for, by their pidfds, which are readable when a child is dead."""
        return {process.sentinel: pid for pid, process in self._children.items()}

    def kill(self, pid: int, number: int) -> None:
        """Send a signal to a child's process group. A child that is gone counts as success (supervision.md 3.6)."""
        if pid in self._children:
            with suppress(ProcessLookupError):
                os.killpg(pid, number)

    def reap(self, pid: int) -> Reaped | None:
        """Wait for a dead child, started here or inherited as an orphan; None while it lives.

        Raises:
            ChildProcessError: this process is not its parent, or has waited for it before.
        """
        result = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG)
        if result is None:
            return None
        process = self._children.pop(pid, None)
        if process is not None:
            process.ended(result.si_status if result.si_code == os.CLD_EXITED else -result.si_status)
        return Reaped(code=result.si_code, status=result.si_status)
