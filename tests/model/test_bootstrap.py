"""An allocated process: hello, its proc, heartbeats, the end (mesh_model.md 5.3)."""

import pytest
from machines import CLIENT_PROC, CONFIG

from meshsim.model.agents.agent_v0 import AgentMode
from meshsim.model.alloc import bootstrap
from meshsim.model.alloc.bootstrap import STOP_REASON, AllocatedProcess, ProcessPhase
from meshsim.model.alloc.messages import AllocHeartbeat, AllocHello, StartedProc, StartProc, StopAndExit
from meshsim.model.commands import BootProc, DestroyProc, ExitProcess, SetTimer
from meshsim.model.events import ProcDestroyed, Started, TimerFired
from meshsim.model.ids import ActorId, ProcId, actor_id
from meshsim.model.messages import Envelope, Undeliverable
from meshsim.units import MS, S

ALLOC = actor_id(CLIENT_PROC, "alloc_w-1x", 1)
ADDR = "unix:@client/w_4"
ME = ActorId(f"{ADDR},bootstrap,bootstrap[0]")
PROC = ProcId(f"{ADDR},_1alloc_4")
AGENT = ActorId(f"{PROC},mesh[0]")
BEAT = SetTimer(ME, "heartbeat", 5 * S)


def process(*, serving=False):
    machine = AllocatedProcess(ME, ALLOC, 4, ADDR, CONFIG)
    machine.handle(Started(), 0)
    if serving:
        machine.handle(told(StartProc(PROC)), 0)
    return machine


def told(message):
    return Envelope(ALLOC, ME, message)


def test_the_table_of_phases_is_total():
    assert set(bootstrap.TRANSITIONS) == set(ProcessPhase)


def test_it_says_hello_and_begins_to_beat():
    machine = AllocatedProcess(ME, ALLOC, 4, ADDR, CONFIG)

    assert machine.handle(Started(), 0) == [Envelope(ME, ALLOC, AllocHello(4, ADDR)), BEAT]


def test_it_boots_the_proc_it_is_told_and_says_so():
    machine = process()

    boot, answer = machine.handle(told(StartProc(PROC)), 0)

    assert isinstance(boot, BootProc)
    assert (boot.root.me, boot.root.v0.mode, boot.coordinates) == (AGENT, AgentMode.UNCONFIGURED_V0, True)
    assert answer == Envelope(ME, ALLOC, StartedProc(4, PROC, AGENT, ADDR))


def test_it_beats_every_five_seconds():
    machine = process(serving=True)

    assert machine.handle(TimerFired(ME, "heartbeat"), 5 * S) == [Envelope(ME, ALLOC, AllocHeartbeat(4)), BEAT]


@pytest.mark.parametrize("serving", [False, True])
def test_a_message_that_comes_back_is_its_end(serving):
    machine = process(serving=serving)
    lost = Envelope(ME, ALLOC, AllocHeartbeat(4))

    assert machine.handle(told(Undeliverable(lost, ("gone",))), 0) == [ExitProcess(1)]


def test_stop_and_exit_gives_the_proc_ten_milliseconds():
    machine = process(serving=True)

    assert machine.handle(told(StopAndExit(7)), 0) == [DestroyProc(PROC, 10 * MS, STOP_REASON)]
    assert machine.handle(ProcDestroyed(PROC, (), ()), 0) == [ExitProcess(7)]


def test_without_a_proc_it_exits_at_once():
    assert process().handle(told(StopAndExit(0)), 0) == [ExitProcess(0)]
