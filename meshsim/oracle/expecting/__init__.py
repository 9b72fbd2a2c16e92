"""Judging what a scenario expects: the exact meaning of each kind of `meshsim.oracle.expectations`."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import UNSET

from meshsim.oracle.describing import expected_words
from meshsim.oracle.evidence import Evidence
from meshsim.oracle.expectations import (
    Expectation,
    Final,
    Hears,
    MessageCount,
    NeverHears,
    NothingLeft,
    OperationResult,
    Order,
    RecordCount,
)
from meshsim.oracle.expecting.counting import judge_messages, judge_record_count
from meshsim.oracle.expecting.final import judge_final, judge_nothing_left
from meshsim.oracle.expecting.hearing import judge_hears, judge_never_hears
from meshsim.oracle.expecting.operations import judge_operation
from meshsim.oracle.expecting.ordering import judge_order
from meshsim.oracle.expecting.problems import Judged, Problem
from meshsim.oracle.verdict import Violation
from meshsim.trace.records import Record

__all__ = ["unmet"]


def unmet(name: str, expectation: Expectation, evidence: Evidence, records: Sequence[Record]) -> list[Violation]:
    """What is wrong with one expectation, under the name `expect[i]`; nothing when it is met.

    A negated one is met when something is wrong with it. Where nothing can be said (a window begins with a fault that
    never struck), neither is met.
    """
    judged = _judged(expectation, evidence, records)
    problems = judged.problems if expectation.not_ is not True else _negated(expectation, judged)
    at = records[-1].at if records else 0
    return [
        Violation(
            invariant=name,
            subject=problem.subject,
            message=problem.message,
            at=at,
            records=problem.records,
            kind="liveness" if problem.is_missing else "safety",
        )
        for problem in problems
    ]


def _judged(expectation: Expectation, evidence: Evidence, records: Sequence[Record]) -> Judged:
    match expectation:
        case Hears():
            return judge_hears(expectation, evidence, records)
        case NeverHears():
            return judge_never_hears(expectation, evidence, records)
        case Final():
            return judge_final(expectation, evidence)
        case OperationResult():
            return judge_operation(expectation, evidence, records)
        case NothingLeft():
            return judge_nothing_left(expectation, evidence)
        case RecordCount():
            return judge_record_count(expectation, evidence, records)
        case MessageCount():
            return judge_messages(expectation, evidence, records)
        case Order():
            return judge_order(expectation, evidence, records)


def _negated(expectation: Expectation, judged: Judged) -> list[Problem]:
    if judged.problems:
        return [problem for problem in judged.problems if problem.is_void]
    words = expected_words(msgspec.structs.replace(expectation, not_=UNSET))
    return [Problem(judged.subject, f"it is so that {words}, expected it not to be", judged.shown)]
