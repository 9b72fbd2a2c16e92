"""`meshsim campaign` and `meshsim campaign report`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from meshsim.explore import understanding

Command = Callable[..., Any]

SMALL = ("sc", "--rounds", "1", "--batch-runs", "4", "--strategy", "random", "swarm", "--seed", "3")


@pytest.mark.parametrize("words", [("campaign",), ("campaign", "run")])
def test_a_campaign_fills_a_ledger_and_goes_on_with_it(words: tuple[str, ...], meshsim: Command, folder: Path) -> None:
    first, again = meshsim(*words, *SMALL), meshsim(*words, *SMALL)

    assert first.out.startswith("out/campaign.sqlite: 2 batches now, 0 before; 8 runs now, ")
    assert again.out.startswith("out/campaign.sqlite: 0 batches now, 2 before; 0 runs now, ")
    assert (first.code, again.code) == (1, 1)
    assert (folder / "out/campaign.sqlite").is_file()


def test_a_report_is_written_of_ledgers(meshsim: Command, folder: Path) -> None:
    meshsim("campaign", *SMALL, "--ledger", "l.sqlite")

    said = meshsim("campaign", "report", "l.sqlite", "--out", "page")

    assert said.code == 0
    assert said.out.startswith("Strategies:\nstrategy  runs  violated per 1000")
    assert said.out.splitlines()[-1] == "page: page/index.html"
    assert (folder / "page" / "report.md").is_file()


def test_findings_are_shrunk_on_demand(meshsim: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is a scenario file that can be run, and the page names it; here they are shrunk by a few steps."""
    monkeypatch.setattr(understanding, "RUNS_MAX", 20)
    meshsim("campaign", *SMALL, "--ledger", "l.sqlite")

    said = meshsim("campaign", "report", "l.sqlite", "--out", "page", "--shrink", "--jobs", "2")

    files = sorted((folder / "page" / "findings").glob("*.toml"))
    page = (folder / "page" / "index.html").read_text()
    assert said.code == 0
    assert len(files) > 0
    assert all(f"findings/{file.name}" in page for file in files)
    assert meshsim("run", str(files[0]), "--backend", "sim").code == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("campaign", "sc"), "expected --time, --rounds or both: a campaign has no end of its own"),
        (("campaign", "sc", "--time", "soon"), "--time: expected a duration such as"),
        (("campaign", "sc", "--rounds", "0"), "--rounds: expected at least 1, got 0"),
        (("campaign", "sc", "--rounds", "1", "--faults", "magic"), "--faults: no kind of fault is called 'magic'"),
        (
            ("campaign", "sc", "--rounds", "1", "--faults", "alloc_fail"),
            "--faults: none of alloc_fail can do anything in any scenario",
        ),
        (("campaign", "sc", "--rounds", "1", "--ledger", "sc/kill-one.toml"), "sc/kill-one.toml: not a ledger"),
        (("campaign", "none", "--rounds", "1"), "none: no such file or folder"),
        (("campaign", "report"), "expected a ledger of a campaign"),
        (("campaign", "report", "none.sqlite"), "none.sqlite: no such ledger"),
        (("campaign", "report", "none.sqlite", "--shrink"), "--shrink: needs --out, for the scenario files"),
    ],
)
def test_what_cannot_be_done_is_one_line(words: tuple[str, ...], says: str, meshsim: Command) -> None:
    said = meshsim(*words)

    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"meshsim: {says}")
    assert said.err.count("\n") == 1


def test_a_scheduler_needs_the_extra(meshsim: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)

    said = meshsim("campaign", *SMALL, "--scheduler", "tcp://127.0.0.1:1")

    assert said.code == 2
    assert said.err == "meshsim: --scheduler: needs the extra `campaign`: pip install 'meshsim[campaign]'\n"
