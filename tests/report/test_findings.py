"""What is said of a run beside its violations."""

from __future__ import annotations

import pytest

from meshsim.oracle.verdict import Margin, MarginKind, Verdict
from meshsim.report.findings import finding_lines, margin_text
from meshsim.units import MS, S


def margin(kind: MarginKind, took_ns: int, bound_ns: int) -> Margin:
    return Margin(kind=kind, subject="trainer[1]", took_ns=took_ns, bound_ns=bound_ns, record=7)


def test_the_closest_margin_is_the_one_with_the_largest_share() -> None:
    """Not the longest, and not the one with the least time left."""
    close = margin("detect", 900 * MS, S)
    verdict = Verdict(outcome="passed", margins=(margin("report", 5 * S, 10 * S), close, margin("stop", 0, 10 * MS)))

    assert verdict.closest is close
    assert margin_text(close) == "detect of trainer[1]: 900ms of 1s (90 %)"


def test_a_run_without_deadlines_has_no_closest_margin() -> None:
    assert Verdict(outcome="passed").closest is None


@pytest.mark.parametrize(
    ("verdict", "lines"),
    [
        (Verdict(outcome="passed"), []),
        (Verdict(outcome="inconclusive", reason="it said:\n  a\nb"), ["it said:", "  a", "b"]),
    ],
)
def test_what_an_inconclusive_run_says_is_lines(verdict: Verdict, lines: list[str]) -> None:
    """The exception of an actor keeps its lines, so that whoever prints them can indent them."""
    assert finding_lines(verdict, ()) == lines
