"""What the tests of real processes share: boots, waiting, and the search for leftovers."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from meshsim.model.boot import NodeBoot, Program
from meshsim.model.ids import Node
from meshsim.procs.backend import LockstepBackend
from meshsim.procs.launcher import RUN_MARKER
from meshsim.procs.linux import children_of, facts_of

#: Wall time after which a wait in these tests is a failure.
PATIENCE_S = 20.0
EMPTY = Program(actor_types={})


class MakeBackend(Protocol):
    def __call__(self, *, deadline_s: float = PATIENCE_S, program: Program = EMPTY) -> LockstepBackend: ...


def boot(node: str, kind: str = "proc", **config: int) -> NodeBoot:
    return NodeBoot(node=Node(node), kind=kind, config=dict(config))


def processes_of(run_id: str) -> list[str]:
    """Every process on this machine that carries the run's marker in its environment."""
    marker = f"{RUN_MARKER}={run_id}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and marker in (entry / "environ").read_bytes().split(b"\0"):
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
