"""A host that was off starts a proc again under the id that it had: what is known of its former life is not held
against it.
"""

from __future__ import annotations

import pytest
from trace_builder import (
    AGENTS,
    CLIENT,
    CONTROLLER,
    HOSTS,
    NODES,
    OBSERVER,
    PROCS,
    TRAINERS,
    TraceBuilder,
    found,
    heard,
)

from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import Node, PortRef, actor_name_of, proc_name_of
from meshsim.model.mapping import NO_ACTOR
from meshsim.model.messages import Envelope, GetState, MeshFailed, Stop, StopAll
from meshsim.trace.records import ProcessStarted

KILLED = ExitStatus(signal=9)
AGAIN = Node("host1~2")
NODE_AGAIN = Node("host1~2/workers_0")
NAME = actor_name_of(TRAINERS[1])


@pytest.fixture
def trace() -> TraceBuilder:
    return TraceBuilder().bring_up()


def comes_back(trace: TraceBuilder, *, at: float) -> None:
    """The second host is off for a second, and is sent again what made its proc; nobody makes the actor again."""
    trace.dies(HOSTS[1], KILLED, at=at)
    trace.dies(NODES[1], KILLED, why="parent_death")
    trace.add(ProcessStarted("host", "", "", False), node=AGAIN, at=at + 1)
    trace.add(ProcessStarted("proc", AGAIN, proc_name_of(PROCS[1]), True), node=NODE_AGAIN)
    trace.actor(AGENTS[1], "idle", node=NODE_AGAIN)


@pytest.mark.parametrize("message", [Stop(NAME, "enough"), StopAll("enough")], ids=["actor", "proc"])
@pytest.mark.parametrize("is_back", [True, False])
def test_what_was_told_to_stop_has_ended_with_its_life(
    trace: TraceBuilder, message: Stop | StopAll, *, is_back: bool
) -> None:
    """S of its agent is 10 s, and the process dies after 5 s."""
    trace.add(Envelope(CLIENT, AGENTS[1], message), node=NODES[1], at=20)
    if is_back:
        comes_back(trace, at=25)
        trace.actor(TRAINERS[1], "idle", node=NODE_AGAIN)
    assert bool(found(trace.end(100), "stop-happens")) is not is_back


@pytest.mark.parametrize("message", [Stop(NAME, "enough"), StopAll("enough")], ids=["actor", "proc"])
def test_a_stop_in_the_new_life_is_judged(trace: TraceBuilder, message: Stop | StopAll) -> None:
    comes_back(trace, at=5)
    trace.actor(TRAINERS[1], "idle", node=NODE_AGAIN)
    trace.add(Envelope(CLIENT, AGENTS[1], message), node=NODE_AGAIN, at=20)
    assert len(found(trace.end(100), "stop-happens")) == 1


@pytest.mark.parametrize(("node", "count"), [(NODE_AGAIN, 1), (AGAIN, 0)])
def test_what_its_host_was_sent_for_it_did_not_reach_it(trace: TraceBuilder, node: Node, count: int) -> None:
    """The host has it, and knows of no such agent yet: it gives it back."""
    comes_back(trace, at=5)
    trace.add(Envelope(CLIENT, AGENTS[1], GetState(NAME, PortRef(CLIENT, 1024))), node=node, at=20)
    trace.add(Envelope(CLIENT, AGENTS[1], StopAll("enough")), node=node, at=20)
    assert len(found(trace.end(100), "agents-answer")) == count
    assert len(found(trace.records, "stop-happens")) == count


@pytest.mark.parametrize("is_made_again", [False, True])
@pytest.mark.parametrize("is_back", [True, False])
def test_an_actor_of_a_former_life_does_not_exist(trace: TraceBuilder, *, is_back: bool, is_made_again: bool) -> None:
    """Its agent says so, and it is so; as long as nobody makes it again."""
    if is_back:
        comes_back(trace, at=5)
    if is_made_again:
        trace.actor(TRAINERS[1], "idle", node=NODE_AGAIN if is_back else NODES[1], at=7)
    trace.heard(CLIENT, "owner", 1, f"failed: {NO_ACTOR}", at=20)
    true = is_back and not is_made_again
    assert bool(found(trace.end(21), "right-cause")) is not true


@pytest.mark.parametrize(("is_made_again", "count"), [(False, 0), (True, 1)])
def test_an_actor_of_the_new_life_is_well(trace: TraceBuilder, *, is_made_again: bool, count: int) -> None:
    """The one before has ended. A report of a new one that is well, and has been for the detection bound, is false."""
    comes_back(trace, at=5)
    if is_made_again:
        trace.actor(TRAINERS[1], "idle", node=NODE_AGAIN, at=7)
    trace.heard(CLIENT, "owner", 1, "failed: timeout waiting for message from proc mesh agent", at=900)
    assert len(found(trace.end(901), "accuracy")) == count


@pytest.mark.parametrize(("is_made_again", "count"), [(False, 0), (True, 1)])
def test_a_mesh_that_lost_a_rank_is_not_well(trace: TraceBuilder, *, is_made_again: bool, count: int) -> None:
    """A subscriber that was told of a failure need not hear that all is well, unless all is."""
    told = heard(OBSERVER, "subscriber", 1, "failed: boom", mesh="trainer", actor=TRAINERS[1]).failure
    comes_back(trace, at=5)
    if is_made_again:
        trace.actor(TRAINERS[1], "idle", node=NODE_AGAIN, at=7)
    trace.add(Envelope(CONTROLLER, OBSERVER, MeshFailed(told), 1025, subscriber=True), node="observer", at=8)
    assert len(found(trace.end(900), "views-agree")) == count
