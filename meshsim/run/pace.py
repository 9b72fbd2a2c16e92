"""How fast a `live` run goes, how late things may be in it, and what lateness makes of its verdict."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from meshsim.drive.conductor import Conductor
from meshsim.drive.timing import Late, Timing, late_text
from meshsim.model.config import Config
from meshsim.model.notes import OperationEnded
from meshsim.oracle.verdict import Verdict, Violation
from meshsim.run.program import program_of
from meshsim.scenario.plan import Plan
from meshsim.sim import SimBackend
from meshsim.trace.records import Record

#: Wall time for virtual time: beyond these no clock of a machine is good enough, or nobody waits. Source: chosen here.
SCALE_MIN, SCALE_MAX = 0.001, 1000.0

#: Share of the poll period that nothing may be late by, unless told otherwise. Chosen here: what is found at one poll
#: must not be taken for what is found at the next.
_PART = 5
#: Share of the poll period that nothing may be late by in a run which is called violated. Chosen here: a red has to be
#: the machines' doing and not the machine's, so it needs a run that kept time ten times as well.
_PART_OF_RED = 50

#: Invariants that are judged by exact times.
_EXACT = frozenset({"no-endless-repetition", "operations"})


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """Of the runs on `live`; the other backends have no pace."""

    #: Wall time for virtual time: at 0.1 a scenario of 35 s takes 3.5 s.
    time_scale: float = 1.0
    #: Virtual nanoseconds; a fifth of the scenario's poll period when not given.
    late_max_ns: int | None = None


def with_bring_up(timing: Timing, plan: Plan, records: Sequence[Record]) -> Timing:
    """The timing with one more kind of lateness: how much later bring-up was over than in `sim`, where nothing takes
    longer than the plan says. Small delays add up in it that are not seen one by one.
    """
    last = max((step.index for step in plan.steps if step.bring_up), default=None)
    if last is None:
        return timing
    in_sim = Conductor(plan, SimBackend(program_of(plan)))
    in_sim.run()
    planned_ns, done_ns = _ended(in_sim.records, last), _ended(records, last)
    if planned_ns is None or done_ns is None:
        return timing
    late_ns = max(0, done_ns - planned_ns)
    late = {**timing.late, "bring_up": Late.of([late_ns], "the end of bring-up")}
    return msgspec.structs.replace(timing, late=late)


def _ended(records: Sequence[Record], index: int) -> int | None:
    """When an operation had ended."""
    for record in records:
        if isinstance(record.what, OperationEnded) and record.what.index == index:
            return record.at
    return None


def believed(verdict: Verdict, timing: Timing, plan: Plan, pace: Pace) -> Verdict:
    """The verdict, inconclusive if something was too late for the run to be what the scenario says."""
    period_ns = Config.of(plan.config, plan.quirks_off).supervision_poll_frequency
    bound_ns = period_ns // _PART if pace.late_max_ns is None else pace.late_max_ns
    latest = timing.latest
    if latest is None or verdict.outcome == "inconclusive":
        return verdict
    if latest.worst_ns > bound_ns:
        return _doubted(verdict, latest, bound_ns)
    if verdict.outcome == "violated":
        is_exact = bool(verdict.violations) and all(_is_exact(violation) for violation in verdict.violations)
        red_ns = 0 if is_exact else min(bound_ns, period_ns // _PART_OF_RED)
        if latest.worst_ns > red_ns:
            return _doubted(verdict, latest, red_ns)
    return verdict


def _is_exact(violation: Violation) -> bool:
    """Whether it is judged by the exact times of a world in which nothing takes longer than the plan says: what a
    scenario expects or knows, error texts with measured times in them included, and periods that must not be shorter,
    between records that come as late as they are read.
    """
    return violation.invariant.startswith(("expect[", "known[")) or violation.invariant in _EXACT


def _doubted(verdict: Verdict, latest: Late, bound_ns: int) -> Verdict:
    """Inconclusive; the bound is 0 where nothing but exact times would do."""
    allowed = f"at most {late_text(bound_ns)} is allowed" if bound_ns else "nothing may be late"
    reason = f"too late: {latest.worst}, by {late_text(latest.worst_ns)}; {allowed}"
    if verdict.outcome == "violated":
        reason += f" in a run that is called violated ({verdict.reason})"
    return Verdict(outcome="inconclusive", margins=verdict.margins, reason=reason)
