"""Scenarios from Python: what the fixture `meshsim` builds, runs and says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from installed import ROOT
from projects import KILL_ONE, OWN, QUIET, Project, properties

from meshsim.run import run_plan
from meshsim.scenario import load_scenarios, plan

HEAD = """\
import pytest
from meshsim.scenario import Scenario, ScenarioError
from meshsim.units import Duration, S

WORLD = {"procs": [{"name": "workers"}], "actors": [{"name": "trainer", "procs": "workers"}]}
EXIT = {"kind": "exit", "target": "workers[0]", "at": "5s", "code": 1}


"""


@pytest.fixture
def tests(project: Project) -> Project:
    """A project with a scenario of two variants, and one of the project's own actor."""
    project.scenario(KILL_ONE + '\n[matrix]\n"faults.0.at" = ["5s", "6s"]\n')
    project.scenario(QUIET)
    return project


def run(project: Project, body: str, *words: str) -> pytest.RunResult:
    project.write("test_it.py", HEAD + body)
    return project.pytest("test_it.py", *words)


def test_a_file_is_run_with_seed_variant_and_profile(tests: Project) -> None:
    """By default the first seed of the file; the path counts from the root of the pytest run."""
    (first, _) = load_scenarios(Path("sc/fast/kill-one.toml"))
    digest = run_plan(plan(first, 3), "sim").digest
    body = f"""\
def test_file(meshsim, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = meshsim.run("sc/fast/kill-one.toml", variant="at=5s", seed=3)
    result.assert_passed()
    assert result.digest == "{digest}"
    assert result.verdict.outcome == "passed"
    assert result.run.plan.seed == 3
    assert "  reproduce: meshsim run sc/fast/kill-one.toml --backend sim --seed 3 --variant at=5s" in result.text
    assert len(result.lines("fault")) == 1
    assert len(result.lines("heard", actor="client")) == 1
    assert meshsim.run("sc/fast/kill-one.toml", variant="at=5s").run.plan.seed == 7
    assert meshsim.run("sc/fast/quiet.toml", profile="fixed").run.plan.profile == "fixed"

def test_plans(meshsim):
    plans = meshsim.check("sc/fast/kill-one.toml")
    assert [(each.seed, each.variant) for each in plans] == [(7, {{"faults.0.at": "5s"}}), (7, {{"faults.0.at": "6s"}})]

def test_not_for_this_backend(meshsim):
    with pytest.raises(ScenarioError) as refused:
        meshsim.run("sc/fast/quiet.toml", backend="lockstep")
    assert str(refused.value) == "sc/fast/quiet.toml: backends: expected lockstep among them, got sim"

def test_no_such_variant(meshsim):
    with pytest.raises(ScenarioError) as refused:
        meshsim.run("sc/fast/kill-one.toml")
    assert str(refused.value).endswith("variant: expected one of the file's, got nothing (allowed: at=5s, at=6s)")
"""

    run(tests, body).assert_outcomes(passed=4)


def test_scenarios_are_built_from_the_keys_of_a_file(tests: Project) -> None:
    """Checked as a file is; the name is that of the test."""
    body = """\
def test_built(meshsim):
    scenario = meshsim.scenario(horizon="35s", topology=WORLD, faults=[EXIT])
    assert scenario.name == "test-built"
    result = meshsim.run(scenario)
    result.assert_violated("at-most-once")
    meshsim.run(scenario, profile="fixed").assert_passed()

def test_struct(meshsim):
    meshsim.run(Scenario(name="quiet", horizon=Duration(S))).assert_passed()

@pytest.mark.parametrize("code", [1, 2])
def test_each(meshsim, code):
    assert meshsim.scenario(horizon="1s").name == f"test-each-{code}"

def test_wrong(meshsim):
    with pytest.raises(ScenarioError) as refused:
        meshsim.scenario(horizon="20s", topology=WORLD, faults=[EXIT | {"target": "workers[7]"}])
    assert str(refused.value).startswith("faults[0].target: ")
"""

    run(tests, body).assert_outcomes(passed=5)


def test_a_failure_shows_the_line_of_the_test_and_the_story(tests: Project) -> None:
    """Their code, and then what `meshsim run` would say; none of ours. pytest is what runs it again."""
    body = """\
def test_red(meshsim):
    result = meshsim.run(meshsim.scenario(horizon="35s", topology=WORLD, faults=[EXIT]))
    result.assert_passed()

def test_not_found(meshsim):
    meshsim.run("sc/fast/quiet.toml").assert_violated("at-most-once")
"""

    result = run(tests, body)

    result.assert_outcomes(failed=2)
    lines = result.stdout.lines
    assert ">       result.assert_passed()" in lines
    assert "E       ViolatedError: violated: test-red on sim, seed 0" in lines
    assert "E         reproduce: pytest test_it.py::test_red" in lines
    assert "E       ViolatedError: expected a violation of at-most-once, got nothing" in lines
    assert not [line for line in lines if "meshsim/" in line]


def test_options_of_the_run_count_unless_a_test_says_otherwise(tests: Project) -> None:
    """A night with fresh seeds reaches tests, too; what a test asks for it gets."""
    body = """\
def test_options(meshsim):
    usual, asked = meshsim.run("sc/fast/quiet.toml"), meshsim.run("sc/fast/quiet.toml", seed=1, profile="2026-03")
    assert (usual.run.plan.seed, usual.run.plan.profile) == (5, "fixed")
    assert (asked.run.plan.seed, asked.run.plan.profile) == (1, "2026-03")
    assert "kept in runs/quiet.fixed/sim-seed5" in usual.text
    built = meshsim.run(meshsim.scenario(horizon="1s"))
    assert "reproduce: pytest test_it.py::test_options --meshsim-seed 5 --meshsim-profile fixed" in built.text
"""

    run(tests, body, "--meshsim-seed", "5", "--meshsim-profile", "fixed", "--meshsim-out", "runs").assert_outcomes(
        passed=1
    )


@pytest.mark.parametrize(
    ("policy", "outcomes"),
    [
        ("fail", {"inconclusive": 3, "failed": 1}),
        ("skip", {"inconclusive": 3, "failed": 1}),
        ("pass", {"inconclusive": 2, "failed": 2}),
    ],
)
def test_inconclusive_runs_follow_the_policy(tests: Project, policy: str, outcomes: dict[str, int]) -> None:
    """Whichever way a test looks at one. A test that fails for a reason of its own has failed."""
    tests.scenario(OWN, backends='["sim"]')
    tests.actor("raise MemoryError")
    body = """\
def test_passed(meshsim):
    meshsim.run("sc/fast/own.toml").assert_passed()

def test_violated(meshsim):
    meshsim.run("sc/fast/own.toml").assert_violated("at-most-once")

def test_later(meshsim):
    meshsim.run("sc/fast/own.toml").assert_passed()
    assert not "a reason of its own"

def test_otherwise(meshsim):
    assert meshsim.run("sc/fast/own.toml").verdict.outcome == "passed"
"""

    result = run(tests, body, "--meshsim-inconclusive", policy)

    assert result.parseoutcomes() == outcomes


@pytest.mark.procs
@pytest.mark.xdist_group("procs")
def test_real_processes_are_compared_with_the_simulation(tests: Project) -> None:
    """One call is enough for the certificate, and JUnit has its properties."""
    body = """\
def test_lockstep(meshsim):
    real = meshsim.run("sc/fast/kill-one.toml", backend="lockstep", variant="at=6s")
    real.assert_passed()
    assert real.digest == meshsim.run("sc/fast/kill-one.toml", variant="at=6s").digest
    assert real.run.diary
"""
    tests.write("test_it.py", HEAD + body)

    case = tests.junit("test_it.py")["test_lockstep"]

    assert case.find("failure") is None
    assert properties(case)["verdict"] == "passed"
    assert [each.get("value") for each in case.iter("property") if each.get("name") == "backend"] == ["lockstep", "sim"]


@pytest.mark.procs
@pytest.mark.xdist_group("procs")
def test_the_example_of_the_page_runs(project: Project) -> None:
    """People copy it."""
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "ci.md").read_text(), re.DOTALL)
    project.write("scenarios/fast/late-exit.toml", KILL_ONE.replace("kill-one", "late-exit"))
    project.write("test_it.py", example)

    project.pytest("test_it.py").assert_outcomes(passed=2)


def test_the_page_names_every_option_and_property(project: Project) -> None:
    page = (ROOT / "docs" / "ci.md").read_text()
    project.scenario(QUIET)
    options = set(re.findall(r"--meshsim-[a-z]+", project.pytest("--help").stdout.str()))

    names = set(properties(project.junit("--meshsim-out", "runs")["quiet[sim-seed0]"])) | {"closest_margin"}

    assert options
    assert sorted(option for option in options if option not in page) == []
    assert sorted(name for name in names if f"`{name}`" not in page) == []
