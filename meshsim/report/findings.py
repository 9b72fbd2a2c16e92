"""What is wrong with one run, in words: the same for `meshsim run`, for pytest and for files that CI reads."""

from __future__ import annotations

from meshsim.model.quirks import QUIRKS
from meshsim.oracle.invariants import INVARIANTS
from meshsim.oracle.verdict import Margin
from meshsim.report.stories import evidence_lines
from meshsim.run import RunResult
from meshsim.scenario.plan import plan_label
from meshsim.units import S, format_duration

#: Records shown for one violation. Source: chosen here; the whole story is one `meshsim trace` away.
_STORY_LINES_MAX = 12


def headline(result: RunResult) -> str:
    """Which run it was and how it ended: `violated: late-exit [at=2s] on sim, seed 7`."""
    return f"{result.verdict.outcome}: {plan_label(result.plan)} on {result.backend}, seed {result.plan.seed}"


def finding_lines(result: RunResult) -> list[str]:
    """What was violated with the records that led to it, or why the run says nothing; empty when it passed."""
    if result.verdict.outcome != "violated":
        return [line for line in result.verdict.reason.splitlines() if line]
    lines: list[str] = []
    shown: list[str] = []
    for violation in result.verdict.violations:
        lines.append(f"{violation.invariant} ({violation.kind}) at {violation.at / S:.3f}s: {violation.message}")
        story = evidence_lines(result.records, violation.records, _STORY_LINES_MAX)
        lines += [f"  {line}" for line in (["(the same records)"] if story and story == shown else story)]
        shown = story
    return lines + _hints({violation.invariant for violation in result.verdict.violations})


def closest_margin(result: RunResult) -> Margin | None:
    """What came closest to its derived bound; none when nothing in the run had one."""
    return max(result.verdict.margins, key=lambda margin: margin.share, default=None)


def margin_text(margin: Margin) -> str:
    """`detect of trainer[1]: 2.03s of 12s (17 %)`."""
    took, bound = format_duration(margin.took_ns), format_duration(margin.bound_ns)
    return f"{margin.kind} of {margin.subject}: {took} of {bound} ({margin.share:.0%})".replace("%", " %")


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
