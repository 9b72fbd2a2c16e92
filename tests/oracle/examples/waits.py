"""Every wait ends."""

from __future__ import annotations

from trace_builder import TraceBuilder

from examples.example import Example


def _poll(*, end: float | None) -> TraceBuilder:
    trace = TraceBuilder().bring_up()
    trace.poll(1, at=20, end=end)
    return trace


EXAMPLES = (
    Example(
        "every-wait-bounded",
        holds=_poll(end=80).end(20 + 181),
        breaks=_poll(end=None).end(20 + 181),
        finding="trainer.controller: poll 1 had to end within 3m 1s, it never ended",
    ),
)
