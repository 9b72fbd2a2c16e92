"""Waiting for replies: the limit is on the time between them (supervision.md 9.7, 10.5, 11)."""

import pytest
from machines import ALICE, CLIENT, agent, overlay

from meshsim.model.commands import CancelTimer, GiveBack, SetTimer
from meshsim.model.messages import StateReply
from meshsim.model.status import (
    INITIALIZING,
    NOT_EXIST,
    RUNNING,
    STOPPED,
    UNKNOWN,
    ActorState,
    MeshState,
    State,
    failed,
    inverted,
    timeout,
)
from meshsim.model.waits import IdleLimit, Progress, StateQuery, StatusWait
from meshsim.units import MS, S

ME = CLIENT
WAITING, COMPLETE = Progress.WAITING, Progress.COMPLETE
#: The overlays of mesh_model.md B.3, in order.
B3 = (
    ((1, 2, RUNNING),),
    (),
    ((0, 1, RUNNING),),
    ((2, 3, failed("x")),),
    ((3, 4, RUNNING),),
)


def limit(limit_ns=30 * S):
    return IdleLimit(ME, "key", limit_ns)


def status_wait(count):
    wait = StatusWait.over(count, 1024, limit())
    wait.idle.start(0)
    return wait


def reported(*runs):
    return overlay(agent(0), ME, 1024, *runs)


def state(rank):
    return StateReply(State("a", RUNNING, ActorState(agent(rank), rank)))


# --- idle limit --------------------------------------------------------------------------------------------


def test_an_idle_limit_moves_with_every_sign_of_life():
    """The timer is not set again each time: one that fires early asks for the rest."""
    idle = limit()

    started = idle.start(1 * S)
    idle.touch(21 * S)

    assert started == [SetTimer(ME, "key", 30 * S)]
    assert idle.fired(31 * S) == [SetTimer(ME, "key", 20 * S)]
    assert idle.fired(51 * S) == []
    assert idle.cancel() == CancelTimer(ME, "key")


def test_a_limit_of_zero_passes_at_once():
    idle = limit(0)

    assert (idle.start(5), idle.fired(5)) == ([SetTimer(ME, "key", 0)], [])


# --- state queries -----------------------------------------------------------------------------------------


def test_a_query_is_complete_when_every_rank_has_answered_in_whatever_order():
    query = StateQuery(1024, limit(), 3)

    progress = [query.take(state(rank), rank * S) for rank in (2, 0, 1)]

    assert progress == [WAITING, WAITING, COMPLETE]
    assert query.received == {rank: state(rank).state for rank in range(3)}


@pytest.mark.parametrize("reply", [State("a", NOT_EXIST), State("a", failed("no")), State("a", RUNNING, MeshState(()))])
def test_one_reply_without_a_state_spoils_the_query(reply):
    """Unknown to its agent, or never spawned (Q24)."""
    query = StateQuery(1024, limit(), 2)
    query.take(state(0), 0)

    assert query.take(StateReply(reply), 1) is Progress.NOT_EXIST


# --- status waits ------------------------------------------------------------------------------------------


def test_a_wait_over_four_ranks():
    """The worked example B.3: the wait succeeds at the fifth snapshot, with one rank failed."""
    wait = status_wait(4)

    progress = [wait.take(reported(*runs).message, 100 * MS) for runs in B3]

    assert progress == [WAITING, WAITING, WAITING, WAITING, COMPLETE]
    assert inverted(wait.statuses) == "Running=0..2,3..4;Failed(x)=2..3"


def test_a_wait_over_four_ranks_of_which_one_is_silent():
    """B.3 again: the fifth overlay never comes, and the alarm fires 30.1 s after the query."""
    wait = status_wait(4)
    for runs in B3[:4]:
        wait.take(reported(*runs).message, 100 * MS)

    assert wait.idle.fired(30 * S) == [SetTimer(ME, "key", 100 * MS)]
    assert wait.idle.fired(30 * S + 100 * MS) == []
    assert inverted(wait.timed_out(30 * S + 100 * MS)) == "Running=0..2;Failed(x)=2..3;Timeout(30.1s)=3..4"


@pytest.mark.parametrize("kind", [INITIALIZING, UNKNOWN, STOPPED, timeout(1)])
def test_anything_but_not_exist_completes_a_wait(kind):
    """Q48: a rank that only initializes counts as having answered."""
    assert status_wait(1).take(reported((0, 1, kind)).message, 0) is COMPLETE


def test_the_later_overlay_wins():
    wait = status_wait(3)
    wait.take(reported((0, 2, failed("x"))).message, 0)

    progress = wait.take(reported((1, 3, RUNNING)).message, 0)

    assert (progress, wait.statuses) == (COMPLETE, [failed("x"), RUNNING, RUNNING])


def test_only_ranks_that_said_nothing_time_out():
    wait = status_wait(3)
    wait.take(reported((1, 2, timeout(5))).message, 0)

    assert wait.timed_out(30 * S) == [timeout(30 * S), timeout(5), timeout(30 * S)]
    assert wait.statuses == [NOT_EXIST, timeout(5), NOT_EXIST]


@pytest.mark.parametrize(
    ("runs", "error"),
    [
        (((0, 1, RUNNING),), None),
        (((0, 2, RUNNING),), None),
        ((), None),
        (((2, 3, RUNNING),), "mailbox error: range 2..3 exceeds region bounds (len=2)"),
        (((0, 1, RUNNING), (1, 9, RUNNING)), "mailbox error: range 1..9 exceeds region bounds (len=2)"),
    ],
)
def test_an_overlay_beyond_the_region_is_refused_and_the_port_is_gone(runs, error):
    """11.2: nothing of it is applied, its sender gets it back, and later replies are lost too."""
    wait = status_wait(2)
    message = reported(*runs)

    refused = wait.refuse(message)

    assert refused == ([] if error is None else [GiveBack(message, error)])
    assert wait.accepts(1024) == (error is None)
    assert wait.statuses == [NOT_EXIST, NOT_EXIST]


def test_a_wait_has_one_port():
    assert [status_wait(1).accepts(port) for port in (1023, 1024, ALICE.index + 1)] == [False, True, False]
