"""What `meshsim init-ci` writes works, with meshsim as it is shipped and nothing else of this checkout."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree.ElementTree import parse

import pytest
from installed import environment

#: Wall time after which something is wrong with a pytest of a few runs.
PATIENCE_S = 100.0

Command = Callable[..., "subprocess.CompletedProcess[str]"]

pytestmark = [pytest.mark.procs, pytest.mark.xdist_group("procs")]


@pytest.fixture
def scaffold(tmp_path: Path, site: Path) -> tuple[Path, Command]:
    """A fresh project, and `python -m …` in it."""
    folder = tmp_path / "project"
    variables = environment(site, COLUMNS="150")

    def python_m(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", *words]
        return subprocess.run(
            command, cwd=folder, env=variables, capture_output=True, text=True, check=False, timeout=PATIENCE_S
        )

    folder.mkdir()
    done = python_m("meshsim", "init-ci")
    assert (done.returncode, done.stderr) == (0, "")
    return folder, python_m


@pytest.mark.parametrize(
    "words",
    [[], ["-n", "2", "--dist", "loadgroup", "--timeout", "300", "--junitxml", "out/junit.xml"]],
    ids=["plain", "as-in-ci"],
)
def test_it_is_green_as_it_is(scaffold: tuple[Path, Command], words: list[str]) -> None:
    """One scenario with two seeds in both worlds, and three tests."""
    folder, python_m = scaffold

    done = python_m("pytest", *words)

    assert "7 passed" in done.stdout
    assert (done.returncode, done.stderr) == (0, "")
    if "--junitxml" in words:
        cases = list(parse(folder / "out" / "junit.xml").iter("testcase"))
        assert len(cases) == 7
        assert all(case.find("properties") is not None for case in cases)


def test_a_bug_in_the_actor_turns_it_red(scaffold: tuple[Path, Command]) -> None:
    """A trainer that fails at each step: scenario and test say so in a sentence, and how to see it again."""
    folder, python_m = scaffold
    actors = folder / "my_actors.py"
    text = actors.read_text()
    actors.write_text(text.replace("self.steps += 1", 'return [Fail(Generic("lost my place"))]'))
    assert actors.read_text() != text

    done = python_m("pytest", "-m", "not procs")

    assert done.returncode == 1
    assert "3 failed, 2 passed, 2 deselected" in done.stdout
    lines = done.stdout.splitlines()
    (summary, _, of_test) = (line for line in lines if line.startswith("FAILED"))
    about = "FAILED scenarios/fast/worker-dies.toml::worker-dies[sim-seed1] - "
    assert summary.startswith(about)
    assert "client heard" in summary.removeprefix(about)
    assert of_test.startswith("FAILED tests/test_meshes.py::test_a_step_harms_nobody - ViolatedError: violated: ")
    assert any("Failed: failed: lost my place" in line for line in lines)
    assert "  reproduce: meshsim run scenarios/fast/worker-dies.toml --backend sim --seed 1" in lines
    assert "Traceback" not in done.stdout


def test_an_expectation_that_does_not_hold_turns_it_red(scaffold: tuple[Path, Command]) -> None:
    """Both worlds say the same of it."""
    folder, python_m = scaffold
    scenario = folder / "scenarios" / "fast" / "worker-dies.toml"
    scenario.write_text(scenario.read_text().replace("exited with non-zero code 3", "exited with non-zero code 4"))

    done = python_m("pytest", "-k", "seed1")

    assert done.returncode == 1
    assert "2 failed, 5 deselected" in done.stdout
    found = {line for line in done.stdout.splitlines() if line.startswith("  expect[0] (")}
    assert len(found) == 1, "both worlds say the same"
    assert 'client heard trainer rank 1 Failed "exited with non-zero code 4" 0 times' in found.pop()
