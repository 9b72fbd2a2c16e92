"""Scenarios that must be caught, on the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]


@pytest.fixture
def canary(folder: Path) -> Path:
    """It says that the client hears three times, which is wrong, and who must say so."""
    file = folder / "sc" / "kill-one.toml"
    text = file.read_text().replace('horizon = "8s"', 'horizon = "8s"\ncaught_by = ["expect[0]"]')
    file.write_text(text.replace("times = 1", "times = 3"))
    return file


def test_what_is_caught_passes(meshsim: Command, canary: Path) -> None:
    said = meshsim("run", "sc")

    assert said.code == 0
    assert "1 runs: 1 passed" in said.out


def test_a_dead_canary_is_a_violation_with_its_name(meshsim: Command, canary: Path) -> None:
    canary.write_text(canary.read_text().replace("times = 3", "times = 1"))

    said = meshsim("run", "sc", "--backend", "sim")

    assert said.code == 1
    assert "the canary is dead: expect[0] had to catch what was planted here, and stayed silent" in said.out


def test_show_says_who_must_catch_it(meshsim: Command, canary: Path) -> None:
    lines = meshsim("show", "sc").out.splitlines()

    assert lines[lines.index("must be caught by") + 1] == "  0  expect[0]"


def test_under_another_profile_it_is_left_out(meshsim: Command, canary: Path) -> None:
    """Named, not silently; with nothing else to run that is a mistake."""
    left_out = (
        "meshsim: sc/kill-one.toml: not run: what is planted in it must be caught under 2026-03, not under fixed\n"
    )
    none = "meshsim: --profile fixed: none of the scenarios is meant for it\n"

    alone = meshsim("run", "sc", "--profile", "fixed")
    (canary.parent / "idle.toml").write_text('name = "idle"\nhorizon = "1s"\n')
    beside = meshsim("run", "sc", "--profile", "fixed", "--backend", "sim")

    assert alone == (2, "", left_out + none)
    assert (beside.code, beside.err) == (0, left_out)
