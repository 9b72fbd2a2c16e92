"""`meshsim init-ci`: a suite that works, for a project that has none."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from meshsim.cli import PASSED
from meshsim.cli.console import out
from meshsim.cli.errors import UsageError

#: Where each template goes.
PLACES = {
    "worker-dies.toml": "scenarios/fast/worker-dies.toml",
    "my_actors.py": "my_actors.py",
    "test_meshes.py": "tests/test_meshes.py",
    "pytest.ini": "pytest.ini",
    "meshsim.yml": ".github/workflows/meshsim.yml",
    "gitignore": ".gitignore",
}

#: Where pytest looks for its configuration, in this order, and the tables that make a file one.
_CONFIGS = {
    "pytest.toml": (),  # Even when it is empty.
    ".pytest.toml": (),
    "pytest.ini": (),
    ".pytest.ini": (),
    "pyproject.toml": ("tool.pytest", "tool.pytest.ini_options"),
    "tox.ini": ("pytest",),
    "setup.cfg": ("tool:pytest",),
}

#: What the suite needs of a configuration that is there already.
_INI_LINES = ("meshsim_scenarios = scenarios", "pythonpath = .")
_TOML_LINES = ('meshsim_scenarios = ["scenarios"]', 'pythonpath = ["."]')


def init_ci(directory: Path = Path(), *, dry_run: bool = False) -> int:
    """Write a suite of scenarios for pytest and CI into a project.

    It works as it is: plain `pytest` runs one commented scenario, in simulation and on real processes, with an actor
    class of the project's own, and tests that build scenarios in Python. A file that is there already is named and
    left as it is.

    Parameters
    ----------
    directory
        The project's root; it is made if need be.
    dry_run
        Say what would be written, and write nothing.
    """
    if directory.exists() and not directory.is_dir():
        raise UsageError(f"{directory}: expected a folder")
    advice: list[str] = []
    configured = _pytest_config(directory)
    for template, place in PLACES.items():
        path = directory / place
        if template == "pytest.ini" and configured is not None:
            out(f"left alone   {configured}, which pytest is configured in")
            advice += _config_advice(configured)
        elif path.exists() or path.is_symlink():
            out(f"left alone   {path}, which is there already")
            advice += _gitignore_advice(path) if template == "gitignore" else []
        elif dry_run:
            out(f"would write  {path}")
        else:
            _write(path, _template(template))
            out(f"written      {path}")
    for line in advice:
        out(line)
    if not dry_run:
        out("next: pytest; then meshsim show scenarios/fast/worker-dies.toml, and a scenario of your own beside it")
    return PASSED


def _template(name: str) -> str:
    return (files("meshsim.cli") / "templates" / "ci" / name).read_text(encoding="utf-8")


def _write(path: Path, text: str) -> None:
    """Write a new file, never in place of one.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None


def _pytest_config(directory: Path) -> Path | None:
    """The file that pytest takes its configuration from; none when there is none yet."""
    for name, tables in _CONFIGS.items():
        path = directory / name
        if path.is_file() and (not tables or any(map(_headers(path).__contains__, tables))):
            return path
    return None


def _headers(path: Path) -> set[str]:
    """The tables of a TOML file or the sections of an ini file, `a.b` also for a table within a table."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UsageError(f"{path}: cannot be read: {reason}") from None
    return {line.split("]")[0].strip("[ ").replace(" ", "") for line in lines if line.lstrip().startswith("[")}


def _config_advice(path: Path) -> list[str]:
    lines = _TOML_LINES if path.suffix == ".toml" else _INI_LINES
    return [f"add to {path}, where pytest is configured:", *(f"    {line}" for line in lines)]


def _gitignore_advice(path: Path) -> list[str]:
    if path.is_file() and "out/" in path.read_text(encoding="utf-8", errors="replace").split():
        return []
    return [f"add to {path}:", "    out/"]
