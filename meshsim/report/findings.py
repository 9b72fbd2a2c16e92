"""What is wrong with a run, in lines: the same on a terminal, in a test report and in a CI file."""

from __future__ import annotations

from collections.abc import Sequence

from meshsim.model.quirks import QUIRKS
from meshsim.oracle.invariants import INVARIANTS
from meshsim.oracle.verdict import Verdict
from meshsim.report.stories import evidence_lines
from meshsim.run import RunResult
from meshsim.units import S

#: Records shown for one violation. Source: chosen here; the whole story is one `meshsim trace` away.
STORY_LINES_MAX = 12


def evidence_of(result: RunResult) -> tuple[tuple[str, ...], ...]:
    """For each violation the records that led to it, in lines."""
    return tuple(
        tuple(evidence_lines(result.records, violation.records, STORY_LINES_MAX))
        for violation in result.verdict.violations
    )


def finding_lines(verdict: Verdict, evidence: Sequence[Sequence[str]]) -> list[str]:
    """What was violated, each with the records that led to it, and what may be behind it; or why nothing is known."""
    if verdict.outcome == "inconclusive":
        return [verdict.reason]
    lines: list[str] = []
    shown: Sequence[str] = ()
    for violation, told in zip(verdict.violations, evidence, strict=True):
        lines.append(f"{violation.invariant} ({violation.kind}) at {violation.at / S:.3f}s: {violation.message}")
        lines += [f"  {line}" for line in (["(the same records)"] if told and told == shown else told)]
        shown = told
    return lines + _hints({violation.invariant for violation in verdict.violations})


def _hints(violated: set[str]) -> list[str]:
    """Quirks of the modelled system that may be behind it, ready to be listed as known."""
    lines = []
    for name, invariant in INVARIANTS.items():
        if name not in violated or not invariant.quirks:
            continue
        lines.append(f"{name}: perhaps a quirk of the modelled system")
        lines += [f"  {quirk}: {QUIRKS[quirk].sentence}" for quirk in invariant.quirks]
        lines.append("  If it is one, and you mean it, say so in the scenario:")
        lines.append(f'  [[known]]  invariant = "{name}"  quirk = "{invariant.quirks[0]}"  reason = "…"')
    return lines
