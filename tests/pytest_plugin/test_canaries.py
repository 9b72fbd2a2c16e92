"""Scenarios that must be caught, as pytest items."""

from __future__ import annotations

from projects import KILL_ONE, Project

#: It says that the client hears of the death three times, which it does not.
CANARY = KILL_ONE.replace("seeds = [7]", 'seeds = [7]\ncaught_by = ["expect[0]"]').replace("times = 1", "times = 3")


def test_what_is_caught_is_green(project: Project) -> None:
    project.scenario(CANARY, folder="negative", backends='["sim"]')

    project.pytest().assert_outcomes(passed=1)


def test_a_dead_canary_is_red_and_named(project: Project) -> None:
    """The expectation holds now, so nothing is caught."""
    project.scenario(CANARY, folder="negative", backends='["sim"]', times="1")

    result = project.pytest()

    result.assert_outcomes(failed=1)
    sentence = "the canary is dead: expect[0] had to catch what was planted here, and stayed silent"
    assert f"FAILED sc/negative/kill-one.toml::kill-one[sim-seed7] - caught_by[0]: {sentence}" in result.stdout.lines


def test_under_another_profile_a_canary_is_skipped(project: Project) -> None:
    """What must be caught need not be there."""
    project.scenario(CANARY, folder="negative", backends='["sim"]')

    result = project.pytest("--meshsim-profile", "fixed", "-rs")

    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*not meant for the profile fixed"])
