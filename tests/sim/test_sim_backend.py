"""The backend on objects: it does what the model expects, and runs come out the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from small_worlds import at, mesh, run_on, run_sim

from meshsim.drive.kernel import ProcessState
from meshsim.faults.kinds import HostCrash, Signal
from meshsim.model.actors.registry import default_program
from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import Node
from meshsim.scenario.plan import Plan, encode_plan, plan
from meshsim.scenario.schema import Network, Procs, Scenario, Topology
from meshsim.sim import SimBackend
from meshsim.units import MS, Duration

DIGEST = """\
import sys
from meshsim.run import run_plan
from meshsim.scenario.plan import decode_plan
print(run_plan(decode_plan(sys.stdin.buffer.read()), "sim").digest)
"""


@pytest.fixture(scope="module")
def jittery() -> Plan:
    """A mesh that draws from streams and dies of two faults."""
    faults = [Signal(target="workers[1]", signal="SIGSEGV", at=at(9)), HostCrash(target="host1", at=at(15))]
    return mesh(hosts=2, horizon_s=40, faults=faults, network=Network(jitter=Duration(3 * MS)))


def test_what_is_expected_is_what_is_observed() -> None:
    """There is no operating system that could disagree."""
    backend = SimBackend(default_program())

    assert [backend.observe(Node("host0"), state) for state in ProcessState] == list(ProcessState)
    assert backend.reap(Node("host0"), by=None, expected=ExitStatus(code=3)) == ExitStatus(code=3)


def test_close_forgets_all_nodes() -> None:
    """May be called twice, as on every backend."""
    backend = SimBackend(default_program())
    run_on(backend, mesh(horizon_s=5))
    nodes = set(backend.nodes)

    backend.close()
    backend.close()

    assert nodes == {"host0", "client", "host0/workers_0", "host0/workers_1"}
    assert backend.nodes == {}


def test_a_plan_has_one_digest(jittery: Plan) -> None:
    """Twice in one process: nothing of the first run is left in the second."""
    first, second = run_sim(jittery), run_sim(jittery)

    assert first.records == second.records
    assert first.digest() == second.digest()


@pytest.mark.parametrize("hash_seed", ["0", "1", "12345"])
def test_a_digest_depends_on_neither_process_nor_hash_seed_nor_folder(
    jittery: Plan, tmp_path: Path, hash_seed: str
) -> None:
    """In a fresh interpreter, somewhere else, with sets and dictionaries of text in another order."""
    done = subprocess.run(
        [sys.executable, "-c", DIGEST],
        input=encode_plan(jittery),
        cwd=tmp_path,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        check=True,
    )

    assert done.stdout.decode().strip() == run_sim(jittery).digest()


def test_another_seed_draws_other_delays() -> None:
    """Names and jitter come from streams of the seed."""
    scenario = Scenario(
        name="jitter",
        horizon=at(5),
        topology=Topology(procs=[Procs(name="workers")]),
        network=Network(jitter=Duration(3 * MS)),
    )
    digests = {run_sim(plan(scenario, seed)).digest() for seed in range(5)}

    assert len(digests) == 5
