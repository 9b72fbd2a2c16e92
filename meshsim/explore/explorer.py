"""Explores plans with a strategy: generation by generation, by several processes, until enough was seen.

A generation is proposed whole, run in any order by anybody, and learnt from in the order of its numbers. So with a
number of runs to make, the same seed finds the same whatever the number of processes.
"""

from __future__ import annotations

import gc
import math
import pickle
import traceback
from collections.abc import Callable, Sequence
from time import perf_counter

import msgspec

from meshsim.explore.finding import Finding, Signature
from meshsim.explore.running import LIMITS, Case, Explored, explored
from meshsim.explore.space import Space
from meshsim.explore.strategies import STRATEGIES, Strategy
from meshsim.explore.ways import Others
from meshsim.run.limits import Limits
from meshsim.run.workers import Work, WorkerDiedError, Workers
from meshsim.scenario.plan import Plan, plan_label
from meshsim.scenario.streams import stream_key

#: Cases that are proposed before anything is learnt from them. Source: chosen here; forking the workers for one costs
#: as much as two or three runs.
GENERATION = 128

#: How much longer than its limit of wall time a run may take before its worker is killed, seconds: code of a user's
#: machine that loops never comes to where the limit is looked at. Source: chosen here.
_GRACE_S = 10.0


#: New objects after which a worker looks for garbage: those of some fifty runs. Source: chosen here.
_GARBAGE_AT = 500_000


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What to explore, and how far. All of it decides what is found, but `jobs` and time."""

    plans: tuple[Plan, ...]
    strategy: str = "random"
    seed: int = 0
    #: Tags of the kinds of faults that may be used; all that can do something when empty.
    kinds: tuple[str, ...] = ()
    #: How many runs at most.
    runs: int | None = None
    #: No generation begins after this wall time, seconds.
    time_s: float | None = None
    jobs: int = 1
    #: No generation begins after the first that finds something.
    until_first: bool = False
    limits: Limits = LIMITS


class NothingToDoError(ValueError):
    """The faults that may be used can do nothing; `str()` says where."""


class Found(msgspec.Struct, kw_only=True):
    """One distinct finding."""

    finding: Finding
    #: Later cases that showed it without what an earlier one had: see `meshsim.explore.ways`.
    others: Others
    #: Number of the run that showed it first, from 0, and wall time since the beginning, seconds.
    run: int
    after_s: float
    #: How many runs showed it.
    count: int = 1


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """A run whose worker ended or was killed."""

    run: int
    scenario: str
    why: str


class Exploration(msgspec.Struct, kw_only=True):
    """What has been found so far."""

    runs: int = 0
    elapsed_s: float = 0.0
    outcomes: dict[str, int] = {}
    #: In the order in which they were found.
    found: dict[Signature, Found] = {}
    #: Features of the model that were reached, and by run number how many there were.
    coverage: set[int] = set()
    growth: list[tuple[int, int]] = []
    #: Violations by invariant: in how many runs.
    violated: dict[str, int] = {}
    decisions: int = 0
    records: int = 0
    lost: list[Lost] = []
    about: str = ""

    @property
    def runs_per_s(self) -> float:
        return self.runs / self.elapsed_s if self.elapsed_s else 0.0


def explore(task: Task, tell: Callable[[Exploration], None] = lambda _: None) -> Exploration:
    """Explore until the task says enough. `tell` is called after each generation.

    Several plans take turns, each with a strategy, a space and a corpus of its own.

    Raises:
        NothingToDoError: no kind of fault that may be used can do anything in one of the plans.
    """
    strategies = [_strategy(plan, task) for plan in task.plans]
    result = Exploration(about="; ".join(dict.fromkeys(filter(None, (each.about() for each in strategies)))))
    started = perf_counter()
    proposed = [0] * len(strategies)
    turn = 0
    while not _is_enough(task, result, perf_counter() - started):
        index = turn % len(strategies)
        turn += 1
        strategy = strategies[index]
        count = min(GENERATION, (math.inf if task.runs is None else task.runs) - result.runs)
        cases = [strategy.propose(number) for number in range(proposed[index], proposed[index] + int(count))]
        proposed[index] += len(cases)
        results = _run_all(cases, task, frozenset(result.found))
        strategy.learn(cases, [each if isinstance(each, Explored) else None for each in results])
        result.elapsed_s = perf_counter() - started
        _collect(result, cases, results)
        tell(result)
    return result


def _is_enough(task: Task, result: Exploration, elapsed_s: float) -> bool:
    if task.until_first and result.found:
        return True
    if task.time_s is not None and elapsed_s >= task.time_s:
        return True
    return task.runs is not None and result.runs >= task.runs


def _strategy(plan: Plan, task: Task) -> Strategy:
    space = Space.of(plan)
    chosen = [kind for kind in task.kinds if kind in space.kinds] if task.kinds else list(space.kinds)
    if not chosen:
        raise NothingToDoError(f"none of {', '.join(task.kinds)} can do anything in {plan_label(plan)}")
    return STRATEGIES[task.strategy](plan, space, stream_key(task.seed, "strategy") % (1 << 62), chosen)


def _collect(result: Exploration, cases: Sequence[Case], results: Sequence[Explored | WorkerDiedError]) -> None:
    """Add a generation, in the order of its numbers."""
    for case, one in zip(cases, results, strict=True):
        number = result.runs
        result.runs += 1
        if isinstance(one, WorkerDiedError):
            result.lost.append(Lost(run=number, scenario=plan_label(case.plan), why=str(one)))
            continue
        result.outcomes[one.outcome] = result.outcomes.get(one.outcome, 0) + 1
        result.decisions += one.decisions + len(case.plan.faults)
        result.records += one.records
        if not one.coverage <= result.coverage:
            result.coverage |= one.coverage
            result.growth.append((number, len(result.coverage)))
        for invariant in dict.fromkeys(signature.invariant for signature in one.signatures):
            result.violated[invariant] = result.violated.get(invariant, 0) + 1
        news = {finding.signature: finding for finding in one.findings}
        for signature in one.signatures:
            if signature in result.found:
                result.found[signature].count += 1
                result.found[signature].others.add(case)
            else:
                finding = news[signature]
                result.found[signature] = Found(
                    finding=finding, others=Others(finding.plan), run=number, after_s=result.elapsed_s
                )


# --- in several processes -------------------------------------------------------------------------------------


def _run_all(cases: Sequence[Case], task: Task, known: frozenset[Signature]) -> list[Explored | WorkerDiedError]:
    """Run a generation; what is found is sent without its plan where it is known already."""
    results: list[Explored | WorkerDiedError | None] = [None] * len(cases)
    bench = _Bench(cases, task.limits, known)
    patience_s = task.limits.wall_s + _GRACE_S
    with Workers(min(task.jobs, len(cases)), bench, patience_s=patience_s) as crew:
        for index, answer in crew.run(len(cases), lambda _: True):
            results[index] = _answered(answer)
    return [each for each in results if each is not None]


def _answered(answer: bytes | WorkerDiedError) -> Explored | WorkerDiedError:
    """What a worker sent, or why it could not."""
    if isinstance(answer, WorkerDiedError):
        return answer
    one = pickle.loads(answer)
    return one if isinstance(one, Explored) else WorkerDiedError(one)


class _Bench(Work):
    """Where cases are run: in each worker."""

    def __init__(self, cases: Sequence[Case], limits: Limits, known: frozenset[Signature]) -> None:
        self._cases = cases
        self._limits = limits
        self._known = known

    def __enter__(self) -> None:
        """A run makes much that lives as long as the run, and little that has to be searched for: a quarter of the time
        goes into looking through it again and again.
        """
        gc.freeze()
        gc.set_threshold(_GARBAGE_AT)

    def do(self, index: int) -> bytes:
        try:
            one = explored(self._cases[index], self._limits)
        except Exception as error:
            # A defect of meshsim's own, which costs this run alone.
            place = traceback.extract_tb(error.__traceback__)[-1]
            return pickle.dumps(f"{type(error).__name__} in {place.name}, line {place.lineno}: {error}")
        # Most of what is found was found before: its plan would be most of the message.
        news = tuple(each for each in one.findings if each.signature not in self._known)
        return pickle.dumps(msgspec.structs.replace(one, findings=news))
