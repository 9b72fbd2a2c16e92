"""An alloc on several hosts, as the client has it: parts, ranks of the whole, lost hosts (mesh_model.md 5.5)."""

import pytest
from machines import CLIENT_PROC, CONFIG

from meshsim.model.alloc.events import HOST_WATCHDOG, STOPPED, Created, Failed, Running, Stopped
from meshsim.model.alloc.messages import RemoteAllocate, RemoteDone, RemoteHeartbeat, RemoteStop, RemoteUpdate
from meshsim.model.alloc.remote_alloc import TRANSITIONS, HostPhase, RemoteAlloc, parts_of
from meshsim.model.commands import CancelTimer, SetTimer
from meshsim.model.config import overrides
from meshsim.model.ids import ActorId, PortRef, ProcId, actor_id, remote_allocator_id
from meshsim.model.messages import Envelope
from meshsim.model.shapes.extent import Extent
from meshsim.units import MINUTE

ME = actor_id(CLIENT_PROC, "alloc_w-1x", 1)
HOSTS = ("host0", "host1")
BEAT = SetTimer(ME, "heartbeat", 5 * MINUTE)
CANCEL = CancelTimer(ME, "heartbeat")
NEVER = (
    "no process has ever been allocated on {}, connection is not established; "
    "a common issue could be allocator port mismatch, or transport not enabled on client"
)


def alloc(extent=(("hosts", 2), ("gpus", 2)), hosts=HOSTS, **more):
    return RemoteAlloc(ME, "_1a", Extent.of(extent), "w", hosts, CONFIG, **more)


def to(host, message):
    return Envelope(ME, remote_allocator_id(host), message)


def request(host, first_rank, extent):
    reply = PortRef(ME, 0)
    return to(host, RemoteAllocate("_1a", "w", first_rank, extent, reply, overrides(CONFIG)))


def says(machine, host, event):
    return machine.on_message(Envelope(remote_allocator_id(host), ME, RemoteUpdate("_1a", host, event)))


def done(machine, host):
    return machine.on_message(Envelope(remote_allocator_id(host), ME, RemoteDone("_1a", host)))


def lost(machine, host):
    return machine.on_returned(to(host, RemoteHeartbeat("_1a")))


def events(machine):
    found = []
    while (event := machine.next()[1]) is not None:
        found.append(event)
    return found


def created(key, rank, point="gpus=0/2"):
    return Created(key, rank, point, 1)


def running_alloc():
    """A process on each host."""
    machine = alloc()
    machine.next()
    says(machine, "host0", created("_1k0", 0))
    says(machine, "host1", created("_1k1", 1))
    events(machine)
    return machine


def test_the_table_of_phases_is_total():
    assert set(TRANSITIONS) == set(HostPhase)


@pytest.mark.parametrize(
    ("extent", "host_level", "part", "count"),
    [
        ((("hosts", 2), ("gpus", 4)), False, Extent(("gpus",), (4,)), 2),
        ((("a", 2), ("b", 3), ("c", 4)), False, Extent(("c",), (4,)), 6),
        ((("gpus", 4),), False, Extent(("gpus",), (4,)), 1),
        ((("hosts", 2), ("gpus", 4)), True, Extent((), ()), 8),
        ((), False, Extent((), ()), 1),
    ],
)
def test_the_mode_says_what_is_on_one_host(extent, host_level, part, count):
    """ProcLevel: the last dimension. HostLevel: one point."""
    assert parts_of(Extent.of(extent), host_level=host_level) == (part, count)


def test_the_first_question_sends_every_host_its_part():
    assert alloc().next() == (
        [request("host0", 0, (("gpus", 2),)), request("host1", 2, (("gpus", 2),)), BEAT],
        None,
    )
    assert alloc((("hosts", 2),), host_level=True).next()[0] == [request("host0", 0, ()), request("host1", 1, ()), BEAT]


def test_more_hosts_than_parts_are_left_alone():
    machine = alloc((("gpus", 2),))

    assert machine.next()[0] == [request("host0", 0, (("gpus", 2),)), BEAT]


def test_too_few_hosts_fail_the_alloc_at_once():
    machine = alloc((("hosts", 3), ("gpus", 1)))

    text = "not enough resources; requested: {hosts: 3, gpus: 1}, available: 2"
    assert machine.next() == ([], Failed("_1a", text))
    assert machine.is_over


def test_events_of_a_part_are_events_of_the_whole():
    machine = alloc()
    machine.next()
    proc = ProcId("unix:@host1/w_3,_1b_1")
    running = Running("_1k", proc, ActorId(f"{proc},mesh[0]"), "unix:@host1")

    says(machine, "host1", created("_1k", 1, "gpus=1/2"))
    says(machine, "host1", running)
    says(machine, "host1", Stopped("_1k", STOPPED))

    assert events(machine) == [created("_1k", 3, "hosts=1/2,gpus=1/2"), running, Stopped("_1k", STOPPED)]


def test_the_failure_of_a_host_is_told_with_its_name():
    machine = running_alloc()
    says(machine, "host1", Failed("_1b", "exec failed"))

    assert events(machine) == [Failed("_1a", "host host1 failed: exec failed")]


def test_a_host_that_is_lost_takes_its_processes_along():
    """Once; and what it still says is not believed."""
    machine = running_alloc()

    assert lost(machine, "host1") == []
    assert lost(machine, "host1") == []
    says(machine, "host1", created("_1k2", 0))

    assert events(machine) == [Stopped("_1k1", HOST_WATCHDOG)]
    assert not machine.is_over
    assert machine.on_timer("heartbeat") == [to("host0", RemoteHeartbeat("_1a")), BEAT]


def test_a_host_from_which_nothing_ever_came_fails_the_alloc():
    machine = alloc()
    machine.next()

    assert machine.on_returned(to("host1", machine)) == []

    assert events(machine) == [Failed("_1a", NEVER.format("host1"))]


def test_when_the_last_host_is_gone_the_alloc_has_ended():
    machine = running_alloc()
    lost(machine, "host0")

    assert lost(machine, "host1") == [CANCEL]
    assert not machine.is_over
    assert events(machine) == [Stopped("_1k0", HOST_WATCHDOG), Stopped("_1k1", HOST_WATCHDOG)]
    assert machine.is_over


def test_a_stop_goes_to_the_hosts_that_are_left_and_is_over_when_they_are_done():
    machine = running_alloc()
    lost(machine, "host0")

    assert machine.stop() == [to("host1", RemoteStop("_1a"))]
    says(machine, "host1", Stopped("_1k1", STOPPED))
    assert done(machine, "host1") == [CANCEL]
    assert events(machine) == [Stopped("_1k0", HOST_WATCHDOG), Stopped("_1k1", STOPPED)]
    assert machine.is_over
