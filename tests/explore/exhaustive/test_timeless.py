"""When two runs are in the same state, times aside."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from small_worlds import at, mesh

from meshsim.drive.agenda import Entry
from meshsim.explore.exhaustive.timeless import Timeless, is_timeless
from meshsim.explore.exhaustive.watching import WatchedBackend, WatchedConductor
from meshsim.faults.kinds import ClockJump, Exit, Fault, Hang, Partition, Raise, Signal, Stall
from meshsim.model.actors.registry import default_program
from meshsim.scenario.plan import with_profile
from meshsim.units import MS, S

#: Polled from 2.012 s to 2.016 s, again from 4.016 s to 4.020 s; in between nothing happens.
WORLD = with_profile(mesh(horizon_s=6), "fixed")


class LastAt:
    """Takes the last that may go first at one instant."""

    def __init__(self, at_ns: int) -> None:
        self._at_ns = at_ns

    def choose(self, at_ns: int, entries: Sequence[Entry]) -> int:
        return len(entries) - 1 if at_ns == self._at_ns else 0


def digests(
    seconds: float, faults: Sequence[Fault], *, next_s: float = 0, more: Sequence[str] = (), last_at_ns: int = -1
) -> tuple[bytes, bytes]:
    """The state at a time, and right before anything happens: half a millisecond later, if it is not said when."""
    plan = msgspec.structs.replace(WORLD, horizon=at(seconds), faults=tuple(faults))
    backend = WatchedBackend(default_program())
    conductor = WatchedConductor(plan, backend, LastAt(last_at_ns))
    conductor.window = (last_at_ns, last_at_ns + 1)
    conductor.on_window = lambda: None
    conductor.on_instant = lambda at_ns, next_ns: None
    conductor.run()
    return Timeless(conductor, backend).digests(int(at(next_s)) or conductor.now_ns + MS // 2, more)


def exits(seconds: float, rank: int = 1) -> Exit:
    return Exit(target=f"workers[{rank}]", at=at(seconds))


def raises(seconds: float, rank: int = 1) -> Raise:
    return Raise(target=f"trainer[{rank}]", text="boom", at=at(seconds))


def stalls(seconds: float, for_s: float | None = None) -> Stall:
    return Stall(target="workers[1]", at=at(seconds), for_=None if for_s is None else at(for_s))


@pytest.mark.parametrize(
    ("seconds", "one", "other"),
    [
        # It had acknowledged all that it took.
        (3.0, [exits(2.6)], [exits(2.7)]),
        # The time of a failure is in machines, and in what they answer.
        (3.0, [raises(2.1)], [raises(2.2)]),
        (4.019, [raises(2.1)], [raises(2.2)]),
        # Which of two failures came first is not forgotten, when they came is.
        (3.5, [raises(2.1), raises(2.3, 0)], [raises(2.2), raises(2.25, 0)]),
        # Over and done with.
        (3.9, [stalls(2.6, 0.5)], [stalls(2.7, 0.5)]),
        # What waits for a stopped process waits in the same order.
        (4.9, [stalls(2.6)], [stalls(2.7)]),
        # Two faults in the other order, which nobody has noticed.
        (3.3, [exits(2.6), raises(2.7, 0)], [raises(2.6, 0), exits(2.7)]),
    ],
)
def test_times_that_are_past_are_no_part_of_a_state(seconds: float, one: list[Fault], other: list[Fault]) -> None:
    assert digests(seconds, one) == digests(seconds, other)


@pytest.mark.parametrize(
    ("seconds", "one", "other"),
    [
        (3.0, [exits(2.1)], [exits(2.1, 0)]),
        (3.0, [exits(2.1)], [Signal(target="workers[1]", signal="SIGKILL", at=at(2.1))]),
        # Before a heartbeat was taken, and behind it.
        (3.0, [exits(2.0125)], [exits(2.0135)]),
        # What it had not acknowledged comes back in the end, some time after its death; what it had does not.
        (3.0, [exits(2.1)], [exits(2.6)]),
        (3.0, [exits(2.1)], [exits(2.2)]),
        # It goes on at another time.
        (2.5, [stalls(2.1, 0.5)], [stalls(2.2, 0.5)]),
        (2.5, [Hang(target="trainer[1]", for_=at(1), at=at(2.1))], [Hang(target="trainer[1]", for_=at(1), at=at(2.2))]),
        # Its messages are on their way.
        (2.1015, [raises(2.1)], [raises(2.1014)]),
        # Which of two failed first.
        (3.5, [raises(2.1), raises(2.3, 0)], [raises(2.3), raises(2.1, 0)]),
        # It stopped when a message was under way to it, and when none was.
        (4.9, [stalls(4.0185)], [stalls(4.0195)]),
    ],
)
def test_what_can_still_make_a_difference_is(seconds: float, one: list[Fault], other: list[Fault]) -> None:
    assert digests(seconds, one)[1] != digests(seconds, other)[1]


def test_acknowledgements_that_are_due_make_a_difference_until_then() -> None:
    """The owner has taken what the failure sent it, a tenth of a second sooner: it acknowledges that sooner."""
    one, other = (digests(2.3, [raises(seconds)], next_s=2.9) for seconds in (2.1, 2.2))

    assert one[0] != other[0]
    assert one[1] == other[1]
    assert one[0] != one[1]


@pytest.mark.parametrize(("asked_ns", "is_same"), [(2_013 * MS, True), (2_015 * MS, False)])
def test_who_is_due_first_makes_a_difference(asked_ns: int, is_same: bool) -> None:
    """Procs that take something in another order have taken the same; if they answer, the answers have that order."""
    seconds = asked_ns / S + 0.0005

    assert (digests(seconds, [], last_at_ns=asked_ns) == digests(seconds, [])) is is_same


def test_what_was_taken_in_another_order_is_another_history() -> None:
    """Also when nobody is the wiser: the owner has the answers of both procs, and all machines are as they were."""
    asked_ns = 2_016 * MS

    assert digests(3.0, [], last_at_ns=asked_ns)[1] != digests(3.0, [])[1]


def test_what_is_said_of_a_run_is_part_of_its_state() -> None:
    assert digests(3.0, [], more=["a"]) != digests(3.0, [], more=["b"])


def test_faults_of_links_and_clocks_leave_more_behind() -> None:
    """How long ago a clock jumped is in every time that it shows since."""
    assert is_timeless([exits(1), raises(1), stalls(1)])
    assert not is_timeless([exits(1), ClockJump(target="host0", by=at(1), at=at(1))])
    assert not is_timeless([Partition(target="host0", at=at(1))])
