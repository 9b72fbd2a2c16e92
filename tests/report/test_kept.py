"""The pictures kept in `reports/` are what their command makes today."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshsim.cli import main

ROOT = Path(__file__).parent.parent.parent


def test_the_picture_of_the_readme_is_what_its_command_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture that nobody can make again is decoration. To renew it: the two commands of `reports/README.md`."""
    monkeypatch.chdir(ROOT)
    scenario = "scenarios/fast/dead-proc-orphans-survivors.toml"

    assert main(["run", scenario, "--backend", "sim", "--out", str(tmp_path)]) == 0
    assert main(["report", str(tmp_path), "--timelines", "--out", str(tmp_path / "page.html")]) == 0

    drawn = tmp_path / "dead-proc-orphans-survivors" / "sim-seed0" / "timeline.svg"
    assert drawn.read_bytes() == (ROOT / "reports" / "first-look.svg").read_bytes()
