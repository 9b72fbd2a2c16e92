"""The worked examples of docs/sweeps.md: their commands make what `reports/sweeps/` has, and say what the page says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from meshsim.cli import main

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "sweeps.md").read_text(encoding="utf-8")
KEPT = ROOT / "reports" / "sweeps"


def examples() -> list[tuple[list[str], list[str]]]:
    """Commands of each example, and the lines that are shown of what they say."""
    blocks = re.findall(r"```(\w*)\n(.*?)```", PAGE, re.DOTALL)
    commands = [text.replace("$ ", "").splitlines() for kind, text in blocks if not kind]
    shown = [text.splitlines() for kind, text in blocks if kind == "text"]
    return list(zip(commands, shown, strict=True))


def names() -> list[str]:
    return [shlex.split(commands[0])[-1].rpartition("/")[2] for commands, _ in examples()]


@pytest.mark.parametrize(("name", "example"), list(zip(names(), examples(), strict=True)), ids=names())
def test_a_worked_example_makes_what_is_kept(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    example: tuple[list[str], list[str]],
) -> None:
    """Table, page and figures, byte for byte; to renew them: `make sweeps`."""
    commands, shown = example
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reports" / "sweeps").mkdir(parents=True)
    for kept in KEPT.iterdir():
        if kept.name != name:
            (tmp_path / "reports" / "sweeps" / kept.name).symlink_to(kept)

    for command in commands:
        assert main(shlex.split(command)[1:]) == 0

    said = capsys.readouterr().out.splitlines()
    assert [line for line in shown if line not in said] == []
    made = tmp_path / "reports" / "sweeps" / name
    files = sorted(path.name for path in (KEPT / name).iterdir() if path.suffix != ".png")
    assert files == sorted(path.name for path in made.iterdir() if path.suffix != ".png")
    assert [file for file in files if (made / file).read_bytes() != (KEPT / name / file).read_bytes()] == []


def test_every_kept_example_is_one_of_the_page() -> None:
    assert sorted(names()) == sorted(path.name for path in KEPT.iterdir())
