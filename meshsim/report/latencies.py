"""How long everything took that has a derived bound: every margin of every run of a report, as data.

A trace is judged again for it, because a kept verdict has only the closest margin of each kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median_low
from typing import get_args

import msgspec

from meshsim.oracle.judge import margins_of
from meshsim.oracle.verdict import Margin, MarginKind
from meshsim.report.worlds import Told
from meshsim.run import brief_of

#: What each kind is, from what to what.
KINDS: dict[str, str] = {
    "detect": "from a failure to the poll that finds it",
    "report": "from a failure to the listener that hears of it",
    "stop": "from being told to stop to the end",
    "reap": "from the death of a process to its being waited for",
    "watchdog": "from the loss of a controller to the listener that concludes it",
    "wait": "from the beginning of a wait to its end",
}
assert tuple(KINDS) == get_args(MarginKind)


class Latency(msgspec.Struct, frozen=True):
    """One margin, and where it was measured."""

    #: The plan as people name it: scenario, variant, profile.
    scenario: str
    seed: int
    #: The worlds in which it was measured alike: `sim`, or `sim = lockstep`.
    backends: str
    #: What the nanoseconds are: `virtual` or `wall`.
    clock: str
    margin: Margin


class Summary(msgspec.Struct, frozen=True):
    """All latencies of one kind; times in nanoseconds. Those over their bound count in `over` and in the maximum."""

    kind: str
    count: int
    least_ns: int
    median_ns: int
    most_ns: int
    #: The largest part of a bound that was used, 1 for all of it.
    closest: float
    over: int


def latencies_of(traces: Sequence[Told]) -> tuple[Latency, ...]:
    """Every margin of the traces: kind by kind, and in their order."""
    found = [
        Latency(trace.scenario, trace.seed, trace.backends, trace.clock, margin)
        for trace in traces
        for margin in margins_of(brief_of(trace.run.plan), trace.run.records)
    ]
    kinds = list(KINDS)
    return tuple(sorted(found, key=lambda each: kinds.index(each.margin.kind)))


def summaries(latencies: Sequence[Latency]) -> tuple[Summary, ...]:
    """One for each kind that was measured, in the order of `KINDS`."""
    by_kind: dict[str, list[Margin]] = {}
    for latency in latencies:
        by_kind.setdefault(latency.margin.kind, []).append(latency.margin)
    return tuple(_summary(kind, by_kind[kind]) for kind in KINDS if kind in by_kind)


def _summary(kind: str, margins: Sequence[Margin]) -> Summary:
    took = [margin.took_ns for margin in margins]
    return Summary(
        kind=kind,
        count=len(margins),
        least_ns=min(took),
        median_ns=median_low(took),
        most_ns=max(took),
        closest=max(margin.share for margin in margins),
        over=sum(margin.took_ns > margin.bound_ns for margin in margins),
    )
