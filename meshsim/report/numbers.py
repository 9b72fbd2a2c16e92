"""The numbers behind the figures as files: CSV for tables, JSON for programs. Times are nanoseconds."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

import msgspec

from meshsim.report.latencies import Latency
from meshsim.report.lives import Life, lives_of
from meshsim.report.load import load_of
from meshsim.report.worlds import Told

#: Version of `numbers.json`.
NUMBERS_SCHEMA = 1

_WHERE = ("scenario", "seed", "backends", "clock")
_LATENCIES = (*_WHERE, "kind", "subject", "took_ns", "bound_ns", "share", "over", "record")
_LOAD = (*_WHERE, "start_ns", "width_ns", "messages", "lost", "heartbeats", "polls")
_LIVES = (*_WHERE, "rank", "proc", "begun_ns", "ended_ns", "end", "listener", "role", "first_heard_ns", "times_heard")

_LATENESS = (*_WHERE, "time_scale", "kind", "count", "median_ns", "worst_ns", "worst")

_Row = tuple[object, ...]


def tables(traces: Sequence[Told], latencies: Sequence[Latency]) -> dict[str, str]:
    """File name -> text of each file of numbers: `latencies.csv`, `load.csv`, `lives.csv`, `numbers.json`; where a run
    was live `lateness.csv`, too, in virtual nanoseconds.

    A latency that is over its bound took at least `took_ns`: of what never came nobody knows more.
    """
    found: dict[str, tuple[tuple[str, ...], list[_Row]]] = {
        "latencies": (_LATENCIES, [_latency_row(each) for each in latencies]),
        "load": (_LOAD, [row for each in traces for row in _load_rows(each)]),
        "lives": (_LIVES, [row for each in traces for row in _life_rows(each)]),
    }
    lateness = [row for each in traces for row in _lateness_rows(each)]
    if lateness:
        found["lateness"] = (_LATENESS, lateness)
    files = {f"{name}.csv": _csv(head, rows) for name, (head, rows) in found.items()}
    whole = {"schema": NUMBERS_SCHEMA} | {
        name: [dict(zip(head, row, strict=True)) for row in rows] for name, (head, rows) in found.items()
    }
    files["numbers.json"] = msgspec.json.format(msgspec.json.encode(whole), indent=1).decode() + "\n"
    return files


def _csv(head: Sequence[str], rows: Iterable[_Row]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return out.getvalue()


def _latency_row(latency: Latency) -> _Row:
    margin = latency.margin
    where = (latency.scenario, latency.seed, latency.backends, latency.clock)
    over = margin.took_ns > margin.bound_ns
    share = round(margin.share, 6)
    return (*where, margin.kind, margin.subject, margin.took_ns, margin.bound_ns, share, over, margin.record)


def _load_rows(trace: Told) -> Iterable[_Row]:
    load = load_of(trace.run.records)
    for each in load.bins:
        counts = (each.messages, each.lost, each.heartbeats, each.polls)
        yield (*_where(trace), each.start_ns, load.width_ns, *counts)


def _life_rows(trace: Told) -> Iterable[_Row]:
    """A row for each rank and listener; one of a rank that nobody heard of."""
    for life in lives_of(trace.run.records):
        for heard in life.heard:
            yield (*_life_cells(trace, life), heard.listener, heard.role, heard.first_ns, heard.times)
        if not life.heard:
            yield (*_life_cells(trace, life), None, None, None, 0)


def _life_cells(trace: Told, life: Life) -> _Row:
    return (*_where(trace), life.rank, life.proc, life.begun_ns, life.ended_ns, life.end)


def _lateness_rows(trace: Told) -> Iterable[_Row]:
    timing = trace.run.timing
    if timing is not None:
        for kind, late in timing.late.items():
            yield (*_where(trace), timing.time_scale, kind, late.count, late.median_ns, late.worst_ns, late.worst)


def _where(trace: Told) -> _Row:
    return (trace.scenario, trace.seed, trace.backends, trace.clock)
