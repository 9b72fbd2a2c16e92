"""How fast a `live` run goes, how late things may be in it, and what lateness makes of its verdict."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from meshsim.drive.timing import Late, Timing, late_text
from meshsim.model.config import Config
from meshsim.model.notes import OperationEnded
from meshsim.oracle.verdict import Verdict, Violation
from meshsim.run.likeness import Likeness
from meshsim.scenario.plan import Plan
from meshsim.trace.records import Record

#: Wall time for virtual time: beyond these no clock of a machine is good enough, or nobody waits. Source: chosen here.
SCALE_MIN, SCALE_MAX = 0.001, 1000.0

#: Share of the poll period that nothing may be late by, unless told otherwise. Chosen here: what is found at one poll
#: must not be taken for what is found at the next.
_PART = 5

#: Id under which a live run that is not the one its plan describes is reported, beside the ids of invariants.
LIVE_AGREES = "live-agrees"


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """Of the runs on `live`; the other backends have no pace."""

    #: Wall time for virtual time: at 0.1 a scenario of 35 s takes 3.5 s.
    time_scale: float = 1.0
    #: Virtual nanoseconds; a fifth of the scenario's poll period when not given.
    late_max_ns: int | None = None


def with_bring_up(timing: Timing, plan: Plan, records: Sequence[Record], in_sim: Sequence[Record]) -> Timing:
    """The timing with one more kind of lateness: how much later bring-up was over than in `sim`, where nothing takes
    longer than the plan says. Small delays add up in it that are not seen one by one.
    """
    last = max((step.index for step in plan.steps if step.bring_up), default=None)
    if last is None:
        return timing
    planned_ns, done_ns = _ended(in_sim, last), _ended(records, last)
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


def believed(verdict: Verdict, likeness: Likeness, timing: Timing, plan: Plan, pace: Pace) -> Verdict:
    """What the judge's verdict is worth in a run on the wall clock.

    A run in which something was later than allowed is inconclusive. One that is not the run that the plan describes is
    violated, or inconclusive when nobody can tell. One that is, has the judge's verdict, but that what simulations find
    which are as late is the lateness' doing.
    """
    latest = timing.latest
    if verdict.outcome == "inconclusive":
        return verdict
    if latest is not None and latest.worst_ns > (bound_ns := _bound_ns(plan, pace)):
        return _doubted(verdict, latest, f"at most {late_text(bound_ns)} is allowed")
    if likeness.outcome == "red":
        return _violated(verdict, likeness, plan)
    if likeness.outcome == "inconclusive":
        return Verdict(outcome="inconclusive", margins=verdict.margins, reason=likeness.reason)
    if verdict.outcome == "violated" and likeness.like == "late" and latest is not None:
        return _doubted(verdict, latest, "simulations that are as late find the same")
    return verdict


def _bound_ns(plan: Plan, pace: Pace) -> int:
    if pace.late_max_ns is not None:
        return pace.late_max_ns
    return Config.of(plan.config, plan.quirks_off).supervision_poll_frequency // _PART


def _doubted(verdict: Verdict, latest: Late, why: str) -> Verdict:
    reason = f"too late: {latest.worst}, by {late_text(latest.worst_ns)}; {why}"
    if verdict.outcome == "violated":
        reason += f" in a run that is called violated ({verdict.reason})"
    return Verdict(outcome="inconclusive", margins=verdict.margins, reason=reason)


def _violated(verdict: Verdict, likeness: Likeness, plan: Plan) -> Verdict:
    violation = Violation(invariant=LIVE_AGREES, subject=plan.scenario, message=likeness.reason, at=0)
    return msgspec.structs.replace(
        verdict,
        outcome="violated",
        violations=(violation, *verdict.violations),
        reason=f"{LIVE_AGREES}: {likeness.reason}",
    )
