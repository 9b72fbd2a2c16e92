"""Batches on a Dask cluster; needs the extra `campaign`, which is imported here alone, and late.

A worker of Dask has threads, which must not fork: each batch gets an interpreter of its own there (`campaign.alone`).
When a worker dies Dask gives its batches to another one; as a batch is a pure function nobody can tell.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, TypeVar

import msgspec

from meshsim.campaign.batch import Agenda, BatchFailed, encode_task
from meshsim.run.workers import WorkerDiedError

#: How long a scheduler may take to answer, and a cluster may be without workers, seconds. Source: chosen here.
_CONNECT_S, _WORKERS_S = 10.0, 60.0
#: How long a wait for batches lasts before the cluster is looked at again, seconds. Source: chosen here.
_TICK_S = 1.0

_T = TypeVar("_T")


class ClusterError(Exception):
    """There is no cluster to work with; `str()` is one line for the user."""


@contextmanager
def connected(address: str) -> Iterator[Cluster]:
    """A connection to a Dask scheduler.

    Raises:
        ClusterError: the extra is not installed, or nobody answers at this address.
    """
    try:
        import distributed
    except ImportError:
        raise ClusterError("--scheduler: needs the extra `campaign`: pip install 'meshsim[campaign]'") from None
    try:
        client = distributed.Client(address, timeout=_CONNECT_S)
    except (OSError, ValueError) as error:
        raise ClusterError(f"--scheduler {address}: no Dask scheduler there: {str(error).splitlines()[0]}") from None
    with client:
        yield Cluster(client, address)


class Cluster:
    """Hands out as many batches as the workers have threads."""

    def __init__(self, client: Any, address: str) -> None:  # noqa: ANN401  Dask is an extra, without types of ours
        self.address = address
        self._client = client
        self._seen = monotonic()

    def run(
        self, agenda: Agenda, may_begin: Callable[[], bool], begin: Callable[[], None]
    ) -> Iterator[tuple[int, bytes | WorkerDiedError]]:
        from distributed import wait

        left = agenda.left
        running: dict[Any, int] = {}
        upcoming = 0
        while True:
            while (left is None or upcoming < left) and len(running) < self._slots() and may_begin():
                task = encode_task(agenda.task(upcoming))
                running[self._client.submit(in_own_process, task, pure=False)] = upcoming
                upcoming += 1
            if self._is_gone():
                yield from ((index, WorkerDiedError("the cluster is gone")) for index in running.values())
                return
            if not running:
                if not may_begin() or upcoming == left:
                    return
                continue
            try:
                wait(list(running), timeout=_TICK_S, return_when="FIRST_COMPLETED")
            except TimeoutError:
                continue
            for future in [each for each in running if each.done()]:
                yield running.pop(future), _answer(future)

    def ask(self, question: Callable[[], _T]) -> list[_T]:
        """What each worker answers."""
        return list(self._client.run(question).values())

    def _slots(self) -> int:
        return sum(self._client.nthreads().values()) if self._client.status == "running" else 0

    def _is_gone(self) -> bool:
        """Whether the scheduler is not there, or has had no workers for a while."""
        if self._slots():
            self._seen = monotonic()
        return self._client.status != "running" or monotonic() - self._seen > _WORKERS_S


def _answer(future: Any) -> bytes | WorkerDiedError:  # noqa: ANN401  as above
    if future.status != "finished":
        error = future.exception() if future.status == "error" else None
        return WorkerDiedError(f"the cluster gave it up: {str(error or future.status).splitlines()[0]}")
    answer: bytes = future.result()
    return answer


def in_own_process(task: bytes) -> bytes:
    """On a worker: run an encoded task in an interpreter of its own, which dies with the worker."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", "meshsim.campaign.alone", str(os.getpid())]
    ended = subprocess.run(command, input=task, stdout=subprocess.PIPE, env=environment, check=False)
    if ended.returncode == 0:
        return ended.stdout
    return msgspec.msgpack.encode(BatchFailed(f"its process ended with exit code {ended.returncode}"))
