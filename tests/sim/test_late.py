"""A simulated world in which nodes are late."""

from __future__ import annotations

from pathlib import Path

import pytest
from late_runs import By, recorded
from small_worlds import at, found, mesh, run_sim

from meshsim.drive.backend import NodeRaisedError
from meshsim.faults.kinds import Signal
from meshsim.model.actors.registry import default_program
from meshsim.model.events import TimerFired
from meshsim.model.hosts.process import ExitStatus
from meshsim.model.messages import Envelope
from meshsim.model.notes import Heard
from meshsim.model.runtime.node import NodeMachine
from meshsim.scenario import plan
from meshsim.scenario.load import load_scenarios
from meshsim.scenario.streams import stream
from meshsim.sim.late import LateConductor
from meshsim.trace.records import ProcessDied, ProcessReaped, ProcessSignalled
from meshsim.units import MS

FAST = Path(__file__).parents[2] / "scenarios" / "fast"
KILLED = mesh(horizon_s=8, faults=[Signal(target="workers[1]", signal="SIGKILL", at=at(3))])


def test_everything_happens_and_later() -> None:
    """The same notices; the first poll is one lateness and more behind."""
    in_sim, late = run_sim(KILLED).records, recorded(KILLED, 10 * MS).records

    assert [each.text for each in found(late, Heard)] == [each.text for each in found(in_sim, Heard)] != []
    first = [next(r.at for r in records if isinstance(r.what, TimerFired)) for records in (in_sim, late)]
    assert first[1] >= first[0] + 10 * MS


def test_a_node_takes_what_it_is_handed_in_order() -> None:
    """The first thing is very late, and nothing overtakes it."""
    latenesses = iter([500 * MS])
    conductor = recorded(KILLED, lambda: next(latenesses, 0))

    for node in {each.node for each in conductor.inputs}:
        handed = [
            each.record
            for each in conductor.inputs
            if each.node == node and isinstance(conductor.records[each.record].what, Envelope)
        ]
        assert handed == sorted(handed)


@pytest.mark.parametrize(
    ("seed", "why", "status"), [(1, "signal", ExitStatus(signal=15)), (2, "exit", ExitStatus(code=0))]
)
def test_what_ends_itself_before_it_is_ended_ended_itself(seed: int, why: str, status: ExitStatus) -> None:
    """A proc that was told to stop gets SIGTERM as well: its host does not know whether it has exited already."""
    (loaded,) = load_scenarios(FAST / "ladder-host-shutdown.toml")
    luck = stream(seed, "x")
    records = recorded(plan(loaded, 0), lambda: luck.randrange(100 * MS)).records

    node = "host0/workers_0"
    assert [each.signal for each in found(records, ProcessSignalled, node)] == [15]
    assert found(records, ProcessDied, node) == [ProcessDied(why)]
    assert found(records, ProcessReaped, node) == [ProcessReaped("host0", status)]


def test_code_that_raises_ends_the_simulation(monkeypatch: pytest.MonkeyPatch) -> None:
    def raises(self: NodeMachine, event: object, now_ns: int) -> list[object]:
        raise ValueError("no")

    monkeypatch.setattr(NodeMachine, "handle", raises)

    with pytest.raises(NodeRaisedError, match="host0: ValueError: no"):
        LateConductor(KILLED, default_program(), By(lambda: 0)).run()
