"""Which of several things that are due at once could go first, and which of those make a difference."""

from __future__ import annotations

import pytest

from meshsim.explore.exhaustive.ties import Tie

A, B, C, AB = frozenset({"a"}), frozenset({"b"}), frozenset({"c"}), frozenset({"a", "b"})


def tie(*nodes: frozenset[str] | None, may: tuple[bool, ...] = ()) -> Tie:
    labels = tuple(f"thing {index}" for index in range(len(nodes)))
    return Tie(5, labels, nodes, may or (True,) * len(nodes), 0)


@pytest.mark.parametrize(
    ("nodes", "others"),
    [
        ((A, B), []),
        ((A, A, B), [1]),
        ((A, B, A), [2]),
        # What is not taken may come back to its sender: b's input depends on it, and what depends on that, too.
        ((A, B, AB), [1, 2]),
        ((AB, A, B, C), [1, 2]),
        # Nobody knows whom it concerns.
        ((A, B, None), [1, 2]),
        ((None, B), [1]),
    ],
)
def test_only_what_depends_on_the_first_is_put_before_it(nodes: tuple[frozenset[str] | None, ...], others: list[int]):
    assert [int(order.what.split()[1]) for order in tie(*nodes).others(all_=False)] == others


def test_where_everything_depends_on_everything_all_of_it_is() -> None:
    assert [order.what for order in tie(A, B, C).others(all_=True)] == ["thing 1", "thing 2"]


def test_timers_of_a_node_keep_their_order() -> None:
    """The second timer waits for the first, a message for neither."""
    chosen = tie(A, A, A, may=(True, False, True)).others(all_=False)

    assert [(int(order.at), order.what, order.before) for order in chosen] == [(5, "thing 2", "thing 0")]
