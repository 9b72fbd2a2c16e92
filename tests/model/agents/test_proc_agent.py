"""The ProcAgent as tables: these events, exactly these commands (supervision.md 8, 6.3)."""

import pytest
from machines import ALICE, CONFIG, MESH, actor, actor_id, agent, event_of, proc
from msgspec import UNSET

from meshsim.model.agents.entry import Entry
from meshsim.model.agents.proc_agent import ProcAgent
from meshsim.model.commands import (
    CancelTimer,
    CloseServer,
    ExitProcess,
    Fail,
    KillTask,
    SetTimer,
    SignalActor,
    SpawnActor,
)
from meshsim.model.config import Config
from meshsim.model.events import (
    ActorEnded,
    ActorInitialized,
    ActorSpawned,
    ChildFailed,
    CleanupStarted,
    ClockSet,
    Started,
    TimerFired,
)
from meshsim.model.ids import Name, PortRef
from meshsim.model.messages import (
    ActorEvent,
    ActorSpec,
    CreateOrUpdate,
    Envelope,
    GetRankStatus,
    GetState,
    KeepAlive,
    KeepaliveGetState,
    ProcReady,
    RankStatus,
    SelfCheck,
    StateReply,
    Stop,
    StopAll,
    Undeliverable,
    Work,
)
from meshsim.model.messaging.undeliverable import undeliverable_text
from meshsim.model.notes import EventRecorded, KeepaliveTaken, OrphanStopped, Warned
from meshsim.model.status import NOT_EXIST, RUNNING, STOPPED, ActorState, State, failed
from meshsim.model.supervision import (
    Generic,
    UnhandledSupervisionEvent,
    actor_failed,
    actor_stopped,
    debug_events,
)
from meshsim.units import S

ME = agent(0)
O = CONFIG.mesh_orphan_timeout  # noqa: E741 - the spec's letter
REPLY = PortRef(ALICE.actor, 1099, returnable=False)
SPEC = ActorSpec("TestActor")
OTHER = Name("b-1other1111111")
OTHER_ACTOR = actor_id(proc(0), OTHER)
CHILD = actor_id(proc(0), MESH, 1)
BOOM = event_of(actor(0), actor_failed(Generic("boom")))
POISONED = "Cannot spawn new actors on mesh with supervision events"


def agent_with(*entries, config=CONFIG, **fields):
    """An idle agent that knows these actors by name."""
    return ProcAgent(me=ME, proc=proc(0), config=config, actor_states=dict(entries), **fields)


def alive(name=MESH, *, stopped=False, expires_ns=None, rank=0):
    return name, Entry(rank, actor_id(proc(0), name), None, stopped, expires_ns)


def refused(name=MESH, text="test failure"):
    return name, Entry(0, None, text)


def tell(message):
    return Envelope(ALICE.actor, ME, message)


def answer(message):
    return Envelope(ME, REPLY.actor, message, REPLY.index, returnable=False)


def stop_signal(who, reason):
    return SignalActor(who, "drain_and_stop", reason)


def stop_timer():
    return SetTimer(ME, "stop", 10 * S)


def next_check():
    return SetTimer(ME, "self_check", O)


SELF_CHECK = Envelope(ME, ME, SelfCheck(), returnable=False)


# --- 8.1 boot ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("orphan_timeout", "callback", "commands"),
    [
        (60 * S, None, [SetTimer(ME, "self_check", 60 * S)]),
        (0, None, []),
        (
            5 * S,
            REPLY,
            [SetTimer(ME, "self_check", 5 * S), answer(ProcReady(Name("w_0"), "unix:@host0", ME))],
        ),
    ],
)
def test_an_agent_begins_to_look_for_orphans_and_calls_its_host_back(orphan_timeout, callback, commands):
    """Without an orphan timeout it never looks."""
    config = Config.of({"MESH_ORPHAN_TIMEOUT": orphan_timeout})
    machine = agent_with(config=config, callback=callback, address="unix:@host0", name=Name("w_0"))

    assert machine.handle(Started(), 0) == commands


# --- 8.2 create --------------------------------------------------------------------------------------------


def test_an_actor_is_constructed_while_the_mailbox_waits():
    machine = agent_with()

    assert machine.handle(tell(CreateOrUpdate(MESH, 3, SPEC)), 0) == [SpawnActor(MESH, SPEC, 3)]
    assert machine.busy
    assert machine.handle(ActorSpawned(MESH, actor(0)), 0) == []
    assert (machine.busy, machine.actor_states) == (False, {MESH: Entry(3, actor(0))})


def test_a_constructor_that_fails_is_remembered():
    machine = agent_with()
    machine.handle(tell(CreateOrUpdate(MESH, 0, SPEC)), 0)
    machine.handle(ActorSpawned(MESH, None, "test failure"), 0)

    assert machine.actor_states == {MESH: Entry(0, None, "test failure")}
    assert machine.handle(tell(GetState(MESH, REPLY)), 0) == [answer(StateReply(State(MESH, failed("test failure"))))]


@pytest.mark.parametrize("entry", [alive(), alive(stopped=True), refused()])
def test_a_known_name_is_never_created_again(entry):
    """There is no update, no second try, and no way back from a stop."""
    machine = agent_with(entry)

    assert machine.handle(tell(CreateOrUpdate(MESH, 9, SPEC)), 0) == []
    assert machine.actor_states == dict([entry])


@pytest.mark.parametrize("actor_status", [actor_failed(Generic("boom")), actor_stopped("whatever")])
def test_the_first_event_bars_a_proc_from_new_actors_for_ever(actor_status):
    """Q30: any actor, any status."""
    machine = agent_with()
    machine.handle(tell(ActorEvent(event_of(OTHER_ACTOR, actor_status))), 0)

    commands = [
        machine.handle(tell(CreateOrUpdate(MESH, 2, SPEC)), 0),
        machine.handle(tell(GetRankStatus(MESH, REPLY)), 0),
    ]

    assert commands == [[], [answer(RankStatus(((2, 3, failed(POISONED)),)))]]


# --- 8.6, 6.3 queries --------------------------------------------------------------------------------------

EVENTS = (BOOM, event_of(actor(0), actor_failed(Generic("again"))))
FROM_EVENTS = failed(f"because of supervision events: {debug_events(EVENTS)}")


@pytest.mark.parametrize(
    ("entry", "events", "status", "recorded"),
    [
        (alive(rank=4), {}, RUNNING, ()),
        (alive(rank=4), {CHILD: [BOOM]}, RUNNING, ()),
        (alive(rank=4), {actor(0): list(EVENTS)}, FROM_EVENTS, EVENTS),
        (alive(rank=4, stopped=True), {}, STOPPED, ()),
        (alive(rank=4, stopped=True), {actor(0): list(EVENTS)}, STOPPED, EVENTS),
    ],
    ids=["running, Q55", "Q10", "failed", "stopped, Q32", "failed, then stopped"],
)
def test_an_agent_answers_from_memory(entry, events, status, recorded):
    """Table 6.3: the flags and events of the entry count, not what the actor does."""
    machine = agent_with(entry, supervision_events=events)

    state = machine.handle(tell(GetState(MESH, REPLY)), 0)
    rank_status = machine.handle(tell(GetRankStatus(MESH, REPLY)), 0)

    assert state == [answer(StateReply(State(MESH, status, ActorState(actor(0), 4, recorded))))]
    assert rank_status == [answer(RankStatus(((4, 5, status),)))]


def test_an_unknown_name_has_no_state_and_no_rank():
    machine = agent_with()

    assert machine.handle(tell(GetState(MESH, REPLY)), 0) == [answer(StateReply(State(MESH, NOT_EXIST)))]
    assert machine.handle(tell(GetRankStatus(MESH, REPLY)), 0) == [answer(RankStatus(()))]


@pytest.mark.parametrize(
    ("entry", "expires_ns", "notes"),
    [
        (alive(), 9 * S, [KeepaliveTaken(actor(0), 9 * S)]),
        (alive(expires_ns=20 * S), 9 * S, []),
        (alive(stopped=True), 9 * S, [KeepaliveTaken(actor(0), 9 * S)]),
        (refused(), 9 * S, []),
    ],
    ids=["first", "later, may shorten", "stopped", "never spawned"],
)
def test_a_keepalive_moves_the_expiry_and_is_a_plain_question_besides(entry, expires_ns, notes):
    """Whatever comes last counts; only the first one is noted in the trace."""
    machine = agent_with(entry)
    plain = machine.handle(tell(GetState(MESH, REPLY)), 0)

    commands = machine.handle(tell(KeepaliveGetState(expires_ns, MESH, REPLY)), 0)

    assert commands == [*notes, *plain]
    assert machine.actor_states[MESH].expires_ns == expires_ns


def test_a_keepalive_that_asks_for_nothing_moves_the_expiry_all_the_same():
    """While a poll waits (Q56 off)."""
    machine = agent_with(alive(expires_ns=5 * S))

    assert machine.handle(tell(KeepAlive(9 * S, MESH)), 4 * S) == []
    assert machine.actor_states[MESH].expires_ns == 9 * S
    assert machine.handle(tell(KeepAlive(9 * S, OTHER)), 4 * S) == []


def test_a_keepalive_for_an_unknown_name_is_a_plain_question():
    machine = agent_with()

    commands = machine.handle(tell(KeepaliveGetState(9 * S, MESH, REPLY)), 0)

    assert commands == [answer(StateReply(State(MESH, NOT_EXIST)))]
    assert machine.actor_states == {}


def test_a_plain_question_does_not_keep_alive():
    machine = agent_with(alive(expires_ns=5 * S))

    machine.handle(tell(GetState(MESH, REPLY)), 4 * S)

    assert machine.actor_states == dict([alive(expires_ns=5 * S)])


# --- 8.3 stop ----------------------------------------------------------------------------------------------


def test_a_stop_counts_before_the_actor_has_stopped():
    """Q32. The agent waits for the actor, and meanwhile for nobody else."""
    machine = agent_with(alive())

    commands = machine.handle(tell(Stop(MESH, "enough")), 0)

    assert commands == [stop_signal(actor(0), "enough"), stop_timer()]
    assert (machine.busy, machine.actor_states) == (True, dict([alive(stopped=True)]))


@pytest.mark.parametrize(
    ("event", "commands"),
    [
        (ActorEnded(actor(0), actor_stopped("enough")), [CancelTimer(ME, "stop")]),
        (ActorEnded(actor(0), actor_failed(Generic("boom"))), [CancelTimer(ME, "stop")]),
        (TimerFired(ME, "stop"), []),
    ],
    ids=["stopped", "failed", "too slow, and nothing is aborted"],
)
def test_a_stop_is_over_in_time_or_not(event, commands):
    machine = agent_with(alive())
    machine.handle(tell(Stop(MESH, "enough")), 0)

    assert machine.handle(event, 10 * S) == commands
    assert (machine.busy, machine.stopping) == (False, None)


def test_the_end_of_another_actor_does_not_end_a_stop():
    machine = agent_with(alive(), alive(OTHER))
    machine.handle(tell(Stop(MESH, "enough")), 0)

    assert machine.handle(ActorEnded(OTHER_ACTOR, actor_stopped("")), 1 * S) == []
    assert machine.busy


@pytest.mark.parametrize("entries", [[], [alive(stopped=True)], [refused()]], ids=["unknown", "again", "never spawned"])
def test_there_may_be_nothing_to_stop(entries):
    machine = agent_with(*entries)

    assert machine.handle(tell(Stop(MESH, "enough")), 0) == []
    assert not machine.busy


# --- 8.4 stop all ------------------------------------------------------------------------------------------


def test_all_actors_are_stopped_at_once_then_the_process_ends():
    """Also those that a stop marked before; what never spawned is left out."""
    machine = agent_with(alive(stopped=True), alive(OTHER), refused(Name("c")))

    commands = [
        machine.handle(tell(StopAll("shutdown host")), 0),
        machine.handle(ActorEnded(OTHER_ACTOR, actor_stopped("")), 1 * S),
        machine.handle(ActorEnded(OTHER_ACTOR, actor_stopped("")), 1 * S),
        machine.handle(ActorEnded(actor(0), actor_stopped("")), 2 * S),
    ]

    assert commands == [
        [
            stop_signal(actor(0), "shutdown host"),
            stop_signal(OTHER_ACTOR, "shutdown host"),
            SetTimer(ME, "stop_all", 10 * S),
        ],
        [],
        [],
        [CloseServer(), ExitProcess(0)],
    ]


def test_actors_that_are_too_slow_are_aborted():
    """No cleanup for them; the exit code is 0 all the same."""
    machine = agent_with(alive(), alive(OTHER))
    machine.handle(tell(StopAll("shutdown host")), 0)
    machine.handle(ActorEnded(actor(0), actor_stopped("")), 1 * S)

    assert machine.handle(TimerFired(ME, "stop_all"), 10 * S) == [KillTask(OTHER_ACTOR), CloseServer(), ExitProcess(0)]
    assert machine.busy


@pytest.mark.parametrize("entries", [[], [refused()]])
def test_a_proc_without_actors_ends_at_once(entries):
    assert agent_with(*entries).handle(tell(StopAll("shutdown host")), 0) == [CloseServer(), ExitProcess(0)]


# --- 8.5 supervision events --------------------------------------------------------------------------------


def test_events_are_kept_under_the_id_they_carry():
    """Q10: a root actor that dies of its child's event is recorded under the child's id and stays Running."""
    machine = agent_with(alive())
    first = event_of(CHILD, actor_failed(Generic("child died")))
    second = event_of(CHILD, actor_stopped("later"))

    commands = [machine.handle(tell(ActorEvent(event)), 0) for event in (first, second)]

    assert commands == [
        [EventRecorded(ME, CHILD, "failed: child died")],
        [EventRecorded(ME, CHILD, "stopped: later")],
    ]
    assert machine.supervision_events == {CHILD: [first, second]}
    assert machine.handle(tell(GetRankStatus(MESH, REPLY)), 0) == [answer(RankStatus(((0, 1, RUNNING),)))]


def test_the_text_of_a_failed_actor_lists_its_events():
    """Golden text, times included (Q20)."""
    machine = agent_with(alive())
    machine.handle(tell(ActorEvent(event_of(actor(0), actor_failed(Generic("boom")), at_ns=3 * S, name="t"))), 0)

    (reply,) = machine.handle(tell(GetRankStatus(MESH, REPLY)), 0)

    assert str(reply.message.runs[0][2]) == (
        "Failed(because of supervision events: [ActorSupervisionEvent { "
        f'actor_id: ActorId("{actor(0)}"), display_name: Some("t"), '
        "occurred_at: SystemTime { tv_sec: 3, tv_nsec: 0 }, "
        'actor_status: Failed(Generic("boom")), message_headers: None }])'
    )


# --- 8.8 orphans -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "offset_ns", "reaped"),
    [
        (alive(expires_ns=60 * S - 1), 0, True),
        (alive(expires_ns=60 * S), 0, False),
        (alive(expires_ns=None), 0, False),
        (alive(expires_ns=1, stopped=True), 0, False),
        (("x", Entry(0, None, "no", expires_ns=1)), 0, False),
        (alive(expires_ns=59 * S), -2 * S, False),
        (alive(expires_ns=61 * S), 2 * S, True),
    ],
    ids=["expired", "just not", "Q36", "stopped", "never spawned", "slow clock, Q37", "fast clock, Q37"],
)
def test_an_actor_that_nobody_wants_any_more_is_stopped(entry, offset_ns, reaped):
    """Expiry is somebody else's wall time, compared with this node's own."""
    machine = agent_with(entry)
    machine.handle(ClockSet(offset_ns), 0)

    commands = machine.handle(SELF_CHECK, 60 * S)

    expected = [OrphanStopped(actor(0), entry[1].expires_ns), stop_signal(actor(0), "orphaned"), stop_timer()]
    assert commands == (expected if reaped else [next_check()])
    assert machine.busy == reaped


def test_the_check_comes_through_the_mailbox():
    """So it waits there while the agent is stopping something."""
    assert agent_with().handle(TimerFired(ME, "self_check"), O) == [SELF_CHECK]


def test_orphans_are_stopped_one_after_the_other_and_the_next_check_counts_from_the_end():
    """The first is stuck: ten seconds. Each is marked stopped when its turn comes."""
    machine = agent_with(alive(expires_ns=1), alive(OTHER, expires_ns=2), alive(Name("c"), expires_ns=99 * S))

    commands = [
        machine.handle(SELF_CHECK, 60 * S),
        machine.handle(TimerFired(ME, "stop"), 70 * S),
        machine.handle(ActorEnded(OTHER_ACTOR, actor_stopped("orphaned")), 71 * S),
    ]

    assert commands == [
        [OrphanStopped(actor(0), 1), stop_signal(actor(0), "orphaned"), stop_timer()],
        [OrphanStopped(OTHER_ACTOR, 2), stop_signal(OTHER_ACTOR, "orphaned"), stop_timer()],
        [CancelTimer(ME, "stop"), next_check()],
    ]
    assert [entry.stopped for entry in machine.actor_states.values()] == [True, True, False]
    assert not machine.busy


def test_a_stop_that_was_asked_for_does_not_begin_another_check():
    machine = agent_with(alive(expires_ns=1))
    machine.handle(tell(Stop(MESH, "enough")), 0)

    assert machine.handle(ActorEnded(actor(0), actor_stopped("enough")), 1 * S) == [CancelTimer(ME, "stop")]


# --- 8.9 the rest ------------------------------------------------------------------------------------------


def test_a_reply_that_comes_back_is_the_end_of_the_agent():
    """Its process goes with it: nobody is left to report to."""
    reply = Envelope(ME, ALICE.actor, RankStatus(()), 1099)

    commands = agent_with().handle(Envelope(ALICE.actor, ME, Undeliverable(reply, ("ttl expired",))), 0)

    assert commands == [Fail(Generic(undeliverable_text(reply, ("ttl expired",))))]


@pytest.mark.parametrize(
    ("event", "commands"),
    [(ChildFailed(BOOM), [Fail(UnhandledSupervisionEvent(BOOM))]), (CleanupStarted(failed=True), [])],
)
def test_an_agent_has_no_hooks_of_its_own(event, commands):
    assert agent_with().handle(event, 0) == commands


def test_an_agent_opens_no_ports():
    assert not agent_with().accepts(1024)


@pytest.mark.parametrize("event", [tell(Work()), TimerFired(ME, "unknown"), ActorSpawned(MESH, None)])
def test_what_cannot_happen_is_an_error_of_the_caller(event):
    with pytest.raises((AssertionError, KeyError)):
        agent_with().handle(event, 0)


# --- quirks that are turned off ----------------------------------------------------------------------------


def without(*quirks):
    return Config.of({}, quirks)


def test_without_q60_a_reply_that_comes_back_is_logged():
    """Whoever asked is gone; the others on the proc are not."""
    reply = Envelope(ME, ALICE.actor, RankStatus(()), 1099)
    back = Envelope(ALICE.actor, ME, Undeliverable(reply, ("ttl expired",)))

    commands = agent_with(config=without("Q60")).handle(back, 0)

    assert commands == [Warned(ME, f"message not delivered: to {ALICE.actor}: ttl expired")]


def test_without_q30_a_recorded_event_bars_nothing():
    machine = agent_with(config=without("Q30"))
    machine.handle(tell(ActorEvent(BOOM)), 0)

    assert machine.handle(tell(CreateOrUpdate(OTHER, 2, SPEC)), 0) == [SpawnActor(OTHER, SPEC, 2)]


@pytest.mark.parametrize(
    ("quirks", "status", "reported"),
    [
        (("Q55",), actor_stopped("my time"), STOPPED),
        (("Q55",), actor_failed(Generic("boom")), RUNNING),
        ((), actor_stopped("my time"), RUNNING),
    ],
    ids=["stopped", "failed: its event tells", "with Q55"],
)
def test_without_q55_an_actor_that_stopped_itself_is_stopped(quirks, status, reported):
    machine = agent_with(alive(), alive(OTHER), config=without(*quirks))

    assert machine.handle(ActorEnded(actor(0), status), 0) == []
    assert machine.handle(tell(GetRankStatus(MESH, REPLY)), 0) == [answer(RankStatus(((0, 1, reported),)))]
    assert machine.handle(tell(GetRankStatus(OTHER, REPLY)), 0) == [answer(RankStatus(((0, 1, RUNNING),)))]


def test_without_q32_an_actor_that_does_not_stop_in_time_is_aborted():
    machine = agent_with(alive(), config=without("Q32"))
    machine.handle(tell(Stop(MESH, "enough")), 0)

    assert machine.handle(TimerFired(ME, "stop"), 10 * S) == [KillTask(actor(0))]
    assert not machine.busy


@pytest.mark.parametrize(("kept_alive", "expires_ns"), [(True, O + 3 * S), (False, None), (UNSET, None)])
def test_without_q36_an_actor_has_an_expiry_from_its_creation_on(kept_alive, expires_ns):
    """By the clock of the agent, and only where keepalives are going to come: its spawner says so while Q36 is off."""
    machine = agent_with()
    machine.handle(ClockSet(2 * S), 0)

    machine.handle(tell(CreateOrUpdate(MESH, 0, ActorSpec("TestActor", kept_alive=kept_alive))), 1 * S)

    assert machine.actor_states == {MESH: Entry(0, expires_ns=expires_ns)}


def test_without_q37_a_keepalive_counts_from_its_arrival():
    """Whatever the clock of the controller said."""
    machine = agent_with(alive(), config=without("Q37"))
    machine.handle(ClockSet(10 * S), 0)

    commands = machine.handle(tell(KeepaliveGetState(1 * S, MESH, REPLY)), 5 * S)

    assert commands[0] == KeepaliveTaken(actor(0), O + 5 * S)


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (ActorInitialized(actor(0)), RUNNING),
        (ActorEnded(actor(0), actor_failed(Generic("initialization error: no"))), failed("initialization error: no")),
        (ActorEnded(actor(0), actor_stopped("changed its mind")), RUNNING),
    ],
    ids=["good", "failed", "stopped, Q55"],
)
def test_without_q31_who_asks_for_the_status_waits_for_the_init(event, status):
    """Everybody else has an answer at once: the agent is not busy."""
    machine = agent_with(alive(OTHER), config=without("Q31"))
    machine.handle(tell(CreateOrUpdate(MESH, 0, SPEC)), 0)
    machine.handle(ActorSpawned(MESH, actor(0)), 0)

    asked = machine.handle(tell(GetRankStatus(MESH, REPLY)), 0)
    other = machine.handle(tell(GetRankStatus(OTHER, REPLY)), 0)

    assert (asked, other) == ([], [answer(RankStatus(((0, 1, RUNNING),)))])
    assert machine.handle(event, 1 * S) == [answer(RankStatus(((0, 1, status),)))]
    assert machine.handle(tell(GetRankStatus(MESH, REPLY)), 2 * S) == [answer(RankStatus(((0, 1, status),)))]
