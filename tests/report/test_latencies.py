"""All latencies of all runs."""

from __future__ import annotations

import msgspec
import pytest
from small_worlds import mesh

from meshsim.oracle.verdict import Margin, MarginKind, closest
from meshsim.report.latencies import KINDS, Latency, Summary, latencies_of, summaries
from meshsim.report.worlds import told
from meshsim.run import RunResult, run_plan
from meshsim.units import MS, S


def latency(kind: MarginKind, took_ns: int, bound_ns: int) -> Latency:
    margin = Margin(kind=kind, subject="trainer[1]", took_ns=took_ns, bound_ns=bound_ns, record=7)
    return Latency("late-exit", 7, "sim", "virtual", margin)


@pytest.fixture(scope="module")
def run() -> RunResult:
    return run_plan(mesh(), "sim")


def test_every_margin_is_there_and_the_closest_are_those_of_the_verdict(run: RunResult) -> None:
    """A distribution of the closest only would be a distribution of the worst."""
    margins = [each.margin for each in latencies_of(told([run]))]

    assert closest(margins) == run.verdict.margins
    assert len(margins) > len(run.verdict.margins)


def test_latencies_come_kind_by_kind_in_the_order_of_the_tables(run: RunResult) -> None:
    kinds = [list(KINDS).index(each.margin.kind) for each in latencies_of(told([run]))]

    assert kinds == sorted(kinds)


def test_a_trace_that_both_worlds_left_counts_once(run: RunResult) -> None:
    """Two equal points would make a latency look twice as frequent; a trace of its own is a point of its own."""
    lockstep = msgspec.structs.replace(run, backend="lockstep")
    other = msgspec.structs.replace(lockstep, digest="f" * 64)
    live = msgspec.structs.replace(run, backend="live")

    assert [(each.backends, each.clock) for each in told([lockstep, run])] == [("sim = lockstep", "virtual")]
    assert [each.backends for each in told([other, run])] == ["sim", "lockstep"]
    assert [(each.backends, each.clock) for each in told([live, run])] == [("sim", "virtual"), ("live", "wall")]


def test_a_summary_has_least_median_and_most_of_each_kind() -> None:
    """What is over its bound is counted: nobody knows how long it would have taken."""
    measured = [
        latency("stop", S, 10 * S),
        latency("detect", 3 * S, 10 * S),
        latency("detect", 1 * S, 10 * S),
        latency("detect", 5 * MS + 1, 5 * MS),
    ]

    assert summaries(measured) == (
        Summary("detect", 3, 5 * MS + 1, 1 * S, 3 * S, 1.0000002, 1),
        Summary("stop", 1, S, S, S, 0.1, 0),
    )
