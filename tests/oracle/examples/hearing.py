"""What is heard is true, is heard once, and by those whom it concerns."""

from __future__ import annotations

from trace_builder import CLIENT, OBSERVER, TRAINERS, TraceBuilder

from examples.example import Example

FAILED = "failed: boom"
STOPPED = "stopped: process exited cleanly"


def _failed(rank: int) -> TraceBuilder:
    trace = TraceBuilder().bring_up(subscribers=(OBSERVER,))
    trace.actor(TRAINERS[rank], FAILED, at=15)
    return trace


def _owner_hears_of_rank_1(*, failed: int) -> TraceBuilder:
    trace = _failed(failed)
    trace.poll(1, at=20, end=20.1, outcome="changed")
    trace.heard(CLIENT, "owner", 1, at=20.1)
    return trace


def _owner_hears(times: int) -> TraceBuilder:
    trace = _failed(1)
    for at in range(20, 20 + 10 * times, 10):
        trace.heard(CLIENT, "owner", 1, at=at)
    return trace


def _stop_is_heard_by(*roles: str) -> TraceBuilder:
    trace = TraceBuilder().bring_up(subscribers=(OBSERVER,))
    trace.actor(TRAINERS[1], "stopped: done", at=15)
    for role in roles:
        trace.heard(CLIENT if role == "owner" else OBSERVER, role, 1, STOPPED, at=20)
    return trace


EXAMPLES = (
    Example(
        "accuracy",
        holds=_owner_hears_of_rank_1(failed=1).end(30),
        breaks=_owner_hears_of_rank_1(failed=0).end(30),
        finding='client heard as owner: trainer rank 1 Failed "failed: boom", but actor and process are healthy',
    ),
    Example(
        "at-most-once",
        holds=_owner_hears(1).end(50),
        breaks=_owner_hears(3).end(50),
        finding='client heard as owner 3 times: trainer rank 1 Failed "failed: boom"',
    ),
    Example(
        "owner-hears-errors-only",
        holds=_stop_is_heard_by("subscriber").end(30),
        breaks=_stop_is_heard_by("subscriber", "owner").end(30),
        finding='client heard as owner: trainer rank 1 Stopped "stopped: process exited cleanly"',
    ),
)
