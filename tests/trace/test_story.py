"""Records as lines for people, and how to pick the ones that matter."""

from __future__ import annotations

import typing

import msgspec
import pytest
from trace_builder import AGENTS, CLIENT, CONTROLLER, NODES, OBSERVER, PROCS, TRAINERS, TraceBuilder

from meshsim.model.alloc.events import Failed
from meshsim.model.alloc.messages import ChaosMonkey, RemoteAllocate, RemoteDone, RemoteUpdate
from meshsim.model.events import ChildExited, ClockSet, TimerFired
from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import Name, PortRef, actor_id, proc_of
from meshsim.model.messages import (
    Envelope,
    GetState,
    Gspawn,
    HandlerFails,
    MeshFailed,
    Message,
    Misreport,
    PassedOn,
    StateReply,
)
from meshsim.model.notes import (
    AllocEventSeen,
    AllocStarted,
    Bounced,
    ControllerStalled,
    EventRecorded,
    Heartbeat,
    HostsAllocated,
    KeepaliveTaken,
    LocalDelivery,
    MarkRejected,
    MonitoringEnded,
    OrphanStopped,
    PollEnded,
    ProcPlaced,
    QueueTaken,
    ReferenceMade,
    SubscriberRemoved,
    Warned,
)
from meshsim.model.status import RUNNING, State
from meshsim.trace.compare import first_divergence
from meshsim.trace.directory import Directory
from meshsim.trace.records import (
    Body,
    DecisionTaken,
    FaultEnded,
    FaultMissed,
    FaultStruck,
    InFlight,
    KernelDisagreed,
    MessageLost,
    MessageReturned,
    ProcessContinued,
    ProcessLeftParent,
    ProcessNotStarted,
    ProcessSignalled,
    ProcessStopped,
    Record,
)
from meshsim.trace.story import render, selected, story, time_text
from meshsim.trace.wording import message_words
from meshsim.units import MS, S

ASK = Envelope(CONTROLLER, AGENTS[1], GetState(Name("trainer-1bbbbbbbbbbb"), PortRef(CONTROLLER, 1024)))
ANSWER = Envelope(AGENTS[1], CONTROLLER, StateReply(State("trainer-1bbbbbbbbbbb", RUNNING)), port=1024)
WORKER = Name("workers_0-2aaaaaaaaaaa")
KEEPER = actor_id(proc_of(CLIENT), "alloc_more", 1)


def whole() -> list[Record]:
    """A trace with every kind of record, in no sensible order."""
    trace = TraceBuilder().bring_up()
    bodies: tuple[Body, ...] = (
        ASK,
        LocalDelivery(ANSWER),
        MessageLost(ASK, "loss"),
        MessageReturned(ASK, ("broken link", "gone")),
        InFlight(ANSWER),
        Bounced(Envelope(CONTROLLER, OBSERVER, MeshFailed(None)), "port closed"),
        TimerFired(CONTROLLER, "poll"),
        EventRecorded(AGENTS[1], TRAINERS[1], "failed: boom\n  twice"),
        KeepaliveTaken(TRAINERS[1], 80 * S),
        OrphanStopped(TRAINERS[1], 80 * S),
        Warned(CLIENT, f"no route to {PROCS[1]}"),
        SubscriberRemoved(CONTROLLER, OBSERVER),
        PollEnded(CONTROLLER, "trainer", 3, "terminal", False),
        ControllerStalled(CONTROLLER, 12 * S),
        MonitoringEnded(CONTROLLER, "trainer", "all_terminal"),
        Heartbeat(OBSERVER, "trainer"),
        ProcPlaced(PROCS[1], (0, 1, 0, 0, 2, 0)),
        HostsAllocated("hosts", Name("hosts-1x"), CLIENT, ("client/hosts_1", "client/hosts_0")),
        AllocStarted(KEEPER, "more", "_1xT3d2cLvS2i"),
        AllocEventSeen(KEEPER, "more", Failed("_1xT3d2cLvS2i", "no"), "_1xT3d2cLvS2i: failed: no"),
        ReferenceMade(OBSERVER, "upper", "trainer", "1+hosts=1/1", (PROCS[1],)),
        FaultStruck(0, "signal", NODES[1], "SIGKILL"),
        FaultMissed(1, "resume", "workers[1]", "gone"),
        FaultEnded(2, "partition", "client <-> host1"),
        DecisionTaken(0, "poll before stop"),
        QueueTaken(TRAINERS[1], "work", 1),
        ClockSet(-1_500_000_000, 200_000, 2_000_000_000),
    )
    for body in bodies:
        trace.add(body, node="client", at=2)
    trace.add(ChildExited(WORKER, ExitStatus(signal=9)), node="host1", at=3)
    trace.add(ProcessNotStarted(WORKER, "EAGAIN"), node="host1")
    trace.add(MarkRejected(WORKER, "Killed", "ready", "illegal transition"), node="host1")
    trace.add(ProcessLeftParent(), node=NODES[0])
    for process in (ProcessSignalled(15, "host1"), ProcessStopped(), ProcessContinued(), KernelDisagreed("T", "R")):
        trace.add(process, node=NODES[1])
    trace.proc(1, "Ready", "Killed", "Killed(sig=9)")
    trace.dies(NODES[1], ExitStatus(signal=9), by="host1")
    trace.poll(1, at=4, end=5)
    trace.operation(CLIENT, "stop_actors", "trainer", index=4, at=6, end=7, error="too late")
    trace.heard(CLIENT, "owner", 1, "failed: boom", at=8)
    return trace.end(9.0005, alive=("host0", NODES[0]))


@pytest.fixture(scope="module")
def directory() -> Directory:
    return Directory.of(whole())


def test_every_kind_of_record_is_in_this_test() -> None:
    """A new record type needs words, and a line below."""
    assert {type(record.what) for record in whole()} == set(_flat(Body))


def _flat(union: object) -> list[type]:
    return [member for part in typing.get_args(union) for member in (_flat(part) if typing.get_args(part) else [part])]


def test_a_trace_reads_like_a_story(directory: Directory) -> None:
    """One line for each record: time, place, what happened; never an address or a uuid."""
    assert "".join(f"{render(record, directory)}\n" for record in whole()) == LINES


LINES = """\
     0.000s  world          run of built-by-hand starts, seed 0
     0.000s  host0          process of the host started
     0.000s  host1          process of the host started
     0.000s  client         process of the client started
     0.000s  client         client is idle
     0.000s  observer       process of the client started
     0.000s  observer       observer is idle
     0.500s  workers[0]     process of the proc started by host0
     0.500s  workers[1]     process of the proc started by host1
     0.500s  workers[0]     workers[0].proc_agent is idle
     0.600s  host0          workers[0].proc_agent -> host0.host_agent: ProcReady workers_0
     0.600s  host0          workers[0]: Running -> Ready
     0.600s  workers[1]     workers[1].proc_agent is idle
     0.600s  host1          workers[1].proc_agent -> host1.host_agent: ProcReady workers_0
     0.600s  host1          workers[1]: Running -> Ready
     0.900s  client         client has spawned procs workers {hosts: 2}
     1.000s  workers[0]     trainer[0] is idle
     1.000s  workers[1]     trainer[1] is idle
     1.000s  client         trainer.controller is idle
     1.000s  client         client has spawned actors trainer {hosts: 2}
     2.000s  client         trainer.controller -> workers[1].proc_agent: GetState trainer
     2.000s  client         workers[1].proc_agent -> trainer.controller: StateReply trainer Running (inside)
     2.000s  client         lost: trainer.controller -> workers[1].proc_agent: GetState trainer: loss
     2.000s  client         returned: trainer.controller -> workers[1].proc_agent: GetState trainer: broken link; gone
     2.000s  client         still in flight: workers[1].proc_agent -> trainer.controller: StateReply trainer Running
     2.000s  client         bounced: trainer.controller -> observer: MeshFailed (heartbeat): port closed
     2.000s  client         timer poll of trainer.controller
     2.000s  client         recorded for trainer[1]: failed: boom twice
     2.000s  client         first keepalive of trainer[1], expires at 80.000s
     2.000s  client         trainer[1] expired at 80.000s and is stopped as orphaned
     2.000s  client         warning of client: no route to workers[1]
     2.000s  client         trainer.controller forgets its subscriber observer
     2.000s  client         trainer.controller ends poll 3: terminal, the last one
     2.000s  client         trainer.controller polls late, expected at 12.000s
     2.000s  client         trainer.controller ends monitoring: all terminal
     2.000s  client         observer hears a heartbeat of trainer
     2.000s  client         workers[1] is at 0.1.0.0.2.0
     2.000s  client         client has allocated hosts hosts: client/hosts_1, client/hosts_0
     2.000s  client         alloc _1xT3d2cLvS2i of more begins
     2.000s  client         alloc of more: _1xT3d2cLvS2i: failed: no
     2.000s  client         observer has made upper, a reference to trainer at 1+hosts=1/1
     2.000s  client         FAULT 0: signal workers[1] SIGKILL
     2.000s  client         FAULT 1 MISSED: resume workers[1]: gone
     2.000s  client         FAULT 2 IS OVER: partition client <-> host1
     2.000s  client         decision 0: poll before stop
     2.000s  client         decision 1: trainer[1] takes from work
     2.000s  client         wall clock is 1.5s behind, gaining 200us/s
     3.000s  host1          told that the child workers[1] was killed by signal 9
     3.000s  host1          cannot start a process for workers[1]: EAGAIN
     3.000s  host1          workers[1]: mark ready rejected, stays Killed
     3.000s  workers[0]     process gives up its parent-death signal
     3.000s  workers[1]     process gets signal 15 from host1
     3.000s  workers[1]     process is stopped
     3.000s  workers[1]     process runs again
     3.000s  workers[1]     KERNEL DISAGREES: expected T, observed R
     3.000s  host1          workers[1]: Ready -> Killed(sig=9)
     3.000s  workers[1]     process died (signal)
     3.000s  workers[1]     process was waited for by host1: killed by signal 9
     4.000s  client         trainer.controller starts poll 1
     5.000s  client         trainer.controller ends poll 1: healthy
     6.000s  client         client begins operation 4: stop_actors trainer
     7.000s  client         client ends operation 4: stop_actors trainer: error: too late
     8.000s  client         HEARD by client (owner): trainer rank 1 Failed: failed: boom
    9.0005s  world          run ends (horizon), alive: host0, workers[0]
"""


@pytest.mark.parametrize(
    ("at_ns", "text"),
    [(0, "0.000s"), (12_345 * MS, "12.345s"), (1_500_000, "0.0015s"), (90 * S + 1, "90.000000001s")],
)
def test_times_are_seconds_with_milliseconds_or_finer(at_ns: int, text: str) -> None:
    """Columns line up for most records; nothing is rounded."""
    assert time_text(at_ns) == text


@pytest.mark.parametrize("message", typing.get_args(Message), ids=lambda kind: kind.__name__)
def test_every_message_has_words(message: type) -> None:
    """The type's name comes first, whatever the message holds."""
    example = _example(message)
    assert message_words(example).startswith(message.__name__)


#: Fields whose name stands for something else elsewhere.
_OWN_FORMS = {
    Gspawn: {"spec": {"actor_type": "A"}},
    ChaosMonkey: {"reason": {"kind": "watchdog"}},
    HandlerFails: {"text": "why"},
    Misreport: {"mesh": "x", "status": ["Stopped"], "state": False, "ranks": [0, 1], "times": 1},
    RemoteAllocate: {"label": "w", "first_rank": 0, "extent": [], "proc_name": ""},
    RemoteUpdate: {"host": "h", "event": {"type": "stopped", "create_key": "k", "reason": {"kind": "stopped"}}},
    RemoteDone: {"host": "h"},
}


def _example(message: type) -> Message:
    """A message with the least that decodes."""
    fields = {
        "name": "x", "rank": 0, "spec": {"type": "proc_spec"}, "reason": "why", "expires_after_ns": 1, "config": {},
        "reply": ["a", 1], "timeout_ns": 1, "max_in_flight": 1, "ack": ["a", 1],
        "state": {"name": "x", "status": ["Running"]}, "runs": [[0, 1, ["Running"]]], "names": [], "port": ["a", 1],
        "count": 1, "expected_ns": 1, "failure": None, "addr": "a", "agent": "a", "errors": [], "kind": "raise",
        "index": 0, "value": 1, "proc_id": "a,b", "code": 0, "description": "why", "forwarder": "a", "supervisor": None,
        "address_book": [], "record": True, "alive": True, "actor_id": "a", "result": "Success",
        "operation": {"type": "end_self", "reason": "done"},
        "event": {
            "actor_id": "a", "display_name": None, "occurred_at_ns": 0,
            "actor_status": {"phase": "stopped", "reason": "done"},
        },
        "envelope": {"type": "message", "sender": "a", "dest": "b", "message": {"type": "ack"}},
        "do": "noop", "actor": "a", "method": "step", "to_visit": [],
        "book": [[1, "b"]], "selection": {"type": "Everything"}, "frames": [], "seq": 2, "last_seq": 1,
        "cast": {
            "mesh": "m", "caster": "a", "actor": "x", "sizes": [1], "message": {"type": "ack"},
            "view": {"labels": [], "offset": 0, "sizes": [], "strides": []},
        },
        "mesh": {
            "label": "a", "name": "x",
            "procs": {
                "label": "w", "name": "y", "procs": [],
                "region": {"labels": ["r"], "offset": 0, "sizes": [0], "strides": [1]},
            },
        },
    }  # fmt: skip
    if message is PassedOn:  # The only failure that is never none.
        fields["failure"] = {"actor_mesh_name": None, "rank": None, "event": fields["event"]}
    wanted = {field.name for field in msgspec.structs.fields(message)}
    fields |= _OWN_FORMS.get(message, {})
    example = msgspec.convert({"type": message.__struct_config__.tag, **fields}, message)
    assert wanted <= {
        *fields, "text", "raises", "raised", "busy_ns", "number", "send_to_children", "handles", "to", "error", "procs",
        "visited",
    }  # fmt: skip
    return example


# --- stories -----------------------------------------------------------------------------------------------


def caused() -> list[Record]:
    """Fault, death, report; something unrelated in between."""
    trace = TraceBuilder()
    fault = trace.add(FaultStruck(0, "signal", NODES[1], "SIGKILL"), at=1)
    trace.add(Heartbeat(OBSERVER, "trainer"))
    death = trace.add(ProcessStopped(), node=NODES[1], cause=fault)
    trace.add(Heartbeat(OBSERVER, "trainer"), cause=death)
    return trace.records


def test_a_story_follows_causes_to_the_root() -> None:
    """What led here, oldest first; what merely happened meanwhile is left out."""
    assert [record.seq for record in story(caused(), 4)] == [1, 3, 4]
    assert [record.seq for record in story(caused(), 2)] == [2]


def test_a_story_can_be_told_from_a_part_of_a_trace() -> None:
    """Numbers are looked up, not counted."""
    records = [record for record in caused() if record.seq != 2]
    assert [record.seq for record in story(records, 4)] == [1, 3, 4]
    assert [record.seq for record in story(caused()[1:], 4)] == [1, 3, 4]


def test_a_story_of_nothing_is_an_error() -> None:
    """A wrong number is the caller's mistake, negative ones included."""
    for seq in (-1, 99):
        with pytest.raises(KeyError):
            story(caused(), seq)


@pytest.mark.parametrize(
    ("filters", "tags"),
    [
        ({"node": "workers[1]", "start_ns": 3 * S}, ["process_signalled", "process_stopped", "process_continued",
                                                     "kernel_disagreed", "process_died", "process_reaped"]),
        ({"types": frozenset({"heard", "heartbeat"})}, ["heartbeat", "heard"]),
        ({"types": frozenset({"get_state"})}, ["message", "lost", "returned"]),
        ({"start_ns": 8 * S}, ["heard", "run_ended"]),
        ({"end_ns": 0}, ["run_started", *["process_started"] * 3, "actor_status", "process_started", "actor_status"]),
        ({"actor": "trainer[1]"}, ["actor_status", "event_recorded", "keepalive", "orphan_stopped", "queue_taken"]),
        ({"actor": "observer", "start_ns": 1}, ["bounced", "subscriber_removed", "heartbeat", "reference_made"]),
        ({"text": "TOO LATE"}, ["operation_ended"]),
        ({"node": "nobody"}, []),
    ],
)  # fmt: skip
def test_filters_pick_records(directory: Directory, filters: dict[str, typing.Any], tags: list[str]) -> None:
    """By place, by who is concerned, by type, by time, by text."""
    picked = selected(whole(), directory, **filters)
    assert [type(record.what).__struct_config__.tag for record in picked] == tags


# --- comparing ---------------------------------------------------------------------------------------------


def test_equal_traces_do_not_diverge() -> None:
    """The certificate that two worlds agree."""
    assert first_divergence(whole(), whole()) is None


def test_the_first_difference_comes_with_what_led_to_it() -> None:
    """The same cause, another consequence."""
    left, right = caused(), caused()
    right[3] = Record(3, right[3].at, NODES[1], 1, ProcessContinued())
    divergence = first_divergence(left, right)
    assert divergence is not None
    assert (divergence.index, divergence.left, divergence.right) == (3, left[3], right[3])
    assert divergence.left_story == divergence.right_story == (left[1],)


def test_a_trace_that_ends_early_diverges_at_its_end() -> None:
    """The shorter one has nothing where the longer goes on."""
    left = caused()
    divergence = first_divergence(left, left[:4])
    assert divergence is not None
    assert (divergence.index, divergence.left, divergence.right) == (4, left[4], None)
    assert divergence.left_story == divergence.right_story == (left[1], left[3])
    assert first_divergence([], []) is None
