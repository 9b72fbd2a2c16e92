"""`meshsim run --jobs 2`: whatever ends the runner, its workers and the processes of their runs end too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from leftovers import wait_until

pytestmark = pytest.mark.procs

LONG = """\
name = "NAME"
horizon = "100h"
backends = ["lockstep"]
config = { supervision_poll_frequency = "1s", mesh_bootstrap_enable_pdeathsig = false }

[topology]
procs = [{ name = "workers", per_host = { gpus = 2 } }]
actors = [{ name = "trainer", procs = "workers" }]
"""
#: The runner, two workers, and for each a zygote, a client, a host and two procs.
ALL_UP = 1 + 2 * (1 + 5)


class Running:
    """A runner and everything below it, as it was when all was up."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.all: list[psutil.Process] = []

    def is_up(self) -> bool:
        runner = psutil.Process(self.process.pid)
        self.all = [runner, *runner.children(recursive=True)]
        return len(self.all) == ALL_UP

    def alive(self) -> list[psutil.Process]:
        return [each for each in self.all if _is_alive(each)]


def _is_alive(process: psutil.Process) -> bool:
    """It may go between one question and the next."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def running(tmp_path: Path, adopted: Callable[[], list[int]]) -> Iterator[Running]:
    """Two long runs by two workers, all processes up."""
    for name in ("long-a", "long-b"):
        (tmp_path / f"{name}.toml").write_text(LONG.replace("NAME", name))
    # Tests that run in the background of a shell have SIGINT ignored, which would be handed down.
    ours = signal.signal(signal.SIGINT, signal.default_int_handler)
    command = [sys.executable, "-m", "meshsim", "run", "long-a.toml", "long-b.toml", "--jobs", "2", "--out", "out"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    running = Running(process)
    try:
        assert wait_until(lambda: process.poll() is not None or running.is_up())
        assert process.poll() is None, process.communicate()
        yield running
    finally:
        signal.signal(signal.SIGINT, ours)
        process.kill()
        process.communicate()
        adopted()
        assert running.alive() == []


def test_ctrl_c_in_the_terminal_ends_everything(running: Running) -> None:
    """The whole foreground group gets the signal; the runner alone decides, and waits for its workers."""
    os.killpg(running.process.pid, signal.SIGINT)

    _, err = running.process.communicate()

    assert running.process.returncode == 130
    assert err == "meshsim: interrupted: the processes of the run have ended, runs that were complete are kept\n"
    assert running.alive() == []


def test_sigkill_of_the_runner_ends_everything(running: Running) -> None:
    """The kernel kills the workers, and their zygotes see their sockets end."""
    running.process.kill()

    running.process.communicate()

    assert wait_until(lambda: running.alive() == [])


def test_a_killed_worker_takes_its_run_with_it(running: Running) -> None:
    """The processes of its run are gone; the other run goes on."""
    worker = next(each for each in running.all if each.ppid() == running.process.pid)
    its = [worker, *worker.children(recursive=True)]

    worker.kill()

    others = [each for each in running.all if each not in its]
    assert wait_until(lambda: running.alive() == others)
    assert running.process.poll() is None
