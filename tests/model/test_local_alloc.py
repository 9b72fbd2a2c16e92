"""An alloc of procs inside the creating process, and its test hooks (mesh_model.md 5.4)."""

from machines import CLIENT_PROC, CONFIG

from meshsim.model.agents.agent_v0 import AgentMode
from meshsim.model.alloc.events import STOPPED, Created, Failed, ReasonKind, Running, Stopped, StopReason
from meshsim.model.alloc.local_alloc import STOP_REASON, LocalAlloc
from meshsim.model.commands import BootProc, DestroyProc
from meshsim.model.ids import ActorId, NameSource, ProcId, actor_id
from meshsim.model.shapes.extent import Extent
from meshsim.units import MS

ME = actor_id(CLIENT_PROC, "alloc_w-1x", 1)
_NAMES = NameSource(7)
KEYS = [_NAMES.draw_uuid() for _ in range(3)]
PROCS = [ProcId(f"unix:@client,_1alloc_{rank}") for rank in range(2)]
KILLED = StopReason(ReasonKind.KILLED, signal=9)


def alloc():
    return LocalAlloc(ME, "_1alloc", Extent(("replicas",), (2,)), CONFIG, NameSource(7))


def running_alloc():
    machine = alloc()
    for _ in range(4):
        machine.next()
    return machine


def destroy(rank):
    return DestroyProc(PROCS[rank], 10 * MS, STOP_REASON)


def test_every_rank_is_created_and_runs_rank_by_rank():
    machine = alloc()
    commands, events = [], []
    for _ in range(4):
        more, event = machine.next()
        commands += more
        events.append(event)

    agents = [ActorId(f"{proc},mesh[0]") for proc in PROCS]
    assert events == [
        Created(KEYS[0], 0, "replicas=0/2", 0),
        Running(KEYS[0], PROCS[0], agents[0], "unix:@client"),
        Created(KEYS[1], 1, "replicas=1/2", 0),
        Running(KEYS[1], PROCS[1], agents[1], "unix:@client"),
    ]
    assert [type(command) for command in commands] == [BootProc, BootProc]
    assert [command.root.me for command in commands] == agents
    assert all(command.root.v0.mode is AgentMode.UNCONFIGURED_V0 for command in commands)
    assert machine.next() == ([], None)


def test_the_chaos_monkey_stops_one_rank_for_any_reason_and_once():
    """Told when its actors had their ten milliseconds; the rank stays away."""
    machine = running_alloc()

    assert machine.chaos_monkey(1, KILLED) == []
    assert machine.next() == ([destroy(1)], None)
    machine.on_destroyed()
    assert machine.next() == ([], Stopped(KEYS[1], KILLED))
    machine.chaos_monkey(1, KILLED)
    assert machine.next() == ([], None)


def test_stop_stops_all_one_after_the_other_and_ends():
    machine = running_alloc()
    machine.chaos_monkey(0, KILLED)
    machine.next(), machine.on_destroyed(), machine.next()

    machine.stop()

    assert machine.next() == ([destroy(1)], None)
    assert not machine.is_over
    machine.on_destroyed()
    assert machine.next() == ([], Stopped(KEYS[1], STOPPED))
    assert machine.next() == ([], None)
    assert machine.is_over


def test_after_failed_the_events_neither_go_on_nor_end():
    machine = running_alloc()
    machine.fail("cannot serve")

    assert machine.next() == ([], Failed("_1alloc", "cannot serve"))
    machine.stop()
    machine.chaos_monkey(0, KILLED)

    assert machine.next() == ([], None)
    assert not machine.is_over
