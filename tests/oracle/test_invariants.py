"""Each invariant: traces that satisfy it, and traces that break it, written by hand."""

from __future__ import annotations

import msgspec
import pytest
from trace_builder import (
    AGENTS,
    CLIENT,
    CONTROLLER,
    HOST_AGENTS,
    NODES,
    OBSERVER,
    PROCS,
    TRAINERS,
    TraceBuilder,
    found,
    heard,
    verdict,
)

from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import PortRef
from meshsim.model.messages import ActorStateChanged, CheckState, Envelope, MeshFailed, ShutdownHost
from meshsim.model.notes import EventRecorded, MonitoringEnded, ReferenceMade, SubscriberRemoved
from meshsim.model.status import ActorState, State, failed
from meshsim.oracle.invariants import INVARIANTS
from meshsim.trace.records import (
    FaultStruck,
    KernelDisagreed,
    MessageLost,
    ProcessContinued,
    ProcessLeftParent,
    ProcessStarted,
    ProcessStopped,
    RunEnded,
)
from meshsim.units import S

KILLED = ExitStatus(signal=9)
FAILED = "failed: boom"


@pytest.fixture
def trace() -> TraceBuilder:
    return TraceBuilder().bring_up(subscribers=(OBSERVER,))


def test_every_invariant_has_an_id_a_sentence_and_an_explanation() -> None:
    """Scenario files and reports name invariants by id; the docstring is their reference."""
    assert list(INVARIANTS) == [
        "terminal-is-final",
        "kernel-agrees",
        "accuracy",
        "at-most-once",
        "owner-hears-errors-only",
        "completeness",
        "nothing-outlives-its-owner",
        "no-process-left",
        "every-wait-bounded",
        "views-agree",
        "keepalive-soundness",
        "stops-stay-in-scope",
        "no-endless-repetition",
        "quiet-after-the-end",
        "configured-first",
        "infrastructure-survives",
        "stop-is-true",
        "stop-happens",
        "agents-answer",
        "controllers-poll",
        "nothing-vanishes",
        "last-words",
        "right-cause",
        "grace-periods",
        "failed-spawn-leaves-nothing",
        "stops-are-called-stops",
        "stopped-mesh-is-told",
        "output-is-kept",
        "hosts-end-with-their-owner",
    ]
    for name, invariant in INVARIANTS.items():
        assert invariant.id == name
        assert invariant.sentence.endswith(".")
        assert invariant.__doc__


def test_a_quiet_healthy_run_passes(trace: TraceBuilder) -> None:
    """Nothing happens for an hour, and nobody says that anything did."""
    trace.poll(1, at=11, end=11.1)
    judged = verdict(trace.end(3600))
    assert (judged.outcome, judged.violations, judged.known) == ("passed", (), ())


def test_a_reported_crash_passes(trace: TraceBuilder) -> None:
    """A proc is killed, the next poll tells owner and subscriber: what the whole system is for."""
    trace.dies(NODES[1], KILLED, by="host1", at=15)
    trace.proc(1, "Ready", "Killed", "Killed(sig=9)")
    trace.poll(1, at=20, end=20.1, outcome="proc_dead")
    trace.heard(CLIENT, "owner", 1, "failed: process failure: Killed(sig=9)", at=20.2)
    trace.heard(OBSERVER, "subscriber", 1, "failed: process failure: Killed(sig=9)")
    judged = verdict(trace.end(600))
    assert (judged.outcome, judged.violations, judged.known) == ("passed", (), ())


# --- terminal-is-final -------------------------------------------------------------------------------------


def test_saying_a_terminal_status_twice_is_allowed(trace: TraceBuilder) -> None:
    """Terminal to the identical value is a legal change."""
    trace.actor(TRAINERS[0], "stopped: done", at=5)
    trace.actor(TRAINERS[0], "stopped: done", at=6)
    assert found(trace.end(10), "terminal-is-final") == []


def test_an_actor_that_leaves_stopped_is_found(trace: TraceBuilder) -> None:
    """Whoever read `stopped` has acted on it."""
    first = trace.actor(TRAINERS[0], "stopped: done", at=5)
    second = trace.actor(TRAINERS[0], FAILED, at=6)
    assert found(trace.end(10), "terminal-is-final") == [
        ("trainer[0]", "trainer[0] became 'failed: boom' after it was 'stopped: done'", (first, second))
    ]


@pytest.mark.parametrize(("process", "count"), [("host0~2", 0), ("host0", 1)])
def test_an_actor_of_a_process_that_came_back_is_a_new_one(trace: TraceBuilder, process: str, count: int) -> None:
    """The agent of a host keeps its id when its host was off: another process has another agent."""
    trace.actor(HOST_AGENTS[0], FAILED, node="host0", at=5)
    if process != "host0":
        trace.dies("host0", ExitStatus(code=1), at=5)
        trace.add(ProcessStarted("host", "", "", False), node=process, at=6)
    trace.actor(HOST_AGENTS[0], "initializing", node=process, at=6)
    assert len(found(trace.end(7), "terminal-is-final")) == count


def test_an_actor_that_changes_in_a_dead_process_is_found(trace: TraceBuilder) -> None:
    """Nothing runs in a process that is gone."""
    trace.dies(NODES[0], KILLED, by="host0", at=5)
    seq = trace.actor(TRAINERS[0], FAILED, at=6)
    assert found(trace.end(7), "terminal-is-final") == [
        ("trainer[0]", "trainer[0] became 'failed: boom' after its process died", (seq - 2, seq))
    ]


def test_a_proc_that_leaves_killed_is_found(trace: TraceBuilder) -> None:
    """The process manager's terminal states are sticky."""
    first = trace.proc(0, "Ready", "Killed", "Killed(sig=9)", at=5)
    second = trace.proc(0, "Killed", "Ready", at=6)
    assert found(trace.end(7), "terminal-is-final") == [
        ("workers[0]", "host0 made workers[0] Ready after it was Killed(sig=9)", (first, second))
    ]


@pytest.mark.parametrize(
    ("again", "message"),
    [
        (ProcessStopped(), "the process of workers[0] was stopped after it died"),
        (ProcessContinued(), "the process of workers[0] was continued after it died"),
        (ProcessStarted("proc", "host0", "workers_0-1aaaaaaaaaaa", True), "the process of workers[0] started again"),
    ],
)
def test_a_process_that_comes_back_is_found(trace: TraceBuilder, again: ProcessStopped, message: str) -> None:
    """The kernel has no way back from death, so neither may a trace."""
    trace.dies(NODES[0], KILLED, by="host0", at=5)
    trace.add(again, node=NODES[0], at=6)
    assert [text for _, text, _ in found(trace.end(7), "terminal-is-final")] == [message]


def test_a_process_that_dies_and_is_waited_for_twice_is_found(trace: TraceBuilder) -> None:
    """A second status for the same process would be a second process."""
    trace.dies(NODES[0], KILLED, by="host0", at=5)
    trace.dies(NODES[0], KILLED, by="host0", at=6)
    assert [text for _, text, _ in found(trace.end(7), "terminal-is-final")] == [
        "the process of workers[0] died again",
        "the process of workers[0] was waited for again",
    ]


# --- kernel-agrees -----------------------------------------------------------------------------------------


def test_a_kernel_that_disagrees_is_found(trace: TraceBuilder) -> None:
    """A finding about the model: real processes did something else."""
    seq = trace.add(KernelDisagreed("killed by signal 9", "exited with code 0"), node=NODES[0], at=5)
    assert found(trace.end(7), "kernel-agrees") == [
        ("workers[0]", "workers[0]: expected killed by signal 9, the kernel says exited with code 0", (seq,))
    ]


# --- accuracy ----------------------------------------------------------------------------------------------


def test_a_failure_of_a_healthy_rank_is_found(trace: TraceBuilder) -> None:
    """The worst that a failure detector can do is to kill what lives."""
    seq = trace.heard(CLIENT, "owner", 1, at=20)
    assert found(trace.end(30), "accuracy") == [
        (
            "trainer[1]",
            'client heard as owner: trainer rank 1 Failed "failed: boom", but actor and process are healthy',
            (seq,),
        )
    ]


def test_a_failure_of_another_rank_excuses_nothing(trace: TraceBuilder) -> None:
    """Rank 0 failed and rank 1 is reported: the rank is part of the truth."""
    trace.actor(TRAINERS[0], FAILED, at=5)
    trace.heard(CLIENT, "owner", 1, at=20)
    assert [subject for subject, _, _ in found(trace.end(30), "accuracy")] == ["trainer[1]"]


def _actor_fails(trace: TraceBuilder) -> None:
    trace.actor(TRAINERS[1], FAILED, at=5)


def _event_is_recorded(trace: TraceBuilder) -> None:
    trace.add(EventRecorded(AGENTS[1], TRAINERS[1], FAILED), node=NODES[1], at=5)


def _process_dies(trace: TraceBuilder) -> None:
    trace.dies(NODES[1], KILLED, by="host1", at=5)


def _host_dies(trace: TraceBuilder) -> None:
    trace.dies("host1", KILLED, at=5)


def _proc_is_stopped(trace: TraceBuilder) -> None:
    trace.proc(1, "Ready", "Stopping", at=5)


def _process_stalls(trace: TraceBuilder) -> None:
    trace.add(ProcessStopped(), node=NODES[1], at=5)


def _host_stalled_lately(trace: TraceBuilder) -> None:
    trace.add(ProcessStopped(), node="host1", at=5)
    trace.add(ProcessContinued(), node="host1", at=6)


def _agent_hangs(trace: TraceBuilder) -> None:
    trace.add(FaultStruck(0, "hang", AGENTS[1]), at=5)


def _agent_misreports(trace: TraceBuilder) -> None:
    trace.add(FaultStruck(0, "misreport", AGENTS[1], "trainer: Failed(x)"), at=5)


def _host_agent_hangs(trace: TraceBuilder) -> None:
    trace.add(FaultStruck(0, "hang", "host1"), at=5)


def _messages_are_lost(trace: TraceBuilder) -> None:
    trace.add(MessageLost(Envelope(AGENTS[1], CONTROLLER, CheckState(0)), "loss"), at=5)


def _mesh_is_asked_to_stop(trace: TraceBuilder) -> None:
    trace.operation(CLIENT, "stop_actors", "trainer", at=5, end=6)


@pytest.mark.parametrize(
    "happens",
    [
        _actor_fails,
        _event_is_recorded,
        _process_dies,
        _host_dies,
        _proc_is_stopped,
        _process_stalls,
        _host_stalled_lately,
        _agent_hangs,
        _agent_misreports,
        _host_agent_hangs,
        _messages_are_lost,
        _mesh_is_asked_to_stop,
    ],
)
def test_a_report_of_something_real_is_accurate(trace: TraceBuilder, happens: object) -> None:
    """Failed, stopped, dead, stalled, hanging, misreported, unreachable: each is reason enough."""
    assert callable(happens)
    happens(trace)
    trace.heard(OBSERVER, "subscriber", 1, at=20)
    assert found(trace.end(30), "accuracy") == []


@pytest.mark.parametrize("happens", [_mesh_is_asked_to_stop, lambda trace: trace.actor(CLIENT, "stopping", at=5)])
def test_a_whole_mesh_that_was_stopped_may_be_called_so(trace: TraceBuilder, happens: object) -> None:
    """Somebody asked for it, or its owner ends."""
    assert callable(happens)
    happens(trace)
    trace.heard(OBSERVER, "subscriber", None, "stopped: explicit stop", at=20)
    assert found(trace.end(30), "accuracy") == []


def test_a_whole_mesh_that_nobody_stopped_is_not_stopped(trace: TraceBuilder) -> None:
    """A controller that says so has made it up."""
    seq = trace.heard(OBSERVER, "subscriber", None, "stopped: explicit stop", at=20)
    assert found(trace.end(30), "accuracy") == [
        (
            "trainer",
            'observer heard as subscriber: trainer Stopped "stopped: explicit stop", but nobody had stopped it',
            (seq,),
        )
    ]


def test_a_stall_long_ago_excuses_nothing(trace: TraceBuilder) -> None:
    """Back for an hour, then reported: whoever said so did not look."""
    _host_stalled_lately(trace)
    trace.heard(OBSERVER, "subscriber", 1, at=3600)
    assert [subject for subject, _, _ in found(trace.end(3700), "accuracy")] == ["trainer[1]"]


def test_a_watchdog_that_barks_at_a_living_controller_is_found(trace: TraceBuilder) -> None:
    """Q16: one terminal rank silences the heartbeats, and the subscriber takes the controller for dead."""
    trace.actor(TRAINERS[0], FAILED, at=5)
    trace.heard(OBSERVER, "subscriber", 0, at=20)
    seq = trace.heard(OBSERVER, "watchdog", None, "failed: timed out reaching controller", at=140)
    assert found(trace.end(150), "accuracy") == [
        (
            "trainer.controller",
            'observer heard as watchdog: trainer Failed "failed: timed out reaching controller", '
            "but the controller and its process are alive and were reachable",
            (seq,),
        )
    ]


def _controller_fails(trace: TraceBuilder) -> None:
    trace.actor(CONTROLLER, FAILED, at=5)


def _controller_process_dies(trace: TraceBuilder) -> None:
    trace.dies("client", KILLED, at=5)


def _controller_process_stalls(trace: TraceBuilder) -> None:
    trace.add(ProcessStopped(), node="client", at=5)
    trace.add(ProcessContinued(), node="client", at=124)


def _heartbeats_are_lost(trace: TraceBuilder) -> None:
    trace.add(MessageLost(Envelope(CONTROLLER, OBSERVER, MeshFailed(None)), "loss"), at=100)


def _the_listener_stalls_twice(trace: TraceBuilder) -> None:
    """It hears for 120 s of its own; the first stall is in what the second one adds."""
    trace.add(MessageLost(Envelope(CONTROLLER, OBSERVER, MeshFailed(None)), "loss"), at=0.5)
    for begin, end in ((1, 3), (100, 103)):
        trace.add(ProcessStopped(), node="observer", at=begin)
        trace.add(ProcessContinued(), node="observer", at=end)


@pytest.mark.parametrize(
    "happens",
    [
        *(_controller_fails, _controller_process_dies, _controller_process_stalls, _heartbeats_are_lost),
        _the_listener_stalls_twice,
    ],
)
def test_a_watchdog_that_barks_at_a_missing_controller_is_accurate(trace: TraceBuilder, happens: object) -> None:
    """Silence had a reason in the controller or on the way to it."""
    assert callable(happens)
    happens(trace)
    trace.heard(OBSERVER, "watchdog", None, "failed: timed out reaching controller", at=125)
    assert found(trace.end(150), "accuracy") == []


def test_a_parent_that_hears_of_a_living_child_is_found(trace: TraceBuilder) -> None:
    """A supervision event of a child that runs would fail a parent for nothing."""
    seq = trace.heard(CLIENT, "parent", None, mesh="", actor=CONTROLLER, at=20)
    assert found(trace.end(30), "accuracy") == [
        (
            "trainer.controller",
            'client heard as parent: trainer.controller Failed "failed: boom", but trainer.controller is alive',
            (seq,),
        )
    ]


def test_a_parent_that_hears_of_a_failed_child_is_told_the_truth(trace: TraceBuilder) -> None:
    """The ordinary case: the child fails, its parent is told."""
    trace.actor(CONTROLLER, FAILED, at=20)
    trace.heard(CLIENT, "parent", None, mesh="", actor=CONTROLLER)
    assert found(trace.end(30), "accuracy") == []


def test_an_alarm_of_who_was_forgotten_is_true_enough(trace: TraceBuilder) -> None:
    """What its controller sent came back, so it sends no more though both are well; until it is asked again."""
    trace.add(SubscriberRemoved(CONTROLLER, OBSERVER), node="client", at=40)
    trace.heard(OBSERVER, "watchdog", None, "failed: timed out reaching controller", at=200)
    assert found(trace.end(210), "accuracy") == []

    trace.records.pop()
    trace.operation(OBSERVER, "subscribe_to", "trainer", index=1, at=210, end=210)
    trace.heard(OBSERVER, "watchdog", None, "failed: timed out reaching controller", at=400)
    assert [subject for subject, _, _ in found(trace.end(410), "accuracy")] == ["trainer.controller"]


# --- at-most-once, owner-hears-errors-only -----------------------------------------------------------------


def test_hearing_in_two_roles_or_of_two_ranks_is_not_hearing_twice(trace: TraceBuilder) -> None:
    """An owner that subscribed to its own mesh is told through both channels."""
    trace.heard(CLIENT, "owner", 0, at=20)
    trace.heard(CLIENT, "subscriber", 0)
    trace.heard(CLIENT, "owner", 1)
    trace.heard(CLIENT, "owner", 1, "failed: another thing")
    assert found(trace.end(30), "at-most-once") == []


def test_hearing_the_same_with_every_poll_is_found_once(trace: TraceBuilder) -> None:
    """Q18: a dead proc is reported with every poll; the finding is one, with every record that says it."""
    seqs = tuple(trace.heard(CLIENT, "owner", 1, at=at) for at in (20, 30, 40))
    assert found(trace.end(50), "at-most-once") == [
        ("client", 'client heard as owner 3 times: trainer rank 1 Failed "failed: boom"', seqs)
    ]


def test_who_subscribes_once_more_may_be_told_of_all_again(trace: TraceBuilder) -> None:
    """The stored failure is sent at every subscription (5.3); the owner did not subscribe, and is told once."""
    for listener, role in ((OBSERVER, "subscriber"), (CLIENT, "owner")):
        trace.heard(listener, role, 1, at=20)
    trace.operation(OBSERVER, "subscribe_to", "trainer", index=1, at=30, end=30)
    seqs = [trace.heard(listener, role, 1) for listener, role in ((OBSERVER, "subscriber"), (CLIENT, "owner"))]
    assert [(who, records[1:]) for who, _, records in found(trace.end(40), "at-most-once")] == [("client", (seqs[1],))]


def test_who_took_the_controller_for_dead_may_be_told_of_all_again(trace: TraceBuilder) -> None:
    """Whatever it hears then, it asked for anew (Q51 off); a second alarm of one subscription is one too many."""
    trace.heard(OBSERVER, "subscriber", 1, at=20)
    trace.heard(OBSERVER, "watchdog", None, at=30)
    trace.heard(OBSERVER, "subscriber", 1, at=31)
    assert found(trace.end(40), "at-most-once") == []

    trace.records.pop()
    trace.heard(OBSERVER, "watchdog", None, at=40)
    assert [who for who, _, _ in found(trace.end(40), "at-most-once")] == ["observer"]


@pytest.mark.parametrize(
    ("meanwhile", "count"), [("it is stopped again", 0), ("it is to end", 0), ("it dies", 0), ("nothing", 1)]
)
@pytest.mark.parametrize(
    ("text", "is_concluded"),
    [
        ("failed: timeout waiting for message from proc mesh agent", True),
        ("failed: no status received from process", True),
        ("stopped: actor status is Stopped; actor may have been killed", True),
        ("failed: boom", False),
        ("failed: process failure: Killed(sig=9)", False),
    ],
)
def test_what_is_silent_a_second_time_may_be_reported_a_second_time(
    trace: TraceBuilder, text: str, *, is_concluded: bool, meanwhile: str, count: int
) -> None:
    """While its process is in the state that was reported, it is the same failure; and an end is one for ever."""
    trace.add(ProcessStopped(), node=NODES[1], at=10)
    trace.heard(CLIENT, "owner", 1, text, at=20)
    match meanwhile:
        case "it is stopped again":
            trace.add(ProcessContinued(), node=NODES[1], at=24)
            trace.add(ProcessStopped(), node=NODES[1], at=25)
        case "it is to end":
            trace.proc(1, "Ready", "Stopping", at=25)
        case "it dies":
            trace.dies(NODES[1], KILLED, at=25)
    trace.heard(CLIENT, "owner", 1, text, at=40)
    assert len(found(trace.end(50), "at-most-once")) == (count if is_concluded else 1)


@pytest.mark.parametrize(("meanwhile", "count"), [("wrong again", 0), ("another is wrong", 1), ("nothing", 1)])
def test_what_an_agent_is_made_to_say_again_may_be_reported_again(
    trace: TraceBuilder, meanwhile: str, count: int
) -> None:
    """A fault says something wrong of a rank, nothing, and the same again: it is not the controller that repeats it."""
    trace.add(FaultStruck(0, "misreport", AGENTS[1]), at=10)
    trace.heard(CLIENT, "owner", 1, "failed: injected status", at=20)
    if meanwhile != "nothing":
        trace.add(FaultStruck(1, "misreport", AGENTS[1 if meanwhile == "wrong again" else 0]), at=25)
    trace.heard(CLIENT, "owner", 1, "failed: injected status", at=40)
    assert len(found(trace.end(50), "at-most-once")) == count


@pytest.mark.parametrize(("meanwhile", "count"), [("a failure", 0), ("nothing", 1)])
def test_that_all_is_well_is_news_after_each_failure(trace: TraceBuilder, meanwhile: str, count: int) -> None:
    """Also for who watches a slice without the rank that failed."""
    trace.heard(OBSERVER, "subscriber", None, "recovered", at=20)
    if meanwhile == "a failure":
        told = heard(OBSERVER, "subscriber", 1, FAILED, mesh="trainer", actor=TRAINERS[1]).failure
        trace.add(Envelope(CONTROLLER, OBSERVER, MeshFailed(told)), node="observer", at=30)
    trace.heard(OBSERVER, "subscriber", None, "recovered", at=40)
    assert len(found(trace.end(50), "at-most-once")) == count


def test_an_owner_that_hears_of_a_clean_stop_is_found(trace: TraceBuilder) -> None:
    """Stops are for subscribers: an owner may well end at what it hears."""
    seq = trace.heard(CLIENT, "owner", 1, "stopped: process exited cleanly", at=20)
    trace.heard(OBSERVER, "subscriber", 1, "stopped: process exited cleanly")
    assert found(trace.end(30), "owner-hears-errors-only") == [
        ("client", 'client heard as owner: trainer rank 1 Stopped "stopped: process exited cleanly"', (seq,))
    ]


# --- completeness ------------------------------------------------------------------------------------------


def test_a_failure_that_nobody_hears_of_is_found_for_owner_and_subscriber(trace: TraceBuilder) -> None:
    """Due at the end of the first poll that began after the failure."""
    seq = trace.actor(TRAINERS[1], FAILED, at=15)
    trace.poll(1, at=20, end=20.1)
    records = trace.end(30)
    assert found(records, "completeness") == [
        ("trainer[1]", "trainer[1] became 'failed: boom', and client (owner) never heard of it", (seq,)),
        ("trainer[1]", "trainer[1] became 'failed: boom', and observer (subscriber) never heard of it", (seq,)),
    ]
    assert {violation.kind for violation in verdict(records).violations} == {"liveness"}


@pytest.mark.parametrize(("rank", "told"), [(0, False), (1, True), (1, False)])
def test_a_slice_has_to_hear_of_its_own_ranks_through_itself(rank: int, told: bool) -> None:
    """What is heard through the whole mesh is not heard through a slice; the other rank does not concern it."""
    trace = TraceBuilder().bring_up(subscribers=(OBSERVER,))
    trace.add(ReferenceMade(OBSERVER, "upper", "trainer", "1+hosts=1/1", (PROCS[1],)), node="observer", at=3)
    trace.operation(OBSERVER, "subscribe_to", "upper", at=3, end=3)
    trace.actor(TRAINERS[rank], FAILED, at=15)
    trace.heard(CLIENT, "owner", rank)
    trace.heard(OBSERVER, "subscriber", rank)
    if told:
        heard = msgspec.structs.replace(trace.records[-1].what, ref="upper")
        trace.add(heard, node="observer")  # type: ignore[arg-type]
    trace.poll(1, at=20, end=20.1)

    missed = [("trainer[1]", "trainer[1] became 'failed: boom', and observer (subscriber) never heard of it")]
    assert [each[:2] for each in found(trace.end(30), "completeness")] == (missed if rank and not told else [])


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (KILLED, "trainer[1] lost its process, which was killed by signal 9, and client (owner) never heard of it"),
        (
            ExitStatus(code=3),
            "trainer[1] lost its process, which exited with code 3, and client (owner) never heard of it",
        ),
    ],
)
def test_an_abnormal_end_that_only_subscribers_hear_of_is_found(
    trace: TraceBuilder, status: ExitStatus, message: str
) -> None:
    """Q28 in a nutshell: the owner is not told."""
    trace.dies(NODES[1], status, by="host1", at=15)
    trace.poll(1, at=20, end=20.1, outcome="proc_dead")
    trace.heard(OBSERVER, "subscriber", 1, "stopped: no status received from process")
    assert [text for _, text, _ in found(trace.end(30), "completeness")] == [message]


def test_a_clean_exit_is_no_failure(trace: TraceBuilder) -> None:
    """Q58: code 0 is never an event for owners."""
    trace.dies(NODES[1], ExitStatus(code=0), by="host1", at=15)
    trace.poll(1, at=20, end=20.1, outcome="proc_dead")
    assert found(trace.end(300), "completeness") == []


def push(trace: TraceBuilder, rank: int, *, at: float) -> None:
    """The stream tells the controller that a rank has failed."""
    actor = ActorState(TRAINERS[rank], rank, (), 2)
    changed = ActorStateChanged(State("trainer-9zzzzzzzzzzz", failed("boom"), actor))
    trace.add(Envelope(AGENTS[rank], CONTROLLER, changed, 1024), node="client", at=at)


def test_what_the_stream_told_a_controller_is_due_at_once(trace: TraceBuilder) -> None:
    """Long before the next poll: a streaming controller that sits on its news is found out."""
    seq = trace.actor(TRAINERS[1], FAILED, at=15)
    push(trace, 1, at=15.001)
    trace.heard(OBSERVER, "subscriber", 1, at=15.002)
    assert found(trace.end(16.1), "completeness") == [
        ("trainer[1]", "trainer[1] became 'failed: boom', and client (owner) never heard of it", (seq,)),
    ]


def test_what_the_stream_told_after_a_stop_is_not_due(trace: TraceBuilder) -> None:
    """A controller that was told to stop its mesh tells nobody what happens to it."""
    trace.actor(TRAINERS[1], FAILED, at=15)
    trace.add(MonitoringEnded(CONTROLLER, "trainer", "stop"), node="client", at=15.0005)
    push(trace, 1, at=15.001)
    assert found(trace.end(300), "completeness") == []


def test_what_the_stream_did_not_bring_is_due_with_the_poll(trace: TraceBuilder) -> None:
    """The news of one rank says nothing of another."""
    trace.actor(TRAINERS[1], FAILED, at=15)
    push(trace, 0, at=15.001)
    assert found(trace.end(17), "completeness") == []


def test_a_failure_is_not_due_before_its_bound(trace: TraceBuilder) -> None:
    """No poll began since: the run ended too early to say anything (P + 2 H + 4 A + d = 251 s)."""
    trace.actor(TRAINERS[1], FAILED, at=15)
    assert found(trace.end(15 + 250), "completeness") == []


def test_a_failure_without_any_poll_is_due_at_the_bound(trace: TraceBuilder) -> None:
    """A controller that stops polling cannot hide behind its silence: it never looked, and so nobody heard."""
    trace.actor(TRAINERS[1], FAILED, at=15)
    records = trace.end(15 + 251 + 30)
    looked = "its controller never looked: 4m 11s is the most (P + n H + 2 n A + d)"
    owner, subscriber = "client (owner) never heard of it", "observer (subscriber) never heard of it"

    early = [*records[:-1], msgspec.structs.replace(records[-1], at=(15 + 251) * S)]
    assert [text for _, text, _ in found(early, "completeness")] == [f"trainer[1] became 'failed: boom', and {looked}"]
    assert [text for _, text, _ in found(records, "completeness")] == [
        f"trainer[1] became 'failed: boom', and {how}" for how in (looked, owner, subscriber)
    ]


def test_a_quiet_end_makes_everything_due(trace: TraceBuilder) -> None:
    """A run that ended because nothing could happen any more has lasted for ever."""
    trace.actor(TRAINERS[1], FAILED, at=15)
    assert len(found(trace.end(16, why="quiet"), "completeness")) == 3


def test_a_failure_before_the_spawn_was_over_counts_from_the_spawn() -> None:
    """Q31: spawn reports Running for an actor whose init fails; somebody has to hear of it all the same."""
    trace = TraceBuilder()
    trace.bring_up()
    mesh = trace.records.pop()
    trace.actor(TRAINERS[0], "failed: initialization error: no gpu")
    trace.add(mesh.what, node="client")
    trace.poll(1, at=11, end=11.1)
    assert [subject for subject, _, _ in found(trace.end(30), "completeness")] == ["trainer[0]"]


def _mesh_is_stopped(trace: TraceBuilder) -> None:
    trace.operation(CLIENT, "stop_actors", "trainer", at=5, end=6)


def _monitoring_has_ended(trace: TraceBuilder) -> None:
    trace.add(MonitoringEnded(CONTROLLER, "trainer", "stop"), node="client", at=5)


def _owner_and_subscriber_are_gone(trace: TraceBuilder) -> None:
    trace.dies("client", KILLED, at=5)
    trace.dies("observer", KILLED)


def _subscriber_forgotten_and_owner_told(trace: TraceBuilder) -> None:
    trace.add(SubscriberRemoved(CONTROLLER, OBSERVER), node="client", at=5)
    trace.heard(CLIENT, "owner", 1, at=12)


@pytest.mark.parametrize(
    "happens",
    [_mesh_is_stopped, _monitoring_has_ended, _owner_and_subscriber_are_gone, _subscriber_forgotten_and_owner_told],
)
def test_nothing_is_due_to_those_who_do_not_watch(trace: TraceBuilder, happens: object) -> None:
    """Stopped meshes, ended listeners and removed subscribers hear nothing, and that is right."""
    assert callable(happens)
    happens(trace)
    trace.actor(TRAINERS[1], FAILED, at=15)
    trace.poll(1, at=20, end=20.1)
    assert found(trace.end(30), "completeness") == []


def test_a_controller_that_ends_after_its_poll_excuses_nothing(trace: TraceBuilder) -> None:
    """Q28 with 14.6: a host crashes, the poll says `Stopped` to subscribers alone, and then the controller fails."""
    trace.dies(NODES[1], KILLED, at=15)
    trace.poll(1, at=20, end=80, outcome="proc_dead")
    trace.add(MonitoringEnded(CONTROLLER, "trainer", "cleanup"), node="client")
    trace.heard(OBSERVER, "subscriber", 1, "stopped: no status received from process")
    trace.actor(CONTROLLER, "failed: undeliverable message error", at=80.5)
    trace.heard(CLIENT, "parent", None, "failed: undeliverable message error", mesh="", actor=CONTROLLER)
    assert [text for _, text, _ in found(trace.end(100), "completeness")] == [
        "trainer[1] lost its process, which was killed by signal 9, and client (owner) never heard of it"
    ]


def test_a_stop_before_the_poll_was_over_ends_the_watching(trace: TraceBuilder) -> None:
    """Whoever stops the mesh no longer asks how it is."""
    trace.actor(TRAINERS[1], FAILED, at=15)
    trace.operation(CLIENT, "stop_actors", "trainer", at=16, end=17)
    trace.poll(1, at=20, end=20.1)
    assert found(trace.end(30), "completeness") == []


def test_an_unasked_end_during_a_stop_is_expected(trace: TraceBuilder) -> None:
    """Q6: a requested stop may need SIGTERM; that is not a failure of the rank."""
    trace.proc(1, "Ready", "Stopping", at=10)
    trace.dies(NODES[1], ExitStatus(signal=15), by="host1", at=15)
    trace.poll(1, at=20, end=20.1)
    assert found(trace.end(30), "completeness") == []


def test_a_dead_controller_that_no_watchdog_notices_is_found(trace: TraceBuilder) -> None:
    """The subscriber's own process lives, so after W it has to know."""
    trace.dies("client", KILLED, at=15)
    assert [text for _, text, _ in found(trace.end(15 + 121), "completeness")] == [
        "trainer.controller lost its process, and observer (subscriber) never heard of it"
    ]


def test_a_dead_controller_that_the_watchdog_notices_is_complete(trace: TraceBuilder) -> None:
    """The conclusion counts as hearing."""
    trace.dies("client", KILLED, at=15)
    trace.heard(OBSERVER, "watchdog", None, "failed: timed out reaching controller", at=130)
    assert found(trace.end(15 + 121), "completeness") == []


@pytest.mark.parametrize(("arrives_at", "alarm_at"), [(15.1, 136.2), (60, 181.1)])
def test_a_watchdog_counts_from_the_last_words_of_a_controller(
    trace: TraceBuilder, arrives_at: float, alarm_at: float
) -> None:
    """A heartbeat was under way when its controller died: W and the slack begin when it arrives."""
    trace.dies("client", KILLED, at=15)
    trace.add(Envelope(CONTROLLER, OBSERVER, MeshFailed(None)), node="observer", at=arrives_at)
    records = list(trace.records)
    for ended_at, count in ((alarm_at - 0.2, 0), (alarm_at, 1)):
        trace.records = list(records)
        assert len(found(trace.end(ended_at), "completeness")) == count


# --- nothing-outlives-its-owner ----------------------------------------------------------------------------


def test_actors_that_end_within_the_orphan_bound_are_fine(trace: TraceBuilder) -> None:
    """2 O + S + slack = 131 s after the owner's process died."""
    trace.dies("client", KILLED, at=15)
    for trainer in TRAINERS:
        trace.actor(trainer, "stopped: orphaned", at=100)
    assert found(trace.end(1000), "nothing-outlives-its-owner") == []


def test_an_actor_that_outlives_its_owner_is_found(trace: TraceBuilder) -> None:
    """Q36: without a first keepalive there is no expiry, and the actor stays for ever."""
    reaped = trace.dies("client", KILLED, at=15)
    trace.actor(TRAINERS[0], "stopped: orphaned", at=100)
    assert found(trace.end(15 + 131), "nothing-outlives-its-owner") == [
        ("trainer[1]", "trainer[1] was still there 2m 11s after its owner client had ended", (reaped - 1,))
    ]


def test_an_owner_that_stopped_by_itself_has_ended_too(trace: TraceBuilder) -> None:
    """Not only crashes: an owner that ends takes its meshes with it."""
    trace.actor(CLIENT, "stopped: done", at=15)
    assert [subject for subject, _, _ in found(trace.end(500), "nothing-outlives-its-owner")] == [
        "trainer[0]",
        "trainer[1]",
    ]


def test_a_stalled_process_gets_its_time_back(trace: TraceBuilder) -> None:
    """A stopped process cannot reap; its clock for the bound stands still."""
    trace.dies("client", KILLED, at=15)
    trace.actor(TRAINERS[0], "stopped: orphaned", at=100)
    trace.add(ProcessStopped(), node=NODES[1], at=101)
    assert found(trace.end(5000), "nothing-outlives-its-owner") == []


def test_a_proc_that_gave_its_parent_death_signal_up_may_outlive_its_host(trace: TraceBuilder) -> None:
    """Nobody asked the kernel for anything."""
    trace.add(ProcessLeftParent(), node=NODES[1], at=15)
    trace.dies("host1", KILLED, at=15)
    assert found(trace.end(17), "nothing-outlives-its-owner") == []


def test_a_proc_that_outlives_its_host_is_found(trace: TraceBuilder) -> None:
    """The parent-death signal did not come."""
    reaped = trace.dies("host1", KILLED, at=15)
    assert found(trace.end(17), "nothing-outlives-its-owner") == [
        ("workers[1]", "the process of workers[1] outlived its host host1", (reaped - 1,))
    ]


def test_procs_that_die_with_their_host_are_fine(trace: TraceBuilder) -> None:
    """The kernel takes the children along."""
    trace.dies("host1", KILLED, at=15)
    trace.dies(NODES[1], KILLED, why="parent_death")
    assert found(trace.end(17), "nothing-outlives-its-owner") == []


# --- no-process-left ---------------------------------------------------------------------------------------


def _shut_down(trace: TraceBuilder, *, error: str | None = None) -> None:
    trace.operation(CLIENT, "shutdown_hosts", "", at=20, end=None)
    for host, agent in zip(("host0", "host1"), HOST_AGENTS, strict=True):
        message = ShutdownHost(5 * S, 16, PortRef(CLIENT, 1024))
        trace.add(Envelope(CLIENT, agent, message), node=host)
    trace.operation(CLIENT, "shutdown_hosts", "", index=1, at=20, end=20, error=error)


def test_procs_that_outlive_a_shutdown_are_found(trace: TraceBuilder) -> None:
    """Q41: the acknowledgement comes before the work; the work has to come all the same, within 2 T + slack."""
    _shut_down(trace)
    trace.dies(NODES[0], ExitStatus(code=0), by="host0", at=21)
    records = trace.end(20 + 11)
    assert [(subject, text) for subject, text, _ in found(records, "no-process-left")] == [
        ("workers[1]", "the process of workers[1] was still there 11s after host1 was shut down")
    ]


def test_a_shutdown_that_failed_promises_nothing(trace: TraceBuilder) -> None:
    """The caller was told that it did not work."""
    _shut_down(trace, error="no route")
    assert found(trace.end(100), "no-process-left") == []


def test_procs_that_end_by_the_ladder_are_fine(trace: TraceBuilder) -> None:
    """SIGKILL at the end of the second phase is still in time."""
    trace.operation(CLIENT, "stop_procs", "workers", at=20, end=20.1)
    trace.dies(NODES[0], ExitStatus(code=0), by="host0", at=30)
    trace.dies(NODES[1], KILLED, by="host1", at=40.2)
    assert found(trace.end(100), "no-process-left") == []


def test_a_proc_that_survives_its_stop_is_found(trace: TraceBuilder) -> None:
    """Q1: the stop succeeds while processes live; 2 X later none may."""
    trace.operation(CLIENT, "stop_procs", "workers", at=20, end=20.1)
    trace.dies(NODES[0], ExitStatus(code=0), by="host0", at=30)
    assert [text for _, text, _ in found(trace.end(20.1 + 21), "no-process-left")] == [
        "the process of workers[1] was still there 21s after workers was stopped"
    ]


# --- every-wait-bounded ------------------------------------------------------------------------------------


def test_a_poll_that_never_ends_is_found(trace: TraceBuilder) -> None:
    """2 ranks, each reply just in time: 2 (H + A) + slack = 181 s."""
    trace.poll(1, at=20, end=None)
    assert [text for _, text, _ in found(trace.end(20 + 181), "every-wait-bounded")] == [
        "trainer.controller: poll 1 had to end within 3m 1s, it never ended"
    ]


def test_a_stop_that_ends_too_late_is_found(trace: TraceBuilder) -> None:
    """An error in time is fine, an answer after the bound is not."""
    trace.operation(CLIENT, "stop_procs", "workers", at=20, end=20 + 92)
    assert [text for _, text, _ in found(trace.end(200), "every-wait-bounded")] == [
        "client: stop_procs workers had to end within 1m 31s, it took 1m 32s"
    ]


def test_a_wait_of_somebody_who_ended_is_over(trace: TraceBuilder) -> None:
    """A dead client waits for nothing; a stopped one has its clock stopped."""
    trace.operation(CLIENT, "query_mesh", "trainer", at=20, end=None)
    trace.operation(OBSERVER, "query_mesh", "trainer", at=20, end=None)
    trace.dies("client", KILLED, at=30)
    trace.add(ProcessStopped(), node="observer", at=30)
    assert found(trace.end(2000), "every-wait-bounded") == []


def test_the_last_record_decides_how_long_a_run_lasted() -> None:
    """The builder's horizon is what the rules above count to."""
    trace = TraceBuilder().bring_up()
    assert trace.end(7)[-1].what == RunEnded("horizon", ())
