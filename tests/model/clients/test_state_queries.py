"""Asking agents and hosts for states: who is asked, what silence counts as, and slices (9.7, 10.5)."""

import pytest
from machines import CLIENT, MESH, actor, agent, event_of, host_agent, proc, proc_mesh, proc_name

from meshsim.model.clients.state_queries import ActorStatesRun, ProcStatesRun
from meshsim.model.clients.stopping import Outcome
from meshsim.model.clients.waits import IdleLimit, PaddingError, StateQuery
from meshsim.model.commands import CancelTimer, Panic, SetTimer
from meshsim.model.config import Config
from meshsim.model.events import TimerFired
from meshsim.model.ids import PortRef
from meshsim.model.messages import Envelope, GetState, KeepaliveGetState, StateReply
from meshsim.model.messaging.casting import agents_of, cast
from meshsim.model.notes import Warned
from meshsim.model.shapes.slice import Range
from meshsim.model.status import NOT_EXIST, RUNNING, STOPPED, ActorState, ProcState, State, failed
from meshsim.model.supervision import Generic, actor_failed
from meshsim.units import S

PORT, KEY = 1024, "operation:1024"
ASKED = PortRef(CLIENT, PORT, returnable=False)
WHOLE = proc_mesh(4)


def part(begin, end=None):
    return WHOLE.sliced(WHOLE.region.range("hosts", Range(begin, end)), "part")


def config(off):
    return Config.of({"GET_ACTOR_STATE_MAX_IDLE": 5 * S, "GET_PROC_STATE_MAX_IDLE": 7 * S}, tuple(off.split()))


def of_actors(procs, off="", expires_ns=None):
    return ActorStatesRun(CLIENT, procs, config(off), PORT, KEY, name=MESH, expires_after_ns=expires_ns)


def of_procs(procs, off=""):
    return ProcStatesRun(CLIENT, procs, config(off), PORT, KEY)


def from_agent(rank, status=RUNNING, create_rank=None):
    """An agent's answer; `create_rank` when the mesh was spawned elsewhere than on all procs."""
    state = ActorState(actor(rank), rank if create_rank is None else create_rank)
    return Envelope(agent(rank), CLIENT, StateReply(State(MESH, status, state)), PORT)


def from_host(rank, status=RUNNING):
    state = ProcState(proc(rank), rank, agent(rank))
    return Envelope(host_agent(rank), CLIENT, StateReply(State(proc_name(rank), status, state)), PORT)


def silent(run, replies, limit_ns):
    """These answer at once, and nobody else ever does."""
    run.start(0)
    for reply in replies:
        assert run.handle(reply, 0) == []
    return run.handle(TimerFired(CLIENT, KEY), limit_ns)


# --- asking --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expires_ns", "message"),
    [
        (None, GetState(MESH, PortRef(CLIENT, PORT))),
        (9 * S, KeepaliveGetState(9 * S, MESH, PortRef(CLIENT, PORT))),
    ],
)
def test_every_agent_of_the_view_is_asked(expires_ns, message):
    """By a cast, as a keepalive or without."""
    commands = of_actors(part(2), expires_ns=expires_ns).start(0)

    assert commands == [*cast(CLIENT, agents_of(part(2)), message, config("")), SetTimer(CLIENT, KEY, 5 * S)]
    assert [command.dest for command in commands[:-1]] == [agent(2), agent(3)]


def test_hosts_are_asked_once_for_each_proc():
    commands = of_procs(part(0, 2)).start(0)

    asks = [Envelope(CLIENT, host_agent(rank), GetState(proc_name(rank), ASKED)) for rank in (0, 1)]
    assert commands == [*asks, SetTimer(CLIENT, KEY, 7 * S)]


# --- answers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("run", "replies"),
    [
        (of_actors(part(2)), [from_agent(3, STOPPED), from_agent(2)]),
        (of_actors(part(2), "Q44"), [from_agent(3, STOPPED), from_agent(2)]),
        # Spawned on the slice: create ranks are those of the slice.
        (of_actors(part(2)), [from_agent(3, STOPPED, 1), from_agent(2, create_rank=0)]),
        (of_procs(part(2)), [from_host(3, STOPPED), from_host(2)]),
        (of_procs(part(2), "Q44"), [from_host(3, STOPPED), from_host(2)]),
    ],
)
def test_states_are_in_order_of_rank_whoever_answers_first(run, replies):
    run.start(0)
    ends = [run.handle(reply, 1 * S) for reply in replies]

    assert ends == [[], [CancelTimer(CLIENT, KEY)]]
    assert run.outcome == Outcome(result="Running=0..1;Stopped=1..2")
    assert not run.accepts(PORT)


@pytest.mark.parametrize("status", [NOT_EXIST, failed("test failure")])
def test_one_without_a_state_fails_the_whole_query(status):
    """Unknown there, or never made."""
    run = of_actors(WHOLE)
    run.start(0)
    run.handle(from_agent(0), 0)

    run.handle(Envelope(agent(1), CLIENT, StateReply(State(MESH, status)), PORT), 0)

    assert run.outcome == Outcome(error=f"error: {MESH} does not exist")


def test_every_reply_gives_the_others_more_time():
    run = of_actors(proc_mesh(2))
    run.start(0)
    run.handle(from_agent(0), 4 * S)

    assert run.handle(TimerFired(CLIENT, KEY), 5 * S) == [SetTimer(CLIENT, KEY, 4 * S)]
    assert run.handle(from_agent(1), 8 * S) == [CancelTimer(CLIENT, KEY)]


# --- silence -------------------------------------------------------------------------------------------------


def test_silent_ranks_time_out():
    actors, procs = of_actors(WHOLE), of_procs(WHOLE)

    logged = Warned(CLIENT, "timed out waiting for the actor states of a proc mesh agent after 5s")
    assert silent(actors, [from_agent(0), from_agent(2)], 5 * S) == [logged]
    warned = silent(procs, [from_host(3)], 7 * S)

    text = "Timeout waiting for response from host mesh agent for proc_states after 7s"
    assert warned == [Warned(CLIENT, text)]
    assert actors.outcome == Outcome(result="Running=0..1,2..3;Timeout(5s)=1..2,3..4")
    assert procs.outcome == Outcome(result="Timeout(7s)=0..3;Running=3..4")


def test_a_silent_agent_leaves_an_event_about_itself():
    """10.5 step 3, to the letter."""
    run = of_actors(part(2))
    text = f'timeout waiting for message from proc mesh agent while querying for "{MESH}". The process likely crashed'

    (event,) = run._silent(1, 8 * S).state.supervision_events

    assert event == event_of(agent(3), actor_failed(Generic(text)), at_ns=8 * S)


@pytest.mark.parametrize(("run", "reply", "limit_ns"), [(of_actors, from_agent, 5 * S), (of_procs, from_host, 7 * S)])
def test_a_slice_with_a_silent_rank_panics(run, reply, limit_ns):
    """Q44: a reply with create rank 2, of two ranks; of those, two did not answer, but only one is missing."""
    commands = silent(machine := run(part(2)), [reply(2)], limit_ns)

    assert commands == [Panic("assertion `left == right` failed\n  left: 2\n right: 1")]
    assert machine.outcome is None


@pytest.mark.parametrize(("run", "reply", "limit_ns"), [(of_actors, from_agent, 5 * S), (of_procs, from_host, 7 * S)])
@pytest.mark.parametrize(
    ("off", "result"), [("", "Timeout({limit})=0..1;Running=1..2"), ("Q44", "Running=0..1;Timeout({limit})=1..2")]
)
def test_a_slice_may_take_the_wrong_rank_for_silent(run, reply, limit_ns, off, result):
    """Ranks 1 and 2: the first one answers with create rank 1, which is taken for the second (Q44)."""
    silent(machine := run(part(1, 3), off), [reply(1)], limit_ns)

    assert machine.outcome == Outcome(result=result.format(limit=f"{limit_ns // S}s"))


@pytest.mark.parametrize(
    ("received", "silence"), [((), (0, 1, 2)), ((1,), (0, 2)), ((0, 1, 2), ()), ((3,), None), ((0, 7), None)]
)
def test_padding_takes_the_ranks_that_are_left(received, silence):
    query = StateQuery(PORT, IdleLimit(CLIENT, KEY, S), 3, counts_copies=True)
    for rank in received:
        query.put(rank, State(MESH, RUNNING, ActorState(actor(rank), rank)), 0)

    if silence is None:
        with pytest.raises(PaddingError):
            query.padded(lambda _: State(MESH, STOPPED))
    else:
        states = query.padded(lambda _: State(MESH, STOPPED))
        assert tuple(rank for rank, state in enumerate(states) if state.status == STOPPED) == silence
