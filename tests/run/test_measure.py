"""Numbers of runs whose story is known."""

from __future__ import annotations

from typing import Any

import pytest
from small_worlds import at

from meshsim.faults.kinds import Fault
from meshsim.faults.kinds.actors import Raise
from meshsim.faults.kinds.processes import Signal
from meshsim.run.execute import run_plan
from meshsim.run.measure import Numbers, measure
from meshsim.scenario.plan import plan
from meshsim.scenario.schema import Actors, Procs, Relaxed, Scenario, Subscriber, Topology
from meshsim.trace.records import RunEnded
from meshsim.units import MS, S


def numbers(
    *faults: Fault, horizon_s: float = 30, controller: Any = "polling", relax: tuple[str, ...] = (), **config: str
) -> Numbers:
    """Two actors that are polled every 2 s, an owner and a subscriber in another process."""
    topology = Topology(
        clients=["client", "observer"],
        procs=[Procs(name="workers", per_host={"gpus": 2})],
        actors=[Actors(name="trainer", procs="workers", controller=controller)],
        subscribers=[Subscriber(mesh="trainer", by="observer")],
    )
    scenario = Scenario(
        name="small",
        horizon=at(horizon_s),
        topology=topology,
        config={"supervision_poll_frequency": "2s", **config},
        faults=list(faults),
        relax=[Relaxed(invariant=name, reason="counted") for name in relax],
    )
    result = run_plan(plan(scenario, 0), "sim")
    assert isinstance(result.records[-1].what, RunEnded)
    return measure(result.plan, result.records, result.verdict)


def fails_at(seconds: float) -> Raise:
    return Raise(target="trainer[1]", at=at(seconds))


def killed(target: str) -> Signal:
    return Signal(target=target, at=at(7), signal="SIGKILL")


def test_a_healthy_run_is_polls_and_heartbeats() -> None:
    """In eleven seconds: five polls, each heard by the subscriber; no failure, no notice, no alarm."""
    found = numbers(horizon_s=11)

    assert (found.span_ns, found.polls, found.heartbeats) == (11 * S, 5, 5)
    assert (found.failures, found.notices, found.false_alarms, found.orphans, found.unheard) == (0, 0, 0, 0, 0)
    assert found.detect_ns == found.report_ns == found.watchdog_ns == ()


def test_who_fails_a_second_later_is_found_a_second_sooner() -> None:
    """Polls come in their own time. Owner and subscriber are told: two notices of one failure."""
    early, late = numbers(fails_at(12.5)), numbers(fails_at(13.5))

    assert early.failures == late.failures == 1
    assert early.detect_ns[0] - late.detect_ns[0] == 1 * S
    assert 0 < late.detect_ns[0] <= late.report_ns[0] + 1 * MS < 2 * S
    assert early.notices == late.notices == 2


def test_a_stream_is_quicker_than_any_poll() -> None:
    """What an agent tells a streaming controller is found within the latency of the network."""
    assert numbers(fails_at(12.5), controller="streaming").detect_ns[0] <= 5 * MS


def test_orphans_whose_controller_lives_are_counted_apart() -> None:
    """A killed proc ends the keepalives of the other (Q19): a healthy actor is stopped. Of a controller that is gone
    every orphan is one by right.
    """
    without_care = numbers(killed("workers[0]"), mesh_orphan_timeout="5s")
    without_controller = numbers(killed("client"), mesh_orphan_timeout="5s")

    assert (without_care.orphans, without_care.healthy_orphans) == (1, 1)
    assert (without_controller.orphans, without_controller.healthy_orphans) == (2, 0)


def test_the_end_of_a_controller_is_found_by_the_watchdog() -> None:
    """The client takes its controller with it; the subscriber notices W after the last heartbeat. No rank failed."""
    found = numbers(killed("client"), supervision_watchdog_timeout="10s")

    assert (found.failures, found.false_alarms, len(found.watchdog_ns)) == (0, 0, 1)
    assert 8 * S <= found.watchdog_ns[0] <= 10 * S


@pytest.mark.parametrize("relax", [(), ("accuracy",)])
def test_a_false_watchdog_is_an_alarm_whether_it_is_judged_or_not(relax: tuple[str, ...]) -> None:
    """One terminal rank silences the heartbeats (Q16); a sweep counts what its scenario relaxes, too."""
    found = numbers(fails_at(8), supervision_watchdog_timeout="10s", relax=relax)

    assert (found.false_alarms, found.watchdog_ns) == (1, ())
