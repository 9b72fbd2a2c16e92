"""A scenario file as pytest sees it: an item for each variant, seed and backend."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from meshsim.pytest_plugin.outcome import Budget, ViolatedError, note, settle, skip_unless_able
from meshsim.pytest_plugin.settings import PROCS, SETTINGS, declare, suites_of
from meshsim.run import RunResult, case_name, compared, program_of, reproduce_command
from meshsim.run.choosing import backends_for, in_order
from meshsim.scenario.errors import ScenarioError
from meshsim.scenario.load import load_scenarios
from meshsim.scenario.plan import Plan, fits_profile, plan, with_profile

if TYPE_CHECKING:
    from _pytest._code.code import TerminalRepr

#: The last plan that was simulated, and how: the next item is mostly the same plan on real processes.
_SIMULATED = pytest.StashKey[tuple[Plan, RunResult]]()


class ScenarioFile(pytest.File):
    """One `*.toml` file. What is wrong with it is a collection error of one line."""

    def collect(self) -> Iterator[ScenarioItem]:
        for suite in suites_of(self.path, self.config):
            declare(self.config, suite)
            self.add_marker(suite)
        for made in self._plans():
            # As `meshsim run` does: first in simulation, which real processes are compared with.
            for backend in self._backends(made):
                yield ScenarioItem.from_parent(self, name=case_name(made, backend), plan=made, backend=backend)

    def _backends(self, made: Plan) -> tuple[str, ...]:
        """Those that the scenario names, and `live` if it was asked for; items of others are deselected later."""
        wanted = self.config.getoption("meshsim_backend")
        return in_order((*made.backends, *backends_for(made, wanted)))

    def _plans(self) -> list[Plan]:
        """The plans of the file, variant by variant, seed by seed; the code that they name can be imported.

        Raises:
            CollectError: the first thing that is wrong.
        """
        settings = self.config.stash[SETTINGS]
        plans = []
        try:
            for loaded in load_scenarios(Path(os.path.relpath(self.path))):
                for seed in settings.seeds_of(loaded.scenario.seeds):
                    made = plan(loaded, seed)
                    plans.append(made if settings.profile is None else with_profile(made, settings.profile))
                program_of(plans[-1])
        except ScenarioError as error:
            raise self.CollectError(str(error)) from None
        return plans


class ScenarioItem(pytest.Item):
    """One plan on one backend."""

    def __init__(self, *, plan: Plan, backend: str, **keys: object) -> None:
        super().__init__(**keys)  # type: ignore[arg-type]  # name and parent, as from_parent has them
        self.plan = plan
        self.meshsim_backend = backend
        if backend != "sim":
            self.add_marker(PROCS)

    def setup(self) -> None:
        if not fits_profile(self.plan):
            raise pytest.skip.Exception(f"not meant for the profile {self.plan.profile}", _use_item_location=True)
        if self.meshsim_backend != "sim":
            skip_unless_able(self.meshsim_backend)
        self._budget = Budget(self)

    def runtest(self) -> None:
        result = self._run()
        settle(self, result, note(self, result))

    def _run(self) -> RunResult:
        if self.meshsim_backend == "sim":
            return self._simulated()
        if self.meshsim_backend == "live" or "sim" not in self.plan.backends:
            return self._budget.run(self.plan, self.meshsim_backend)
        return compared(self._simulated(), self._budget.run(self.plan, self.meshsim_backend))

    def _simulated(self) -> RunResult:
        stash = self.config.stash
        before = stash.get(_SIMULATED, None)
        if before is None or before[0] is not self.plan:
            before = stash[_SIMULATED] = (self.plan, self._budget.run(self.plan, "sim"))
        return before[1]

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str | TerminalRepr:
        """What the run found, without a traceback: there is no code of the reader's in it."""
        error = excinfo.value
        if isinstance(error, pytest.fail.Exception):  # As from pytest-timeout.
            return f"{error}\n  reproduce: {reproduce_command(self.plan, self.meshsim_backend)}"
        if not isinstance(error, ViolatedError):
            return super().repr_failure(excinfo)
        shown = excinfo.getrepr(style="value")
        if shown.reprcrash is not None:  # What the short summary and JUnit say in one line.
            shown.reprcrash.path, shown.reprcrash.lineno = os.path.relpath(self.path), 1
            shown.reprcrash.message = error.sentence
        return shown

    def reportinfo(self) -> tuple[os.PathLike[str], int, str]:
        return self.path, 0, self.name
