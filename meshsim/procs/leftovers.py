"""Processes of runs that have ended: there must not be any, so whoever watches runs says if there are.

Every process of a run carries the run's marker in its environment, which begins with the pid of the process that runs
it. One whose runner is gone, or runs nothing now, is left over.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

import msgspec

from meshsim.procs.launcher import RUN_MARKER


class Leftover(msgspec.Struct, frozen=True):
    pid: int
    name: str
    #: Pid of the process that ran its run.
    runner: int


def leftovers(idle: Collection[int] = (), *, proc: Path = Path("/proc")) -> list[Leftover]:
    """What is left over on this machine, by pid.

    Args:
        idle: runners that live and have no run at the moment.
        proc: where the kernel shows processes; a machine without it has no processes of runs either.
    """
    found = []
    for entry in proc.iterdir() if proc.is_dir() else ():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            runner = _runner((entry / "environ").read_bytes())
            if runner is not None and (runner in idle or not (proc / str(runner)).exists()):
                found.append(Leftover(int(entry.name), (entry / "comm").read_text(errors="replace").strip(), runner))
        except OSError:
            continue  # Gone since the listing, or somebody else's.
    return sorted(found, key=lambda left: left.pid)


def _runner(environment: bytes) -> int | None:
    """The pid in the marker: run ids are `<pid of the runner>-<random digits>`."""
    prefix = f"{RUN_MARKER}=".encode()
    for variable in environment.split(b"\0"):
        if variable.startswith(prefix):
            pid = variable.removeprefix(prefix).partition(b"-")[0]
            return int(pid) if pid.isdigit() else None
    return None
