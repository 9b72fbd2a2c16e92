"""The search for what a run left behind, and waiting without sleeping: shared by all tests of real processes."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from pathlib import Path

from meshsim.procs.launcher import RUN_MARKER
from meshsim.procs.linux import children_of, facts_of

#: Wall time after which a wait in these tests is a failure.
PATIENCE_S = 20.0


def processes_of(run_id: str) -> list[str]:
    """Every process on this machine that carries the run's marker in its environment."""
    return [f"{pid} {comm}" for pid, comm in _marked(f"{RUN_MARKER}={run_id}".encode())]


def processes_of_runner(pid: int) -> list[str]:
    """Every process of a run of the `meshsim` command with this pid: its run ids begin with that."""
    return [f"{pid} {comm}" for pid, comm in _marked(f"{RUN_MARKER}={pid}-".encode())]


def _marked(marker: bytes) -> list[tuple[int, str]]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and any(
                text.startswith(marker) if marker.endswith(b"-") else text == marker
                for text in (entry / "environ").read_bytes().split(b"\0")
            ):
                found.append((int(entry.name), (entry / "comm").read_text().strip()))
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
