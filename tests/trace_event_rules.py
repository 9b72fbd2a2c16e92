"""The rules of the Trace Event format, as a check of a file: independent of what writes it.

Source: the format's description, and how Perfetto reads it: times become whole nanoseconds, a float times 1000 cut off;
slices of a track are a stack; an arrow is bound to the slice that is open on its track at its time.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

#: Fields that an event of each phase has, beside those that all have; what is in none of them is not allowed.
_FIELDS = {
    "X": {"ts", "dur", "cat", "args"},
    "i": {"ts", "s", "cat", "args"},
    "s": {"ts", "id", "cat"},
    "f": {"ts", "id", "cat", "bp"},
    "b": {"ts", "id", "cat"},
    "n": {"ts", "id", "cat"},
    "e": {"ts", "id", "cat"},
    "C": {"ts", "args"},
    "M": {"args"},
}
_OPTIONAL = {"args"}
_METADATA = {"process_name": "name", "process_sort_index": "sort_index", "thread_name": "name"}
_METADATA["thread_sort_index"] = "sort_index"

Event = dict[str, Any]


def broken_rules(text: str | bytes) -> list[str]:
    """What a file breaks, in words; empty for a good one."""
    file = json.loads(text)
    if not isinstance(file, dict) or not isinstance(file.get("traceEvents"), list):
        return ["the file is no object with traceEvents"]
    events: list[Event] = file["traceEvents"]
    found = [] if file.get("displayTimeUnit") in ("ms", "ns") else ["displayTimeUnit is neither ms nor ns"]
    found += [f"event {index}: {what}" for index, event in enumerate(events) for what in _shape(event)]
    if found:
        return found  # The rules below need the fields.
    return [*_order(events), *_names(events), *_slices(events), *_arrows(events), *_spans(events), *_values(events)]


def nanoseconds(value: int | float) -> int:
    """A time as Perfetto reads it."""
    return value * 1000 if isinstance(value, int) else int(value * 1000.0)


def _shape(event: Event) -> Iterator[str]:
    if not isinstance(event.get("name"), str) or not event["name"]:
        yield "no name"
    for key in ("pid", "tid"):
        if type(event.get(key)) is not int or event[key] < 1:
            yield f"{key} is no whole number from 1"
    wanted = _FIELDS.get(event.get("ph", ""))
    if wanted is None:
        yield f"unknown phase {event.get('ph')!r}"
        return
    has = event.keys() - {"name", "ph", "pid", "tid"}
    yield from (f"no {key}" for key in sorted(wanted - has))
    yield from (f"{key} does not belong here" for key in sorted(has - wanted - _OPTIONAL))
    for key in has & {"ts", "dur"}:
        if type(event[key]) not in (int, float) or event[key] < 0 or round(event[key] * 1000, 3) % 1:
            yield f"{key} is no time in whole nanoseconds"
    if event.get("s", "t") not in ("g", "p", "t"):
        yield "unknown scope"
    if event.get("bp", "e") != "e":
        yield "the arrow is not bound to the slice around it"


def _order(events: list[Event]) -> Iterator[str]:
    times = [-1 if event["ph"] == "M" else event["ts"] for event in events]
    if times != sorted(times):
        yield "times do not rise"


def _names(events: list[Event]) -> Iterator[str]:
    given: set[tuple[object, ...]] = set()
    for event in events:
        if event["ph"] != "M":
            continue
        who = (event["name"], event["pid"], *([event["tid"]] if event["name"].startswith("thread") else []))
        if who in given:
            yield f"{who} is given twice"
        given.add(who)
        if list(event["args"]) != [_METADATA.get(event["name"])]:
            yield f"{event['name']} with {event['args']}"
    for pid, tid in sorted({(event["pid"], event["tid"]) for event in events}):
        for name in ("name", "sort_index"):
            if (f"process_{name}", pid) not in given:
                yield f"process {pid} has no {name}"
            if (f"thread_{name}", pid, tid) not in given:
                yield f"thread {tid} of {pid} has no {name}"


def _by_track(events: list[Event]) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Begin and end of the slices of each track, in order of the file."""
    tracks = defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            start = nanoseconds(event["ts"])
            tracks[event["pid"], event["tid"]].append((start, start + nanoseconds(event["dur"])))
    return tracks


def _slices(events: list[Event]) -> Iterator[str]:
    for track, spans in _by_track(events).items():
        stack: list[int] = []
        for start, end in spans:
            if end <= start:
                yield f"a slice on {track} at {start} ns has no width"
            while stack and stack[-1] <= start:
                stack.pop()
            if stack and end > stack[-1]:
                yield f"slices on {track} cross at {start} ns"
            stack.append(end)


def _arrows(events: list[Event]) -> Iterator[str]:
    tracks = _by_track(events)
    flows: dict[tuple[str, int], list[Event]] = defaultdict(list)
    for event in events:
        if event["ph"] in "sf":
            flows[event["cat"], event["id"]].append(event)
            at = nanoseconds(event["ts"])
            if not any(start <= at < end for start, end in tracks[event["pid"], event["tid"]]):
                yield f"the arrow {event['id']} is outside of every slice at {at} ns"
    for flow, ends in flows.items():
        if [end["ph"] for end in ends] != ["s", "f"]:
            yield f"the arrow {flow} has {' '.join(end['ph'] for end in ends)}"
        elif len({end["name"] for end in ends}) > 1:
            yield f"the arrow {flow} has two names"


def _spans(events: list[Event]) -> Iterator[str]:
    open_now: dict[tuple[str, int], list[tuple[str, int]]] = defaultdict(list)
    places: dict[tuple[str, int], set[int]] = defaultdict(set)
    for event in events:
        if event["ph"] not in "bne":
            continue
        key = event["cat"], event["id"]
        places[key].add(event["pid"])
        if event["ph"] == "b":
            open_now[key].append(event["name"])
        elif not open_now[key]:
            yield f"the span {key} has an {event['ph']} before it begins"
        elif event["ph"] == "e" and open_now[key].pop() != event["name"]:
            yield f"the span {key} ends as {event['name']}, which is not the inmost"
    yield from (f"the span {key} is never ended" for key, stack in open_now.items() if stack)
    yield from (f"the span {key} is in {len(pids)} processes" for key, pids in places.items() if len(pids) > 1)


def _values(events: list[Event]) -> Iterator[str]:
    for event in events:
        if event["ph"] == "C" and not all(type(value) is int and value >= 0 for value in event["args"].values()):
            yield f"the counter {event['name']} is {event['args']}"
