"""What must not disappear, and what has to be known next door."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from trace_builder import AGENTS, CLIENT, COMMS, CONTROLLER, NODES, PROCS, TRAINERS, TraceBuilder, found, heard

from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import Name, actor_id, actor_name_of
from meshsim.model.messages import (
    Cast,
    Envelope,
    ForwardMessage,
    MeshFailed,
    RankStatus,
    StateReply,
    Stop,
    Undeliverable,
    Work,
)
from meshsim.model.notes import Bounced, EventRecorded, LocalDelivery
from meshsim.model.shapes.extent import Extent
from meshsim.model.shapes.region import Region
from meshsim.model.status import RUNNING, State
from meshsim.trace.records import FaultStruck, InFlight, MessageLost, ProcessStopped, RunEnded
from meshsim.units import S

KILLED = ExitStatus(signal=9)
NAME = actor_name_of(TRAINERS[0])
WORK = Envelope(CLIENT, TRAINERS[1], Work())
BACK = Envelope(TRAINERS[1], CLIENT, Undeliverable(WORK, ("gone",)), returnable=False)
TAKEN = Envelope(AGENTS[0], COMMS[0], StateReply(State(NAME, RUNNING)), port=1024)
PASSED = Envelope(COMMS[0], CLIENT, StateReply(State(NAME, RUNNING)), port=1024)
UPDATE = Envelope(AGENTS[0], COMMS[0], RankStatus(((0, 1, RUNNING),)), port=1024)
MERGED = Envelope(COMMS[0], CLIENT, RankStatus(((0, 1, RUNNING),)), port=1024)


@pytest.fixture
def trace() -> TraceBuilder:
    return TraceBuilder().bring_up()


def _vanished(trace: TraceBuilder) -> list[str]:
    return [message for _, message, _ in found(trace.end(60), "nothing-vanishes")]


def _forward(number: int, last: int) -> Envelope:
    view = Region.of(Extent(("hosts",), (2,)))
    cast = Cast(Name("trainer-9zzzzzzzzzzz"), CLIENT, NAME, view, (2,), Work())
    return Envelope(COMMS[0], COMMS[1], ForwardMessage(cast, (), number, last))


@pytest.mark.parametrize("fate", [BACK, MessageLost(BACK, "gone"), InFlight(BACK), Bounced(BACK, "gone")], ids=str)
def test_what_bounced_comes_back_or_is_said_to_be_lost(trace: TraceBuilder, fate: Envelope) -> None:
    """Who sent it may be gone by then."""
    trace.add(Bounced(WORK, "mailbox closed"), node=NODES[1], at=5)
    trace.add(fate, node="client", at=6)
    assert _vanished(trace) == []


def test_what_bounced_and_never_came_back_is_found(trace: TraceBuilder) -> None:
    """Two bounced, one came back."""
    trace.add(Bounced(WORK, "mailbox closed"), node=NODES[1], at=5)
    trace.add(Bounced(WORK, "mailbox closed"), node=NODES[1], at=5)
    trace.add(BACK, node="client", at=6)
    assert _vanished(trace) == ["Work from client to trainer[1] that bounced never came back"]


def test_what_nobody_wants_back_need_not_come(trace: TraceBuilder) -> None:
    """It is not returnable."""
    trace.add(Bounced(Envelope(CLIENT, TRAINERS[1], Work(), returnable=False), "closed"), node=NODES[1], at=5)
    assert _vanished(trace) == []


@pytest.mark.parametrize(
    ("numbers", "messages"),
    [
        (((1, 0), (2, 1), (3, 2)), []),
        (((1, 0), (3, 1)), []),
        (((2, 1),), ["forward 1 from workers[0].comm to workers[1].comm disappeared: the next one arrived"]),
        (((1, 0), (3, 2)), ["forward 2 from workers[0].comm to workers[1].comm disappeared: the next one arrived"]),
    ],
    ids=["all", "not for all", "first", "between"],
)
def test_forwards_name_the_one_before(
    trace: TraceBuilder, numbers: tuple[tuple[int, int], ...], messages: list[str]
) -> None:
    """A number that this peer was never sent is no gap."""
    for number, last in numbers:
        trace.add(_forward(number, last), node=NODES[1], at=5)
    assert _vanished(trace) == messages


def test_a_forward_that_was_lost_by_name_is_accounted_for(trace: TraceBuilder) -> None:
    """The network says that it lost it."""
    trace.add(MessageLost(_forward(1, 0), "the network lost it"), node=NODES[1], at=5)
    trace.add(_forward(2, 1), node=NODES[1], at=6)
    assert _vanished(trace) == []


@pytest.mark.parametrize("taken", [TAKEN, UPDATE], ids=["one by one", "merged"])
def test_an_answer_that_a_comm_actor_keeps_is_found(trace: TraceBuilder, taken: Envelope) -> None:
    """Whoever asked waits for ever."""
    trace.add(taken, node=NODES[0], at=5)
    assert _vanished(trace) == ["workers[0].comm took an answer to pass on, and never did"]


def test_answers_that_are_passed_on(trace: TraceBuilder) -> None:
    """One by one in the same step, inside a process as from outside; merged ones a little later."""
    first = trace.add(TAKEN, node=NODES[0], at=5)
    trace.add(PASSED, node="client", cause=first, at=5.1)
    step = trace.add(Envelope(CLIENT, COMMS[0], Work()), node=NODES[0], at=6)
    trace.add(LocalDelivery(TAKEN), node=NODES[0], cause=step)
    trace.add(PASSED, node="client", cause=step, at=6.1)
    update = trace.add(UPDATE, node=NODES[0], at=7)
    trace.add(MERGED, node="client", cause=update, at=7.1)
    assert _vanished(trace) == []


@pytest.mark.parametrize(
    "excuse",
    [
        lambda trace: trace.actor(COMMS[0], "stopped: enough"),
        lambda trace: trace.dies(NODES[0], KILLED, by="host0"),
        lambda trace: trace.add(FaultStruck(0, "hang", COMMS[0])),
        lambda trace: trace.add(ProcessStopped(), node=NODES[0]),
    ],
    ids=["ended", "died", "hangs", "stalls"],
)
def test_a_comm_actor_that_cannot_pass_on_need_not(
    trace: TraceBuilder, excuse: Callable[[TraceBuilder], object]
) -> None:
    """The answer went with it."""
    trace.add(TAKEN, node=NODES[0], at=5)
    excuse(trace)
    assert _vanished(trace) == []


# --- last-words --------------------------------------------------------------------------------------------


def _unheard(trace: TraceBuilder) -> list[str]:
    return [message for _, message, _ in found(trace.end(60), "last-words")]


@pytest.mark.parametrize(
    "excuse",
    [
        lambda trace: (trace.dies(NODES[1], KILLED, by="host1"), trace.proc(1, "Ready", "Killed", "Killed(sig=9)")),
        lambda trace: trace.actor(AGENTS[1], "failed: too"),
        lambda trace: trace.add(ProcessStopped(), node=NODES[1]),
        lambda trace: trace.add(EventRecorded(AGENTS[1], TRAINERS[1], "failed: boom"), node=NODES[1], at=5.9),
    ],
    ids=["died", "agent ended", "stalls", "is late"],
)
def test_an_agent_that_could_not_record(trace: TraceBuilder, excuse: Callable[[TraceBuilder], object]) -> None:
    """It went with the process, or is not there any more."""
    trace.actor(TRAINERS[1], "failed: boom", at=5)
    excuse(trace)
    assert _unheard(trace) == []


def test_an_agent_that_waits_for_another_actor_records_later(trace: TraceBuilder) -> None:
    """Its mailbox has the event for as long as the stop may take, and not longer."""
    trace.add(Envelope(CONTROLLER, AGENTS[1], Stop(NAME, "enough")), node=NODES[1], at=5)
    trace.actor(TRAINERS[1], "failed: boom", at=6)
    early = [*trace.records, msgspec.structs.replace(trace.records[-1], at=15 * S, what=RunEnded("horizon", ()))]

    assert found(early, "last-words") == []
    assert _unheard(trace) == ["trainer[1] failed, and its agent recorded no event of it"]


def test_children_and_actors_without_agent_have_nobody_next_door(trace: TraceBuilder) -> None:
    """A child has its parent, and a client or a host its process."""
    trace.actor(actor_id(PROCS[1], NAME, 1), "failed: boom", at=5)
    trace.actor(CLIENT, "failed: boom")
    assert _unheard(trace) == []


def test_a_host_that_waited_for_its_proc_says_how_it_ended(trace: TraceBuilder) -> None:
    """What the kernel told it is nowhere else."""
    trace.dies(NODES[1], ExitStatus(code=3), by="host1", why="exit", at=5)
    assert _unheard(trace) == ["workers[1] exited with code 3, and host1 said nothing of it"]


@pytest.mark.parametrize("inside", [False, True])
def test_an_owner_that_is_told_hears(trace: TraceBuilder, inside: bool) -> None:
    """In the very step, from its own process or from another."""
    told = heard(CLIENT, "owner", 1, "failed: boom", mesh="trainer", actor=TRAINERS[1])
    envelope = Envelope(CONTROLLER, CLIENT, MeshFailed(told.failure))
    step = trace.add(Envelope(AGENTS[1], CONTROLLER, Work()) if inside else envelope, node="client", at=5)
    if inside:
        trace.add(LocalDelivery(envelope), node="client", cause=step)
    silent = [*trace.records]
    trace.add(told, node="client", cause=step)

    expected = ["client was told of a failure as owner, and did not hear it"]
    assert [message for _, message, _ in found(silent, "last-words")] == expected
    assert _unheard(trace) == []
