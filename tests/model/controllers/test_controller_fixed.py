"""The controller with one quirk turned off: what a careful engineer would want, as tables (supervision.md 5.12, 17)."""

import pytest
from machines import (
    ALICE,
    CLIENT,
    CONTROLLER,
    MESH,
    actor,
    actor_reply,
    agent,
    controller_of,
    event_of,
    host_agent,
    overlay,
    proc_name,
    proc_reply,
    to_subscriber,
)
from test_controller import (
    BOOM,
    CRASH,
    A,
    H,
    P,
    asked_actors,
    asked_procs,
    check,
    ended,
    polled,
    reschedule,
    subscribed,
)

from meshsim.model.commands import CancelTimer, Panic, SetTimer
from meshsim.model.config import Config
from meshsim.model.controllers.keeper import HEARTBEAT_TIMER, KEEPALIVE_TIMER, ControllerPhase
from meshsim.model.events import CleanupStarted, Started, TimerFired
from meshsim.model.hosts import process
from meshsim.model.hosts.process import ExitStatus, classify
from meshsim.model.ids import PortRef
from meshsim.model.messages import (
    Envelope,
    GetState,
    KeepaliveGetState,
    StateReply,
    Stop,
    Subscribe,
    Undeliverable,
    Unsubscribe,
)
from meshsim.model.notes import MonitoringEnded, Warned
from meshsim.model.status import NOT_EXIST, RUNNING, STOPPED, STOPPING, State, failed, timeout
from meshsim.model.supervision import (
    ActorPhase,
    ActorStatus,
    Crashed,
    Generic,
    MeshFailure,
    StreamClosed,
    actor_failed,
    actor_stopped,
)
from meshsim.units import S

KILLED = classify(ExitStatus(signal=9))
DEAD = failed("Killed(sig=9)")
FAILED = failed("because of supervision events: boom")


def controller(*statuses, off, **kwargs):
    """A controller with one subscriber, and some quirks off."""
    config = Config.of({}, tuple(off.split()))
    return subscribed(controller_of(statuses or (RUNNING, RUNNING), config=config, **kwargs), ALICE)


def proc_polled(machine, *states, now_ns=P):
    """The first half of a poll: hosts report (status, proc status) of each proc. Returns the last commands."""
    port = asked_procs(machine, now_ns)
    commands = []
    for rank, (status, proc_status) in enumerate(states):
        commands = machine.handle(proc_reply(rank, port, status, proc_status), now_ns)
    return commands


def failures(commands, *, to=None):
    """Rank and status text of each failure that is told, to the subscriber unless told otherwise."""
    dest = ALICE.actor if to is None else to
    found = [c.message.failure for c in commands if isinstance(c, Envelope) and c.dest == dest]
    return [(failure.rank, failure.event.actor_status) for failure in found if failure is not None]


def heartbeats(commands):
    return commands.count(to_subscriber(ALICE, None))


def asked(commands, kind):
    return [c.dest for c in commands if isinstance(c, Envelope) and isinstance(c.message, kind)]


def told_stop(commands):
    return [(rank, status.reason) for rank, status in failures(commands) if rank is None]


WELL = (RUNNING, None)
GONE = (DEAD, KILLED)
KILLED_FAILURE = actor_failed(Generic("process failure: Killed(sig=9)"))


# --- subscribers: port_equality_flag -----------------------------------------------------------------------------

SILENT = PortRef(ALICE.actor, ALICE.index, returnable=False)


@pytest.mark.parametrize(
    ("message", "left"),
    [(Unsubscribe(SILENT), []), (Unsubscribe(ALICE), []), (Subscribe(SILENT), [ALICE]), (Subscribe(ALICE), [ALICE])],
)
def test_subscribers_are_known_by_the_id_of_their_port_alone(message, left):
    machine = controller(off="port_equality_flag")

    machine.handle(Envelope(ALICE.actor, CONTROLLER, message), 0)

    assert list(machine.subscribers.values()) == left


@pytest.mark.parametrize(("off", "left"), [("", [SILENT]), ("port_equality_flag", [])])
def test_a_dead_subscriber_that_asked_for_no_returns_is_forgotten(off, left):
    """Nothing may come back of what is sent to it; off: all does, and its key is found."""
    machine = subscribed(controller_of((RUNNING,), config=Config.of({}, tuple(off.split()))), SILENT)
    sent = machine._tell_subscribers(None)[0]

    assert sent.returnable == (off != "")
    machine.handle(Envelope(ALICE.actor, CONTROLLER, Undeliverable(sent, ("gone",)), returnable=False), 0)
    assert list(machine.subscribers.values()) == left


# --- dead procs: Q18, Q19, Q28, Q11 ----------------------------------------------------------------------------


def test_each_dead_proc_is_told_once():
    """Q18: both at the first poll, none at the second, and with nobody left there is nothing to poll."""
    machine = controller(off="Q18")

    first = proc_polled(machine, GONE, GONE)

    assert failures(first) == failures(first, to=CLIENT) == [(0, KILLED_FAILURE), (1, KILLED_FAILURE)]
    assert machine.statuses == {0: DEAD, 1: DEAD}
    assert first[-2:] == [MonitoringEnded(CONTROLLER, "a", "all_terminal"), ended("proc_dead", monitoring=False)]


def test_a_proc_that_dies_later_is_told_then():
    """Q18: what was told is not told again, what is new is, whatever its rank."""
    machine = controller(RUNNING, RUNNING, RUNNING, off="Q18 Q19")
    proc_polled(machine, WELL, WELL, GONE)
    machine.handle(actor_reply(0, machine.query.port), P)
    machine.handle(actor_reply(1, machine.query.port), P)

    second = proc_polled(machine, GONE, WELL, GONE, now_ns=2 * P)

    assert failures(second) == [(0, KILLED_FAILURE)]


def test_the_others_of_a_dead_proc_are_kept_alive():
    """Q19: the poll leaves the dead rank out and is otherwise as ever."""
    machine = controller(RUNNING, RUNNING, RUNNING, off="Q18 Q19")

    commands = proc_polled(machine, WELL, GONE, WELL)
    port = machine.query.port
    machine.handle(actor_reply(0, port), P)
    over = machine.handle(actor_reply(2, port, FAILED, (event_of(actor(2), BOOM.actor_status),)), P)

    assert failures(commands) == [(1, KILLED_FAILURE)]
    assert asked(commands, KeepaliveGetState) == [agent(0), agent(2)]
    assert failures(over) == [(2, BOOM.actor_status)]
    assert over[-2:] == [ended("changed"), reschedule()]
    assert machine.statuses == {0: RUNNING, 1: DEAD, 2: FAILED}


def test_with_q19_off_alone_the_dead_proc_is_told_with_every_poll():
    """Switches are independent: reports repeat, keepalives go out."""
    machine = controller(off="Q19")

    polls = []
    for count in (1, 2):
        polls.append(proc_polled(machine, GONE, WELL, now_ns=count * P))
        machine.handle(actor_reply(1, machine.query.port), count * P)

    assert [failures(commands) for commands in polls] == [[(0, KILLED_FAILURE)]] * 2
    assert [asked(commands, KeepaliveGetState) for commands in polls] == [[agent(1)]] * 2


@pytest.mark.parametrize(
    ("off", "told", "owner"),
    [
        ("", actor_stopped("no status received from process"), 0),
        ("Q28", actor_failed(Generic("no status received from process")), 1),
    ],
)
def test_a_silent_host_is_a_failure(off, told, owner):
    """Q28: nobody knows what became of its proc, and the owner has to know that."""
    machine = controller(off=off)
    port = asked_procs(machine)
    machine.handle(proc_reply(0, port), P)

    commands = machine.handle(TimerFired(CONTROLLER, "proc_idle"), P + H)

    assert failures(commands) == [(1, told)]
    assert len(failures(commands, to=CLIENT)) == owner


def test_a_host_that_says_stopped_is_believed():
    """Q28: a host that was shut down on request answers Stopped without a proc status."""
    commands = proc_polled(controller(off="Q28"), WELL, (STOPPED, None))

    assert failures(commands) == [(1, actor_stopped("no status received from process"))]


@pytest.mark.parametrize(
    ("off", "state", "kind"),
    [
        ("", GONE, StreamClosed),
        ("Q11", GONE, Crashed),
        ("Q11", (STOPPING, process.stopping(0)), StreamClosed),
    ],
)
def test_a_crashed_process_makes_a_failed_mesh(off, state, kind):
    """Q11: the event decides, not where it was found."""
    machine = controller(off=off)

    proc_polled(machine, state, WELL)

    assert type(machine.unhealthy_event) is kind


@pytest.mark.parametrize(("off", "kind"), [("", Crashed), ("Q12", StreamClosed)])
def test_a_stopped_actor_makes_a_stopped_mesh(off, kind):
    machine = controller(off=off)

    polled(machine, (RUNNING, ()), (STOPPED, ()))

    assert type(machine.unhealthy_event) is kind


# --- heartbeats: Q16 -------------------------------------------------------------------------------------------


def test_heartbeats_have_a_timer_of_their_own():
    """Q16: they start with the controller, follow each other, and no poll sends one."""
    machine = controller(off="Q16")
    due = SetTimer(CONTROLLER, HEARTBEAT_TIMER, P)

    started = machine.handle(Started(), 0)
    beat = machine.handle(TimerFired(CONTROLLER, HEARTBEAT_TIMER), P)
    poll = polled(machine, (RUNNING, ()), (RUNNING, ()))

    assert started[-1] == due
    assert beat == [to_subscriber(ALICE, None), due]
    assert heartbeats(poll) == 0


# --- keepalives: Q56 -------------------------------------------------------------------------------------------

KEEPALIVE_DUE = SetTimer(CONTROLLER, KEEPALIVE_TIMER, P)


def kept_alive(machine, now_ns):
    """Agents that a timer keeps alive at this time, and until when."""
    commands = machine.handle(TimerFired(CONTROLLER, KEEPALIVE_TIMER), now_ns)
    assert commands[-1] == KEEPALIVE_DUE
    return [(c.dest, c.message.expires_after_ns, c.returnable) for c in commands[:-1]]


def test_actors_are_kept_alive_while_a_poll_waits():
    """Q56: by a timer that goes on all the time, and does nothing when no poll is in its way."""
    machine = controller(off="Q56")
    assert KEEPALIVE_DUE in machine.handle(Started(), 0)
    orphan_timeout = machine.config.mesh_orphan_timeout

    idle = kept_alive(machine, P)
    port = asked_procs(machine, P)
    waiting_for_hosts = kept_alive(machine, 2 * P)
    machine.handle(proc_reply(0, port), 2 * P)
    machine.handle(proc_reply(1, port), 2 * P)
    waiting_for_agents = kept_alive(machine, 3 * P)

    assert idle == []
    assert waiting_for_hosts == [(agent(rank), 2 * P + orphan_timeout, False) for rank in range(2)]
    assert waiting_for_agents == [(agent(rank), 3 * P + orphan_timeout, False) for rank in range(2)]


def test_the_dead_are_not_kept_alive():
    """Neither one among others, nor all."""
    machine = controller(off="Q18 Q19 Q56")
    proc_polled(machine, GONE, WELL)

    assert [dest for dest, _, _ in kept_alive(machine, 2 * P)] == [agent(1)]
    machine.dead[1] = DEAD
    assert kept_alive(machine, 2 * P) == []


def test_nobody_is_kept_alive_without_an_orphan_timeout_or_after_the_end():
    """Then the timer does not go on either."""
    never = controller_of([RUNNING], config=Config.of({"mesh_orphan_timeout": 0}, ("Q56",)))
    over = controller(off="Q56")
    over.handle(CleanupStarted(failed=False), 0)

    assert KEEPALIVE_DUE not in never.handle(Started(), 0)
    assert over.handle(TimerFired(CONTROLLER, KEEPALIVE_TIMER), P) == []


# --- changes of a rank: Q20, Q21, Q22, Q26, Q54, Q25 ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("quirk", "after", "entry"),
    [("Q20", failed("two events"), failed("two events")), ("Q21", STOPPED, FAILED), ("Q21", timeout(A), FAILED)],
)
@pytest.mark.parametrize("is_off", [False, True])
def test_a_rank_fails_once(quirk, after, entry, is_off):
    """Q20, Q21: the same end in other words; with the quirk the first event is told once more."""
    machine = controller(FAILED, RUNNING, off=quirk if is_off else "")

    commands = polled(machine, (after, (BOOM,)), (RUNNING, ()))

    assert failures(commands) == ([] if is_off else [(0, BOOM.actor_status)])
    assert machine.statuses[0] == (entry if is_off else after)


@pytest.mark.parametrize(
    ("off", "before", "told"),
    [("Q21", FAILED, []), ("Q21", RUNNING, [0]), ("Q21", STOPPED, [0]), ("", FAILED, [0])],
)
def test_a_failed_rank_whose_host_is_silent_has_failed(off, before, told):
    """Q21: when the host answers again the failure is no news. A process of another may have crashed since."""
    machine = controller(before, RUNNING, off=f"Q18 Q19 Q28 Q54 {off}")
    port = asked_procs(machine)
    machine.handle(proc_reply(1, port), P)

    silent = machine.handle(TimerFired(CONTROLLER, "proc_idle"), P + H)

    assert [rank for rank, _ in failures(silent)] == told
    assert machine.statuses[0] == (timeout(H) if told else FAILED)


def test_copies_of_answers_are_answers_of_nobody_else():
    """Q44: of the hosts and of the agents; with the quirk the rank that did not answer yet is taken for silent."""
    told = {}
    for off in ("Q18 Q19", "Q18 Q19 Q44"):
        machine = controller(RUNNING, RUNNING, RUNNING, off=off)
        proc_polled(machine, WELL, WELL, WELL)
        port = machine.query.port
        replies = [machine.handle(actor_reply(rank, port), P) for rank in (0, 1, 1)]
        told[off] = [rank for rank, _ in failures(replies[-1])]

    assert told == {"Q18 Q19": [2], "Q18 Q19 Q44": []}


def test_a_dead_proc_is_not_mistaken_for_another():
    """Q44: a host says twice of the last two procs how they are, before another says it of the first one."""
    machine = controller(RUNNING, RUNNING, RUNNING, off="Q18 Q19 Q44")
    port = asked_procs(machine)
    early = [machine.handle(proc_reply(rank, port, *state), P) for rank, state in ((1, GONE), (2, WELL)) for _ in "ab"]

    last = machine.handle(proc_reply(0, port, *WELL), P)

    assert early == [[]] * 4
    assert failures(last) == [(1, KILLED_FAILURE)]


def test_a_failure_without_events_is_told_by_its_text():
    """Q22: recorded, and told once."""
    machine = controller(off="Q22")

    first = polled(machine, (failed("no reason"), ()), (RUNNING, ()))
    second = polled(machine, (failed("no reason"), ()), (RUNNING, ()), now_ns=2 * P)

    assert failures(first) == [(0, actor_failed(Generic("no reason")))]
    assert failures(second) == []
    assert machine.statuses[0] == failed("no reason")


@pytest.mark.parametrize(("off", "told"), [("", 1), ("Q26", 0)])
def test_after_a_stop_nothing_is_told(off, told):
    """Q26: the stray poll finds that a silent rank has stopped after all."""
    machine = controller(off=off)
    machine.handle(Envelope(ALICE.actor, CONTROLLER, Stop(MESH, "enough")), 0)
    machine.handle(overlay(agent(0), CONTROLLER, machine.stop.port, (0, 1, STOPPED)), 0)
    machine.handle(TimerFired(CONTROLLER, "stop_idle"), A)

    commands = polled(machine, (STOPPED, ()), (STOPPED, ()), now_ns=A + P)

    assert len(failures(commands)) == told
    assert type(machine.unhealthy_event) is (Crashed if told else StreamClosed)


def test_no_poll_follows_a_stop():
    """Q15: the scheduled one finds that there is nothing to do."""
    machine = controller(off="Q15")
    machine.handle(Envelope(ALICE.actor, CONTROLLER, Stop(MESH, "enough")), 0)
    machine.handle(overlay(agent(0), CONTROLLER, machine.stop.port, (0, 2, STOPPED)), 0)

    assert machine.handle(check(), P) == []
    assert machine.phase is ControllerPhase.IDLE


@pytest.mark.parametrize(("off", "entry"), [("", timeout(A)), ("Q54", RUNNING)])
def test_a_rank_that_answers_again_is_running(off, entry):
    machine = controller(timeout(A), RUNNING, off=off)

    polled(machine, (RUNNING, ()), (RUNNING, ()))

    assert machine.statuses[0] == entry


@pytest.mark.parametrize(("off", "monitoring"), [("", False), ("Q54", True)])
def test_silence_alone_does_not_end_the_polling(off, monitoring):
    """Q54: all ranks timed out, and may all come back."""
    machine = controller(off=off)
    asked_actors(machine)

    commands = machine.handle(TimerFired(CONTROLLER, "actor_idle"), P + A)

    assert machine.statuses == {0: timeout(A), 1: timeout(A)}
    assert (commands[-1] == reschedule()) is monitoring is machine.monitoring


def test_recovery_is_told_to_subscribers():
    """Q25: a failure without a rank whose status is no end; the mesh is Running, and it is told once."""
    machine = controller(timeout(A), RUNNING, off="Q25 Q54")
    machine.unhealthy_event = Crashed(CRASH)

    commands = polled(machine, (RUNNING, ()), (RUNNING, ()))
    again = polled(machine, (RUNNING, ()), (RUNNING, ()), now_ns=2 * P)

    event = event_of(actor(0), ActorStatus(ActorPhase.IDLE), at_ns=P)
    assert to_subscriber(ALICE, MeshFailure(MESH, None, event)) in commands
    assert failures(commands, to=CLIENT) == failures(again) == []
    assert machine.unhealthy_event is None


def test_a_mesh_with_one_bad_rank_has_not_recovered():
    machine = controller(timeout(A), FAILED, off="Q25 Q54")
    machine.unhealthy_event = Crashed(CRASH)

    commands = polled(machine, (RUNNING, ()), (FAILED, (BOOM,)))

    assert failures(commands) == []
    assert machine.unhealthy_event == Crashed(CRASH)


# --- missing ranks: Q24 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "text"), [(NOT_EXIST, "actor does not exist"), (failed("no such type"), "no such type")]
)
def test_a_missing_actor_is_told_as_itself(status, text):
    """Q24: an agent that knows nothing of the actor speaks for its own rank only, and for good."""
    machine = controller(off="Q24")

    def poll(now_ns):
        port = asked_actors(machine, now_ns)
        reply = Envelope(agent(1), CONTROLLER, StateReply(State(MESH, status)), port)
        machine.handle(reply, now_ns)
        return machine.handle(actor_reply(0, port), now_ns)

    assert failures(poll(P)) == [(1, actor_failed(Generic(text)))]
    assert failures(poll(2 * P)) == []
    assert machine.statuses == {0: RUNNING, 1: failed(text)}


def test_a_missing_proc_is_told_as_itself():
    """Q24: with what its host knows, which is nothing."""
    machine = controller(off="Q24 Q28")
    port = asked_procs(machine)
    reply = Envelope(host_agent(1), CONTROLLER, StateReply(State(proc_name(1), NOT_EXIST)), port)
    machine.handle(reply, P)

    commands = machine.handle(proc_reply(0, port), P)

    assert failures(commands) == [(1, actor_failed(Generic("no status received from process")))]


# --- ends without a state: Q23 -----------------------------------------------------------------------------------


def answered_without_a_state(machine, status):
    """Rank 1 answers with this status and no state, rank 0 is well."""
    port = asked_actors(machine, P)
    machine.handle(Envelope(agent(1), CONTROLLER, StateReply(State(MESH, status)), port), P)
    return machine.handle(actor_reply(0, port), P)


@pytest.mark.parametrize("status", [STOPPED, timeout(3 * S)])
def test_an_end_without_a_state_is_a_panic(status):
    """Q23: nobody whom the event could be about. Only while Q24 is off does the answer come this far."""
    commands = answered_without_a_state(controller(off="Q24"), status)

    assert [command for command in commands if isinstance(command, Panic)] == [Panic("actor_id is None")]


@pytest.mark.parametrize(("status", "text"), [(STOPPED, "Stopped"), (timeout(3 * S), "Timeout(3s)")])
def test_without_q23_an_end_without_a_state_is_that_of_its_rank(status, text):
    machine = controller(off="Q23 Q24")

    commands = answered_without_a_state(machine, status)

    assert failures(commands) == [(1, actor_stopped(f"actor status is {text}; actor may have been killed"))]
    assert machine.statuses == {0: RUNNING, 1: status}


# --- a stop in the middle of a poll: Q27 -------------------------------------------------------------------------


STOP = Envelope(CLIENT, CONTROLLER, Stop(MESH, "enough"))


@pytest.mark.parametrize(("asked", "key"), [(asked_procs, "proc_idle"), (asked_actors, "actor_idle")])
def test_a_stop_ends_the_poll_that_runs(asked, key):
    """Q27: it is abandoned; then all is as in any stop."""
    machine = controller(off="Q27")
    asked(machine, P)
    assert machine.interrupts(STOP)

    commands = machine.handle(STOP, P)

    assert commands[:2] == [CancelTimer(CONTROLLER, key), ended("abandoned")]
    assert [c.message for c in commands if isinstance(c, Envelope)].count(STOP.message) == 2
    assert machine.phase is ControllerPhase.STOPPING


def test_answers_to_an_abandoned_poll_are_taken_and_mean_nothing():
    """They would be the end of the agent that gets them back."""
    machine = controller(off="Q27")
    port = asked_actors(machine, P)
    machine.handle(STOP, P)

    assert machine.accepts(port)
    assert machine.handle(actor_reply(0, port, failed("late")), P) == []
    assert machine.statuses == {0: RUNNING, 1: RUNNING}


def test_other_messages_wait_for_the_end_of_a_poll():
    """And so does a stop when no poll runs, or one that would do nothing."""
    machine = controller(off="Q27")
    idle = machine.interrupts(STOP)
    asked_procs(machine, P)

    assert (idle, machine.interrupts(Envelope(CLIENT, CONTROLLER, Subscribe(ALICE)))) == (False, False)
    machine.handle(STOP, P)
    assert not machine.interrupts(STOP)
    machine.monitoring = False
    assert not machine.interrupts(STOP)


def test_with_q27_a_stop_waits():
    machine = controller(off="Q24")
    asked_procs(machine, P)

    assert not machine.interrupts(STOP)


@pytest.mark.parametrize(("off", "at_once"), [("", False), ("Q27", False), ("Q16", True)])
def test_without_q16_a_subscriber_that_is_gone_is_forgotten_while_a_poll_waits(off, at_once):
    """Heartbeats go on meanwhile: the first that comes back is to be the last but those on their way."""
    machine = subscribed(controller(off=off), ALICE)
    asked_procs(machine, P)
    sent = machine._tell_subscribers(None)[0]
    returned = Envelope(ALICE.actor, CONTROLLER, Undeliverable(sent, ("gone",)), returnable=False)
    other = Envelope(CLIENT, CONTROLLER, Undeliverable(STOP, ("gone",)), returnable=False)

    assert (machine.interrupts(returned), machine.interrupts(other)) == (at_once, False)
    machine.handle(returned, P)
    assert (list(machine.subscribers), machine.phase) == ([], ControllerPhase.QUERYING_PROCS)


# --- messages that come back: Q57 --------------------------------------------------------------------------------


def test_a_message_that_comes_back_is_logged():
    machine = controller(off="Q57")
    lost = Envelope(CONTROLLER, host_agent(1), GetState(proc_name(1), PortRef(CONTROLLER, 1024)))

    commands = machine.handle(Envelope(host_agent(1), CONTROLLER, Undeliverable(lost, ("gone", "broken"))), P)

    assert commands == [Warned(CONTROLLER, f"message not delivered: to {host_agent(1)}: gone; broken")]


# --- stop and cleanup: Q13, Q14, Q52, and what is known to be gone ------------------------------------------------


def test_a_mesh_whose_ranks_have_all_ended_can_be_stopped():
    """Q13: the first stop is none too many, the second is."""
    machine = controller(FAILED, FAILED, off="Q13")
    polled(machine, (FAILED, (BOOM,)), (FAILED, (BOOM,)))
    stop = Envelope(ALICE.actor, CONTROLLER, Stop(MESH, "enough"))

    first = machine.handle(stop, 2 * P)
    machine.handle(overlay(agent(0), CONTROLLER, machine.stop.port, (0, 2, STOPPED)), 2 * P)

    assert told_stop(first) == [(None, "ActorMeshController received explicit stop request")]
    assert asked(first, Stop) == [agent(0), agent(1)]
    assert machine.handle(stop, 2 * P) == []


@pytest.mark.parametrize(("off", "tries"), [("", []), ("Q52", [agent(0), agent(1)])])
def test_a_stop_that_did_not_reach_everybody_can_be_tried_again(off, tries):
    """Q52: the agents are asked once more, the subscribers know already."""
    machine = controller(off=off)
    stop = Envelope(ALICE.actor, CONTROLLER, Stop(MESH, "enough"))
    machine.handle(stop, 0)
    machine.handle(TimerFired(CONTROLLER, "stop_idle"), A)

    again = machine.handle(stop, A)

    assert asked(again, Stop) == tries
    assert told_stop(again) == []


@pytest.mark.parametrize(("off", "told"), [("", []), ("Q14", [(None, "actor mesh controller cleanup")])])
def test_a_controller_that_cleans_up_tells_its_subscribers(off, told):
    machine = controller(off=off)

    commands = machine.handle(CleanupStarted(failed=False), 0)

    assert told_stop(commands) == told
    assert asked(commands, Stop) == [agent(0), agent(1)]


def test_a_stop_leaves_out_processes_that_are_gone():
    """Q18: what is known of a dead proc is its answer, nobody waits for another."""
    machine = controller(off="Q18 Q19")
    proc_polled(machine, GONE, WELL)
    machine.handle(actor_reply(1, machine.query.port), P)

    commands = machine.handle(Envelope(ALICE.actor, CONTROLLER, Stop(MESH, "enough")), P)
    over = machine.handle(overlay(agent(1), CONTROLLER, machine.stop.port, (1, 2, STOPPED)), P)

    assert asked(commands, Stop) == [agent(1)]
    assert over == [CancelTimer(CONTROLLER, "stop_idle")]
    assert machine.statuses == {0: DEAD, 1: STOPPED}


def test_a_stop_of_nothing_but_dead_procs_is_over_at_once():
    machine = controller(off="Q13 Q18")
    proc_polled(machine, GONE, GONE)

    machine.handle(Envelope(ALICE.actor, CONTROLLER, Stop(MESH, "enough")), P)

    assert machine.phase is ControllerPhase.IDLE
    assert machine.statuses == {0: DEAD, 1: DEAD}
