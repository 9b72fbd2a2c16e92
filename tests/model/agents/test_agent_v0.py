"""The agent of an allocated proc as tables, and what one of the owned path makes of the same (8.1, 8.5, 8.7)."""

import pytest
from machines import ALICE, CONFIG, MESH, actor, actor_id, agent, event_of, proc

from meshsim.model.agents import agent_v0
from meshsim.model.agents.agent_v0 import AgentMode, AgentV0
from meshsim.model.agents.proc_agent import ProcAgent
from meshsim.model.alloc.messages import (
    AgentStatus,
    Configure,
    Configured,
    GspawnResult,
    QueryStatus,
    StopActor,
    StopActorResult,
)
from meshsim.model.commands import (
    CancelTimer,
    ExitProcess,
    Fail,
    HoldMessages,
    ReleaseMessages,
    SetTimer,
    SignalActor,
    SpawnActor,
)
from meshsim.model.config import Config
from meshsim.model.events import ActorEnded, ActorInitialized, ActorSpawned, Started, TimerFired
from meshsim.model.ids import Name, PortRef, mesh_agent_id
from meshsim.model.messages import ActorEvent, ActorSpec, CreateOrUpdate, Envelope, Gspawn, StopAll
from meshsim.model.notes import EventRecorded
from meshsim.model.supervision import Generic, actor_failed, actor_stopped
from meshsim.units import S

ME = mesh_agent_id(proc(0))
REPLY = PortRef(ALICE.actor, 1099, returnable=False)
SUPERVISOR = PortRef(ALICE.actor, 1100)
SPEC = ActorSpec("TestActor")
HELPER = Name("helper")
HELPER_ACTOR = actor_id(proc(0), HELPER)
BOOM = event_of(actor(0), actor_failed(Generic("boom")))


def configure(*, supervisor=None, record=True):
    return Configure(3, "unix:@client", supervisor, ((proc(0), "unix:@p0"),), REPLY, record=record)


def told(machine, message):
    return machine.handle(Envelope(ALICE.actor, machine.me, message), 0)


def v0_agent():
    machine = ProcAgent(me=ME, proc=proc(0), config=CONFIG, v0=AgentV0(ME))
    machine.handle(Started(), 0)
    return machine


def configured(**how):
    machine = v0_agent()
    told(machine, configure(**how))
    return machine


def v1_agent(quirks_off=()):
    v0 = AgentV0(agent(0), AgentMode.V1, rank=5, recording=True)
    return ProcAgent(me=agent(0), proc=proc(0), config=Config.of({}, quirks_off), v0=v0)


def answer(machine, message):
    return Envelope(machine.me, REPLY.actor, message, REPLY.index, returnable=False)


def fails(text):
    return [Fail(Generic(text))]


def test_the_table_of_modes_is_total():
    assert set(agent_v0.TRANSITIONS) == set(AgentMode)


def test_an_agent_that_is_not_configured_holds_messages_and_looks_for_no_orphans():
    machine = ProcAgent(me=ME, proc=proc(0), config=CONFIG, v0=AgentV0(ME))

    assert machine.handle(Started(), 0) == [HoldMessages()]


def test_configure_releases_what_waited_and_answers_the_rank():
    machine = v0_agent()

    release = ReleaseMessages("unix:@client", (proc(0),))
    assert told(machine, configure()) == [release, answer(machine, Configured(3))]
    assert (machine.v0.mode, machine.v0.rank) == (AgentMode.CONFIGURED_V0, 3)


@pytest.mark.parametrize("make", [configured, v1_agent], ids=["configured", "owned path"])
def test_an_agent_is_configured_once_and_on_the_allocated_path(make):
    machine = make()

    assert told(machine, configure()) == fails("mesh agent cannot be (re-)configured")
    assert machine.v0.mode is AgentMode.INVALID
    assert told(machine, QueryStatus(REPLY)) == fails("status unsupported in v1/owned path (no rank)")


def test_a_configured_agent_says_that_it_is_alive():
    machine = configured()

    assert told(machine, QueryStatus(REPLY)) == [answer(machine, AgentStatus(3, alive=True))]


def test_q35_asking_an_agent_of_the_owned_path_fails_it():
    """Off: it answers its create rank."""
    machine = v1_agent()
    assert told(machine, QueryStatus(REPLY)) == fails("status unsupported in v1/owned path (no rank)")

    machine = v1_agent(("Q35",))
    assert told(machine, QueryStatus(REPLY)) == [answer(machine, AgentStatus(5, alive=True))]


def test_gspawn_answers_when_the_actor_is_there():
    """Meanwhile the agent takes nothing else; StopAll reaches the actor later."""
    machine = configured()

    assert told(machine, Gspawn(HELPER, SPEC, REPLY)) == [SpawnActor(HELPER, SPEC, 0)]
    assert machine.busy
    spawned = machine.handle(ActorSpawned(HELPER, HELPER_ACTOR), 0)
    assert spawned == [answer(machine, GspawnResult(3, HELPER_ACTOR))]
    assert not machine.busy
    assert SignalActor(HELPER_ACTOR, "drain_and_stop", "enough") in told(machine, StopAll("enough"))


def test_a_gspawn_that_fails_is_told_and_fails_the_agent():
    machine = configured()
    told(machine, Gspawn(HELPER, SPEC, REPLY))

    text = "gspawn failed: no luck"
    assert machine.handle(ActorSpawned(HELPER, None, "no luck"), 0) == [
        answer(machine, GspawnResult(3, None, text)),
        *fails(text),
    ]


@pytest.mark.parametrize("make", [v0_agent, v1_agent], ids=["unconfigured", "owned path"])
def test_gspawn_needs_a_configured_agent(make):
    assert told(make(), Gspawn(HELPER, SPEC, REPLY)) == fails("mesh agent is not configured")


def with_actor(make):
    machine = make()
    told(machine, CreateOrUpdate(MESH, 0, SPEC))
    machine.handle(ActorSpawned(MESH, actor(0)), 0)
    return machine


STOP = StopActor(actor(0), 2 * S, "enough", REPLY)


@pytest.mark.parametrize("make", [configured, v1_agent], ids=["configured", "owned path"])
def test_stop_actor_waits_for_the_end_of_the_actor(make):
    machine = with_actor(make)

    assert told(machine, STOP) == [
        SignalActor(actor(0), "drain_and_stop", "enough"),
        SetTimer(machine.me, "stop_actor", 2 * S),
    ]
    assert machine.busy
    assert machine.handle(ActorEnded(HELPER_ACTOR, actor_stopped("else")), 0) == []
    assert machine.handle(ActorEnded(actor(0), actor_stopped("enough")), 0) == [
        CancelTimer(machine.me, "stop_actor"),
        answer(machine, StopActorResult("Success")),
    ]
    assert not machine.busy


def test_stop_actor_gives_up_after_its_time_and_aborts_nothing():
    machine = with_actor(configured)
    told(machine, STOP)

    fired = machine.handle(TimerFired(ME, "stop_actor"), 2 * S)

    assert fired == [answer(machine, StopActorResult("Timeout"))]
    assert not machine.busy


def test_stop_actor_does_not_find_what_was_never_spawned():
    machine = configured()

    assert told(machine, STOP) == [answer(machine, StopActorResult("NotFound"))]


@pytest.mark.parametrize(
    ("how", "recorded", "commands"),
    [
        ({"record": True}, True, []),
        (
            {"record": True, "supervisor": SUPERVISOR},
            True,
            [Envelope(ME, SUPERVISOR.actor, ActorEvent(BOOM), SUPERVISOR.index)],
        ),
        (
            {"record": False, "supervisor": SUPERVISOR},
            False,
            [Envelope(ME, SUPERVISOR.actor, ActorEvent(BOOM), SUPERVISOR.index)],
        ),
        ({"record": False}, False, [ExitProcess(1)]),
    ],
)
def test_an_event_is_kept_passed_on_or_the_end_of_the_process(how, recorded, commands):
    machine = configured(**how)

    noted = [EventRecorded(ME, actor(0), "failed: boom")] if recorded else []
    assert told(machine, ActorEvent(BOOM)) == [*noted, *commands]
    assert machine.supervision_events == ({actor(0): [BOOM]} if recorded else {})


def test_an_event_before_configure_ends_the_process():
    assert told(v0_agent(), ActorEvent(BOOM)) == [ExitProcess(1)]


def test_nobody_waits_for_the_init_of_what_gspawn_spawned():
    """Without Q31 a runtime tells of every init that went well."""
    machine = configured()
    told(machine, Gspawn(HELPER, SPEC, REPLY))
    machine.handle(ActorSpawned(HELPER, HELPER_ACTOR), 0)

    assert machine.handle(ActorInitialized(HELPER_ACTOR), 0) == []
