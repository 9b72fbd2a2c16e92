"""Limits of single processes, held against the kernel: what it refuses, whom it concerns, and what is left of it."""

from __future__ import annotations

import os
import resource
import signal
import tempfile
from pathlib import Path

import pytest
from echo_node import work
from leftovers import processes_of, wait_until
from process_checks import MakeBackend, boot

from meshsim.drive.backend import BackendError, Resource
from meshsim.drive.kernel import ProcessState
from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import Node
from meshsim.procs import backend as lockstep
from meshsim.procs import capabilities
from meshsim.procs.backend import LockstepBackend

pytestmark = pytest.mark.procs

HOST = Node("host0")
A = Node("host0/a")
B = Node("host0/b")
C = boot("host0/c")

needs_cores = pytest.mark.skipif(
    bool(capabilities.missing_for_core_dumps()), reason=capabilities.missing_for_core_dumps() or "it can"
)


def places_for_cores(run_id: str) -> list[str]:
    """Whatever this run has in the folder for temporary files, and cores in the folders that processes start in."""
    of_run = [name for name in os.listdir(tempfile.gettempdir()) if name == f"meshsim-{run_id}"]
    return of_run + [str(path) for path in Path.cwd().glob("core*") if path.is_file()]


# --- cores ---------------------------------------------------------------------------------------------------------


@needs_cores
@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGSEGV])
def test_a_core_is_dumped_and_nothing_is_left_of_it(backend: LockstepBackend, run_id: str, number: int) -> None:
    """The kernel's own flag, through waitid of the true parent."""
    backend.dump_core(A, number)

    expected = ExitStatus(signal=number, core_dumped=True)
    assert backend.reap(A, by=HOST, expected=expected) == expected
    assert places_for_cores(run_id) in ([], [f"meshsim-{run_id}"])
    backend.close()
    assert places_for_cores(run_id) == []


@needs_cores
def test_a_core_of_one_process_allows_no_other_one(backend: LockstepBackend) -> None:
    """The limit died with the process that it was raised for."""
    backend.dump_core(A, signal.SIGABRT)
    backend.signal_itself(B, signal.SIGABRT)

    killed = ExitStatus(signal=signal.SIGABRT)
    assert backend.reap(B, by=HOST, expected=killed) == killed


def test_a_machine_that_would_keep_the_core_is_told_of(
    backend: LockstepBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash reporter must not hear of a process that was meant to crash."""
    monkeypatch.setattr(lockstep, "missing_for_core_dumps", lambda: "core_pattern is '|/bin/keep'")

    with pytest.raises(
        BackendError, match=r"host0/a cannot dump its core on this machine: core_pattern is '\|/bin/keep'"
    ):
        backend.dump_core(A, signal.SIGABRT)

    assert backend.observe(A, ProcessState.RUNNING) is ProcessState.RUNNING


@pytest.mark.parametrize("pattern", ["|/usr/lib/systemd/systemd-coredump", "/var/crash/core.%p", "@socket", ""])
def test_only_a_core_in_the_working_directory_will_do(pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", lambda _: f"{pattern}\n")

    assert capabilities.missing_for_core_dumps().startswith(f"core_pattern is {pattern!r}")


# --- memory --------------------------------------------------------------------------------------------------------


def test_memory_has_an_end_for_one_process_alone(backend: LockstepBackend) -> None:
    """It can still answer, and be ended; its neighbour has as much as before."""
    before = _limit_of(backend, B, "Max address space")

    assert backend.exhaust_memory(A) == "ENOMEM"

    assert _limit_of(backend, A, "Max address space") != before
    assert _limit_of(backend, B, "Max address space") == before
    backend.signal_itself(A, signal.SIGABRT)
    killed = ExitStatus(signal=signal.SIGABRT)
    assert backend.reap(A, by=HOST, expected=killed) == killed


def _limit_of(backend: LockstepBackend, node: Node, name: str) -> str:
    limits = Path(f"/proc/{backend.pid_of(node)}/limits").read_text().splitlines()
    return next(line for line in limits if line.startswith(name))


# --- descriptors and processes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("what", "error"), [("descriptors", "EMFILE"), ("processes", "EAGAIN")])
def test_a_host_without_starts_no_child_until_it_has_it_back(
    backend: LockstepBackend, what: Resource, error: str
) -> None:
    """The kernel refuses, whoever the tests run as; what it has lives on, and can be waited for."""
    backend.limit(HOST, what, on=True)

    assert [backend.spawn_in_vain(HOST, C, expected=error) for _ in range(2)] == [error] * 2

    backend.exit(A, 3)
    assert backend.reap(A, by=HOST, expected=ExitStatus(code=3)) == ExitStatus(code=3)
    assert backend.step(HOST, work("on"), 1) != []
    backend.limit(HOST, what, on=False)
    backend.spawn(HOST, C, pdeathsig=True)
    assert backend.facts(C.node).parent == backend.pid_of(HOST)
    assert Path(f"/proc/{backend.pid_of(HOST)}/status").read_text().count(f"Uid:\t{os.getuid()}\t") == 1


def test_a_child_that_starts_all_the_same_is_seen_and_ended(backend: LockstepBackend, run_id: str) -> None:
    """Nothing forbids it here: the kernel's word is no error, which is a finding, and the child goes with the run."""
    assert backend.spawn_in_vain(HOST, C, expected="EAGAIN") == ""

    backend.close()

    assert wait_until(lambda: not processes_of(run_id))


def test_the_runner_keeps_its_own_limits(make_backend: MakeBackend) -> None:
    kinds = (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC, resource.RLIMIT_AS, resource.RLIMIT_CORE)
    before = [resource.getrlimit(kind) for kind in kinds]
    backend = make_backend()
    backend.start(boot("host0", "host"))
    backend.limit(HOST, "descriptors", on=True)
    backend.limit(HOST, "processes", on=True)
    backend.close()

    assert [resource.getrlimit(kind) for kind in kinds] == before


# --- groups and parents --------------------------------------------------------------------------------------------


def test_a_signal_to_a_group_reaches_its_leader_alone(backend: LockstepBackend) -> None:
    """A host and its procs are in groups of their own."""
    backend.signal(HOST, signal.SIGSTOP, by=None, group=True)

    assert backend.observe(HOST, ProcessState.STOPPED) is ProcessState.STOPPED
    assert [backend.observe(node, ProcessState.RUNNING) for node in (A, B)] == [ProcessState.RUNNING] * 2


def test_a_proc_that_has_left_its_parent_outlives_it(backend: LockstepBackend) -> None:
    """One gave its parent-death signal up, the other did not; the run's end finds the one that lives."""
    backend.leave_parent(A)
    backend.signal(HOST, signal.SIGKILL, by=None)

    assert backend.observe(B, ProcessState.DEAD) is ProcessState.DEAD
    assert backend.observe(A, ProcessState.RUNNING) is ProcessState.RUNNING
