"""Somebody stops a mesh, and an actor of `trainer` stops."""

from __future__ import annotations

from trace_builder import CLIENT, TRAINERS, TraceBuilder

from examples.example import Example


def _stopped(*, mesh: str) -> TraceBuilder:
    trace = TraceBuilder().bring_up()
    trace.operation(CLIENT, "stop_actors", mesh, at=20, end=20.1)
    trace.actor(TRAINERS[1], "stopped: stopped by client")
    return trace


EXAMPLES = (
    Example(
        "stops-stay-in-scope",
        holds=_stopped(mesh="trainer").end(30),
        breaks=_stopped(mesh="backup").end(30),
        finding="trainer[1] became 'stopped: stopped by client', "
        "and nobody had stopped trainer, its proc, its host or its owner",
    ),
)
