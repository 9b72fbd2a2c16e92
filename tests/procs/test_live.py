"""Runs on free-running processes: what they come to, what they keep of time, and that nothing is left of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import simpy
from leftovers import processes_of, wait_until

import meshsim
from meshsim.drive.backend import BackendError
from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import Node
from meshsim.model.notes import Heard
from meshsim.oracle.verdict import Verdict
from meshsim.procs.live import LiveBackend
from meshsim.procs.live_conductor import LiveConductor
from meshsim.procs.live_wire import Took
from meshsim.run import Job, Pace, Settings, read_run, run_plan, run_suite
from meshsim.run.likeness import Reference
from meshsim.run.pace import believed
from meshsim.run.program import program_of
from meshsim.scenario import plan
from meshsim.scenario.decode import decode
from meshsim.scenario.load import load_scenarios
from meshsim.scenario.plan import Plan
from meshsim.trace.records import ProcessReaped, ProcessStarted
from meshsim.units import S

pytestmark = [pytest.mark.procs, pytest.mark.xdist_group("procs")]

FAST = Path(__file__).parents[2] / "scenarios" / "fast"
#: One poll a second, so that a run is over soon.
KILL_ONE: dict[str, Any] = {
    "name": "kill-one",
    "horizon": "6s",
    "config": {"supervision_poll_frequency": "1s"},
    "topology": {
        "procs": [{"name": "workers", "per_host": {"gpus": 2}}],
        "actors": [{"name": "trainer", "procs": "workers"}],
    },
    "faults": [{"kind": "signal", "target": "workers[1]", "signal": "SIGKILL", "at": "3s"}],
}
#: Wide enough for a busy machine; what is judged here is not how fast it is.
PATIENT = Pace(late_max_ns=30 * S)


def kill_one() -> Plan:
    return plan(decode(KILL_ONE), 0)


@pytest.fixture
def live(run_id: str) -> Iterator[tuple[LiveConductor, LiveBackend]]:
    """A run that is not begun; `run_id` looks for what it leaves."""
    backend = LiveBackend(program_of(kill_one()), run_id=run_id, time_scale=0.3)
    yield LiveConductor(kill_one(), backend, backend), backend
    backend.close()


def at(conductor: LiveConductor, at_ns: int, *signals: tuple[LiveBackend, str, int]) -> None:
    """Somebody outside the run sends signals, one a second from this time on."""

    def send() -> Iterator[simpy.Event]:
        yield conductor.env.timeout(at_ns)
        for backend, node, number in signals:
            os.kill(backend.pid_of(Node(node)), number)
            yield conductor.env.timeout(1 * S)

    conductor.env.process(send())  # type: ignore[arg-type]  # an iterator will do


def test_the_owner_hears_of_a_killed_proc() -> None:
    """The same machines, the same words; the host's own process waited for its child."""
    result = run_plan(kill_one(), "live", pace=PATIENT)
    in_sim = run_plan(kill_one(), "sim")

    def heard(records: list[Any]) -> list[Any]:
        told = [record.what for record in records if isinstance(record.what, Heard)]
        return [(each.rank, each.status, each.text) for each in told[:1]]

    assert heard(result.records) == heard(in_sim.records) != []
    assert [record.what for record in result.records if isinstance(record.what, ProcessReaped)] == [
        ProcessReaped("host0", ExitStatus(signal=signal.SIGKILL))
    ]


def test_procs_are_children_of_their_host_which_finds_out_by_itself(
    live: tuple[LiveConductor, LiveBackend],
) -> None:
    """Nobody asks the host to wait: a pidfd tells it."""
    conductor, _ = live

    conductor.run()

    diary = conductor_diary(live[1])
    assert ("host0/workers_1", "host0") in diary
    assert [record.node for record in conductor.records if isinstance(record.what, ProcessStarted)] == [
        "host0",
        "client",
        "host0/workers_0",
        "host0/workers_1",
    ]


def conductor_diary(backend: LiveBackend) -> list[tuple[str, str]]:
    """Who was waited for by whom."""
    lines = [msgspec.json.decode(line) for line in backend.diary().splitlines()]
    return [(line["node"], line["by"]) for line in lines if line["event"] == "waited for"]


def test_time_never_goes_back_and_every_input_has_its_record(live: tuple[LiveConductor, LiveBackend]) -> None:
    """Each node's own times rise, too; what it took is what feeding it again needs."""
    conductor, _ = live

    conductor.run()

    times = [record.at for record in conductor.records]
    assert times == sorted(times)
    inputs = conductor.timing().inputs
    assert {each.node for each in inputs} == {"host0", "client", "host0/workers_0", "host0/workers_1"}
    for node in {each.node for each in inputs}:
        of_node = [each.at_ns for each in inputs if each.node == node]
        assert of_node == sorted(of_node)
    assert all(0 <= each.record < len(conductor.records) for each in inputs)
    assert conductor.timing().late.keys() == {"fault", "timer", "node", "way_back", "router"}


def test_nothing_of_the_machine_is_in_the_trace(live: tuple[LiveConductor, LiveBackend], run_id: str) -> None:
    """The id of the run marks its processes, and they have pids; a trace and its timing know neither."""
    conductor, backend = live

    conductor.run()

    kept = msgspec.json.encode([conductor.records, conductor.timing()]).decode()
    pids = {str(backend.pid_of(record.node)) for record in conductor.records if isinstance(record.what, ProcessStarted)}
    assert run_id not in kept
    assert len(pids) == 4
    assert [pid for pid in pids if f'"{pid}"' in kept or f'"pid":{pid}' in kept] == []


def test_a_node_that_somebody_stops_makes_the_run_inconclusive(live: tuple[LiveConductor, LiveBackend]) -> None:
    conductor, backend = live
    at(conductor, 2 * S, (backend, "client", signal.SIGSTOP))

    with pytest.raises(BackendError, match=r"client is stopped \(state T\), and nothing in the run stopped it"):
        conductor.run()


def test_a_node_that_somebody_stops_for_a_second_is_too_late(live: tuple[LiveConductor, LiveBackend]) -> None:
    """The number is in the reason: a timer of its own, or what it was handed, waited for that long."""
    conductor, backend = live
    at(conductor, 2 * S, (backend, "client", signal.SIGSTOP), (backend, "client", signal.SIGCONT))

    conductor.run()

    late_ns = max(conductor.timing().late[kind].worst_ns for kind in ("timer", "node"))
    assert late_ns > S // 5
    judged = Verdict(outcome="violated", reason="it looks bad")
    likeness = Reference(kill_one()).likeness(conductor.records, judged, conductor.timing())
    verdict = believed(judged, likeness, conductor.timing(), kill_one(), Pace())
    assert verdict.outcome == "inconclusive"
    assert verdict.reason.startswith("too late: ")


def test_a_report_that_waits_for_the_router_is_late(live: tuple[LiveConductor, LiveBackend]) -> None:
    """The router does something else for longer than its next event is due: what nodes say meanwhile waits in the
    socket. The node took its timer in time, so nothing but the way back shows that.
    """
    conductor, backend = live
    take, held = conductor._take, []

    def hold(node: Node, took: Took) -> None:
        if took.timer is not None and not held:
            held.append(took.at_ns)
            while backend.clock.now_ns() < took.at_ns + 1 * S:
                pass
        take(node, took)

    conductor._take = hold  # type: ignore[method-assign]  # a router that is busy

    conductor.run()

    assert held
    assert conductor.timing().late["way_back"].worst_ns >= 1 * S


def test_a_node_that_somebody_kills_makes_the_run_inconclusive(live: tuple[LiveConductor, LiveBackend]) -> None:
    conductor, backend = live
    at(conductor, 2 * S, (backend, "client", signal.SIGKILL))

    with pytest.raises(BackendError, match="client ended, and nothing in the run ended it"):
        conductor.run()


def test_closing_in_the_middle_leaves_nothing(live: tuple[LiveConductor, LiveBackend], run_id: str) -> None:
    conductor, backend = live
    conductor.env.process(interrupt(conductor))  # type: ignore[arg-type]  # an iterator will do

    with pytest.raises(KeyboardInterrupt):
        conductor.run()
    backend.close()

    assert wait_until(lambda: not processes_of(run_id))


#: A run that goes on for longer than anybody waits.
ENDLESS = """
import sys
from test_live import kill_one
from meshsim.procs.live import LiveBackend
from meshsim.procs.live_conductor import LiveConductor
from meshsim.run.program import program_of
backend = LiveBackend(program_of(kill_one()), run_id=sys.argv[1], time_scale=100.0)
LiveConductor(kill_one(), backend, backend).run()
"""


def test_sigkill_of_the_runner_leaves_nothing(run_id: str) -> None:
    """The zygote, a host, a client and two procs are there, and run freely; they go with the runner."""
    path = os.pathsep.join([str(Path(meshsim.__file__).parent.parent), *sys.path])
    with subprocess.Popen([sys.executable, "-c", ENDLESS, run_id], env={**os.environ, "PYTHONPATH": path}) as runner:
        reached = wait_until(lambda: len(processes_of(run_id)) >= 5)
        runner.kill()

    assert reached
    assert wait_until(lambda: not processes_of(run_id))


def interrupt(conductor: LiveConductor) -> Iterator[simpy.Event]:
    yield conductor.env.timeout(2 * S)
    raise KeyboardInterrupt


def test_a_live_run_is_kept_with_its_timing(tmp_path: Path) -> None:
    job = Job(kill_one(), ("live",))

    (outcome,) = run_suite([job], Settings(out=tmp_path, pace=PATIENT), lambda _: ()).outcomes

    timing = read_run(Path(outcome.place)).timing
    assert timing is not None
    assert outcome.lateness == timing.line()
    assert timing.late["bring_up"].count == 1


@pytest.mark.parametrize(
    "name",
    [
        "proc-segfaults",
        "actor-raises",
        "controller-crash-orphans",
        "controller-stalls",
        "owner-ends",
        "ladder-host-shutdown",
    ],
)
def test_scenarios_pass_or_say_what_was_late(name: str) -> None:
    """Never red: what the machine could not do in time is told apart."""
    (loaded,) = load_scenarios(FAST / f"{name}.toml")

    result = run_plan(plan(loaded.scenario, 0), "live", pace=Pace(time_scale=0.2))

    assert result.verdict.outcome == "passed" or "late" in result.verdict.reason
