"""One finding, several causes: which cases are kept, and what is made of them."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from small_worlds import mesh

from meshsim.explore.explorer import Task, explore
from meshsim.explore.finding import signatures_of
from meshsim.explore.running import Case
from meshsim.explore.understanding import Lead, Understood, understand
from meshsim.explore.ways import Others, kinds_in
from meshsim.faults.kinds import Abort, CoreDump, Exit, Fault, Raise, Stall
from meshsim.model.tags import tag_of
from meshsim.scenario.load import load_scenarios
from meshsim.scenario.plan import Plan, plan

PLAIN = Path(__file__).parents[2] / "scenarios" / "explore" / "plain.toml"

FAULTS: dict[str, Fault] = {tag_of(kind): kind(target="workers[0]") for kind in (Exit, CoreDump, Stall)}
FAULTS |= {tag_of(kind): kind(target="trainer[0]") for kind in (Raise, Abort)}


def with_kinds(text: str) -> Plan:
    return msgspec.structs.replace(mesh(), faults=tuple(FAULTS[kind] for kind in text.split()))


@pytest.mark.parametrize(
    ("shown", "kept"),
    [
        ("exit, exit, exit stall", ""),
        ("exit, stall, core_dump", "stall, core_dump"),
        ("exit stall, exit, stall, core_dump stall", "exit, stall"),
        ("exit raise, raise abort, exit abort, abort raise stall", "raise abort, exit abort"),
        (", exit", ""),
    ],
)
def test_cases_are_kept_that_do_without_something(shown: str, kept: str) -> None:
    """The first is the finding itself; whatever one needs, who has all of its kinds may need as well."""
    first, *others = map(with_kinds, shown.split(","))
    kinds = Others(first)
    for other in others:
        kinds.add(Case(plan=other))

    assert [kinds_in(case.plan) for case in kinds.cases] == [
        kinds_in(with_kinds(text)) for text in kept.split(",") if kept
    ]


def test_each_way_is_shrunk_to_faults_that_the_others_do_without() -> None:
    """A dead proc is reported again and again (Q18), and so is a rank of which its agent knows nothing (Q24)."""
    plain = plan(load_scenarios(PLAIN)[0], 0)
    found = explore(Task(plans=(plain,), kinds=("exit", "misreport"), runs=40)).found
    lead = next(
        Lead(each.finding, tuple(each.others.cases))
        for signature, each in found.items()
        if signature.invariant == "no-endless-repetition"
    )

    first, second = (each for each in understand([lead], ways=3) if isinstance(each, Understood))
    (alone,) = understand([lead])

    assert alone == msgspec.structs.replace(first, took_s=alone.took_s)
    assert (first.way, second.way) == (1, 2)
    assert {str(first.quirks), str(second.quirks)} == {"Q18", "Q24"}
    assert f"{first.name}-2" == second.name
    for each in (first, second):
        assert not each.trouble
        assert lead.finding.signature in signatures_of(each.plan)
    assert not kinds_in(first.plan) & kinds_in(second.plan)
