"""What is watched in a simulation, and that watching changes nothing."""

from __future__ import annotations

import pytest
from small_worlds import at, mesh, run_on

from meshsim.faults.kinds import Stall
from meshsim.model.actors.registry import default_program
from meshsim.model.events import ActorEnded, CleanupStarted, Event, Started, TimerFired
from meshsim.model.ids import ActorId
from meshsim.model.messages import Envelope, SelfCheck, StopAll
from meshsim.model.supervision import actor_stopped
from meshsim.run.coverage import PROCESS, Pair, Reached, WatchingBackend, event_name, pairs_of
from meshsim.scenario.schema import StopProcsOp
from meshsim.sim import SimBackend

ALICE, BOB = ActorId("unix:@client,local,client[0]"), ActorId("unix:@host0,service,host_agent[0]")


def slow_stop():
    """A stalled proc is stopped, and does not end before it is killed."""
    return mesh(
        horizon_s=40, faults=[Stall(target="workers[1]", at=at(5))], operations=[StopProcsOp(procs="workers", at=at(6))]
    )


def test_watching_changes_nothing() -> None:
    """The watched run is the run that everybody else sees, record for record."""
    plain = run_on(SimBackend(default_program()), slow_stop())
    watched = run_on(WatchingBackend(default_program()), slow_stop())

    assert watched.records == plain.records


def test_a_mark_that_is_refused_in_silence_is_seen() -> None:
    """The second Stopping of a ladder leaves no record."""
    marks = {(pair.state, pair.event) for pair in pairs_of(slow_stop()) if pair.machine == PROCESS}

    assert marks == {
        ("Starting", "running"),
        ("Running", "ready"),
        ("Ready", "stopping"),
        ("Stopping", "stopping"),
        ("Stopping", "stopped"),
        ("Stopping", "killed"),
    }


def test_a_machine_is_in_its_state_before_the_event() -> None:
    """Of a machine without phases no state is known."""
    pairs = pairs_of(slow_stop())

    assert Pair("HostAgent", "idle", "create_or_update") in pairs
    assert Pair("HostAgent", "creating", "reply:proc_ready") in pairs
    assert Pair("ProcAgent", "constructing", "actor_spawned") in pairs
    assert Pair("TestActor", "any", "started") in pairs


@pytest.mark.parametrize(
    ("event", "name"),
    [
        (Started(), "started"),
        (CleanupStarted(failed=True), "cleanup"),
        (ActorEnded(ALICE, actor_stopped("done")), "actor_ended"),
        (TimerFired(ALICE, "stop"), "timer:stop"),
        (TimerFired(ALICE, "ready:workers_0"), "timer:ready"),
        (Envelope(ALICE, BOB, StopAll("over")), "stop_all"),
        (Envelope(ALICE, BOB, SelfCheck(), port=1024), "reply:self_check"),
    ],
)
def test_how_a_pair_names_an_event(event: Event, name: str) -> None:
    """Replies apart from messages, timers by their kind."""
    assert event_name(event) == name


def test_the_first_scenario_counts() -> None:
    """Later ones change nothing; every run is counted."""
    reached = Reached()
    reached.add([Pair("A", "idle", "b")], "first")
    reached.add([Pair("A", "idle", "b"), Pair("A", "idle", "a")], "second")

    assert reached.first == {Pair("A", "idle", "b"): "first", Pair("A", "idle", "a"): "second"}
    assert reached.runs == 2
