"""What is wrong with a run, in lines: the same on a terminal, in a test report and in a CI file."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from meshsim.model.quirks import QUIRKS
from meshsim.oracle.invariants import INVARIANTS
from meshsim.oracle.verdict import Margin, Verdict
from meshsim.report.stories import evidence_lines
from meshsim.run import Outcome, RunResult
from meshsim.scenario.plan import plan_digest
from meshsim.units import S, format_duration

#: Records shown for one violation. Source: chosen here; the whole story is one `meshsim trace` away.
STORY_LINES_MAX = 12


def evidence_of(result: RunResult) -> tuple[tuple[str, ...], ...]:
    """For each violation the records that led to it, in lines."""
    return tuple(
        tuple(evidence_lines(result.records, violation.records, STORY_LINES_MAX))
        for violation in result.verdict.violations
    )


def finding_lines(verdict: Verdict, evidence: Sequence[Sequence[str]], quirks_off: Collection[str] = ()) -> list[str]:
    """What was violated, each with the records that led to it, and what may be behind it; or why nothing is known.

    Quirks that were off in the run are not behind it.
    """
    if verdict.outcome == "inconclusive":
        return verdict.reason.splitlines()
    lines: list[str] = []
    shown: Sequence[str] = ()
    for violation, told in zip(verdict.violations, evidence, strict=True):
        lines.append(f"{violation.invariant} ({violation.kind}) at {violation.at / S:.3f}s: {violation.message}")
        lines += [f"  {line}" for line in (["(the same records)"] if told and told == shown else told)]
        shown = told
    return lines + _hints({violation.invariant for violation in verdict.violations}, quirks_off)


def margin_text(margin: Margin) -> str:
    """`detect of trainer[1]: 2.03s of 12s (17 %)`."""
    took, bound = format_duration(margin.took_ns), format_duration(margin.bound_ns)
    return f"{margin.kind} of {margin.subject}: {took} of {bound} ({100 * margin.share:.0f} %)"


def case_properties(run: RunResult | Outcome, *, reproduce: str, run_dir: str = "") -> dict[str, str]:
    """What JUnit files say of a run beside its verdict: by name, in order; nothing that is not there."""
    closest = run.verdict.closest
    properties = {
        "seed": str(run.plan.seed),
        "backend": run.backend,
        "profile": run.plan.profile,
        "plan_digest": plan_digest(run.plan),
        "digest": run.digest,
        "virtual_s": f"{run.virtual_ns / S:.3f}",
        "verdict": run.verdict.outcome,
        "reproduce": reproduce,
        "run_dir": run_dir,
        "closest_margin": "" if closest is None else margin_text(closest),
    }
    return {name: value for name, value in properties.items() if value}


def _hints(violated: set[str], quirks_off: Collection[str]) -> list[str]:
    """Quirks of the modelled system that may be behind it, ready to be listed as known."""
    lines = []
    for name, invariant in INVARIANTS.items():
        quirks = [quirk for quirk in invariant.quirks if quirk not in quirks_off]
        if name not in violated or not quirks:
            continue
        lines.append(f"{name}: perhaps a quirk of the modelled system")
        lines += [f"  {quirk}: {QUIRKS[quirk].sentence}" for quirk in quirks]
        lines.append("  If it is one, and you mean it, say so in the scenario:")
        known = ("[[known]]", f'invariant = "{name}"', f'quirk = "{quirks[0]}"', 'reason = "…"')
        lines += [f"    {line}" for line in known]
    return lines
