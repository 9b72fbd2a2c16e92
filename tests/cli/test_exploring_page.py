"""docs/exploring.md is written by hand: it names what there is, and its example says what happens."""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from meshsim.cli.campaign import campaign
from meshsim.cli.explore import StrategyName, explore

Command = Callable[..., Any]

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "exploring.md").read_text(encoding="utf-8")


def chapter(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize(
    ("command", "title", "elsewhere"),
    [
        (explore, "Searching", {"--seed"}),
        (campaign, "For hours, on many machines", {"--faults", "--profile", "--seed", "--max-wall"}),
    ],
)
def test_every_flag_is_on_the_page(command: Callable[..., int], title: str, elsewhere: set[str]) -> None:
    """What means the same everywhere is said once."""
    said = set(re.findall(r"--[a-z][a-z-]+", chapter(title)))
    flags = {f"--{name.replace('_', '-')}" for name in inspect.signature(command).parameters if name != "scenarios"}

    assert flags - elsewhere <= said
    assert said - flags <= {"--out", "--shrink"}


def test_every_strategy_is_on_the_page() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", chapter("Searching"), flags=re.MULTILINE)

    assert rows == list(get_args(StrategyName))


def test_the_example_is_true(meshsim: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines that it shows are printed, and each file is found wrong by what it names."""
    (tmp_path / "scenarios").symlink_to(ROOT / "scenarios")
    monkeypatch.chdir(tmp_path)
    shown = re.search(r"^\$ meshsim (explore .*)\n…\n((?:out/.*\n)+)", PAGE, flags=re.MULTILINE)
    assert shown is not None

    said = meshsim(*shlex.split(shown[1]))

    assert said.code == 1, said.err
    assert set(shown[2].splitlines()) <= {line.rstrip() for line in said.out.splitlines()}
