"""`meshsim why`."""

from __future__ import annotations

from pathlib import Path

from meshsim.cli import PASSED
from meshsim.cli.console import out
from meshsim.cli.errors import UsageError
from meshsim.cli.load import plans_of
from meshsim.explore.causes import chain_of
from meshsim.explore.why import explainable, is_reproduced
from meshsim.explore.why import why as explained
from meshsim.model.quirks import ProfileName
from meshsim.oracle.verdict import Violation
from meshsim.report.cause_figure import cause_svg
from meshsim.report.why import why_lines
from meshsim.run import RunResult, check_writable, read_run, run_plan, write_whole
from meshsim.scenario.plan import plan_label


def why(
    run: Path,
    /,
    *,
    invariant: str | None = None,
    seed: int | None = None,
    variant: str | None = None,
    profile: ProfileName | None = None,
    figure: Path | None = None,
) -> int:
    """Say why a run was violated: the injected events that it needs, and what led from them to the violation.

    Faults and decisions are left out one by one, and together where no single one is needed; each time the run is
    repeated in virtual time, and how it ended is said. In a run that passed, what its scenario lists as known or as
    caught is explained.

    Parameters
    ----------
    run
        A run directory, or a scenario file, which is run in virtual time.
    invariant
        Which violation, if there are several: the first one of this invariant. The first of all when not given.
    seed
        Of a scenario file: this seed instead of its own.
    variant
        Of a scenario file: only the variant of its matrix with this label.
    profile
        Of a scenario file: this profile instead of its own.
    figure
        Also draw what led to the violation, into this SVG file.
    """
    if figure is not None:
        check_writable(figure)
    if run.is_dir():
        for name, value in (("seed", seed), ("variant", variant), ("profile", profile)):
            if value is not None:
                raise UsageError(f"--{name}: expected a scenario file to go with it, got the run directory {run}")
        result = read_run(run)
    else:
        result = _run(run, seed, variant, profile)
    violation = _chosen(result, str(run), invariant)
    if not is_reproduced(result.plan, violation):
        raise UsageError(f"{run}: {violation.invariant} of {violation.subject} does not come again in virtual time")
    answer = explained(result, violation)
    chain = chain_of(result.records, violation, [event for trial in answer.needed for event in trial.without])
    out(f"{plan_label(result.plan)}, seed {result.plan.seed}, {result.verdict.outcome} on {result.backend}")
    for line in why_lines(answer, chain, result.records):
        out(line)
    others = [each.invariant for each in explainable(result.verdict) if each.invariant != violation.invariant]
    if others:
        out()
        out(f"More in this run (--invariant): {', '.join(dict.fromkeys(others))}")
    if figure is not None:
        write_whole(figure, cause_svg(chain, violation, result.records))
        out()
        out(f"figure: {figure}")
    return PASSED


def _run(path: Path, seed: int | None, variant: str | None, profile: ProfileName | None) -> RunResult:
    """The first run of a file in which there is something to explain; its first one when there is none."""
    results: list[RunResult] = []
    for plan in plans_of([path], seeds=None if seed is None else [seed], variant=variant, profile=profile):
        results.append(run_plan(plan, "sim"))
        if explainable(results[-1].verdict):
            return results[-1]
    return results[0]


def _chosen(result: RunResult, place: str, invariant: str | None) -> Violation:
    verdict = result.verdict
    found = explainable(verdict)
    if not found:
        why_not = f": {verdict.reason}" if verdict.reason else ""
        raise UsageError(f"{place}: {verdict.outcome}{why_not}; there is no violation to explain")
    if invariant is None:
        return found[0]
    for violation in found:
        if violation.invariant == invariant:
            return violation
    known = ", ".join(dict.fromkeys(each.invariant for each in found))
    raise UsageError(f"--invariant: expected one that was violated in this run ({known}), got {invariant!r}")
