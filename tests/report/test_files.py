"""Figures and numbers as files."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from small_worlds import mesh

from meshsim.cli import main
from meshsim.report.files import write_figures
from meshsim.run import RunResult, run_plan, write_run

NUMBERS = ["latencies.csv", "load.csv", "lives.csv", "numbers.json"]


@pytest.fixture(scope="module")
def run() -> RunResult:
    return run_plan(mesh(), "sim")


def test_figures_are_there_as_svg_and_png_and_numbers_as_csv_and_json(run: RunResult, tmp_path: Path) -> None:
    """Through the command, from run directories alone."""
    write_run(run, tmp_path / "out")
    command = ["report", str(tmp_path / "out"), "--figures", str(tmp_path / "figures"), "--out", str(tmp_path)]

    assert main(command) == 0

    timeline = f"timeline-{run.plan.scenario}-sim-seed{run.plan.seed}"
    figures = [f"{name}.{kind}" for name in ("latencies", timeline) for kind in ("svg", "png")]
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == sorted(figures + NUMBERS)
    assert (tmp_path / "figures" / "latencies.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_runs_give_the_same_files(run: RunResult, tmp_path: Path) -> None:
    """Byte for byte, pixels included."""
    first = write_figures([run], tmp_path / "first")
    second = write_figures([run], tmp_path / "second")

    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_both_forms_of_the_numbers_say_the_same(run: RunResult, tmp_path: Path) -> None:
    """Every row of the tables is an object of the JSON, in the same order, and an empty cell is null."""
    write_figures([run], tmp_path)

    whole = json.loads((tmp_path / "numbers.json").read_text())
    assert whole["schema"] == 1
    for name in ("latencies", "load", "lives"):
        with (tmp_path / f"{name}.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert rows == [{k: "" if v is None else str(v) for k, v in row.items()} for row in whole[name]]
        assert rows


def test_a_folder_that_cannot_be_written_is_said_in_one_line(
    run: RunResult, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(run, tmp_path / "out")
    (tmp_path / "file").write_text("mine")

    code = main(["report", str(tmp_path / "out"), "--figures", str(tmp_path / "file"), "--out", str(tmp_path)])

    assert code != 0
    assert capsys.readouterr().err.splitlines() == [f"meshsim: {tmp_path}/file: cannot write the figures: File exists"]
