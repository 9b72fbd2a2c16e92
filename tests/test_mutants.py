"""Mutants are data: each still fits the module that it breaks. `make mutants` runs them."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.mutants.mutant import Mutant, load_mutants  # noqa: E402  the repository is no package
from tests.mutants.trial import Trial  # noqa: E402

MUTANTS = load_mutants()


def test_there_are_enough() -> None:
    """Sixty is what was asked for."""
    assert len(MUTANTS) >= 60


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_each_changes_its_module(mutant: Mutant) -> None:
    """Its text is there exactly once, and the changed module is Python."""
    changed, whole = (ast.dump(ast.parse(source)) for source in (mutant.mutated(), mutant.source()))

    assert changed != whole


def test_the_page_is_about_these() -> None:
    """`make mutants` wrote it: whoever adds a mutant or takes one away runs it again."""
    page = (ROOT / "docs" / "mutants.md").read_text(encoding="utf-8")

    rows = re.findall(r"^\| `([^`]+)` \| (.*?) \|", page, re.MULTILINE)

    assert [id for id, _ in rows] == list(MUTANTS)


@pytest.mark.parametrize(("id", "killed"), [("none", False), ("owner-is-not-told", True)])
def test_a_trial_runs_the_mutant(id: str, killed: bool) -> None:
    """One scenario is enough to see that the changed module is the one that runs."""
    command = [sys.executable, "-m", "tests.mutants.trial", id, "scenarios/fast/actor-raises.toml"]

    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    import msgspec

    assert bool(msgspec.json.decode(said, type=Trial).kills) is killed
