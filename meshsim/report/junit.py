"""Runs as JUnit XML, which CI systems read: a test case for each run, a suite for each folder of scenarios."""

from __future__ import annotations

from pathlib import PurePosixPath
from xml.etree import ElementTree

from meshsim.report.findings import case_properties, finding_lines
from meshsim.run import Job, Outcome, Suite, case_name


def junit_xml(suite: Suite, *, allow_inconclusive: bool = False) -> str:
    """The file's text.

    A violated run is a failure. An inconclusive one is an error, or skipped where they are allowed; so is a run that
    was not begun.
    """
    open_tag = "skipped" if allow_inconclusive else "error"
    root = ElementTree.Element("testsuites", name="meshsim")
    folders: dict[str, list[ElementTree.Element]] = {}
    for outcome in suite.outcomes:
        folders.setdefault(_folder(outcome.plan.source), []).append(_case(outcome, open_tag))
    for job in suite.left:
        cases = folders.setdefault(_folder(job.plan.source), [])
        cases += [_left(job, backend, suite.why_left, open_tag) for backend in job.backends]
    for folder, cases in folders.items():
        group = ElementTree.SubElement(root, "testsuite", {"name": folder, **_counts(cases)})
        group.extend(cases)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _case(outcome: Outcome, open_tag: str) -> ElementTree.Element:
    plan, verdict = outcome.plan, outcome.verdict
    case = ElementTree.Element(
        "testcase",
        classname=_folder(plan.source),
        name=case_name(plan, outcome.backend),
        file=plan.source,
        time=f"{outcome.wall_s:.3f}",
    )
    properties = ElementTree.SubElement(case, "properties")
    for name, value in case_properties(outcome, reproduce=outcome.reproduce, run_dir=outcome.place).items():
        ElementTree.SubElement(properties, "property", name=name, value=_clean(value))
    if verdict.outcome == "violated":
        first = verdict.violations[0]
        failure = ElementTree.SubElement(
            case, "failure", type=first.invariant, message=_clean(f"{first.invariant}: {first.message}")
        )
        lines = finding_lines(verdict, outcome.evidence, outcome.plan.quirks_off)
        failure.text = _clean("\n".join([*lines, f"reproduce: {outcome.reproduce}"]))
    elif verdict.outcome == "inconclusive":
        ElementTree.SubElement(case, open_tag, type="inconclusive", message=_clean(verdict.reason))
    return case


def _left(job: Job, backend: str, why: str, open_tag: str) -> ElementTree.Element:
    case = ElementTree.Element(
        "testcase", classname=_folder(job.plan.source), name=case_name(job.plan, backend), time="0"
    )
    ElementTree.SubElement(case, open_tag, type="not begun", message=f"not begun: {why}")
    return case


def _counts(cases: list[ElementTree.Element]) -> dict[str, str]:
    counts = {f"{tag}s": str(sum(case.find(tag) is not None for case in cases)) for tag in ("failure", "error")}
    skipped = sum(case.find("skipped") is not None for case in cases)
    return {"tests": str(len(cases)), **counts, "skipped": str(skipped)}


def _folder(source: str) -> str:
    """Where a scenario's file is; a scenario built in Python has none."""
    return PurePosixPath(source).parent.as_posix() if source else "python"


def _clean(text: str) -> str:
    """Without the characters that XML cannot have, whatever a process wrote."""
    return "".join(c if c in "\t\n\r" or " " <= c <= "\ud7ff" or c >= "\ue000" else "\ufffd" for c in text)
