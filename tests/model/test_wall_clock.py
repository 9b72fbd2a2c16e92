"""Wall clocks: a function of virtual time."""

import pytest

from meshsim.model.events import ClockSet
from meshsim.model.wall_clock import TRUE_CLOCK, WallClock
from meshsim.units import MS, S


@pytest.mark.parametrize(
    ("clock", "now_ns", "wall_ns"),
    [
        (TRUE_CLOCK, 7 * S, 7 * S),
        (WallClock(3 * S), 7 * S, 10 * S),
        (WallClock(-3 * S), 1 * S, -2 * S),
        (WallClock(0, 200_000), 10 * S, 10 * S + 2 * MS),
        (WallClock(1 * S, -500_000_000, 4 * S), 10 * S, 8 * S),
        (WallClock(0, -1), 1, 0),
    ],
    ids=["right", "ahead", "behind", "gains", "loses from a time on", "rounds to the past"],
)
def test_wall_time_follows_from_virtual_time(clock, now_ns, wall_ns):
    assert clock.at(now_ns) == wall_ns


def test_an_event_sets_a_clock():
    clock = WallClock(1, 2, 3)

    assert ClockSet.to(clock) == ClockSet(1, 2, 3)
    assert ClockSet(1, 2, 3).clock == clock
