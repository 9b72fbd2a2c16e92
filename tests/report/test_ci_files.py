"""What CI systems read of a suite: JUnit XML, GitHub's annotations and summary."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest
from small_worlds import mesh

from meshsim.oracle.verdict import Verdict, Violation
from meshsim.report.github import annotation_lines, step_summary
from meshsim.report.junit import junit_xml
from meshsim.run import Job, Outcome, Suite
from meshsim.scenario.plan import Plan

LATE = Violation(
    invariant="expect[1]",
    subject="client",
    message="client heard nothing,\n50% of 2",
    at=8_000_000_000,
    kind="liveness",
)
RED = Verdict(outcome="violated", violations=(LATE,), reason="expect[1]: client | heard nothing")
OPEN = Verdict(outcome="inconclusive", reason="cannot fork: no memory \x00")


def plan_of(name: str) -> Plan:
    return msgspec.structs.replace(mesh(), scenario=name, source=f"sc/fast/{name}.toml", seed=7)


def run_of(name: str, verdict: Verdict, backend: str = "sim") -> Outcome:
    return Outcome(
        plan=plan_of(name),
        backend=backend,
        digest="d" * 64,
        verdict=verdict,
        virtual_ns=8_000_000_000,
        wall_s=0.25,
        place=f"out/{name}/{backend}-seed7",
        evidence=tuple(("8.000s  client  heard nothing",) for _ in verdict.violations),
        reproduce=f"meshsim run sc/fast/{name}.toml --backend {backend} --seed 7",
    )


@pytest.fixture
def suite() -> Suite:
    return Suite(
        outcomes=[run_of("good", Verdict(outcome="passed")), run_of("late", RED), run_of("open", OPEN, "lockstep")],
        left=[Job(plan_of("rest"), ("sim", "lockstep"))],
        why_left="the time budget is used up",
    )


def test_junit_has_a_case_for_each_run(suite: Suite) -> None:
    """Counts by folder; a violation is a failure with its story, what is open is an error, properties say what ran."""
    root = ElementTree.fromstring(junit_xml(suite))

    (group,) = root
    assert group.attrib == {"name": "sc/fast", "tests": "5", "failures": "1", "errors": "3", "skipped": "0"}
    good, late, unsure, *rest = group
    assert (good.get("classname"), good.get("name"), good.get("time")) == ("sc/fast", "good[sim-seed7]", "0.250")
    assert {each.get("name"): each.get("value") for each in good.iter("property")}["digest"] == "d" * 64
    failure = late.find("failure")
    assert failure is not None
    assert failure.get("message") == "expect[1]: client heard nothing,\n50% of 2"
    assert failure.text is not None
    assert failure.text.splitlines()[-2:] == [
        "  8.000s  client  heard nothing",
        "reproduce: meshsim run sc/fast/late.toml --backend sim --seed 7",
    ]
    error = unsure.find("error")
    assert error is not None
    assert error.get("message") == "cannot fork: no memory \ufffd"
    assert [(each.get("name"), each[0].get("message")) for each in rest] == [
        (f"rest[{backend}-seed7]", "not begun: the time budget is used up") for backend in ("sim", "lockstep")
    ]


def test_what_is_open_is_skipped_where_that_is_allowed(suite: Suite) -> None:
    """`--allow-inconclusive` and the file say the same."""
    (group,) = ElementTree.fromstring(junit_xml(suite, allow_inconclusive=True))

    assert (group.get("errors"), group.get("skipped")) == ("0", "3")


def test_annotations_stand_where_the_expectation_is_written(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line each, escaped as the runner wants it; the second `[[expect]]` of the file is on line 3."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sc" / "fast").mkdir(parents=True)
    (tmp_path / "sc" / "fast" / "late.toml").write_text("[[expect]]\n# the next one\n[[expect]]\n")

    assert list(annotation_lines(suite)) == [
        "::error file=sc/fast/late.toml,line=3,title=late[sim-seed7]%3A expect[1]::client heard nothing,%0A50%25 of 2"
        "%0Areproduce: meshsim run sc/fast/late.toml --backend sim --seed 7",
        "::warning file=sc/fast/open.toml,line=1,title=open[lockstep-seed7]%3A inconclusive::"
        "cannot fork: no memory \x00",
        "::warning title=not begun::1 plans were not begun: the time budget is used up",
    ]


def test_the_summary_counts_and_lists_what_did_not_pass(suite: Suite) -> None:
    """A row for each red run; a bar in a text does not end its cell."""
    lines = step_summary(suite).splitlines()

    assert lines[4] == "| 1 | 1 | 1 | 2 |"
    assert lines[8] == (
        "| late, sim | 7 | 8s | **violated**: expect[1]: client \\| heard nothing "
        "| `meshsim run sc/fast/late.toml --backend sim --seed 7` |"
    )
    assert len(lines) == 11
