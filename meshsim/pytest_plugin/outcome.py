"""From the result of a run to what pytest reports of it."""

from __future__ import annotations

import os
import shlex
from contextlib import suppress
from pathlib import Path
from time import perf_counter

import pytest

from meshsim.pytest_plugin.settings import SETTINGS
from meshsim.report.findings import case_properties, evidence_of, finding_lines
from meshsim.run import Limits, OutputError, RunResult, reproduce_line, run_plan, write_run
from meshsim.scenario.plan import Plan, plan_label
from meshsim.trace.directory import Directory
from meshsim.trace.story import render

#: Records at the end of a trace, and lines of what a process wrote, that a report shows. Source: chosen here.
_TAIL_LINES = 20

#: Part of the time limit that pytest-timeout sets for an item, in which its runs have to be done: a run that is over
#: its limit says so and is inconclusive, an item that is over its own is interrupted. Source: chosen here.
_SHARE_OF_TIMEOUT = 0.8


class ViolatedError(AssertionError):
    """A run was violated; the text is what `meshsim run` says of it."""

    __module__ = "builtins"  # So that a summary of 80 columns has room for what was violated.

    def __init__(self, text: str, sentence: str) -> None:
        super().__init__(text)
        #: The first violation in one sentence.
        self.sentence = sentence


class InconclusiveError(ViolatedError):
    """A run says nothing, and the policy is that this is a failure."""

    __module__ = "builtins"


class Budget:
    """Wall time that the runs of one item may take together, from now on."""

    def __init__(self, item: pytest.Item) -> None:
        timeout = _timeout_of(item)
        self._until = None if timeout is None else perf_counter() + _SHARE_OF_TIMEOUT * timeout
        self._pace = item.config.stash[SETTINGS].pace

    def left_s(self) -> float:
        usual_s = Limits().wall_s
        return usual_s if self._until is None else min(usual_s, max(self._until - perf_counter(), 0.0))

    def run(self, plan: Plan, backend: str) -> RunResult:
        return run_plan(plan, backend, limits=Limits(wall_s=self.left_s()), pace=self._pace)


def note(item: pytest.Item, result: RunResult, *, reproduce: str | None = None) -> str:
    """Keep what a report shows of a run: properties; of one that did not pass also text and sections.

    Returns:
        The text: what is wrong with the run and how to see it again.
    """
    plan, verdict = result.plan, result.verdict
    reproduce = reproduce or reproduce_line(result)
    lines = [f"{verdict.outcome}: {plan_label(plan)} on {result.backend}, seed {plan.seed}"]
    lines += [f"  {line}" for line in finding_lines(verdict, evidence_of(result), plan.quirks_off)]
    if result.timing is not None:
        lines.append(f"  {result.timing.line()}")
    out = item.config.stash[SETTINGS].out
    kept = "" if out is None else _kept(result, out)
    if kept:
        lines.append(f"  kept in {kept}")
    lines.append(f"  reproduce: {reproduce}")
    item.user_properties += case_properties(result, reproduce=reproduce, run_dir=kept).items()
    if verdict.outcome != "passed":
        _add_sections(item, result)
    return "\n".join(lines)


def settle(item: pytest.Item, result: RunResult, text: str) -> None:
    """End a test as the verdict says: quietly when the run passed, or was inconclusive and may be.

    Raises:
        ViolatedError: it did not pass.
        pytest.skip.Exception: it was inconclusive, and the policy is to skip.
    """
    __tracebackhide__ = True
    if result.verdict.outcome == "violated":
        raise ViolatedError(text, result.verdict.reason)
    if result.verdict.outcome == "inconclusive":
        item.meshsim_inconclusive = text  # type: ignore[attr-defined]  # read by the hook that makes reports
        policy = item.config.stash[SETTINGS].inconclusive
        if policy == "fail":
            raise InconclusiveError(text, f"inconclusive: {result.verdict.reason.partition(chr(10))[0]}")
        if policy == "skip":
            raise pytest.skip.Exception(f"inconclusive: {result.verdict.reason}", _use_item_location=True)


def mark_report(report: pytest.TestReport, call: pytest.CallInfo[None], text: str) -> None:
    """Mark the report of a test that was inconclusive, unless it failed for another reason."""
    if not report.failed or (call.excinfo is not None and isinstance(call.excinfo.value, InconclusiveError)):
        report.meshsim_inconclusive = text  # type: ignore[attr-defined]


def skip_unless_able(backend: str) -> None:
    """Skip the test if this machine cannot run on `lockstep` or `live`, with the reason.

    Raises:
        pytest.skip.Exception: it cannot.
    """
    from meshsim.procs.capabilities import missing_for

    if missing := missing_for(backend):
        reason = f"{backend} cannot work on this machine: {'; '.join(missing)} (meshsim doctor says more)"
        raise pytest.skip.Exception(reason, _use_item_location=True)


def rerun_line(item: pytest.Item, plan: Plan) -> str:
    """The command that runs a test again, for runs that no scenario file describes."""
    settings = item.config.stash[SETTINGS]
    words = ["pytest", item.nodeid]
    if settings.seed is not None:
        words += ["--meshsim-seed", str(plan.seed)]
    if settings.profile is not None:
        words += ["--meshsim-profile", settings.profile]
    return shlex.join(words)


def _kept(result: RunResult, out: Path) -> str:
    try:
        return os.path.relpath(write_run(result, out))
    except OutputError as error:
        raise pytest.fail.Exception(f"--meshsim-out: {error}", pytrace=False) from None


def _add_sections(item: pytest.Item, result: RunResult) -> None:
    if result.records:
        directory = Directory.of(result.records)
        tail = [render(record, directory) for record in result.records[-_TAIL_LINES:]]
        item.add_report_section("call", "end of the trace", "\n".join(tail))
    for node, printed in sorted(result.stderr.items()):
        lines = printed.decode(errors="replace").splitlines()[-_TAIL_LINES:]
        item.add_report_section("call", f"stderr of {node}", "\n".join(lines))


def _timeout_of(item: pytest.Item) -> float | None:
    """Seconds after which pytest-timeout interrupts this item, if it is there and does."""
    marker = item.get_closest_marker("timeout")
    if marker is not None:
        asked: object = marker.args[0] if marker.args else marker.kwargs.get("timeout")
    else:
        asked = item.config.getoption("timeout", None) or os.environ.get("PYTEST_TIMEOUT") or _ini_timeout(item.config)
    with suppress(TypeError, ValueError):  # None, or something that pytest-timeout complains about.
        seconds = float(asked)  # type: ignore[arg-type]
        return seconds if seconds > 0 else None
    return None


def _ini_timeout(config: pytest.Config) -> object:
    try:
        return config.getini("timeout")
    except (KeyError, ValueError):  # There is no such option: pytest-timeout is not installed.
        return None
