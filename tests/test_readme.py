"""The README's tour: every command runs, and prints what the README says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from meshsim.cli import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")

BLOCK = re.compile(r"```console\n\$ (meshsim [^\n]*)\n(.*?)```", re.DOTALL)


def tour() -> list[tuple[str, str]]:
    """Commands of the README with the output that is shown for them."""
    return [(match.group(1), match.group(2)) for match in BLOCK.finditer(README)]


def pattern_of(shown: str) -> re.Pattern[str]:
    """`...` matches anything within a line, and the blanks that pad it."""
    parts = [re.escape(part) for part in re.split(r" *\.\.\. *", shown)]
    return re.compile(r" *[^\n]*? *".join(parts))


@pytest.mark.procs
@pytest.mark.xdist_group("procs")
def test_the_tour_prints_what_the_readme_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A newcomer copies the commands one after the other and compares."""
    for name in ("scenarios", "tests"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    commands = tour()
    assert len(commands) >= 5

    for command, shown in commands:
        main(shlex.split(command)[1:])
        captured = capfd.readouterr()
        printed = captured.out + captured.err
        assert pattern_of(shown).fullmatch(printed), f"$ {command}\n--- README\n{shown}--- printed\n{printed}"


def test_every_file_the_readme_names_exists() -> None:
    """A map that leads nowhere is worse than none."""
    links = re.findall(r"\]\(([^)#]+)\)", README)
    paths = re.findall(r"`((?:tests|scenarios|reports)/[\w/.-]+\.\w+)`", README)

    missing = [path for path in [*links, *paths] if not (ROOT / path).exists()]

    assert missing == []


def test_every_module_the_map_names_exists() -> None:
    """The map of the code and the table of changes name modules below `meshsim/`."""
    names = set(
        re.findall(r"`((?:cli|report|run|sim|procs|drive|scenario|oracle|faults|trace|model)/[\w/]*(?:\.py)?)`", README)
    )

    missing = sorted(name for name in names if not (ROOT / "meshsim" / name).exists())

    assert names
    assert missing == []
