"""The search for what a run left behind, and waiting without sleeping: shared by all tests of real processes."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from meshsim.procs.launcher import RUN_MARKER
from meshsim.procs.linux import children_of, facts_of

#: Wall time after which a wait in these tests is a failure.
PATIENCE_S = 20.0

_PR_SET_CHILD_SUBREAPER = 36


def processes_of(run_id: str) -> list[str]:
    """Every process on this machine that carries the run's marker in its environment."""
    marker = f"{RUN_MARKER}={run_id}".encode()
    return _processes_with(lambda variable: variable == marker)


def processes_of_runner(pid: int) -> list[str]:
    """Every process of a run of the `meshsim` command with this pid: its run ids begin with that."""
    marker = f"{RUN_MARKER}={pid}-".encode()
    return _processes_with(lambda variable: variable.startswith(marker))


def processes_with(name: str, value: str, *, but: int) -> list[str]:
    """Every process that started with this variable in its environment, or inherited it; one is left out."""
    wanted = f"{name}={value}".encode()
    return [each for each in _processes_with(lambda variable: variable == wanted) if each.split()[0] != str(but)]


def _processes_with(is_marker: Callable[[bytes], bool]) -> list[str]:
    """Pid and name of every process with such a variable in its environment."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and any(map(is_marker, (entry / "environ").read_bytes().split(b"\0"))):
                found.append(f"{entry.name} {(entry / 'comm').read_text().strip()}")
        except OSError:
            continue  # Gone since the listing.
    return found


def zombies() -> list[int]:
    """Children of this process that are dead and that nobody has waited for; none is reaped by looking."""
    return [pid for pid in children_of(os.getpid()) if facts_of(pid).state == "Z"]


def wait_until(condition: Callable[[], bool]) -> bool:
    """Whether the condition came true before patience ran out."""
    until = time.perf_counter() + PATIENCE_S
    while not condition():
        if time.perf_counter() > until:
            return False
        select.select([], [], [], 0.001)
    return True


@contextmanager
def adopting() -> Iterator[Callable[[], list[int]]]:
    """While this lasts, orphans of processes started here become children of this process.

    Call what it gives to wait for all of them, and for their exit codes (a signal is negative).

    Raises:
        AssertionError: one that is alive does not end; they are killed.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    before = set(children_of(os.getpid()))

    def adopted() -> list[int]:
        return sorted(set(children_of(os.getpid())) - before)

    def wait_for_all() -> list[int]:
        ended = wait_until(lambda: all(facts_of(pid).state == "Z" for pid in adopted()))
        alive = [pid for pid in adopted() if facts_of(pid).state != "Z"]
        for pid in alive:
            os.kill(pid, signal.SIGKILL)
        statuses = [os.waitid(os.P_PID, pid, os.WEXITED) for pid in adopted()]
        assert ended, f"still alive: {alive}"
        return [s.si_status if s.si_code == os.CLD_EXITED else -s.si_status for s in statuses if s is not None]

    assert libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    try:
        yield wait_for_all
    finally:
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
