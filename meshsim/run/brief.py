"""From a plan to what its judge has to know."""

from __future__ import annotations

from msgspec import UNSET

from meshsim.model.quirks import REVISION_OF
from meshsim.model.tags import tag_of
from meshsim.oracle.judge import Asked, Brief
from meshsim.scenario.plan import Plan, Step
from meshsim.scenario.subjects import subject_of


def brief_of(plan: Plan) -> Brief:
    """What the oracle has to know of a plan."""
    return Brief(
        config=plan.config,
        horizon_ns=plan.horizon,
        expect=plan.expect,
        known=plan.known,
        relax=tuple(relaxed.invariant for relaxed in plan.relax),
        caught_by=() if plan.caught_by is UNSET else plan.caught_by,
        faults=plan.faults,
        decisions=0 if plan.decisions is UNSET else len(plan.decisions),
        quirks_off=plan.quirks_off,
        revision=REVISION_OF[plan.profile],
        asked=tuple(_asked(step) for step in plan.steps),
    )


def _asked(step: Step) -> Asked:
    operation = step.operation
    return Asked(index=step.index, do=tag_of(operation), name=subject_of(operation), bring_up=step.bring_up)
