"""What a timeline shows, from hand-written records."""

from __future__ import annotations

from meshsim.report.lanes import Bar, Chart, FaultLine, Lane, Mark, chart_of
from meshsim.trace.records import NO_CAUSE, FaultEnded, FaultStruck, ProcessStarted, Record
from meshsim.units import MS, S


def lane(chart: Chart, name: str) -> Lane:
    return next(lane for lane in chart.lanes if lane.name == name)


def test_lanes_are_a_tree_of_clients_then_hosts(records: list[Record]) -> None:
    """A reader looks for the listener first, then down from the host: procs indented, their actors deeper."""
    chart = chart_of(records)

    assert [(lane.name, lane.kind, lane.depth) for lane in chart.lanes] == [
        ("client", "client", 0),
        ("trainer.controller", "controller", 1),
        ("host0", "host", 0),
        ("workers[0]", "proc", 1),
        ("trainer[0]", "actor", 2),
        ("workers[1]", "proc", 1),
        ("trainer[1]", "actor", 2),
    ]
    assert chart.ended_ns == 10 * S
    assert chart.folded == 0


def test_allocated_processes_are_below_their_client() -> None:
    """They have no host; whose alloc they are is what a reader wants to know."""
    kinds = [("client", "client", ""), ("host0", "host", ""), ("client/workers_0", "allocated", "client")]
    started = [
        Record(seq=seq, at=seq * MS, node=node, cause=NO_CAUSE, what=ProcessStarted(kind, parent, "", pdeathsig=True))
        for seq, (node, kind, parent) in enumerate(kinds)
    ]

    chart = chart_of(started)

    assert [(lane.name, lane.depth) for lane in chart.lanes] == [("client", 0), ("client/workers_0", 1), ("host0", 0)]


def test_a_killed_proc_ends_and_takes_its_actor_along(records: list[Record]) -> None:
    """The kernel's word is what the lane shows: from the death on the process is gone, with its status beside it."""
    chart = chart_of(records)

    assert lane(chart, "workers[1]").bars == (
        Bar(5 * MS, 100 * MS, "starting"),
        Bar(100 * MS, 2500 * MS, "running"),
        Bar(2500 * MS, 10 * S, "gone"),
    )
    assert lane(chart, "workers[1]").ending == "signal 9"
    assert lane(chart, "trainer[1]").bars[-1] == Bar(2500 * MS, 10 * S, "gone")


def test_a_stalled_proc_is_shaded_with_everything_that_lives_in_it(records: list[Record]) -> None:
    """SIGSTOP stops all actors of a process at once; SIGCONT gives each the look it had."""
    chart = chart_of(records)

    stalled = Bar(5 * S, 7 * S, "stalled")
    assert lane(chart, "workers[0]").bars[2:] == (stalled, Bar(7 * S, 10 * S, "running"))
    assert lane(chart, "trainer[0]").bars[2:] == (
        stalled,
        Bar(7 * S, 8 * S, "running"),
        Bar(8 * S, 8100 * MS, "stopping"),
        Bar(8100 * MS, 10 * S, "stopped"),
    )


def test_marks_lie_on_the_lane_of_the_one_who_hears(records: list[Record]) -> None:
    """Owner and subscribers are looked up by what they hear; heartbeats and polls are there without words."""
    chart = chart_of(records)

    client = lane(chart, "client").marks
    assert [mark for mark in client if mark.text] == [Mark(3004 * MS, "heard", "owner hears trainer[1] Failed")]
    assert sum(mark.look == "heartbeat" for mark in client) == 9
    assert {mark.look for mark in lane(chart, "trainer.controller").marks} == {"poll"}
    assert lane(chart, "trainer[0]").marks == (Mark(8 * S, "orphan", "stopped as an orphan"),)


def test_faults_are_lines_whether_they_struck_or_not(records: list[Record]) -> None:
    """A fault that could not strike is shown too: a silent miss would look like a system that survived."""
    chart = chart_of(records)

    assert chart.faults == (
        FaultLine(2500 * MS, 0, "signal workers[1]", struck=True),
        FaultLine(5 * S, 1, "stall workers[0]", struck=True),
        FaultLine(9 * S, 2, "exit workers[1] missed", struck=False),
    )


def test_a_fault_of_a_link_is_a_line_when_it_begins_and_when_it_is_over() -> None:
    """It has two sides, and neither is the lane of anybody."""
    sides = "host0, workers[1] <-> *"
    bodies = (ProcessStarted("host", "", "", pdeathsig=True), FaultStruck(0, "partition", sides))
    ended = FaultEnded(0, "partition", sides)
    records = [Record(seq, seq * S, "host0", NO_CAUSE, what) for seq, what in enumerate((*bodies, ended))]

    assert chart_of(records).faults == (
        FaultLine(1 * S, 0, f"partition {sides}", struck=True),
        FaultLine(2 * S, 0, f"partition {sides} is over", struck=False),
    )


def test_too_many_lanes_are_folded_and_the_chart_says_how_many(records: list[Record]) -> None:
    """With thousands of ranks only those with a story matter; the figure must not hide that it hides some."""
    chart = chart_of(records, lanes_max=4)

    assert [lane.name for lane in chart.lanes] == ["client", "workers[0]", "trainer[0]", "workers[1]"]
    assert chart.folded == 3


def test_procs_that_fared_alike_share_a_lane_when_there_are_too_many(crowd: list[Record]) -> None:
    """A hundred ranks of which one died are three lanes a reader can take in: the host, the others, the one."""
    chart = chart_of(crowd)

    assert [(lane.name, lane.ending) for lane in chart.lanes] == [
        ("host0", ""),
        ("workers[0-6,8-99]", ""),
        ("workers[7]", "exit 1"),
    ]
    assert chart.folded == 0


def test_a_run_without_records_has_an_empty_chart() -> None:
    """A run that broke off before it began is reported too."""
    assert chart_of([]) == Chart((), (), 0, 0)
