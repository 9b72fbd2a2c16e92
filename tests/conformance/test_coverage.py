"""The table of what the scenarios cover names what exists, and all of it."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path
from typing import get_args

import pytest

from meshsim.faults.kinds import Fault
from meshsim.oracle.expectations import Expectation
from meshsim.scenario.load import discover, load_scenarios
from meshsim.scenario.plan import plan
from meshsim.scenario.schema import OperationSpec

ROOT = Path(__file__).parents[2]
FILES = discover([ROOT / "scenarios"])
SCENARIOS = [loaded.scenario for path in FILES for loaded in load_scenarios(path)]
COVERAGE = (ROOT / "scenarios" / "COVERAGE.md").read_text()
#: Suites whose files stand for something else than a row.
OWN = ("quirks", "faults", "negative", "explore")
_ROW = re.compile(r"^\| (?P<row>.*) \| (?P<held>[^|]*) \|$", re.MULTILINE)
_NAME = re.compile(r"`([^`]+)`")

#: Rows of each table of the specification, as the reference has them; 5.11 and 6.1 with their rows split by status.
ROWS = {"5.11": 12, "6.1": 12, "6.2": 8, "14.2": 12, "15.3": 8}


def sections() -> dict[str, list[tuple[str, list[str]]]]:
    """Rows of each section's table, by the number in its title: the row, and what holds it."""
    found = {}
    for section in COVERAGE.split("\n## ")[1:]:
        rows = [(match["row"], _NAME.findall(match["held"])) for match in _ROW.finditer(section)]
        found[section.split(" ", 1)[0]] = rows[1:]  # Behind the head.
    return found


@functools.cache
def names_of_tests(path: Path) -> set[str]:
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}


def test_every_row_is_held_by_something_that_exists() -> None:
    """A scenario that is renamed takes its row with it; an empty cell is a hole."""
    scenarios = {path.stem for path in FILES}
    missing = []
    for rows in sections().values():
        for row, held in rows:
            missing += [row] if not held else []
            for name in held:
                file, _, test = name.partition("::")
                if name not in scenarios and not (test and test in names_of_tests(ROOT / file)):
                    missing.append(name)

    assert missing == []


def test_every_scenario_holds_a_row() -> None:
    """A scenario that stands for nothing in the specification would be kept for ever, and nobody would know why.

    Those of `quirks` stand for a quirk: `test_quirks.py` holds them to that; those of `faults` for a kind of fault:
    `test_faults.py`; those of `negative` for who must catch them: `test_canaries.py`; those of `explore` for worlds in
    which nothing is wrong yet: `tests/explore/test_plain_scenarios.py`.
    """
    named = {name for rows in sections().values() for _, held in rows for name in held}

    assert [path.stem for path in FILES if path.stem not in named and path.parent.name not in OWN] == []


def test_the_tables_of_the_specification_are_complete() -> None:
    """A row that is lost from this table is a row that nobody tests."""
    assert {number: len(rows) for number, rows in sections().items() if number in ROWS} == ROWS


@pytest.mark.parametrize(
    ("union", "used"),
    [
        (Fault, [fault for scenario in SCENARIOS for fault in scenario.faults]),
        (Expectation, [expectation for scenario in SCENARIOS for expectation in scenario.expect]),
        (OperationSpec, [step.operation for scenario in SCENARIOS for step in plan(scenario, 0).steps]),
    ],
    ids=["faults", "expectations", "operations"],
)
def test_every_kind_of_the_schema_is_used(union: object, used: list[object]) -> None:
    """A kind of fault that no scenario has never meets a real process."""
    assert {type(value) for value in used} == set(get_args(union))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_scenario_says_what_is_learnt_when_it_fails(path: Path) -> None:
    """Whoever meets a red scenario reads its `about` first. A run that expects nothing exact teaches nothing."""
    for loaded in load_scenarios(path):
        assert "If this fails, " in " ".join(loaded.scenario.about.split())
        assert loaded.scenario.expect or loaded.scenario.caught_by or path.parent.name == "explore"
