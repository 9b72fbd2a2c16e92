"""What is due when: one sweep for each instant, in an order that can be chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import simpy

from meshsim.drive.agenda import Agenda, Entry


class Last:
    """The newest first."""

    def choose(self, at_ns: int, entries: Sequence[Entry]) -> int:
        return len(entries) - 1


class Counting(Last):
    def __init__(self) -> None:
        self.counts: list[int] = []

    def choose(self, at_ns: int, entries: Sequence[Entry]) -> int:
        self.counts.append(len(entries))
        return 0


Make = Callable[..., tuple[Agenda, simpy.Environment, list[tuple[int, str]]]]


@pytest.fixture
def make() -> Make:
    """An agenda, its environment, and where `say` writes down what was done when."""

    def make(**options: object) -> tuple[Agenda, simpy.Environment, list[tuple[int, str]]]:
        env = simpy.Environment(initial_time=0)
        return Agenda(env, **options), env, []  # type: ignore[arg-type]

    return make


def test_entries_are_taken_by_instant_and_in_order_of_posting(make: Make) -> None:
    """Whatever the order of posting: first by time, then first in, first out."""
    agenda, env, said = make()
    for at_ns, text in [(5, "c"), (2, "a"), (5, "d"), (0, "now"), (2, "b")]:
        agenda.post(at_ns, lambda text: said.append((agenda.now_ns, text)), text)

    env.run()

    assert said == [(0, "now"), (2, "a"), (2, "b"), (5, "c"), (5, "d")]


def test_what_is_posted_for_the_current_instant_is_done_in_the_same_sweep(make: Make) -> None:
    """A message without latency is delivered at the instant it was sent, after all that was due before it."""
    agenda, env, said = make()

    def first() -> None:
        said.append((int(env.now), "first"))
        agenda.post(3, lambda: said.append((int(env.now), "posted by first")))

    agenda.post(3, first)
    agenda.post(3, lambda: said.append((int(env.now), "second")))
    env.run()

    assert said == [(3, "first"), (3, "second"), (3, "posted by first")]


def test_an_instant_can_be_used_again_after_its_sweep(make: Make) -> None:
    """A fault (a SimPy process) may come after the sweep, and post for the same instant."""
    agenda, env, said = make()

    def late() -> simpy.events.ProcessGenerator:
        yield env.timeout(3)
        yield env.timeout(0)
        agenda.post(3, lambda: said.append((int(env.now), "late")))

    agenda.post(3, lambda: said.append((int(env.now), "early")))
    env.process(late())
    env.run()

    assert said == [(3, "early"), (3, "late")]


def test_a_tie_order_chooses_among_what_is_due_at_one_instant(make: Make) -> None:
    """Newest first, and nothing moves from one instant to another."""
    agenda, env, said = make(tie_order=Last())
    for at_ns, text in [(1, "a"), (2, "x"), (1, "b"), (1, "c"), (2, "y")]:
        agenda.post(at_ns, lambda text: said.append((agenda.now_ns, text)), text)

    env.run()

    assert said == [(1, "c"), (1, "b"), (1, "a"), (2, "y"), (2, "x")]


def test_a_tie_order_is_asked_for_each_entry_with_the_number_left(make: Make) -> None:
    """An explorer counts its choices: one that leaves no choice is asked for too."""
    order = Counting()
    agenda, env, said = make(tie_order=order)
    for text in "abc":
        agenda.post(1, lambda text: said.append((1, text)), text)

    env.run()

    assert order.counts == [3, 2, 1]
    assert said == [(1, "a"), (1, "b"), (1, "c")]


def test_a_tie_order_keeps_the_order_within_a_lane(make: Make) -> None:
    """Messages of one link never overtake each other; capital letters are in no lane."""
    agenda, env, said = make(tie_order=Last(), lane_of=lambda entry: None if entry[1][0].isupper() else entry[1][0][0])
    for text in ["a1", "b1", "FREE", "a2", "b2", "ALONE"]:
        agenda.post(1, lambda text: said.append((1, text)), text)

    env.run()

    assert [text for _, text in said] == ["ALONE", "FREE", "b1", "b2", "a1", "a2"]


def test_what_was_never_reached_remains_in_the_order_it_would_have_been(make: Make) -> None:
    """At the horizon: what is still on its way."""
    agenda, env, said = make()
    for at_ns in (9, 1, 7, 9):
        agenda.post(at_ns, said.append, (at_ns, "entry"))

    env.run(until=5)

    assert said == [(1, "entry")]
    assert list(agenda.remaining()) == [(said.append, ((at_ns, "entry"),)) for at_ns in (7, 9, 9)]


def test_what_comes_next_can_be_taken_along_if_it_is_the_same_for_the_same_receiver(make: Make) -> None:
    """Deliveries in a row are one round trip; anything else in between ends the row."""
    agenda, env, said = make()

    def deliver(src: str, dst: str) -> None:
        row = [src]
        while (following := agenda.take_next(deliver, dst)) is not None:
            row.append(following[0])
        said.append((int(env.now), f"{' '.join(row)} to {dst}"))

    for src, dst in ["ax", "bx", "cy", "dx", "ex"]:
        agenda.post(1, deliver, src, dst)
    agenda.post(1, lambda: said.append((1, "timer")))
    agenda.post(1, deliver, "f", "x")
    agenda.post(2, deliver, "g", "x")
    env.run()

    assert [text for _, text in said] == ["a b to x", "c to y", "d e to x", "timer", "f to x", "g to x"]


def test_a_tie_order_is_asked_for_what_could_have_been_taken_along(make: Make) -> None:
    """Rows are for the default order: another one may want something else in between."""
    agenda, env, said = make(tie_order=Last())

    def deliver(src: str, dst: str) -> None:
        assert agenda.take_next(deliver, dst) is None
        said.append((int(env.now), src))

    for src in "abc":
        agenda.post(1, deliver, src, "x")
    env.run()

    assert [src for _, src in said] == ["c", "b", "a"]
