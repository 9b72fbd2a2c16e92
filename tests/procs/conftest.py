"""Real processes: a backend for each test, and a check that nothing of it is left."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

# The zygote imports the test node by name: it must lie on the path that the runner hands over.
sys.path.insert(0, str(Path(__file__).parent))

from echo_node import EchoNode

from meshsim.model.boot import NodeBoot, Program
from meshsim.model.ids import Node
from meshsim.procs.backend import LockstepBackend
from meshsim.procs.launcher import RUN_MARKER
from meshsim.procs.linux import facts_of

#: Wall time after which a wait in these tests is a failure.
PATIENCE_S = 20.0
EMPTY = Program(actor_types={})


class MakeBackend(Protocol):
    def __call__(self, *, deadline_s: float = PATIENCE_S, program: Program = EMPTY) -> LockstepBackend: ...


@pytest.fixture
def run_id(request: pytest.FixtureRequest) -> Iterator[str]:
    """A run id of the test's own. Whatever happened, no process of it and no zombie may be left afterwards."""
    run_id = f"test-{os.getpid()}-{request.node.name}"
    yield run_id
    assert wait_until(lambda: not processes_of(run_id)), f"left over: {processes_of(run_id)}"
    assert zombies() == []


@pytest.fixture
def make_backend(run_id: str) -> Iterator[MakeBackend]:
    """Starts backends with the test node, and closes them."""
    made: list[LockstepBackend] = []

    def make(*, deadline_s: float = PATIENCE_S, program: Program = EMPTY) -> LockstepBackend:
        made.append(LockstepBackend(program, run_id=run_id, deadline_s=deadline_s, node_type=EchoNode))
        return made[-1]

    yield make
    for backend in made:
        backend.close()


@pytest.fixture
def backend(make_backend: MakeBackend) -> LockstepBackend:
    """One host with two procs, and a client."""
    backend = make_backend()
    backend.start(boot("host0", "host"))
    backend.spawn(Node("host0"), boot("host0/a"), pdeathsig=True)
    backend.spawn(Node("host0"), boot("host0/b"), pdeathsig=True)
    backend.start(boot("client", "client"))
    return backend


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
    children = [
        int(pid) for entry in Path("/proc/self/task").iterdir() for pid in (entry / "children").read_text().split()
    ]
    return [pid for pid in children if facts_of(pid).state == "Z"]


def wait_until(condition: Callable[[], bool]) -> bool:
    """Whether the condition came true before patience ran out."""
    until = time.perf_counter() + PATIENCE_S
    while not condition():
        if time.perf_counter() > until:
            return False
        select.select([], [], [], 0.001)
    return True
