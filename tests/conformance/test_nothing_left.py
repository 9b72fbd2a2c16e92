"""Whatever ends a lockstep run, nothing of it stays: no process, no zombie, no socket, no temporary file.

For the sudden ends the runner is the real command in a process of its own. This process adopts its orphans, so that
it sees what would be left over even without its marker.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
from leftovers import processes_of_runner, wait_until, zombies
from long_runner import INTERRUPTED, LONG_SIZE, Moment, Runner, started
from small_worlds import at, mesh

from meshsim.faults.kinds import HostCrash, Stall
from meshsim.model.commands import NodeCommand
from meshsim.model.events import Event
from meshsim.model.ids import Node
from meshsim.oracle.expectations import Hears
from meshsim.procs.backend import LockstepBackend
from meshsim.run import run_plan
from meshsim.scenario.plan import Plan
from meshsim.trace.records import RunEnded

pytestmark = pytest.mark.procs


def drawn_moments(seed: int) -> list[Moment]:
    """Five moments, from the first process of the run to far into it."""
    draw = Random(seed)
    processes = [Moment("processes", draw.randint(1, LONG_SIZE)) for _ in range(2)]
    return [*processes, *(Moment("steps", draw.randint(100, 3000)) for _ in range(3))]


@pytest.fixture
def runner(tmp_path: Path, adopted: Callable[[], list[int]]) -> Iterator[Runner]:
    with started(tmp_path, "--backend", "lockstep") as runner:
        yield runner
    adopted()


# --- ends of runs --------------------------------------------------------------------------------------------------


@pytest.fixture
def held() -> Iterator[None]:
    """No process, no zombie and no descriptor more than before, whatever the test did in this process."""
    before = len(os.listdir("/proc/self/fd"))
    yield
    assert processes_of_runner(os.getpid()) == []
    assert zombies() == []
    assert len(os.listdir("/proc/self/fd")) == before


def faulty() -> Plan:
    """A stalled proc and a dead host that left orphans, when the run ends."""
    faults = [Stall(target="workers[2]", at=at(2)), HostCrash(target="host1", at=at(3))]
    return mesh(hosts=2, horizon_s=6, faults=faults, config={"mesh_bootstrap_enable_pdeathsig": False})


@pytest.mark.usefixtures("held")
def test_nothing_is_left_after_a_passed_run() -> None:
    """All is healthy and running when the horizon comes: the run ends it."""
    assert run_plan(mesh(horizon_s=5), "lockstep").verdict.outcome == "passed"


@pytest.mark.usefixtures("held")
def test_nothing_is_left_after_a_violated_run() -> None:
    """Somebody expects to hear of what never happens."""
    plan = mesh(horizon_s=5, expect=[Hears(listener="client", mesh="trainer", rank=0, times=1)])

    assert run_plan(plan, "lockstep").verdict.outcome == "violated"


@pytest.mark.usefixtures("held")
def test_nothing_is_left_of_stopped_and_orphaned_processes() -> None:
    """Nobody but the run itself would ever end these."""
    result = run_plan(faulty(), "lockstep")

    end = result.records[-1].what
    assert isinstance(end, RunEnded)
    procs = [f"host{host}/workers_{index}" for host in (0, 1) for index in (0, 1)]
    assert sorted(end.alive) == ["client", "host0", *procs]


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize("step", [1, 20, 90])
def test_nothing_is_left_when_the_backend_fails_in_the_middle(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Somebody outside kills a process in the middle of a step: the machine's fault, not the model's."""
    steps = 0
    real = LockstepBackend.step

    def failing(self: LockstepBackend, node: Node, event: Event, now_ns: int) -> list[NodeCommand]:
        nonlocal steps
        steps += 1
        if steps == step:
            os.kill(self.pid_of(node), signal.SIGKILL)
        return real(self, node, event, now_ns)

    monkeypatch.setattr(LockstepBackend, "step", failing)

    verdict = run_plan(mesh(hosts=2, horizon_s=60), "lockstep").verdict

    assert verdict.outcome == "inconclusive"
    assert verdict.reason.endswith("ended instead of answering a step")


# --- ends of runners -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", drawn_moments(1), ids=lambda moment: f"{moment.what}-{moment.count}")
def test_ctrl_c_leaves_nothing(runner: Runner, adopted: Callable[[], list[int]], moment: Moment) -> None:
    """The runner ends everything itself and says so; nobody is orphaned, not for a moment."""
    runner.await_moment(moment)

    runner.process.send_signal(signal.SIGINT)

    assert runner.ended() == (130, "", INTERRUPTED)
    assert processes_of_runner(runner.pid) == []
    assert adopted() == []
    runner.assert_nothing_left()


@pytest.mark.parametrize("moment", drawn_moments(2), ids=lambda moment: f"{moment.what}-{moment.count}")
def test_sigkill_of_the_runner_leaves_nothing(runner: Runner, adopted: Callable[[], list[int]], moment: Moment) -> None:
    """The zygote notices, ends everything, waits for it, and ends well: the only orphan there ever is."""
    runner.await_moment(moment)

    runner.process.kill()

    assert runner.ended()[0] == -signal.SIGKILL
    assert adopted() == [0]
    runner.assert_nothing_left()


@pytest.mark.parametrize("moment", [Moment("processes", LONG_SIZE), Moment("steps", 800)])
def test_sigterm_of_the_runner_leaves_nothing(runner: Runner, adopted: Callable[[], list[int]], moment: Moment) -> None:
    """What a job scheduler sends first. The runner does not handle it, the zygote does the rest."""
    runner.await_moment(moment)

    runner.process.terminate()

    assert runner.ended() == (-signal.SIGTERM, "", "")
    assert adopted() == [0]
    runner.assert_nothing_left()


def test_ctrl_c_of_a_terminal_leaves_nothing(runner: Runner, adopted: Callable[[], list[int]]) -> None:
    """A terminal interrupts its whole process group; the run's processes are in a session of their own."""
    runner.await_moment(Moment("steps", 500))

    os.killpg(runner.pid, signal.SIGINT)

    assert runner.ended() == (130, "", INTERRUPTED)
    assert adopted() == []
    runner.assert_nothing_left()


@pytest.mark.parametrize("left", [LONG_SIZE, LONG_SIZE - 1, 1, 0])
def test_ctrl_c_twice_leaves_nothing(runner: Runner, adopted: Callable[[], list[int]], left: int) -> None:
    """The second one comes while the first is being dealt with, when so many processes are left: an impatient user."""
    runner.await_moment(Moment("steps", 400))

    runner.process.send_signal(signal.SIGINT)
    assert wait_until(lambda: len(processes_of_runner(runner.pid)) <= left)
    runner.process.send_signal(signal.SIGINT)

    assert runner.ended() == (130, "", INTERRUPTED)
    assert set(adopted()) <= {0, -signal.SIGKILL}
    runner.assert_nothing_left()
