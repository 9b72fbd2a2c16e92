"""Accounts: what they have in common though times and polls differ, and where they part."""

from __future__ import annotations

import msgspec
import pytest
from small_worlds import at, mesh, run_sim

from meshsim.faults.kinds import Signal
from meshsim.oracle.equivalence import Account, Line, account_of, differences
from meshsim.oracle.verdict import Verdict, Violation
from meshsim.units import MS, S

PASSED = Verdict(outcome="passed")


def account(horizon_s: float = 8, **config: str) -> Account:
    plan = mesh(horizon_s=horizon_s, faults=[Signal(target="workers[1]", signal="SIGKILL", at=at(3))], config=config)
    return account_of(run_sim(plan).records, PASSED)


def test_polls_before_a_notice_are_not_counted() -> None:
    """With a poll every second, two go by before the kill and not one."""
    often, seldom = account(supervision_poll_frequency="1s"), account(supervision_poll_frequency="2s")

    (first, *_) = often.texts("client hears of trainer as owner")
    (same, *_) = seldom.texts("client hears of trainer as owner")

    assert first == same
    assert "timer check_state in client, " in first
    assert first.endswith("; after fault 0)")


def test_every_kind_of_thing_has_its_part() -> None:
    parts = account().parts

    assert {
        "actor trainer[0]",
        "client hears of trainer as owner",
        "controller trainer.controller",
        "fault 0",
        "operation 0 of client",
        "proc workers[1]",
        "process workers[1]",
        "run",
    } <= parts.keys()


def with_line(part: str, line: Line) -> Account:
    return Account({part: (line,)})


@pytest.mark.parametrize(
    ("left", "right", "late_ns", "is_same"),
    [
        (Line("said"), Line("said", at=9 * S), 0, True),
        (Line("said"), Line("sad"), 9 * S, False),
        (Line("in <time>", 0, (1 * S,)), Line("in <time>", 0, (1 * S + 5 * MS,)), 5 * MS, True),
        (Line("in <time>", 0, (1 * S,)), Line("in <time>", 0, (1 * S + 6 * MS,)), 5 * MS, False),
        (Line("in <time>", 0, (1 * S,)), Line("in <time>", 1 * MS, (1 * S + 6 * MS,)), 5 * MS, True),
    ],
    ids=["at another time", "another word", "a time within", "a time beyond", "as much later itself"],
)
def test_lines_are_the_same_up_to_the_times_in_them(left: Line, right: Line, late_ns: int, is_same: bool) -> None:
    found = list(differences(with_line("part", left), with_line("part", right), late_ns))

    assert (found == []) is is_same


def test_a_difference_names_part_and_both_lines() -> None:
    more = Account({"part": (Line("one"), Line("two"))})

    (found,) = differences(Account({"part": (Line("one"),)}), more, 0)

    assert str(found) == "part: 'two' instead of nothing more"


def test_a_line_without_its_times_is_shown_as_it_is() -> None:
    """A run that says nothing has its reason without them."""
    (found,) = differences(Account({}), with_line("verdict", Line("inconclusive: late by <time>")), 0)

    assert str(found) == "verdict: 'inconclusive: late by <time>' instead of nothing more"


def test_findings_are_parts_of_their_own() -> None:
    """Which one of several it is about is left out: with the lateness another one is found."""
    records = run_sim(mesh(horizon_s=1)).records
    first, second = (Violation(invariant="waits", subject=f"workers[{rank}]", message="", at=0) for rank in (0, 1))
    violated = Verdict(outcome="violated", violations=(first,))

    accounts = [
        account_of(records, verdict)
        for verdict in (violated, msgspec.structs.replace(violated, violations=(second,)), PASSED)
    ]

    assert list(differences(accounts[0], accounts[1], 0)) == []
    assert [each.part for each in differences(accounts[0], accounts[2], 0)] == ["verdict: waits workers"]
