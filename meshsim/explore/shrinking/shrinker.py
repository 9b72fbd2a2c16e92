"""From a scenario that shows something to a small one that shows the same.

Every pass is asked for candidates; the first one that still shows it takes the place of the scenario, and the pass is
asked again. When no pass has a candidate that shows it, the scenario is 1-minimal: whatever single thing is left out of
it, what it showed is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from meshsim.explore.shrinking.passes import PASSES, Pass
from meshsim.scenario.check import check
from meshsim.scenario.errors import ScenarioError
from meshsim.scenario.load import Loaded
from meshsim.scenario.plan import Plan, plan, plan_digest
from meshsim.scenario.schema import Scenario

#: Runs that one shrinking may cost. Source: chosen here; a run takes milliseconds, and a few hundred are enough.
RUNS_MAX = 5_000

#: Whether the run of a plan shows what is looked for.
Shows = Callable[[Plan], bool]


class Shrunk(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of a scenario, and what it took."""

    scenario: Scenario
    #: Its plan under its only seed.
    plan: Plan
    #: Different plans that were run.
    runs: int
    #: Names of the passes that made it smaller, in the order in which they did.
    steps: tuple[str, ...]
    #: False: `runs_max` was reached, so something may be left that could go.
    is_minimal: bool


class OutOfRunsError(Exception):
    """Shrinking took all the runs it may."""


class Shrinker:
    """Tries candidates, each plan once."""

    def __init__(self, shows: Shows, *, runs_max: int = RUNS_MAX) -> None:
        self._shows = shows
        self._runs_max = runs_max
        #: By digest of the plan.
        self._known: dict[str, bool] = {}
        #: Digests of the plans that were the smallest so far, one after the other: there is no way back to them.
        self._passed: set[str] = set()

    @property
    def runs(self) -> int:
        return len(self._known)

    def shrink(self, scenario: Scenario, passes: Sequence[Pass] = PASSES) -> Shrunk:
        """The smallest scenario that the passes lead to.

        Raises:
            ValueError: the scenario itself does not show it.
            ScenarioError: it is wrong.
        """
        if not self._tried(planned(scenario)):
            raise ValueError(f"{scenario.name} does not show what it is to be shrunk for")
        steps: list[str] = []
        is_minimal = True
        try:
            smaller = True
            while smaller:
                smaller = False
                for each in passes:
                    while (found := self._next(each, scenario)) is not None:
                        scenario, smaller = found, True
                        steps.append(each.name)
        except OutOfRunsError:
            is_minimal = False
        return Shrunk(
            scenario=scenario, plan=planned(scenario), runs=self.runs, steps=tuple(steps), is_minimal=is_minimal
        )

    def _next(self, each: Pass, scenario: Scenario) -> Scenario | None:
        """The first candidate of a pass that shows it and is not where shrinking has been; one that is none shows
        nothing.
        """
        self._passed.add(plan_digest(planned(scenario)))
        for candidate in each.candidates(scenario):
            try:
                made = planned(candidate)
            except ScenarioError:
                continue
            if plan_digest(made) not in self._passed and self._tried(made):
                return candidate
        return None

    def _tried(self, candidate: Plan) -> bool:
        key = plan_digest(candidate)
        if key not in self._known:
            if self.runs >= self._runs_max:
                raise OutOfRunsError
            self._known[key] = self._shows(candidate)
        return self._known[key]


def planned(scenario: Scenario) -> Plan:
    """The plan of a scenario under its first seed. Its parts have the right types: they come from one that was read.

    Raises:
        ScenarioError: it is wrong.
    """
    check(scenario)
    return plan(Loaded(scenario=scenario, source=""), scenario.seeds[0])
