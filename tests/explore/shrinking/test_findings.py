"""Findings of twelve faults, shrunk: few faults are left, and without any single thing the finding is gone."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path

import msgspec
import pytest
from small_worlds import at, mesh

from benchmarks.shrinks import FAULTS, found
from meshsim.explore.finding import Finding, Signature, findings_of, signatures_of
from meshsim.explore.shrinking import Shrunk, shrunk
from meshsim.explore.shrinking.file import FindingFile, file_of, name_of
from meshsim.explore.shrinking.shrinker import planned
from meshsim.faults.kinds import Exit, Fault, Hang, Stall
from meshsim.run import compared, run_plan
from meshsim.scenario.decode import decode
from meshsim.scenario.errors import ScenarioError
from meshsim.scenario.load import load_scenarios
from meshsim.scenario.plan import Plan, plan
from meshsim.scenario.schema import CastOp, Scenario, StopActorsOp

HANDFUL = 6


@cache
def handful() -> list[tuple[Finding, Shrunk]]:
    return [(finding, shrunk(finding)) for finding in islice(found(), HANDFUL)]


every_finding = pytest.mark.parametrize("number", range(HANDFUL))


def without_one(scenario: Scenario) -> Iterator[Scenario]:
    """The scenario without each single thing in it; written apart from the passes that shrink."""
    for key in ("faults", "decisions", "operations"):
        parts = getattr(scenario, key)
        for index in range(len(parts)):
            yield msgspec.structs.replace(scenario, **{key: parts[:index] + parts[index + 1 :]})
    topology = scenario.topology
    for key in ("subscribers", "actors", "slices", "procs", "clients"):
        parts = getattr(topology, key)
        for index in range(len(parts)):
            less = msgspec.structs.replace(topology, **{key: parts[:index] + parts[index + 1 :]})
            yield msgspec.structs.replace(scenario, topology=less)
    if topology.hosts > 1:
        yield msgspec.structs.replace(scenario, topology=msgspec.structs.replace(topology, hosts=topology.hosts - 1))
    for key in scenario.config:
        yield msgspec.structs.replace(scenario, config={name: v for name, v in scenario.config.items() if name != key})


def shows(scenario: Scenario, signature: Signature) -> bool:
    try:
        return signature in signatures_of(planned(scenario))
    except ScenarioError:
        return False


@every_finding
def test_whatever_is_left_out_the_finding_is_gone(number: int) -> None:
    finding, small = handful()[number]

    assert small.is_minimal
    assert shows(small.scenario, finding.signature)
    assert [each for each in without_one(small.scenario) if shows(each, finding.signature)] == []


def test_few_faults_are_left_of_many() -> None:
    before = [len(finding.plan.faults) for finding, _ in handful()]
    after = sorted(len(small.scenario.faults) + len(small.scenario.decisions) for _, small in handful())

    assert min(before) == FAULTS
    assert after[HANDFUL // 2] <= 2
    assert after[-1] <= 3


def _files() -> list[FindingFile]:
    return [file_of(finding.signature, small.scenario, folder="found") for finding, small in handful()]


@every_finding
def test_its_file_is_an_ordinary_scenario_that_passes_while_it_is_found(number: int, tmp_path: Path) -> None:
    """And fails without the faults: then nothing is caught."""
    finding, _ = handful()[number]
    file = _files()[number]
    path = tmp_path / f"{file.name}.toml"
    path.write_text(file.text)

    (loaded,) = load_scenarios(path)
    result = run_plan(plan(loaded, loaded.scenario.seeds[0]), "sim")

    assert (file.trouble, result.verdict.outcome) == ("", "passed")
    assert {each.invariant for each in result.verdict.known} == {finding.signature.invariant}
    assert loaded.scenario == file.scenario
    assert f"# Again: meshsim run found/{file.name}.toml --backend both\n" in file.text
    if loaded.scenario.faults:
        harmless = msgspec.structs.replace(loaded.scenario, faults=[])
        violated = {each.invariant for each in run_plan(planned(harmless), "sim").verdict.violations}
        assert "caught_by[0]" in violated


@pytest.mark.procs
def test_its_file_passes_on_real_processes_too() -> None:
    small = planned(_files()[0].scenario)

    sim, lockstep = run_plan(small, "sim"), run_plan(small, "lockstep")

    assert compared(sim, lockstep).verdict.outcome == "passed"


def test_names_tell_signatures_apart_and_fit_files() -> None:
    names = [name_of(finding.signature) for finding, _ in handful()]

    assert len(set(names)) == HANDFUL
    assert names == [file.scenario.name for file in _files()]


def _small(*faults: Fault, **keys: object) -> tuple[Finding, ...]:
    case = mesh(faults=list(faults), **keys)
    result = run_plan(case, "sim")
    return tuple(findings_of(case, result.records, result.verdict))


def test_operations_that_end_otherwise_than_well_are_expected_to() -> None:
    """Nothing but the finding may make a file red."""
    findings = _small(
        Stall(target="host0", at=at(5)),
        Hang(target="trainer[0]", at=at(7)),
        operations=[StopActorsOp(mesh="trainer", at=at(8))],
    )

    for finding in findings:
        small = shrunk(finding)
        file = file_of(finding.signature, small.scenario)
        assert file.trouble == ""


def test_the_words_say_what_is_done_what_goes_wrong_and_what_must_hold() -> None:
    (finding, *_) = _small(Exit(target="workers[1]", at=at(5)), operations=[CastOp(mesh="trainer", at=at(3))])
    file = file_of(finding.signature, shrunk(finding).scenario, before="12 faults, seed 3")

    assert decode(tomllib.loads(file.text)) == file.scenario
    assert "# Found by exploring (12 faults, seed 3), and shrunk: " in file.text
    assert "Wrong: " in file.scenario.about
    assert "Must hold: " in file.scenario.about


def test_a_plan_that_does_not_show_it_is_refused() -> None:
    (finding, *_) = _small(Exit(target="workers[1]", at=at(5)))
    other = msgspec.structs.replace(finding, plan=_quiet())

    with pytest.raises(ValueError, match="does not show"):
        shrunk(other)
    with pytest.raises(ValueError, match="does not violate"):
        file_of(finding.signature, Scenario(name="quiet", horizon=at(5)))


def _quiet() -> Plan:
    return mesh()
