"""`keepalive-soundness`: which orphans are none."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from trace_builder import (
    AGENTS,
    CLIENT,
    COMMS,
    CONFIG,
    CONTROLLER,
    NODES,
    TRAINERS,
    TraceBuilder,
    found,
    verdict,
)

from meshsim.model.events import ClockSet
from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import Name, PortRef, actor_name_of
from meshsim.model.messages import CheckState, Envelope, KeepAlive, KeepaliveGetState
from meshsim.model.notes import LocalDelivery, MonitoringEnded, OrphanStopped
from meshsim.trace.records import FaultStruck, MessageLost, MessageReturned, ProcessContinued, ProcessStopped
from meshsim.units import S

NAME = Name(actor_name_of(TRAINERS[1]))
KILLED = ExitStatus(signal=9)


def keepalive(trace: TraceBuilder, *, at: float) -> None:
    message = KeepaliveGetState(round((at + 60) * S), NAME, PortRef(COMMS[1], 1024))
    trace.add(LocalDelivery(Envelope(COMMS[1], AGENTS[1], message)), node=NODES[1], at=at)


def orphan(trace: TraceBuilder, happens: Callable[[TraceBuilder], None]) -> list[str]:
    """A keepalive at 11 s, then something happens, and at 80 s the actor of rank 1 is an orphan."""
    keepalive(trace, at=11)
    happens(trace)
    trace.add(OrphanStopped(TRAINERS[1], 71 * S), node=NODES[1], at=80)
    return [message for _, message, _ in found(trace.end(90), "keepalive-soundness")]


def _nothing(trace: TraceBuilder) -> None:
    """Nobody failed, nothing was lost."""


def _another_dies(trace: TraceBuilder) -> None:
    trace.dies(NODES[0], KILLED, by="host0", at=15)


def _lost_with_another(trace: TraceBuilder) -> None:
    _another_dies(trace)
    trace.add(MessageLost(Envelope(CONTROLLER, COMMS[0], CheckState(0)), "the receiver is gone"), node=NODES[0])


def _stalled_before(trace: TraceBuilder) -> None:
    trace.add(ProcessStopped(), node=NODES[1], at=12)
    trace.add(ProcessContinued(), node=NODES[1], at=13)
    keepalive(trace, at=14)


def _controller_dies(trace: TraceBuilder) -> None:
    trace.dies("client", KILLED, at=15)


def _controller_fails(trace: TraceBuilder) -> None:
    trace.actor(CONTROLLER, "failed: boom", at=15)


def _owner_ends(trace: TraceBuilder) -> None:
    trace.actor(CLIENT, "stopping", at=15)


def _controller_hangs(trace: TraceBuilder) -> None:
    trace.add(FaultStruck(0, "hang", CONTROLLER), at=15)


def _stop_is_asked(trace: TraceBuilder) -> None:
    trace.add(MonitoringEnded(CONTROLLER, "trainer", "stop"), node="client", at=15)


def _all_timed_out(trace: TraceBuilder) -> None:
    trace.add(MonitoringEnded(CONTROLLER, "trainer", "all_terminal"), node="client", at=15)


def _actor_failed(trace: TraceBuilder) -> None:
    trace.actor(TRAINERS[1], "failed: boom", at=15)


def _stalls(node: str) -> Callable[[TraceBuilder], None]:
    def happens(trace: TraceBuilder) -> None:
        trace.add(ProcessStopped(), node=node, at=15)
        trace.add(ProcessContinued(), node=node, at=79)

    return happens


def _keepalive_is_lost(trace: TraceBuilder) -> None:
    trace.add(MessageLost(Envelope(COMMS[0], COMMS[1], CheckState(0)), "the network lost it"), node=NODES[1], at=20)


def _keepalive_comes_back(trace: TraceBuilder) -> None:
    trace.add(MessageReturned(Envelope(CONTROLLER, COMMS[0], CheckState(0)), ("broken",)), node="client", at=20)


@pytest.mark.parametrize(
    ("happens", "ago"),
    [
        (_nothing, "1m 9s"),
        (_another_dies, "1m 9s"),
        (_lost_with_another, "1m 9s"),
        (_all_timed_out, "1m 9s"),
        (_stalled_before, "1m 6s"),
    ],
)
def test_an_actor_that_could_be_kept_alive_is_no_orphan(happens: Callable[[TraceBuilder], None], ago: str) -> None:
    """Q19, Q45, Q54: somebody else failed, and who is well is stopped."""
    message = (
        f"trainer[1] was stopped as an orphan {ago} after its last keepalive, "
        "but trainer.controller was alive and could reach it"
    )
    assert orphan(TraceBuilder().bring_up(), happens) == [message]


@pytest.mark.parametrize(
    "happens",
    [
        _controller_dies,
        _controller_fails,
        _controller_hangs,
        _owner_ends,
        _stop_is_asked,
        _actor_failed,
        _stalls(NODES[1]),
        _stalls("host1"),
        _stalls("client"),
        _keepalive_is_lost,
        _keepalive_comes_back,
    ],
)
def test_an_actor_that_could_not_be_kept_alive_is_one(happens: Callable[[TraceBuilder], None]) -> None:
    """Nobody is there to keep it alive, or nobody could, or it is not well."""
    assert orphan(TraceBuilder().bring_up(), happens) == []


def test_a_keepalive_of_its_own_counts_as_one() -> None:
    """Q56 off: it asks for nothing, and keeps alive all the same."""

    def kept_alive(trace: TraceBuilder) -> None:
        trace.add(Envelope(CONTROLLER, AGENTS[1], KeepAlive(140 * S, NAME)), node=NODES[1], at=79)

    (message,) = orphan(TraceBuilder().bring_up(), kept_alive)
    assert message.startswith("trainer[1] was stopped as an orphan 1s after its last keepalive")


def test_an_orphan_timeout_below_the_poll_period_is_a_matter_of_the_configuration() -> None:
    """Nobody can keep anybody alive then."""
    trace = TraceBuilder().bring_up()
    trace.add(OrphanStopped(TRAINERS[1], 0), node=NODES[1], at=80)
    config = {**CONFIG, "mesh_orphan_timeout": 9 * S}
    assert verdict(trace.end(90), config=config).violations == ()


@pytest.mark.parametrize(("kept_at", "has_clock"), [(30, True), (11, False)])
def test_a_clock_is_part_of_a_finding_that_it_may_have_made(kept_at: float, has_clock: bool) -> None:
    """O is 60 s: at 80 s the keepalive of 30 s is still good, whatever the wall clock of its agent says."""
    trace = TraceBuilder().bring_up()
    clock = trace.add(ClockSet(100 * S), node=NODES[1], at=10)
    keepalive(trace, at=kept_at)
    trace.add(OrphanStopped(TRAINERS[1], 71 * S), node=NODES[1], at=80)
    [(_, _, records)] = found(trace.end(90), "keepalive-soundness")
    assert (clock in records) is has_clock
