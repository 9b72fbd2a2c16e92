"""An operation that fails must be expected to: a run is not green by accident."""

from __future__ import annotations

import pytest
from trace_builder import CLIENT, TraceBuilder, verdict

from meshsim.faults.conditions import Condition
from meshsim.oracle.evidence import NOT_BEGUN
from meshsim.oracle.expectations import Expectation, OperationResult, RecordCount
from meshsim.oracle.invariants import INVARIANTS
from meshsim.oracle.judge import Asked
from meshsim.units import Duration

SAID = "query_mesh trainer ended with the error 'no such mesh', which no expectation has"


def found(*expect: Expectation, error: str = "no such mesh", bring_up: bool = False, **brief: object) -> list[str]:
    """What is wrong with a run in which a query ended with an error, and another ended well before it."""
    trace = TraceBuilder().bring_up()
    trace.operation(CLIENT, "query_mesh", "trainer", index=6, at=30, end=31, result="Running")
    trace.operation(CLIENT, "query_mesh", "trainer", index=7, at=35, end=36, error=error)
    asked = (Asked(index=7, do="query", name="trainer", bring_up=bring_up),)
    judged = verdict(trace.end(60), relax=tuple(INVARIANTS), expect=expect, asked=asked, **brief)
    assert {violation.invariant for violation in judged.violations} <= {"operations"}
    return [violation.message for violation in judged.violations] or [judged.outcome]


@pytest.mark.parametrize(
    "expectation",
    [
        OperationResult(do="query", error="no such"),
        OperationResult(do="query", name="trainer", error_is="no such mesh"),
        OperationResult(do="query", error_matches="mesh$"),
        RecordCount(record="operation_ended", where={"error": "no such mesh"}),
        RecordCount(record="operation_ended", where={"label": "trainer", "error": Condition(matches="^no")}),
        OperationResult(do="query", error="no such", if_quirk="Q18"),
    ],
    ids=repr,
)
def test_an_error_that_is_expected_is_no_surprise(expectation: Expectation) -> None:
    """By an expectation on the operation, or on the record of its end."""
    assert found(expectation) == ["passed"]


@pytest.mark.parametrize(
    "expectations",
    [
        (),
        (OperationResult(do="query", name="trainer"),),
        (OperationResult(do="stop_procs", error="", at_least=0),),
        (RecordCount(record="operation_ended", where={"label": "trainer"}),),
        (OperationResult(do="query", error="no such", within=Duration(1), not_=True),),
    ],
    ids=repr,
)
def test_an_error_that_nobody_expects_is_a_violation(expectations: tuple[Expectation, ...]) -> None:
    """Also where an expectation is met by another operation of the same kind."""
    assert found(*expectations) == [SAID]


def test_an_expectation_for_the_other_side_of_a_quirk_does_not_count() -> None:
    """What is expected only with a quirk says nothing without it."""
    assert found(OperationResult(do="query", error="no such", if_quirk="Q18"), quirks_off=("Q18",)) == [SAID]


def test_what_never_began_or_built_the_world_is_inconclusive() -> None:
    """The run is not the one that was asked for; nothing is wrong with it."""
    assert found(error=f"{NOT_BEGUN}it has no mesh") == ["inconclusive"]
    assert found(bring_up=True) == ["inconclusive"]
