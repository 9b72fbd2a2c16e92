"""Whatever ends a live run, nothing of it stays: its processes run freely, and nobody waits for what they do."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from leftovers import processes_of_runner, wait_until
from long_runner import INTERRUPTED, LONG, LONG_SIZE, Moment, Runner, started

pytestmark = [pytest.mark.procs, pytest.mark.xdist_group("procs")]

#: Faults come after the processes, which take the time they need.
LONG_LIVE = LONG.replace('at = "3s"', 'at = "100s"').replace('at = "4s"', 'at = "110s"')

#: From the first process to all of them, and when they talk.
MOMENTS = [Moment("processes", 1), Moment("processes", 5), Moment("processes", LONG_SIZE), Moment("steps", 200)]
each_moment = pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: f"{moment.what}-{moment.count}")


@pytest.fixture
def runner(tmp_path: Path, adopted: Callable[[], list[int]]) -> Iterator[Runner]:
    with started(tmp_path, "--backend", "live", "--time-scale", "0.02", text=LONG_LIVE) as runner:
        yield runner
    adopted()


def await_orphans(runner: Runner) -> None:
    """Until a host is dead that leaves two orphans, one of them stopped."""
    runner.await_moment(Moment("processes", LONG_SIZE))
    assert wait_until(lambda: len(processes_of_runner(runner.pid)) == LONG_SIZE - 1)


@each_moment
def test_ctrl_c_leaves_nothing(runner: Runner, adopted: Callable[[], list[int]], moment: Moment) -> None:
    """The runner ends everything itself and says so; nobody is orphaned, not for a moment."""
    runner.await_moment(moment)

    runner.process.send_signal(signal.SIGINT)

    assert runner.ended() == (130, "", INTERRUPTED)
    assert processes_of_runner(runner.pid) == []
    assert adopted() == []
    runner.assert_nothing_left()


@each_moment
def test_sigkill_of_the_runner_leaves_nothing(runner: Runner, adopted: Callable[[], list[int]], moment: Moment) -> None:
    """The zygote notices, ends everything, waits for it, and ends well: the only orphan there ever is."""
    runner.await_moment(moment)

    runner.process.kill()

    assert runner.ended()[0] == -signal.SIGKILL
    assert adopted() == [0]
    runner.assert_nothing_left()


def test_ctrl_c_of_a_terminal_leaves_nothing_of_orphans(runner: Runner, adopted: Callable[[], list[int]]) -> None:
    """A terminal interrupts its whole process group; the run's processes are in a session of their own."""
    await_orphans(runner)

    os.killpg(runner.pid, signal.SIGINT)

    assert runner.ended() == (130, "", INTERRUPTED)
    assert adopted() == []
    runner.assert_nothing_left()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_end_of_the_runner_leaves_nothing_of_orphans(
    runner: Runner, adopted: Callable[[], list[int]], number: signal.Signals
) -> None:
    """Nobody but the zygote would ever end these."""
    await_orphans(runner)

    runner.process.send_signal(number)

    assert runner.ended()[0] == -number
    assert adopted() == [0]
    runner.assert_nothing_left()
