from __future__ import annotations

import msgspec
import pytest
from small_worlds import at, mesh

from meshsim.explore.attribution import Attribution, attributed, without
from meshsim.explore.finding import Finding, Signature, findings_of, signatures_of
from meshsim.faults.kinds import Exit, Fault, Raise, StopItself
from meshsim.model.quirks import LATENT, QUIRKS
from meshsim.oracle.verdict import Violation
from meshsim.run import run_plan
from meshsim.scenario.plan import Plan, with_profile

SIGNATURE = Signature("at-most-once", "client", ("heard Failed: process ended",))


def finding(plan: Plan | None = None) -> Finding:
    violation = Violation(invariant=SIGNATURE.invariant, subject="client", message="-", at=0)
    return Finding(SIGNATURE, plan or mesh(), violation)


def shown_while(*needed: set[str]):
    """A world that shows the finding while every quirk of one of these sets is on; what it was asked is kept."""
    asked: list[tuple[str, ...]] = []

    def shows(plan: Plan) -> frozenset[Signature]:
        asked.append(plan.quirks_off)
        return frozenset({SIGNATURE} if any(each.isdisjoint(plan.quirks_off) for each in needed) else ())

    return shows, asked


@pytest.mark.parametrize(
    ("needed", "attribution"),
    [
        ([{"Q18"}], Attribution(("Q18",))),
        ([{"Q40"}], Attribution(("Q40",))),
        ([{"Q3", "Q20"}], Attribution(("Q20", "Q3"))),
        ([{"Q18"}, {"Q28"}], Attribution(("Q18", "Q28"), together=True)),
        ([set()], Attribution()),
    ],
    ids=["named by the invariant", "another", "both needed", "each would do", "none"],
)
def test_quirks_without_which_it_is_gone_are_named(needed: list[set[str]], attribution: Attribution) -> None:
    shows, _ = shown_while(*needed)

    assert attributed(finding(), shows) == attribution


def test_what_no_quirk_makes_costs_one_run() -> None:
    shows, asked = shown_while(set())

    attributed(finding(), shows)

    assert len(asked) == 1


def test_quirks_that_are_off_already_are_not_asked_for() -> None:
    shows, asked = shown_while({"Q18"})

    attributed(finding(), shows)
    nothing = attributed(finding(with_profile(mesh(), "fixed")), shows)

    assert all(set(LATENT) <= set(off) for off in asked)
    assert len(asked) == 1 + len(QUIRKS) - len(LATENT)
    assert nothing == Attribution()


def test_single_switches_of_the_plan_stay_as_they_are() -> None:
    plan = mesh(quirks={"Q9": False})

    assert set(without(plan, ["Q18", "Q28"]).quirks_off) == {"Q9", "Q18", "Q28", *LATENT}


def test_it_is_said_in_words() -> None:
    assert str(Attribution()) == "no quirk"
    assert str(Attribution(("Q18", "Q19"))) == "Q18, Q19"
    assert str(Attribution(("Q18", "Q28"), together=True)) == "Q18 or Q28"


@pytest.mark.parametrize(
    ("faults", "invariant", "words"),
    [
        ([StopItself(target="trainer[0]", at=at(5))], "views-agree", "Q55"),
        ([Exit(target="workers[0]", at=at(5)), Raise(target="trainer[1]", at=at(9))], "completeness", "Q19"),
    ],
)
def test_real_findings_are_of_the_quirks_that_make_them(faults: list[Fault], invariant: str, words: str) -> None:
    plan = msgspec.structs.replace(mesh(horizon_s=20), faults=tuple(faults))
    result = run_plan(plan, "sim")
    found = [
        each for each in findings_of(plan, result.records, result.verdict) if each.violation.invariant == invariant
    ]

    assert [str(attributed(each)) for each in found] == [words]
    assert found[0].signature in signatures_of(plan)
