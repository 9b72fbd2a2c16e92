"""The allocator of a host: one alloc at a time, told to its client (mesh_model.md 5.5)."""

import pytest
from machines import CLIENT_PROC, CONFIG

from meshsim.model.alloc.events import STOPPED, Created, Running, Stopped
from meshsim.model.alloc.messages import (
    AllocHello,
    RemoteAllocate,
    RemoteDone,
    RemoteHeartbeat,
    RemoteStop,
    RemoteUpdate,
    StartedProc,
    StartProc,
    StopAndExit,
)
from meshsim.model.alloc.remote_service import TRANSITIONS, RemoteAllocator, ServicePhase
from meshsim.model.commands import CancelTimer, SetTimer, SpawnAllocated
from meshsim.model.events import ChildExited, Started, TimerFired
from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import ActorId, NameSource, PortRef, actor_id, remote_allocator_id
from meshsim.model.messages import Envelope, Undeliverable
from meshsim.units import MINUTE

ME = remote_allocator_id("host1")
KEEPER = actor_id(CLIENT_PROC, "alloc_w-1x", 1)
REPLY = PortRef(KEEPER, 0)
PROCESS = ActorId("unix:@host1/w_2,bootstrap,bootstrap[0]")
ADDRESS = "unix:@host1/w_2"
BEAT = SetTimer(ME, "heartbeat", 5 * MINUTE)


def service():
    machine = RemoteAllocator(ME, CONFIG, NameSource(7))
    assert machine.handle(Started(), 0) == []
    return machine


def told(machine, message, sender=KEEPER):
    return machine.handle(Envelope(sender, ME, message), 0)


def request(name="_1a", ranks=1):
    return RemoteAllocate(name, "w", 2, (("gpus", ranks),), REPLY)


def updates(commands):
    return [c.message.event for c in commands if isinstance(c, Envelope) and isinstance(c.message, RemoteUpdate)]


def sent(commands):
    return [(c.dest, c.message) for c in commands if isinstance(c, Envelope)]


def exits(machine, **status):
    (name,) = (child.name for child in machine.alloc.children.values())
    return machine.handle(ChildExited(name, ExitStatus(**status)), 0)


def serving():
    """One process runs."""
    machine = service()
    told(machine, request())
    told(machine, AllocHello(0, ADDRESS), PROCESS)
    return machine


def returned(machine, message):
    lost = Envelope(ME, KEEPER, message)
    return told(machine, Undeliverable(lost, ("gone",)))


def test_the_table_of_phases_is_total():
    assert set(TRANSITIONS) == set(ServicePhase)


def test_a_request_starts_processes_named_after_their_ranks_in_the_whole():
    machine = service()

    beat, *commands = told(machine, request(ranks=2))

    assert beat == BEAT
    assert [c.node for c in commands if isinstance(c, SpawnAllocated)] == ["w_2", "w_3"]
    assert [(type(event), event.rank, event.point) for event in updates(commands)] == [
        (Created, 0, "gpus=0/2"),
        (Created, 1, "gpus=1/2"),
    ]


def test_the_address_of_a_proc_is_replaced_by_that_of_the_host():
    machine = service()
    told(machine, request())
    ((dest, start),) = sent(told(machine, AllocHello(0, ADDRESS), PROCESS))
    assert (dest, type(start)) == (PROCESS, StartProc)
    agent = ActorId(f"{start.proc_id},mesh[0]")

    (event,) = updates(told(machine, StartedProc(0, start.proc_id, agent, ADDRESS), PROCESS))

    assert event == Running(event.create_key, start.proc_id, agent, "unix:@host1")
    assert start.proc_id.startswith(f"{ADDRESS},")


def test_a_stop_ends_with_done():
    machine = serving()

    assert sent(told(machine, RemoteStop("_1a"))) == [(PROCESS, StopAndExit(0))]
    assert told(machine, RemoteStop("_1a")) == []
    commands = exits(machine, code=0)

    assert [event.reason for event in updates(commands)] == [STOPPED]
    assert commands[-2:] == [CancelTimer(ME, "heartbeat"), Envelope(ME, KEEPER, RemoteDone("_1a", "host1"))]
    assert (machine.phase, machine.alloc) == (ServicePhase.IDLE, None)


def test_a_new_request_stops_the_alloc_that_is_there_first():
    """One at a time: the second begins when the first has ended."""
    machine = serving()

    assert sent(told(machine, request("_1b"))) == [(PROCESS, StopAndExit(0))]
    commands = exits(machine, code=0)

    kinds = [
        type(c.message.event) if isinstance(c.message, RemoteUpdate) else type(c.message)
        for c in commands
        if isinstance(c, Envelope)
    ]
    assert kinds == [Stopped, RemoteDone, Created]
    assert (machine.phase, machine.request.name) == (ServicePhase.ACTIVE, "_1b")


def test_heartbeats_go_to_the_client_and_are_not_answered():
    machine = serving()

    beat = Envelope(ME, KEEPER, RemoteHeartbeat("_1a"))
    assert machine.handle(TimerFired(ME, "heartbeat"), 0) == [beat, BEAT]
    assert told(machine, RemoteHeartbeat("_1a")) == []


@pytest.mark.parametrize("message", [RemoteHeartbeat("_1a"), RemoteUpdate("_1a", "host1", Stopped("_1k", STOPPED))])
def test_a_client_that_is_gone_is_as_good_as_a_stop(message):
    assert sent(returned(serving(), message)) == [(PROCESS, StopAndExit(0))]


def test_what_concerns_an_alloc_that_has_ended_changes_nothing():
    machine = service()

    assert told(machine, RemoteStop("_1a")) == []
    assert returned(machine, RemoteHeartbeat("_1a")) == []
    assert told(machine, AllocHello(0, ADDRESS), PROCESS) == []
