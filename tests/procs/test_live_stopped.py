"""Timers of a stopped node: they fire when it runs again, each once and none before its time."""

from __future__ import annotations

from collections.abc import Iterator
from signal import SIGCONT
from typing import Any

import pytest

from meshsim.model.commands import CancelTimer, SetTimer
from meshsim.model.events import TimerFired
from meshsim.model.ids import Node
from meshsim.procs.live import LiveBackend
from meshsim.procs.live_conductor import LiveConductor
from meshsim.procs.live_wire import Took
from meshsim.run import run_plan
from meshsim.run.program import program_of
from meshsim.scenario import plan
from meshsim.scenario.decode import decode
from meshsim.scenario.plan import Plan
from meshsim.trace.records import Body, ProcessContinued, ProcessStopped
from meshsim.units import S

pytestmark = [pytest.mark.procs, pytest.mark.xdist_group("procs")]

#: The controller, which polls every second, lives in the client. It is stopped between two polls: when one has ended
#: and its next timer is set.
STOPPED: dict[str, Any] = {
    "name": "stopped",
    "horizon": "12s",
    "config": {"supervision_poll_frequency": "1s"},
    "topology": {"procs": [{"name": "workers"}], "actors": [{"name": "trainer", "procs": "workers"}]},
    "faults": [
        {
            "kind": "stall",
            "target": "client",
            "for": "3s",
            "when": {"record": "poll_ended", "count": 3, "after": "300ms"},
        }
    ],
}
CLIENT = Node("client")


class Backend(LiveBackend):
    """Knows when it was not yet told to go on: virtual nanoseconds of the wall clock."""

    continues_ns = 0

    def signal(self, node: Node, signal: int, *, by: Node | None, group: bool = False) -> None:
        if signal == SIGCONT:
            self.continues_ns = self.clock.now_ns()
        super().signal(node, signal, by=by, group=group)


class Watched(LiveConductor):
    """Keeps what the client said, and when it was surely stopped."""

    def __init__(self, plan: Plan, backend: Backend) -> None:
        super().__init__(plan, backend, backend)
        self.backend = backend
        self.taken: list[Took] = []
        self.stopped_ns = 0

    def _take(self, node: Node, took: Took) -> None:
        if node == CLIENT:
            self.taken.append(took)
        super()._take(node, took)

    def record(self, node: str, cause: int, what: Body) -> int:
        if isinstance(what, ProcessStopped):
            self.stopped_ns = self.backend.clock.now_ns()
        return super().record(node, cause, what)


def stopped_plan() -> Plan:
    return plan(decode(STOPPED), 0)


@pytest.fixture
def run(run_id: str) -> Iterator[Watched]:
    """A run that is over."""
    backend = Backend(program_of(stopped_plan()), run_id=run_id, time_scale=0.3)
    conductor = Watched(stopped_plan(), backend)
    try:
        conductor.run()
        yield conductor
    finally:
        backend.close()


def of_the_stop(run: Watched) -> list[Took]:
    """Timers that were due while the node was stopped."""
    return [took for took in run.taken if took.timer and run.stopped_ns < took.due_ns < run.backend.continues_ns]


def test_a_stopped_node_takes_nothing(run: Watched) -> None:
    """Neither timers nor messages."""
    assert 0 < run.stopped_ns < run.backend.continues_ns
    assert [took for took in run.taken if run.stopped_ns < took.at_ns < run.backend.continues_ns] == []


def test_no_timer_is_lost_or_early_or_fires_twice(run: Watched) -> None:
    """What was set and not cancelled, against what fired, over the whole run."""
    pending: dict[tuple[str, str], int] = {}
    for took in run.taken:
        if took.timer is not None:
            assert pending.pop((took.timer.actor, took.timer.key)) == took.due_ns <= took.at_ns
        for command in took.commands:
            if isinstance(command, SetTimer):
                pending[command.actor, command.key] = took.at_ns + command.after_ns
            elif isinstance(command, CancelTimer):
                pending.pop((command.actor, command.key), None)

    assert all(due_ns > run.backend.continues_ns for due_ns in pending.values())


def test_what_was_due_fires_when_the_node_continues_as_the_model_says(run: Watched) -> None:
    """The poll that was due is made up for once, and the next one counts from then."""
    in_sim = run_plan(stopped_plan(), "sim").records
    (continued,) = [record.at for record in in_sim if isinstance(record.what, ProcessContinued)]
    expected = [record.what.key for record in in_sim if record.at == continued and isinstance(record.what, TimerFired)]

    due = of_the_stop(run)

    assert [took.timer.key for took in due if took.timer] == expected == ["check_state"]
    assert [took.at_ns >= run.backend.continues_ns for took in due] == [True]
    after = [took for took in run.taken if took.timer and took.due_ns > due[0].at_ns]
    assert after[0].due_ns >= due[0].at_ns + S
