"""A live mesh of many procs: from nothing until all are there, one killed, found, all stopped, nothing left.

Time by the wall clock, memory as USS of the process that has most and of all together.
"""

from __future__ import annotations

import os
import time
from contextlib import closing, suppress

import msgspec
import psutil

from benchmarks.comparison import Comparison
from benchmarks.processes import bare_fork
from benchmarks.soak import leftovers
from meshsim.model.ids import Node
from meshsim.model.notes import OperationEnded, OperationStarted, PollEnded
from meshsim.procs.live import LiveBackend
from meshsim.procs.live_conductor import LiveConductor
from meshsim.run import program_of
from meshsim.scenario import Plan, plan
from meshsim.scenario.decode import decode
from meshsim.trace.records import FaultStruck, ProcessDied, ProcessStarted, Record


class LiveLifetime(msgspec.Struct, frozen=True):
    """One run; wall seconds and MiB."""

    #: From nothing (start of the zygote included) until the client has its procs and actors.
    ready_s: float
    #: From the kill of one proc to the end of the poll that found it.
    found_s: float
    #: From the client's request to stop the procs until it has its answer and the last of them is dead.
    stopped_s: float
    #: From the end of the scenario until no process of the run is left.
    ended_s: float
    private_mib_max: float
    private_mib_all: float


class LiveMeshError(Exception):
    """The mesh did not do what is measured; `str()` says what was missing."""


def live_plan(hosts: int, per_host: int) -> Plan:
    """One of the procs is killed after the first poll; when the client hears of it, it stops all."""
    raw = {
        "name": "live-mesh",
        # Nobody waits for it: the run is over when all are stopped.
        "horizon": "2m",
        "quirks": {"Q18": False},
        "config": {"supervision_poll_frequency": "2s"},
        "topology": {
            "hosts": hosts,
            "procs": [{"name": "workers", "per_host": {"gpus": per_host}}],
            "actors": [{"name": "trainer", "procs": "workers"}],
            "subscribers": [{"mesh": "trainer", "by": "client"}],
        },
        "operations": [
            {"do": "next_event", "mesh": "trainer", "limit": "100s"},
            {"do": "stop_procs", "procs": "workers"},
        ],
        "faults": [
            {
                "kind": "signal",
                "target": f"workers[{hosts * per_host // 2}]",
                "signal": "SIGKILL",
                "when": {"record": "poll_ended", "after": "500ms"},
            }
        ],
    }
    return plan(decode(raw), 0)


def compare_live_mesh(hosts: int, per_host: int, *, rounds: int) -> list[Comparison]:
    """The rows of the table: this many procs, `rounds` times, beside as many bare forks."""
    ours, bare = [], []
    for number in range(rounds):
        ours.append(live_lifetime(hosts, per_host, run_id=f"live-{number}"))
        bare.append(bare_fork(hosts * per_host))
    name = f"live, {hosts * per_host} procs on {hosts} {'host' if hosts == 1 else 'hosts'}"

    def row(what: str, unit: str, field: str, beside: str = "") -> Comparison:
        return Comparison(
            name=f"{name}, {what}",
            unit=unit,
            ours=[getattr(each, field) for each in ours],
            bare_name=f"multiprocess fork, {unit}" if beside else "",
            bare=[getattr(each, beside) for each in bare] if beside else [],
        )

    return [
        row("ready", "s", "ready_s", "ready_s"),
        row("private memory of the largest", "MiB", "private_mib_max", "private_mib_max"),
        row("private memory of all processes", "MiB", "private_mib_all"),
        row("one killed, found by a poll each 2 s", "s", "found_s"),
        row("all stopped", "s", "stopped_s"),
        row("ended, nothing left", "s", "ended_s", "close_s"),
    ]


def live_lifetime(hosts: int, per_host: int, *, run_id: str) -> LiveLifetime:
    """One run.

    Raises:
        LiveMeshError: something of it did not happen, or was left over.
        BackendError: the machine could not do it.
    """
    asked = live_plan(hosts, per_host)
    stop = asked.steps[-1].index
    ready = max(step.index for step in asked.steps if step.bring_up)
    began_s = time.perf_counter()
    with closing(LiveBackend(program_of(asked), run_id=f"{os.getpid()}-{run_id}")) as backend:
        conductor = LiveConductor(asked, backend, backend)
        watch = _Watch(backend, ready, stop)
        conductor.watchers.append(watch.take)
        with suppress(_OverError):
            conductor.run()
        closing_s = time.perf_counter()
        backend.close()
        ended_s = time.perf_counter() - closing_s
    left = leftovers()
    missing = [what for what in ("ready", "killed", "found", "stopping", "stopped") if what not in watch.at_s]
    if left or missing:
        raise LiveMeshError(f"did not come: {missing}; left over: {len(left)}, such as {left[:3]}")
    at_s = watch.at_s
    return LiveLifetime(
        ready_s=at_s["ready"] - began_s,
        found_s=at_s["found"] - at_s["killed"],
        stopped_s=at_s["stopped"] - at_s["stopping"],
        ended_s=ended_s,
        private_mib_max=max(watch.private_mib),
        private_mib_all=sum(watch.private_mib),
    )


class _OverError(Exception):
    """All that is measured has happened."""


class _Watch:
    """Wall times of what the router reads of, and the memory of the processes when the dead one is found."""

    def __init__(self, backend: LiveBackend, ready: int, stop: int) -> None:
        self._backend = backend
        self._nodes: set[Node] = set()
        self._ready = ready
        self._stop = stop
        self.at_s: dict[str, float] = {}
        self.private_mib: list[float] = []

    def take(self, record: Record) -> None:
        match record.what:
            case ProcessStarted():
                self._nodes.add(Node(record.node))
            case ProcessDied():
                self._nodes.discard(Node(record.node))
                self._look_for_the_end()
            case FaultStruck():
                self._at("killed")
            case OperationEnded(index=index) if index == self._ready:
                self._at("ready")
            case OperationStarted(index=index) if index == self._stop:
                self._at("stopping")
            case OperationEnded(index=index) if index == self._stop:
                self._at("answered")
                self._look_for_the_end()
            case PollEnded(outcome="proc_dead") if "found" not in self.at_s:
                self._at("found")
                self.private_mib = [_private_mib(self._backend.pid_of(node)) for node in sorted(self._nodes)]
            case _:
                pass

    def _look_for_the_end(self) -> None:
        """All are stopped when the client has its answer and no proc is left."""
        if "answered" in self.at_s and not any("workers" in node for node in self._nodes):
            self._at("stopped")
            raise _OverError

    def _at(self, what: str) -> None:
        self.at_s[what] = time.perf_counter()


def _private_mib(pid: int) -> float:
    """USS: what would be free if that process alone ended."""
    return float(psutil.Process(pid).memory_full_info().uss) / 2**20
