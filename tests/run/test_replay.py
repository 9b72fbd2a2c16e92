"""Live runs fed to the model again: the same comes out, and what was changed in a recording is found and named."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from meshsim.drive.timing import Input, Timing
from meshsim.model.commands import NodeCommand, SetTimer
from meshsim.model.events import ClockSet, Event, TimerFired
from meshsim.model.ids import ActorId
from meshsim.model.messages import Envelope
from meshsim.model.notes import ProcStatusChanged, Warned
from meshsim.model.runtime.node import NodeMachine
from meshsim.procs.live import LiveBackend
from meshsim.procs.live_conductor import LiveConductor
from meshsim.run import Pace, program_of, read_run, run_plan, write_run
from meshsim.run.replay import Difference, NotRecordedError, replay
from meshsim.scenario import plan
from meshsim.scenario.decode import decode
from meshsim.scenario.load import load_scenarios
from meshsim.scenario.plan import Plan
from meshsim.trace.records import Body, InFlight, ProcessDied, ProcessStarted, Record, RunEnded
from meshsim.units import S

pytestmark = [pytest.mark.procs, pytest.mark.xdist_group("procs")]

SCENARIOS = Path(__file__).parents[2] / "scenarios"
#: Twenty times as fast. What that makes of a run does not matter here: whatever its nodes did has to be what they do.
HASTY = Pace(time_scale=0.05, late_max_ns=60 * S)

#: A proc is killed, clocks are set, the other proc is stopped and ends itself.
WORLD: dict[str, Any] = {
    "name": "kill-one-stop-one",
    "horizon": "12s",
    "config": {"supervision_poll_frequency": "1s"},
    "topology": {
        "clients": ["client", "observer"],
        "procs": [{"name": "workers", "per_host": {"gpus": 2}}],
        "actors": [{"name": "trainer", "procs": "workers"}],
    },
    "operations": [{"do": "stop_procs", "procs": "workers", "by": "client", "at": "8s"}],
    "faults": [
        {"kind": "signal", "target": "workers[1]", "signal": "SIGKILL", "when": {"record": "poll_ended"}},
        {"kind": "clock_jump", "target": "host0", "by": "2s", "at": "2s"},
        {"kind": "clock_jump", "target": "observer", "by": "2s", "at": "9s"},
    ],
}


class Tape(msgspec.Struct):
    """A recording that can be changed."""

    plan: Plan
    records: list[Record]
    timing: Timing

    def differences(self) -> tuple[Difference, ...]:
        return replay(self.plan, self.records, self.timing).differences

    def first(self, node: str, kind: type, *, after: int = 0) -> int:
        """The place in the inputs of the first thing of a kind that a node took."""
        return next(
            place
            for place, each in enumerate(self.timing.inputs)
            if place >= after and each.node == node and isinstance(self.records[each.record].what, kind)
        )

    def number(self, place: int) -> int:
        """Which input of its node it is."""
        node = self.timing.inputs[place].node
        return sum(each.node == node for each in self.timing.inputs[:place])

    def with_input(self, place: int, **changes: Any) -> Tape:
        inputs = list(self.timing.inputs)
        inputs[place] = msgspec.structs.replace(inputs[place], **changes)
        return self.with_inputs(inputs)

    def with_inputs(self, inputs: list[Input]) -> Tape:
        return Tape(self.plan, self.records, msgspec.structs.replace(self.timing, inputs=inputs))

    def with_more(self, node: str, cause: int, what: Body) -> Tape:
        """One more record, before the last."""
        *records, last = self.records
        more = Record(last.seq, last.at, node, cause, what)
        return Tape(self.plan, [*records, more, msgspec.structs.replace(last, seq=last.seq + 1)], self.timing)

    def with_record(self, seq: int, **changes: Any) -> Tape:
        records = list(self.records)
        records[seq] = msgspec.structs.replace(records[seq], **changes)
        return Tape(self.plan, records, self.timing)

    def record(self, kind: type, node: str = "") -> Record:
        """The first of a kind, of a node if one is given."""
        return next(r for r in self.records if isinstance(r.what, kind) and node in ("", r.node))


@pytest.fixture(scope="module")
def tape() -> Tape:
    result = run_plan(plan(decode(WORLD), 0), "live", pace=Pace(time_scale=0.25, late_max_ns=60 * S))
    assert result.timing is not None
    assert result.records[-1].what == RunEnded("horizon", ("host0", "client", "observer")), result.verdict.reason
    return Tape(result.plan, result.records, result.timing)


def test_what_was_recorded_is_what_the_model_does(tape: Tape) -> None:
    """Everything that a node took was fed, and every output compared."""
    replayed = replay(tape.plan, tape.records, tape.timing)

    outputs = [each.outputs for each in tape.timing.inputs]
    assert replayed.differences == ()
    assert (replayed.nodes, replayed.inputs) == (5, len(tape.timing.inputs))
    assert replayed.outputs == sum(map(len, outputs)) > 100  # type: ignore[arg-type]  # none is unset


def test_a_run_that_was_kept_replays_as_well(tape: Tape, tmp_path: Path) -> None:
    """From its files alone."""
    result = run_plan(tape.plan, "live", pace=HASTY)

    kept = read_run(write_run(result, tmp_path))

    assert kept.timing is not None
    assert replay(kept.plan, kept.records, kept.timing).differences == ()


@pytest.mark.parametrize(
    "name",
    [
        "fast/actor-raises",
        "fast/clock-that-is-set-back-and-forth",
        "fast/partition-splits-a-mesh-in-two",
        "fast/numbers-keep-messages-in-their-order",
        "fast/last-words-of-a-process",
        "fast/proc-does-not-start",
        "fast/allocated-hosts",
        "fast/hosts-outlive-their-client",
        "fast/silence-and-news-at-once",
        "faults/late_polls",
        "faults/power_cycle",
        "faults/descriptors_exhausted",
        "faults/slow_start",
        "faults/cleanup_fails",
        "negative/failure-is-feigned",
    ],
)
def test_runs_of_all_kinds_replay(name: str) -> None:
    """What strikes inside a node, beside it and between nodes; actor classes of the scenario's own."""
    loaded, *_ = load_scenarios(SCENARIOS / f"{name}.toml")

    result = run_plan(plan(loaded.scenario, 0), "live", pace=HASTY)

    assert result.timing is not None
    replayed = replay(result.plan, result.records, result.timing)
    assert replayed.differences == ()
    assert replayed.inputs == len(result.timing.inputs) > 0, result.verdict.reason


class ForgetsNotes(NodeMachine):
    """Says nothing of what becomes of processes."""

    def handle(self, event: Event, now_ns: int) -> list[NodeCommand]:
        """Take one event and return what the run gets to see."""
        return [command for command in super().handle(event, now_ns) if not isinstance(command, ProcStatusChanged)]


def test_a_process_that_does_something_else_is_found() -> None:
    """Nothing of the recording was changed: the machine in the process was another one."""
    scenario = plan(decode(WORLD), 0)
    run_id = f"test-{os.getpid()}-forgets-notes"
    with closing(LiveBackend(program_of(scenario), run_id=run_id, time_scale=0.25, node_type=ForgetsNotes)) as backend:
        conductor = LiveConductor(scenario, backend, backend)
        conductor.run()

    difference, *_ = replay(scenario, conductor.records, conductor.timing()).differences

    assert difference.node == "host0"
    assert difference.expected == "workers[0]: Starting -> Running"
    assert not any(isinstance(record.what, ProcStatusChanged) for record in conductor.records)


# --- what was changed is found -----------------------------------------------------------------------------------


def _timer_longer(tape: Tape) -> tuple[Tape, int, str]:
    for place, each in enumerate(tape.timing.inputs):
        for number, output in enumerate(each.outputs):  # type: ignore[arg-type]  # it is not unset
            if isinstance(output, SetTimer):
                outputs = list(each.outputs)  # type: ignore[arg-type]
                outputs[number] = SetTimer(output.actor, output.key, output.after_ns + 1)
                return tape.with_input(place, outputs=tuple(outputs)), place, f"output {number} differs"
    raise AssertionError("no timer is ever set")


def _note_changed(tape: Tape) -> tuple[Tape, int, str]:
    note = tape.record(ProcStatusChanged)
    changed = msgspec.structs.replace(note.what, text="Lost")
    place = next(place for place, each in enumerate(tape.timing.inputs) if each.record == note.cause)
    outputs = tape.timing.inputs[place].outputs
    return tape.with_record(note.seq, what=changed), place, f"output {outputs.index(note.seq)} differs"  # type: ignore[union-attr]


def _message_changed(tape: Tape) -> tuple[Tape, int, str]:
    """The first that a proc sends: its host gets another one than was sent."""
    sent = next(
        record
        for record in tape.records
        if isinstance(record.what, Envelope)
        and record.cause >= 0
        and tape.records[record.cause].node.startswith("host0/")
    )
    changed = msgspec.structs.replace(sent.what, port=sent.what.port + 1)  # type: ignore[union-attr]
    place = next(place for place, each in enumerate(tape.timing.inputs) if each.record == sent.cause)
    outputs = tape.timing.inputs[place].outputs
    return tape.with_record(sent.seq, what=changed), place, f"output {outputs.index(sent.seq)} differs"  # type: ignore[union-attr]


def _output_forgotten(tape: Tape) -> tuple[Tape, int, str]:
    place = tape.first("client", Envelope)
    outputs = tape.timing.inputs[place].outputs
    assert isinstance(outputs, tuple)
    return tape.with_input(place, outputs=outputs[:-1]), place, f"output {len(outputs) - 1} differs"


def _message_dropped(tape: Tape) -> tuple[Tape, int, str]:
    place = tape.first("client", Envelope, after=20)
    inputs = list(tape.timing.inputs)
    del inputs[place]
    return tape.with_inputs(inputs), tape.first("client", Envelope, after=place + 1) - 1, "in another order"


def _timer_dropped(tape: Tape) -> tuple[Tape, int, str]:
    """What comes next, and is no timer, cannot have come before it."""
    place = tape.first("client", TimerFired)
    record = tape.timing.inputs[place].record
    inputs = [each for each in tape.timing.inputs if each.record != record]
    return tape.with_inputs(inputs), -1, ""


def _order_swapped(tape: Tape) -> tuple[Tape, int, str]:
    """Two messages to one node, each at the time of the other."""
    one = tape.first("host0", Envelope, after=8)
    other = tape.first("host0", Envelope, after=one + 1)
    inputs = list(tape.timing.inputs)
    first, second = inputs[one], inputs[other]
    inputs[one] = msgspec.structs.replace(second, at_ns=first.at_ns)
    inputs[other] = msgspec.structs.replace(first, at_ns=second.at_ns)
    return tape.with_inputs(inputs), one, ""


def _timer_early(tape: Tape) -> tuple[Tape, int, str]:
    place = tape.first("client", TimerFired)
    before = next(each for each in reversed(tape.timing.inputs[:place]) if each.node == "client")
    return tape.with_input(place, at_ns=before.at_ns), place, "before it was due"


def _taken_too_early(tape: Tape) -> tuple[Tape, int, str]:
    place = tape.first("host0", Envelope)
    return tape.with_input(place, at_ns=tape.records[tape.timing.inputs[place].record].at - 1), place, "before"


def _time_goes_back(tape: Tape) -> tuple[Tape, int, str]:
    place = tape.first("host0/workers_0", Envelope, after=tape.first("host0/workers_0", Envelope) + 1)
    return tape.with_input(place, at_ns=0), place, "before what it took before"


def _time_that_is_told(tape: Tape) -> tuple[Tape, int, str]:
    """What is told is valid until a time by the clock of who says so: a moment later it would be another one."""
    kept = next(record for record in tape.records if b"expires_after_ns" in msgspec.json.encode(record.what))
    place = next(place for place, each in enumerate(tape.timing.inputs) if each.record == kept.cause)
    return tape.with_input(place, at_ns=tape.timing.inputs[place].at_ns + 1), place, "output"


def _process_under_another_name(tape: Tape) -> tuple[Tape, int, str]:
    started = tape.record(ProcessStarted, "host0/workers_1")
    place = next(place for place, each in enumerate(tape.timing.inputs) if each.node == "host0/workers_1")
    changed = msgspec.structs.replace(started.what, name="nobody")
    return tape.with_record(started.seq, what=changed), place, "host0 had not asked for it"


@pytest.mark.parametrize(
    "change",
    [
        _timer_longer,
        _note_changed,
        _message_changed,
        _output_forgotten,
        _message_dropped,
        _timer_dropped,
        _order_swapped,
        _timer_early,
        _taken_too_early,
        _time_goes_back,
        _time_that_is_told,
        _process_under_another_name,
    ],
)
def test_what_was_changed_is_named(tape: Tape, change: Callable[[Tape], tuple[Tape, int, str]]) -> None:
    """The node, which of its inputs, and the record. The story leads there."""
    changed, place, problem = change(tape)

    difference, *_ = changed.differences()

    assert problem in difference.problem
    if place >= 0:
        each = changed.timing.inputs[place]
        assert (difference.node, difference.input) == (each.node, changed.number(place))
        assert difference.record == each.record == difference.story[-1].seq


# --- what follows from nothing, and from what nothing follows ------------------------------------------------------


def _note_added(tape: Tape) -> tuple[Tape, str, str]:
    last = [each for each in tape.timing.inputs if each.node == "client"][-1]
    more = Warned(ActorId("unix:@client,local,client[0]"), "beware")
    return tape.with_more("client", last.record, more), "client", "a note, and no node made it"


def _message_added(tape: Tape) -> tuple[Tape, str, str]:
    sent = tape.record(Envelope, "host0/workers_0")
    more = InFlight(msgspec.structs.replace(sent.what, port=5))
    return tape.with_more("host0/workers_0", sent.cause, more), "", "a message, and no node sent it"


def _end_without_a_reason(tape: Tape) -> tuple[Tape, str, str]:
    """It was killed, and is said to have ended itself of something that it took."""
    died = next(r for r in tape.records if r.what == ProcessDied("signal"))
    taken = tape.timing.inputs[tape.first(died.node, Envelope)].record
    return tape.with_record(died.seq, cause=taken, what=ProcessDied("exit")), died.node, "nobody asked for this"


def _end_that_is_another(tape: Tape) -> tuple[Tape, str, str]:
    died = next(r for r in tape.records if r.what == ProcessDied("exit"))
    return tape.with_record(died.seq, what=ProcessDied("signal")), died.node, "it asked for this, and nothing followed"


def _last_input_dropped(tape: Tape) -> tuple[Tape, str, str]:
    """Nothing followed from it, and nothing came after it."""
    place = tape.first("observer", ClockSet)
    silent = tape.timing.inputs[place]
    assert silent.outputs == ()
    inputs = [each for each in tape.timing.inputs if each is not silent]
    return tape.with_inputs(inputs), silent.node, f"{silent.node} was handed this and did not take it"


@pytest.mark.parametrize(
    "change", [_note_added, _message_added, _end_without_a_reason, _end_that_is_another, _last_input_dropped]
)
def test_what_no_node_accounts_for_is_named(tape: Tape, change: Callable[[Tape], tuple[Tape, str, str]]) -> None:
    """Every output is as recorded, and the trace says more, or less, than follows from them."""
    changed, node, problem = change(tape)

    difference, *_ = changed.differences()

    assert difference.problem == problem
    assert node in ("", difference.node)


def test_a_recording_without_outputs_is_refused(tape: Tape) -> None:
    """Those of former versions do not have them."""
    with pytest.raises(NotRecordedError, match="made by an older version"):
        tape.with_input(3, outputs=UNSET).differences()
