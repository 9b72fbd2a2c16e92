"""An in-process host: its agent over procs that share its process (supervision.md 3.10, 9.3)."""

import pytest

from meshsim.model import status
from meshsim.model.agents.agent_v0 import AgentMode, AgentV0
from meshsim.model.agents.proc_agent import ProcAgent
from meshsim.model.commands import BootProc, DestroyProc, ExitProcess, SetTimer, SignalActor
from meshsim.model.config import Config
from meshsim.model.events import ActorSpawned, CleanupStarted, ProcDestroyed
from meshsim.model.hosts.host_agent import HostAgent, HostMode
from meshsim.model.hosts.local_procs import LocalProcs
from meshsim.model.ids import ActorId, Name, Node, PortRef, actor_id, host_agent_id, proc_agent_id, proc_id
from meshsim.model.messages import (
    Ack,
    ActorSpec,
    CreateOrUpdate,
    Envelope,
    GetRankStatus,
    GetState,
    ListResources,
    ProcSpec,
    RankStatus,
    ResourceNames,
    ShutdownHost,
    StateReply,
    Stop,
    StopAll,
)
from meshsim.model.notes import ProcStatusChanged
from meshsim.model.status import ProcState, State
from meshsim.units import S

ME = host_agent_id("host0")
CLIENT = ActorId("unix:@client,local,client[0]")
REPLY = PortRef(CLIENT, 1030)
W0, W1, W2 = Name("w_0-1a"), Name("w_1-1b"), Name("w_2-1c")


def host(*names, off=()):
    """An in-process host with these procs, all running."""
    config = Config.of({}, off)
    manager = LocalProcs(ME, Node("host0"), config)
    agent = HostAgent(me=ME, host=Node("host0"), config=config, mode=HostMode.SERVING, manager=manager)
    for rank, name in enumerate(names):
        agent.handle(create(name, rank), 0)
    return agent


def to_me(message):
    return Envelope(CLIENT, ME, message)


def create(name, rank=0):
    return to_me(CreateOrUpdate(name, rank, ProcSpec({"CLEANUP_TIMEOUT": 1 * S})))


def proc(name):
    return proc_id("unix:@host0", name)


def gone(name):
    return ProcDestroyed(proc(name), (), ())


def moved(name, before, after):
    return ProcStatusChanged(name, before, after, after)


def answers(agent, message):
    return [envelope.message for envelope in agent.handle(to_me(message), 9 * S)]


def rank_status(agent, name):
    return answers(agent, GetRankStatus(name, REPLY))[0].runs


def test_a_proc_is_made_at_once_in_this_very_process():
    """Nothing to wait for, and the process's own configuration, not the spawner's."""
    agent = host()

    commands = agent.handle(create(W0, 3), 1 * S)

    me = proc_agent_id(proc(W0))
    v0 = AgentV0(me, AgentMode.V1, rank=3, recording=True)
    machine = ProcAgent(me, proc(W0), agent.config, address="unix:@host0", name=W0, in_process=True, v0=v0)
    assert commands == [BootProc(machine)]
    assert not agent.busy
    assert rank_status(agent, W0) == ((3, 4, status.RUNNING),)


def test_nothing_is_known_of_the_process_of_a_proc():
    """proc_status is always absent, and no command started it."""
    state = answers(host(W0), GetState(W0, REPLY))

    assert state == [StateReply(State(W0, status.RUNNING, ProcState(proc(W0), 0, proc_agent_id(proc(W0)), None, None)))]


def test_a_proc_nobody_knows_is_running():
    """A local status is kept only of procs that were asked to stop."""
    assert host().manager.status(W0) == status.RUNNING
    assert rank_status(host(), W0) == ()


def test_a_stop_tears_a_proc_down_in_the_background():
    """Stopping at once and Stopped when it is gone; a second one changes nothing, before and after."""
    agent = host(W0)

    script = [agent.handle(to_me(Stop(W0, "done")), 1 * S), agent.handle(to_me(Stop(W0, "again")), 2 * S)]
    between = rank_status(agent, W0)
    script += [agent.handle(gone(W0), 3 * S), agent.handle(to_me(Stop(W0, "again")), 4 * S)]

    assert script == [
        [moved(W0, "Running", "Stopping"), DestroyProc(proc(W0), 10 * S, "done")],
        [],
        [moved(W0, "Stopping", "Stopped")],
        [],
    ]
    assert (between, rank_status(agent, W0)) == (((0, 1, status.STOPPING),), ((0, 1, status.STOPPED),))


def test_a_stop_of_a_proc_nobody_made_is_ignored():
    assert host().handle(to_me(Stop(W0, "done")), 1 * S) == []


def test_without_q1_who_asks_about_a_stopping_proc_waits_for_its_end():
    agent = host(W0, off=("Q1",))
    agent.handle(to_me(Stop(W0, "done")), 1 * S)

    assert agent.handle(to_me(GetRankStatus(W0, REPLY)), 1 * S) == []
    assert agent.handle(gone(W0), 2 * S) == [
        moved(W0, "Stopping", "Stopped"),
        Envelope(ME, CLIENT, RankStatus(((0, 1, status.STOPPED),)), REPLY.index),
    ]


def test_a_shutdown_tears_every_proc_down_and_goes_on_serving():
    """Acknowledged first (Q41); what is being stopped already is not waited for; no exit, no deafness."""
    agent = host(W0, W1)
    agent.handle(to_me(Stop(W0, "done")), 1 * S)

    begun = agent.handle(to_me(ShutdownHost(7 * S, 16, REPLY)), 2 * S)
    busy = agent.busy
    agent.handle(gone(W1), 3 * S)

    assert begun == [
        Envelope(ME, CLIENT, Ack(), REPLY.index),
        moved(W1, "Running", "Stopping"),
        DestroyProc(proc(W1), 7 * S, "shutdown host"),
    ]
    assert (busy, agent.busy, agent.deaf) == (True, False, False)
    assert answers(agent, ShutdownHost(7 * S, 16, REPLY)) == [Ack()]
    assert answers(agent, ListResources(REPLY)) == [ResourceNames((W0, W1))]
    assert rank_status(agent, W1) == ((1, 2, status.STOPPED),)


@pytest.mark.parametrize(("asked", "at_once"), [(1, 1), (2, 2), (1000, 3)])
def test_how_many_procs_are_torn_down_at_a_time_is_not_clamped(asked, at_once):
    agent = host(W0, W1, W2)

    commands = agent.handle(to_me(ShutdownHost(7 * S, asked, REPLY)), 2 * S)

    assert len([command for command in commands if isinstance(command, DestroyProc)]) == at_once


def test_a_shutdown_that_may_do_nothing_never_ends():
    """Zero in flight is taken as it is: clients never ask for it, their number is clamped to 1..256."""
    agent = host(W0)

    assert agent.handle(to_me(ShutdownHost(7 * S, 0, REPLY)), 2 * S) == [Envelope(ME, CLIENT, Ack(), REPLY.index)]
    assert agent.busy


def test_nobody_is_killed_when_an_in_process_host_ends():
    """There is no launcher and no pid table."""
    assert host(W0).handle(CleanupStarted(failed=False), 1 * S) == []


# --- its agents (8.4) ------------------------------------------------------------------------------------------


def agent_of_proc(off=()):
    """The agent of an in-process proc with one actor."""
    agent = ProcAgent(proc_agent_id(proc(W0)), proc(W0), Config.of({}, off), in_process=True)
    agent.handle(Envelope(CLIENT, agent.me, CreateOrUpdate(Name("a"), 0, ActorSpec("T"))), 0)
    agent.handle(ActorSpawned(Name("a"), actor_id(proc(W0), "a")), 0)
    return agent


def test_stop_all_ends_the_whole_process():
    """Q33: the agent does not know that it is not alone."""
    agent, alone = agent_of_proc(), ProcAgent(proc_agent_id(proc(W1)), proc(W1), Config.of({}), in_process=True)

    assert agent.handle(Envelope(CLIENT, agent.me, StopAll("x")), 0) == [
        SignalActor(actor_id(proc(W0), "a"), "drain_and_stop", "x"),
        SetTimer(agent.me, "stop_all", 10 * S),
    ]
    assert alone.handle(Envelope(CLIENT, alone.me, StopAll("x")), 0) == [ExitProcess(0)]


def test_without_q33_stop_all_ends_its_own_proc():
    """The host is told that the proc is gone, and keeps its others."""
    agent, owner = agent_of_proc(off=("Q33",)), host(W0, W1)

    commands = agent.handle(Envelope(CLIENT, agent.me, StopAll("x")), 0)

    assert commands == [DestroyProc(proc(W0), 10 * S, "x")]
    assert owner.handle(gone(W0), 1 * S) == [moved(W0, "Running", "Stopped")]
    assert owner.manager.names() == [W1]
