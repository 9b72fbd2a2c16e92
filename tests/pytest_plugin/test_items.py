"""Which items there are, and what they are called: what people type after `pytest`, and what CI remembers."""

from __future__ import annotations

import pytest
from projects import KILL_ONE, OWN, QUIET, Project

from meshsim.scenario.streams import drawn_seeds

MATRIX = '\n[matrix]\n"faults.0.at" = ["4s", "5s"]\n'


def test_a_file_is_an_item_for_each_variant_seed_and_backend(project: Project) -> None:
    """Sorted, simulation first, in the same order every time; files of tools are not looked at."""
    project.scenario(KILL_ONE + MATRIX, seeds="[3, 1]")
    project.scenario(QUIET, folder="slow")
    project.write("sc/pyproject.toml", "[project]\n")
    project.write("pyproject.toml", "[tool.other]\n")
    project.write("elsewhere/other.toml", QUIET.replace("quiet", "other"))

    assert project.collected() == [
        "sc/fast/kill-one.toml::kill-one[at=4s-sim-seed3]",
        "sc/fast/kill-one.toml::kill-one[at=4s-lockstep-seed3]",
        "sc/fast/kill-one.toml::kill-one[at=4s-sim-seed1]",
        "sc/fast/kill-one.toml::kill-one[at=4s-lockstep-seed1]",
        "sc/fast/kill-one.toml::kill-one[at=5s-sim-seed3]",
        "sc/fast/kill-one.toml::kill-one[at=5s-lockstep-seed3]",
        "sc/fast/kill-one.toml::kill-one[at=5s-sim-seed1]",
        "sc/fast/kill-one.toml::kill-one[at=5s-lockstep-seed1]",
        "sc/slow/quiet.toml::quiet[sim-seed0]",
    ]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["elsewhere/other.toml"], ["elsewhere/other.toml::other[sim-seed0]"]),
        (["elsewhere"], []),
        (["sc/slow"], ["sc/slow/quiet.toml::quiet[sim-seed0]"]),
        (["sc/fast/kill-one.toml::kill-one[sim-seed7]"], ["sc/fast/kill-one.toml::kill-one[sim-seed7]"]),
        (["-k", "kill and sim"], ["sc/fast/kill-one.toml::kill-one[sim-seed7]"]),
        (["-m", "slow"], ["sc/slow/quiet.toml::quiet[sim-seed0]"]),
        (["-m", "fast and not procs"], ["sc/fast/kill-one.toml::kill-one[sim-seed7]"]),
        (["-m", "procs"], ["sc/fast/kill-one.toml::kill-one[lockstep-seed7]"]),
        (["--meshsim-backend", "lockstep"], ["sc/fast/kill-one.toml::kill-one[lockstep-seed7]"]),
        (["--meshsim-backend", "live"], ["sc/fast/kill-one.toml::kill-one[live-seed7]"]),
        (
            ["--meshsim-backend", "all", "sc"],
            [
                *(f"sc/fast/kill-one.toml::kill-one[{world}-seed7]" for world in ("sim", "lockstep", "live")),
                "sc/slow/quiet.toml::quiet[sim-seed0]",
            ],
        ),
        (["--meshsim-seed", "5", "sc/slow"], ["sc/slow/quiet.toml::quiet[sim-seed5]"]),
        (
            ["--meshsim-seed", "5", "--meshsim-seeds", "2", "-m", "slow"],
            [f"sc/slow/quiet.toml::quiet[sim-seed{seed}]" for seed in drawn_seeds(2, 5)],
        ),
    ],
)
def test_what_the_command_line_selects(project: Project, words: list[str], expected: list[str]) -> None:
    """Paths, ids, expressions over names and markers, and our own options."""
    project.scenario(KILL_ONE)
    project.scenario(QUIET, folder="slow")
    project.write("elsewhere/other.toml", QUIET.replace("quiet", "other"))

    assert project.collected(*words) == expected


def test_a_file_may_name_live(project: Project) -> None:
    """Then it needs no option; `-m procs` selects it with all that starts processes."""
    project.scenario(KILL_ONE, backends='["live", "sim"]')

    assert project.collected() == [f"sc/fast/kill-one.toml::kill-one[{world}-seed7]" for world in ("sim", "live")]
    assert project.collected("-m", "procs") == ["sc/fast/kill-one.toml::kill-one[live-seed7]"]


def test_the_seed_can_come_from_the_environment(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for `meshsim run`: the option counts more, and what is no seed is refused in one line."""
    project.scenario(QUIET)
    monkeypatch.setenv("MESHSIM_SEED", "9")

    assert project.collected() == ["sc/fast/quiet.toml::quiet[sim-seed9]"]
    assert project.collected("--meshsim-seed", "5") == ["sc/fast/quiet.toml::quiet[sim-seed5]"]

    monkeypatch.setenv("MESHSIM_SEED", "many")
    refused = project.pytest()
    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    assert refused.stderr.lines[0] == "ERROR: MESHSIM_SEED: expected a whole number from 0 to 2**63 - 1, got many"


def test_folders_with_the_names_of_other_marks_mark_nothing(project: Project) -> None:
    """A suite called `skip` is a suite, and one whose name is no marker can be run all the same."""
    for folder in ("skip", "two words", "xfail"):
        project.scenario(QUIET.replace("quiet", f"in-{folder[:3].strip()}"), folder=folder)

    project.pytest().assert_outcomes(passed=3)


def test_markers_are_declared(project: Project) -> None:
    """Suites and `procs` are listed by `pytest --markers`: nobody has to declare them for --strict-markers."""
    project.scenario(QUIET, folder="slow")

    lines = project.pytest("--markers").stdout.lines

    assert "@pytest.mark.slow: scenarios in a folder of this name" in lines
    assert "@pytest.mark.procs: starts real OS processes" in lines


def test_testpaths_need_not_repeat_the_folder(project: Project) -> None:
    """The folder was named once; with a path on the command line only that is run."""
    project.scenario(QUIET)
    project.write("pytest.ini", "[pytest]\nmeshsim_scenarios = sc\ntestpaths = tests\n")
    project.write("tests/test_it.py", "def test_it(): pass\n")

    assert project.collected() == ["tests/test_it.py::test_it", "sc/fast/quiet.toml::quiet[sim-seed0]"]
    assert project.collected("tests") == ["tests/test_it.py::test_it"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (QUIET.replace('"1s"', '"1x"'), 'sc/fast/quiet.toml: horizon: expected a duration such as "1.5s", got "1x"'),
        (
            OWN,
            "sc/fast/own.toml: actors trainer.actor: cannot be imported: ModuleNotFoundError: No module named 'mine', "
            'got "mine:Mine"',
        ),
    ],
    ids=["key", "class"],
)
def test_a_broken_file_is_an_error_of_one_line(project: Project, text: str, line: str) -> None:
    """Found before anything runs, said as `meshsim check` says it; no code of ours in sight."""
    project.scenario(text)
    project.scenario(KILL_ONE, folder="slow")

    result = project.pytest()

    result.assert_outcomes(errors=1)
    start = next(index for index, each in enumerate(result.stdout.lines) if "ERROR collecting" in each)
    assert result.stdout.lines[start + 1] == line
    assert result.stdout.lines[start + 2].startswith("====")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--meshsim-seed=-1"], "--meshsim-seed: expected a whole number from 0 to 2**63 - 1, got -1"),
        (["--meshsim-seeds=0"], "--meshsim-seeds: expected at least 1, got 0"),
        (["--meshsim-profile=best"], "--meshsim-profile: expected one of 2026-03, 2025-11, fixed, got 'best'"),
        (["--meshsim-out=pytest.ini"], "--meshsim-out: {here}/pytest.ini: cannot write runs there: File exists"),
        (["--meshsim-time-scale=fast"], "--meshsim-time-scale: expected a number from 0.001 to 1000, got fast"),
        (["-o", "meshsim_time_scale=0"], "meshsim_time_scale: expected a number from 0.001 to 1000, got 0"),
        (["--meshsim-late-max=0s"], "--meshsim-late-max: expected more than 0s, got '0s'"),
        (["-o", "meshsim_scenarios=nowhere"], "meshsim_scenarios: expected a folder, got '{here}/nowhere'"),
    ],
)
def test_options_that_cannot_be_are_refused_in_one_line(project: Project, words: list[str], line: str) -> None:
    result = project.pytest(*words)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (said,) = (each for each in result.stderr.lines if each)
    assert said == f"ERROR: {line.format(here=project.path)}"


def test_who_has_no_scenarios_notices_nothing(project: Project) -> None:
    """The plugin is in every pytest run of the environment: no header, and nothing of ours is imported."""
    project.write("pytest.ini", "[pytest]\n")
    project.scenario(QUIET)
    project.write(
        "test_it.py",
        "import sys\n\ndef test_it():\n    assert [m for m in sys.modules if m.split('.')[0] in ('meshsim', 'msgspec')]"
        " == ['meshsim', 'meshsim.pytest_plugin', 'meshsim.pytest_plugin.settings']\n",
    )

    result = project.pytest_process()

    result.assert_outcomes(passed=1)
    assert not [line for line in result.stdout.lines if line.startswith("meshsim")]
