"""One case, run in virtual time: what it finds, and what of the model it reaches."""

from __future__ import annotations

from contextlib import closing

import msgspec
from msgspec import UNSET

from meshsim.drive.backend import BackendError, NodeRaisedError
from meshsim.drive.conductor import Conductor
from meshsim.drive.deciding import NotedOrder, made_decisions
from meshsim.explore.coverage import coverage_of
from meshsim.explore.finding import Finding, Signature, findings_of
from meshsim.explore.orders import Order
from meshsim.oracle.judge import judge
from meshsim.run.brief import brief_of
from meshsim.run.execute import given_up
from meshsim.run.limits import LimitedBackend, Limits
from meshsim.run.program import program_of
from meshsim.scenario.plan import Plan
from meshsim.sim import SimBackend
from meshsim.trace.records import Record

#: Of one run, unless told otherwise: far above what a case of a plain scenario takes.
LIMITS = Limits(wall_s=30.0, records=1_000_000)


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """What a strategy wants to be run."""

    plan: Plan
    #: How ties are broken; first in, first out, and by the plan's decisions, when there is none.
    order: Order | None = None


class Explored(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one case."""

    #: `passed`, `violated` or `inconclusive`, as the judge says.
    outcome: str
    #: Why it is inconclusive, or what was violated first.
    reason: str
    #: Everything that was found, in order of time, each once.
    signatures: tuple[Signature, ...]
    #: The same, with plans that hold every decision the run made, so that they need no strategy.
    findings: tuple[Finding, ...]
    #: See `meshsim.explore.coverage`.
    coverage: frozenset[int]
    #: Lines of its trace.
    records: int
    #: In how many places it was not what it would have been by default.
    decisions: int


def explored(case: Case, limits: Limits = LIMITS) -> Explored:
    """Run a case. Pure: the same case gives the same, wherever and in whatever order it runs."""
    plan = case.plan
    order = None if case.order is None else NotedOrder(case.order.order())
    records: list[Record] = []
    with closing(SimBackend(program_of(plan))) as backend:
        limited = LimitedBackend(backend, limits)
        conductor = Conductor(plan, limited, order)
        conductor.network.note_fates()
        limited.count_records = conductor.records.__len__
        records = conductor.records
        try:
            conductor.run()
            verdict = judge(brief_of(plan), records)
        except BackendError as error:
            verdict = given_up(str(error), records, is_code=isinstance(error, NodeRaisedError))
        made = made_decisions(conductor, backend, order)
    findings = findings_of(plan, records, verdict)
    if findings and made:
        told = () if plan.decisions is UNSET else plan.decisions
        decisions = (*told, *(each for each in made if each not in told))
        same = msgspec.structs.replace(plan, decisions=decisions, seeded_choices=UNSET)
        findings = [msgspec.structs.replace(finding, plan=same) for finding in findings]
    return Explored(
        outcome=verdict.outcome,
        reason=verdict.reason,
        signatures=tuple(finding.signature for finding in findings),
        findings=tuple(findings),
        coverage=coverage_of(records),
        records=len(records),
        decisions=len(made),
    )
