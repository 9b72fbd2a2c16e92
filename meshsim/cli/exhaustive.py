"""`meshsim explore --strategy exhaustive`: everything that can happen within a bound."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from meshsim.cli import INCONCLUSIVE, PASSED, VIOLATED
from meshsim.cli.console import err, table
from meshsim.cli.console import out as say
from meshsim.cli.errors import UsageError
from meshsim.cli.keeping import keep
from meshsim.explore.exhaustive.menu import MenuError, menu_of
from meshsim.explore.exhaustive.search import Exhausted, explore_exhaustively
from meshsim.explore.finding import Finding, Signature
from meshsim.explore.understanding import Lead
from meshsim.run.limits import Limits
from meshsim.scenario.plan import Plan, plan_label
from meshsim.units import DurationError, format_duration, parse_duration

#: Seconds between two lines of progress. Source: chosen here, as for other strategies.
_PROGRESS_S = 10.0


def exhaust(
    plans: Sequence[Plan],
    kinds: Sequence[str],
    *,
    targets: Sequence[str],
    at_most: int,
    within: str | None,
    runs: int | None,
    time_s: float | None,
    jobs: int,
    until_first: bool,
    limits: Limits,
    out: Path | None,
) -> int:
    """Search each plan, and keep what is found if there is a folder for it; the exit code.

    Raises:
        UsageError: an option is wrong for a plan.
    """
    if not kinds:
        raise UsageError("--strategy exhaustive: expected --faults with the kinds that make the menu")
    if at_most < 0:
        raise UsageError(f"--at-most: expected at least 0, got {at_most}")
    found: dict[Signature, Finding] = {}
    lost = 0
    begun_s = perf_counter()
    for plan in plans:
        window = _window(within, plan)
        try:
            menu = menu_of(plan, kinds, targets)
        except MenuError as error:
            raise UsageError(f"--faults: {error}") from None
        begin, end = map(format_duration, window)
        of = f"{len(kinds)} kind{'s' if len(kinds) > 1 else ''}"
        what = f"{len(menu)} faults of {of}, at most {at_most} at a time, from {begin} to before {end}"
        say(f"{plan_label(plan)}: {what}")
        result = explore_exhaustively(
            plan,
            menu,
            at_most=at_most,
            window=window,
            jobs=jobs,
            limit=runs,
            goes_on=lambda: time_s is None or perf_counter() - begun_s < time_s,
            until_first=until_first,
            limits=limits,
            tell=_Progress(),
        )
        _tell(result)
        lost += len(result.lost)
        for finding in result.findings:
            found.setdefault(finding.signature, finding)
    if out is not None and found:
        keep([Lead(finding) for finding in found.values()], out, jobs=jobs)
    if found:
        return VIOLATED
    return INCONCLUSIVE if lost else PASSED


class _Progress:
    """A line every ten seconds."""

    def __init__(self) -> None:
        self._begun_s = self._told_s = perf_counter()

    def __call__(self, result: Exhausted) -> None:
        now_s = perf_counter()
        if now_s - self._told_s >= _PROGRESS_S:
            self._told_s = now_s
            rate = result.runs / (now_s - self._begun_s)
            err(f"{result.runs} runs, {rate:.0f}/s, {result.classes} classes, {len(result.findings)} findings")


def _tell(result: Exhausted) -> None:
    rows = [
        (str(found.signature), str(result.counts[found.signature]), str(len(found.plan.faults)))
        for found in result.findings
    ]
    if rows:
        table(("finding", "runs", "faults"), rows, right=("runs", "faults"))
    for why in result.lost:
        err(f"lost: {why}")
    say(f"{result.line()} ({result.runs} runs, {len(result.findings)} distinct findings)")


def _window(within: str | None, plan: Plan) -> tuple[int, int]:
    """From `10s..20s`; the second poll period when not given: in the first one meshes are still made."""
    if within is None:
        period = int(plan.config["SUPERVISION_POLL_FREQUENCY"])
        window = (period, 2 * period)
    else:
        begin, _, end = within.partition("..")
        try:
            window = (int(parse_duration(begin)), int(parse_duration(end)))
        except DurationError:
            raise UsageError(f'--within: expected two times such as "10s..20s", got {within!r}') from None
    if not window[0] < window[1] <= int(plan.horizon):
        horizon = format_duration(plan.horizon)
        raise UsageError(f"--within: expected a beginning, and a later end up to the horizon, {horizon}")
    return window
