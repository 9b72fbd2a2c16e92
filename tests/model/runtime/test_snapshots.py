"""Which of too many post-mortem records go (mesh_model.md 6.6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from machines import actor, event_of

from meshsim.model.runtime.snapshots import Snapshot, Snapshots
from meshsim.model.supervision import Generic, UnhandledSupervisionEvent, actor_failed, actor_stopped


def record(letters_of, index):
    """A clean stop for `s`, a failure for `f`; its number is its time."""
    clean = letters_of[index] == "s"
    status = actor_stopped("enough") if clean else actor_failed(Generic("boom"))
    return Snapshot(actor(index), status, index, None if clean else event_of(actor(index), status))


def kept(letters_of, limit):
    snapshots = Snapshots(limit)
    for index in range(len(letters_of)):
        snapshots.add(record(letters_of, index))
    return [snapshot.ended_ns for snapshot in snapshots.kept]


@pytest.mark.parametrize(
    ("ends", "limit", "left"),
    [
        ("", 3, []),
        ("sfs", 3, [0, 1, 2]),
        ("sfsf", 3, [1, 2, 3]),
        ("ffss", 3, [0, 1, 3]),
        ("fffs", 3, [0, 1, 2]),
        ("ffff", 3, [0, 1, 2]),
        ("ssss", 2, [2, 3]),
        ("sffff", 2, [1, 2]),
        ("fs", 0, []),
    ],
)
def test_clean_stops_go_first_then_the_newest_failures(ends, limit, left):
    """The oldest clean stop before the others; a first failure stays for ever, it is likely the cause."""
    assert kept(ends, limit) == left


@given(st.text("sf", max_size=40), st.integers(0, 6))
def test_it_keeps_the_first_failures_and_fills_up_with_the_last_stops(ends, limit):
    failures = [index for index, end in enumerate(ends) if end == "f"][:limit]
    stops = [index for index, end in enumerate(ends) if end == "s"]
    room = limit - len(failures)

    assert kept(ends, limit) == sorted(failures + stops[len(stops) - min(room, len(stops)) :])


def test_a_record_names_the_actor_that_began_it():
    child = event_of(actor(2), actor_failed(Generic("boom")))
    own = event_of(actor(1), actor_failed(UnhandledSupervisionEvent(child)))

    assert Snapshot(actor(1), own.actor_status, 0, own).cause == actor(2)
