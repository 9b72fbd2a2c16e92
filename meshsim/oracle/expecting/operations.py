"""How operations end."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET

from meshsim.model.notes import OperationEnded, OperationStarted
from meshsim.oracle.describing import error_words
from meshsim.oracle.evidence import NOT_BEGUN, Evidence
from meshsim.oracle.expectations import OperationResult
from meshsim.oracle.expecting.problems import Judged, Limits, Problem, count_problem, is_too_few, seqs_of, void
from meshsim.oracle.expecting.texts import is_asked, text_fits, text_problem
from meshsim.oracle.expecting.windows import VoidError, span_of
from meshsim.trace.records import Record
from meshsim.units import format_duration

#: Scenario files name operations shortly; the trace has the tags of `meshsim.model.operations`.
TAGS = {
    "subscribe": "subscribe_to",
    "drop": "drop_ref",
    "cast": "cast_to",
    "count": "count_ranks",
    "query": "query_mesh",
    "end": "end_self",
}


def judge_operation(expectation: OperationResult, evidence: Evidence, records: Sequence[Record]) -> Judged:
    """As many operations of this kind (and name) as it says went as expected; without a number at least one.

    Without an error it ended well; with one, with an error that has the text. `within` counts from its own start. With
    `ends = false` it had begun and was still waiting at the end of the run. One that never began, as what it is about
    is not there, ends with an error that says so.
    """
    tag = TAGS.get(expectation.do, expectation.do)
    subject = f"{expectation.do} {expectation.name or ''}".rstrip()
    try:
        span = span_of(expectation.window, evidence, records)
    except VoidError as never:
        return void(subject, str(never))
    runs = [
        (record, started)
        for record, started in evidence.operations
        if started.operation == tag and expectation.name in (None, started.label) and span.has(record)
    ]
    refused = [
        record for record, ended in evidence.ends.values() if span.has(record) and _was_refused(expectation, ended)
    ]
    problems = [_problem(expectation, evidence, record, started) for record, started in runs]
    good = [run for run, problem in zip(runs, problems, strict=True) if not problem]
    limits: Limits = (expectation.times, expectation.at_least, expectation.at_most)
    count = len(good) + len(refused)
    wrong = count_problem(count, limits)
    if not wrong:
        return Judged(subject, shown=(*seqs_of(good), *(record.seq for record in refused)))
    first = next(filter(None, problems), "")
    if limits == (UNSET, UNSET, UNSET):
        message = f"{subject} {first}" if runs else f"{subject} never began"
        return Judged(subject, [Problem(subject, message, seqs_of(runs), expectation.ends or not runs)])
    message = f"{subject} went as expected {wrong}" + (f"; {first}" if first else "" if runs else "; it never began")
    return Judged(subject, [Problem(subject, message, seqs_of(runs), is_too_few(count, limits))])


def expects_error_of(expectation: OperationResult, ended: OperationEnded) -> bool:
    """Whether it is the error that ended this operation which is expected."""
    named = ended.operation == TAGS.get(expectation.do, expectation.do) and expectation.name in (None, ended.label)
    expects = is_asked(expectation.error, expectation.error_is, expectation.error_matches)
    return named and expects and _has_error(expectation, ended)


def _was_refused(expectation: OperationResult, ended: OperationEnded) -> bool:
    """Whether an operation never began, with the error that is expected; such a record has the name of the file."""
    named = ended.operation == expectation.do and expectation.name in (None, ended.label)
    expects = is_asked(expectation.error, expectation.error_is, expectation.error_matches)
    return named and expects and (ended.error or "").startswith(NOT_BEGUN) and _has_error(expectation, ended)


def _problem(expectation: OperationResult, evidence: Evidence, record: Record, started: OperationStarted) -> str:
    end = evidence.ends.get((started.by, started.index))
    if end is None:
        return "never ended, expected it to end" if expectation.ends else ""
    end_record, ended = end
    if not expectation.ends:
        return f"ended ({_outcome(ended)}), expected it to wait for ever"
    error = error_words(expectation)
    if not error and ended.error is not None:
        return f"ended with the error {ended.error!r}, expected it to end well"
    if error and not _has_error(expectation, ended):
        wanted = text_problem(expectation.error, UNSET, UNSET) if expectation.error is not None else ""
        wanted = f"an error with {wanted}" if wanted and error.count(" and ") == 0 else error
        return f"ended ({_outcome(ended)}), expected {wanted}"
    result = (expectation.result, expectation.result_is, expectation.result_matches)
    if is_asked(*result) and not text_fits((ended.result,), *result):
        return f"returned {ended.result!r}, expected {text_problem(*result)}"
    took_ns = end_record.at - record.at
    if expectation.within is not None and took_ns > expectation.within:
        return f"took {format_duration(took_ns)}, expected at most {format_duration(expectation.within)}"
    return ""


def _has_error(expectation: OperationResult, ended: OperationEnded) -> bool:
    return ended.error is not None and text_fits(
        (ended.error,), expectation.error, expectation.error_is, expectation.error_matches
    )


def _outcome(ended: OperationEnded) -> str:
    return "well" if ended.error is None else f"with the error {ended.error!r}"
