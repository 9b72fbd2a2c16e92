"""The command line, run inside the test process, in a folder of its own with one good scenario."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from meshsim.cli import main

KILL_ONE = '''\
name = "kill-one"
about = """
One of two procs is killed; the client hears of it once.
If this fails, the poll lost an exit status.
"""
seeds = [7]
horizon = "8s"
backends = ["sim"]
config = { supervision_poll_frequency = "2s" }

[topology]
procs = [{ name = "workers", per_host = { gpus = 2 } }]
actors = [{ name = "trainer", procs = "workers" }]

[[faults]]
kind = "signal"
target = "workers[1]"
at = "5s"
signal = "SIGKILL"

[[expect]]
kind = "hears"
listener = "client"
mesh = "trainer"
rank = 1
status = "Failed"
times = 1
within = "3s"
'''


class Said(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: `sc/kill-one.toml` is in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sc").mkdir()
    (tmp_path / "sc" / "kill-one.toml").write_text(KILL_ONE)
    return tmp_path


@pytest.fixture
def meshsim(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """`meshsim("run", "sc")`: exit code and what was printed."""

    def command(*words: str) -> Said:
        code = main(words)
        return Said(code, *capsys.readouterr())

    return command
