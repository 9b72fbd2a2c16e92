"""`meshsim coverage`: what scenarios reach of the model."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import meshsim.run.tally as tally_module
from meshsim.run.charts import EVERY, Chart, Excuse

Command = Callable[..., Any]

CHART = Chart(
    "Process", ("Starting", "Ready"), ("running", "killed"), (Excuse(("Starting",), ("killed",), "Too early."),)
)


@pytest.fixture
def charts(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Instead of the charts of the model, these."""

    def use(*charts: Chart) -> None:
        monkeypatch.setattr(tally_module, "CHARTS", charts)
        monkeypatch.setattr(tally_module, "_CHARTED", frozenset(chart.machine for chart in charts))
        monkeypatch.setattr("meshsim.cli.coverage.CHARTS", charts)

    return use


def verdicts(lines: str) -> dict[tuple[str, str, str], dict[str, Any]]:
    rows = [json.loads(line) for line in lines.splitlines()]
    return {(row["machine"], row["state"], row["event"]): row for row in rows}


def test_one_scenario_leaves_holes(meshsim: Command) -> None:
    """Exit code 1: a kill of one proc does not reach all that there is."""
    said = meshsim("coverage", "sc")

    assert (said.code, said.err) == (1, "")
    header, *rows = said.out.splitlines()
    assert header.split() == ["machine", "state", "event", "verdict", "by,", "or", "why", "not"]
    assert any(row.split()[:4] == ["ProcAgent", "idle", "stop", "missing"] for row in rows)
    assert not any(row.split()[:3] == ["Process", "Ready", "killed"] for row in rows)
    assert rows[-1].endswith("of other machines reached; 1 runs")


def test_everything_is_listed_on_demand(meshsim: Command) -> None:
    """What is reached with the scenario that did, and machines that are nobody's duty."""
    rows = [row.split() for row in meshsim("coverage", "sc", "--all").out.splitlines()]

    assert ["Process", "Ready", "killed", "reached", "kill-one"] in rows
    assert ["TestActor", "any", "started", "other", "kill-one"] in rows


def test_programs_read_every_pair(meshsim: Command) -> None:
    """A line of JSON for each, with what reached it or why nothing can."""
    said = meshsim("coverage", "sc", "--json")
    rows = verdicts(said.out)

    assert said.code == 1
    assert rows["Process", "Ready", "killed"] == {
        "schema": 1,
        "machine": "Process",
        "state": "Ready",
        "event": "killed",
        "verdict": "reached",
        "reached_by": "kill-one",
        "why_not": "",
    }
    assert rows["Process", "Ready", "ready"]["verdict"] == "unreachable"
    assert rows["Process", "Ready", "ready"]["why_not"] == "The first callback closes its port."
    assert rows["TestActor", "any", "started"]["verdict"] == "other"


def test_a_wrong_excuse_is_a_hole(meshsim: Command, charts: Callable[..., None]) -> None:
    """What was said to be unreachable was reached: the reason is no reason."""
    charts(Chart("Process", ("Ready",), ("killed",), (Excuse(EVERY, EVERY, "Nobody kills."),)))

    said = meshsim("coverage", "sc")

    assert said.code == 1
    row = " ".join(said.out.splitlines()[1].split())
    assert row == "Process Ready killed wrongly excused kill-one: Nobody kills."


def test_what_no_chart_has_is_a_hole(meshsim: Command, charts: Callable[..., None]) -> None:
    """A machine that must be covered whole was told something that its chart does not know."""
    charts(CHART)

    rows = verdicts(meshsim("coverage", "sc", "--json").out)

    assert {pair: row["verdict"] for pair, row in rows.items() if pair[0] == "Process"} == {
        ("Process", "Starting", "running"): "reached",
        ("Process", "Starting", "killed"): "unreachable",
        ("Process", "Ready", "running"): "missing",
        ("Process", "Ready", "killed"): "reached",
        ("Process", "Running", "ready"): "not charted",
    }


def test_without_holes_it_passes(meshsim: Command, charts: Callable[..., None]) -> None:
    """Exit code 0, and a line for each machine."""
    excuses = (Excuse(("Starting",), ("ready", "killed"), "Too early."), Excuse(EVERY, EVERY, "Not in this world."))
    marks = ("running", "ready", "killed")
    charts(
        Chart("Process", ("Starting",), marks, excuses[:1]),
        Chart("Process", ("Running",), marks[1:2], ()),
        Chart("Process", ("Ready",), marks[2:], ()),
        Chart("Nobody", ("idle",), ("started",), excuses),
    )

    said = meshsim("coverage", "sc")

    assert said.code == 0
    assert "Process: 5 pairs, 3 reached, 2 unreachable, 0 holes" in said.out
    assert "Nobody: 1 pairs, 0 reached, 1 unreachable, 0 holes" in said.out


def test_a_folder_that_is_not_there_is_bad_input(meshsim: Command) -> None:
    """Nothing is simulated."""
    said = meshsim("coverage", "nowhere")

    assert (said.code, said.out) == (2, "")
    assert "nowhere" in said.err
