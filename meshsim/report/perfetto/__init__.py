"""A run as a timeline for Perfetto and other viewers of the Trace Event format.

Hosts and clients are processes, procs threads; what a node does with an event is a slice, messages are arrows between
slices, faults instants, what lasts asynchronous spans, messages under way counters. The same run gives the same bytes.
"""

from __future__ import annotations

import gzip

import msgspec
from msgspec import UNSET

from meshsim.report.perfetto.counters import counters
from meshsim.report.perfetto.events import TraceEvent
from meshsim.report.perfetto.failures import failures_of
from meshsim.report.perfetto.instants import instants
from meshsim.report.perfetto.layout import positions
from meshsim.report.perfetto.slices import arrows, slices, turns_of
from meshsim.report.perfetto.spans import Spans
from meshsim.report.perfetto.tracks import Tracks
from meshsim.report.worlds import clock_of
from meshsim.run import RunResult
from meshsim.scenario.matrix import variant_label
from meshsim.trace.directory import Directory

__all__ = ["compressed", "perfetto_json", "trace_events"]


def trace_events(result: RunResult) -> list[TraceEvent]:
    """Every event of the file: names, then the rest in order of time."""
    records, directory = result.records, Directory.of(result.records)
    tracks, drawn = Tracks(records, directory), positions(records)
    turns, spans = turns_of(records, tracks), Spans(tracks, directory)
    events = [*slices(records, drawn, turns, directory), *arrows(records, drawn, turns)]
    events += instants(records, drawn, tracks, directory)
    for record, at in zip(records, drawn, strict=True):
        events += spans.take(record, at)
    events += spans.close(drawn[-1] if drawn else 0)
    events += spans.told(failures_of(records, directory), drawn)
    events += counters(records, tracks)
    # Stable: of one time, slices come before the arrows in them, and spans as they begin and end.
    return [*tracks.names(), *sorted(events, key=lambda event: -1 if event.ts is UNSET else event.ts)]


def perfetto_json(result: RunResult, versions: dict[str, str]) -> bytes:
    """The file: a JSON object with an event on each line; `versions` are those that made the run."""
    plan = result.plan
    head = {
        "displayTimeUnit": "ms",
        "otherData": {
            "scenario": plan.scenario,
            "variant": variant_label(plan.variant),
            "profile": plan.profile,
            "seed": plan.seed,
            "backend": result.backend,
            "time": clock_of(result),
            "verdict": result.verdict.outcome,
            "digest": result.digest,
            "versions": versions,
        },
    }
    lines = b",\n".join(map(msgspec.json.encode, trace_events(result)))
    return msgspec.json.encode(head)[:-1] + b',"traceEvents":[\n' + lines + b"\n]}\n"


def compressed(data: bytes) -> bytes:
    """The same with gzip, without a time or a name in it."""
    return gzip.compress(data, mtime=0)
