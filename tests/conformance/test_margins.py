"""Runs placed at the worst moment come close to their bounds, and not beyond.

A quiet run of the same world says when polls are and when processes started; the fault strikes where the specification
has its worst case (supervision.md 14.2 to 14.4). Symbols as in test_timing.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_worlds import at, run_sim, times

from meshsim.faults.kinds import ControllerKill, Fault, Raise, Signal, Stall
from meshsim.model.config import Config
from meshsim.model.notes import PollEnded, PollStarted
from meshsim.oracle.judge import judge
from meshsim.oracle.verdict import Margin, Verdict
from meshsim.run import brief_of
from meshsim.scenario.plan import Plan, plan, with_profile
from meshsim.scenario.schema import (
    Actors,
    OperationSpec,
    Procs,
    Scenario,
    ShutdownHostsOp,
    StopProcsOp,
    Subscriber,
    Topology,
)
from meshsim.trace.records import ProcessStarted
from meshsim.units import S

DEFAULTS = Config.of({})
P = DEFAULTS.supervision_poll_frequency / S
A = DEFAULTS.get_actor_state_max_idle / S
H = DEFAULTS.get_proc_state_max_idle / S
O = DEFAULTS.mesh_orphan_timeout / S  # noqa: E741  the letter of the specification
W = DEFAULTS.supervision_watchdog_timeout / S
X = DEFAULTS.process_exit_timeout / S
T = DEFAULTS.mesh_terminate_timeout / S

#: Longer than messages take in these worlds, much shorter than any time-out.
MOMENT = 0.05


def world(
    horizon_s: float,
    *faults: Fault,
    hosts: int = 2,
    operations: Sequence[OperationSpec] = (),
    **config: str,
) -> Plan:
    """A proc on each host, `trainer` on all; `client` owns it, `observer` subscribes. Every default, or nearly."""
    topology = Topology(
        hosts=hosts,
        clients=["client", "observer"],
        procs=[Procs(name="workers")],
        actors=[Actors(name="trainer", procs="workers")],
        subscribers=[Subscriber(mesh="trainer", by="observer")],
    )
    scenario = Scenario(
        name="margins",
        horizon=at(horizon_s),
        topology=topology,
        config=config,
        faults=list(faults),
        operations=list(operations),
    )
    return plan(scenario, 0)


def verdict_of(plan: Plan) -> Verdict:
    return judge(brief_of(plan), run_sim(plan).records)


def margin_of(verdict: Verdict, kind: str) -> Margin:
    [found] = [margin for margin in verdict.margins if margin.kind == kind]
    return found


def polls(plan: Plan) -> list[tuple[float, float]]:
    """Beginnings and ends of the polls of a run, in seconds."""
    records = run_sim(plan).records
    return list(zip(times(records, PollStarted), times(records, PollEnded), strict=True))


def right_after_a_poll() -> Verdict:
    """The actor has just said that it is well: a whole period passes."""
    _, ended = polls(world(15))[0]
    return verdict_of(world(30, Raise(target="trainer[1]", at=at(ended))))


def owner_lost_right_after_a_keepalive() -> Verdict:
    """The keepalive is still valid at the second check from now, by a little: the third one finds it expired."""
    quiet = world(90)
    boots = times(run_sim(quiet).records, ProcessStarted)
    _, ended = next(poll for poll in polls(quiet) if poll[0] > max(boots) + O)
    return verdict_of(world(300, ControllerKill(target="trainer", at=at(ended + MOMENT))))


def controller_lost_right_after_a_heartbeat() -> Verdict:
    _, ended = polls(world(15))[0]
    return verdict_of(world(200, ControllerKill(target="trainer", at=at(ended + MOMENT))))


def deaf_proc_is_stopped() -> Verdict:
    """It hears neither its agent's StopAll nor SIGTERM."""
    return verdict_of(
        world(60, Stall(target="workers[1]", at=at(14)), operations=[StopProcsOp(procs="workers", at=at(15))])
    )


def host_of_a_deaf_proc_shuts_down() -> Verdict:
    return verdict_of(world(60, Stall(target="workers[1]", at=at(14)), operations=[ShutdownHostsOp(at=at(15))]))


@pytest.mark.parametrize(
    ("happens", "kind", "seconds"),
    [
        (right_after_a_poll, "detect", P),
        (right_after_a_poll, "report", P),
        (deaf_proc_is_stopped, "stop", 2 * X),
        (host_of_a_deaf_proc_shuts_down, "stop", 2 * T),
        (owner_lost_right_after_a_keepalive, "reap", 2 * O - P),
        (controller_lost_right_after_a_heartbeat, "watchdog", W - 2 * MOMENT),
    ],
)
def test_the_worst_moment_comes_close_to_the_bound(happens: object, kind: str, seconds: float) -> None:
    """More than 60 %, at least as long as the specification says, and nothing comes too late."""
    assert callable(happens)
    verdict = happens()
    margin = margin_of(verdict, kind)

    assert [violation.message for violation in verdict.violations if violation.kind == "liveness"] == []
    assert margin.took_ns >= seconds * S - MOMENT * S
    assert 0.6 < margin.share <= 1


def test_replies_just_in_time_come_close_to_the_longest_bound() -> None:
    """Rank 0 fails behind its answer. Two others let that poll wait, and the next: 2 A + P + 2 H + 2 A, of 3 ranks."""
    slow = {"message_delivery_timeout": "10m", "mesh_orphan_timeout": "0s", "supervision_watchdog_timeout": "10m"}
    step_a, step_h = A - MOMENT, H - MOMENT
    first, _ = polls(world(15, hosts=3, **slow))[0]
    second = first + 2 * step_a + P
    third = second + 2 * step_h

    def late(names: str, begin: float, step: float) -> list[Fault]:
        """Ranks 1 and 2 are stopped for one step and for two."""
        stalls = [(begin - MOMENT, steps * step + MOMENT) for steps in (1, 2)]
        return [
            Stall(target=names.format(rank), at=at(start), for_=at(length))
            for rank, (start, length) in enumerate(stalls, start=1)
        ]

    faults = [
        *late("workers[{}]", first, step_a),
        *late("host{}", second, step_h),
        *late("workers[{}]", third, step_a),
    ]
    failure = Raise(target="trainer[0]", at=at(first + MOMENT))
    verdict = verdict_of(world(400, failure, *faults, hosts=3, **slow))
    margin = margin_of(verdict, "detect")

    assert [violation.message for violation in verdict.violations] == []
    assert margin.took_ns / S == pytest.approx(2 * A + P + 2 * H + 2 * A, abs=1)
    assert margin.bound_ns / S == P + 3 * H + 6 * A + 1
    assert 0.6 < margin.share <= 1


@st.composite
def troubles(draw: st.DrawFn) -> Plan:
    """Three ranks with short time-outs, some of which fail, end or are stopped at any time."""
    moments = st.integers(2_000, 40_000).map(lambda ms: at(ms / 1000))
    ranks, lengths = st.integers(0, 2), st.integers(100, 15_000).map(lambda ms: at(ms / 1000))
    faults = draw(
        st.lists(
            st.one_of(
                st.builds(lambda rank, when: Raise(target=f"trainer[{rank}]", at=when), ranks, moments),
                st.builds(
                    lambda place, rank, when, length: Stall(target=place.format(rank), at=when, for_=length),
                    st.sampled_from(["workers[{}]", "host{}", "observer"]),
                    ranks,
                    moments,
                    lengths,
                ),
                st.builds(
                    lambda rank, when: Signal(target=f"workers[{rank}]", at=when, signal="SIGKILL"), ranks, moments
                ),
            ),
            min_size=1,
            max_size=4,
        )
    )
    seconds = st.integers(1, 12).map(lambda count: f"{count}s")
    names = ("supervision_poll_frequency", "get_actor_state_max_idle", "get_proc_state_max_idle", "stop_actor_timeout")
    return world(200, *faults, hosts=3, **{name: draw(seconds) for name in names})


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(troubles(), st.sampled_from(["2026-03", "fixed"]))
def test_whatever_goes_wrong_nothing_comes_after_its_bound(plan: Plan, profile: str) -> None:
    """What never comes is another matter: quirks see to that."""
    verdict = verdict_of(with_profile(plan, profile))
    late = [margin for margin in verdict.margins if margin.took_ns > margin.bound_ns + 1]

    assert late == []
    assert [violation.message for violation in verdict.violations if "only" in violation.message] == []
