import pytest

from meshsim.model.ids import ActorId
from meshsim.model.messaging.hops import HOPS_MAX, hops_inside, processes_reached

ONE = ActorId("unix:@host0,workers-1a,trainer-1b[0]")
CHILD = ActorId("unix:@host0,workers-1a,trainer-1b[1]")
ELSEWHERE = ActorId("unix:@host0,others-1a,trainer-1b[0]")


@pytest.mark.parametrize(("dest", "hops"), [(ONE, 1), (CHILD, 3), (ELSEWHERE, 7)])
def test_hops_inside_a_process_depend_on_how_far_the_receiver_is(dest, hops):
    """mesh_model.md 3.2: own port; proc and muxer; forwarder, client and channel between two procs."""
    assert hops_inside(ONE, dest) == hops


@pytest.mark.parametrize(
    ("processes", "reached"),
    [(1, [0] * 4 + [1] * 3 + [None] * 5), (2, [0] * 4 + [1] * 4 + [2] * 3 + [None])],
)
def test_a_ttl_is_used_up_in_the_process_whose_hop_it_does_not_cover(processes, reached):
    """From 0 up: four hops to the channel, four through a front end, three from the last channel into the mailbox."""
    assert [processes_reached(ttl, processes) for ttl in range(12)] == reached


def test_the_longest_route_has_eleven_hops():
    """A TTL of as many never expires, so nothing is counted then."""
    assert HOPS_MAX == 11
    assert processes_reached(HOPS_MAX, 2) is None
