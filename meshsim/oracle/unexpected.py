"""Operations that ended with an error that nobody expects: a run must not be green by accident."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshsim.faults.matching import Matcher
from meshsim.model.notes import OperationEnded
from meshsim.model.tags import tag_of
from meshsim.oracle.evidence import NOT_BEGUN, Evidence
from meshsim.oracle.expectations import Expectation, OperationResult, RecordCount
from meshsim.oracle.expecting.operations import expects_error_of
from meshsim.oracle.verdict import Violation
from meshsim.trace.records import Record

#: The name under which they are reported, as an expectation of every scenario.
OPERATIONS = "operations"


def unexpected_errors(
    evidence: Evidence, expectations: Sequence[Expectation], bring_up: frozenset[int]
) -> Iterator[Violation]:
    """A violation for every operation that ended with an error, unless an expectation has that error.

    That is one on the `operation`, or on its `operation_ended` record with a condition on `error`. Operations of
    `bring_up`, by their numbers, and those that never began make a run inconclusive instead.
    """
    for record, ended in evidence.ends.values():
        if ended.error is None or ended.index in bring_up or ended.error.startswith(NOT_BEGUN) or ended.index < 0:
            continue
        if not any(_is_about(expectation, record, ended, evidence) for expectation in expectations):
            what = f"{ended.operation} {ended.label}".rstrip()
            yield Violation(
                invariant=OPERATIONS,
                subject=what,
                message=f"{what} ended with the error {ended.error!r}, which no expectation has",
                at=record.at,
                records=(record.seq,),
            )


def _is_about(expectation: Expectation, record: Record, ended: OperationEnded, evidence: Evidence) -> bool:
    if expectation.not_ is True:
        return False
    if isinstance(expectation, OperationResult):
        return expects_error_of(expectation, ended)
    if isinstance(expectation, RecordCount) and expectation.record == tag_of(ended) and "error" in expectation.where:
        return Matcher(expectation.record, expectation.where, evidence.world.directory).matches(record)
    return False
