"""Which rank, and which cause."""

from __future__ import annotations

import pytest
from trace_builder import AGENTS, CLIENT, CONTROLLER, NODES, OBSERVER, TRAINERS, TraceBuilder, found

from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import ActorId
from meshsim.model.notes import EventRecorded
from meshsim.trace.records import FaultStruck

ID = "right-cause"
BOOM = "failed: boom"
EXIT_3 = ExitStatus(code=3)


@pytest.fixture
def trace() -> TraceBuilder:
    return TraceBuilder().bring_up()


@pytest.mark.parametrize(
    ("status", "text", "why"),
    [
        (EXIT_3, "failed: process exited with non-zero code 3", ""),
        (EXIT_3, "failed: process exited with non-zero code 4", "its process exited with code 3"),
        (EXIT_3, "stopped: process exited cleanly", "its process exited with code 3"),
        (ExitStatus(code=0), "stopped: process exited cleanly", ""),
        (ExitStatus(signal=11), "failed: process failure: Killed(sig=11)", ""),
        (ExitStatus(signal=11, core_dumped=True), "failed: process failure: Killed(sig=11, core)", ""),
        (
            ExitStatus(signal=11, core_dumped=True),
            "failed: process failure: Killed(sig=11)",
            "its process was killed by signal 11 (core dumped)",
        ),
        (ExitStatus(signal=9), "failed: process failure: Killed(sig=11)", "its process was killed by signal 9"),
        (ExitStatus(signal=15), "stopped: process was stopped with signal 15", ""),
        (ExitStatus(signal=9), "failed: process failure: Failed(lost)", "its host noted no such status"),
        (None, "failed: process exited with non-zero code 3", "its process has not ended"),
        (None, "stopped: no status received from process", ""),
        (None, "stopped: actor status is Stopped; actor may have been killed", ""),
        (None, BOOM, "it had no such status, and none was recorded"),
    ],
)
def test_the_cause_is_what_happened(trace: TraceBuilder, status: ExitStatus | None, text: str, why: str) -> None:
    """What was waited for, noted or recorded; conclusions are another invariant's."""
    if status is not None:
        trace.dies(NODES[1], status, by="host1", at=5)
    trace.heard(CLIENT, "owner", 1, text, at=6)
    expected = [f'client heard as owner of trainer[1] "{text}", but {why}'] if why else []
    assert [message for _, message, _ in found(trace.end(7), ID)] == expected


@pytest.mark.parametrize(
    ("actor", "text", "why"),
    [
        (TRAINERS[1], BOOM, ""),
        (TRAINERS[0], BOOM, "it is about trainer[0]"),
        (CONTROLLER, "failed: unable to query", "it is about trainer.controller"),
        (AGENTS[1], "failed: timeout waiting for message from proc mesh agent while querying", ""),
        (AGENTS[0], "failed: timeout waiting for message from proc mesh agent", "it is about workers[0].proc_agent"),
        (AGENTS[1], BOOM, "it is about workers[1].proc_agent"),
    ],
)
def test_the_rank_is_that_of_its_actor(trace: TraceBuilder, actor: ActorId, text: str, why: str) -> None:
    """Or of its agent, when that was silent."""
    for trainer in TRAINERS:
        trace.actor(trainer, BOOM, at=5)
    trace.heard(OBSERVER, "subscriber", 1, text, actor=actor, at=6)
    expected = [f'observer heard as subscriber of trainer[1] "{text}", but {why}'] if why else []
    assert [message for _, message, _ in found(trace.end(7), ID)] == expected


def test_what_was_recorded_of_an_actor_is_true_as_well(trace: TraceBuilder) -> None:
    """An agent stores what others say of it, too."""
    trace.add(EventRecorded(AGENTS[1], TRAINERS[1], BOOM), node=NODES[1], at=5)
    trace.heard(CLIENT, "owner", 1, at=6)
    assert found(trace.end(7), ID) == []


def test_an_agent_that_a_fault_makes_lie_is_believed(trace: TraceBuilder) -> None:
    """What it says is the fault's."""
    trace.add(FaultStruck(0, "misreport", AGENTS[1]), at=5)
    trace.heard(CLIENT, "owner", 1, "failed: injected", at=6)
    assert found(trace.end(7), ID) == []


@pytest.mark.parametrize(
    ("role", "actor", "text", "why"),
    [
        ("parent", CONTROLLER, BOOM, ""),
        ("parent", CONTROLLER, "failed: other", "that is not how it ended"),
        ("watchdog", CONTROLLER, "failed: timed out", ""),
        ("watchdog", TRAINERS[0], "failed: timed out", "that is not its controller"),
    ],
)
def test_children_and_controllers_are_named_too(
    trace: TraceBuilder, role: str, actor: ActorId, text: str, why: str
) -> None:
    """A parent hears its child's own words, a watchdog names the controller."""
    trace.actor(CONTROLLER, BOOM, at=5)
    trace.heard(CLIENT, role, None, text, actor=actor, at=6)
    assert [message.partition(", but ")[2] for _, message, _ in found(trace.end(7), ID)] == ([why] if why else [])


@pytest.mark.parametrize(
    ("status", "text", "is_wrong"),
    [
        (EXIT_3, "Stopped(exit=3)", False),
        (EXIT_3, "Stopped(exit=0)", True),
        (EXIT_3, "Killed(sig=3)", True),
        (ExitStatus(signal=6, core_dumped=True), "Killed(sig=6, core)", False),
        (ExitStatus(signal=6, core_dumped=True), "Killed(sig=6)", True),
        (ExitStatus(signal=15), "Stopped(sig=15)", False),
    ],
)
def test_a_host_notes_the_end_that_it_waited_for(
    trace: TraceBuilder, status: ExitStatus, text: str, is_wrong: bool
) -> None:
    """Everything that anybody hears of a process begins here."""
    trace.dies(NODES[1], status, by="host1", at=5)
    trace.proc(1, "Ready", text.partition("(")[0], text)
    ended = f"was {status}" if status.signal else str(status)
    expected = [f"host1 says {text} of workers[1], which {ended}"] if is_wrong else []
    assert [message for _, message, _ in found(trace.end(7), ID)] == expected
