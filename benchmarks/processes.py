"""Time until procs are ready, their private memory, and the time to be rid of them, beside bare multiprocess forks.

Ours: from nothing to the answer of the last proc to its first event, start of the zygote included, with the real node
in every process, through `lockstep` as a run uses it. Bare: a fresh interpreter that has imported multiprocess and
msgspec forks as many children, each of which writes a byte (`benchmarks.bare_fork`).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from time import perf_counter

import msgspec
import psutil

from benchmarks.bare_fork import Closed, Forked
from benchmarks.comparison import Aim, Comparison
from benchmarks.worlds import quiet_plan
from meshsim.model.actors.registry import default_program
from meshsim.model.boot import NodeBoot
from meshsim.model.events import Started
from meshsim.model.ids import Name, Node
from meshsim.procs.backend import LockstepBackend
from meshsim.units import S

#: The aims are set for this many procs, on `HOSTS` hosts.
AIM_PROCS = 256
READY_AIM = Aim("value", "most", 1.0)
MEMORY_AIM = Aim("value", "most", 4.0)

HOSTS = 8


class Lifetime(msgspec.Struct, frozen=True):
    """What one round measured: wall seconds, and MiB of the process that has most."""

    ready_s: float
    private_mib_max: float
    close_s: float


def compare_processes(procs: int, *, rounds: int) -> list[Comparison]:
    """Ready, memory and end of this many procs, on up to `HOSTS` hosts."""
    ours, bare = [], []
    for _ in range(rounds):
        ours.append(_through_lockstep(procs, hosts=min(procs, HOSTS)))
        bare.append(bare_fork(procs))
    name = f"{procs} {'proc' if procs == 1 else 'procs'}"

    def comparison(what: str, unit: str, field: str, aim: Aim | None) -> Comparison:
        return Comparison(
            name=f"{name}, {what}",
            unit=unit,
            ours=[getattr(one, field) for one in ours],
            bare_name=f"multiprocess fork, {unit}",
            bare=[getattr(one, field) for one in bare],
            aim=aim if procs == AIM_PROCS else None,
        )

    return [
        comparison("ready", "s", "ready_s", READY_AIM),
        comparison("private memory of the largest", "MiB", "private_mib_max", MEMORY_AIM),
        comparison("ended", "s", "close_s", None),
    ]


def _through_lockstep(procs: int, *, hosts: int) -> Lifetime:
    config = quiet_plan(hosts=1, per_host=1, horizon_ns=S).config
    started_s = perf_counter()
    with closing(LockstepBackend(default_program(), run_id=f"benchmark-{os.getpid()}")) as backend:
        for index in range(hosts):
            backend.start(NodeBoot(node=Node(f"host{index}"), kind="host", config=config))
        nodes = []
        for index in range(procs):
            host, name = Node(f"host{index % hosts}"), Name(f"workers_{index}")
            boot = NodeBoot(node=Node(f"{host}/{name}"), kind="proc", config=config, proc_name=name, host=host)
            backend.spawn(host, boot, pdeathsig=True)
            backend.step(boot.node, Started(), 0)
            nodes.append(boot.node)
        ready_s = perf_counter() - started_s
        memory = _private_mib_max(backend.pid_of(node) for node in nodes)
        ended_s = perf_counter()
        backend.close()
        return Lifetime(ready_s, memory, perf_counter() - ended_s)


def bare_fork(children: int) -> Lifetime:
    """So many children of an interpreter that does nothing else."""
    command = [sys.executable, "-m", "benchmarks.bare_fork", str(children)]
    root = Path(__file__).parent.parent
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        forked = msgspec.json.decode(process.stdout.readline(), type=Forked)
        memory = _private_mib_max(forked.pids)
        process.stdin.write(b"\n")
        process.stdin.flush()
        closed = msgspec.json.decode(process.stdout.readline(), type=Closed)
    return Lifetime(forked.ready_s, memory, closed.close_s)


def _private_mib_max(pids: Iterable[int]) -> float:
    """USS: what would be free if that process alone ended."""
    return float(max(psutil.Process(pid).memory_full_info().uss for pid in pids)) / 2**20
