"""How long things take, measured in traces with every default (supervision.md 14.1 to 14.4).

Symbols as there: P poll frequency, A actor idle, H proc idle, O orphan, W watchdog, D delivery, S stop of an actor,
X process exit, T host termination, C cleanup; d is a healthy poll of these worlds. A fault strikes at several moments
between two polls, as the bounds are about all of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
import pytest
from small_worlds import at, found, run_sim

from meshsim.faults.kinds import ControllerKill, Exit, Fault, Hang, HostCrash, InitFails, Panic, Raise, Signal, Stall
from meshsim.model.config import RECONNECT_BACKOFF_NS_MAX, Config
from meshsim.model.notes import Heard, Heartbeat, MeshSpawned, OperationEnded, OrphanStopped, PollEnded, PollStarted
from meshsim.scenario.plan import plan
from meshsim.scenario.schema import (
    Actors,
    OperationSpec,
    Procs,
    QueryOp,
    Scenario,
    ShutdownHostsOp,
    StopActorsOp,
    StopProcsOp,
    SubscribeOp,
    Subscriber,
    Topology,
)
from meshsim.trace.records import FaultStruck, ProcessDied, Record
from meshsim.units import S

DEFAULTS = Config.of({})
P = DEFAULTS.supervision_poll_frequency / S
A = DEFAULTS.get_actor_state_max_idle / S
H = DEFAULTS.get_proc_state_max_idle / S
O = DEFAULTS.mesh_orphan_timeout / S  # noqa: E741  the letter of the specification
W = DEFAULTS.supervision_watchdog_timeout / S
D = DEFAULTS.message_delivery_timeout / S
STOP = DEFAULTS.stop_actor_timeout / S
X = DEFAULTS.process_exit_timeout / S
T = DEFAULTS.mesh_terminate_timeout / S
C = DEFAULTS.cleanup_timeout / S
BACKOFF = RECONNECT_BACKOFF_NS_MAX / S
SPAWN_IDLE = DEFAULTS.actor_spawn_max_idle / S

#: More than the healthy polls and the ways of messages of these worlds take.
SMALL = 0.1

#: When a fault strikes: soon after the first poll, in the middle, and right before the second. Sooner than one
#: `MESSAGE_ACK_TIME_INTERVAL` after a poll it would take the cast back (14.6).
MOMENTS = [10.6, 14.0, 19.9]


def run(horizon_s: float, *faults: Fault, operations: Sequence[OperationSpec] = ()) -> list[Record]:
    """Two hosts with two procs each, `trainer` on all; `client` owns it, `observer` subscribes."""
    topology = Topology(
        hosts=2,
        clients=["client", "observer", "late"],
        procs=[Procs(name="workers", per_host={"gpus": 2})],
        actors=[Actors(name="trainer", procs="workers")],
        subscribers=[Subscriber(mesh="trainer", by="observer")],
    )
    scenario = Scenario(
        name="timing", horizon=at(horizon_s), topology=topology, faults=list(faults), operations=list(operations)
    )
    return run_sim(plan(scenario, 0)).records


def struck(records: Sequence[Record]) -> float:
    return next(record.at for record in records if isinstance(record.what, FaultStruck)) / S


def hearings(records: Sequence[Record], role: str, listener: str) -> list[tuple[float, str]]:
    """When somebody heard, counted from the fault, and what."""
    began = struck(records)
    return [
        (record.at / S - began, record.what.text)
        for record in records
        if isinstance(record.what, Heard) and record.what.role == role and record.node == listener
    ]


def moments(records: Sequence[Record], kind: type) -> list[float]:
    return [record.at / S for record in records if isinstance(record.what, kind)]


def took(records: Sequence[Record], operation: str) -> tuple[float, OperationEnded]:
    """When an operation ended, and how."""
    [ended] = [r for r in records if isinstance(r.what, OperationEnded) and r.what.operation == operation]
    assert isinstance(ended.what, OperationEnded)
    return ended.at / S, ended.what


# --- 14.1 ----------------------------------------------------------------------------------------------------


def test_a_poll_begins_one_period_after_the_one_before_has_ended() -> None:
    """Poll k: spawn + k P + what the polls before took; the first one P after the spawn. So do heartbeats come."""
    records = run(65)
    starts, ends = moments(records, PollStarted), moments(records, PollEnded)
    beats = moments(records, Heartbeat)

    assert [round(start - end, 9) for start, end in zip(starts[1:], ends, strict=False)] == [P] * 5
    assert P < starts[0] < P + SMALL
    assert max(end - start for start, end in zip(starts, ends, strict=False)) < SMALL
    assert len(beats) == 65 // (P + SMALL / 10) == 6


# --- 14.2 ----------------------------------------------------------------------------------------------------

CRASHES = [
    (Raise(target="trainer[1]"), "failed: injected error"),
    (Panic(target="trainer[1]"), "failed: panic: panic at TestActor: for testing"),
    (Exit(target="workers[1]", code=3), "failed: process exited with non-zero code 3"),
    (Signal(target="workers[1]", signal="SIGKILL"), "failed: process failure: Killed(sig=9)"),
]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize(("fault", "text"), CRASHES, ids=["error", "panic", "exit", "signal"])
def test_a_crash_is_told_to_both_with_the_next_poll(fault: Fault, text: str, moment: float) -> None:
    """In (0, P + d]: how late depends on the moment alone."""
    records = run(25, msgspec.structs.replace(fault, at=at(moment)))
    owner, subscriber = hearings(records, "owner", "client")[0], hearings(records, "subscriber", "observer")[0]

    assert (owner[1], subscriber[1]) == (text, text)
    assert 0 < owner[0] <= subscriber[0] <= P + SMALL
    assert abs(moment + owner[0] - 2 * P) < SMALL


def test_an_init_that_fails_after_the_spawn_is_told_with_the_first_poll() -> None:
    """P + d after the spawn."""
    records = run(15, InitFails(target="trainer[1]", after=at(0.5)))
    spawned = moments(records, MeshSpawned)[-1]
    [(heard_at, heard)] = [(r.at / S, r.what) for r in records if isinstance(r.what, Heard) and r.what.role == "owner"]

    assert heard.text == "failed: initialization error: injected init error"
    assert 0.5 < heard_at - spawned <= P + SMALL


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_clean_exit_is_told_to_the_subscriber_with_each_poll_and_never_to_the_owner(moment: float) -> None:
    records = run(55, Exit(target="workers[1]", code=0, at=at(moment)))
    told = hearings(records, "subscriber", "observer")

    assert 0 < told[0][0] <= P + SMALL
    assert [text for _, text in told] == ["stopped: process exited cleanly"] * 4
    assert hearings(records, "owner", "client") == []


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_proc_that_hangs_is_told_after_a_poll_and_the_idle_limit(moment: float) -> None:
    """A after the query of the next poll: at most P + A = 40 s."""
    records = run(60, Stall(target="workers[3]", at=at(moment)))
    owner, subscriber = hearings(records, "owner", "client")[0], hearings(records, "subscriber", "observer")[0]

    assert "The process likely crashed" in owner[1]
    assert owner[1] == subscriber[1]
    assert A < owner[0] <= subscriber[0] <= P + A + SMALL


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_host_that_crashed_is_told_after_a_poll_and_the_idle_limit_of_procs(moment: float) -> None:
    """P + H = 70 s to the subscriber; to the owner not so, but as a child that failed: D, the end of the poll, C."""
    records = run(100, HostCrash(target="host1", at=at(moment)))
    [(subscriber, text)] = hearings(records, "subscriber", "observer")
    [(parent, _)] = hearings(records, "parent", "client")

    assert text == "stopped: no status received from process"
    assert H < subscriber <= P + H + SMALL
    assert hearings(records, "owner", "client") == []
    assert max(D, subscriber) <= parent <= max(D, subscriber) + C + SMALL


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_lost_controller_is_told_by_the_watchdog(moment: float) -> None:
    """W after the last message: in (W - P - d, W]."""
    records = run(150, ControllerKill(target="trainer", at=at(moment)))
    [(watchdog, text)] = hearings(records, "watchdog", "observer")

    assert "timed out reaching controller" in text
    assert W - P - SMALL < watchdog <= W
    assert moment + watchdog == pytest.approx(W + P, abs=SMALL)


def test_who_subscribes_to_an_unhealthy_mesh_hears_at_once() -> None:
    """One way there, and one back."""
    subscribe = SubscribeOp(mesh="trainer", by="late", at=at(25))
    records = run(30, Raise(target="trainer[1]", at=at(14)), operations=[subscribe])
    [(late, text)] = hearings(records, "subscriber", "late")

    assert text == "failed: injected error"
    assert 0 < late + struck(records) - 25 < 0.005


def test_a_proc_that_dies_before_it_acknowledged_the_poll_ends_the_controller() -> None:
    """14.6: the cast comes back D after it was sent, with the next try to connect, and then there is the cleanup.

    The polls until then have told of the proc.
    """
    records = run(60, Signal(target="workers[1]", signal="SIGKILL", at=at(10.2)))
    [(parent, text)] = hearings(records, "parent", "client")
    sent = moments(records, PollStarted)[0] - struck(records)

    assert text.startswith("failed: undeliverable message error:")
    assert sent + D < parent < sent + D + BACKOFF + C + SMALL
    assert [round(told) for told, _ in hearings(records, "owner", "client")] == [P, 2 * P, 3 * P]


# --- 14.3 ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", MOMENTS)
def test_orphans_are_stopped_between_one_and_two_orphan_times(moment: float) -> None:
    """In (c + O - P, c + 2 O] after the end c of their controller."""
    records = run(200, ControllerKill(target="trainer", at=at(moment)))
    stops = [stop - struck(records) for stop in moments(records, OrphanStopped)]

    assert len(stops) == 4
    assert O - P < min(stops) <= max(stops) <= 2 * O


@pytest.mark.parametrize("moment", MOMENTS)
def test_survivors_of_a_dead_proc_are_stopped_within_two_orphan_times_of_the_last_good_poll(moment: float) -> None:
    """Q19: the same bounds, counted from the last keepalive."""
    records = run(200, Signal(target="workers[1]", signal="SIGKILL", at=at(moment)))
    good = moments(records, PollEnded)[0]
    stops = [stop - good for stop in moments(records, OrphanStopped)]

    assert [ended.outcome for ended in found(records, PollEnded)][:2] == ["healthy", "proc_dead"]
    assert len(stops) == 3
    assert O - SMALL < min(stops) <= max(stops) <= 2 * O


def test_without_a_keepalive_nobody_is_ever_stopped() -> None:
    """A controller that ends before its first poll (Q36)."""
    assert moments(run(400, ControllerKill(target="trainer", at=at(9))), OrphanStopped) == []


# --- 14.4 ----------------------------------------------------------------------------------------------------

STOP_ACTORS = StopActorsOp(mesh="trainer", at=at(15))
QUERY = QueryOp(mesh="trainer", at=at(100))


def test_a_stop_of_actors_that_answer_takes_milliseconds() -> None:
    at_s, ended = took(run(20, operations=[STOP_ACTORS]), "stop_actors")

    assert (ended.error, ended.result) == (None, "Stopped=0..4")
    assert at_s - 15 < SMALL


def test_a_stop_of_a_stuck_actor_takes_as_long_as_its_agent_waits() -> None:
    """S, and then it is Ok although the actor lives (Q32)."""
    at_s, ended = took(run(40, Hang(target="trainer[2]", at=at(14)), operations=[STOP_ACTORS]), "stop_actors")

    assert (ended.error, ended.result) == (None, "Stopped=0..4")
    assert STOP <= at_s - 15 < STOP + SMALL


def test_a_stop_with_a_dead_proc_takes_the_idle_limit_after_the_last_reply() -> None:
    """30 to 40 s, and Ok (Q53)."""
    dead = Signal(target="workers[3]", signal="SIGKILL", at=at(14))
    at_s, ended = took(run(60, dead, operations=[STOP_ACTORS]), "stop_actors")

    assert ended.error is None
    assert re.fullmatch(r"Stopped=0\.\.3;Timeout\(30\.00\ds\)=3\.\.4", ended.result)
    assert SPAWN_IDLE <= at_s - 15 <= SPAWN_IDLE + STOP + SMALL


def test_a_stop_behind_a_poll_waits_for_its_end() -> None:
    """Here for a silent host: up to H (and up to A for silent agents) more."""
    stop = StopActorsOp(mesh="trainer", at=at(21))
    at_s, _ = took(run(120, Stall(target="host1", for_=at(58), at=at(15)), operations=[stop]), "stop_actors")
    slow, _ = took(run(120, Stall(target="workers[3]", for_=at(28), at=at(15)), operations=[stop]), "stop_actors")

    assert at_s - 21 == pytest.approx(15 + 58 - 21, abs=SMALL)
    assert slow - 21 == pytest.approx(15 + 28 - 21, abs=SMALL)


def test_a_stop_of_procs_is_answered_in_a_round_trip_and_carried_out_within_two_graces() -> None:
    """Q1, and ladder A: X + X to SIGKILL."""
    stop = StopProcsOp(procs="workers", at=at(15))
    records = run(60, Stall(target="workers[3]", at=at(14)), operations=[stop])
    at_s, ended = took(records, "stop_procs")
    deaths = moments(records, ProcessDied)

    assert (ended.error, at_s - 15 < SMALL) == (None, True)
    assert [round(death - 15) for death in deaths] == [0, 0, 0, 2 * X]


def test_a_shutdown_is_answered_in_a_round_trip_and_carried_out_within_two_graces() -> None:
    """Q41, and ladder B: 2 T for each sixteen children."""
    records = run(60, Stall(target="workers[3]", at=at(14)), operations=[ShutdownHostsOp(at=at(15))])
    at_s, ended = took(records, "shutdown_hosts")
    deaths = moments(records, ProcessDied)

    assert (ended.error, at_s - 15 < SMALL) == (None, True)
    assert [round(death - 15) for death in deaths] == [0, 0, 0, 2 * T]
