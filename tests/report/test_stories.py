"""Stories for a first look."""

from __future__ import annotations

from meshsim.model.notes import PollStarted
from meshsim.report.stories import FaultStory, evidence_lines, fault_stories
from meshsim.trace.records import FaultStruck, ProcessDied, ProcessReaped, Record
from meshsim.units import S


def test_a_fault_is_followed_by_what_could_be_seen_until_the_next(records: list[Record]) -> None:
    """Who died of what, what the host and the controller made of it, and who heard: a story in six lines."""
    first = fault_stories(records)[0]

    assert first == FaultStory(
        "FAULT 0: signal workers[1] SIGKILL at 2.500s",
        (
            "+0.000s    workers[1]    process died (signal)",
            "+0.001s    workers[1]    process was waited for by host0: killed by signal 9",
            "+0.001s    host0         workers[1]: Ready -> Killed(sig=9)",
            "+0.504s    client        trainer.controller ends poll 3: changed",
            "+0.504s    client        HEARD by client (owner): trainer rank 1 Failed: "
            "failed: process failure: Killed(sig=9)",
        ),
    )


def test_every_fault_has_a_story_even_a_missed_one(records: list[Record]) -> None:
    """The titles number the faults as the scenario file does."""
    titles = [story.title for story in fault_stories(records)]

    assert titles == [
        "FAULT 0: signal workers[1] SIGKILL at 2.500s",
        "FAULT 1: stall workers[0] at 5.000s",
        "FAULT 2 MISSED: exit host0/workers_1: its process is gone at 9.000s",
    ]


def test_a_long_story_is_cut_and_says_so(records: list[Record]) -> None:
    """A thousand ranks that die of one host crash must not fill the page."""
    first = fault_stories(records, lines_max=3)[0]

    assert len(first.lines) == 3
    assert first.lines[-1] == "(3 more lines)"


def test_what_happens_to_many_at_once_is_told_of_two() -> None:
    """A host crash takes all its procs in the same instant: the reader needs the fact and the number."""
    nodes = [f"host0/workers_{rank}" for rank in range(5)]
    bodies = [("", FaultStruck(0, "host_crash", "host0")), *((node, ProcessDied("parent_death")) for node in nodes)]
    records = [Record(seq=seq, at=S, node=node, cause=-1, what=what) for seq, (node, what) in enumerate(bodies)]

    assert fault_stories(records) == [
        FaultStory(
            "FAULT 0: host_crash host0 at 1.000s",
            (
                "+0.000s    host0/workers_0 process died (parent death)",
                "+0.000s    host0/workers_1 process died (parent death)",
                "                         (3 more of the same)",
            ),
        )
    ]


def test_evidence_is_told_from_its_causes_on(records: list[Record]) -> None:
    """A violation names records; a reader wants to know what led to them."""
    reaped = next(record.seq for record in records if isinstance(record.what, ProcessReaped))

    assert evidence_lines(records, [reaped], 12) == [
        "   2.500s  world         FAULT 0: signal workers[1] SIGKILL",
        "   2.500s  workers[1]    process died (signal)",
        "   2.501s  workers[1]    process was waited for by host0: killed by signal 9",
    ]
    assert evidence_lines(records, [reaped], 1) == [
        "(2 earlier records)",
        "   2.500s  world         FAULT 0: signal workers[1] SIGKILL",
        "   2.501s  workers[1]    process was waited for by host0: killed by signal 9",
    ]


def test_evidence_of_much_is_its_first_two_and_a_number(records: list[Record]) -> None:
    """Something heard seventeen times is understood from the first two."""
    polls = [record.seq for record in records if isinstance(record.what, PollStarted)]

    assert evidence_lines(records, polls, 12) == [
        "   1.000s  client        trainer.controller starts poll 1",
        "   2.000s  client        trainer.controller starts poll 2",
        "(7 more like the last)",
    ]
