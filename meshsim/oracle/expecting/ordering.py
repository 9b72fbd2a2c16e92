"""What comes before what."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET

from meshsim.oracle.describing import moment_words
from meshsim.oracle.evidence import Evidence
from meshsim.oracle.expectations import Order
from meshsim.oracle.expecting.problems import Judged, Problem
from meshsim.oracle.expecting.windows import moment_record, time_words
from meshsim.trace.records import Record
from meshsim.units import format_duration


def judge_order(expectation: Order, evidence: Evidence, records: Sequence[Record]) -> Judged:
    """All moments come, each in a record behind that of the one before it, and the last within the time of the first.

    A moment is the n-th match in the whole run, not the next one behind the moment before it.
    """
    found = [(moment, moment_record(moment, evidence, records)) for moment in expectation.moments]
    subject = moment_words(expectation.moments[0])
    seen: list[Record] = []
    for number, (moment, record) in enumerate(found):
        words = moment_words(moment)
        if record is None:
            before = f", behind {moment_words(found[number - 1][0])}" if number else ""
            message = f"{words} never came, expected it{before}"
            return Judged(subject, [Problem(words, message, _seqs(seen), is_missing=True)])
        if seen and record.seq < seen[-1].seq:
            earlier = moment_words(found[number - 1][0])
            times = f"{time_words(record.at)} and {time_words(seen[-1].at)}"
            message = f"{words} came before {earlier}, at {times}, expected it behind"
            return Judged(subject, [Problem(words, message, (record.seq, seen[-1].seq))])
        seen.append(record)
    took_ns = seen[-1].at - seen[0].at
    if expectation.within is not UNSET and took_ns > expectation.within:
        message = f"from {subject} to {moment_words(expectation.moments[-1])} it took {format_duration(took_ns)}, "
        message += f"expected at most {format_duration(expectation.within)}"
        return Judged(subject, [Problem(subject, message, _seqs(seen), is_missing=True)])
    return Judged(subject, shown=_seqs(seen))


def _seqs(records: Sequence[Record]) -> tuple[int, ...]:
    return tuple(record.seq for record in records)
