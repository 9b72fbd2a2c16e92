"""Real processes: a backend for each test, and a check that nothing of it is left."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# The zygote imports the test node by name: it must lie on the path that the runner hands over.
sys.path.insert(0, str(Path(__file__).parent))

from echo_node import EchoNode
from leftovers import PATIENCE_S, processes_of, wait_until, zombies
from process_checks import EMPTY, MakeBackend, boot

from meshsim.model.boot import Program
from meshsim.model.ids import Node
from meshsim.procs.backend import LockstepBackend


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
