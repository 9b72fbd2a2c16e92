"""Runs as timelines: the rules of the format on every scenario, and what is drawn of a small run."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from trace_event_rules import broken_rules

from meshsim.oracle.verdict import Verdict
from meshsim.report.perfetto import compressed, perfetto_json
from meshsim.run import RunResult, run_plan
from meshsim.scenario.load import discover, load_scenarios
from meshsim.scenario.plan import plan
from meshsim.trace.records import FaultEnded, FaultStruck, ProcessDied, Record
from meshsim.units import S

SCENARIOS = Path(__file__).parents[2] / "scenarios"
KILLED = SCENARIOS / "fast" / "proc-killed-is-reported-every-poll.toml"
VERSIONS = {"meshsim": "1.2.3"}

Event = dict[str, Any]


def simulated(path: Path) -> RunResult:
    loaded = load_scenarios(path)[0]
    return run_plan(plan(loaded, 1), "sim")


def of_records(records: list[Record]) -> RunResult:
    """A run with these records; its plan does not matter."""
    whole = simulated(KILLED)
    return msgspec.structs.replace(whole, records=records, verdict=Verdict(outcome="passed"))


def events_of(result: RunResult) -> list[Event]:
    data = perfetto_json(result, VERSIONS)
    assert broken_rules(data) == []
    events: list[Event] = json.loads(data)["traceEvents"]
    return events


def named(events: list[Event], ph: str, cat: str) -> list[tuple[str, float]]:
    return [(event["name"], event["ts"]) for event in events if event["ph"] == ph and event.get("cat") == cat]


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in discover([SCENARIOS])])
def test_every_scenario_makes_a_file_that_keeps_the_rules(path: Path) -> None:
    """Whatever happens: hundreds of records in an instant, processes that die in the middle, clocks, partitions."""
    result = simulated(path)

    assert broken_rules(perfetto_json(result, VERSIONS)) == []


GOOD: list[Event] = [
    {"name": "process_name", "ph": "M", "pid": 1, "tid": 1, "args": {"name": "host0"}},
    {"name": "process_sort_index", "ph": "M", "pid": 1, "tid": 1, "args": {"sort_index": 1}},
    {"name": "thread_name", "ph": "M", "pid": 1, "tid": 1, "args": {"name": "host0"}},
    {"name": "thread_sort_index", "ph": "M", "pid": 1, "tid": 1, "args": {"sort_index": 1}},
    {"name": "stop", "ph": "b", "pid": 1, "tid": 1, "ts": 0, "cat": "ladder", "id": 1},
    {"name": "rung", "ph": "b", "pid": 1, "tid": 1, "ts": 1, "cat": "ladder", "id": 1},
    {"name": "Ping", "ph": "X", "pid": 1, "tid": 1, "ts": 5, "dur": 4, "cat": "message", "args": {}},
    {"name": "Pong", "ph": "s", "pid": 1, "tid": 1, "ts": 6, "cat": "message", "id": 1},
    {"name": "Inner", "ph": "X", "pid": 1, "tid": 1, "ts": 7, "dur": 2, "cat": "inside", "args": {}},
    {"name": "Pong", "ph": "X", "pid": 1, "tid": 1, "ts": 10, "dur": 4, "cat": "message", "args": {}},
    {"name": "Pong", "ph": "f", "pid": 1, "tid": 1, "ts": 10, "cat": "message", "id": 1, "bp": "e"},
    {"name": "rung", "ph": "e", "pid": 1, "tid": 1, "ts": 11, "cat": "ladder", "id": 1},
    {"name": "stop", "ph": "e", "pid": 1, "tid": 1, "ts": 12.5, "cat": "ladder", "id": 1},
    {"name": "kill", "ph": "i", "pid": 1, "tid": 1, "ts": 13, "s": "g", "cat": "fault", "args": {}},
    {"name": "flying", "ph": "C", "pid": 1, "tid": 1, "ts": 14, "args": {"messages": 0}},
]


def test_the_check_is_content_with_a_good_file() -> None:
    assert broken_rules(json.dumps({"displayTimeUnit": "ms", "traceEvents": GOOD})) == []


def changed(index: int, **fields: object) -> Callable[[list[Event]], None]:
    """Replaces fields of one event; those that are None are taken out."""

    def change(events: list[Event]) -> None:
        events[index] = {key: value for key, value in {**events[index], **fields}.items() if value is not None}

    return change


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (changed(6, name=""), "no name"),
        (changed(6, pid=0), "pid is no whole number"),
        (changed(6, ph="Z"), "unknown phase"),
        (changed(6, dur=None), "no dur"),
        (changed(6, ts=5.00001), "no time in whole nanoseconds"),
        (changed(6, dur=-1), "no time in whole nanoseconds"),
        (changed(6, dur=0), "has no width"),
        (changed(6, dur=3), "cross"),
        (changed(6, dur=6), "cross"),
        (changed(6, bp="e"), "bp does not belong here"),
        (changed(7, ts=9.5), "times do not rise"),
        (changed(7, id=2), "has s"),
        (changed(7, name="Ping"), "two names"),
        (changed(9, ts=10.001), "outside of every slice"),
        (changed(10, bp=None), "no bp"),
        (changed(10, bp="s"), "not bound"),
        (changed(11, name="stop"), "not the inmost"),
        (changed(12, id=2), "before it begins"),
        (changed(12, pid=2), "in 2 processes"),
        (changed(12, ph="n"), "never ended"),
        (changed(13, s="x"), "unknown scope"),
        (changed(13, tid=7), "thread 7 of 1 has no name"),
        (changed(14, args={"messages": -1}), "counter"),
        (changed(1, name="process_colour"), "process_colour"),
        (changed(1, name="process_name", args={"name": "host1"}), "given twice"),
    ],
)
def test_the_check_finds_what_is_wrong(spoil: Callable[[list[Event]], None], complaint: str) -> None:
    """Each rule is broken once: a check that never complains proves nothing."""
    events = [dict(event) for event in GOOD]
    spoil(events)

    found = broken_rules(json.dumps({"displayTimeUnit": "ms", "traceEvents": events}))

    assert any(complaint in each for each in found), found


def test_hosts_are_processes_and_procs_their_threads(records: list[Record]) -> None:
    """The ids are small and ours: 1 is the world, then in the order in which processes started."""
    events = events_of(of_records(records))

    names = {
        (event["pid"], event["tid"]): event["args"]["name"]
        for event in events
        if event["ph"] == "M" and event["name"] == "thread_name"
    }
    assert names == {(1, 1): "world", (2, 2): "host0", (3, 3): "client", (2, 4): "workers[0]", (2, 5): "workers[1]"}


def test_faults_are_instants_as_wide_as_their_target(records: list[Record]) -> None:
    """A proc on its thread, a host over its process, a link over everything."""
    at = records[-1].at
    more = [FaultStruck(7, "host_crash", "host0"), FaultStruck(8, "partition", "host0 | client")]
    records = [*records, *(Record(len(records) + i, at, "", -1, what) for i, what in enumerate(more))]

    events = events_of(of_records(records))

    faults = [
        (event["args"]["at_ns"], event["s"], event["tid"])
        for event in events
        if event.get("cat") == "fault" and event["ph"] == "i"
    ]
    assert faults == [(2500_000_000, "t", 5), (5 * S, "t", 4), (9 * S, "t", 5), (at, "p", 2), (at, "g", 1)]


def test_a_failure_lasts_until_all_have_heard_of_it(records: list[Record]) -> None:
    """It begins with the death of the process; inside it the news are found, sent and heard."""
    events = events_of(of_records(records))

    span = [(event["ph"], event["name"]) for event in events if event.get("cat") == "failure"]
    assert span == [
        ("b", "failure of trainer[1]"),
        ("b", "until it is found"),
        ("e", "until it is found"),
        ("b", "until all have heard"),
        ("n", "heard by client"),
        ("e", "until all have heard"),
        ("e", "failure of trainer[1]"),
    ]


def test_what_nothing_ends_says_so(records: list[Record]) -> None:
    """A process that dies stopped; a partition that lasts; polls without an answer, up to the end of the run."""
    end = records[-1].at
    more = [
        FaultStruck(7, "partition", "host0 | client"),
        FaultStruck(8, "loss", "a | b"),
        FaultEnded(8, "loss", "a | b"),
    ]
    records = [*records, *(Record(len(records) + i, end, "", -1, what) for i, what in enumerate(more))]
    stalled = next(record for record in records if record.what == FaultStruck(1, "stall", "host0/workers_0"))
    died = msgspec.structs.replace(stalled, at=6 * S, node="host0/workers_0", what=ProcessDied("signal"))
    records = sorted([*records, died], key=lambda record: record.at)

    events = events_of(of_records(records))

    ended = {event["name"]: event.get("args", {}).get("ended") for event in events if event["ph"] == "e"}
    assert ended["workers[0] is stopped"] == "its process died"
    assert ended["partition host0 | client"] == "open at the end of the run"
    assert ended["loss a | b"] is None
    assert ended["poll of trainer"] == "open at the end of the run"


def test_arrows_lead_from_the_sender_to_the_receiver_and_counters_count_what_is_under_way() -> None:
    result = simulated(KILLED)

    events = events_of(result)

    names = {event["tid"]: event["args"]["name"] for event in events if event["name"] == "thread_name"}
    sent = next(event for event in events if event["ph"] == "s" and event["name"] == "CreateOrUpdate")
    of_one = [event for event in events if event["ph"] in ("s", "f") and event["id"] == sent["id"]]
    slices = {event["args"]["record"]: event for event in events if event["ph"] == "X"}
    flying = [event["args"]["messages"] for event in events if event["name"] == "messages in flight"]
    assert [(event["ph"], names[event["tid"]]) for event in of_one] == [("s", "client"), ("f", "host0")]
    assert slices[sent["id"]]["args"]["what"].startswith("client -> host0.host_agent: CreateOrUpdate")
    assert max(flying) > 1
    assert flying[-1] < max(flying)


def test_the_same_run_gives_the_same_bytes_packed_or_not() -> None:
    """And it says what it is: seed, scenario, digest, verdict, versions, whose time."""
    result = simulated(KILLED)

    data = perfetto_json(result, VERSIONS)

    assert data == perfetto_json(simulated(KILLED), VERSIONS)
    assert compressed(data) == compressed(data)
    assert gzip.decompress(compressed(data)) == data
    assert compressed(data)[4:8] == bytes(4)  # No time of writing.
    assert json.loads(data)["otherData"] == {
        "scenario": "proc-killed-is-reported-every-poll",
        "variant": "",
        "profile": "2026-03",
        "seed": 1,
        "backend": "sim",
        "time": "virtual",
        "verdict": "passed",
        "digest": result.digest,
        "versions": VERSIONS,
    }


def test_a_run_that_broke_off_before_it_began_is_an_empty_timeline() -> None:
    assert {event["name"] for event in events_of(of_records([]))} >= {"process_name"}
