"""The timers of a free-running node."""

from __future__ import annotations

from meshsim.model.ids import ActorId
from meshsim.procs.live_timers import Timers

A = (ActorId("a"), "poll")
B = (ActorId("b"), "poll")


def taken(timers: Timers) -> list[tuple[tuple[ActorId, str], int, int]]:
    """All that is set, in the order in which it fires."""
    found = []
    while timers.next_ns() is not None:
        found.append(timers.take())
    return found


def test_the_earliest_fires_first_and_those_of_one_instant_in_the_order_they_were_set() -> None:
    timers = Timers()
    timers.set(B, 20, 0)
    timers.set(A, 20, 1)
    timers.set((ActorId("c"), "limit"), 10, 2)

    assert [(timer[0], due, by) for timer, due, by in taken(timers)] == [("c", 10, 2), ("b", 20, 0), ("a", 20, 1)]


def test_a_timer_that_is_set_again_fires_once_and_at_its_new_time() -> None:
    for due_ns in (5, 10, 15):
        timers = Timers()
        timers.set(A, 10, 0)
        timers.set(A, due_ns, 1)

        assert taken(timers) == [(A, due_ns, 1)]


def test_a_cancelled_timer_does_not_fire_until_it_is_set_again() -> None:
    timers = Timers()
    timers.set(A, 10, 0)
    timers.cancel(A)
    timers.set(B, 30, 1)

    assert timers.next_ns() == 30
    timers.set(A, 10, 2)
    assert taken(timers) == [(A, 10, 2), (B, 30, 1)]


def test_a_delay_moves_the_timer_that_is_set_and_as_many_after_it_as_it_says() -> None:
    timers = Timers()
    timers.set(A, 10, 0)
    timers.delay(A, 100, 2)
    timers.set(A, 20, 1)
    second = taken(timers)
    timers.set(A, 30, 2)

    assert second == [(A, 120, 1)]
    assert taken(timers) == [(A, 30, 2)]
