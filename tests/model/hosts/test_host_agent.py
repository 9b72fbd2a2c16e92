"""The HostAgent as tables: these events, exactly these commands. Times are seconds of virtual time."""

import pytest

from meshsim.model import status
from meshsim.model.commands import (
    CancelTimer,
    CloseServer,
    ExitProcess,
    Fail,
    Panic,
    SetTimer,
    SignalProcess,
    SpawnProcess,
)
from meshsim.model.config import Config
from meshsim.model.events import (
    ActorEnded,
    ChildExited,
    ChildFailed,
    CleanupStarted,
    ClockSet,
    SpawnFailed,
    Started,
    TimerFired,
)
from meshsim.model.hosts import process
from meshsim.model.hosts.host_agent import Created, HostAgent, HostMode, HostPhase
from meshsim.model.hosts.process import ExitStatus, ProcPhase, ProcStatus
from meshsim.model.ids import ActorId, Name, Node, PortRef, host_agent_id, proc_agent_id, proc_id
from meshsim.model.machine import Machine
from meshsim.model.messages import (
    Ack,
    CheckState,
    CreateOrUpdate,
    Envelope,
    GetRankStatus,
    GetState,
    ListResources,
    ProcReady,
    ProcSpec,
    RankStatus,
    ResourceNames,
    SetClientConfig,
    ShutdownHost,
    StateReply,
    Stop,
    StopAll,
    Undeliverable,
)
from meshsim.model.messaging.undeliverable import undeliverable_text
from meshsim.model.notes import MarkRejected, ProcStatusChanged, Warned
from meshsim.model.state import copied, fingerprint
from meshsim.model.status import ProcState, State
from meshsim.model.supervision import ActorSupervisionEvent, Generic, UnhandledSupervisionEvent, actor_stopped
from meshsim.units import S

ME = host_agent_id("host0")
CLIENT = ActorId("unix:@client,local,client[0]")
REPLY = PortRef(CLIENT, 1030)
W0, W1, W2 = Name("w_0-1a"), Name("w_1-1b"), Name("w_2-1c")
SPEC = ProcSpec({"CLEANUP_TIMEOUT": 1 * S})
ADDR = "unix:/tmp/w"
EXITED_0 = ExitStatus(code=0)


def agent_of(name):
    return proc_agent_id(proc_id("unix:@host0", name))


def to_me(message, port=0):
    return Envelope(CLIENT, ME, message, port)


def answer(message):
    return Envelope(ME, CLIENT, message, port=REPLY.index)


def create(name, rank=0, spec=SPEC):
    return to_me(CreateOrUpdate(name, rank, spec))


def proc_ready(name, port=1024):
    agent = agent_of(name)
    return Envelope(agent, ME, ProcReady(name, ADDR, agent), port)


def shutdown(max_in_flight=16, timeout_ns=10 * S):
    return to_me(ShutdownHost(timeout_ns, max_in_flight, REPLY))


def timer(key):
    return TimerFired(ME, key)


def moved(name, before, phase, text=None):
    return ProcStatusChanged(name, before, phase, text or phase)


def ended(name, before, code):
    return moved(name, before, "Stopped", f"Stopped(exit={code})")


def stop_all(name, reason):
    return Envelope(ME, agent_of(name), StopAll(reason), returnable=False)


def proc_state(name, rank, proc_status, command="bootstrap"):
    return ProcState(proc_id("unix:@host0", name), rank, agent_of(name), command, proc_status)


@pytest.fixture
def agent():
    return HostAgent(me=ME, host=Node("host0"), config=Config.of({}))


def with_ready(agent, *names):
    """Bring procs up, one after the other, at 1 s, 2 s, …"""
    for index, name in enumerate(names):
        agent.handle(create(name, rank=index), (index + 1) * S)
        agent.handle(proc_ready(name, 1024 + index), (index + 1) * S)
    return agent


# --- creating ------------------------------------------------------------------------------------------------


def test_a_new_name_starts_a_process_and_waits_for_it(agent):
    """The handler is busy until the child has called back (Q38)."""
    commands = agent.handle(create(W0), 1 * S)

    assert commands == [
        SpawnProcess(W0, PortRef(ME, 1024), {"CLEANUP_TIMEOUT": 1 * S}, True),
        moved(W0, "Starting", "Running"),
        SetTimer(ME, "ready:w_0-1a", 30 * S),
    ]
    assert (agent.busy, agent.accepts(1024), agent.accepts(1025)) == (True, True, False)


def test_the_callback_of_the_child_ends_the_creation(agent):
    """From now on the proc is Ready, and the agent takes the next message."""
    agent.handle(create(W0), 1 * S)

    commands = agent.handle(proc_ready(W0), 2 * S)

    assert commands == [moved(W0, "Running", "Ready", f"Ready at {ADDR}"), CancelTimer(ME, "ready:w_0-1a")]
    assert (agent.busy, agent.accepts(1024)) == (False, False)
    assert agent.handle(to_me(GetState(W0, REPLY)), 3 * S) == [
        answer(StateReply(State(W0, status.RUNNING, proc_state(W0, 0, process.ready(1 * S, ADDR, agent_of(W0))))))
    ]


def test_a_known_name_is_not_created_again(agent):
    """There is no update: nothing happens at all."""
    with_ready(agent, W0)

    assert agent.handle(create(W0, rank=5), 9 * S) == []


def test_a_child_that_dies_before_it_is_ready_fails_the_creation(agent):
    """test_failing_proc_allocation: the command `false`."""
    agent.handle(create(W0, rank=2), 1 * S)

    commands = agent.handle(ChildExited(W0, ExitStatus(code=1)), 2 * S)

    text = (
        "proc 'unix:@host0,w_0-1a' failed to configure process: "
        "Ready(Terminal(Stopped { exit_code: 1, stderr_tail: [] }))"
    )
    assert commands == [ended(W0, "Running", 1), CancelTimer(ME, "ready:w_0-1a")]
    assert not agent.busy
    assert agent.handle(to_me(GetRankStatus(W0, REPLY)), 3 * S) == [answer(RankStatus(((2, 3, status.failed(text)),)))]
    assert agent.handle(to_me(GetState(W0, REPLY)), 3 * S) == [answer(StateReply(State(W0, status.failed(text))))]
    assert agent.handle(create(W0), 4 * S) == []


def test_a_child_that_is_killed_before_it_is_ready_fails_the_creation(agent):
    """The terminal status is part of the text, in debug form."""
    agent.handle(create(W0), 1 * S)

    agent.handle(ChildExited(W0, ExitStatus(signal=9)), 2 * S)

    assert agent.created[W0].error == (
        "proc 'unix:@host0,w_0-1a' failed to configure process: "
        "Ready(Terminal(Killed { signal: 9, core_dumped: false }))"
    )


def test_a_child_that_the_kernel_refuses_fails_the_creation_and_leaves_no_handle(agent):
    """What fork said is in the text; nothing is there to be Running, to call back or to be stopped."""
    agent.handle(create(W0, rank=2), 1 * S)

    commands = agent.handle(SpawnFailed(W0, "Too many open files (os error 24)"), 1 * S)

    text = "proc 'unix:@host0,w_0-1a' failed to spawn process: Too many open files (os error 24)"
    assert (commands, agent.busy) == ([CancelTimer(ME, "ready:w_0-1a")], False)
    assert agent.handle(to_me(GetState(W0, REPLY)), 3 * S) == [answer(StateReply(State(W0, status.failed(text))))]
    assert (agent.accepts(1024), agent.manager.names()) == (False, [])
    assert agent.handle(create(W0), 4 * S) == []
    assert agent.handle(shutdown(), 5 * S) == [answer(Ack()), CloseServer()]


def test_a_child_that_is_late_fails_the_creation_and_stays(agent):
    """Q39: it is neither killed nor forgotten, and a Stop does not reach it; only host shutdown ends it."""
    agent.handle(create(W0), 1 * S)

    commands = agent.handle(timer("ready:w_0-1a"), 31 * S)

    assert (commands, agent.busy) == ([], False)
    assert agent.created[W0].error == "proc 'unix:@host0,w_0-1a' failed to configure process: Timeout"
    assert agent.handle(to_me(Stop(W0, "x")), 32 * S) == []
    assert agent.handle(proc_ready(W0), 33 * S) == [moved(W0, "Running", "Ready", f"Ready at {ADDR}")]
    assert agent.handle(shutdown(), 40 * S) == [
        answer(Ack()),
        stop_all(W0, "shutdown host"),
        SetTimer(ME, "terminate:w_0-1a", 10 * S),
    ]


def test_a_callback_after_the_end_of_the_child_is_refused(agent):
    """Message and exit take different ways; the exit may be seen first."""
    agent.handle(create(W0), 1 * S)
    agent.handle(ChildExited(W0, ExitStatus(code=1)), 2 * S)

    commands = agent.handle(proc_ready(W0), 3 * S)

    warning = "illegal transition: Stopped { exit_code: 1, stderr_tail: [] } -> Ready; leaving status unchanged"
    assert commands == [MarkRejected(W0, "Stopped", "Ready", warning)]


def test_without_a_ready_timeout_the_wait_has_no_limit(agent):
    """host_spawn_timeout_zero_disables: no timer is set, and none is taken away."""
    agent.config = Config.of({"host_spawn_ready_timeout": 0})

    commands = agent.handle(create(W0), 1 * S) + agent.handle(proc_ready(W0), 99 * S)

    assert [type(command) for command in commands] == [SpawnProcess, ProcStatusChanged, ProcStatusChanged]


def test_the_proc_s_own_configuration_decides_on_the_parent_death_signal(agent):
    """The spawner's snapshot travels with the spec."""
    spec = ProcSpec({"MESH_BOOTSTRAP_ENABLE_PDEATHSIG": False})

    commands = agent.handle(create(W0, spec=spec), 1 * S)

    assert commands[0] == SpawnProcess(W0, PortRef(ME, 1024), spec.config, False)


def test_processes_start_on_the_clock_of_their_host(agent):
    """started_at is wall time; a clock that is off shows."""
    agent.handle(ClockSet(5 * S), 0)
    with_ready(agent, W0)

    assert agent.manager.children[W0].status.started_at_ns == 6 * S


# --- queries -------------------------------------------------------------------------------------------------


def test_unknown_names_have_no_status_and_no_state(agent):
    """GetRankStatus answers with an empty overlay, which completes no wait."""
    assert agent.handle(to_me(GetRankStatus(W0, REPLY)), 1 * S) == [answer(RankStatus(()))]
    assert agent.handle(to_me(GetState(W0, REPLY)), 1 * S) == [answer(StateReply(State(W0, status.NOT_EXIST)))]


@pytest.mark.parametrize(
    ("exit_status", "proc_status", "resource"),
    [
        (EXITED_0, ProcStatus(ProcPhase.STOPPED, exit_code=0), status.STOPPED),
        (ExitStatus(code=7), ProcStatus(ProcPhase.STOPPED, exit_code=7), status.STOPPED),
        (ExitStatus(signal=9), ProcStatus(ProcPhase.KILLED, signal=9), status.failed("Killed(sig=9)")),
    ],
)
def test_the_end_of_a_proc_is_answered_as_the_kernel_told_it(agent, exit_status, proc_status, resource):
    """Non-zero codes are Stopped at this level (3.9); the state carries the whole status."""
    with_ready(agent, W0)

    commands = agent.handle(ChildExited(W0, exit_status), 5 * S)

    assert commands == [moved(W0, "Ready", proc_status.phase.value, process.display_plain(proc_status))]
    assert agent.handle(to_me(GetRankStatus(W0, REPLY)), 6 * S) == [answer(RankStatus(((0, 1, resource),)))]
    assert agent.handle(to_me(GetState(W0, REPLY)), 6 * S) == [
        answer(StateReply(State(W0, resource, proc_state(W0, 0, proc_status))))
    ]


def test_all_names_ever_created_are_listed(agent):
    """Failed and stopped ones too, in order of creation."""
    with_ready(agent, W0)
    agent.handle(create(W1), 5 * S)
    agent.handle(ChildExited(W1, ExitStatus(code=1)), 6 * S)

    assert agent.handle(to_me(ListResources(REPLY)), 7 * S) == [answer(ResourceNames((W0, W1)))]


def test_the_client_layer_of_the_configuration_is_replaced(agent):
    """What was set before is gone, not merged."""
    agent.handle(to_me(SetClientConfig({"CLEANUP_TIMEOUT": 1}, REPLY)), 1 * S)

    commands = agent.handle(to_me(SetClientConfig({"MESSAGE_TTL_DEFAULT": 2}, REPLY)), 1 * S)

    assert commands == [answer(Ack())]
    assert agent.client_config == {"MESSAGE_TTL_DEFAULT": 2}


# --- ladder A ------------------------------------------------------------------------------------------------


def test_a_stop_climbs_ladder_a_step_by_step(agent):
    """Stopping at once, SIGTERM after 10 s, SIGKILL after 20 s; a stuck proc ends as Killed (Q6)."""
    with_ready(agent, W0)

    script = [
        agent.handle(to_me(Stop(W0, "done")), 10 * S),
        agent.handle(timer("request_stop:w_0-1a"), 20 * S),
        agent.handle(timer("request_stop:w_0-1a"), 30 * S),
        agent.handle(ChildExited(W0, ExitStatus(signal=9)), 30 * S),
    ]

    assert script == [
        [stop_all(W0, "done"), moved(W0, "Ready", "Stopping"), SetTimer(ME, "request_stop:w_0-1a", 10 * S)],
        [SignalProcess(W0, 15), SetTimer(ME, "request_stop:w_0-1a", 10 * S)],
        [SignalProcess(W0, 9)],
        [moved(W0, "Stopping", "Killed", "Killed(sig=9)")],
    ]
    assert not agent.busy


def test_a_stop_is_answered_before_the_process_ends(agent):
    """Q1: Stopping is what the next query gets, and it counts as terminating."""
    with_ready(agent, W0)
    agent.handle(to_me(Stop(W0, "done")), 10 * S)

    assert agent.handle(to_me(GetRankStatus(W0, REPLY)), 10 * S) == [answer(RankStatus(((0, 1, status.STOPPING),)))]


def test_an_agent_that_exits_in_time_ends_the_ladder(agent):
    """The timer is taken away, no signal is sent."""
    with_ready(agent, W0)
    agent.handle(to_me(Stop(W0, "done")), 10 * S)

    commands = agent.handle(ChildExited(W0, EXITED_0), 11 * S)

    assert commands == [ended(W0, "Stopping", 0), CancelTimer(ME, "request_stop:w_0-1a")]


def test_further_stops_of_a_proc_change_nothing(agent):
    """Already stopping, already gone, or never known."""
    with_ready(agent, W0)
    agent.handle(to_me(Stop(W0, "done")), 10 * S)

    assert agent.handle(to_me(Stop(W0, "again")), 11 * S) == []
    agent.handle(ChildExited(W0, EXITED_0), 12 * S)
    assert agent.handle(to_me(Stop(W0, "again")), 13 * S) == []
    assert agent.handle(to_me(Stop(W1, "what")), 13 * S) == []


# --- shutdown, ladder B --------------------------------------------------------------------------------------


def test_a_shutdown_climbs_ladder_b_step_by_step(agent):
    """Acknowledged before any work (Q41); Ready during the agent's grace (Q4); then Stopping, SIGTERM, SIGKILL."""
    with_ready(agent, W0)

    script = [
        agent.handle(shutdown(timeout_ns=7 * S), 10 * S),
        agent.handle(timer("terminate:w_0-1a"), 17 * S),
        agent.handle(timer("terminate:w_0-1a"), 24 * S),
        agent.handle(ChildExited(W0, ExitStatus(signal=9)), 24 * S),
    ]

    assert script == [
        [answer(Ack()), stop_all(W0, "shutdown host"), SetTimer(ME, "terminate:w_0-1a", 7 * S)],
        [moved(W0, "Ready", "Stopping"), SignalProcess(W0, 15), SetTimer(ME, "terminate:w_0-1a", 7 * S)],
        [SignalProcess(W0, 9)],
        [moved(W0, "Stopping", "Killed", "Killed(sig=9)"), CloseServer()],
    ]
    assert (agent.busy, agent.deaf) == (False, True)


@pytest.mark.parametrize("max_in_flight", [0, 1])
def test_no_more_children_than_allowed_are_ended_at_a_time(agent, max_in_flight):
    """The next one's grace begins when one is gone; zero is clamped to one; exited children cost nothing."""
    with_ready(agent, W0, W1, W2)
    agent.handle(ChildExited(W1, EXITED_0), 5 * S)

    script = [
        agent.handle(shutdown(max_in_flight), 10 * S),
        agent.handle(ChildExited(W0, EXITED_0), 12 * S),
        agent.handle(ChildExited(W2, EXITED_0), 14 * S),
    ]

    assert script == [
        [answer(Ack()), stop_all(W0, "shutdown host"), SetTimer(ME, "terminate:w_0-1a", 10 * S)],
        [
            ended(W0, "Ready", 0),
            CancelTimer(ME, "terminate:w_0-1a"),
            stop_all(W2, "shutdown host"),
            SetTimer(ME, "terminate:w_2-1c", 10 * S),
        ],
        [ended(W2, "Ready", 0), CancelTimer(ME, "terminate:w_2-1c"), CloseServer()],
    ]


def test_a_child_that_is_already_stopping_gets_sigterm_at_once(agent):
    """Q63; ladder A keeps climbing beside ladder B, and the end of the process ends both."""
    with_ready(agent, W0)
    agent.handle(to_me(Stop(W0, "done")), 10 * S)

    script = [
        agent.handle(shutdown(), 11 * S),
        agent.handle(timer("request_stop:w_0-1a"), 20 * S),
        agent.handle(ChildExited(W0, ExitStatus(signal=15)), 20 * S),
    ]

    assert script == [
        [answer(Ack()), SignalProcess(W0, 15), SetTimer(ME, "terminate:w_0-1a", 10 * S)],
        [SignalProcess(W0, 15), SetTimer(ME, "request_stop:w_0-1a", 10 * S)],
        [
            moved(W0, "Stopping", "Killed", "Killed(sig=15)"),
            CancelTimer(ME, "request_stop:w_0-1a"),
            CancelTimer(ME, "terminate:w_0-1a"),
            CloseServer(),
        ],
    ]


def test_a_child_that_never_got_ready_is_terminated_without_asking(agent):
    """There is no agent that could be asked."""
    agent.handle(create(W0), 1 * S)
    agent.handle(timer("ready:w_0-1a"), 31 * S)

    assert agent.handle(shutdown(), 40 * S) == [
        answer(Ack()),
        moved(W0, "Running", "Stopping"),
        SignalProcess(W0, 15),
        SetTimer(ME, "terminate:w_0-1a", 10 * S),
    ]


@pytest.mark.parametrize(
    ("mode", "commands", "deaf"),
    [
        (HostMode.PROCESS, [answer(Ack()), CloseServer()], True),
        (HostMode.EXITING_PROCESS, [answer(Ack()), CloseServer(), ExitProcess(0)], True),
        (HostMode.SERVING, [answer(Ack())], False),
    ],
)
def test_after_its_shutdown_a_host_is_deaf_gone_or_serving(agent, mode, commands, deaf):
    """supervision.md 9.3, step 5: a deaf host has no server any more. What waited in its mailbox it still takes."""
    agent.mode = mode

    assert (agent.handle(shutdown(), 1 * S), agent.deaf, agent.busy) == (commands, deaf, False)


def test_what_waited_behind_a_shutdown_is_answered_with_stopped(agent):
    """supervision.md 9.3: the mailbox of a host that is deaf is not lost, only its server is."""
    with_ready(agent, W0)
    agent.handle(shutdown(), 11 * S)
    busy = agent.busy
    agent.handle(ChildExited(W0, ExitStatus(code=0)), 12 * S)

    [answered] = agent.handle(to_me(GetState(W0, REPLY)), 12 * S)

    assert (busy, agent.busy, agent.deaf) == (True, False, True)
    assert (answered.message.state.status, answered.message.state.state.proc_status) == (status.STOPPED, None)


@pytest.mark.parametrize(("mode", "last"), [(HostMode.PROCESS, HostPhase.DEAF), (HostMode.SERVING, HostPhase.GONE)])
def test_what_a_host_is_at_follows_from_its_state(agent, mode, last):
    """From a creation to the end of its shutdown."""
    agent.mode = mode
    events = [create(W0), proc_ready(W0), shutdown(), ChildExited(W0, EXITED_0)]
    phases = [agent.phase]
    for second, event in enumerate(events):
        agent.handle(event, second * S)
        phases.append(agent.phase)

    assert phases == [HostPhase.IDLE, HostPhase.CREATING, HostPhase.IDLE, HostPhase.SHUTTING_DOWN, last]


def test_a_serving_host_calls_everything_it_made_stopped(agent):
    """Its state loses status and command; a second shutdown is acknowledged, nothing else."""
    agent.mode = HostMode.SERVING
    with_ready(agent, W0)
    agent.handle(create(W1, rank=1), 5 * S)
    agent.handle(ChildExited(W1, ExitStatus(signal=9)), 6 * S)
    agent.handle(shutdown(), 10 * S)
    agent.handle(ChildExited(W0, EXITED_0), 11 * S)

    assert agent.handle(to_me(GetRankStatus(W0, REPLY)), 12 * S) == [answer(RankStatus(((0, 1, status.STOPPED),)))]
    assert agent.handle(to_me(GetState(W0, REPLY)), 12 * S) == [
        answer(StateReply(State(W0, status.STOPPED, proc_state(W0, 0, None, command=None))))
    ]
    assert agent.handle(to_me(GetRankStatus(W1, REPLY)), 12 * S) == [
        answer(RankStatus(((1, 2, status.failed(agent.created[W1].error)),)))
    ]
    assert agent.handle(shutdown(), 13 * S) == [answer(Ack())]


def test_a_host_without_procs_cannot_create_or_stop_after_shutdown(agent):
    """Creating panics; a Stop is an error that takes the host process with it (Q40), known name or not."""
    agent.mode = HostMode.SERVING
    with_ready(agent, W0)
    agent.handle(ChildExited(W0, EXITED_0), 5 * S)
    agent.handle(shutdown(), 6 * S)

    assert agent.handle(create(W1), 7 * S) == [Panic("host present")]
    assert agent.handle(create(W0), 7 * S) == []
    assert agent.handle(to_me(Stop(W2, "x")), 7 * S) == [Fail(Generic("HostAgent has already shut down"))]


# --- what comes back -----------------------------------------------------------------------------------------


def test_a_bounced_reply_is_the_end_of_the_agent(agent):
    """Q60: the asker is gone, and the host process goes too."""
    reply = answer(RankStatus(()))

    commands = agent.handle(to_me(Undeliverable(reply, ("ttl expired",))), 1 * S)

    assert commands == [Fail(Generic(undeliverable_text(reply, ("ttl expired",))))]


@pytest.mark.parametrize("others", [0, 1])
def test_a_bounced_ack_of_a_shutdown_is_only_a_warning(agent, others):
    """Nobody waits for it any more; whoever asked for another shutdown since changes nothing about that."""
    agent.mode = HostMode.SERVING
    agent.handle(shutdown(), 1 * S)
    for _ in range(others):
        agent.handle(to_me(ShutdownHost(10 * S, 16, PortRef(CLIENT, 1031))), 1 * S)

    commands = agent.handle(to_me(Undeliverable(answer(Ack()), ())), 2 * S)

    assert commands == [Warned(ME, "failed to send ack")]


def test_life_cycle_events_need_nothing_done(agent):
    """Init binds ports, which is the runtime's business; cleanup has nothing to clean."""
    assert agent.handle(Started(), 0) == []
    assert agent.handle(CleanupStarted(failed=False), 1 * S) == []


def test_the_failure_of_a_child_actor_is_not_handled(agent):
    """The default supervision hook."""
    event = ActorSupervisionEvent(ME, None, 0, actor_stopped("x"))

    assert agent.handle(ChildFailed(event), 1 * S) == [Fail(UnhandledSupervisionEvent(event))]


@pytest.mark.parametrize(
    "event",
    [to_me(CheckState(1)), ActorEnded(ME, actor_stopped("x")), to_me(Ack(), port=1024)],
    ids=["message", "event", "reply"],
)
def test_what_no_host_agent_can_get_is_a_bug(agent, event):
    """Silence would hide it."""
    with pytest.raises(AssertionError, match="cannot handle"):
        agent.handle(event, 1 * S)


def test_a_message_while_busy_is_a_bug_of_the_runtime(agent):
    """Mailboxes hold messages back; handing one over would break the order of the modelled system."""
    agent.handle(create(W0), 1 * S)

    with pytest.raises(AssertionError, match="while busy"):
        agent.handle(to_me(ListResources(REPLY)), 2 * S)


def test_a_host_agent_is_a_machine_whose_state_can_be_copied_and_compared(agent):
    """Explorers branch on copies: changing one leaves the other alone."""
    with_ready(agent, W0)
    agent.handle(to_me(Stop(W0, "done")), 10 * S)
    twin = copied(agent)

    agent.handle(ChildExited(W0, EXITED_0), 11 * S)

    assert isinstance(agent, Machine)
    assert fingerprint(twin) != fingerprint(agent)
    twin.handle(ChildExited(W0, EXITED_0), 11 * S)
    assert (twin, fingerprint(twin)) == (agent, fingerprint(agent))


# --- quirks that are turned off ------------------------------------------------------------------------------


def without(*quirks, mode=HostMode.PROCESS):
    return HostAgent(me=ME, host=Node("host0"), config=Config.of({}, quirks), mode=mode)


def test_without_q1_the_answer_comes_when_the_process_has_ended():
    agent = with_ready(without("Q1"), W0, W1)
    agent.handle(to_me(Stop(W0, "done")), 10 * S)

    asked = agent.handle(to_me(GetRankStatus(W0, REPLY)), 10 * S)
    other = agent.handle(to_me(GetRankStatus(W1, REPLY)), 10 * S)
    over = agent.handle(ChildExited(W0, EXITED_0), 12 * S)

    assert (asked, other) == ([], [answer(RankStatus(((1, 2, status.RUNNING),)))])
    assert over[-1] == answer(RankStatus(((0, 1, status.STOPPED),)))


@pytest.mark.parametrize(
    ("signal", "timeouts", "phase", "text"),
    [
        (15, 1, "Stopped", "Stopped(sig=15)"),
        (9, 2, "Stopped", "Stopped(sig=9)"),
        (9, 0, "Killed", "Killed(sig=9)"),
        (11, 1, "Killed", "Killed(sig=11)"),
    ],
    ids=["sigterm", "sigkill", "killed by somebody else", "crashed meanwhile"],
)
def test_without_q6_a_proc_that_its_host_had_to_kill_is_stopped(signal, timeouts, phase, text):
    """Only a signal that the ladder has sent counts as asked for."""
    agent = with_ready(without("Q6"), W0)
    agent.handle(to_me(Stop(W0, "done")), 10 * S)
    for step in range(timeouts):
        agent.handle(timer("request_stop:w_0-1a"), (20 + 10 * step) * S)

    commands = agent.handle(ChildExited(W0, ExitStatus(signal=signal)), 40 * S)

    assert commands[0] == moved(W0, "Stopping", phase, text)


@pytest.mark.parametrize(
    ("asked", "phase"), [(True, "Stopped"), (False, "Killed")], ids=["it was to stop", "it was late alone"]
)
def test_without_q6_and_q39_a_late_child_that_was_to_stop_is_stopped(asked, phase):
    """Killed by its host before the grace of the stop was over; without a stop nobody had asked for its end."""
    agent = without("Q6", "Q38", "Q39")
    agent.handle(create(W0), 1 * S)
    if asked:
        agent.handle(to_me(Stop(W0, "spawn failed")), 25 * S)
    agent.handle(timer("ready:w_0-1a"), 31 * S)

    commands = agent.handle(ChildExited(W0, ExitStatus(signal=9)), 31 * S)

    assert commands[0] == moved(W0, "Stopping" if asked else "Running", phase, f"{phase}(sig=9)")


def test_without_q38_procs_start_side_by_side():
    """Who asks about one that starts waits for it; everybody else has an answer at once."""
    agent = without("Q38")
    agent.handle(create(W0), 1 * S)
    agent.handle(create(W1, rank=1), 1 * S)

    asked = agent.handle(to_me(GetRankStatus(W0, REPLY)), 1 * S)
    state = agent.handle(to_me(GetState(W0, REPLY)), 1 * S)
    second = agent.handle(proc_ready(W1, 1025), 2 * S)
    first = agent.handle(proc_ready(W0, 1024), 3 * S)

    assert not agent.busy
    assert (asked, state) == ([], [answer(StateReply(State(W0, status.INITIALIZING)))])
    assert second[-1] == CancelTimer(ME, "ready:w_1-1b")
    assert first[-2:] == [CancelTimer(ME, "ready:w_0-1a"), answer(RankStatus(((0, 1, status.RUNNING),)))]
    assert agent.created == {W1: Created(1, agent_of(W1)), W0: Created(0, agent_of(W0))}


def test_without_q38_a_proc_that_starts_can_be_stopped():
    """With it, a Stop waits in the mailbox until the creation is over."""
    agent = without("Q38")
    agent.handle(create(W0), 1 * S)

    stop = agent.handle(to_me(Stop(W0, "done")), 2 * S)
    agent.handle(ChildExited(W0, ExitStatus(signal=15)), 12 * S)

    assert stop == [moved(W0, "Running", "Stopping"), SetTimer(ME, "request_stop:w_0-1a", 10 * S)]
    assert agent.created[W0].error.endswith("Ready(Terminal(Killed { signal: 15, core_dumped: false }))")


def test_without_q39_a_child_that_is_late_is_killed():
    agent = without("Q39")
    agent.handle(create(W0), 1 * S)

    commands = [
        agent.handle(timer("ready:w_0-1a"), 31 * S),
        agent.handle(ChildExited(W0, ExitStatus(signal=9)), 31 * S),
    ]

    assert commands == [[SignalProcess(W0, 9)], [moved(W0, "Running", "Killed", "Killed(sig=9)")]]
    assert agent.created[W0].error.endswith("failed to configure process: Timeout")


def test_without_q40_a_stop_after_shutdown_changes_nothing():
    agent = without("Q40", mode=HostMode.SERVING)
    agent.handle(shutdown(), 1 * S)

    assert agent.handle(to_me(Stop(W0, "x")), 2 * S) == []


def test_without_q40_a_proc_asked_for_after_shutdown_is_refused():
    """Who asks for its status is told why; with Q40 the agent panics."""
    agent = without("Q40", mode=HostMode.SERVING)
    agent.handle(shutdown(), 1 * S)

    assert agent.handle(create(W0), 2 * S) == []
    assert agent.handle(to_me(GetRankStatus(W0, REPLY)), 2 * S) == [
        answer(RankStatus(((0, 1, status.failed("HostAgent has already shut down")),)))
    ]


@pytest.mark.parametrize(
    ("mode", "last"),
    [
        (HostMode.PROCESS, [CloseServer()]),
        (HostMode.EXITING_PROCESS, [CloseServer(), ExitProcess(0)]),
        (HostMode.SERVING, []),
    ],
)
def test_without_q41_a_shutdown_is_acknowledged_when_its_last_child_has_ended(mode, last):
    agent = with_ready(without("Q41", mode=mode), W0)

    commands = [agent.handle(shutdown(), 10 * S), agent.handle(ChildExited(W0, EXITED_0), 12 * S)]

    assert commands == [
        [stop_all(W0, "shutdown host"), SetTimer(ME, "terminate:w_0-1a", 10 * S)],
        [ended(W0, "Ready", 0), CancelTimer(ME, "terminate:w_0-1a"), answer(Ack()), *last],
    ]


def test_without_q41_a_second_shutdown_is_acknowledged_at_once():
    """There is nothing left to wait for."""
    agent = without("Q41", mode=HostMode.SERVING)
    agent.handle(shutdown(), 1 * S)

    assert agent.handle(shutdown(), 2 * S) == [answer(Ack())]


def test_without_q60_a_reply_that_comes_back_is_logged():
    agent = without("Q60")

    commands = agent.handle(to_me(Undeliverable(answer(RankStatus(())), ("a", "b"))), 1 * S)

    assert commands == [Warned(ME, f"message not delivered: to {CLIENT}: a; b")]


def test_without_q4_q5_and_q63_a_shutdown_is_as_gentle_as_a_stop():
    """Stopping at once, a second more than the grace, and no SIGTERM for a proc that is stopping already."""
    agent = with_ready(without("Q4", "Q5", "Q63"), W0, W1)
    agent.handle(to_me(Stop(W0, "done")), 10 * S)

    assert agent.handle(shutdown(), 11 * S) == [
        answer(Ack()),
        SetTimer(ME, "terminate:w_0-1a", 11 * S),
        stop_all(W1, "shutdown host"),
        moved(W1, "Ready", "Stopping"),
        SetTimer(ME, "terminate:w_1-1b", 11 * S),
    ]
