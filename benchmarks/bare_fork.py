"""The baseline for processes: an interpreter that does nothing but fork children through multiprocess.

    python -m benchmarks.bare_fork COUNT

Forks, and prints `Forked` as a line of JSON when every child has written its byte; waits for a line on standard input;
kills the children, waits for them, and prints `Closed`.
"""

from __future__ import annotations

import os
import signal
import sys
from time import perf_counter

import msgspec
import multiprocess


class Forked(msgspec.Struct, frozen=True):
    #: Wall time until the last child was ready.
    ready_s: float
    pids: list[int]


class Closed(msgspec.Struct, frozen=True):
    #: Wall time until the last child was waited for.
    close_s: float


def main(count: int) -> None:
    ready, written = os.pipe()
    context = multiprocess.get_context("fork")
    started_s = perf_counter()
    children = [context.Process(target=_child, args=(written,), daemon=True) for _ in range(count)]
    for child in children:
        child.start()
    missing = count
    while missing:
        missing -= len(os.read(ready, missing))
    _say(Forked(perf_counter() - started_s, [child.pid for child in children]))
    sys.stdin.readline()
    started_s = perf_counter()
    for child in children:
        child.kill()
    for child in children:
        child.join()
    _say(Closed(perf_counter() - started_s))


def _child(written: int) -> None:
    os.write(written, b"x")
    signal.pause()


def _say(what: object) -> None:
    print(msgspec.json.encode(what).decode(), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
