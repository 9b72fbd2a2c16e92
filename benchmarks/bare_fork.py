"""The baseline for processes: an interpreter that does nothing but fork children through multiprocess.

    python -m benchmarks.bare_fork COUNT

Prints what it measured as a line of JSON. psutil is imported when the children are there, so that none of them pays for it.
"""

from __future__ import annotations

import os
import signal
import sys
from time import perf_counter
from typing import TYPE_CHECKING

import msgspec
import multiprocess

if TYPE_CHECKING:
    import psutil


class Forked(msgspec.Struct, frozen=True, kw_only=True):
    """What one round measured: wall seconds, and MiB (USS) of the child that has most."""

    ready_s: float
    private_mib_max: float
    close_s: float


def private_mib(process: psutil.Process) -> float:
    """Memory that would be free if this process alone ended."""
    return float(process.memory_full_info().uss) / 2**20


def fork(count: int) -> Forked:
    """Fork, wait until every child has written its byte, weigh them, kill them and wait for them."""
    ready, written = os.pipe()
    context = multiprocess.get_context("fork")
    started_s = perf_counter()
    children = [context.Process(target=_child, args=(written,), daemon=True) for _ in range(count)]
    for child in children:
        child.start()
    missing = count
    while missing:
        missing -= len(os.read(ready, missing))
    ready_s = perf_counter() - started_s

    import psutil

    memory = max(private_mib(psutil.Process(child.pid)) for child in children)
    started_s = perf_counter()
    for child in children:
        child.kill()
    for child in children:
        child.join()
    return Forked(ready_s=ready_s, private_mib_max=memory, close_s=perf_counter() - started_s)


def _child(written: int) -> None:
    os.write(written, b"x")
    signal.pause()


if __name__ == "__main__":
    print(msgspec.json.encode(fork(int(sys.argv[1]))).decode())
