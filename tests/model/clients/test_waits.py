"""Waiting for replies: the limit is on the time between them (supervision.md 9.7, 10.5, 11)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from machines import CLIENT, CONFIG, agent, overlay

from meshsim.model.clients.waits import LATE_NS, IdleLimit, Progress, StateQuery, StatusWait
from meshsim.model.commands import CancelTimer, SetTimer
from meshsim.model.config import Config
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
    wait = StatusWait.over(count, 1024, limit(), CONFIG)
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


@pytest.mark.parametrize(
    ("off", "late_ns", "goes_on"),
    [("", S, False), ("stopped_asker_hears_silence", S, True), ("stopped_asker_hears_silence", 0, False)],
)
def test_who_was_stopped_takes_what_came_meanwhile(off, late_ns, goes_on):
    """A timer that is late is that of a process that was stopped. It has a moment more, once."""
    idle = IdleLimit.of(Config.of({}, tuple(off.split())), ME, "key", 5 * S)
    idle.start(0)

    again = idle.fired(5 * S + late_ns)

    assert again == ([SetTimer(ME, "key", LATE_NS)] if goes_on else [])
    if goes_on:
        assert idle.fired(7 * S) == []
        idle.touch(7 * S)
        assert idle.fired(13 * S) == again


# --- state queries -----------------------------------------------------------------------------------------


def test_a_query_is_complete_when_every_rank_has_answered_in_whatever_order():
    query = StateQuery(1024, limit(), 3, counts_copies=True)

    progress = [query.take(state(rank), rank * S) for rank in (2, 0, 1)]

    assert progress == [WAITING, WAITING, COMPLETE]
    assert query.received == {rank: state(rank).state for rank in range(3)}


@pytest.mark.parametrize(("counts_copies", "third"), [(True, COMPLETE), (False, WAITING)])
def test_a_copy_of_a_reply_stands_for_another_rank(counts_copies, third):
    """Q44: as many replies as ranks are all. Off: each rank has to answer, and a copy does not prolong the wait."""
    query = StateQuery(1024, limit(), 3, counts_copies=counts_copies)

    progress = [query.take(state(rank), rank * S) for rank in (0, 1)]
    until_ns = query.idle.deadline_ns
    again = query.take(state(1), 2 * S)

    assert [*progress, again] == [WAITING, WAITING, third]
    assert (list(query.received), query.idle.deadline_ns) == ([0, 1], until_ns)
    if not counts_copies:
        assert query.take(state(2), 3 * S) is COMPLETE


@pytest.mark.parametrize("reply", [State("a", NOT_EXIST), State("a", failed("no")), State("a", RUNNING, MeshState(()))])
def test_one_reply_without_a_state_spoils_the_query(reply):
    """Unknown to its agent, or never spawned (Q24)."""
    query = StateQuery(1024, limit(), 2, counts_copies=True)
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


def test_a_wait_has_one_port_and_none_once_it_refused_something():
    """11.2: the wait goes on to its limit, but nothing arrives any more."""
    wait = status_wait(1)

    assert [wait.accepts(port) for port in (1023, 1024, 1025)] == [False, True, False]
    assert wait.refuse(reported((1, 2, RUNNING))) != []
    assert not wait.accepts(1024)


#: Overlays of up to three ranks over a mesh of four, empty ones included.
overlays = st.lists(st.tuples(st.integers(0, 3), st.sampled_from([NOT_EXIST, RUNNING, STOPPED])), max_size=3).map(
    lambda said: reported(*((rank, rank + 1, kind) for rank, kind in sorted(dict(said).items())))
)


@given(st.lists(st.tuples(st.integers(0, 40), overlays), max_size=12))
def test_a_wait_is_what_a_naive_one_is(steps):
    """An alarm that is set anew at each update, and a look at every rank: over at the same moment."""
    wait, now_ns, said, heard_ns = status_wait(4), 0, [NOT_EXIST] * 4, 0
    for after_s, envelope in steps:
        now_ns += after_s * S
        assert (wait.idle.fired(now_ns) == []) == (now_ns - heard_ns >= 30 * S)
        if now_ns - heard_ns >= 30 * S:
            break
        heard_ns = now_ns
        for start, end, kind in envelope.message.runs:
            said[start:end] = [kind] * (end - start)
        assert (wait.take(envelope.message, now_ns) is COMPLETE) == (NOT_EXIST not in said)
        assert wait.statuses == said
    assert wait.timed_out(now_ns) == [timeout(now_ns) if kind == NOT_EXIST else kind for kind in said]
