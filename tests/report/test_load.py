"""Load over time."""

from __future__ import annotations

from small_worlds import mesh

from meshsim.model.messages import Envelope
from meshsim.model.notes import PollEnded, PollStarted
from meshsim.report.load import Load, load_of, polls_in_flight
from meshsim.run import run_plan
from meshsim.trace.records import ProcessDied, Record
from meshsim.units import MS, S


def test_heartbeats_and_polls_are_counted_where_they_happen(records: list[Record]) -> None:
    """Nine heartbeats, one in each bin of theirs; a poll without an end is in flight until the next one."""
    load = load_of(records)

    assert (load.width_ns, len(load.bins), load.bins[-1].start_ns) == (100 * MS, 101, 10 * S)
    assert [each.start_ns // S for each in load.bins if each.heartbeats] == list(range(1, 10))
    assert sum(each.heartbeats for each in load.bins) == 9
    assert load.bins[30].polls == 1
    assert load.bins[31].polls == 0


def test_every_message_that_arrives_is_counted_once() -> None:
    """Against a run of the real machines."""
    run = run_plan(mesh(), "sim")

    load = load_of(run.records)

    arrived = [record for record in run.records if isinstance(record.what, Envelope)]
    assert arrived
    assert sum(each.messages for each in load.bins) == len(arrived)


def test_a_poll_ends_with_its_process_or_with_the_run(records: list[Record]) -> None:
    """Otherwise a dead controller would poll for ever."""
    start = next(record for record in records if isinstance(record.what, PollStarted))
    died = Record(start.seq + 1, start.at + 3 * MS, start.node, start.seq, ProcessDied("signal"))
    end = Record(start.seq + 2, start.at + 5 * MS, "elsewhere", start.seq, ProcessDied("signal"))

    assert [poll[1:] for poll in polls_in_flight([start, died, end])] == [(start.at, start.at + 3 * MS)]
    assert [poll[1:] for poll in polls_in_flight([start, end])] == [(start.at, start.at + 5 * MS)]


def test_a_poll_lasts_from_its_beginning_to_its_end(records: list[Record]) -> None:
    ended = next(record for record in records if isinstance(record.what, PollEnded))

    assert (ended.what.controller, 3 * S, 3004 * MS) in polls_in_flight(records)  # type: ignore[union-attr]


def test_a_run_without_records_has_no_load() -> None:
    assert load_of([]) == Load()
