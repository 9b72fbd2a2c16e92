"""`meshsim init-ci` and what is there already. That what it writes works is shown in `tests/pytest_plugin`."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]

WRITTEN = [
    ".github/workflows/meshsim.yml",
    ".gitignore",
    "my_actors.py",
    "pytest.ini",
    "scenarios/fast/worker-dies.toml",
    "tests/test_meshes.py",
]


def files_below(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_it_writes_a_suite_and_says_what(meshsim: Command, folder: Path) -> None:
    said = meshsim("init-ci", "new")

    assert (said.code, said.err) == (0, "")
    assert sorted(files_below(folder / "new")) == WRITTEN
    *lines, last = said.out.splitlines()
    assert sorted(lines) == [f"written      new/{name}" for name in WRITTEN]
    assert last.startswith("next: pytest; ")


def test_a_dry_run_writes_nothing(meshsim: Command, folder: Path) -> None:
    said = meshsim("init-ci", "new", "--dry-run")

    assert (said.code, said.err) == (0, "")
    assert sorted(said.out.splitlines()) == [f"would write  new/{name}" for name in WRITTEN]
    assert not (folder / "new").exists()


def test_nothing_that_is_there_is_touched(meshsim: Command, folder: Path) -> None:
    """A second call, and one in a project that has a file of each name, a link that leads nowhere among them."""
    new = folder / "new"
    for name in WRITTEN:
        path = new / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine") if name != "my_actors.py" else path.symlink_to("nowhere")
    before = files_below(new)

    said = meshsim("init-ci", "new")

    assert (said.code, said.err) == (0, "")
    assert files_below(new) == before
    left = [line for line in said.out.splitlines() if line.startswith("left alone   ")]
    assert len(left) == len(WRITTEN)
    assert "left alone   new/my_actors.py, which is there already" in left


INI = ("meshsim_scenarios = scenarios", "pythonpath = .")
TOML = ('meshsim_scenarios = ["scenarios"]', 'pythonpath = ["."]')


@pytest.mark.parametrize(
    ("name", "text", "advice"),
    [
        ("pyproject.toml", "[project]\nname = 'x'\n\n[tool.pytest.ini_options]\ntestpaths = ['tests']\n", TOML),
        ("pyproject.toml", "[tool.pytest]\ntestpaths = ['tests']\n", TOML),
        ("pyproject.toml", "[project]\nname = 'x'\n", None),
        ("pytest.toml", "", TOML),
        ("pytest.ini", "", INI),
        (".pytest.ini", "[pytest]\n", INI),
        ("tox.ini", "[tox]\n[pytest]\n", INI),
        ("tox.ini", "[tox]\n", None),
        ("setup.cfg", "[tool:pytest]\naddopts = -q\n", INI),
        ("setup.cfg", "[metadata]\n", None),
    ],
)
def test_a_pytest_configuration_is_not_replaced(
    meshsim: Command, folder: Path, name: str, text: str, advice: tuple[str, str] | None
) -> None:
    """Where pytest is configured already the lines to add are shown; a file that is no configuration does not count."""
    (folder / name).write_text(text)

    said = meshsim("init-ci")

    assert (said.code, said.err) == (0, "")
    assert (folder / name).read_text() == text
    assert (folder / "pytest.ini").exists() == (advice is None or name == "pytest.ini")
    lines = said.out.splitlines()
    if advice is not None:
        assert f"left alone   {name}, which pytest is configured in" in lines
        start = lines.index(f"add to {name}, where pytest is configured:")
        assert lines[start + 1 : start + 3] == [f"    {line}" for line in advice]
        assert not name.endswith(".toml") or tomllib.loads("\n".join(advice))
    else:
        assert "written      pytest.ini" in lines


@pytest.mark.parametrize(("text", "told"), [("build/\n", True), ("build/\nout/\n", False)])
def test_a_gitignore_is_told_of_but_not_changed(meshsim: Command, folder: Path, text: str, told: bool) -> None:
    (folder / ".gitignore").write_text(text)

    lines = meshsim("init-ci").out.splitlines()

    assert (folder / ".gitignore").read_text() == text
    assert ("add to .gitignore:" in lines) == told


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: (folder / "new").write_text(""), "meshsim: new: expected a folder\n"),
        (
            lambda folder: ((folder / "new").mkdir(), (folder / "new" / "scenarios").write_text("")),
            "meshsim: new/scenarios/fast/worker-dies.toml: cannot be written: Not a directory\n",
        ),
        (
            lambda folder: ((folder / "new").mkdir(), (folder / "new" / "pyproject.toml").write_bytes(b"\xff")),
            "meshsim: new/pyproject.toml: cannot be read: not UTF-8\n",
        ),
    ],
    ids=["file", "file-in-the-way", "bytes"],
)
def test_what_cannot_be_is_refused_in_one_line(
    meshsim: Command, folder: Path, make: Callable[[Path], object], message: str
) -> None:
    make(folder)

    said = meshsim("init-ci", "new")

    assert (said.code, said.err) == (2, message)
