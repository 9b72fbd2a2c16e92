"""Why a run was violated: the injected events that it needs, each tried by leaving it out.

What is injected are faults and decisions. Leaving one out keeps the numbers of the others, and with them whatever they
draw; each run without some is a run of its own, in virtual time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

import msgspec
from msgspec import UNSET

from meshsim.faults.kinds import Resume
from meshsim.oracle.fault_words import fault_time, fault_words
from meshsim.oracle.invariants import INVARIANTS
from meshsim.oracle.judge import judge
from meshsim.oracle.verdict import CODE_RETURNS, Verdict, Violation
from meshsim.run.brief import brief_of
from meshsim.run.execute import RunResult, run_plan
from meshsim.scenario.decisions import decision_words
from meshsim.scenario.plan import Plan
from meshsim.units import Duration

#: Events that are left out together at most, as long as no fewer are enough. Source: chosen here.
TOGETHER_MAX = 3
#: Runs that looking for a set of events may cost. Source: chosen here.
RUNS_MAX = 2_000


class Event(msgspec.Struct, frozen=True):
    """Something that a plan injects."""

    is_fault: bool
    #: Its number in the plan, among the faults or the decisions.
    index: int
    words: str

    @property
    def name(self) -> str:
        return f"{'fault' if self.is_fault else 'decision'} {self.index}"


class Trial(msgspec.Struct, frozen=True):
    """A run without some events."""

    without: tuple[Event, ...]
    #: Whether the violation is gone.
    flips: bool
    #: How it ended, in one line.
    outcome: str


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """What a violation needs."""

    violation: Violation
    events: tuple[Event, ...]
    #: The run without all events, then those without each of them alone, in order.
    trials: tuple[Trial, ...]
    #: The smallest sets without which the violation is gone, all of one size; empty when it needs none of the events.
    needed: tuple[Trial, ...]
    #: Whether every set of that size and every smaller one was tried.
    is_smallest: bool


def why(result: RunResult, violation: Violation) -> Why:
    """Which events of a run a violation needs.

    Args:
        result: the run; one in virtual time, or one that left the same trace.
        violation: one of those of its verdict, listed ones included.
    """
    plan = result.plan
    events = tuple(_events(plan))

    def without(left_out: Sequence[Event]) -> Trial:
        verdict = _verdict(_plan_without(plan, left_out), violation)
        flips = not any(_is_same(violation, each) for each in verdict.violations)
        return Trial(tuple(left_out), flips, _ended(verdict))

    everything = without(events)
    alone = tuple(without([event]) for event in events)
    trials = (everything, *alone) if events else ()
    if not everything.flips or not events:
        return Why(violation=violation, events=events, trials=trials, needed=(), is_smallest=True)
    needed = tuple(trial for trial in alone if trial.flips)
    if needed:
        return Why(violation=violation, events=events, trials=trials, needed=needed, is_smallest=True)
    needed, is_smallest = _together(events, without)
    return Why(violation=violation, events=events, trials=trials, needed=needed, is_smallest=is_smallest)


def explainable(verdict: Verdict) -> tuple[Violation, ...]:
    """What there is to explain: what was violated, or, in a run that passed, what its scenario lists."""
    return verdict.violations or verdict.known


def is_reproduced(plan: Plan, violation: Violation) -> bool:
    """Whether a violation comes again when its plan is run in virtual time: what is tried is tried there."""
    return any(_is_same(violation, each) for each in _verdict(plan, violation).violations)


def _events(plan: Plan) -> Iterator[Event]:
    for index, fault in enumerate(plan.faults):
        yield Event(True, index, f"{fault_words(fault)} {fault_time(fault)}")
    for index, decision in enumerate(() if plan.decisions is UNSET else plan.decisions):
        yield Event(False, index, decision_words(decision))


def _plan_without(plan: Plan, left_out: Sequence[Event]) -> Plan:
    """The plan without some events. A fault that is left out leaves one that never strikes in its place."""
    never = Resume(target=plan.clients[0], at=Duration(plan.horizon + 1))
    gone = {(event.is_fault, event.index) for event in left_out}
    decisions = () if plan.decisions is UNSET else plan.decisions
    return msgspec.structs.replace(
        plan,
        faults=tuple(never if (True, index) in gone else fault for index, fault in enumerate(plan.faults)),
        decisions=tuple(each for index, each in enumerate(decisions) if (False, index) not in gone) or UNSET,
    )


def _verdict(plan: Plan, violation: Violation) -> Verdict:
    """How a run ends, its faults and decisions aside: that one did not happen is what is tried.

    What must hold in every run is judged alone, for expectations count on what is left out.
    """
    result = run_plan(plan, "sim")
    if any(each.invariant == CODE_RETURNS for each in result.verdict.violations):
        return result.verdict
    brief = msgspec.structs.replace(brief_of(plan), faults=(), decisions=0)
    if violation.invariant in INVARIANTS or violation.invariant == CODE_RETURNS:
        brief = msgspec.structs.replace(brief, expect=(), known=(), caught_by=())
    return judge(brief, result.records)


def _is_same(one: Violation, other: Violation) -> bool:
    return (one.invariant, one.subject) == (other.invariant, other.subject)


def _ended(verdict: Verdict) -> str:
    return f"{verdict.outcome}: {verdict.reason}" if verdict.reason else verdict.outcome


def _together(events: Sequence[Event], without: Callable[[Sequence[Event]], Trial]) -> tuple[tuple[Trial, ...], bool]:
    """The smallest sets that flip together, when no single event does; whether nothing smaller was left untried."""
    left = RUNS_MAX
    for size in range(2, min(TOGETHER_MAX, len(events)) + 1):
        sets = list(combinations(events, size))
        if len(sets) > left:
            break
        left -= len(sets)
        found = tuple(trial for trial in map(without, sets) if trial.flips)
        if found:
            return found, True
    return (_fewer(events, without),), False


def _fewer(events: Sequence[Event], without: Callable[[Sequence[Event]], Trial]) -> Trial:
    """A set that flips, and none of whose events can be kept: from all events, one after the other is kept."""
    smallest = without(events)
    for event in reversed(events):
        trial = without([each for each in smallest.without if each != event])
        if trial.flips:
            smallest = trial
    return smallest
