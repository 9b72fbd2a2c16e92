"""The pages, pictures and numbers kept in `reports/` are what their command makes today."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from meshsim.cli import main
from meshsim.report.latencies import latencies_of
from meshsim.report.numbers import tables
from meshsim.report.swarm import latency_svg
from meshsim.report.worlds import told
from meshsim.run import find_runs, read_run

ROOT = Path(__file__).parent.parent.parent
REPORTS = ROOT / "reports"

#: What of a page depends on the machine: wall times, and the versions of what made it.
_OF_THE_MACHINE = re.compile(r'(?<=class="number wall">)[^<]*|(?<=id="versions">)[^<]*')


def test_the_picture_of_the_readme_is_what_its_command_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture that nobody can make again is decoration. To renew it: the commands of `reports/README.md`."""
    monkeypatch.chdir(ROOT)
    scenario = "scenarios/fast/dead-proc-orphans-survivors.toml"

    assert main(["run", scenario, "--backend", "sim", "--out", str(tmp_path)]) == 0
    assert main(["report", str(tmp_path), "--timelines", "--out", str(tmp_path / "page.html")]) == 0

    drawn = tmp_path / "dead-proc-orphans-survivors" / "sim-seed0" / "timeline.svg"
    assert drawn.read_bytes() == (REPORTS / "first-look.svg").read_bytes()
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    kept = (REPORTS / "first-look.html").read_text(encoding="utf-8")
    assert _OF_THE_MACHINE.sub("", page) == _OF_THE_MACHINE.sub("", kept)


def test_the_distribution_of_detection_is_what_its_command_measures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixty kills at moments that the seed draws: figure and numbers, byte for byte."""
    monkeypatch.chdir(ROOT)
    scenario = "reports/detection/killed-proc.toml"

    assert main(["run", scenario, "--backend", "sim", "--seed", "1", "--seeds", "60", "--out", str(tmp_path)]) == 0

    traces = told(read_run(path) for path in find_runs(tmp_path))
    latencies = latencies_of(traces)
    title = f"{len(latencies)} latencies of {len(traces)} traces"
    assert latency_svg(latencies, title) == (REPORTS / "detection" / "latencies.svg").read_text(encoding="utf-8")
    assert tables(traces, latencies)["latencies.csv"] == (REPORTS / "detection" / "latencies.csv").read_text()
    took = [each.margin.took_ns for each in latencies if each.margin.kind == "detect"]
    assert len(took) == 60
