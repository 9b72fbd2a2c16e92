"""A recording, ready to be asked: who took what, who was handed what, who asked for what."""

from __future__ import annotations

from msgspec import UNSET

from meshsim.drive.outputs import envelope_in
from meshsim.drive.timing import Input, Output, TimerDelayed, Timing
from meshsim.model.commands import NodeCommand
from meshsim.model.events import ClockSet
from meshsim.model.ids import Node
from meshsim.model.messages import Envelope
from meshsim.run.replaying.difference import Difference
from meshsim.trace.directory import Directory
from meshsim.trace.records import ProcessReaped, ProcessStarted, Record, RunEnded
from meshsim.trace.story import story


class Recording:
    """The records of a live run, and what its nodes took and asked for."""

    def __init__(self, records: list[Record], timing: Timing) -> None:
        self.records = records
        self.inputs: list[Input] = timing.inputs
        self.untaken = timing.untaken
        self.directory = Directory.of(records)
        #: The record of each process.
        self.started: dict[Node, Record] = {}
        #: Numbers of the records of what each node was handed, in order; its start and refused children apart.
        self.handed: dict[Node, list[int]] = {}
        #: What a node asked for, by the record that it took.
        self.asked_for: dict[tuple[Node, int], list[NodeCommand]] = {}
        self.delays: dict[Node, list[TimerDelayed]] = {}
        for record in records:
            self._look_at(record)
        for each in self.inputs:
            self.asked_for[each.node, each.record] = [
                command for output in outputs_of(each) if (command := self._command(output)) is not None
            ]
        for delay in timing.delays:
            self.delays.setdefault(delay.node, []).append(delay)

    def _look_at(self, record: Record) -> None:
        match record.what:
            case ProcessStarted():
                self.started.setdefault(Node(record.node), record)
            case Envelope() | ClockSet():
                self.handed.setdefault(Node(record.node), []).append(record.seq)
            case ProcessReaped(by=by) if by and self._kind(record.node) != "host":
                # Who started a host does not ask what became of it.
                self.handed.setdefault(Node(by), []).append(record.seq)
            case _:
                pass

    def _kind(self, node: str) -> str:
        started = self.started.get(Node(node))
        return started.what.kind if started is not None and isinstance(started.what, ProcessStarted) else ""

    def _command(self, output: Output) -> NodeCommand | None:
        if not isinstance(output, int):
            return output
        record = self.record(output)
        return None if record is None else envelope_in(record)

    @property
    def is_whole(self) -> bool:
        """Whether the run went on to its horizon: what nodes asked for last was carried out."""
        last = self.records[-1].what if self.records else None
        return isinstance(last, RunEnded) and last.why == "horizon"

    def record(self, seq: int) -> Record | None:
        """A record by its number."""
        return self.records[seq] if 0 <= seq < len(self.records) else None

    def difference(
        self, each: Input, number: int, problem: str, *, expected: str = "", recorded: str = ""
    ) -> Difference:
        """Something is wrong with an input, or with what followed from it."""
        record = self.record(each.record)
        before = () if record is None else tuple(story(self.records, record.seq))
        return Difference(each.node, number, each.record, each.at_ns, problem, expected, recorded, before)

    def unaccounted(self, record: Record, problem: str, *, expected: str = "", recorded: str = "") -> Difference:
        """Something is wrong with a record. Its input is that of the record which led to it, if there is one."""
        before = tuple(story(self.records, record.seq))
        node, number, at_ns = Node(record.node), 0, record.at
        counts: dict[Node, int] = {}
        for each in self.inputs:
            if each.record in (record.seq, record.cause):
                node, number, at_ns = each.node, counts.get(each.node, 0), each.at_ns
                break
            counts[each.node] = counts.get(each.node, 0) + 1
        return Difference(node, number, record.seq, at_ns, problem, expected, recorded, before)


def outputs_of(each: Input) -> tuple[Output, ...]:
    """What an input had its node ask for; recordings without it are refused before anybody asks."""
    assert each.outputs is not UNSET
    return each.outputs
