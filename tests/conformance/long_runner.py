"""A runner that goes on until somebody ends it: the real command in a process of its own, for tests that do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from leftovers import processes_of_runner, wait_until

#: Takes minutes: nobody waits for its end. A host dies that leaves two orphans, one of them stopped; the mesh that is
#: polled has nothing to do with it.
LONG = """\
name = "long"
about = "Polled until somebody ends the runner."
horizon = "100h"
backends = ["lockstep"]
config = { supervision_poll_frequency = "1s", mesh_bootstrap_enable_pdeathsig = false }

[topology]
hosts = 3
procs = [
    { name = "workers", per_host = { gpus = 2 }, hosts = ["host0", "host1"] },
    { name = "idle", per_host = { gpus = 2 }, hosts = ["host2"] },
]
actors = [{ name = "trainer", procs = "workers" }]

[[faults]]
kind = "stall"
target = "idle[0]"
at = "3s"

[[faults]]
kind = "host_crash"
target = "host2"
at = "4s"
"""
#: Processes of that run when all are up: zygote, client, hosts, procs.
LONG_SIZE = 1 + 1 + 3 + 6


class Moment(NamedTuple):
    """As soon as so many processes are up, or so many steps are done."""

    what: str
    count: int

    def is_reached(self, pid: int) -> bool:
        if self.what == "processes":
            return len(processes_of_runner(pid)) >= self.count
        return bool(processes_of_runner(pid)) and _waits_of(pid) >= self.count


def _waits_of(pid: int) -> int:
    """How often a process gave up its core to wait: for a runner in lockstep, once a step at least."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("voluntary_ctxt_switches")).split()[1])


class Runner:
    """`meshsim run long.toml` with these words, in a session of its own as a terminal would start it."""

    def __init__(self, folder: Path, *words: str, text: str = LONG) -> None:
        self._folder = folder
        self._temporary = folder / "tmp"
        self._temporary.mkdir()
        (folder / "long.toml").write_text(text)
        self._shared_memory = set(os.listdir("/dev/shm"))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "meshsim", "run", "long.toml", *words, "--out", "out"],
            cwd=folder,
            env={**os.environ, "TMPDIR": str(self._temporary)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    def await_moment(self, moment: Moment) -> None:
        assert wait_until(lambda: self.process.poll() is not None or moment.is_reached(self.pid))
        assert self.process.poll() is None, self.process.communicate()

    def ended(self) -> tuple[int, str, str]:
        """Exit code, standard output and standard error."""
        out, err = self.process.communicate()
        return self.process.returncode, out, err

    def assert_nothing_left(self) -> None:
        assert wait_until(lambda: not processes_of_runner(self.pid)), processes_of_runner(self.pid)
        assert wait_until(lambda: set(os.listdir("/dev/shm")) <= self._shared_memory)
        assert sorted(path.relative_to(self._folder).as_posix() for path in self._folder.rglob("*")) == [
            "long.toml",
            "out",
            "tmp",
        ]


INTERRUPTED = "meshsim: interrupted: the processes of the run have ended, runs that were complete are kept\n"


@contextmanager
def started(folder: Path, *words: str, text: str = LONG) -> Iterator[Runner]:
    """A runner that is dead afterwards, whatever the test did."""
    # Tests that run in the background of a shell have SIGINT ignored, which would be handed down.
    ours = signal.signal(signal.SIGINT, signal.default_int_handler)
    runner = Runner(folder, *words, text=text)
    try:
        yield runner
    finally:
        signal.signal(signal.SIGINT, ours)
        runner.process.kill()
        runner.process.communicate()
