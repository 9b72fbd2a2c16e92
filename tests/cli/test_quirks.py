"""`meshsim quirks`: the table of surprises, and the runs that show them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from meshsim.model.quirks import PROFILES, QUIRKS, SWITCHES
from meshsim.run import RunResult, run_plan, suite
from meshsim.scenario.plan import Plan

Command = Callable[..., Any]

#: Some quirk that can be turned off, and its condition in a file.
Q = SWITCHES[0]
ONE_SIDE = f'\n[[expect]]\nkind = "record"\nrecord = "run_started"\n{{}} = "{Q}"\ntimes = {{}}\n'


@pytest.fixture
def showing(folder: Path) -> Path:
    """A folder of scenarios with one that expects something of each side of a quirk."""
    (folder / "sc" / "kill-one.toml").rename(folder / "kill-one.toml")
    text = (folder / "kill-one.toml").read_text().replace("kill-one", "seen-twice")
    (folder / "sc" / "seen-twice.toml").write_text(
        text + ONE_SIDE.format("if_quirk", 1) + ONE_SIDE.format("unless_quirk", 1)
    )
    return folder / "sc"


def by_id(lines: str) -> dict[str, dict[str, Any]]:
    return {line["id"]: line for line in map(json.loads, lines.splitlines())}


def test_every_quirk_is_a_row(meshsim: Command) -> None:
    """The list of surprises is whole, also where no scenarios are."""
    said = meshsim("quirks")

    header, *rows = said.out.splitlines()
    assert (said.code, said.err) == (0, "")
    assert header.split("  ")[0] == "quirk"
    assert [row.split()[0] for row in rows] == list(QUIRKS)


def test_a_quirk_says_where_it_is_on_and_what_happens_without_it(meshsim: Command, showing: Path) -> None:
    """Programs read the same as people."""
    lines = by_id(meshsim("quirks", "sc", "--json").out)

    assert list(lines) == list(QUIRKS)
    assert lines[Q] == {
        "schema": 1,
        "id": Q,
        "sentence": QUIRKS[Q].sentence,
        "section": QUIRKS[Q].section,
        "profiles": ["2026-03", "2025-11"],
        "off": QUIRKS[Q].off,
        "scenarios": ["seen-twice"],
    }


def test_one_quirk_is_told_in_lines(meshsim: Command) -> None:
    """Who sees an id in a scenario or a verdict asks for that one."""
    said = meshsim("quirks", Q)

    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[:2] == [f"{Q}: {QUIRKS[Q].sentence}", f"  turned off: {QUIRKS[Q].off}"]
    assert list(by_id(meshsim("quirks", Q, "--json").out)) == [Q]


def test_the_table_has_a_column_for_each_profile(meshsim: Command) -> None:
    """On, off, or not there: the controllers of 2025-11 do not poll, so nothing of a poll surprises there."""
    said = meshsim("quirks")

    header, *rows = said.out.splitlines()
    where = [header.index(profile) for profile in PROFILES]
    cells = {row.split()[0]: [row[at:].split()[0] for at in where] for row in rows}
    assert {quirk: cells[quirk] for quirk in ("Q1", "Q18", "Q23", "overlay_merge_defect")} == {
        "Q1": ["on", "on", "off"],
        "Q18": ["on", "-", "off"],
        "Q23": ["on", "-", "off"],
        "overlay_merge_defect": ["off", "off", "off"],
    }


def test_a_known_finding_shows_its_quirk(meshsim: Command, folder: Path) -> None:
    """Not only conditions of expectations do."""
    file = folder / "sc" / "kill-one.toml"
    file.write_text(file.read_text() + '\n[[known]]\ninvariant = "accuracy"\nquirk = "Q23"\nreason = "so it is"\n')

    assert by_id(meshsim("quirks", "sc", "--json").out)["Q23"]["scenarios"] == ["kill-one"]


def test_scenarios_run_under_every_profile(meshsim: Command, showing: Path) -> None:
    """Quirk by profile and backend, green on both sides, and every run kept in a place of its own."""
    said = meshsim("quirks", "sc", "--run", "--backend", "sim")

    assert (said.code, said.err) == (0, "")
    assert [line.split() for line in said.out.splitlines()] == [
        ["quirk", "scenario", "2026-03", "sim", "fixed", "sim"],
        [Q, "seen-twice", "passed", "passed"],
        [],
        ["2", "runs:", "2", "passed,", "0", "violated,", "0", "inconclusive"],
    ]
    assert sorted(path.name for path in Path("out/quirks").iterdir()) == ["seen-twice", "seen-twice.fixed"]


def test_a_finding_that_stays_without_its_quirk_is_red(meshsim: Command, showing: Path) -> None:
    """One red cell is enough for exit code 1, and says how to see it again."""
    file = showing / "seen-twice.toml"
    file.write_text(file.read_text().replace(ONE_SIDE.format("unless_quirk", 1), ONE_SIDE.format("unless_quirk", 0)))

    said = meshsim("quirks", "sc", "--run")

    lines = said.out.splitlines()
    assert said.code == 1
    assert lines[1].split() == [Q, "seen-twice", "passed", "violated"]
    assert "violated: seen-twice (fixed) on sim, seed 7" in lines
    assert "  reproduce: meshsim run sc/seen-twice.toml --backend sim --seed 7 --profile fixed" in lines


def test_a_cell_holds_the_worst_of_its_seeds(meshsim: Command, showing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scenario with two seeds of which one cannot run is not green."""
    file = showing / "seen-twice.toml"
    file.write_text(file.read_text().replace("seeds = [7]", "seeds = [7, 8, 9]"))

    def sometimes(plan: Plan, backend: str, **_: object) -> RunResult:
        result = run_plan(plan, backend)
        if (plan.seed, plan.profile) != (8, "fixed"):
            return result
        verdict = msgspec.structs.replace(result.verdict, outcome="inconclusive", reason="no memory")
        return msgspec.structs.replace(result, verdict=verdict)

    monkeypatch.setattr(suite, "run_plan", sometimes)

    said = meshsim("quirks", "sc", "--run")

    assert said.code == 3
    assert said.out.splitlines()[1].split() == [Q, "seen-twice", "passed", "inconclusive"]


def test_a_scenario_that_shows_nothing_still_runs(meshsim: Command) -> None:
    """It is in the folder: its verdict counts, in the last rows."""
    said = meshsim("quirks", "sc", "--run")

    assert said.code == 0
    assert said.out.splitlines()[1].split() == ["-", "kill-one", "passed", "passed"]


def test_runs_are_lines_for_programs(meshsim: Command, showing: Path) -> None:
    """The lines of `meshsim run --json`, and nothing else."""
    runs = [json.loads(line) for line in meshsim("quirks", "sc", "--run", "--json").out.splitlines()]

    assert [(run["scenario"], run["profile"], run["backend"], run["verdict"]) for run in runs] == [
        ("seen-twice", "2026-03", "sim", "passed"),
        ("seen-twice", "fixed", "sim", "passed"),
    ]


def test_a_folder_that_is_asked_for_must_be_there(meshsim: Command) -> None:
    """Without scenarios nothing was shown: not green."""
    missing = (2, "", "meshsim: nosuch: no such file or folder\n")

    assert meshsim("quirks", "nosuch") == missing
    assert meshsim("quirks", "nosuch", "--run") == missing
