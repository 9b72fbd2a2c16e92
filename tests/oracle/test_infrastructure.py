"""What counts as dying of another's death, and what does not."""

from __future__ import annotations

import pytest
from trace_builder import AGENTS, CLIENT, CONTROLLER, HOST_AGENTS, NODES, TRAINERS, TraceBuilder, found

from meshsim.model.events import TimerFired
from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import ActorId
from meshsim.model.messages import CauseFault, Envelope, Undeliverable, Work
from meshsim.trace.records import Body, ProcessStarted

ID = "infrastructure-survives"
RETURNED = "failed: undeliverable message error: gone"
PANIC = "failed: panic: assertion failed"


def _back(to: ActorId) -> Envelope:
    lost = Envelope(to, TRAINERS[1], Work())
    return Envelope(TRAINERS[1], to, Undeliverable(lost, ("gone",)), returnable=False)


@pytest.mark.parametrize(
    ("actor", "handled", "text", "why"),
    [
        (CONTROLLER, _back(CONTROLLER), RETURNED, "of a message that came back"),
        (HOST_AGENTS[0], _back(HOST_AGENTS[0]), RETURNED, "of a message that came back"),
        (AGENTS[0], _back(AGENTS[0]), PANIC, "of a message that came back"),
        (CONTROLLER, TimerFired(CONTROLLER, "proc_idle"), PANIC, "of an answer that did not come"),
        (CONTROLLER, Envelope(CLIENT, CONTROLLER, CauseFault("panic")), PANIC, None),
        (CONTROLLER, TimerFired(CONTROLLER, "stop"), "failed: cleanup error: deadline has elapsed", None),
        (TRAINERS[0], _back(TRAINERS[0]), RETURNED, None),
    ],
    ids=["returned", "host", "panic", "silence", "fault", "cleanup", "user"],
)
def test_of_what_infrastructure_may_die(actor: ActorId, handled: Body, text: str, why: str | None) -> None:
    """A fault, its own end, and what befalls users' actors are something else."""
    trace = TraceBuilder().bring_up()
    node = {CONTROLLER: "client", HOST_AGENTS[0]: "host0"}.get(actor, NODES[0])
    cause = trace.add(handled, node=node, at=5)
    trace.actor(actor, "stopping", node=node, cause=cause)
    last = trace.actor(actor, text, node=node, at=6)
    findings = [(message.split(" died ")[1], records) for _, message, records in found(trace.end(7), ID)]
    assert findings == ([] if why is None else [(f"{why}: {text}", (cause, last))])


@pytest.mark.parametrize(("kind", "times"), [("host", 1), ("allocated", 0)])
def test_a_process_that_exits_over_a_message_that_came_back(kind: str, times: int) -> None:
    """No actor has failed before it; an allocated one does so because its allocator is gone."""
    trace = TraceBuilder().bring_up()
    trace.add(ProcessStarted(kind, "", "", False), node="extra")
    cause = trace.add(_back(CLIENT), node="extra", at=5)
    trace.dies("extra", ExitStatus(code=1), why="exit", cause=cause)
    messages = [message for _, message, _ in found(trace.end(7), ID)]
    assert messages == times * ["the process of extra exited because a message came back: Work to trainer[1]"]


def test_the_process_of_an_agent_that_died_is_not_counted_again() -> None:
    """Its exit is the consequence of what was found."""
    trace = TraceBuilder().bring_up()
    cause = trace.add(_back(AGENTS[0]), node=NODES[0], at=5)
    trace.actor(AGENTS[0], RETURNED, cause=cause)
    trace.dies(NODES[0], ExitStatus(code=1), by="host0", why="exit", cause=cause)
    assert [subject for subject, _, _ in found(trace.end(7), ID)] == ["workers[0].proc_agent"]
