"""Who has to hear of a failure hears of it."""

from __future__ import annotations

from trace_builder import CLIENT, OBSERVER, TRAINERS, TraceBuilder

from examples.example import Example


def _failure(*, heard_by_subscriber: bool) -> TraceBuilder:
    trace = TraceBuilder().bring_up(subscribers=(OBSERVER,))
    trace.actor(TRAINERS[1], "failed: boom", at=15)
    trace.poll(1, at=20, end=20.1, outcome="changed")
    trace.heard(CLIENT, "owner", 1)
    if heard_by_subscriber:
        trace.heard(OBSERVER, "subscriber", 1)
    return trace


EXAMPLES = (
    Example(
        "completeness",
        holds=_failure(heard_by_subscriber=True).end(30),
        breaks=_failure(heard_by_subscriber=False).end(30),
        finding="trainer[1] became 'failed: boom', and observer (subscriber) never heard of it",
    ),
)
