"""Processes that work off a list of jobs, one job at a time each.

A worker is forked, so it knows the list already: an index goes in, bytes come out. One that dies takes only its job
with it and is replaced. Ctrl-C is a matter of the parent, which interrupts its workers and waits for them; when the
parent is killed the kernel kills them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from time import monotonic
from typing import Protocol

import multiprocess
import multiprocess.connection
from multiprocess.connection import Connection

from meshsim.run.attended import END_S, attend

#: How long a wait for answers lasts before whoever waits is told that time passes, seconds. Source: chosen here.
TICK_S = 1.0


class Work(Protocol):
    """What workers do. Entered and left once in each of them; by default there is nothing before and behind jobs."""

    def __enter__(self) -> object:
        return self

    def __exit__(self, *raised: object) -> None:
        return None

    def do(self, index: int) -> bytes: ...


class WorkerDiedError(Exception):
    """A worker ended while it had a job; `str()` says how."""


class Workers:
    """`count` processes, each of which does the work of the indices it is given. Use as a context."""

    def __init__(self, count: int, work: Work, *, patience_s: float | None = None) -> None:
        """`patience_s`: a worker that has a job for longer is killed, wall seconds."""
        self._work = work
        self._patience_s = patience_s
        self._context = multiprocess.get_context("fork")
        self._idle: list[_Worker] = []
        self._busy: dict[Connection, tuple[_Worker, int]] = {}
        #: When each busy worker got its job.
        self._since: dict[Connection, float] = {}
        for _ in range(count):
            self._idle.append(self._start())

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(
        self, count: int, begin: Callable[[int], bool], tick: Callable[[], None] = lambda: None
    ) -> Iterator[tuple[int, bytes | WorkerDiedError]]:
        """Work off the indices below `count`, handed out in order; answers as they come.

        `begin` is told each index before it is handed out. Once it says no, no more is begun; what runs comes to its
        end. `tick` is called whenever nobody has answered for a while.
        """
        upcoming = 0
        while True:
            while self._idle and upcoming < count:
                if not begin(upcoming):
                    count = upcoming
                    break
                worker = self._idle.pop()
                worker.connection.send(upcoming)
                self._busy[worker.connection] = worker, upcoming
                self._since[worker.connection] = monotonic()
                upcoming += 1
            if not self._busy:
                return
            answered = multiprocess.connection.wait(list(self._busy), TICK_S)
            for connection in answered:
                yield self._take(connection)
            self._lose_patience()
            if not answered:
                tick()

    def _lose_patience(self) -> None:
        """Kill what takes too long: code that loops for ever looks at no limit."""
        for connection, (worker, _) in self._busy.items():
            if self._patience_s is not None and monotonic() - self._since[connection] > self._patience_s:
                worker.process.kill()

    def close(self) -> None:
        """Interrupt what runs, and wait until every worker has ended."""
        busy = [worker for worker, _ in self._busy.values()]
        for worker in busy:
            worker.process.terminate()
        for worker in (*self._idle, *busy):
            worker.connection.close()
        for worker in (*self._idle, *busy):
            worker.process.join(END_S)
            worker.process.kill()
            worker.process.join()
        self._idle, self._busy = [], {}

    def _take(self, connection: Connection) -> tuple[int, bytes | WorkerDiedError]:
        worker, index = self._busy.pop(connection)
        try:
            answer = connection.recv_bytes()
        except (EOFError, OSError):
            connection.close()
            worker.process.join()
            code = worker.process.exitcode
            self._idle.append(self._start())
            how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
            if self._patience_s is not None and monotonic() - self._since[connection] > self._patience_s:
                how = f"after {self._patience_s:g} s without an answer"
            return index, WorkerDiedError(f"its worker process ended {how}")
        self._idle.append(worker)
        return index, answer

    def _start(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        others = [worker.connection for worker in self._idle] + list(self._busy) + [ours]
        process = self._context.Process(target=_serve, args=(theirs, others, self._work, os.getpid()))
        process.start()
        theirs.close()
        return _Worker(process, ours)


class _Worker:
    def __init__(self, process: multiprocess.Process, connection: Connection) -> None:
        self.process = process
        self.connection = connection


def _serve(connection: Connection, others: list[Connection], work: Work, parent: int) -> None:
    """What a worker does until its parent closes the connection, interrupts it or dies."""
    attend(parent)
    for other in others:  # Open copies would hide the end of the parent.
        other.close()
    with suppress(EOFError, KeyboardInterrupt), work:
        while True:
            connection.send_bytes(work.do(connection.recv()))
