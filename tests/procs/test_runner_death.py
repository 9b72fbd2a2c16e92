"""The runner itself goes, in the worst way and at any moment: nothing of its run may stay."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from leftovers import processes_of, wait_until

import meshsim

pytestmark = pytest.mark.procs

RUNNER = Path(__file__).parent / "killed_runner.py"


@pytest.fixture
def scratch(tmp_path: Path, run_id: str) -> Path:
    scratch = tmp_path / f"scratch-{run_id}"
    scratch.mkdir()
    (scratch / "trace.jsonl").write_text("{}\n")
    return scratch


def start_runner(run_id: str, scratch: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(RUNNER), run_id, str(scratch)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(meshsim.__file__).parent.parent)},
    )


@pytest.mark.parametrize("moment", ["zygote", "procs", "stopped"])
def test_sigkill_of_the_runner_leaves_nothing(run_id: str, scratch: Path, moment: str) -> None:
    """The zygote sees its socket end, kills all that came from it, stopped and orphaned ones too, and tidies up."""
    with start_runner(run_id, scratch) as runner:
        assert runner.stdout is not None
        reached = next(line for line in runner.stdout if line.strip() == moment)
        runner.kill()

    assert reached.strip() == moment
    assert wait_until(lambda: not processes_of(run_id))
    assert wait_until(lambda: not scratch.exists())


@pytest.mark.parametrize("count", [1, 3, 5])
def test_sigkill_while_processes_are_being_made_leaves_nothing(run_id: str, scratch: Path, count: int) -> None:
    """As soon as so many processes of the run exist: in the middle of loading, forking or settling in."""
    with start_runner(run_id, scratch) as runner:
        reached = wait_until(lambda: len(processes_of(run_id)) >= count)
        runner.kill()

    assert reached
    assert wait_until(lambda: not processes_of(run_id))
    assert wait_until(lambda: not scratch.exists())


def test_ctrl_c_in_a_step_can_be_followed_by_close(run_id: str, scratch: Path) -> None:
    """SIGINT interrupts the runner alone; its exit without close is as good as its death."""
    with start_runner(run_id, scratch) as runner:
        assert runner.stdout is not None
        reached = [line.strip() for line in iter(runner.stdout.readline, "stopped\n")]
        alive = len(processes_of(run_id))
        runner.send_signal(signal.SIGINT)
        code = runner.wait()

    assert reached == ["zygote", "procs"]
    assert alive >= 5
    assert code == -signal.SIGINT
    assert wait_until(lambda: not processes_of(run_id))
