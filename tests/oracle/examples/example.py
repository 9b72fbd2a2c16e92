"""What an example of an invariant is."""

from __future__ import annotations

from typing import NamedTuple

from meshsim.trace.records import Record

#: What `trace_builder.TraceBuilder.end` returns.
Trace = list[Record]


class Example(NamedTuple):
    """An invariant by two short traces: one that satisfies it, one that breaks it."""

    #: Id of the invariant.
    id: str
    holds: Trace
    breaks: Trace
    #: The message of the one violation that `breaks` gives.
    finding: str
