"""The fixture `meshsim`: scenarios from Python.

def test_a_late_exit_is_reported_once(meshsim: Meshsim) -> None:
    result = meshsim.run("scenarios/late-exit.toml", seed=3)

    result.assert_passed()
    assert len(result.lines("heard")) == 1

def test_a_killed_worker_is_reported(meshsim: Meshsim) -> None:
    scenario = meshsim.scenario(
        horizon="20s",
        topology={"procs": [{"name": "workers"}], "actors": [{"name": "trainer", "procs": "workers"}]},
        faults=[{"kind": "exit", "target": "workers[0]", "at": "5s", "code": 1}],
    )

    meshsim.run(scenario).assert_violated("at-most-once")
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal

import msgspec
import pytest

from meshsim.model.quirks import ProfileName
from meshsim.oracle.verdict import Verdict
from meshsim.pytest_plugin.outcome import (
    Budget,
    ViolatedError,
    note,
    rerun_line,
    settle,
    skip_unless_able,
)
from meshsim.pytest_plugin.settings import SETTINGS
from meshsim.run import RunResult, compared, program_of
from meshsim.run.choosing import backends_for
from meshsim.scenario.check import check
from meshsim.scenario.decode import decode
from meshsim.scenario.errors import ScenarioError
from meshsim.scenario.load import Loaded, load_scenarios
from meshsim.scenario.matrix import variant_label
from meshsim.scenario.plan import Plan, plan, with_profile
from meshsim.scenario.schema import Scenario
from meshsim.trace.directory import Directory
from meshsim.trace.story import render, selected

#: What `run` and `check` take: the path of a file, from the root of the pytest run, or what `scenario` built.
Source = str | Path | Scenario


class Meshsim:
    """Builds and runs scenarios for one test. Options of the pytest run count where a call says nothing else."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item
        self._settings = item.config.stash[SETTINGS]
        self._budget = Budget(item)

    def scenario(self, **keys: object) -> Scenario:
        """A scenario from the keys of a file, with tables as dicts; it is named after the test, if not otherwise.

        Raises:
            ScenarioError: as for a file, one line that says where and what is wrong.
        """
        name = re.sub(r"[^a-z0-9]+", "-", self._item.name.lower()).strip("-")
        built = decode({"name": name, **keys})
        check(built)
        return built

    def check(self, source: Source, *, profile: ProfileName | None = None) -> list[Plan]:
        """The plans that a file or a scenario stands for, variant by variant, seed by seed; nothing runs.

        Raises:
            ScenarioError: it is wrong, or code that it names cannot be imported.
        """
        plans = []
        for loaded in self._loaded(source):
            plans += [self._plan(loaded, each, profile) for each in self._settings.seeds_of(loaded.scenario.seeds)]
            program_of(plans[-1])
        return plans

    def run(
        self,
        source: Source,
        *,
        backend: Literal["sim", "lockstep", "live"] = "sim",
        seed: int | None = None,
        variant: str | None = None,
        profile: ProfileName | None = None,
    ) -> Result:
        """Run one plan and judge it. A run in lockstep is compared with the simulation of the same plan.

        Args:
            source: a file, or a scenario built with `scenario`.
            backend: `lockstep` and `live` skip the test where the machine cannot do it. `live` takes what is for
                `lockstep`, at the pace that the options of the pytest run say.
            seed: the first seed of the scenario, or of the pytest run, by default.
            variant: label of one combination of the file's matrix, such as `poll=1s`; needed if there are several.
            profile: instead of the scenario's.

        Raises:
            ScenarioError: the scenario is wrong, has no such variant, or is not for this backend.
        """
        loaded = self._chosen(source, variant)
        first, *_ = self._settings.seeds_of(loaded.scenario.seeds)
        chosen = self._plan(loaded, first if seed is None else seed, profile)
        if not backends_for(chosen, backend):
            raise ScenarioError(
                "backends", f"expected {backend} among them, got {', '.join(chosen.backends)}", file=chosen.source
            )
        if backend != "sim":
            skip_unless_able(backend)
        result = self._budget.run(chosen, backend)
        if backend == "lockstep" and "sim" in chosen.backends:
            result = compared(self._budget.run(chosen, "sim"), result)
        reproduce = None if chosen.source else rerun_line(self._item, chosen)
        return Result(result, self._item, note(self._item, result, reproduce=reproduce))

    def _loaded(self, source: Source) -> list[Loaded]:
        if isinstance(source, Scenario):
            return [Loaded(scenario=source, source="")]
        path = self._item.config.rootpath / source
        # A test may have changed the working directory; whoever runs it again is where pytest was started.
        seen_from = Path(os.path.relpath(path, self._item.config.invocation_params.dir)).as_posix()
        loaded = load_scenarios(Path(os.path.relpath(path)))
        return [msgspec.structs.replace(each, source=seen_from) for each in loaded]

    def _chosen(self, source: Source, variant: str | None) -> Loaded:
        """The one that the variant selects, or the only one there is."""
        loaded = self._loaded(source)
        if variant is None and len(loaded) == 1:
            return loaded[0]
        by_label = {variant_label(each.variant): each for each in loaded}
        if variant not in by_label:
            file = loaded[0].source
            raise ScenarioError("variant", "expected one of the file's", value=variant, allowed=by_label, file=file)
        return by_label[variant]

    def _plan(self, loaded: Loaded, seed: int, profile: str | None) -> Plan:
        made = plan(loaded if loaded.source else loaded.scenario, seed)
        wanted = profile or self._settings.profile
        return made if wanted is None else with_profile(made, wanted)


class Result:
    """How one run ended, and what happened in it."""

    def __init__(self, result: RunResult, item: pytest.Item, text: str) -> None:
        #: Everything: plan, records, digest, verdict, what processes wrote.
        self.run = result
        #: What `meshsim run` says of the run: what is wrong, and how to see it again.
        self.text = text
        self._item = item

    @property
    def verdict(self) -> Verdict:
        return self.run.verdict

    @property
    def digest(self) -> str:
        return self.run.digest

    def lines(self, *types: str, actor: str | None = None, node: str | None = None) -> list[str]:
        """The trace in words, a line for each record; only records of these types and about these, if any are given.

        `types` are those that `meshsim trace --type` takes: `heard`, `fault`, `proc_status`, …
        """
        records, directory = self.run.records, Directory.of(self.run.records)
        chosen = selected(records, directory, types=frozenset(types), actor=actor, node=node)
        return [render(record, directory) for record in chosen]

    def assert_passed(self) -> None:
        """Fail, with the story, unless the run passed; one that is inconclusive does what the option says."""
        __tracebackhide__ = True
        settle(self._item, self.run, self.text)

    def assert_violated(self, invariant: str) -> None:
        """Fail unless the run violates this: the id of an invariant, or of what the scenario states: `expect[0]`.

        What the scenario lists as known counts too: it did happen. One that is inconclusive does what the option says.
        """
        __tracebackhide__ = True
        if self.verdict.outcome == "inconclusive":
            settle(self._item, self.run, self.text)
            return
        found = {each.invariant for each in (*self.verdict.violations, *self.verdict.known)}
        if invariant not in found:
            got = ", ".join(sorted(found)) or "nothing"
            sentence = f"expected a violation of {invariant}, got {got}"
            raise ViolatedError(f"{sentence}\n{self.text}", sentence)
